/* The scan against the plain reading of specimen.h, block edges included. */
#include "mbox.h"

#include "specimen.h"

enum { ROUNDS = 20000, EDGE_ROUNDS = 600 };

struct file {
	const char *octets;
	size_t length;
};

static struct mbox scan;
static struct mbox_message found[SPECIMEN_MESSAGES];
static size_t found_count, joined_count;

static bool
read_ahead(void *context, uint64_t offset, void *octets, size_t length)
{
	const struct file *file = context;

	check(offset <= file->length && length <= file->length - offset, "%zu octets are read at"
	    " %ju of %zu", length, (uintmax_t)offset, file->length);
	memcpy(octets, file->octets + offset, length);
	return true;
}

static void
note(void *context, const struct mbox_message *message)
{
	(void)context;
	joined_count += message->joined;
	if (found_count < SPECIMEN_MESSAGES)
		found[found_count] = *message;
	found_count++;
}

/* From the message at "from" to the end of one at "end", fed "most" octets at a time. */
static bool
scan_octets(const char *octets, size_t from, size_t end, size_t length, size_t most)
{
	struct file file = { octets, length };
	struct mbox_reader reader = {
		.context = &file, .message = note, .read_ahead = read_ahead, .promises = true,
	};

	found_count = 0;
	mbox_begin(&scan, from, length, &reader);
	for (size_t at = from, n;; at += n) {
		n = end - at < most ? end - at : most;
		memcpy(mbox_room(&scan), octets + at, n);
		if (!mbox_feed(&scan, n, at + n == end))
			return false;
		if (at + n == end)
			return true;
	}
}

static void
tell(const char *octets, size_t length)
{
	if (unit_failures > 3)
		return;
	fputs("in: ", stderr);
	for (size_t i = length > 200 ? length - 200 : 0; i < length; i++)
		if (octets[i] == '\n')
			fputs("\\n", stderr);
		else if (octets[i] == '\r')
			fputs("\\r", stderr);
		else
			fputc(octets[i], stderr);
	fputc('\n', stderr);
}

static void
compare_found(const struct specimen_message *expected, size_t count)
{
	check(found_count == count, "%zu messages instead of %zu", found_count, count);
	for (size_t i = 0; i < count && found_count == count; i++) {
		const struct mbox_message *got = &found[i];
		const struct specimen_message *want = &expected[i];
		check(got->start == want->start && got->end == want->end &&
		    got->octets == want->octets && got->trim == want->trim &&
		    got->blank == want->blank && got->joined == want->joined,
		    "message %zu: %ju to %ju, octets %ju, trim %u, blank %d, joined %d "
		    "instead of %zu to %zu, octets %zu, trim %zu, blank %d, joined %d", i + 1,
		    (uintmax_t)got->start, (uintmax_t)got->end, (uintmax_t)got->octets, got->trim,
		    got->blank, got->joined, want->start, want->end, want->octets, want->trim,
		    want->blank, want->joined);
	}
}

/* The whole, in blocks and in pieces; a message, as before it is sent or removed; and the
   rest from a message on, as after a delivery. */
static void
compare(const char *octets, size_t length)
{
	static struct specimen_message expected[SPECIMEN_MESSAGES];
	size_t count = specimen_read(octets, length, expected);
	unsigned before = unit_failures;

	check(specimen_is_mailbox(octets, length), "what is made is no mailbox");
	check(scan_octets(octets, 0, length, length, MBOX_BLOCK), "a mailbox is refused");
	compare_found(expected, count);
	check(scan_octets(octets, 0, length, length, 1 + random_below(MBOX_BLOCK)), "in pieces");
	compare_found(expected, count);
	if (length < SPECIMEN_ROOM) {
		check(scan_octets(octets, 0, length, length, 1 + random_below(50)), "in bits");
		compare_found(expected, count);
	}
	if (count > 0) {
		size_t i = random_below((uint32_t)count);
		check(scan_octets(octets, expected[i].start, expected[i].end, length, MBOX_BLOCK),
		    "message %zu is refused", i + 1);
		compare_found(expected + i, 1);
		check(scan_octets(octets, expected[i].start, length, length, MBOX_BLOCK),
		    "the rest from message %zu on is refused", i + 1);
		compare_found(expected + i, count - i);
	}
	if (unit_failures > before)
		tell(octets, length);
}

static void
test_small(void)
{
	static char octets[SPECIMEN_ROOM];

	for (int round = 0; round < ROUNDS; round++) {
		size_t lead = random_below(4) == 0 ? random_below(5) : 0;
		memcpy(octets, "\n\r\n\n", lead);
		lead -= lead == 2;
		memcpy(octets + lead, "From x\n", 7);
		compare(octets, lead + 7 + specimen_make(octets + lead + 7, random_below(40)));
	}
	check(joined_count > ROUNDS / 100, "only %zu joined messages", joined_count);
}

