/*
 * standin: which account's hash crypt(3) runs with when a name has none. Pure.
 *
 * The choice must be unknown outside, and the same whenever that name is asked for:
 * a cost that changed from one session to the next, or whenever anybody changed a
 * password, would show that there is no such account. So each account ranks the name
 * by a digest whose key is the account's own hash, and the smallest rank is taken. A
 * key made at random for each process would change with each session, and one made of
 * the whole file with each password; this way a new password moves only the names that
 * its account stood in for.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stdint.h>

enum { STANDIN_KEPT = 8, STANDIN_NAME = 32, STANDIN_HASH = 255 };

/* All zero is empty. It holds hashes: the caller wipes it. */
struct standin {
	struct {
		uint8_t rank[16];
		char name[STANDIN_NAME + 1];
		char hash[STANDIN_HASH + 1];	/* empty: no account */
		bool served;
	} best[STANDIN_KEPT];	/* the smallest rank first */
};

/*
 * An account with a usable hash. Whether it is served may stand in another file and be
 * known later only, so the few accounts that come first are kept.
 */
void standin_consider(struct standin *standin, const char *asked, const char *name,
	const char *hash, bool served);

/* That account is one that is served. */
void standin_serve(struct standin *standin, const char *name);

/* The hash of the first account that is served, else of the first; NULL: none. */
const char *standin_hash(const struct standin *standin);

#endif
