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
	{ PLAIN, "0d835d00b9eecf3e4df3835d5669c089" },
	{ FROM, "785f8be90123941419ecd7b5804a1a41" },
	{ FROM "Subject: no body\n", "81dbcff5c823faacb4047f42293cc5ec" },
	{ "From alice Thu Jan  1 00:00:00 1970\r\nSubject: one\r\n\r\nbody\r\n\r\n",
	    "c98903af14f14bd809e7d900f571d5ad" },
	{ FROM "Subject: folded\n line\n\n.\n\xff\xfe\n", "7f70d78f0ea050629c1e5a4303eb7850" },
};

/* What popa3d 1.0.3 says of them. */
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

/* All of these are the same message. */
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

	/* A copy of just that size, so that reading beyond it shows. */
	char *copy = malloc(length == 0 ? 1 : length);
	if (copy == NULL)
		abort();
	memcpy(copy, raw, length);
	uniqueid_digest(UNIQUEID_OWN, copy, length, false, digest);
	free(copy);
	to_hex(hex, digest, sizeof digest);
}

/* What follows the looked-at octets of a message changes nothing. */
static void
test_bounds(void)
{
	static char long_message[2 * UNIQUEID_PREFIX];
	char before[33], after[33];
	/* The empty line counts as the first octet of the body. */
	size_t head = sizeof FROM - 1;

	memset(long_message, 'x', sizeof long_message);
	memcpy(long_message, FROM "\n", head + 1);
	id_of(before, long_message, sizeof long_message);
	long_message[head + UNIQUEID_BODY] = 'y';
	id_of(after, long_message, sizeof long_message);
	check(strcmp(before, after) == 0, "the body counts beyond its first octets");
	id_of(after, long_message, UNIQUEID_PREFIX);
	check(strcmp(before, after) == 0, "the length of the message counts");
	long_message[head + UNIQUEID_BODY - 1] = 'y';
	id_of(after, long_message, sizeof long_message);
	check(strcmp(before, after) != 0, "the last of the first octets of the body is ignored");
	/* A header that is longer than all that is looked at. */
	memset(long_message + head, 'h', sizeof long_message - head);
	id_of(before, long_message, sizeof long_message);
	id_of(after, long_message, UNIQUEID_PREFIX);
	check(strcmp(before, after) == 0, "the header counts beyond what is looked at");
}

static void
test_popa3d(void)
{
	uint8_t digest[UNIQUEID_OCTETS];
	char text[UNIQUEID_TEXT];

	for (size_t i = 0; i < sizeof popa3d / sizeof popa3d[0]; i++) {
		uniqueid_digest(UNIQUEID_POPA3D, popa3d[i].raw, strlen(popa3d[i].raw), false,
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
	expect_text(0, "01ab00000000000000000000000000ff");
	expect_text(1, "01ab00000000000000000000000000ff");
	expect_text(2, "01ab00000000000000000000000000ff-2");
	expect_text(10, "01ab00000000000000000000000000ff-10");
	expect_text(UINT32_MAX, "01ab00000000000000000000000000ff-4294967295");
	return verdict();
}
