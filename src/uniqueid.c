/*
 * Unique-ids. Equal mail delivered twice differs in its From_ line's date, or
 * else is numbered in file order; a mail program that notes its own things in
 * the header changes nothing here.
 */
#include "uniqueid.h"

#include <string.h>
#include <strings.h>

#include "md5.h"
#include "siphash.h"

/*
 * What mail programs and other servers write into messages after delivery, by the
 * program that has it alone, if there is one. A hyphen at the end: any name that
 * begins so. The manual has this list, UNIQUE-IDS, and it never changes.
 */
static const char *const ignored[] = {
	"Status", "X-Status", "X-UID", "X-UIDL", "X-Keywords", "X-IMAP", "X-IMAPbase",
	"Content-Length", "Lines",
	"X-Label",					/* mutt */
	"X-Expire-Timestamp",				/* mailutils */
	"X-Evolution", "X-Evolution-",
	"X-Mozilla-",
	"X-KMail-", "X-Length",				/* KMail */
	"X-RMAIL-", "X-VM-",				/* Emacs */
};

static const uint8_t key[16] = {
	's', 't', 'd', 'p', 'o', 'p', '3', 'd', ' ', 'u', 'n', 'i', 'q', 'u', 'e', '-',
};

static bool
is_field(const char *line, size_t length, const char *name)
{
	size_t n;

	/* Most lines are told apart by two octets. */
	if (length < 3 || (((line[0] ^ name[0]) | (line[2] ^ name[2])) & ~0x20) != 0)
		return false;
	n = strlen(name);
	return n < length && (line[n] == ':' || name[n - 1] == '-') &&
	    strncasecmp(line, name, n) == 0;
}

static bool
is_ignored(const char *line, size_t length)
{
	int first = line[0] & ~0x20;

	/* Most lines begin with no letter that a name of the list begins with. */
	if (first != 'X' && first != 'S' && first != 'C' && first != 'L')
		return false;
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		if (is_field(line, length, ignored[i]))
			return true;
	return false;
}

/* The octets of the line at p, its LF included. */
static size_t
line_length(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return (size_t)((lf == NULL ? end : lf + 1) - p);
}

static bool
is_empty(const char *line, const char *end)
{
	return line[0] == '\n' || (line[0] == '\r' && end - line > 1 && line[1] == '\n');
}

