/*
 * lock: the three locks that deliverers may look at: the dotlock NAME.lock, and
 * fcntl(2) and flock(2) on the mailbox. A program that waits for one lock while it holds
 * another may deadlock with a program that takes them in another order. So the locks are
 * taken together or not at all, and we never wait for one in the kernel. One mailbox is
 * locked at a time.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { LOCK_NAME = 64 };

/*
 * Our dotlocks have this mode. By it a session that holds the state file recognizes a
 * dotlock that a killed session left.
 */
enum { LOCK_DOTLOCK_MODE = 0404 };

/* With LOCK_BUSY and what follows it, no lock is held. */
enum lock_result {
	LOCK_TAKEN,
	LOCK_PARTLY_TAKEN,	/* the kernel's two; there is no room for a dotlock: errno */
	LOCK_BUSY,		/* another program has one of the kernel's locks */
	LOCK_DOTLOCKED,		/* a file has the dotlock's name */
	LOCK_NO_DOTLOCK,	/* a dotlock cannot be made: errno */
	LOCK_FAILED,		/* a system call failed: errno */
};

/*
 * Takes the locks for mailbox "name" in directory "spool", which is open as "fd"; but no
 * dotlock if "no_dotlock". Tries for at most a tenth of a millisecond. The caller
 * holds the state file. Removes a dotlock that a dead session of ours left, and a dotlock
 * of another program that has not been touched for five minutes, and logs a notice.
 * Removes only what looks like a dotlock: a regular file of a few octets.
 */
enum lock_result lock_take(int spool, const char *name, int fd, bool no_dotlock);

/* Returns true if a mailbox of this name would be the dotlock of another mailbox. */
bool lock_is_dotlock(const char *name);

/* Returns nanoseconds on the monotonic clock, or -1 if it cannot be read. */
int64_t lock_clock(void);

/* Returns what the last lock_take found in its way, in words for the log. */
const char *lock_obstacle(void);

/* After LOCK_PARTLY_TAKEN: returns true if no file has the dotlock's name now. */
bool lock_is_undisputed(void);

/* Touches a dotlock that we hold, if half a minute has passed since the last touch, so that
   no other program takes it for stale. */
void lock_touch(void);

/* Releases all locks, and removes the dotlock only if it is still ours. Keeps errno. */
void lock_drop(void);

/* Returns true if there is a dotlock of a session of ours, alive or killed. */
bool lock_was_left(int spool, const char *name);

/*
 * Removes the dotlock that a killed session of ours left, and logs a notice. The caller is
 * the user and holds the state file, so no session is alive. Returns 0, also if there is no
 * such dotlock, or -1 after logging why it could not be removed.
 */
int lock_clear(int spool, const char *name);

#endif
