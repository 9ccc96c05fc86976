/*
 * credentials: a name and what proves it, to an account, or no. Accounts come
 * from passwd(5) and shadow(5) files through libc's own parsers, passwords are
 * checked by crypt(3): no NSS, no PAM.
 *
 * Every refusal costs the same work: both files are read to their end, and one
 * crypt(3) runs with a real account's method and cost, whatever the name.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "options.h"

enum {
	CREDENTIALS_NAME = 32,		/* octets of the longest name served */
	CREDENTIALS_DIGEST = 32,	/* hex digits of an APOP digest */
};

enum credentials_verdict {
	CREDENTIALS_GOOD,
	CREDENTIALS_BAD,
	CREDENTIALS_UNAVAILABLE,	/* the files cannot be read; logged */
};

struct account {
	char name[CREDENTIALS_NAME + 1];
	uid_t uid;
	gid_t gid;
};

/*
 * Opens the passwd, shadow and secrets files, while that can still be done. A
 * shadow file that is not there is none. As an ordinary user the shadow file
 * need not be readable. Accounts of other uids than
 * "only" are refused, unless "only" is 0; uid 0 and uids below
 * options->least_uid are refused unless they are "only".
 * 0, or -1 after a record. Refuses a secrets file that others can read.
 */
int credentials_open(const struct options *options, uid_t only);

/* True if there is a secrets file, and so APOP. */
bool credentials_apop(void);

/*
 * PASS, and AUTH PLAIN and LOGIN. "password" may hold any octets. *account is
 * filled for any name that is an account's; else account->name is empty.
 */
enum credentials_verdict credentials_password(const char *name,
	const char *password, size_t length, struct account *account);

/* APOP (RFC 1939 section 7): hex MD5 of the timestamp and the secret. */
enum credentials_verdict credentials_digest(const char *name,
	const char *timestamp, const char *digest, struct account *account);

/* The account of a name that is served, whatever its password and dates. */
bool credentials_find(const char *name, struct account *account);

/* Closes the files and wipes what is left of them in memory. */
void credentials_close(void);

#endif