/* A message whose promise ends at "end", and one of the texts that may follow there. */
static void
try_promise(size_t end)
{
	static char octets[2 * MBOX_BLOCK + SPECIMEN_ROOM];
	static const char *const tails[] = {
		"", "\n", "\r\n", "\r", "From y\n\nx\n", "\nFrom y\n\nx\n", "\r\nFrom y\n\nx\n",
		"\n\nFrom y\n\nx\n", "\nFrom", "x", "\nFromage\n\n", "From ",
	};
	const char *tail = tails[random_below(sizeof tails / sizeof tails[0])];
	size_t header = 40;

	memset(octets, 'y', end);
	/* The number of digits is fixed, so the second header is as long as the first. */
	for (int i = 0; i < 2; i++)
		header = (size_t)sprintf(octets, "From x\nContent-Length: %06zu\n\n", end - header);
	memcpy(octets + header, "y\n\nFrom z\n\n", 12);
	octets[end - 1] = random_below(3) == 0 ? 'y' : '\n';
	strcpy(octets + end, tail);
	compare(octets, end + strlen(tail));
}

static void
test_promises(void)
{
	size_t before = joined_count;

	for (size_t near = 0; near < 120; near++) {
		for (int i = 0; i < 10; i++)
			try_promise(80 + near);
		try_promise(MBOX_BLOCK - 60 + near);
		try_promise(2 * MBOX_BLOCK - 60 + near);
	}
	check(joined_count > before + 100, "%zu promises are kept", joined_count - before);
}

/* The field itself lies across the end of a block. */
static void
test_promise_edges(void)
{
	static char octets[MBOX_BLOCK + SPECIMEN_ROOM];

	for (size_t near = 0; near < 80; near++) {
		size_t lead = MBOX_BLOCK - near, n;
		memset(octets, 'y', lead);
		memcpy(octets, "From x\n\n", 8);
		strcpy(octets + lead, near % 2 == 0 ? "\n\nFrom x\n" : "\r\n\r\nFrom x\r\n");
		n = lead + strlen(octets + lead);
		strcpy(octets + n, near % 3 == 0 ? "Content-Length: 12\r\n\r\n" : "Content-Length:12\n\n");
		n += strlen(octets + n);
		strcpy(octets + n, "\nFrom y\n\nz\n\nFrom w\n");
		compare(octets, n + strlen(octets + n));
	}
}

/* A header of the largest size in which a promise counts, and one octet more. */
static void
test_large_headers(void)
{
	static char octets[MBOX_HEADER + SPECIMEN_ROOM];
	static const char first[] = "From x\nContent-Length: 15\nA: ";
	size_t before = joined_count;

	for (size_t header = MBOX_HEADER - 2; header <= MBOX_HEADER + 2; header++) {
		memset(octets, 'y', header);
		memcpy(octets, first, sizeof first - 1);
		memcpy(octets + header - 2, "\n\nxxxxx\n\nFrom y\n\n", 17);
		compare(octets, header + 15);
	}
	check(joined_count > before, "no promise is kept in a large header");
}

/* The longest From_ line and one octet more, with its end near that of a block. */
static void
test_from_lines(void)
{
	static char octets[MBOX_BLOCK + SPECIMEN_ROOM];

	for (size_t near = 0; near < 1200; near += near % 100 == 2 ? 98 : 1)
		for (size_t length = MBOX_FROM_LINE - 2; length <= MBOX_FROM_LINE + 1; length++) {
			size_t lead = MBOX_BLOCK - near;
			memset(octets, 'y', sizeof octets);
			memcpy(octets, "From x\n\n", 8);
			memcpy(octets + lead - 2, "\n\nFrom ", 7);
			memcpy(octets + lead + length - 2, near % 2 == 0 ? "\r\nA" : "y\nA", 3);
			compare(octets, lead + length + 20);
			compare(octets, lead + length);
			compare(octets, lead + length - 1);
			octets[lead + 5 + random_below(40)] = near % 3 == 0 ? '\0' : '\r';
			compare(octets, lead + length + 20);
		}
}

/* The pieces lie across the end of the first block, or of the second. */
static void
test_block_edges(void)
{
	static char octets[2 * MBOX_BLOCK + SPECIMEN_ROOM];
	size_t lead;

	for (int round = 0; round < EDGE_ROUNDS; round++) {
		lead = (size_t)(1 + round % 2) * MBOX_BLOCK - random_below(100);
		memset(octets, 'y', lead);
		memcpy(octets, "From x\n", 7);
		if (round % 3 == 0)
			memcpy(octets + lead - 2, "\n\n", 2);
		compare(octets, lead + specimen_make(octets + lead, 1 + random_below(60)));
	}
}

