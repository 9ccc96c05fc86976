/*
 * specimen: small mailboxes made at random of the pieces that matter, and what
 * the manual's MAILDROP section says of them, said again in the plainest way.
 */
#ifndef SPECIMEN_H
#define SPECIMEN_H

#include "unit.h"

enum { SPECIMEN_ROOM = 4096, SPECIMEN_MESSAGES = 256 };

static inline size_t
specimen_make(char *octets, size_t pieces)
{
	static const char *const alphabet[] = {
		"From ", "From ", "\nFrom ", "\n\nFrom ", "\r\n\r\nFrom ", "\n", "\n", "\n", "\r\n",
		"\r\n", "\r", "x", ".", "..", "F", "Fro", "From", "A: b\n", "A: b\r\n", "\n.\n",
	};
	size_t length = 0;

	for (size_t i = 0; i < pieces; i++) {
		const char *piece = alphabet[random_below(sizeof alphabet / sizeof alphabet[0])];
		memcpy(octets + length, piece, strlen(piece));
		length += strlen(piece);
	}
	return length;
}

struct specimen_message {
	size_t start, end;	/* raw octets, From_ line included */
	size_t text;		/* where the From_ line ended */
	size_t trim;		/* octets of the empty line that is not sent */
	bool blank;		/* it has no empty line */
	size_t octets;
};

/* The octets of the line at "from", its LF included. */
static inline size_t
specimen_line(const char *octets, size_t from, size_t end)
{
	size_t n = 0;

	while (from + n < end && octets[from + n] != '\n')
		n++;
	return from + n < end ? n + 1 : n;
}

static inline bool
specimen_empty(const char *line, size_t length)
{
	return (length == 1 && line[0] == '\n') ||
	    (length == 2 && line[0] == '\r' && line[1] == '\n');
}

static inline void
specimen_measure(const char *octets, struct specimen_message *message)
{
	size_t empty = 0, n, last = 0;

	message->octets = 0;
	message->trim = 0;
	for (size_t at = message->text; at < message->end; at += n) {
		n = specimen_line(octets, at, message->end);
		bool ended = octets[at + n - 1] == '\n';
		bool crlf = ended && n > 1 && octets[at + n - 2] == '\r';
		last = specimen_empty(octets + at, n) ? n : 0;
		empty += last > 0;
		message->octets += n + (crlf ? 0 : ended ? 1 : 2);
	}
	message->blank = empty == 0;
	if (message->blank)
		message->octets += 2;
	if (empty >= 2 && last > 0) {
		message->trim = last;
		message->octets -= 2;
	}
}

/* How many messages; the octets start with "From ". */
static inline size_t
specimen_read(const char *octets, size_t length, struct specimen_message *messages)
{
	size_t count = 0, n;
	bool after_empty = true;

	for (size_t at = 0; at < length; at += n) {
		n = specimen_line(octets, at, length);
		if (after_empty && n >= 5 && memcmp(octets + at, "From ", 5) == 0) {
			if (count > 0)
				messages[count - 1].end = at;
			messages[count].start = at;
			messages[count].text = at + n;
			messages[count++].end = length;
		}
		after_empty = specimen_empty(octets + at, n);
	}
	for (size_t i = 0; i < count; i++)
		specimen_measure(octets, &messages[i]);
	return count;
}

#endif
