/*
 * uniqueid: the unique-id of a message (RFC 1939 section 7, UIDL) from the
 * octets that deliverers write and mail programs leave alone. Pure.
 *
 * It is the 128-bit SipHash-2-4, under a fixed key, of the From_ line and of each
 * header line whose name is not in the list of uniqueid.c, UNIQUEID_HEADER octets
 * at the most, and of the first UNIQUEID_BODY octets from the empty line on,
 * without line ends at the message's end. Of a message that its Content-Length has
 * joined, which is the whole of what would else be several, that number is part too.
 *
 * Or it is popa3d's, for those who come from it: the half of an MD5 of some
 * header lines, as in popa3d 1.0.3.
 *
 * A message that Dovecot had before may keep the unique-id of its default format: the
 * mailbox says which, in X-UID, and the adoption up to which number that is believed.
 *
 * Changing any of this makes every client fetch everything again: the vectors
 * in tests/unit keep it.
 */
#ifndef UNIQUEID_H
#define UNIQUEID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UNIQUEID_OCTETS = 16,		/* of the digest */
	UNIQUEID_PREFIX = 32 * 1024,	/* of a message's raw octets that are looked at */
	UNIQUEID_HEADER = 16 * 1024,
	UNIQUEID_BODY = 512,
	UNIQUEID_TEXT = 2 * UNIQUEID_OCTETS + 1 + 10,	/* "32 hex digits-count" */
};

/* How many octets of the digest there are to it. */
enum uniqueid_kind {
	UNIQUEID_OWN = UNIQUEID_OCTETS,
	UNIQUEID_POPA3D = 8,
	UNIQUEID_DOVECOT = 8,	/* of one message, whatever the kind of the others */
};

/* Of a mailbox that Dovecot served: what it called UIDVALIDITY, and the last UID it gave. */
struct uniqueid_adoption {
	uint32_t validity, last;	/* last is 0: there is none */
};

/*
 * The digest of a raw message, or of its first UNIQUEID_PREFIX octets; what a
 * kind has no use for is zero.
 */
void uniqueid_digest(enum uniqueid_kind kind, const char *octets, size_t length,
	bool joined, uint8_t digest[UNIQUEID_OCTETS]);

/*
 * The number in the first X-UID line of a raw message's header, of which the first
 * UNIQUEID_PREFIX octets are looked at; 0: there is none, or it is malformed.
 */
uint32_t uniqueid_dovecot(const char *octets, size_t length);

/*
 * The UIDVALIDITY in the first well-formed X-IMAPbase or X-IMAP line of the first header
 * of a mailbox that begins with these octets; 0: there is none.
 */
uint32_t uniqueid_validity(const char *octets, size_t length);

/*
 * Makes a digest that of Dovecot's message "uid". What it was stays in the second half,
 * as far as that goes: by it a message is told from another of the number.
 */
void uniqueid_adopt(uint32_t uid, uint32_t validity, uint8_t digest[UNIQUEID_OCTETS]);

/* The number that uniqueid_adopt wrote. */
uint32_t uniqueid_adopted(const uint8_t digest[UNIQUEID_OCTETS]);

/*
 * The text: lower case hex, and "-N" for the Nth (from 2) message of one
 * digest. Returns its length, UNIQUEID_TEXT at most; no NUL.
 */
size_t uniqueid_text(enum uniqueid_kind kind, const uint8_t digest[UNIQUEID_OCTETS],
	uint32_t copy, char text[UNIQUEID_TEXT]);

#endif
