/*
 * session: one POP3 session from greeting to end (RFC 1939 section 3), and the table of
 * commands. The handlers are in authorization and transaction.
 */
#ifndef SESSION_H
#define SESSION_H

#include "handover.h"

/* Sends the greeting (RFC 1939 section 4). Call authorization_stamp before. */
void session_greet(const struct orders *orders);

/*
 * Serves a client on the wire, which must be open. Returns after an orderly end of the
 * session, which is logged then. Any other end goes through session_end.
 */
void session_run(struct orders *orders);

/*
 * Serves a client as session_run does, but in the login program: first judges the
 * attempt to log in, and wipes it.
 */
void session_resume(struct orders *orders, struct attempt *attempt);

/*
 * For the wire: logs that the session ends for the reason "why", and ends the process.
 * Nothing is removed from the maildrop.
 */
_Noreturn void session_end(const char *why);

#endif
