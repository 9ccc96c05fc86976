/*
 * With one lane, each product would have to wait for the product before it. So there are
 * eight. This runs at the speed of the page cache; a cryptographic hash would not.
 */
#include "fingerprint.h"

#include <endian.h>
#include <string.h>

/* The rotation brings a word's high bits to where the product spreads them. */
static uint64_t
stir(uint64_t state, uint64_t word)
{
	state ^= word;
	return (state << 29 | state >> 35) * 0x9e3779b97f4a7c15;
}

static uint64_t
word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return le64toh(word);
}

void
fingerprint_begin(struct fingerprint *print)
{
	for (unsigned i = 0; i < FINGERPRINT_LANES; i++)
		print->lane[i] = i + 1;
}

/* The compiler would not keep an array of lanes in registers, so they are variables. */
static void
add_grains(struct fingerprint *print, const unsigned char *p, size_t grains)
{
	uint64_t *lane = print->lane;
	uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
	uint64_t e = lane[4], f = lane[5], g = lane[6], h = lane[7];

	for (; grains > 0; grains--, p += FINGERPRINT_GRAIN) {
		a = stir(a, word(p));
		b = stir(b, word(p + 8));
		c = stir(c, word(p + 16));
		d = stir(d, word(p + 24));
		e = stir(e, word(p + 32));
		f = stir(f, word(p + 40));
		g = stir(g, word(p + 48));
		h = stir(h, word(p + 56));
	}
	lane[0] = a, lane[1] = b, lane[2] = c, lane[3] = d;
	lane[4] = e, lane[5] = f, lane[6] = g, lane[7] = h;
}

void
fingerprint_add(struct fingerprint *print, const void *octets, size_t length)
{
	unsigned char last[FINGERPRINT_GRAIN] = { 0 };
	size_t grains = length / FINGERPRINT_GRAIN;
	size_t rest = length % FINGERPRINT_GRAIN;

	add_grains(print, octets, grains);
	if (rest > 0) {
		memcpy(last, (const unsigned char *)octets + length - rest, rest);
		add_grains(print, last, 1);
		print->lane[0] = stir(print->lane[0], rest);
	}
}

/* Each lane goes into the sum in its turn, from lane "first" on. */
static uint64_t
sum_of(const struct fingerprint *print, unsigned first)
{
	uint64_t sum = first;

	for (unsigned i = 0; i < FINGERPRINT_LANES; i++)
		sum = stir(sum ^ sum >> 32, print->lane[(first + i) % FINGERPRINT_LANES]);
	return sum ^ sum >> 32;
}

uint64_t
fingerprint_end(const struct fingerprint *print)
{
	return sum_of(print, 0);
}

void
fingerprint_digest(const struct fingerprint *print, uint8_t digest[FINGERPRINT_DIGEST])
{
	uint64_t sums[2] = { htole64(sum_of(print, 0)), htole64(sum_of(print, 3)) };

	memcpy(digest, sums, sizeof sums);
}

uint64_t
fingerprint_of(const void *octets, size_t length)
{
	struct fingerprint print;

	fingerprint_begin(&print);
	fingerprint_add(&print, octets, length);
	return fingerprint_end(&print);
}
