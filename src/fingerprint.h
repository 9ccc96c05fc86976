/*
 * fingerprint: 64 bits over a run of octets, by which we notice that a file has changed or
 * that a write was torn; and 128 bits, of which unique-ids are made. Pure. It is no defence
 * against an attacker who may write the octets and wants the change to be missed.
 */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

enum { FINGERPRINT_LANES = 8, FINGERPRINT_GRAIN = 64 };

struct fingerprint {
	uint64_t lane[FINGERPRINT_LANES];
};

/*
 * Begin, add, end. Each piece but the last is a multiple of FINGERPRINT_GRAIN
 * octets, or the result depends on how the run was cut.
 */
void fingerprint_begin(struct fingerprint *print);
void fingerprint_add(struct fingerprint *print, const void *octets, size_t length);
uint64_t fingerprint_end(const struct fingerprint *print);

/* Returns the fingerprint of one piece. */
uint64_t fingerprint_of(const void *octets, size_t length);

/* Gives the fingerprint in 128 bits, alike on every machine. Unique-ids are made of it, so
   it must never change. */
enum { FINGERPRINT_DIGEST = 16 };
void fingerprint_digest(const struct fingerprint *print, uint8_t digest[FINGERPRINT_DIGEST]);

#endif
