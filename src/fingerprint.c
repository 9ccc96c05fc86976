/*
 * Four lanes of 64 bits, so that one product need not wait for the other: this
 * runs at the speed of the page cache, where a cryptographic hash would not.
 */
#include "fingerprint.h"

#include <string.h>

static uint64_t
stir(uint64_t state, uint64_t word)
{
	state = (state ^ word) * 0x9e3779b97f4a7c15;
	return state ^ state >> 32;
}

void
fingerprint_begin(struct fingerprint *print)
{
	for (unsigned i = 0; i < FINGERPRINT_LANES; i++)
		print->lane[i] = i + 1;
}

void
fingerprint_add(struct fingerprint *print, const void *octets, size_t length)
{
	const unsigned char *p = octets;
	uint64_t a = print->lane[0], b = print->lane[1];
	uint64_t c = print->lane[2], d = print->lane[3];
	uint64_t word[FINGERPRINT_LANES];

	for (; length >= sizeof word; p += sizeof word, length -= sizeof word) {
		memcpy(word, p, sizeof word);
		a = stir(a, word[0]);
		b = stir(b, word[1]);
		c = stir(c, word[2]);
		d = stir(d, word[3]);
	}
	for (; length > 0; length--)
		a = stir(a, *p++);
	print->lane[0] = a;
	print->lane[1] = b;
	print->lane[2] = c;
	print->lane[3] = d;
}

uint64_t
fingerprint_end(const struct fingerprint *print)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < FINGERPRINT_LANES; i++)
		sum = stir(sum, print->lane[i]);
	return sum;
}
