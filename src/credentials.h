/*
 * credentials: judges a name and a password or digest by the roster. Passwords are
 * checked by crypt(3): no NSS, no PAM.
 *
 * The time of an answer could show whether a name is an account's. So for any name the
 * whole roster is read, and for any password crypt(3) runs once: with the account's own
 * hash, or, if there is no account or no usable hash, with the hash of another account.
 * A hash method that is slower than another can still be timed if crypt(3) takes longer
 * than the pause of authorization.c. The account that stands in for a name is the same in
 * each session, so asking often shows no more than asking once.
 *
 * A name first means the account of exactly this name. If there is no such account and
 * the name ends in "@" and a domain that the roster lists, it means the account whose name
 * stands before the "@". If there is still no account and the roster has "fold", it means
 * the account of the name, without such a domain, in small letters (ASCII).
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "roster.h"

enum {
	CREDENTIALS_NAME = 32,		/* octets of the longest name served, */
	CREDENTIALS_SENT = 320,		/* and of the longest name sent, with a domain */
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
	 * Why a login was refused, for the log and never for the client; may be empty.
	 * "reason=WORD" if the password or the digest was right, or the account is not
	 * served at all; "name=WORD" if the name is unknown and looks like a common mistake.
	 */
	char remark[CREDENTIALS_REMARK];
};

/*
 * Judges a password, from PASS, AUTH PLAIN or AUTH LOGIN. "password" may hold any octets,
 * and must have a NUL after its "length" octets. If the name is an account's, fills
 * *account, right or wrong; otherwise account->name is empty. Does not touch *account if
 * the result is CREDENTIALS_UNAVAILABLE. Logs nothing.
 */
enum credentials_verdict credentials_password(const struct roster *roster, const char *name,
	const char *password, size_t length, struct account *account);

/*
 * Judges a digest from APOP (RFC 1939 section 7): the MD5 of the timestamp and the secret,
 * in hex digits. An account whose hash begins with "!" is locked and refused. The hash
 * "*" only says that no password fits, so its account may use APOP. Fills *account as
 * credentials_password does. Logs nothing.
 */
enum credentials_verdict credentials_digest(const struct roster *roster, const char *name,
	const char *timestamp, const char *digest, struct account *account);

/*
 * Fills *account if an account of exactly this name is served, whatever its password and
 * its dates are. Returns false if no such account is served.
 */
bool credentials_find(const struct roster *roster, const char *name, struct account *account);

#endif
