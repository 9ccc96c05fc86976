/*
 * SipHash-2-4 with 128 bits of result, after the description by Aumasson and
 * Bernstein. Nobody who does not know the key can foresee a result, which is what
 * standin.c needs.
 */
#include "siphash.h"

#include <string.h>

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline uint64_t
little_endian(const uint8_t *p)
{
	return (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 |
	    (uint64_t)p[4] << 32 | (uint64_t)p[3] << 24 | (uint64_t)p[2] << 16 |
	    (uint64_t)p[1] << 8 | p[0];
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static inline void
absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static void
finish(uint64_t v[4], uint8_t *out)
{
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	uint64_t x = v[0] ^ v[1] ^ v[2] ^ v[3];
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(x >> 8 * i);
}

void
siphash_begin(struct siphash *hash, const uint8_t key[16])
{
	uint64_t k0 = little_endian(key);
	uint64_t k1 = little_endian(key + 8);

	hash->v[0] = k0 ^ 0x736f6d6570736575;
	hash->v[1] = k1 ^ 0x646f72616e646f6d ^ 0xee;
	hash->v[2] = k0 ^ 0x6c7967656e657261;
	hash->v[3] = k1 ^ 0x7465646279746573;
	hash->length = 0;
}

void
siphash_add(struct siphash *hash, const void *octets, size_t length)
{
	const uint8_t *p = octets;
	size_t have = hash->length % 8;

	hash->length += length;
	if (have > 0) {
		size_t n = length < 8 - have ? length : 8 - have;
		memcpy(hash->tail + have, p, n);
		p += n;
		length -= n;
		if (have + n < 8)
			return;
		absorb(hash->v, little_endian(hash->tail));
	}
	/* The compiler keeps a local array in registers. */
	uint64_t v[4] = { hash->v[0], hash->v[1], hash->v[2], hash->v[3] };
	for (; length >= 8; p += 8, length -= 8)
		absorb(v, little_endian(p));
	memcpy(hash->v, v, sizeof v);
	memcpy(hash->tail, p, length);
}

void
siphash_end(struct siphash *hash, uint8_t digest[16])
{
	uint64_t last = hash->length << 56;

	for (unsigned i = 0; i < hash->length % 8; i++)
		last |= (uint64_t)hash->tail[i] << 8 * i;
	absorb(hash->v, last);
	hash->v[2] ^= 0xee;
	finish(hash->v, digest);
	hash->v[1] ^= 0xdd;
	finish(hash->v, digest + 8);
}
