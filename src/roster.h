/*
 * roster: the accounts, as the account files have them at one moment.
 *
 * The files are opened before the greeting. They are read after it (with -x before it),
 * but before the first octet from the client, and closed. Of an account that is served
 * the roster keeps the ids, the hash and the secret; of any other account only the name
 * and the reason. So a break-in before login cannot reach the hash of root or of a system
 * account, because no such hash is in the roster.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "options.h"
#include "uniqueid.h"

enum { ROSTER_OBSTACLE = 12 };

struct roster_row {
	uint32_t name, hash, secret;	/* offsets in the text; ROSTER_EMPTY: none */
	uint32_t uid, gid;
	struct uniqueid_adoption adoption;	/* of the mailbox, by the file of -D */
	bool served;			/* its user-ID and its shell allow it */
	bool locked;			/* the hash begins with "!" */
	bool has_secret;		/* the secrets file has a line for it */
	char obstacle[ROSTER_OBSTACLE];	/* one word, why it may not log in; or empty */
};

#define ROSTER_EMPTY 0

/* Each name has one row. Rows and text are position-independent. */
struct roster {
	struct roster_row *rows;
	size_t count;
	char *text;		/* begins with a NUL */
	size_t text_length;
	bool unreadable;	/* the files could not be read: nobody is served */
	bool fold;		/* names may be sent in capitals */
	uint32_t domains;	/* offset of those that may follow names, with commas */
	size_t rows_room;	/* the text begins after so many rows */
	void *block;		/* holds rows and text, or NULL */
	size_t block_size;
	enum { ROSTER_ANOTHERS, ROSTER_ALLOCATED, ROSTER_MAPPED } origin;
};

/*
 * Opens the passwd file and the file of -D, while the process may still do so; and, unless
 * there will be no login (-r, -c), the shadow, secrets and shells files. If "only" is 0,
 * accounts with user-ID 0 or a user-ID below options->least_uid are not served. Otherwise
 * only accounts with the user-ID "only" are served. Returns 0, or -1 after logging the
 * reason: a file cannot be opened, others can read the secrets or write to the file of
 * -D, or no account but the service account has the user-ID "only".
 */
int roster_open(const struct options *options, uid_t only);

/* Returns how many octets roster_load may need for the files that are open. */
size_t roster_room(void);

/*
 * Reads the files that roster_open opened, and closes them. Puts the rows and the text
 * into the file "fd", which must have roster_room octets from "offset" on; or, if "fd" is
 * -1, into memory of this process. Judges the dates of shadow(5). Logs the first malformed
 * line of each file. On failure logs the reason, and the roster is "unreadable".
 */
void roster_load(struct roster *roster, int fd, size_t offset);

/*
 * For another process image, which has a copy of *roster: the rows and the text are now
 * at "block", which has "size" octets.
 */
void roster_adopt(struct roster *roster, void *block, size_t size);

/* Wipes rows and text, in memory or in a file, and releases them. It is "unreadable" then. */
void roster_wipe(struct roster *roster);

/* Releases rows and text without wiping them; in a file they stay. */
void roster_leave(struct roster *roster);

/*
 * Returns what the file of -D says of the mailbox of that name, whether or not the account
 * is served; two zeros if the file says nothing.
 */
struct uniqueid_adoption roster_adoption(const struct roster *roster, const char *name);

/* A range of ids, including both ends. */
struct roster_range {
	uint32_t first, last;
};

/*
 * Gives the user-IDs, or with "groups" the group-IDs, of the accounts that are served, as
 * at most "most" ranges in rising order. If more would be needed, the last range spans
 * all the rest. Id 0 is left out. Returns the number of ranges, or 0 without memory.
 */
size_t roster_ranges(const struct roster *roster, bool groups, struct roster_range *ranges,
	size_t most);

#endif
