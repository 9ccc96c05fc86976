/*
 * credentials: from a name and what proves it to an account of the roster. Passwords
 * are checked by crypt(3): no NSS, no PAM.
 *
 * Whatever the name, the whole roster is read and crypt(3) runs once: with the
 * account's own hash, or, where there is no account or no usable hash, with the hash of
 * another account. A method that costs more than another can still be timed if crypt(3)
 * takes longer than the pause of authorization.c; which account stands in for a name
 * does not change from one session to the next, so asking often shows nothing more.
 *
 * An account is meant by its own name first; else, if the client sent a domain that the
 * roster lists, by what stands before that; else, if the roster says so, by either in
 * small letters (ASCII). *account has the account's own name.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "roster.h"

enum {
	CREDENTIALS_NAME = 32,		/* octets of the longest name served, */
	CREDENTIALS_SENT = 320,		/* and of the longest that is looked up, with a domain */
	CREDENTIALS_DIGEST = 32,	/* hex digits of an APOP digest */
	CREDENTIALS_REMARK = 24,
};

enum credentials_verdict {
	CREDENTIALS_GOOD,
	CREDENTIALS_BAD,
	CREDENTIALS_UNAVAILABLE,	/* the account files could not be read */
};

struct account {
	char name[CREDENTIALS_NAME + 1];
	uid_t uid;
	gid_t gid;
	struct uniqueid_adoption adoption;	/* of the mailbox */
	/*
	 * Of a refusal, for the log and never for the client; empty: nothing to say.
	 * "reason=WORD" if the password or the digest was right, or the account is not
	 * served at all; "name=WORD" if the name is unknown and looks like a common mistake.
	 */
	char remark[CREDENTIALS_REMARK];
};

/*
 * PASS, and AUTH PLAIN and LOGIN. "password" may hold any octets. *account is
 * filled for any name that is an account's; else account->name is empty.
 */
enum credentials_verdict credentials_password(const struct roster *roster, const char *name,
	const char *password, size_t length, struct account *account);

/*
 * APOP (RFC 1939 section 7): hex MD5 of the timestamp and the secret. An account whose
 * hash begins with "!" is locked and refused. "*" only says that no password fits.
 */
enum credentials_verdict credentials_digest(const struct roster *roster, const char *name,
	const char *timestamp, const char *digest, struct account *account);

/*
 * Fills *account for the very name of an account that is served, whatever its password
 * and dates. False if it is not served.
 */
bool credentials_find(const struct roster *roster, const char *name, struct account *account);

#endif
