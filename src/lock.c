/*
 * The three locks. Some deliverers take the dotlock first and others fcntl(2)
 * first, and some know only one kind. A program that waits for one lock while it
 * holds another deadlocks with a program that takes them in the other order. So we
 * hold all three or none, and a program that waits for one gets it after a bounded time.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define SECOND ((int64_t)1000 * 1000 * 1000)

enum {
	STALE_SECONDS = 300,	/* Dovecot takes a dotlock for stale after 120 */
	TOUCH_SECONDS = 30,
	DOTLOCK_OCTETS = 64,	/* a number and perhaps a host's name; a mail has more */
	BURST = 100 * 1000,	/* ns */
};

enum kind { FCNTL, FLOCK };

static struct {
	int spool;
	int fd;			/* of the mailbox, with the kernel's locks, or -1 */
	char dotlock[LOCK_NAME + sizeof ".lock"];
	int dotlock_fd;		/* of the dotlock, or -1 if we do not hold it */
	dev_t device;		/* of the dotlock, by which we know it */
	ino_t inode;
	int64_t touched;	/* when we last touched it, on lock_clock */
} held = { .fd = -1, .dotlock_fd = -1 };

static char obstacle[sizeof held.dotlock + 128];

int64_t
lock_clock(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		return -1;
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static int
kernel_lock(int fd, enum kind kind, bool take)
{
	struct flock range = { .l_type = take ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET };

	if (kind == FLOCK)
		return flock(fd, (take ? LOCK_EX : LOCK_UN) | LOCK_NB);
	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	/* POSIX allows both errors for a lock that another program has. */
	if (errno == EACCES)
		errno = EAGAIN;
	return -1;
}

/*
 * Takes both locks or neither. If we took the first and dropped it in vain each time, a
 * program that tries for it without waiting might find it taken each time. So the lock
 * that was refused last is tried first.
 */
static int
kernel_locks(int fd)
{
	static enum kind first = FCNTL;
	enum kind second = first == FCNTL ? FLOCK : FCNTL;

	if (kernel_lock(fd, first, true) == -1)
		return -1;
	if (kernel_lock(fd, second, true) == 0)
		return 0;
	int saved = errno;
	(void)kernel_lock(fd, first, false);
	first = second;
	errno = saved;
	return -1;
}

/*
 * A deliverer that waits in the kernel, appends, and waits again leaves its lock free
 * for microseconds only. So we try without a pause, and find each such moment in the
 * time of a burst.
 */
static int
take_kernel_locks(int fd)
{
	int64_t end = 0;

	for (;;) {
		if (kernel_locks(fd) == 0)
			return 0;
		if (errno != EAGAIN)
			return -1;
		int64_t now = lock_clock();
		if (end == 0)
			end = now + BURST;
		if (now == -1 || now >= end) {
			errno = EAGAIN;
			return -1;
		}
	}
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* An account NAME.lock may have its mailbox there, and mail must not be removed as a lock. */
static bool
looks_like_dotlock(const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_size <= DOTLOCK_OCTETS;
}

static bool
is_ours(const struct stat *status)
{
	return looks_like_dotlock(status) && (status->st_mode & 07777) == LOCK_DOTLOCK_MODE;
}

static void
note_obstacle(const struct stat *status)
{
	const char *what = S_ISREG(status->st_mode) ? "a file with more in it" :
	    S_ISDIR(status->st_mode) ? "a directory" :
	    S_ISLNK(status->st_mode) ? "a symbolic link" : "a special file";

	if (looks_like_dotlock(status))
		snprintf(obstacle, sizeof obstacle, "another program has %s", held.dotlock);
	else
		snprintf(obstacle, sizeof obstacle,
		    "%s is %s, not a dotlock, and must be moved away", held.dotlock, what);
}

/*
 * Removes the dotlock that a session of this server made. Unless "ours_only", also
 * removes a stale dotlock of another program. The caller holds the state file, so no other session of ours is alive.
 */
static void
break_stale(bool ours_only)
{
	struct stat judged, now;
	struct timespec clock;

	/* Where there is no vDSO, time(2) is a system call, which the filter refuses. */
	if (clock_gettime(CLOCK_REALTIME, &clock) == -1 ||
	    fstatat(held.spool, held.dotlock, &judged, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	note_obstacle(&judged);
	bool left_by_us = is_ours(&judged) && judged.st_uid == geteuid();
	bool stale = looks_like_dotlock(&judged) &&
	    clock.tv_sec - judged.st_mtime >= STALE_SECONDS;
	if (!left_by_us && (ours_only || !stale))
		return;
	/* Another program may have removed the stale dotlock and made its own meanwhile. */
	if (fstatat(held.spool, held.dotlock, &now, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !same_file(&judged, &now) || judged.st_mtime != now.st_mtime)
		return;
	if (unlinkat(held.spool, held.dotlock, 0) == 0)
		log_record(LOG_NOTICE, "stale dotlock removed", "%s, %s", held.dotlock,
		    left_by_us ? "left by a session of ours" : "five minutes old");
	else if (errno != ENOENT)
		snprintf(obstacle, sizeof obstacle,
		    "%s is stale, and root must remove it, for the user may not: %s",
		    held.dotlock, strerror(errno));
}

static int
create_dotlock(void)
{
	char pid[24];
	struct stat status;
	int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	int fd = openat(held.spool, held.dotlock,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, LOCK_DOTLOCK_MODE);

	if (fd == -1)
		return -1;
	/* On a full disk the process-ID cannot be written; an empty dotlock works, too. */
	(void)!write(fd, pid, (size_t)length);
	if (fstat(fd, &status) == -1) {
		int saved = errno;
		close(fd);
		unlinkat(held.spool, held.dotlock, 0);
		errno = saved;
		return -1;
	}
	held.dotlock_fd = fd;
	held.device = status.st_dev;
	held.inode = status.st_ino;
	held.touched = lock_clock();
	return 0;
}

static enum lock_result
take_dotlock(void)
{
	if (create_dotlock() == 0)
		return LOCK_TAKEN;
	if (errno == EEXIST) {
		break_stale(false);
		if (create_dotlock() == 0)
			return LOCK_TAKEN;
	}
	if (errno == EEXIST)
		return LOCK_DOTLOCKED;
	return errno == ENOSPC || errno == EDQUOT ? LOCK_PARTLY_TAKEN : LOCK_NO_DOTLOCK;
}

bool
lock_is_dotlock(const char *name)
{
	size_t length = strlen(name), end = strlen(".lock");

	return length >= end && strcmp(name + length - end, ".lock") == 0;
}

static void
set_name(int spool, const char *name)
{
	held.spool = spool;
	snprintf(held.dotlock, sizeof held.dotlock, "%s.lock", name);
}

enum lock_result
lock_take(int spool, const char *name, int fd, bool no_dotlock)
{
	enum lock_result result = LOCK_TAKEN;

	set_name(spool, name);
	snprintf(obstacle, sizeof obstacle, "another program has it locked");
	if (take_kernel_locks(fd) == -1)
		return errno == EAGAIN ? LOCK_BUSY : LOCK_FAILED;
	held.fd = fd;
	if (!no_dotlock)
		result = take_dotlock();
	if (result != LOCK_TAKEN && result != LOCK_PARTLY_TAKEN)
		lock_drop();
	return result;
}

const char *
lock_obstacle(void)
{
	return obstacle;
}

bool
lock_is_undisputed(void)
{
	struct stat status;

	if (fstatat(held.spool, held.dotlock, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT;
	note_obstacle(&status);
	return false;
}

void
lock_touch(void)
{
	int64_t now;

	if (held.dotlock_fd == -1)
		return;
	now = lock_clock();
	if (now - held.touched < TOUCH_SECONDS * SECOND)
		return;
	held.touched = now;
	/* If this fails, another program may take the dotlock for stale in a while. UPDATE looks
	   at the size again before it truncates. */
	(void)futimens(held.dotlock_fd, NULL);
}

void
lock_drop(void)
{
	int saved = errno;
	struct stat now;

	if (held.dotlock_fd != -1 &&
	    fstatat(held.spool, held.dotlock, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    now.st_dev == held.device && now.st_ino == held.inode)
		(void)unlinkat(held.spool, held.dotlock, 0);
	if (held.dotlock_fd != -1)
		close(held.dotlock_fd);
	held.dotlock_fd = -1;
	if (held.fd != -1) {
		(void)kernel_lock(held.fd, FCNTL, false);
		(void)kernel_lock(held.fd, FLOCK, false);
	}
	held.fd = -1;
	errno = saved;
}

bool
lock_was_left(int spool, const char *name)
{
	struct stat status;

	set_name(spool, name);
	return fstatat(spool, held.dotlock, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_ours(&status);
}

int
lock_clear(int spool, const char *name)
{
	set_name(spool, name);
	break_stale(true);
	if (!lock_was_left(spool, name))
		return 0;
	log_record(LOG_ERR, "maildrop", "%s", obstacle);
	return -1;
}
