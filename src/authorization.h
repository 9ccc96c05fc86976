/*
 * authorization: the handlers of the AUTHORIZATION state (RFC 1939 section 4
 * and 7, RFC 5034). What they return is told in session.h.
 */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include "command.h"
#include "session.h"

/* Fills session->timestamp if there is APOP; it is another for each greeting. */
void authorization_greet(struct session *session);

enum session_next authorization_user(struct session *session, const struct command *command);
enum session_next authorization_pass(struct session *session, const struct command *command);
enum session_next authorization_apop(struct session *session, const struct command *command);
enum session_next authorization_auth(struct session *session, const struct command *command);
enum session_next authorization_stls(struct session *session, const struct command *command);
enum session_next authorization_quit(struct session *session, const struct command *command);

/* The mechanisms of AUTH, in the order of the SASL capability. */
extern const char *const authorization_mechanisms[];

#endif
