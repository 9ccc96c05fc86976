/*
 * wire_body sends what the manual says, for RETR and for TOP. For RETR, without the octets
 * of byte-stuffing, these are as many as the scan counted.
 */
#include "wire.h"

#include <unistd.h>

#include "specimen.h"

enum { ROUNDS = 4000, SENT = 16 * 1024 };

static int out;

static void
unexpected_end(const char *why)
{
	fprintf(stderr, "the wire ended: %s\n", why);
	exit(EXIT_FAILURE);
}

/* The text as lines without LF or CRLF, each ended by CRLF, byte-stuffed. */
static size_t
expected_response(char *to, const char *octets, const struct specimen_message *message,
	uint64_t lines)
{
	size_t n, length = 0, end = message->end - message->trim;
	bool in_body = false;

	for (size_t at = message->text; at < end && !(in_body && lines == 0); at += n) {
		n = specimen_line(octets, at, end);
		bool ended = octets[at + n - 1] == '\n';
		size_t line = ended ? n - 1 : n;
		if (ended && line > 0 && octets[at + line - 1] == '\r')
			line--;
		if (in_body)
			lines--;
		else
			in_body = line == 0;
		if (line > 0 && octets[at] == '.')
			to[length++] = '.';
		memcpy(to + length, octets + at, line);
		length += line;
		memcpy(to + length, "\r\n", 2);
		length += 2;
	}
	if (message->blank) {
		memcpy(to + length, "\r\n", 2);
		length += 2;
	}
	memcpy(to + length, ".\r\n", 3);
	return length + 3;
}

static size_t
real_response(char *to, const char *octets, const struct specimen_message *message,
	uint64_t lines)
{
	size_t n, end = message->end - message->trim;
	bool more = true;

	if (ftruncate(out, 0) == -1 || lseek(out, 0, SEEK_SET) == -1)
		unexpected_end("no file");
	wire_body_begin(lines);
	for (size_t at = message->text; more && at < end; at += n) {
		n = 1 + random_below(random_below(2) == 0 ? 3 : 40);
		if (n > end - at)
			n = end - at;
		more = wire_body(octets + at, n);
	}
	wire_body_end(message->blank);
	wire_flush();
	ssize_t length = pread(out, to, SENT, 0);
	return length == -1 ? 0 : (size_t)length;
}

static size_t
unstuffed(const char *octets, size_t length)
{
	size_t n = length - 3;

	for (size_t i = 0; i + 3 < length; i++)
		n -= octets[i] == '.' && (i == 0 || octets[i - 1] == '\n');
	return n;
}

static void
compare(const char *octets, const struct specimen_message *message, uint64_t lines)
{
	static char expected[SENT], real[SENT];
	size_t want = expected_response(expected, octets, message, lines);
	size_t got = real_response(real, octets, message, lines);

	check(got == want && memcmp(expected, real, want) == 0,
	    "%zu octets instead of %zu: \"%.*s\" instead of \"%.*s\"", got, want,
	    (int)got, real, (int)want, expected);
	if (lines == WIRE_ALL)
		check(unstuffed(real, got) == message->octets, "%zu octets, %zu counted",
		    unstuffed(real, got), message->octets);
}

int
main(void)
{
	static char octets[SPECIMEN_ROOM];
	static struct specimen_message messages[SPECIMEN_MESSAGES];
	FILE *file = tmpfile();

	if (file == NULL) {
		perror("tmpfile");
		return EXIT_FAILURE;
	}
	out = fileno(file);
	wire_open(STDIN_FILENO, out, unexpected_end);
	wire_limit(60, 0);
	memcpy(octets, "From ", 5);
	for (int round = 0; round < ROUNDS; round++) {
		size_t length = 5 + specimen_make(octets + 5, random_below(40));
		size_t count = specimen_read(octets, length, messages);
		for (size_t i = 0; i < count; i++) {
			compare(octets, &messages[i], WIRE_ALL);
			compare(octets, &messages[i], random_below(4));
		}
	}
	return verdict();
}
