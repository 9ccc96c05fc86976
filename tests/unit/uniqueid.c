/*
 * Unique-ids are for ever: a change of any vector here makes every client
 * fetch every message again (RFC 1939 section 7).
 */
#include "uniqueid.h"

#include "unit.h"

#define FROM "From alice@example.org Thu Jan  1 00:00:00 1970\n"
#define PLAIN FROM "Subject: one\nTo: bob\n\nbody\n\n"

static const char plain[] = PLAIN;

static const struct {
	const char *raw, *id;
} frozen[] = {
	{ PLAIN, "d906b4c0b80c51d6cc3e16f1f5db1236" },
	{ FROM, "fe75a49d60900ee85126fd59b68f171d" },
	{ FROM "Subject: no body\n", "a28b237852b428debc763100f0cb3c6f" },
	{ "From alice Thu Jan  1 00:00:00 1970\r\nSubject: one\r\n\r\nbody\r\n\r\n",
	    "e6da7f391d3d36d02cb4406d1b2c4655" },
	{ FROM "Subject: folded\n line\n\n.\n\xff\xfe\n", "e5c219ffb0606e51ce8aab672e053cd2" },
};

/* The unique-ids that popa3d 1.0.3 gives. */
static const struct {
	const char *raw, *id;
} popa3d[] = {
	{ "From a\n\nbody\n", "d98c1dd404b2008f" },
	{ "From a\nDate: x\n\n", "705418d22efbeb67" },
	{ "From a\ndate: x\nMESSAGE-ID: <1@b>\nReceived: one\n\tfolded\nReceived: two\n"
	    "Date: y\nMessage-ID: <2@b>\nDelivered-To: c\nX-Delivery-ID: d\n"
	    "x-Delivery-ID: e\nStatus: R\n\nDate: body\n", "74eaad743cdd2c3c" },
	{ "From a\n Date: folded into nothing\nDate : x\nSubject: s\n\n", "d98c1dd404b2008f" },
	{ "From a\nDelivered-To: c\n d\nReturn-Path: <e>\n f\n\n", "f667ceda2948b739" },
	{ "From a\r\nDate: x\r\n\r\nDate: in the body\r\n", "40fbb9db0871064a" },
	{ "From a\nDate: x", "1a6e6da9d2f41971" },
};

/* All of these must have the unique-id of PLAIN. */
static const char *const same[] = {
	FROM "Subject: one\nTo: bob\n\nbody\n",
	FROM "Subject: one\nTo: bob\n\nbody",
	FROM "Subject: one\nTo: bob\n\nbody\n\n\n\n",
	FROM "Status: RO\nSubject: one\nTo: bob\n\nbody\n\n",
	FROM "Subject: one\nSTATUS: O\nTo: bob\nx-status: A\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\nX-UID: 12\nX-Keywords: a\n b\n\tc\n\nbody\n\n",
	FROM "X-IMAP: 1 2\nX-IMAPbase: 1 2\nSubject: one\nTo: bob\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\nContent-Length: 5\nLines: 1\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\nX-UIDL: abc\n\nbody\n\n",
	FROM "X-Mozilla-Status: 0001\nX-Mozilla-Status2: 0\nX-Mozilla-Keys:\n"
	    "Subject: one\nTo: bob\n\nbody\n\n",
	FROM "X-Spam-Status: No, score=1\n\t A\nX-Spamd-Bar: /\nSubject: one\nTo: bob\n\nbody\n",
};

static const char *const others[] = {
	"From alice@example.org Thu Jan  1 00:00:01 1970\nSubject: one\nTo: bob\n\nbody\n\n",
	FROM "Subject: two\nTo: bob\n\nbody\n\n",
	FROM "Subject: one\n\nTo: bob\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\n folded\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\nStatus-X: R\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\nX-Lines: 1\n\nbody\n\n",
	FROM "Subject: one\nTo: bob\n\nStatus: R\nbody\n\n",
	FROM "Subject: one\nTo: bob\n\nBody\n\n",
	FROM "Subject: one\nTo: bob\n",
};

