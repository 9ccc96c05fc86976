/* MD5 as RFC 1321 section 3 describes it, one step at a time. */
#include "md5.h"

#include <string.h>

/* floor(2^32 * |sin(i + 1)|), section 3.4. */
static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
	0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
	0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
	0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
	0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
	0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t shifts[4][4] = {
	{ 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 },
};

static uint32_t
mix(unsigned step, uint32_t x, uint32_t y, uint32_t z)
{
	switch (step / 16) {
	case 0:
		return (x & y) | (~x & z);
	case 1:
		return (x & z) | (y & ~z);
	case 2:
		return x ^ y ^ z;
	default:
		return y ^ (x | ~z);
	}
}

static unsigned
word_of(unsigned step)
{
	static const uint8_t factor[4] = { 1, 5, 3, 7 }, offset[4] = { 0, 1, 5, 0 };

	return (factor[step / 16] * step + offset[step / 16]) % 16;
}

static void
transform(uint32_t state[4], const uint8_t block[64])
{
	uint32_t word[16], a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < 16; i++)
		word[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
		    (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
	for (unsigned step = 0; step < 64; step++) {
		uint32_t sum = a + mix(step, b, c, d) + word[word_of(step)] + sines[step];
		unsigned shift = shifts[step / 16][step % 4];
		a = d;
		d = c;
		c = b;
		b += sum << shift | sum >> (32 - shift);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void
md5_begin(struct md5 *md5)
{
	static const uint32_t initial[4] = {
		0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
	};

	memcpy(md5->state, initial, sizeof initial);
	md5->length = 0;
}

void
md5_add(struct md5 *md5, const void *octets, size_t length)
{
	const uint8_t *p = octets;

	for (; length > 0; length--) {
		md5->block[md5->length++ % 64] = *p++;
		if (md5->length % 64 == 0)
			transform(md5->state, md5->block);
	}
}

void
md5_end(struct md5 *md5, uint8_t digest[16])
{
	static const uint8_t padding[64] = { 0x80 };
	uint64_t bits = md5->length * 8;
	uint8_t count[8];

	for (unsigned i = 0; i < 8; i++)
		count[i] = (uint8_t)(bits >> 8 * i);
	md5_add(md5, padding, 1 + (119 - md5->length % 64) % 64);
	md5_add(md5, count, sizeof count);
	for (unsigned i = 0; i < 16; i++)
		digest[i] = (uint8_t)(md5->state[i / 4] >> 8 * (i % 4));
}
