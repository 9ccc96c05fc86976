/*
 * AUTHORIZATION. SECURITY: all of this sees what a stranger sent. The reply to a wrong
 * name, a wrong password and an account that is not served is one text, or strangers
 * could find out which accounts exist. Only the log gives a reason (see credentials.h).
 */
#include "authorization.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

enum { TRIES = 3, STEP = 1000 /* milliseconds: the first pause */ };

const char *const authorization_mechanisms[] = { "PLAIN", "LOGIN", NULL };

void
authorization_stamp(struct orders *orders)
{
	char host[64] = "localhost";
	unsigned char salt[8] = { 0 };
	struct timespec now = { 0 };

	if (orders->options.secrets == NULL)
		return;
	if (orders->options.hostname != NULL)
		snprintf(host, sizeof host, "%s", orders->options.hostname);
	else
		gethostname(host, sizeof host - 1);
	/*
	 * A clock may be set back, getrandom(2) may fail, and process-IDs are used again;
	 * so the timestamp has all three.
	 */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)!getrandom(salt, sizeof salt, 0);
	snprintf(orders->timestamp, sizeof orders->timestamp,
	    "<%ld.%jd.%02x%02x%02x%02x%02x%02x%02x%02x@%s>", (long)getpid(),
	    (intmax_t)now.tv_sec * 1000000000 + now.tv_nsec, salt[0], salt[1], salt[2],
	    salt[3], salt[4], salt[5], salt[6], salt[7], host);
}

static bool
plaintext_refused(struct session *session)
{
	if (session->plaintext)
		return false;
	if (!session->told_plaintext)
		log_record(LOG_NOTICE, "plaintext refused", "there is no TLS, and the client is"
		    " not known to be on this host%s",
		    session->orders->options.plaintext.count == 0 ? "" : " or in a network of -P");
	session->told_plaintext = true;
	wire_err(NULL, "no passwords in the clear: turn on TLS (SSL) in your mail program");
	return true;
}

int64_t
authorization_answer_at(int64_t start, int64_t now, unsigned failures)
{
	int64_t at = start + ((int64_t)STEP << failures);

	return now <= at ? at : now + (STEP - (now - at) % STEP) % STEP;
}

enum session_next
authorization_fail(struct session *session, const char *code, const char *text)
{
	wire_pause(authorization_answer_at(session->try_start, wire_clock(), session->orders->failures++));
	wire_err(code, "%s", text);
	if (session->orders->failures < TRIES)
		return SESSION_STAY;
	session->why = "tries";
	return SESSION_LEAVE;
}

/* Logs and answers a verdict. A good login is answered when the maildrop is open. */
static enum session_next
conclude(struct session *session, enum credentials_verdict verdict, const char *method)
{
	const struct account *account = &session->account;

	session->method = method;
	/* SECURITY: people type their password where the name belongs, so wipe the name. */
	explicit_bzero(session->name, sizeof session->name);
	if (verdict == CREDENTIALS_GOOD)
		return SESSION_ADVANCE;
	if (verdict == CREDENTIALS_UNAVAILABLE) {
		wire_err("SYS/TEMP", "the accounts cannot be read");
		return SESSION_LEAVE;
	}
	log_user(account->name[0] == '\0' ? "?" : account->name);
	log_record(LOG_NOTICE, "login failed", "method=%s%s%s", method,
	    account->remark[0] == '\0' ? "" : ", ", account->remark);
	log_user(NULL);
	return authorization_fail(session, "AUTH", "the name or the password is wrong");
}

enum session_next
authorization_judge(struct session *session, const struct proof *proof)
{
	static const char *const methods[] = { "PASS", "PLAIN", "LOGIN", "APOP" };
	enum credentials_verdict verdict;

	session->try_start = wire_clock();
	if (proof->method == HANDOVER_APOP)
		verdict = credentials_digest(&session->orders->roster, proof->name, session->orders->timestamp,
		    proof->secret, &session->account);
	else
		verdict = credentials_password(&session->orders->roster, proof->name, proof->secret,
		    proof->length, &session->account);
	return conclude(session, verdict, methods[proof->method]);
}

/*
 * For the reader: gives the login program what it must know of this session. Returns
 * only if the login program cannot be executed.
 */
static void
hand_over(struct session *session, struct attempt *attempt)
{
	wire_flush();
	attempt->unread_length = (uint32_t)wire_unread(attempt->unread);
	attempt->tls_on = session->tls_on;
	attempt->plaintext = session->plaintext;
	attempt->told_plaintext = session->told_plaintext;
	snprintf(attempt->address, sizeof attempt->address, "%s", session->orders->peer.address);
	handover_execute(attempt);
}

static enum session_next
try(struct session *session, enum handover_method method, const char *name,
	const char *secret, size_t length)
{
	static struct attempt attempt;
	struct proof *proof = &attempt.proof;
	enum session_next next = SESSION_LEAVE;

	proof->method = (uint8_t)method;
	snprintf(proof->name, sizeof proof->name, "%s",
	    strlen(name) < sizeof proof->name ? name : "/");
	proof->length = (uint32_t)length;
	memcpy(proof->secret, secret, length);
	proof->secret[length] = '\0';
	if (session->orders->role == HANDOVER_READER) {
		hand_over(session, &attempt);
		wire_err("SYS/TEMP", "logins are out of order: the log says why");
	} else
		next = authorization_judge(session, proof);
	explicit_bzero(&attempt, sizeof attempt);
	return next;
}

