/* TRANSACTION: what was indexed at login, until QUIT. */
#include "transaction.h"

#include <string.h>

#include "index.h"
#include "wire.h"

enum { FIRST_READ = 8 * 1024, READ = 64 * 1024 };

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

/* A maildrop that is not what the client was told: nothing of it is served. */
static void
refuse(enum maildrop_result result)
{
	if (result == MAILDROP_CHANGED)
		wire_err(NULL, "another program has rewritten the mailbox, log in again");
	else if (result == MAILDROP_BUSY)
		wire_err("IN-USE", "the mailbox is busy, try again");
	else
		wire_err("SYS/TEMP", "the mailbox cannot be read");
}

/*
 * Octets of the mailbox from "offset" on, "want" of them if they must be read, and
 * more if they follow those read before. They are sure if nothing had touched the
 * file after the reading; while that is so, they are served again.
 */
static const char *
view(struct maildrop *maildrop, uint64_t offset, uint64_t want, size_t *length, bool *sure)
{
	static struct {
		uint64_t begin, end;
		struct stat seen;
		bool sure;
		char octets[READ];
	} last;

	if (!last.sure || !maildrop_looks_same(&last.seen, &maildrop->seen) ||
	    offset < last.begin || offset >= last.end) {
		if (offset == last.end || want > READ)
			want = READ;
		if (want > maildrop->size - offset)
			want = maildrop->size - offset;
		if (maildrop_read(maildrop, offset, last.octets, (size_t)want) == -1)
			wire_drop("unreadable");
		last.begin = offset;
		last.end = offset + want;
		last.seen = maildrop->seen;
		last.sure = maildrop_is_untouched(maildrop);
	}
	*sure = *sure && last.sure;
	*length = (size_t)(last.end - offset);
	return last.octets + (offset - last.begin);
}

static void
send_message(struct maildrop *maildrop, const struct message *message, uint64_t lines)
{
	uint64_t offset = message->start;
	uint64_t end = maildrop_end(maildrop, message);
	/* The beginning may be all that TOP wants. */
	uint64_t want = lines == WIRE_ALL ? end - offset : FIRST_READ;
	bool in_from_line = true, more = true, sure = true;

	end -= message->trim;
	wire_body_begin(lines);
	while (more && offset < end) {
		size_t n;
		const char *text = view(maildrop, offset, want, &n, &sure);
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
	/* Rewritten meanwhile: a response without an end is no message. */
	if (!sure && maildrop_check(maildrop) != MAILDROP_GOOD)
		wire_drop("changed");
	wire_body_end(message->blank);
}

/* One look at the file is enough for what is answered at once. */
static enum maildrop_result
check_turn(struct maildrop *maildrop)
{
	static uint64_t checked;
	enum maildrop_result result;

	if (checked == wire_turns() && !maildrop->changed)
		return MAILDROP_GOOD;
	result = maildrop_check(maildrop);
	if (result == MAILDROP_GOOD)
		checked = wire_turns();
	return result;
}

static enum session_next
serve(struct session *session, uint64_t lines)
{
	struct maildrop *maildrop = &session->maildrop;
	enum maildrop_result result = check_turn(maildrop);

	if (result == MAILDROP_GOOD)
		result = index_confirm_message(maildrop, session->message);
	if (result != MAILDROP_GOOD) {
		refuse(result);
		return SESSION_STAY;
	}
	if (lines == WIRE_ALL)
		wire_ok("%ju octets", (uintmax_t)session->message->octets);
	else
		wire_ok("top of the message");
	send_message(maildrop, session->message, lines);
	if (lines == WIRE_ALL) {
		session->retrieved++;
		session->retrieved_octets += session->message->octets;
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

	/* One less than WIRE_ALL, which is no count. */
	if (!command_count(command->word[1], WIRE_ALL - 1, &lines)) {
		wire_err(NULL, "no number of lines");
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
	enum maildrop_result result = index_identify(maildrop);
	char text[UNIQUEID_TEXT];

	(void)command;
	if (result != MAILDROP_GOOD) {
		refuse(result);
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
