/* The ranks are digests by SipHash. */
#include "standin.h"

#include <string.h>

#include "siphash.h"

void
standin_consider(struct standin *standin, const char *asked, const char *hash)
{
	static const uint8_t zero[16];
	struct siphash sip;
	uint8_t key[16], rank[16];

	siphash_begin(&sip, zero);
	siphash_add(&sip, hash, strlen(hash));
	siphash_end(&sip, key);
	siphash_begin(&sip, key);
	siphash_add(&sip, asked, strlen(asked));
	siphash_end(&sip, rank);
	if (standin->hash == NULL || memcmp(rank, standin->rank, sizeof rank) < 0) {
		memcpy(standin->rank, rank, sizeof rank);
		standin->hash = hash;
	}
	explicit_bzero(&sip, sizeof sip);
	explicit_bzero(key, sizeof key);
	explicit_bzero(rank, sizeof rank);
}