static void
add_body(struct siphash *hash, const char *p, const char *end)
{
	while (end > p && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	if (end - p > UNIQUEID_BODY)
		end = p + UNIQUEID_BODY;
	siphash_add(hash, p, (size_t)(end - p));
}

static bool
is_blank(char octet)
{
	return octet == ' ' || octet == '\t';
}

/*
 * A message that was sent cut short, since its Content-Length was not to be believed
 * then, must not keep its unique-id when it is joined later: a client would remove with
 * it what it has never fetched.
 */
static void
add_promise(struct siphash *hash, const char *field, size_t length)
{
	const char *digit = field;

	for (size_t i = 0; i < length; i++, digit++)
		if (*digit >= '0' && *digit <= '9')
			siphash_add(hash, digit, 1);
}

static void
digest_own(const char *octets, const char *end, bool joined, uint8_t digest[UNIQUEID_OCTETS])
{
	struct siphash hash;
	bool skipping = false;
	/* Lines that count are taken together as far as they follow each other. */
	const char *run = octets, *p, *promise = NULL;
	size_t n, left = UNIQUEID_HEADER;

	siphash_begin(&hash, key);
	for (p = octets; p < end && left > 0 && !is_empty(p, end); p += n) {
		n = line_length(p, end);
		/* A folded line goes with the one before it. */
		if (!is_blank(p[0]))
			skipping = is_ignored(p, n);
		if (joined && is_field(p, n, "Content-Length"))
			promise = p;
		if (skipping) {
			siphash_add(&hash, run, (size_t)(p - run));
			run = p + n;
			continue;
		}
		n = n < left ? n : left;
		left -= n;
	}
	siphash_add(&hash, run, (size_t)(p - run));
	if (p < end && left > 0)
		add_body(&hash, p, end);
	if (promise != NULL)
		add_promise(&hash, promise, line_length(promise, end));
	siphash_end(&hash, digest);
}

/* Whether popa3d's digest has a line, which is no folded one. */
static bool
popa3d_takes(const char *line, size_t length, bool *received)
{
	bool first = !*received;

	if (is_field(line, length, "Received")) {
		*received = true;
		return first;
	}
	if (is_field(line, length, "Date") || is_field(line, length, "Message-ID"))
		return first;
	return is_field(line, length, "Delivered-To") ||
	    (line[0] == 'X' && is_field(line, length, "X-Delivery-ID"));
}

static void
digest_popa3d(const char *octets, const char *end, uint8_t digest[UNIQUEID_OCTETS])
{
	struct md5 md5;
	uint8_t sum[16];
	bool received = false, taken = false;
	size_t n = line_length(octets, end);

	md5_begin(&md5);
	for (const char *p = octets + n; p < end && p[0] != '\n'; p += n) {
		n = line_length(p, end);
		if (!is_blank(p[0]))
			taken = popa3d_takes(p, n, &received);
		if (taken)
			md5_add(&md5, p, n);
	}
	md5_end(&md5, sum);
	/* It prints MD5's words, not its octets. */
	memset(digest, 0, UNIQUEID_OCTETS);
	for (size_t i = 0; i < UNIQUEID_POPA3D; i++)
		digest[i] = sum[i ^ 3];
}

void
uniqueid_digest(enum uniqueid_kind kind, const char *octets, size_t length,
	bool joined, uint8_t digest[UNIQUEID_OCTETS])
{
	const char *end = octets + (length < UNIQUEID_PREFIX ? length : UNIQUEID_PREFIX);

	if (kind == UNIQUEID_POPA3D)
		digest_popa3d(octets, end, digest);
	else
		digest_own(octets, end, joined, digest);
}

/* The number that is the next word before "end", and moves "line" past it. */
static bool
take_number(const char **line, const char *end, uint32_t *number)
{
	const char *p = *line, *digits;
	uint64_t value = 0;

	while (p < end && is_blank(*p))
		p++;
	for (digits = p; p < end && *p >= '0' && *p <= '9' && value <= UINT32_MAX; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	*line = p;
	*number = (uint32_t)value;
	return p > digits && value <= UINT32_MAX && (p == end || is_blank(*p));
}

/* The end of what a line says. */
static const char *
text_end(const char *line, size_t length)
{
	const char *end = line + length;

	while (end > line && (is_blank(end[-1]) || end[-1] == '\n' || end[-1] == '\r'))
		end--;
	return end;
}

uint32_t
uniqueid_dovecot(const char *octets, size_t length)
{
	static const char name[] = "X-UID";
	const char *end = octets + (length < UNIQUEID_PREFIX ? length : UNIQUEID_PREFIX);
	uint32_t uid;
	size_t n;

	for (const char *p = octets; p < end && !is_empty(p, end); p += n) {
		n = line_length(p, end);
		if (!is_field(p, n, name))
			continue;
		const char *value = p + sizeof name, *last = text_end(p, n);
		return p[n - 1] == '\n' && take_number(&value, last, &uid) && value == last ? uid : 0;
	}
	return 0;
}

uint32_t
uniqueid_validity(const char *octets, size_t length)
{
	const char *p = octets, *end = octets + length;
	uint32_t validity, last;
	size_t n;

	while (p < end && is_empty(p, end))
		p += line_length(p, end);
	for (; p < end && !is_empty(p, end); p += n) {
		n = line_length(p, end);
		if (!is_field(p, n, "X-IMAPbase") && !is_field(p, n, "X-IMAP"))
			continue;
		const char *value = (const char *)memchr(p, ':', n) + 1, *stop = text_end(p, n);
		if (p[n - 1] == '\n' && take_number(&value, stop, &validity) && validity > 0 &&
		    take_number(&value, stop, &last))
			return validity;
	}
	return 0;
}

static void
put_number(uint8_t octets[4], uint32_t number)
{
	for (int i = 0; i < 4; i++)
		octets[i] = (uint8_t)(number >> (24 - 8 * i));
}

void
uniqueid_adopt(uint32_t uid, uint32_t validity, uint8_t digest[UNIQUEID_OCTETS])
{
	memcpy(digest + UNIQUEID_DOVECOT, digest, UNIQUEID_OCTETS - UNIQUEID_DOVECOT);
	put_number(digest, uid);
	put_number(digest + 4, validity);
}

uint32_t
uniqueid_adopted(const uint8_t digest[UNIQUEID_OCTETS])
{
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
	    digest[3];
}

size_t
uniqueid_text(enum uniqueid_kind kind, const uint8_t digest[UNIQUEID_OCTETS],
	uint32_t copy, char text[UNIQUEID_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	char reversed[10];
	size_t length = 0, digits = 0;

	for (size_t i = 0; i < (size_t)kind; i++) {
		text[length++] = hex[digest[i] >> 4];
		text[length++] = hex[digest[i] & 15];
	}
	if (copy < 2)
		return length;
	text[length++] = '-';
	for (; copy > 0; copy /= 10)
		reversed[digits++] = (char)('0' + copy % 10);
	while (digits > 0)
		text[length++] = reversed[--digits];
	return length;
}
