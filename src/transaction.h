/*
 * transaction: the handlers of the TRANSACTION state (RFC 1939 sections 5 and 7). If the
 * command has a message-number, session has set session->number and session->message
 * before. What a handler returns is explained in state.h.
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include "command.h"
#include "state.h"

enum session_next transaction_stat(struct session *session, const struct command *command);
enum session_next transaction_list(struct session *session, const struct command *command);
enum session_next transaction_retr(struct session *session, const struct command *command);
enum session_next transaction_dele(struct session *session, const struct command *command);
enum session_next transaction_noop(struct session *session, const struct command *command);
enum session_next transaction_rset(struct session *session, const struct command *command);
enum session_next transaction_top(struct session *session, const struct command *command);
enum session_next transaction_uidl(struct session *session, const struct command *command);
enum session_next transaction_quit(struct session *session, const struct command *command);

#endif
