/*
 * authorization: the handlers of the AUTHORIZATION state (RFC 1939 section 4
 * and 7, RFC 5034). What they return is told in session.h.
 */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include "command.h"
#include "state.h"

/* Fills orders->timestamp if there is APOP; no two greetings have the same. */
void authorization_stamp(struct orders *orders);

/* Judges what the client sent to be let in. Replies unless it is to be let in. */
enum session_next authorization_judge(struct session *session, const struct proof *proof);

/*
 * Pure: when a try that started at "start" is answered, in milliseconds, after so many
 * failures before it. A try whose crypt(3) took longer than its pause waits for the next
 * whole step, so that the time which crypt(3) took is seen by the step at most.
 */
int64_t authorization_answer_at(int64_t start, int64_t now, unsigned failures);

/*
 * A try that lets nobody in: counts it, lets its pause pass, replies, and ends the
 * session after the third. Also for a right password while the maildrop is in use,
 * which would else be the way to make the server run one crypt(3) after the other.
 */
enum session_next authorization_fail(struct session *session, const char *code,
	const char *text);

enum session_next authorization_user(struct session *session, const struct command *command);
enum session_next authorization_pass(struct session *session, const struct command *command);
enum session_next authorization_apop(struct session *session, const struct command *command);
enum session_next authorization_auth(struct session *session, const struct command *command);
enum session_next authorization_stls(struct session *session, const struct command *command);
enum session_next authorization_quit(struct session *session, const struct command *command);

/* The mechanisms of AUTH, in the order of the SASL capability. */
extern const char *const authorization_mechanisms[];

#endif
