/*
 * credentials: from a name and what proves it to an account. Accounts come from
 * passwd(5) and shadow(5) files, passwords are checked by crypt(3): no NSS, no PAM.
 *
 * Whatever the name, all files are read to their end and crypt(3) runs once: with the
 * account's own hash, or, where there is no account or no usable hash, with the hash of
 * another account. A method that costs more than another can still be timed if crypt(3)
 * takes longer than the pause of authorization.c; which account stands in for a name
 * does not change from one session to the next, so asking often shows nothing more.
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
	/*
	 * Of a refusal, for the log and never for the client; NULL: nothing to say.
	 * "reason=WORD" if the password or the digest was right; "name=WORD" if the
	 * name is unknown and looks like a common mistake.
	 */
	const char *remark;
};

/*
 * Opens the passwd file and, unless there will be no login (-r, -c), the shadow, secrets
 * and shells files, while that can still be done. Accounts of other uids than "only"
 * are refused, unless "only" is 0; uid 0 and uids below options->least_uid are refused
 * unless they are "only". Returns 0, or -1 after logging the reason: a file cannot be
 * read, others can read the secrets, or "only" is a uid that nobody can log in with.
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

/*
 * APOP (RFC 1939 section 7): hex MD5 of the timestamp and the secret. An account whose
 * hash begins with "!" is locked and refused. "*" only says that no password fits.
 */
enum credentials_verdict credentials_digest(const char *name,
	const char *timestamp, const char *digest, struct account *account);

/* The account of a name that is served, whatever its password, dates and shell. */
bool credentials_find(const char *name, struct account *account);

/* Closes the files. What was read of them is wiped after each look-up. */
void credentials_close(void);

#endif
