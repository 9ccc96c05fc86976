/*
 * specimen: small mailboxes made at random of the pieces that matter, and what
 * the manual's MAILDROP section says of them, said again in the plainest way.
 */
#ifndef SPECIMEN_H
#define SPECIMEN_H

#include <strings.h>

#include "unit.h"

enum { SPECIMEN_ROOM = 4096, SPECIMEN_MESSAGES = 256, SPECIMEN_FROM_LINE = 1024 };

/* A Content-Length, or what is nearly one, of a number that small mailboxes reach. */
static inline size_t
specimen_make_promise(char *octets)
{
	static const char *const parts[][2] = {
		{ "Content-Length: ", "\n" }, { "Content-Length: ", "\n" },
		{ "Content-Length: ", "\n\n" }, { "Content-Length: ", "\n\n" },
		{ "\nFrom \nContent-Length: ", "\n\n" }, { "Content-Length: ", "\r\n\r\n" },
		{ "content-length:", "\n" }, { "CONTENT-LENGTH:\t  ", "\n" },
		{ "Content-Length: 00", "\n" }, { "Content-Length: 9", "\n" },
		{ "Content-Length: ", "x\n" }, { "Content-Length:\n ", "\n" },
		{ "Content-Length : ", "\n" }, { "X-Content-Length: ", "\n" },
	};
	const char *const *part = parts[random_below(sizeof parts / sizeof parts[0])];

	return (size_t)sprintf(octets, "%s%u%s", part[0], (unsigned)random_below(60), part[1]);
}

static inline size_t
specimen_make(char *octets, size_t pieces)
{
	static const char *const alphabet[] = {
		"From ", "From ", "\nFrom ", "\n\nFrom ", "\r\n\r\nFrom ", "\n", "\n", "\n", "\r\n",
		"\r\n", "\r", "x", ".", "..", "F", "Fro", "From", "A: b\n", "A: b\r\n", "\n.\n",
	};
	size_t length = 0;

	for (size_t i = 0; i < pieces; i++) {
		if (random_below(16) == 0) {
			length += specimen_make_promise(octets + length);
			continue;
		}
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
	bool joined;		/* its Content-Length took boundaries away */
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

static inline bool
specimen_is_from_line(const char *line, size_t length)
{
	if (length < 5 || length > SPECIMEN_FROM_LINE || memcmp(line, "From ", 5) != 0)
		return false;
	for (size_t i = 0; i < length; i++)
		if (line[i] == '\0' || (line[i] == '\r' && !specimen_empty(line + i, length - i)))
			return false;
	return true;
}

/* What a line promises; 0: nothing. */
static inline size_t
specimen_promise(const char *line, size_t length)
{
	size_t at = 15, sum = 0;

	while (at < length && at < 22 && (line[at] == ' ' || line[at] == '\t'))
		at++;
	for (size_t digits = at; at < length && at < digits + 15 && line[at] >= '0' &&
	    line[at] <= '9'; at++)
		sum = sum * 10 + (size_t)(line[at] - '0');
	return specimen_empty(line + at, length - at) ? sum : 0;
}

/* Where the promise of the message with this text ends, if it is kept, or 0. */
static inline size_t
specimen_kept(const char *octets, size_t start, size_t text, size_t length)
{
	size_t promise = 0, promises = 0, n;

	for (; text < length; text += n) {
		n = specimen_line(octets, text, length);
		if (specimen_empty(octets + text, n))
			break;
		if (n >= 15 && strncasecmp(octets + text, "Content-Length:", 15) == 0) {
			promise = specimen_promise(octets + text, n);
			promises++;
		}
	}
	if (text == length || promises != 1 || promise == 0 ||
	    text + n - start > 16 * 1024 || promise > length - text - n)
		return 0;
	size_t end = text + n + promise, next = end;
	n = specimen_line(octets, next, length);
	if (specimen_empty(octets + next, n))
		next += n;
	if (next == length || (octets[next - 1] == '\n' && length - next >= 5 &&
	    memcmp(octets + next, "From ", 5) == 0))
		return end;
	return 0;
}

/* A mailbox is nothing or starts with a From_ line, empty lines before it aside. */
static inline bool
specimen_is_mailbox(const char *octets, size_t length)
{
	size_t at = 0, n = 0;

	do {
		at += n;
		n = specimen_line(octets, at, length);
	} while (specimen_empty(octets + at, n));
	return at == length || specimen_is_from_line(octets + at, n);
}

/* How many messages, of what is a mailbox. */
static inline size_t
specimen_read(const char *octets, size_t length, struct specimen_message *messages)
{
	size_t count = 0, kept = 0, n;
	bool after_empty = true;

	for (size_t at = 0; at < length; at += n) {
		n = specimen_line(octets, at, length);
		if (after_empty && specimen_is_from_line(octets + at, n)) {
			if (at < kept) {
				messages[count - 1].joined = true;
			} else {
				if (count > 0)
					messages[count - 1].end = at;
				messages[count].start = at;
				messages[count].text = at + n;
				messages[count].joined = false;
				messages[count++].end = length;
				kept = specimen_kept(octets, at, at + n, length);
			}
		}
		after_empty = specimen_empty(octets + at, n);
	}
	for (size_t i = 0; i < count; i++)
		specimen_measure(octets, &messages[i]);
	return count;
}

#endif
