/*
 * lock: the three locks that deliverers may look at: the dotlock NAME.lock,
 * fcntl(2) and flock(2) on the mailbox. They are taken together or not at all,
 * and never waited for in the kernel, so no order of taking them can deadlock
 * with another program's. One mailbox at a time.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { LOCK_NAME = 64 };

/*
 * A dotlock of ours has this mode, by which a session that holds the state
 * file knows one that a killed session left.
 */
enum { LOCK_DOTLOCK_MODE = 0404 };

enum lock_result {
	LOCK_TAKEN,
	LOCK_PARTLY_TAKEN,	/* the kernel's; the disk or a quota has no room for a dotlock */
	LOCK_BUSY,		/* another program has one of the kernel's; none is held */
	LOCK_DOTLOCKED,		/* something has the dotlock's name; none is held */
	LOCK_NO_DOTLOCK,	/* a dotlock cannot be made: errno; none is held */
	LOCK_FAILED,		/* a system call failed: errno; none is held */
};

/*
 * Takes the locks for mailbox "name" in directory "spool", open as "fd"; no
 * dotlock if "no_dotlock". Tries for a tenth of a millisecond at the most.
 * Removes a dotlock that a dead session of ours left, and another program's
 * that has not been touched for five minutes, and logs a notice. Only what looks
 * like a dotlock is removed: a regular file of a few octets.
 */
enum lock_result lock_take(int spool, const char *name, int fd, bool no_dotlock);

/* Whether a mailbox of this name would be the dotlock of another. */
bool lock_is_dotlock(const char *name);

/* Nanoseconds on the monotonic clock, or -1 if it cannot be read. */
int64_t lock_clock(void);

/* What the last lock_take found in its way, in words for the log. */
const char *lock_obstacle(void);

/* After LOCK_PARTLY_TAKEN: whether nothing has the dotlock's name now. */
bool lock_is_undisputed(void);

/* Marks the dotlock as in use, if half a minute has passed since the last time. */
void lock_touch(void);

/* Releases what is held; a dotlock only if it is still ours. Keeps errno. */
void lock_drop(void);

/* Whether a session of ours has a dotlock, or was killed and left it. */
bool lock_was_left(int spool, const char *name);

/*
 * Removes such a dotlock and logs a notice, for a caller that is the user and holds
 * the state file, so that no session is alive. 0, or -1 after logging why not.
 */
int lock_clear(int spool, const char *name);

#endif
