/*
 * session: one POP3 session from greeting to end (RFC 1939 section 3), its
 * state and the table of commands. The handlers are in authorization and
 * transaction.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache.h"
#include "credentials.h"
#include "doors.h"
#include "handover.h"
#include "journal.h"
#include "maildrop.h"
#include "options.h"
#include "roster.h"
#include "sandbox.h"
#include "tls.h"

enum session_state {
	SESSION_AUTHORIZATION = 1,
	SESSION_TRANSACTION = 2,
	SESSION_OVER = 4,		/* its end is recorded; the index may be kept yet */
};

/* What a handler tells the loop. */
enum session_next {
	SESSION_STAY,		/* it has replied */
	SESSION_LEAVE,		/* it has replied, and the session ends */
	SESSION_ADVANCE,	/* it has not: the loop enters the next state */
};

struct session {
	const struct options *options;
	enum session_state state;
	const char *why;	/* it ends, if not by QUIT: a word for the record */
	bool plaintext;		/* USER, PASS and AUTH are offered */
	bool told_plaintext;	/* that they are not was logged */
	struct doors doors;
	struct tls tls;
	bool tls_on;		/* by STLS */
	const char *address;	/* the peer's */
	struct roster roster;	/* empty once somebody is logged in, and for the reader */
	struct orders *vault;	/* the login program's, while it judges; else NULL */
	const struct sandbox_ids *ids;
	bool reads;		/* as the reader, who executes the login program */

	/* AUTHORIZATION */
	char name[CREDENTIALS_SENT + 1];	/* from USER; empty: none yet */
	char timestamp[HANDOVER_TIMESTAMP];	/* of the greeting; empty: no APOP */
	const char *method;	/* by which the user came in */
	unsigned failures;
	int64_t try_start;	/* on wire_clock, of the login that is being tried */
	struct account account;

	/* TRANSACTION */
	struct journal journal;
	struct maildrop maildrop;
	struct cache cache;
	uint64_t number;	/* the command's message-number, */
	struct message *message;	/* and its message; NULL: no argument */
	bool updated;		/* it went through UPDATE */
	uint64_t retrieved;	/* messages, for the record */
	uint64_t retrieved_octets;
};

/* Says the greeting, for which authorization_stamp was called. */
void session_greet(struct session *session);

/* Serves one session on the wire, which is open. Returns at its orderly end. */
void session_run(struct session *session);

/* The same for the login program, from a try to log in on, which it judges. */
void session_resume(struct session *session, struct attempt *attempt);

/*
 * For the wire: writes the record of a session that ends for the reason
 * "why", and ends the process. The maildrop is as it was.
 */
_Noreturn void session_end(const char *why);

#endif
