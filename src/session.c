/*
 * The session. A row of the table says all that the loop must know of a
 * command, so that the handlers hold no ceremony.
 */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "authorization.h"
#include "command.h"
#include "index.h"
#include "log.h"
#include "sandbox.h"
#include "transaction.h"
#include "update.h"
#include "wire.h"

enum {
	NUMBER = 1,	/* its first word, if any, is a message-number */
	REST = 2,	/* all after the first blank is its one argument */
};

typedef enum session_next handler(struct session *session, const struct command *command);

static handler capa;

static const struct row {
	const char *keyword;
	unsigned states;
	size_t least, most;	/* words */
	unsigned flags;
	handler *handle;
} table[] = {
	{ "USER", SESSION_AUTHORIZATION, 1, 1, 0, authorization_user },
	{ "PASS", SESSION_AUTHORIZATION, 1, 1, REST, authorization_pass },
	{ "APOP", SESSION_AUTHORIZATION, 2, 2, 0, authorization_apop },
	{ "AUTH", SESSION_AUTHORIZATION, 0, 2, 0, authorization_auth },
	{ "STLS", SESSION_AUTHORIZATION, 0, 0, 0, authorization_stls },
	{ "QUIT", SESSION_AUTHORIZATION, 0, 0, 0, authorization_quit },
	{ "CAPA", SESSION_AUTHORIZATION | SESSION_TRANSACTION, 0, 0, 0, capa },
	{ "STAT", SESSION_TRANSACTION, 0, 0, 0, transaction_stat },
	{ "LIST", SESSION_TRANSACTION, 0, 1, NUMBER, transaction_list },
	{ "RETR", SESSION_TRANSACTION, 1, 1, NUMBER, transaction_retr },
	{ "DELE", SESSION_TRANSACTION, 1, 1, NUMBER, transaction_dele },
	{ "NOOP", SESSION_TRANSACTION, 0, 0, 0, transaction_noop },
	{ "RSET", SESSION_TRANSACTION, 0, 0, 0, transaction_rset },
	{ "TOP", SESSION_TRANSACTION, 2, 2, NUMBER, transaction_top },
	{ "UIDL", SESSION_TRANSACTION, 0, 1, NUMBER, transaction_uidl },
	{ "QUIT", SESSION_TRANSACTION, 0, 0, 0, transaction_quit },
};

/* The one that session_end tells of. */
static struct session *current;

/* RFC 2449 section 5. What may be listed in both states is. */
static enum session_next
capa(struct session *session, const struct command *command)
{
	static const char *const always[] = {
		"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING",
		"IMPLEMENTATION stdpop3d",
	};

	(void)command;
	wire_ok("capabilities");
	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
		wire_text(always[i], strlen(always[i]));
		wire_crlf();
	}
	if (session->plaintext) {
		wire_text("USER", 4);
		wire_crlf();
		wire_text("SASL", 4);
		for (size_t i = 0; authorization_mechanisms[i] != NULL; i++) {
			wire_text(" ", 1);
			wire_text(authorization_mechanisms[i], strlen(authorization_mechanisms[i]));
		}
		wire_crlf();
	}
	/* RFC 2595 section 4: in AUTHORIZATION only. */
	if (session->state == SESSION_AUTHORIZATION && tls_offered(&session->tls)) {
		wire_text("STLS", 4);
		wire_crlf();
	}
	wire_dot();
	return SESSION_STAY;
}

static const struct row *
find_row(const char *keyword, enum session_state state)
{
	const struct row *elsewhere = NULL;

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (!command_equal(keyword, table[i].keyword))
			continue;
		if ((table[i].states & state) != 0)
			return &table[i];
		elsewhere = &table[i];
	}
	return elsewhere;
}

static bool
takes_rest(const char *keyword)
{
	const struct row *row = find_row(keyword, SESSION_AUTHORIZATION);

	return row != NULL && (row->flags & REST) != 0;
}

/* The login and logout records; nothing of a session is told anywhere else. */
static void
record_login(const struct session *session)
{
	log_record(LOG_INFO, "login", "method=%s, messages=%zu, octets=%ju", session->method,
	    session->maildrop.count, (uintmax_t)session->maildrop.octets);
}

static void
record_end(struct session *session, const char *why, bool removed)
{
	const struct maildrop *maildrop = &session->maildrop;
	uint64_t gone = removed ? maildrop->deleted : 0;
	uint64_t gone_octets = removed ? maildrop->deleted_octets : 0;

	if (maildrop->changed)
		cache_drop(&session->cache);
	if (session->state == SESSION_AUTHORIZATION)
		log_record(LOG_INFO, "no login", "end=%s", why);
	else if (session->state == SESSION_TRANSACTION)
		log_record(LOG_INFO, "logout",
		    "end=%s, retrieved=%ju/%ju, deleted=%ju/%ju, left=%ju/%ju", why,
		    (uintmax_t)session->retrieved, (uintmax_t)session->retrieved_octets,
		    (uintmax_t)gone, (uintmax_t)gone_octets,
		    (uintmax_t)(maildrop->count - gone),
		    (uintmax_t)(maildrop->octets - gone_octets));
	session->state = SESSION_OVER;
}

