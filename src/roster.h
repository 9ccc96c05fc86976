/*
 * roster: the accounts, as the account files have them at one moment.
 *
 * The files are opened before the greeting and read after it, before the first octet
 * from the client, then closed. Of an account that is served the roster keeps the ids,
 * the hash and the secret; of any other the name and the reason. So a break-in before
 * login cannot reach root's hash, nor that of a system account: they are not there.
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
	bool served;			/* by its uid and its shell */
	bool locked;			/* the hash begins with "!" */
	bool has_secret;		/* a line of the secrets file is its own */
	char obstacle[ROSTER_OBSTACLE];	/* why nothing lets it in, a word; or empty */
};

#define ROSTER_EMPTY 0

/* The first row of a name is the only one. Rows and text are position-independent. */
struct roster {
	struct roster_row *rows;
	size_t count;
	char *text;		/* begins with a NUL */
	size_t text_length;
	bool unreadable;	/* the files could not be read: nobody is served */
	bool fold;		/* names may be sent in capitals */
	uint32_t domains;	/* that may stand behind names: a list with commas */
	size_t rows_room;	/* the text stands behind so many rows */
	void *block;		/* both stand in it, or NULL */
	size_t block_size;
	enum { ROSTER_ANOTHERS, ROSTER_ALLOCATED, ROSTER_MAPPED } origin;
};

/*
 * Opens the passwd file and that of -D and, unless there will be no login (-r, -c), the
 * shadow, secrets and shells files, while that can still be done. Accounts of other user-IDs than "only"
 * are not served, unless "only" is 0; user-ID 0 and those below options->least_uid are
 * not served unless they are "only". Returns 0, or -1 after logging the reason: a file
 * cannot be opened, others can read the secrets or write to the file of -D, or "only" is
 * a user-ID that nobody can log in with.
 */
int roster_open(const struct options *options, uid_t only);

/* Octets that roster_load may need for the files that are open. */
size_t roster_room(void);

/*
 * Reads what roster_open opened, and closes it. The rows and the text stand in the file
 * "fd" from "offset" on, which has roster_room octets there; -1: in memory of this
 * process alone. Dates of shadow(5) are judged here. On failure logs the reason and sets
 * "unreadable"; the first malformed line of each file is logged.
 */
void roster_load(struct roster *roster, int fd, size_t offset);

/* For another process image: the rows and the text are at "block" now. */
void roster_adopt(struct roster *roster, void *block, size_t size);

/* Wipes all of it, wherever it stands, and forgets it. */
void roster_wipe(struct roster *roster);

/* Forgets it, and leaves it in its file. */
void roster_leave(struct roster *roster);

/* What -D says of the mailbox of that name, whether or not it is served. */
struct uniqueid_adoption roster_adoption(const struct roster *roster, const char *name);

/* A range of ids, both ends in it. */
struct roster_range {
	uint32_t first, last;
};

/*
 * The user-IDs, or with "groups" the group-IDs, of the accounts that are served, as at
 * most "most" ranges in rising order; the last spans all the rest if there would be
 * more. Returns their number. Group 0 is left out.
 */
size_t roster_ranges(const struct roster *roster, bool groups, struct roster_range *ranges,
	size_t most);

#endif