static void
id_of(char hex[33], const char *raw, size_t length)
{
	uint8_t digest[UNIQUEID_OCTETS];

	/* A copy of exactly this size, so that a reading beyond it is noticed. */
	char *copy = malloc(length == 0 ? 1 : length);
	if (copy == NULL)
		abort();
	memcpy(copy, raw, length);
	check(uniqueid_digest(UNIQUEID_OWN, copy, length, true, false, digest), "more is wanted");
	free(copy);
	to_hex(hex, digest, sizeof digest);
}

/* Octets after those that count change nothing, and the last octet that counts does. */
static void
test_bounds(void)
{
	static char message[UNIQUEID_PREFIX + UNIQUEID_ESSENCE];
	uint8_t digest[UNIQUEID_OCTETS];
	char before[33], after[33];
	size_t head = sizeof FROM - 1, ignored = sizeof "Status: " - 1;

	memset(message, 'x', sizeof message);
	memcpy(message, FROM "\n", head + 1);
	id_of(before, message, sizeof message);
	message[UNIQUEID_ESSENCE] = 'y';
	id_of(after, message, sizeof message);
	check(strcmp(before, after) == 0, "octets count beyond the first");
	message[UNIQUEID_ESSENCE - 1] = 'y';
	id_of(after, message, sizeof message);
	check(strcmp(before, after) != 0, "the last of the first octets is ignored");
	/* As soon as all octets that count are given, no more are asked for. */
	check(uniqueid_digest(UNIQUEID_OWN, message, UNIQUEID_ESSENCE, false, false, digest),
	    "more is wanted than counts");
	check(!uniqueid_digest(UNIQUEID_OWN, message, UNIQUEID_ESSENCE - 1, false, false, digest),
	    "less is enough than counts");
	to_hex(before, digest, sizeof digest);
	/* After an ignored line, later octets count. This line has all UNIQUEID_PREFIX octets. */
	memset(message + head, 'h', sizeof message - head);
	memcpy(message + head, "Status: ", ignored);
	check(!uniqueid_digest(UNIQUEID_OWN, message, UNIQUEID_PREFIX - 1, false, false, digest),
	    "a long line is not read to its end");
	check(uniqueid_digest(UNIQUEID_OWN, message, UNIQUEID_PREFIX, false, false, digest),
	    "all that is looked at does not suffice");
	message[UNIQUEID_ESSENCE + head] = '\n';
	memcpy(message + UNIQUEID_ESSENCE + head + 1, "\nx", 2);
	id_of(before, message, sizeof message);
	message[UNIQUEID_ESSENCE + head + 3] = 'y';
	id_of(after, message, sizeof message);
	check(strcmp(before, after) != 0, "what follows an ignored line is ignored");
}

/*
 * However many octets of a message are given at first, its unique-id is the same: more are
 * asked for if a line that counts or not is cut, or if only line ends follow.
 */
