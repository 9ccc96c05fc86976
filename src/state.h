/*
 * state: what a session knows, and what the handler of a command returns to the loop.
 * The loop is in session, the handlers are in authorization and transaction.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "credentials.h"
#include "handover.h"
#include "journal.h"
#include "maildrop.h"

enum session_state {
	SESSION_AUTHORIZATION = 1,
	SESSION_TRANSACTION = 2,
	SESSION_OVER = 4,	/* its end is logged; the saved index may still be written */
};

/* What the loop does after a handler. */
enum session_next {
	SESSION_STAY,		/* the handler has replied: read the next command */
	SESSION_LEAVE,		/* the handler has replied: end the session */
	SESSION_ADVANCE,	/* the handler has not replied: enter the next state */
};

struct session {
	struct orders *orders;
	enum session_state state;
	const char *why;	/* for the log: one word, why the session ends */
	bool plaintext;		/* USER, PASS and AUTH are offered */
	bool told_plaintext;	/* it was logged that they are not */
	bool tls_on;		/* STLS has turned TLS on */

	/* AUTHORIZATION */
	char name[CREDENTIALS_SENT + 1];	/* from USER; empty: none yet */
	const char *method;	/* of the last try to log in, for the log */
	int64_t try_start;	/* on wire_clock, of the login that is being judged */
	struct account account;

	/* TRANSACTION */
	struct journal journal;
	struct maildrop maildrop;
	struct cache cache;
	uint64_t number;	/* the command's message-number, */
	struct message *message;	/* and its message; NULL: no argument */
	bool updated;		/* it went through UPDATE */
	uint64_t retrieved;	/* messages, for the log */
	uint64_t retrieved_octets;
};

#endif
