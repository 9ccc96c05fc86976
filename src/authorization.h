/*
 * authorization: the handlers of the AUTHORIZATION state (RFC 1939 sections 4
 * and 7, RFC 5034). state.h says what they return.
 */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include "command.h"
#include "state.h"

/* If APOP is offered, fills orders->timestamp with one that no other greeting has. */
void authorization_stamp(struct orders *orders);

/*
 * Judges what the client sent to log in. Returns SESSION_ADVANCE without a reply if it
 * is right. Otherwise logs the failure, if the accounts could be read at all, replies,
 * and returns as authorization_fail does; or SESSION_LEAVE if they could not be read.
 */
enum session_next authorization_judge(struct session *session, const struct proof *proof);

/*
 * Pure: returns when to answer a failed try that started at "start", after so many
 * failures before it. All times are milliseconds on wire_clock. The time that crypt(3)
 * takes could show whether an account exists. So a pause runs from the start of the try,
 * and a try that takes longer than its pause is answered after a whole number of seconds.
 */
int64_t authorization_answer_at(int64_t start, int64_t now, unsigned failures);

/*
 * Counts a failed try, lets its pause pass, and replies. Returns SESSION_STAY, or
 * SESSION_LEAVE after the third failure. A right password for a maildrop that is in use
 * counts, too: otherwise its owner could make the server run crypt(3) without a pause.
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