static void
test_parts(void)
{
	static char message[UNIQUEID_PREFIX];
	uint8_t whole[UNIQUEID_OCTETS], part[UNIQUEID_OCTETS];
	size_t used, length;

	/* A header in which octets that count and octets that do not take turns; one line that
	   does not count begins just where nearly enough are taken. */
	used = (size_t)sprintf(message, "%s", FROM);
	used += (size_t)sprintf(message + used, "A: %0*d\n", (int)(UNIQUEID_ESSENCE - used - 9), 1);
	used += (size_t)sprintf(message + used, "X-Keywords: A\n");
	for (int i = 0; used < 6000; i++)
		used += (size_t)sprintf(message + used, "A%d: %0*d\nX-Keywords: %0*d\n folded\n", i,
		    i % 50, 1, i % 70, 2);
	used += (size_t)sprintf(message + used, "\nbody\n");
	memset(message + used, '\n', sizeof message - used);
	for (int tail = 0; tail < 2; tail++) {
		length = tail == 0 ? used : sizeof message;
		uniqueid_digest(UNIQUEID_OWN, message, length, true, false, whole);
		for (size_t n = 1; n < length; n++)
			if (uniqueid_digest(UNIQUEID_OWN, message, n, false, false, part))
				check(memcmp(whole, part, sizeof part) == 0, "%zu octets of %zu", n, length);
	}
	/* Text that ends before what counts is full, and line ends for as long as you like. */
	used = (size_t)sprintf(message, "%s\ntext\n", FROM);
	memset(message + used, '\n', sizeof message - used);
	uniqueid_digest(UNIQUEID_OWN, message, used, true, false, whole);
	uniqueid_digest(UNIQUEID_OWN, message, 5000, true, false, part);
	check(memcmp(whole, part, sizeof part) == 0, "line ends at the end count");
	check(uniqueid_digest(UNIQUEID_OWN, message, 4096, false, false, part) &&
	    memcmp(whole, part, sizeof part) == 0, "line ends count in a part");
}

/* A message that is joined has another unique-id than these octets have otherwise. */
static void
test_joined(void)
{
	static const char raw[] = FROM "Content-Length: 40\n\nx\n\nFrom y\n\nz\n";
	uint8_t joined[UNIQUEID_OCTETS], cut[UNIQUEID_OCTETS];

	uniqueid_digest(UNIQUEID_OWN, raw, sizeof raw - 1, true, true, joined);
	uniqueid_digest(UNIQUEID_OWN, raw, sizeof raw - 1, true, false, cut);
	check(memcmp(joined, cut, sizeof joined) != 0, "joined or not, the unique-id is the same");
}

static void
test_popa3d(void)
{
	uint8_t digest[UNIQUEID_OCTETS];
	char text[UNIQUEID_TEXT];

	for (size_t i = 0; i < sizeof popa3d / sizeof popa3d[0]; i++) {
		uniqueid_digest(UNIQUEID_POPA3D, popa3d[i].raw, strlen(popa3d[i].raw), true, false,
		    digest);
		size_t length = uniqueid_text(UNIQUEID_POPA3D, digest, 1, text);
		check(length == 16 && memcmp(text, popa3d[i].id, length) == 0,
		    "popa3d's vector %zu is now %.*s", i, (int)length, text);
	}
}

static void
expect_text(uint32_t copy, const char *expected)
{
	static const uint8_t digest[UNIQUEID_OCTETS] = { 0x01, 0xab, [15] = 0xff };
	char text[UNIQUEID_TEXT];
	size_t length = uniqueid_text(UNIQUEID_OWN, digest, copy, text);

	check(length == strlen(expected) && memcmp(text, expected, length) == 0,
	    "copy %u is \"%.*s\"", copy, (int)length, text);
}

int
main(void)
{
	char id[33], hex[33];

	for (size_t i = 0; i < sizeof frozen / sizeof frozen[0]; i++) {
		id_of(hex, frozen[i].raw, strlen(frozen[i].raw));
		check(strcmp(hex, frozen[i].id) == 0, "vector %zu is now %s", i, hex);
	}
	id_of(id, plain, sizeof plain - 1);
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		id_of(hex, same[i], strlen(same[i]));
		check(strcmp(hex, id) == 0, "message %zu is another: %s", i, same[i]);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		id_of(hex, others[i], strlen(others[i]));
		check(strcmp(hex, id) != 0, "message %zu is the same: %s", i, others[i]);
	}
	test_popa3d();
	test_bounds();
	test_parts();
	test_joined();
	expect_text(0, "01ab00000000000000000000000000ff");
	expect_text(1, "01ab00000000000000000000000000ff");
	expect_text(2, "01ab00000000000000000000000000ff-2");
	expect_text(10, "01ab00000000000000000000000000ff-10");
	expect_text(UINT32_MAX, "01ab00000000000000000000000000ff-4294967295");
	return verdict();
}