void
session_end(const char *why)
{
	if (current == NULL)
		log_record(LOG_INFO, "no login", "end=%s", why);
	else
		record_end(current, why, false);
	exit(EXIT_SUCCESS);
}

/* After a good password, and no way back to AUTHORIZATION. */
static enum session_next
refuse(struct session *session, const char *code, const char *text)
{
	session->why = "refused";
	wire_err(code, "%s", text);
	return SESSION_LEAVE;
}

/* Why a maildrop is refused, for the client. */
struct refusal {
	const char *code, *text;
};

static struct refusal
refusal_of(enum maildrop_result result)
{
	if (result == MAILDROP_GOOD)
		return (struct refusal){ NULL, NULL };
	if (result == MAILDROP_BUSY)
		return (struct refusal){ "IN-USE", "another program has the mailbox locked" };
	if (result == MAILDROP_REFUSED)
		return (struct refusal){ "SYS/PERM", "the mailbox is not one that can be served" };
	return (struct refusal){ "SYS/TEMP", "the mailbox cannot be opened" };
}

/*
 * Confined, recovers and indexes the mailbox, whose locks are held: nothing is written
 * to the client here, since it may take minutes to read that, or never do.
 */
static struct refusal
prepare_maildrop(struct session *session)
{
	struct maildrop *maildrop = &session->maildrop;
	enum maildrop_result result;

	/* SECURITY: before an octet of mail, a journal or an index is read. */
	if (sandbox_seal(session->doors.names) == -1)
		return (struct refusal){ "SYS/TEMP", "the session cannot be confined" };
	if (update_recover(maildrop, &session->journal) == UPDATE_PENDING)
		return (struct refusal){ "SYS/TEMP",
		    "an interrupted UPDATE cannot be finished yet" };
	result = index_adopt(maildrop);
	if (result == MAILDROP_GOOD) {
		cache_recall(&session->cache, maildrop);
		result = index_make(maildrop);
	}
	return refusal_of(result == MAILDROP_GOOD ? maildrop_settle(maildrop) : result);
}

static enum session_next
enter_transaction(struct session *session)
{
	const struct options *options = session->options;
	const struct account *account = &session->account;
	struct refusal refusal;

	log_user(account->name);
	if (journal_open(&session->journal, session->doors.state, account->name) == -1) {
		if (errno == EWOULDBLOCK) {
			log_record(LOG_NOTICE, "maildrop in use", "by another session");
			log_user(NULL);
			return authorization_fail(session, "IN-USE",
			    "another session has this maildrop");
		}
		log_failure("maildrop", "cannot open the state file");
		return refuse(session, "SYS/TEMP", "the state file cannot be opened");
	}
	if (!options->no_cache)
		cache_open(&session->cache, session->doors.state, session->doors.spool, account->name);
	roster_wipe(&session->roster);
	if (session->vault != NULL)
		handover_end(session->vault);
	session->vault = NULL;
	if (sandbox_become(account->uid, account->gid, session->doors.names) == -1)
		return refuse(session, "SYS/PERM", "this account cannot be served");
	refusal = refusal_of(maildrop_open(&session->maildrop, session->doors.spool,
	    account->name, account->uid, options));
	if (options->popa3d_ids)
		session->maildrop.kind = UNIQUEID_POPA3D;
	session->maildrop.adoption = account->adoption;
	if (refusal.text == NULL)
		refusal = prepare_maildrop(session);
	maildrop_unlock(&session->maildrop);
	if (refusal.text != NULL)
		return refuse(session, refusal.code, refusal.text);
	session->state = SESSION_TRANSACTION;
	record_login(session);
	wire_limit(options->idle_seconds, 0);
	wire_ok("%zu messages (%ju octets)", session->maildrop.count,
	    (uintmax_t)session->maildrop.octets);
	return SESSION_STAY;
}

/* RFC 1939 section 6: the lock is gone before the reply, whatever it says. */
static enum session_next
enter_update(struct session *session)
{
	enum update_result result;

	wire_settle();
	if (session->options->audit)
		audit_deletions(&session->maildrop);
	if (session->maildrop.deleted > 0)
		cache_drop(&session->cache);
	result = update_commit(&session->maildrop, &session->journal);
	journal_close(&session->journal);
	record_end(session, result == UPDATE_DONE ? "quit" : "failed", result == UPDATE_DONE);
	session->updated = result == UPDATE_DONE;
	if (session->updated)
		wire_ok("bye");
	else if (result == UPDATE_REFUSED)
		wire_err("SYS/TEMP", "the deleted messages are not removed");
	else
		wire_err("SYS/TEMP", "the deleted messages are not all removed yet");
	return SESSION_LEAVE;
}

