/*
 * TRANSACTION. Replies come from the index that was made at login; only RETR and TOP read
 * the mailbox, which other programs may have changed since.
 */
#include "transaction.h"

#include <string.h>

#include "index.h"
#include "wire.h"

enum { FIRST_READ = 8 * 1024 };	/* octets that TOP asks for at once */

static uint64_t
messages_left(const struct maildrop *maildrop)
{
	return maildrop->count - maildrop->deleted;
}

static uint64_t
octets_left(const struct maildrop *maildrop)
{
	return maildrop->octets - maildrop->deleted_octets;
}

enum session_next
transaction_stat(struct session *session, const struct command *command)
{
	(void)command;
	wire_ok("%ju %ju", (uintmax_t)messages_left(&session->maildrop),
	    (uintmax_t)octets_left(&session->maildrop));
	return SESSION_STAY;
}

enum session_next
transaction_list(struct session *session, const struct command *command)
{
	struct maildrop *maildrop = &session->maildrop;

	(void)command;
	if (session->message != NULL) {
		wire_ok("%ju %ju", (uintmax_t)session->number,
		    (uintmax_t)session->message->octets);
		return SESSION_STAY;
	}
	wire_ok("%ju messages (%ju octets)", (uintmax_t)messages_left(maildrop),
	    (uintmax_t)octets_left(maildrop));
	for (uint64_t number = 1; number <= maildrop->count; number++) {
		const struct message *message = maildrop_message(maildrop, number);
		if (message == NULL)
			continue;
		wire_number(number);
		wire_text(" ", 1);
		wire_number(message->octets);
		wire_crlf();
	}
	wire_dot();
	return SESSION_STAY;
}

/* Refuses to send a message, and says what the client can do. */
static void
refuse(enum maildrop_result result)
{
	if (result == MAILDROP_CHANGED)
		wire_err(NULL, "another program has changed the mailbox, log in again");
	else
		wire_err("SYS/TEMP", "the mailbox cannot be read");
}

/* Commands that arrived together share the window. Once we have waited for the peer, the file
   may have changed, so the window is emptied unless fstat(2) shows no change. */
static void
begin_turn(const struct maildrop *maildrop)
{
	static uint64_t turn;

	if (turn != wire_turns() && !maildrop_is_untouched(maildrop))
		maildrop_look_afresh();
	turn = wire_turns();
}

/* Sends a message without its end. Returns false if something had touched the file, since
   login, when octets of the message were read. */
static bool
send_message(const struct maildrop *maildrop, const struct message *message, uint64_t lines,
	uint64_t want)
{
	uint64_t offset = message->start;
	uint64_t end = maildrop_end(maildrop, message);
	bool in_from_line = true, more = true, untouched = true;

	end -= message->trim;
	wire_body_begin(lines);
	while (more && offset < end) {
		size_t n;
		const char *text = maildrop_view(maildrop, offset, want, &n, &untouched);
		if (text == NULL)
			wire_drop("unreadable");
		if (n > end - offset)
			n = (size_t)(end - offset);
		offset += n;
		if (in_from_line) {
			const char *lf = memchr(text, '\n', n);
			in_from_line = lf == NULL;
			if (in_from_line)
				continue;
			n -= (size_t)(lf + 1 - text);
			text = lf + 1;
		}
		more = wire_body(text, n);
	}
	return untouched;
}

static enum session_next
serve(struct session *session, uint64_t lines)
{
	struct maildrop *maildrop = &session->maildrop;
	const struct message *message = session->message;
	uint64_t want = maildrop_end(maildrop, message) - message->start;
	enum maildrop_result result;
	bool whole;

	/* TOP seldom wants more than the beginning. */
	if (lines != WIRE_ALL && want > FIRST_READ)
		want = FIRST_READ;
	begin_turn(maildrop);
	result = index_confirm_to_send(maildrop, message, want, &whole);
	if (result != MAILDROP_GOOD) {
		refuse(result);
		return SESSION_STAY;
	}
	if (lines == WIRE_ALL)
		wire_ok("%ju octets", (uintmax_t)message->octets);
	else
		wire_ok("top of the message");
	/*
	 * A program may rewrite the mailbox while we read and send. Unless the message came
	 * whole out of the window in which it was confirmed, we look at it once more. If it is
	 * another message now, we close without the final ".", so that the client discards it.
	 */
	if (!send_message(maildrop, message, lines, want) && !whole &&
	    index_look_again(maildrop, message) != MAILDROP_GOOD)
		wire_drop("changed");
	wire_body_end(message->blank);
	if (lines == WIRE_ALL) {
		session->retrieved++;
		session->retrieved_octets += message->octets;
	}
	return SESSION_STAY;
}

enum session_next
transaction_retr(struct session *session, const struct command *command)
{
	(void)command;
	return serve(session, WIRE_ALL);
}

enum session_next
transaction_top(struct session *session, const struct command *command)
{
	uint64_t lines;

	/* WIRE_ALL does not count lines, so no count may become it. */
	if (!command_count(command->word[1], WIRE_ALL - 1, &lines)) {
		wire_err(NULL, "not a number of lines");
		return SESSION_STAY;
	}
	return serve(session, lines);
}

enum session_next
transaction_dele(struct session *session, const struct command *command)
{
	(void)command;
	maildrop_delete(&session->maildrop, session->message);
	wire_ok("message %ju deleted", (uintmax_t)session->number);
	return SESSION_STAY;
}

enum session_next
transaction_noop(struct session *session, const struct command *command)
{
	(void)session;
	(void)command;
	wire_ok("still here");
	return SESSION_STAY;
}

enum session_next
transaction_rset(struct session *session, const struct command *command)
{
	(void)command;
	maildrop_reset(&session->maildrop);
	wire_ok("%ju messages (%ju octets)", (uintmax_t)messages_left(&session->maildrop),
	    (uintmax_t)octets_left(&session->maildrop));
	return SESSION_STAY;
}

static void
send_unique_id(const struct maildrop *maildrop, uint64_t number,
	const struct message *message)
{
	char text[UNIQUEID_TEXT];

	wire_number(number);
	wire_text(" ", 1);
	wire_text(text, maildrop_unique_id(maildrop, message, text));
	wire_crlf();
}

enum session_next
transaction_uidl(struct session *session, const struct command *command)
{
	struct maildrop *maildrop = &session->maildrop;
	char text[UNIQUEID_TEXT];

	(void)command;
	if (index_number(maildrop) == -1) {
		wire_err("SYS/TEMP", "there is no memory for the unique-ids");
		return SESSION_STAY;
	}
	if (session->message != NULL) {
		size_t n = maildrop_unique_id(maildrop, session->message, text);
		wire_ok("%ju %.*s", (uintmax_t)session->number, (int)n, text);
		return SESSION_STAY;
	}
	wire_ok("%ju unique-ids", (uintmax_t)messages_left(maildrop));
	for (uint64_t number = 1; number <= maildrop->count; number++) {
		const struct message *message = maildrop_message(maildrop, number);
		if (message != NULL)
			send_unique_id(maildrop, number, message);
	}
	wire_dot();
	return SESSION_STAY;
}

enum session_next
transaction_quit(struct session *session, const struct command *command)
{
	(void)session;
	(void)command;
	return SESSION_ADVANCE;
}
