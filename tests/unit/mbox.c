/* The scan against the plain reading of specimen.h, block edges included. */
#include "mbox.h"

#include "specimen.h"

enum { ROUNDS = 20000, EDGE_ROUNDS = 600 };

static struct mbox scan;
static struct mbox_message found[SPECIMEN_MESSAGES];
static size_t found_count;

static void
note(void *context, const struct mbox_message *message)
{
	(void)context;
	if (found_count < SPECIMEN_MESSAGES)
		found[found_count] = *message;
	found_count++;
}

static bool
scan_octets(const char *octets, size_t length)
{
	found_count = 0;
	mbox_begin(&scan, 0, note, NULL);
	for (size_t at = 0; at < length; at += MBOX_BLOCK) {
		size_t n = length - at < MBOX_BLOCK ? length - at : MBOX_BLOCK;
		memcpy(mbox_room(&scan), octets + at, n);
		if (!mbox_feed(&scan, n))
			return false;
	}
	return mbox_end(&scan);
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
compare(const char *octets, size_t length)
{
	static struct specimen_message expected[SPECIMEN_MESSAGES];
	size_t count = specimen_read(octets, length, expected);
	unsigned before = unit_failures;

	check(scan_octets(octets, length), "a mailbox is refused");
	check(found_count == count, "%zu messages instead of %zu", found_count, count);
	for (size_t i = 0; i < count && found_count == count; i++) {
		const struct mbox_message *got = &found[i];
		const struct specimen_message *want = &expected[i];
		check(got->start == want->start && got->end == want->end &&
		    got->octets == want->octets && got->trim == want->trim &&
		    got->blank == want->blank,
		    "message %zu: %ju to %ju, octets %ju, trim %u, blank %d "
		    "instead of %zu to %zu, octets %zu, trim %zu, blank %d", i + 1,
		    (uintmax_t)got->start, (uintmax_t)got->end, (uintmax_t)got->octets, got->trim,
		    got->blank, want->start, want->end, want->octets, want->trim, want->blank);
	}
	if (unit_failures > before)
		tell(octets, length);
}

static void
test_small(void)
{
	static char octets[SPECIMEN_ROOM];

	memcpy(octets, "From ", 5);
	for (int round = 0; round < ROUNDS; round++)
		compare(octets, 5 + specimen_make(octets + 5, random_below(40)));
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
		"F", "From", "From\n", "from x\n", "\nFrom x\n", " From x\n", ">From x\n",
		"From:x\n", "\xef\xbb\xbf""From x\n",
	};

	for (size_t i = 0; i < sizeof no_mbox / sizeof no_mbox[0]; i++)
		check(!scan_octets(no_mbox[i], strlen(no_mbox[i])), "\"%s\" is taken", no_mbox[i]);
	check(scan_octets("", 0) && found_count == 0, "an empty mailbox is not empty");
}

static void
expect_pseudo(const char *text, bool expected)
{
	check(mbox_is_pseudo(text, strlen(text)) == expected, "pseudo message: %s", text);
}

static void
test_pseudo(void)
{
	static const char real[] =
	    "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nDate: x\n"
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nx\n";

	expect_pseudo(real, true);
	expect_pseudo("From alice Thu Jan  1 00:00:00 1970\n"
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n", false);
	expect_pseudo("From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: bounce\n\n"
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n", false);
	expect_pseudo("From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\n"
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n", false);
	expect_pseudo("From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: DON'T DELETE", false);
	/* However little of it is there. */
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
	test_refused();
	test_pseudo();
	return verdict();
}