enum session_next
authorization_user(struct session *session, const struct command *command)
{
	if (plaintext_refused(session))
		return SESSION_STAY;
	/* No account has a name this long. PASS fails then, as for any other wrong name. */
	snprintf(session->name, sizeof session->name, "%s",
	    strlen(command->word[0]) < sizeof session->name ? command->word[0] : "/");
	wire_ok("and the password?");
	return SESSION_STAY;
}

enum session_next
authorization_pass(struct session *session, const struct command *command)
{
	if (plaintext_refused(session))
		return SESSION_STAY;
	if (session->name[0] == '\0') {
		wire_err(NULL, "USER first");
		return SESSION_STAY;
	}
	return try(session, HANDOVER_PASS, session->name, command->rest, command->rest_length);
}

enum session_next
authorization_apop(struct session *session, const struct command *command)
{
	if (session->orders->timestamp[0] == '\0') {
		wire_err(NULL, "no APOP here");
		return SESSION_STAY;
	}
	return try(session, HANDOVER_APOP, command->word[0], command->word[1],
	    strlen(command->word[1]));
}

/*
 * Takes base64 from the client: the argument of AUTH, or the line after a challenge
 * (RFC 5034 section 4). Decodes it in place. Returns the length of the result in octets,
 * or -1 after the reply.
 */
static ptrdiff_t
get_response(char *initial, const char *challenge, char **response)
{
	size_t length;

	if (initial != NULL) {
		*response = initial;
		length = strcmp(initial, "=") == 0 ? 0 : strlen(initial);
	} else {
		wire_challenge(challenge);
		if (!wire_read_line(response, &length)) {
			wire_err(NULL, "response too long");
			return -1;
		}
		/* Blanks at the end of a line are forgiven, as those of a command are. */
		while (length > 0 && (*response)[length - 1] == ' ')
			(*response)[--length] = '\0';
		if (strcmp(*response, "*") == 0) {
			wire_err(NULL, "AUTH cancelled");
			return -1;
		}
	}
	ptrdiff_t decoded = command_base64(*response, length);
	if (decoded == -1)
		wire_err(NULL, "no base64");
	return decoded;
}

/*
 * RFC 4616 section 2: [authzid] NUL authcid NUL passwd. Nobody may log in as another
 * user, so an authzid must be equal to the authcid.
 */
static enum session_next
auth_plain(struct session *session, char *initial)
{
	char *message;
	ptrdiff_t length = get_response(initial, "", &message);

	if (length == -1)
		return SESSION_STAY;
	const char *end = message + length;
	const char *name = memchr(message, '\0', (size_t)length);
	const char *password = name == NULL ? NULL :
	    memchr(name + 1, '\0', (size_t)(end - name - 1));
	if (password == NULL || (message[0] != '\0' && strcmp(message, name + 1) != 0)) {
		wire_err(NULL, "no PLAIN message for oneself");
		return SESSION_STAY;
	}
	return try(session, HANDOVER_PLAIN, name + 1, password + 1, (size_t)(end - password - 1));
}

/* draft-murchison-sasl-login: the name, then the password. */
static enum session_next
auth_login(struct session *session, char *initial)
{
	char name[CREDENTIALS_SENT + 2];
	char *response;
	ptrdiff_t length = get_response(initial, "VXNlcm5hbWU6", &response);

	if (length == -1)
		return SESSION_STAY;
	/* A NUL would cut the name to another one. A name cut here is too long to be found. */
	snprintf(name, sizeof name, "%s", strlen(response) == (size_t)length ? response : "/");
	length = get_response(NULL, "UGFzc3dvcmQ6", &response);
	if (length == -1)
		return SESSION_STAY;
	return try(session, HANDOVER_LOGIN, name, response, (size_t)length);
}

enum session_next
authorization_auth(struct session *session, const struct command *command)
{
	if (plaintext_refused(session))
		return SESSION_STAY;
	if (command->words == 0) {
		wire_ok("mechanisms");
		for (size_t i = 0; authorization_mechanisms[i] != NULL; i++) {
			wire_text(authorization_mechanisms[i], strlen(authorization_mechanisms[i]));
			wire_crlf();
		}
		wire_dot();
		return SESSION_STAY;
	}
	if (command_equal(command->word[0], "PLAIN"))
		return auth_plain(session, command->word[1]);
	if (command_equal(command->word[0], "LOGIN"))
		return auth_login(session, command->word[1]);
	wire_err(NULL, "no such mechanism");
	return SESSION_STAY;
}

enum session_next
authorization_stls(struct session *session, const struct command *command)
{
	(void)command;
	if (!tls_offered(&session->orders->tls)) {
		wire_err(NULL, "no STLS here");
		return SESSION_STAY;
	}
	tls_start(&session->orders->tls);
	/* RFC 2595 section 4: forget what came in the clear, as anybody may have sent it. */
	explicit_bzero(session->name, sizeof session->name);
	session->plaintext = session->tls_on = true;
	return SESSION_STAY;
}

enum session_next
authorization_quit(struct session *session, const struct command *command)
{
	(void)session;
	(void)command;
	wire_ok("bye");
	return SESSION_LEAVE;
}
