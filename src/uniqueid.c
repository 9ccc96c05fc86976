/*
 * Mail that is delivered twice differs in the date of its From_ line; if not, the equal
 * messages are numbered in file order. A mail program may note its own things in a header,
 * and clients must not fetch the message again, so such lines are left out.
 */
#include "uniqueid.h"

#include <string.h>
#include <strings.h>

#include "fingerprint.h"
#include "md5.h"

/*
 * Mail programs and other servers write header lines with these names into messages after
 * delivery. A comment names the program if only one writes them. A hyphen at the end means
 * any name that begins so. The list is in the manual, UNIQUE-IDS, and never changes.
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
	"X-Spam-", "X-Spamd-",				/* filters; long, and alike in much mail */
};

/* For each first letter, as a number: the third letters of the names in the list with it. */
#define LETTER(letter) ((uint32_t)1 << ((letter) & 31))
static const uint32_t third_letters[32] = {
	['S' & 31] = LETTER('a'),
	['C' & 31] = LETTER('n'),
	['L' & 31] = LETTER('n'),
	['X' & 31] = LETTER('S') | LETTER('U') | LETTER('K') | LETTER('I') | LETTER('L') |
	    LETTER('E') | LETTER('M') | LETTER('R') | LETTER('V'),
};

static bool
is_field(const char *line, size_t length, const char *name)
{
	size_t n = strlen(name);

	return n < length && (line[n] == ':' || name[n - 1] == '-') &&
	    strncasecmp(line, name, n) == 0;
}

static bool
is_ignored(const char *line, size_t length)
{
	/* Two octets suffice to rule out most lines. */
	if (length < 3 || (third_letters[line[0] & 31] >> (line[2] & 31) & 1) == 0)
		return false;
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		if (((line[0] ^ ignored[i][0]) & 31) == 0 &&
		    ((line[2] ^ ignored[i][2]) & 31) == 0 && is_field(line, length, ignored[i]))
			return true;
	return false;
}

/* Returns the length of the line at p, with its LF. */
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

static bool
is_blank(char octet)
{
	return octet == ' ' || octet == '\t';
}

/* The octets of which our own digest is made. */
struct essence {
	size_t length;
	char octets[UNIQUEID_ESSENCE + UNIQUEID_PROMISE];
};

static void
take(struct essence *essence, const char *octets, size_t length)
{
	size_t left = UNIQUEID_ESSENCE - essence->length;
	size_t n = length < left ? length : left;

	memcpy(essence->octets + essence->length, octets, n);
	essence->length += n;
}

/* Returns true if the octets taken and the run up to p are all that count. */
static bool
is_full(const struct essence *essence, const char *run, const char *p)
{
	return essence->length + (size_t)(p - run) >= UNIQUEID_ESSENCE;
}

/*
 * A message may be sent cut short because its Content-Length cannot be believed yet, and
 * be joined later. If its unique-id stayed, a client would remove what it has never
 * fetched. So the digits of the Content-Length that joined it count, after a NUL.
 */
static void
take_promise(struct essence *essence, const char *field, size_t length)
{
	size_t most = sizeof essence->octets;

	essence->octets[essence->length++] = '\0';
	for (size_t i = 0; i < length && essence->length < most; i++)
		if (field[i] >= '0' && field[i] <= '9')
			essence->octets[essence->length++] = field[i];
}

/* Returns false if more of the message is needed. Unless "whole", it goes on after "end". */
static bool
digest_own(const char *octets, const char *end, bool whole, bool joined,
	uint8_t digest[UNIQUEID_OCTETS])
{
	struct essence essence;
	bool skipping = false;
	/* Lines that count are taken together as far as they follow each other. */
	const char *run = octets, *p, *promise = NULL;
	size_t n, promised = 0;
	bool cut = false;	/* the last of these lines may go on after "end" */

	essence.length = 0;
	for (p = octets; p < end && (!is_full(&essence, run, p) || (joined && promise == NULL));
	    p += n) {
		if (is_empty(p, end))
			break;
		n = line_length(p, end);
		cut = p[n - 1] != '\n';
		/* A folded line goes with the one before it. */
		if (!is_blank(*p))
			skipping = is_ignored(p, n);
		if (joined && promise == NULL && is_field(p, n, "Content-Length")) {
			promise = p;
			promised = n;
		}
		if (skipping) {
			take(&essence, run, (size_t)(p - run));
			run = p + n;
		}
	}
	take(&essence, run, (size_t)(end - run));
	if (!whole && end - octets < UNIQUEID_PREFIX &&
	    (cut || essence.length < UNIQUEID_ESSENCE || (joined && promise == NULL)))
		return false;
	/* Mail programs differ in how many empty lines end a message. */
	while (essence.length > 0 && (essence.octets[essence.length - 1] == '\n' ||
	    essence.octets[essence.length - 1] == '\r'))
		essence.length--;
	if (promise != NULL)
		take_promise(&essence, promise, promised);
	struct fingerprint print;
	fingerprint_begin(&print);
	fingerprint_add(&print, essence.octets, essence.length);
	fingerprint_digest(&print, digest);
	return true;
}

/* Returns true if popa3d's digest has this line, which does not continue a field. */
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

/* Returns false if more of the header is needed. */
static bool
digest_popa3d(const char *octets, const char *end, bool whole, uint8_t digest[UNIQUEID_POPA3D])
{
	struct md5 md5;
	uint8_t sum[16];
	bool received = false, taken = false;
	const char *p;
	size_t n;

	md5_begin(&md5);
	for (p = octets + line_length(octets, end); p < end && p[0] != '\n'; p += n) {
		n = line_length(p, end);
		if (!is_blank(p[0]))
			taken = popa3d_takes(p, n, &received);
		if (taken)
			md5_add(&md5, p, n);
	}
	if (p == end && !whole && end - octets < UNIQUEID_PREFIX)
		return false;
	md5_end(&md5, sum);
	/* popa3d prints the words of MD5, and not its octets. */
	for (size_t i = 0; i < UNIQUEID_POPA3D; i++)
		digest[i] = sum[i ^ 3];
	return true;
}

/* Puts another server's id first, and keeps half of our own digest after it. */
static void
put_first(uint8_t digest[UNIQUEID_OCTETS], const uint8_t id[UNIQUEID_OCTETS / 2])
{
	memcpy(digest + UNIQUEID_OCTETS / 2, digest, UNIQUEID_OCTETS / 2);
	memcpy(digest, id, UNIQUEID_OCTETS / 2);
}

bool
uniqueid_digest(enum uniqueid_kind kind, const char *octets, size_t length, bool whole,
	bool joined, uint8_t digest[UNIQUEID_OCTETS])
{
	const char *end = octets + length;
	uint8_t other[UNIQUEID_POPA3D];

	if (!digest_own(octets, end, whole, joined, digest))
		return false;
	if (kind == UNIQUEID_OWN)
		return true;
	if (!digest_popa3d(octets, end, whole, other))
		return false;
	put_first(digest, other);
	return true;
}

/* Takes the next word before "end" as a number, and moves *line past it. Returns false if
   the word is not a number of at most 32 bits. */
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

/* Returns where the text of a line ends, without its line end and blanks before that. */
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
	const char *end = octets + length;
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
	uint8_t id[UNIQUEID_DOVECOT];

	put_number(id, uid);
	put_number(id + 4, validity);
	put_first(digest, id);
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
