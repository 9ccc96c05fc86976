/*
 * lock: the three locks that deliverers may look at, all or none of them: the
 * dotlock NAME.lock, fcntl(2) and flock(2) on the mailbox. Never waits, so no
 * order of taking them can deadlock with another program's. One lock at a time.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>

enum { LOCK_NAME = 64 };

/*
 * A dotlock of ours has this mode, by which a session that holds the state
 * file knows one that a killed session left behind.
 */
enum { LOCK_DOTLOCK_MODE = 0404 };

/*
 * Takes the locks for mailbox "name" in directory "spool", open as "fd"; no
 * dotlock if "no_dotlock". Removes a dotlock that a dead session of ours left,
 * and anybody's that has not been touched for five minutes (with a record).
 * 0, or -1: EAGAIN if somebody holds one of them, else what went wrong; then
 * none is held.
 */
int lock_take(int spool, const char *name, int fd, bool no_dotlock);

/* Marks the dotlock as in use, if half a minute has passed since the last time. */
void lock_touch(void);

/* Releases what is held; a dotlock only if it is still ours. Keeps errno. */
void lock_drop(void);

#endif
