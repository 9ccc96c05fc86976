/* The hash that stands in for one that is not there. */
#include "standin.h"

#include <string.h>

#include "siphash.h"

static void
rank(uint8_t digest[16], const char *hash, const char *asked)
{
	static const uint8_t zero[16];
	struct siphash sip;
	uint8_t key[16];

	siphash_begin(&sip, zero);
	siphash_add(&sip, hash, strlen(hash));
	siphash_end(&sip, key);
	siphash_begin(&sip, key);
	siphash_add(&sip, asked, strlen(asked));
	siphash_end(&sip, digest);
	explicit_bzero(&sip, sizeof sip);
	explicit_bzero(key, sizeof key);
}

void
standin_consider(struct standin *standin, const char *asked, const char *name,
	const char *hash, bool served)
{
	uint8_t digest[16];
	size_t i = 0;

	if (strlen(name) > STANDIN_NAME || strlen(hash) > STANDIN_HASH)
		return;
	rank(digest, hash, asked);
	while (i < STANDIN_KEPT && standin->best[i].hash[0] != '\0' &&
	    memcmp(standin->best[i].rank, digest, sizeof digest) <= 0)
		i++;
	if (i == STANDIN_KEPT)
		return;
	memmove(&standin->best[i + 1], &standin->best[i],
	    (STANDIN_KEPT - 1 - i) * sizeof standin->best[0]);
	memcpy(standin->best[i].rank, digest, sizeof digest);
	strcpy(standin->best[i].name, name);
	strcpy(standin->best[i].hash, hash);
	standin->best[i].served = served;
}

void
standin_serve(struct standin *standin, const char *name)
{
	for (size_t i = 0; i < STANDIN_KEPT; i++)
		if (standin->best[i].hash[0] != '\0' && strcmp(standin->best[i].name, name) == 0)
			standin->best[i].served = true;
}

const char *
standin_hash(const struct standin *standin)
{
	for (size_t i = 0; i < STANDIN_KEPT; i++)
		if (standin->best[i].served)
			return standin->best[i].hash;
	return standin->best[0].hash[0] != '\0' ? standin->best[0].hash : NULL;
}
