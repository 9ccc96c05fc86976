/*
 * standin: chooses the account whose hash crypt(3) runs with, when a name has no usable
 * hash of its own. Pure.
 *
 * Nobody outside may know the choice, and it must stay as it is for one name:
 * a cost that changed from one session to the next, or whenever anybody changed a
 * password, would show that there is no such account. So each account ranks the name
 * by a digest whose key is the account's own hash, and the smallest rank is taken. A
 * key made at random for each process would change with each session, and a key made of
 * the whole file would change with each password. With a key for each account, a new
 * password changes only the choices in which its account had or now has the least rank.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdint.h>

/* All zero: no account was considered yet. */
struct standin {
	uint8_t rank[16];	/* the smallest so far */
	const char *hash;	/* of the account with that rank; NULL: no account yet */
};

/*
 * Considers an account with a usable hash for the name "asked". The hash must stay where
 * it is while *standin is used.
 */
void standin_consider(struct standin *standin, const char *asked, const char *hash);

#endif
