/*
 * accounts: passwd(5), shadow(5), and files of lines like theirs, read line by line.
 *
 * The C libraries' own readers differ: one ends at the first line that it cannot parse,
 * another skips that line, and neither says so. A name could then be locked out by
 * somebody else's line, or let in by passwd(5) because its shadow(5) line was skipped.
 * Here a line that begins with a name and a colon is that name's entry, whatever else
 * is wrong with it, and the caller must refuse a bad line.
 *
 * All files share one buffer, so read one to its end before you begin another. The
 * buffer is wiped at the end of a file, after a failure, and when a file is closed.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ACCOUNTS_LINE = 16384 };	/* octets of the longest line that is read whole */

struct accounts {
	int fd;				/* -1: not open */
	const char *path;
	size_t size;			/* in octets, when it was opened; 0: not open */
	bool ended, in_long_line;
	size_t start, end;		/* what of the buffer is still to be read */
	size_t number;			/* of the line that was read last */
	size_t bad;			/* the first bad line's number; 0: none */
};

#define ACCOUNTS_NONE { .fd = -1 }

enum accounts_next {
	ACCOUNTS_END,
	ACCOUNTS_GOT,
	ACCOUNTS_DAMAGED,	/* too long, with a NUL in it, or ended by CRLF */
	ACCOUNTS_FAILED,	/* the file cannot be read; errno is set */
};

struct accounts_passwd {
	const char *name, *hash, *shell;
	uid_t uid;
	gid_t gid;
};

/* Days since 1970, and numbers of days; -1: not set. */
struct accounts_shadow {
	const char *name, *hash;
	int64_t changed, least, most, warn, inactive, expire;
};

/* Opens a regular file. Returns 0, or -1 with errno. */
int accounts_open(struct accounts *file, const char *path);
void accounts_close(struct accounts *file);

/* Goes to the first line. Returns 0, or -1 with errno. */
int accounts_begin(struct accounts *file);

/*
 * Sets *line to the next line, with a NUL in place of its end, until the next call. Of a
 * line that is too long, *line has the beginning. Skips blank lines, comments (#) and
 * lines of NIS (+ and -).
 */
enum accounts_next accounts_next(struct accounts *file, char **line);

/* Notes the number of the line that was read last, if it is the first bad line. */
void accounts_bad(struct accounts *file);

/* If a line was bad, logs the path, the first bad line's number, and its effect "what". */
void accounts_report(const struct accounts *file, const char *what);

/* True if the line is the entry of that name. */
bool accounts_names(const char *line, const char *name);

/* Pure: cuts a whole line in place into its fields. Returns false if it is malformed. */
bool accounts_cut_passwd(char *line, struct accounts_passwd *entry);
bool accounts_cut_shadow(char *line, struct accounts_shadow *entry);

#endif
