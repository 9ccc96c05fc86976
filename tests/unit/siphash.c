/*
 * SipHash-2-4-128 of the octets 00, 01, 02, ... under the key 00, 01, ... 0f.
 * "openssl mac -macopt size:16 -macopt hexkey:KEY -in FILE SIPHASH" prints them.
 */
#include "siphash.h"

#include "unit.h"

static const struct {
	size_t length;
	const char *digest;
} vectors[] = {
	{ 0, "a3817f04ba25a8e66df67214c7550293" },
	{ 1, "da87c1d86b99af44347659119b22fc45" },
	{ 7, "a1f1ebbed8dbc153c0b84aa61ff08239" },
	{ 8, "3b62a9ba6258f5610f83e264f31497b4" },
	{ 9, "264499060ad9baabc47f8b02bb6d71ed" },
	{ 15, "5493e99933b0a8117e08ec0f97cfc3d9" },
	{ 16, "6ee2a4ca67b054bbfd3315bf85230577" },
	{ 17, "473d06e8738db89854c066c47ae47740" },
	{ 31, "2939b0183223fafc1723de4f52c43d35" },
	{ 32, "7c3956ca5eeafc3e363e9d556546eb68" },
	{ 63, "5150d1772f50834a503e069a973fbd7c" },
	{ 255, "1c9bb67528165f8e468248e3799b0eab" },
};

static void
digest_of(char hex[33], const uint8_t *octets, size_t length, size_t first, size_t second)
{
	struct siphash hash;
	uint8_t key[16], digest[16];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	siphash_begin(&hash, key);
	siphash_add(&hash, octets, first);
	siphash_add(&hash, octets + first, second - first);
	siphash_add(&hash, octets + second, length - second);
	siphash_end(&hash, digest);
	to_hex(hex, digest, sizeof digest);
}

int
main(void)
{
	uint8_t octets[256];
	char hex[33];

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		size_t length = vectors[i].length;
		for (size_t first = 0; first <= length && first < 20; first++)
			for (size_t second = first; second <= length && second < 40; second++) {
				digest_of(hex, octets, length, first, second);
				check(strcmp(hex, vectors[i].digest) == 0,
				    "%zu octets cut at %zu and %zu: %s", length, first, second, hex);
			}
	}
	return verdict();
}
