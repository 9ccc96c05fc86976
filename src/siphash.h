/* siphash: SipHash-2-4 with a result of 128 bits, fed in pieces. Pure. */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash {
	uint64_t v[4];
	uint64_t length;
	uint8_t tail[8];
};

void siphash_begin(struct siphash *hash, const uint8_t key[16]);
void siphash_add(struct siphash *hash, const void *octets, size_t length);
void siphash_end(struct siphash *hash, uint8_t digest[16]);

#endif
