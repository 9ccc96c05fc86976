/*
 * session: one POP3 session from greeting to end (RFC 1939 section 3), and the table of
 * commands. The handlers are in authorization and transaction.
 */
#ifndef SESSION_H
#define SESSION_H

#include "handover.h"

/* Sends the greeting, for which authorization_stamp was called. */
void session_greet(const struct orders *orders);

/* Serves a client on the wire, which is open. Returns at the orderly end of the session. */
void session_run(struct orders *orders);

/*
 * Does the same in the login program, beginning with the attempt to log in, which it
 * judges and wipes.
 */
void session_resume(struct orders *orders, struct attempt *attempt);

/*
 * For the wire: logs that the session ends for the reason "why", and ends the process.
 * Nothing is removed from the maildrop.
 */
_Noreturn void session_end(const char *why);

#endif
