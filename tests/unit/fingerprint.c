/*
 * The fingerprint does not depend on how a run was cut, and notices each
 * single octet. Journals on the disk and unique-ids hold it, so its value must stay.
 */
#include "fingerprint.h"

#include "unit.h"

enum { RUN = 1000 };

static uint64_t
print_of(const uint8_t *octets, size_t length, size_t cut)
{
	struct fingerprint print;

	fingerprint_begin(&print);
	fingerprint_add(&print, octets, cut);
	fingerprint_add(&print, octets + cut, length - cut);
	return fingerprint_end(&print);
}

int
main(void)
{
	uint8_t octets[RUN];

	for (size_t i = 0; i < RUN; i++)
		octets[i] = (uint8_t)(i * 7);
	uint64_t whole = print_of(octets, RUN, 0);
	check(whole == 0xa383ed3167b1c62e, "the fingerprint is now %#jx", (uintmax_t)whole);
	for (size_t cut = 0; cut <= RUN; cut += FINGERPRINT_GRAIN)
		check(print_of(octets, RUN, cut) == whole, "cut at %zu", cut);
	for (size_t i = 0; i < RUN; i++) {
		octets[i] ^= 1;
		check(print_of(octets, RUN, 0) != whole, "octet %zu is not noticed", i);
		octets[i] ^= 1;
	}
	for (size_t length = 0; length < RUN; length++)
		check(print_of(octets, length, 0) != whole, "length %zu is not noticed", length);
	/* What a mail program may do: flags set here and cleared there, order changed. */
	for (size_t gap = 8; gap <= RUN / 4; gap += 8) {
		octets[0] ^= 3, octets[3 * gap] ^= 3;
		octets[gap] ^= 3, octets[2 * gap] ^= 3;
		check(print_of(octets, RUN, 0) != whole, "changes %zu apart are not noticed", gap);
		octets[0] ^= 3, octets[3 * gap] ^= 3;
		octets[gap] ^= 3, octets[2 * gap] ^= 3;
	}
	for (size_t i = FINGERPRINT_GRAIN; i < RUN - 8; i += 8) {
		uint8_t swapped[RUN];

		memcpy(swapped, octets, RUN);
		memcpy(swapped, octets + i, 8);
		memcpy(swapped + i, octets, 8);
		check(memcmp(swapped, octets, RUN) == 0 || print_of(swapped, RUN, 0) != whole,
		    "words swapped %zu apart are not noticed", i);
	}
	return verdict();
}
