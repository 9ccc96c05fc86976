/*
 * The session. A row of the table says all that the loop must know of a command, so that
 * no handler has to check states, count arguments or look for a message.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "audit.h"
#include "authorization.h"
#include "command.h"
#include "log.h"
#include "network.h"
#include "state.h"
#include "tls.h"
#include "transaction.h"
#include "update.h"
#include "wire.h"

enum {
	NUMBER = 1,	/* the first word, if there is one, is a message-number */
	REST = 2,	/* all octets after the first blank are one argument */
};

static enum session_next capa(struct session *session, const struct command *command);

static const struct row {
	const char *keyword;
	unsigned states;
	size_t least, most;	/* words */
	unsigned flags;
	enum session_next (*handle)(struct session *session, const struct command *command);
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

/* Its state is 0 until session_run or session_resume: the wire may fail before. */
static struct session current;

/* CAPA (RFC 2449 section 5). Both states list all capabilities, except STLS. */
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
	if (session->state == SESSION_AUTHORIZATION && tls_offered(&session->orders->tls)) {
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

/* This log line and that of log_end stand for all commands of a session. */
static void
log_login(const struct session *session)
{
	log_record(LOG_INFO, "login", "method=%s, messages=%zu, octets=%ju", session->method,
	    session->maildrop.count, (uintmax_t)session->maildrop.octets);
}

static void
log_end(const struct session *session, const char *why, bool removed)
{
	const struct maildrop *maildrop = &session->maildrop;
	uint64_t gone = removed ? maildrop->deleted : 0;
	uint64_t gone_octets = removed ? maildrop->deleted_octets : 0;

	if (session->state != SESSION_TRANSACTION)
		log_record(LOG_INFO, "no login", "end=%s", why);
	else
		log_record(LOG_INFO, "logout",
		    "end=%s, retrieved=%ju/%ju, deleted=%ju/%ju, left=%ju/%ju", why,
		    (uintmax_t)session->retrieved, (uintmax_t)session->retrieved_octets,
		    (uintmax_t)gone, (uintmax_t)gone_octets,
		    (uintmax_t)(maildrop->count - gone),
		    (uintmax_t)(maildrop->octets - gone_octets));
}

/* The wire may fail after the end was logged, so this logs it only once. */
static void
end(struct session *session, const char *why, bool removed)
{
	if (session->state == SESSION_OVER)
		return;
	if (session->maildrop.changed)
		cache_drop(&session->cache);
	log_end(session, why, removed);
	session->state = SESSION_OVER;
}

void
session_end(const char *why)
{
	end(&current, why, false);
	exit(EXIT_SUCCESS);
}

/* The reply to a good login if the maildrop cannot be served. */
static const struct refusal {
	const char *code, *text;
} refusals[] = {
	[ADMISSION_IN_USE] = { "IN-USE", "another session has this maildrop" },
	[ADMISSION_NO_STATE] = { "SYS/TEMP", "the state file cannot be opened" },
	[ADMISSION_NO_ACCOUNT] = { "SYS/PERM", "this account cannot be served" },
	[ADMISSION_BUSY] = { "IN-USE", "another program has the mailbox locked" },
	[ADMISSION_REFUSED] = { "SYS/PERM", "the mailbox is not one that can be served" },
	[ADMISSION_FAILED] = { "SYS/TEMP", "the mailbox cannot be opened" },
	[ADMISSION_UNCONFINED] = { "SYS/TEMP", "the session cannot be confined" },
	[ADMISSION_PENDING] = { "SYS/TEMP", "an interrupted UPDATE cannot be finished yet" },
};

static enum session_next
enter_transaction(struct session *session)
{
	struct orders *orders = session->orders;

	log_user(session->account.name);
	enum admission_result result = admission_enter(orders, &session->account,
	    &session->journal, &session->cache, &session->maildrop);
	const struct refusal *refusal = &refusals[result];
	if (result == ADMISSION_IN_USE) {
		log_record(LOG_NOTICE, "maildrop in use", "by another session");
		log_user(NULL);
		return authorization_fail(session, refusal->code, refusal->text);
	}
	if (result != ADMISSION_GOOD) {
		session->why = "refused";
		wire_err(refusal->code, "%s", refusal->text);
		return SESSION_LEAVE;
	}
	session->state = SESSION_TRANSACTION;
	log_login(session);
	wire_limit(orders->options.idle_seconds, 0);
	wire_ok("%zu messages (%ju octets)", session->maildrop.count,
	    (uintmax_t)session->maildrop.octets);
	return SESSION_STAY;
}

/* RFC 1939 section 6: the maildrop's lock is released before the reply, "+OK" or "-ERR". */
static enum session_next
enter_update(struct session *session)
{
	enum update_result result;

	wire_settle();
	if (session->orders->options.audit)
		audit_deletions(&session->maildrop);
	if (session->maildrop.deleted > 0)
		cache_drop(&session->cache);
	result = update_commit(&session->maildrop, &session->journal);
	journal_close(&session->journal);
	session->updated = result == UPDATE_DONE;
	end(session, session->updated ? "quit" : "failed", session->updated);
	if (session->updated)
		wire_ok("bye");
	else if (result == UPDATE_REFUSED)
		wire_err("SYS/TEMP", "the deleted messages are not removed");
	else
		wire_err("SYS/TEMP", "the deleted messages are not all removed yet");
	return SESSION_LEAVE;
}

/*
 * Finds the message whose number is the first word, if there is a word. Returns true, or
 * false after replying that there is no such message.
 */
static bool
resolve_message(struct session *session, const struct command *command)
{
	session->message = NULL;
	if (command->words == 0)
		return true;
	if (!command_number(command->word[0], UINT32_MAX, &session->number)) {
		wire_err(NULL, "not a message-number");
		return false;
	}
	session->message = maildrop_message(&session->maildrop, session->number);
	if (session->message == NULL)
		wire_err(NULL, "no such message");
	return session->message != NULL;
}

/*
 * A web page can make a browser send a request here whose body holds commands, so an
 * HTTP request ends the session.
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
dispatch(struct session *session, struct command *command)
{
	const struct row *row = find_row(command->keyword, session->state);
	enum session_next next;

	if (row != NULL && (row->flags & REST) != 0)
		command->words = command->rest == NULL ? 0 : 1;
	else if (!command_cut(command)) {
		wire_err(NULL, "malformed command");
		return SESSION_STAY;
	}
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
	if (!command_begin(&command, line, length)) {
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
session_greet(const struct orders *orders)
{
	if (orders->timestamp[0] == '\0')
		wire_ok("POP3 ready");
	else
		wire_ok("POP3 ready %s", orders->timestamp);
	wire_flush();
}

static struct session *
begin(struct orders *orders)
{
	current = (struct session){
		.orders = orders, .state = SESSION_AUTHORIZATION, .why = "quit",
		.journal = { .fd = -1, .aside = -1 }, .maildrop = { .fd = -1 },
		.cache = { .fd = -1 },
	};
	return &current;
}

static void
serve(struct session *session, enum session_next next)
{
	while (next == SESSION_STAY) {
		if (session->orders->role == HANDOVER_JUDGE && admission_deny(session->orders) == -1)
			session_end("failed");
		uint64_t before = wire_statuses();
		next = serve_line(session);
		if (wire_statuses() != before + 1)
			log_bug("not one status line for a command");
	}
	end(session, session->why, false);
	wire_close();
	if (session->updated && session->maildrop.deleted == 0)
		cache_keep(&session->cache, &session->maildrop);
}

void
session_run(struct orders *orders)
{
	const struct options *options = &orders->options;
	const struct peer *peer = &orders->peer;
	struct session *session = begin(orders);

	session->plaintext = options->tls || !peer->foreign ||
	    network_holds(&options->plaintext, peer->named ? peer->address : NULL);
	serve(session, SESSION_STAY);
}

void
session_resume(struct orders *orders, struct attempt *attempt)
{
	struct session *session = begin(orders);

	session->tls_on = attempt->tls_on;
	session->plaintext = attempt->plaintext;
	session->told_plaintext = attempt->told_plaintext;
	if (wire_clock() > wire_last_moment())
		session_end("timeout");
	/* SECURITY: the reader may have left a signal pending. In the pause after a wrong
	   password the signal would end the process and save a guesser the wait, so we let
	   it end the process now, before the verdict. */
	wire_pause(0);
	enum session_next next = authorization_judge(session, &attempt->proof);
	explicit_bzero(attempt, sizeof *attempt);
	serve(session, next == SESSION_ADVANCE ? enter_transaction(session) : next);
}
