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

#include <stdint.h>

/* All zero is empty. */
struct standin {
	uint8_t rank[16];	/* the smallest so far */
	const char *hash;	/* of that account; NULL: no account yet */
};

/* An account with a usable hash, which must stay where it is. */
void standin_consider(struct standin *standin, const char *asked, const char *hash);

#endif
