/*
 * fingerprint: 64 bits over a run of octets, to notice that a file is not what
 * was read, or that a write was torn. Pure. It is no defence against somebody
 * who may write the file and wants the change to be missed.
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

/* The checksum of one piece. */
uint64_t fingerprint_of(const void *octets, size_t length);

/* In 128 bits, the same on every machine. Unique-ids are made of it: it never changes. */
enum { FINGERPRINT_DIGEST = 16 };
void fingerprint_digest(const struct fingerprint *print, uint8_t digest[FINGERPRINT_DIGEST]);

#endif
