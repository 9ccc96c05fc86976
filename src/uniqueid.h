/*
 * uniqueid: the unique-id of a message (RFC 1939 section 7, UIDL) from the
 * octets that deliverers write and mail programs leave alone. Pure.
 *
 * Our own is the fingerprint, in 128 bits, of the first UNIQUEID_ESSENCE octets that
 * are left of a message without the header lines whose names are in the list of
 * uniqueid.c, and without the line ends at its end. A message that its Content-Length
 * has joined is the whole of what would otherwise be several messages, so the digits
 * of that line count too.
 *
 * The others are those of servers that users come from. popa3d's (1.0.3) is half of
 * an MD5 of some header lines. Dovecot's default format is a number that stands in the
 * mailbox as X-UID; the adoption says up to which number X-UID is believed.
 *
 * Whoever changes any of this makes every client fetch all mail again: the vectors in
 * tests/unit guard it.
 */
#ifndef UNIQUEID_H
#define UNIQUEID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UNIQUEID_OCTETS = 16,		/* of the digest */
	UNIQUEID_ESSENCE = 2048,
	UNIQUEID_PREFIX = 32 * 1024,	/* raw octets of a message that are looked at, at most */
	UNIQUEID_PROMISE = 1 + 20,	/* NUL and the digits of a Content-Length */
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
 * The digest of a raw message of which the first "length" octets are given, UNIQUEID_PREFIX
 * at most; "whole" says that it ends there. Its first octets are the unique-id, as many
 * as the kind says; if they are another server's, the rest is half of our own. Returns false if
 * more octets are needed: UNIQUEID_PREFIX always suffice.
 */
bool uniqueid_digest(enum uniqueid_kind kind, const char *octets, size_t length, bool whole,
	bool joined, uint8_t digest[UNIQUEID_OCTETS]);

/*
 * The number in the first X-UID line of a raw message's header, of which the first
 * "length" octets are given; 0: there is none, or it is malformed.
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