/* True if the first word, where there is one, is a message that is there. */
static bool
resolve_message(struct session *session, const struct command *command)
{
	session->message = NULL;
	if (command->words == 0)
		return true;
	if (!command_number(command->word[0], UINT32_MAX, &session->number)) {
		wire_err(NULL, "no message-number");
		return false;
	}
	session->message = maildrop_message(&session->maildrop, session->number);
	if (session->message == NULL)
		wire_err(NULL, "no such message");
	return session->message != NULL;
}

/*
 * A web page can make a browser send a request here whose body holds commands: the
 * session must not go on to them.
 */
static bool
is_http(const char *keyword)
{
	static const char *const methods[] = {
		"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
	};

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (command_equal(keyword, methods[i]))
			return true;
	return false;
}

static enum session_next
dispatch(struct session *session, const struct command *command)
{
	const struct row *row = find_row(command->keyword, session->state);
	enum session_next next;

	if (row == NULL && session->state == SESSION_AUTHORIZATION && is_http(command->keyword)) {
		session->why = "http";
		wire_err(NULL, "this is POP3, not HTTP");
		return SESSION_LEAVE;
	}
	if (row == NULL) {
		wire_err(NULL, "unknown command");
		return SESSION_STAY;
	}
	if ((row->states & session->state) == 0) {
		wire_err(NULL, session->state == SESSION_AUTHORIZATION ? "log in first" :
		    "already logged in");
		return SESSION_STAY;
	}
	if (command->words < row->least || command->words > row->most) {
		wire_err(NULL, "wrong number of arguments");
		return SESSION_STAY;
	}
	if ((row->flags & NUMBER) != 0 && !resolve_message(session, command))
		return SESSION_STAY;
	next = row->handle(session, command);
	if (next != SESSION_ADVANCE)
		return next;
	return session->state == SESSION_AUTHORIZATION ? enter_transaction(session) :
	    enter_update(session);
}

static enum session_next
serve_line(struct session *session)
{
	struct command command;
	char *line;
	size_t length;

	if (!wire_read_line(&line, &length)) {
		wire_err(NULL, "line too long");
		return SESSION_STAY;
	}
	if (!command_split(&command, line, length, takes_rest)) {
		wire_err(NULL, "malformed command");
		return SESSION_STAY;
	}
	bool secret = session->state == SESSION_AUTHORIZATION;
	enum session_next next = dispatch(session, &command);
	if (secret)
		wire_forget();
	return next;
}

void
session_greet(struct session *session)
{
	if (session->timestamp[0] == '\0')
		wire_ok("POP3 ready");
	else
		wire_ok("POP3 ready %s", session->timestamp);
	wire_flush();
}

/* The login program let nobody in: the reader goes on, and the try counts. */
static void
read_again(struct session *session)
{
	session->vault->failures = session->failures;
	roster_leave(&session->roster);
	handover_leave(session->vault);
	session->vault = NULL;
	session->reads = true;
	if (sandbox_read_again(session->ids) == -1)
		session_end("failed");
}

static void
begin(struct session *session)
{
	current = session;
	session->cache.fd = -1;
	session->why = "quit";
	session->state = SESSION_AUTHORIZATION;
}

static void
serve(struct session *session, enum session_next next)
{
	while (next == SESSION_STAY) {
		if (session->vault != NULL)
			read_again(session);
		uint64_t before = wire_statuses();
		next = serve_line(session);
		if (wire_statuses() != before + 1)
			log_bug("not one status line for a command");
	}
	record_end(session, session->why, false);
	wire_close();
	if (session->updated && session->maildrop.deleted == 0)
		cache_keep(&session->cache, &session->maildrop);
}

void
session_run(struct session *session)
{
	begin(session);
	serve(session, SESSION_STAY);
}

void
session_resume(struct session *session, struct attempt *attempt)
{
	begin(session);
	if (wire_clock() > wire_last_moment())
		session_end("timeout");
	/* SECURITY: a signal that the reader left pending ends the process now, before the
	   verdict, and not in the pause after it, where it would save a guesser the wait. */
	wire_pause(0);
	enum session_next next = authorization_judge(session, &attempt->proof);
	explicit_bzero(attempt, sizeof *attempt);
	serve(session, next == SESSION_ADVANCE ? enter_transaction(session) : next);
}