/* A separator at each place of a long text. */
static void
test_runs(void)
{
	static char octets[1024];

	for (size_t at = 8; at < 700; at++) {
		memset(octets, 'y', sizeof octets);
		memcpy(octets, "From x\n\n", 8);
		memcpy(octets + at, "\n\nFrom z\n\nw\n", 12);
		compare(octets, at + 12);
		memcpy(octets + at, "\r\nFrom z\n\nw\n", 12);
		compare(octets, at + 12);
	}
}

static void
test_refused(void)
{
	static const char *const no_mbox[] = {
		"F", "From", "From\n", "from x\n", " From x\n", ">From x\n", "From:x\n",
		"\xef\xbb\xbf""From x\n", "\nF", "\n\n\n x\n", "\r", "\r\r\nFrom x\n", "From x\rA: b\r",
	};
	static const char *const no_mail[] = { "", "\n", "\r\n", "\n\n\r\n\n" };
	static const char nul[] = "From x\0\n\n", *text;

	for (size_t i = 0; i < sizeof no_mbox / sizeof no_mbox[0]; i++) {
		text = no_mbox[i];
		check(!scan_octets(text, 0, strlen(text), strlen(text), MBOX_BLOCK),
		    "\"%s\" is taken", text);
		check(!specimen_is_mailbox(text, strlen(text)), "\"%s\" is a mailbox", text);
	}
	check(!scan_octets(nul, 0, sizeof nul - 1, sizeof nul - 1, MBOX_BLOCK), "NUL is taken");
	for (size_t i = 0; i < sizeof no_mail / sizeof no_mail[0]; i++) {
		text = no_mail[i];
		check(scan_octets(text, 0, strlen(text), strlen(text), MBOX_BLOCK) && found_count == 0,
		    "\"%s\" is not empty", text);
	}
}

static void
expect_pseudo(bool expected, const char *text)
{
	check(mbox_is_pseudo(text, strlen(text)) == expected, "pseudo message: %s", text);
}

#define SUBJECT "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
#define SENDER "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n"
#define DOVECOT "From MAILER_DAEMON  Thu Jan  1 00:00:00 1970\n" \
	"From: Mail System Internal Data <MAILER-DAEMON@example.org>\n"

static void
test_pseudo(void)
{
	static const char real[] = SENDER "Date: x\n" SUBJECT "X-IMAP: 1 2\n\nx\n";
	static char large[MBOX_PSEUDO + 1] = SENDER SUBJECT "X-IMAP: 1 2\n\n";

	expect_pseudo(true, real);
	expect_pseudo(true, SENDER "X-IMAPbase: 1 2\n" SUBJECT "\nx\n");
	expect_pseudo(true, DOVECOT SUBJECT "\nx\n");
	expect_pseudo(true, DOVECOT SUBJECT "X-IMAP: 1 2\n\nReceived: x\n");
	/* Anybody may send these. */
	expect_pseudo(false, SENDER SUBJECT "\nx\n");
	expect_pseudo(false, SENDER SUBJECT "\nX-IMAP: 1 2\n");
	expect_pseudo(false, SENDER "Received: x\n" SUBJECT "X-IMAP: 1 2\n\nx\n");
	expect_pseudo(false, SENDER SUBJECT "X-IMAP: 1 2\nreturn-path: <>\n\nx\n");
	expect_pseudo(false, DOVECOT SUBJECT "X-IMAP: 1 2\nDelivered-To: x\n\nx\n");
	expect_pseudo(false, "From alice Thu Jan  1 00:00:00 1970\n" SUBJECT "X-IMAP: 1 2\n\nx\n");
	expect_pseudo(false, SENDER "X-IMAP: 1 2\nSubject: bounce\n\n" SUBJECT);
	expect_pseudo(false, SENDER "X-IMAP: 1 2\n\n" SUBJECT);
	expect_pseudo(false, SENDER "X-IMAP: 1 2\nSubject: DON'T DELETE");
	/* A larger message may have mail in it. */
	memset(large + strlen(large), 'x', sizeof large - strlen(large));
	check(mbox_is_pseudo(large, sizeof large - 1), "a large pseudo message");
	check(!mbox_is_pseudo(large, sizeof large), "too large a pseudo message");
	/* However little of it is there, no octet after that is read. */
	for (size_t length = 0; length < sizeof real; length++) {
		char *part = malloc(length + 1);
		memcpy(part, real, length);
		(void)mbox_is_pseudo(part, length);
		free(part);
	}
}

int
main(void)
{
	test_small();
	test_block_edges();
	test_runs();
	test_promises();
	test_promise_edges();
	test_large_headers();
	test_from_lines();
	test_refused();
	test_pseudo();
	return verdict();
}
