/*
 * uniqueid: makes the unique-id of a message (RFC 1939 section 7, UIDL) from the
 * octets that deliverers write and mail programs leave alone. Pure.
 *
 * Our own unique-id is the fingerprint, in 128 bits, of the first UNIQUEID_ESSENCE octets
 * that are left of a message without the header lines whose names are in the list of
 * uniqueid.c, and without the line ends at its end. If a Content-Length has joined what
 * would otherwise be several messages, the digits of that line count too.
 *
 * Other kinds of unique-id are those of servers that users come from. That of popa3d
 * (1.0.3) is half of an MD5 of some header lines. Dovecot's default format is a number that
 * stands in the mailbox as X-UID; the adoption says up to which number X-UID is believed.
 *
 * Any change of this would make every client fetch all mail again. The vectors in
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
	UNIQUEID_PREFIX = 32 * 1024,	/* raw octets of a message: no more are looked at */
	UNIQUEID_PROMISE = 1 + 20,	/* NUL and the digits of a Content-Length */
	UNIQUEID_TEXT = 2 * UNIQUEID_OCTETS + 1 + 10,	/* "32 hex digits-count" */
};

/* The value is how many octets of the digest the text shows. */
enum uniqueid_kind {
	UNIQUEID_OWN = UNIQUEID_OCTETS,
	UNIQUEID_POPA3D = 8,
	UNIQUEID_DOVECOT = 8,	/* of single messages, in a mailbox of either kind */
};

/* Of a mailbox that Dovecot served: its UIDVALIDITY, and the last UID that Dovecot gave. */
struct uniqueid_adoption {
	uint32_t validity, last;	/* last is 0 if no number is believed */
};

/*
 * Makes the digest of a raw message, of which the first "length" octets are given,
 * UNIQUEID_PREFIX at most; "whole" says that the message ends there. The first octets of the
 * digest are the unique-id, as many as the kind says; with popa3d's kind the others are half
 * of our own digest. Returns false if more octets are needed; UNIQUEID_PREFIX always suffice.
 */
bool uniqueid_digest(enum uniqueid_kind kind, const char *octets, size_t length, bool whole,
	bool joined, uint8_t digest[UNIQUEID_OCTETS]);

/*
 * Returns the number in the first X-UID line of a raw message's header, of which the first
 * "length" octets are given, or 0 if there is no such line or it is malformed.
 */
uint32_t uniqueid_dovecot(const char *octets, size_t length);

/*
 * Returns the UIDVALIDITY in the first well-formed X-IMAPbase or X-IMAP line of the first
 * header of a mailbox that begins with these octets, or 0 if there is no such line.
 */
uint32_t uniqueid_validity(const char *octets, size_t length);

/*
 * Makes a digest that of Dovecot's message "uid". The first half of the former digest
 * becomes the second half, which distinguishes messages that have the same number.
 */
void uniqueid_adopt(uint32_t uid, uint32_t validity, uint8_t digest[UNIQUEID_OCTETS]);

/* Returns the number "uid" that uniqueid_adopt wrote into a digest. */
uint32_t uniqueid_adopted(const uint8_t digest[UNIQUEID_OCTETS]);

/*
 * Writes the text of a unique-id: lower case hex, and "-N" for the Nth (from 2) message
 * with one digest. Returns its length, at most UNIQUEID_TEXT; there is no NUL.
 */
size_t uniqueid_text(enum uniqueid_kind kind, const uint8_t digest[UNIQUEID_OCTETS],
	uint32_t copy, char text[UNIQUEID_TEXT]);

#endif
