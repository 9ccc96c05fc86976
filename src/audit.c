/* SECURITY: a sender may write anything into the Message-ID. */
#include "audit.h"

#include <string.h>

#include "index.h"
#include "log.h"
#include "mbox.h"
#include "uniqueid.h"

enum { MOST = 200 };	/* octets of a Message-ID that are logged */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Returns where the value starts, which may be on a folded line, or "end" without a value. */
static const char *
skip_blanks(const char *value, const char *end)
{
	for (; value < end && is_blank(*value); value++)
		if (*value == '\n' && (value + 1 == end || (value[1] != ' ' && value[1] != '\t')))
			return end;
	return value;
}

/*
 * Copies the first word of a value in such a way that it cannot look like another field of
 * the log line: other octets than these, such as a comma, become "?". Without a word, the
 * text is "?".
 */
static void
harmless(char text[MOST + 1], const char *value, const char *end)
{
	static const char octets[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789<>@.!#$%&*+-/=^_`{|}~:";
	size_t length = 0;

	if (value != NULL)
		value = skip_blanks(value, end);
	for (; value != NULL && value < end && !is_blank(*value) && length < MOST; value++)
		text[length++] = *value != '\0' && strchr(octets, *value) != NULL ? *value : '?';
	if (length == 0)
		text[length++] = '?';
	text[length] = '\0';
}

static void
audit(const struct maildrop *maildrop, const struct message *message)
{
	static char header[MBOX_HEADER];
	char unique_id[UNIQUEID_TEXT], message_id[MOST + 1];
	uint64_t length = maildrop_end(maildrop, message) - message->start;

	if (length > sizeof header)
		length = sizeof header;
	/* If the header cannot be read, the message is still logged, with "?". */
	if (maildrop_read(maildrop, message->start, header, (size_t)length) == -1)
		length = 0;
	harmless(message_id, mbox_field(header, (size_t)length, "Message-ID:"), header + length);
	log_record(LOG_INFO, "removing", "unique-id=%.*s, octets=%ju, message-id=%s",
	    (int)maildrop_unique_id(maildrop, message, unique_id), unique_id,
	    (uintmax_t)message->octets, message_id);
}

void
audit_deletions(struct maildrop *maildrop)
{
	if (maildrop->deleted == 0)
		return;
	if (index_number(maildrop) == -1) {
		log_failure("maildrop", "cannot number the unique-ids");
		return;
	}
	for (size_t i = 0; i < maildrop->count; i++)
		if (maildrop->messages[i].deleted)
			audit(maildrop, &maildrop->messages[i]);
}
