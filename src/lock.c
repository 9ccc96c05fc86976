/*
 * The three locks. Half of the deliverers take the dotlock first and the other
 * half fcntl(2) first, and some know only one kind: hence all, and no waiting.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* Others judge a dotlock stale after 2 minutes at the earliest (Dovecot). */
enum { STALE_SECONDS = 300, TOUCH_SECONDS = 30 };

static struct {
	int spool;
	int fd;			/* with the kernel's locks, or -1 */
	char dotlock[LOCK_NAME + sizeof ".lock"];
	int dotlock_fd;		/* open on it, or -1: not held */
	dev_t device;		/* of the dotlock, */
	ino_t inode;
	time_t touched;
} held = { .fd = -1, .dotlock_fd = -1 };

static int
kernel_locks(int fd, short type)
{
	struct flock range = { .l_type = type, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &range) == -1) {
		/* POSIX lets "somebody else has it" be told by either. */
		if (errno == EACCES)
			errno = EAGAIN;
		return -1;
	}
	return flock(fd, (type == F_UNLCK ? LOCK_UN : LOCK_EX) | LOCK_NB);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Removes the dotlock if nobody can be behind it. The caller holds the state
 * file, so no other session of ours is alive.
 */
static void
break_stale(void)
{
	struct stat judged, now;

	if (fstatat(held.spool, held.dotlock, &judged, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	bool left_by_us = S_ISREG(judged.st_mode) && judged.st_uid == geteuid() &&
	    (judged.st_mode & 07777) == LOCK_DOTLOCK_MODE;
	if (!left_by_us && time(NULL) - judged.st_mtime < STALE_SECONDS)
		return;
	/* Somebody else may have broken and taken it meanwhile. */
	if (fstatat(held.spool, held.dotlock, &now, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !same_file(&judged, &now) || judged.st_mtime != now.st_mtime)
		return;
	if (unlinkat(held.spool, held.dotlock, 0) == 0)
		log_record(LOG_NOTICE, "stale dotlock removed", "%s, %s", held.dotlock,
		    left_by_us ? "left by a session of ours" : "five minutes old");
}

static time_t
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int
create_dotlock(void)
{
	char pid[24];
	struct stat status;
	int fd = openat(held.spool, held.dotlock,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, LOCK_DOTLOCK_MODE);

	if (fd == -1)
		return -1;
	int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	int result = fstat(fd, &status);
	/* On a full disk a dotlock without it must do. */
	(void)!write(fd, pid, (size_t)length);
	if (result == -1) {
		close(fd);
		unlinkat(held.spool, held.dotlock, 0);
		return -1;
	}
	held.dotlock_fd = fd;
	held.device = status.st_dev;
	held.inode = status.st_ino;
	held.touched = seconds();
	return 0;
}

static int
take_dotlock(void)
{
	if (create_dotlock() == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	break_stale();
	if (create_dotlock() == 0)
		return 0;
	if (errno == EEXIST)
		errno = EAGAIN;
	return -1;
}

int
lock_take(int spool, const char *name, int fd, bool no_dotlock)
{
	held.spool = spool;
	held.fd = fd;
	snprintf(held.dotlock, sizeof held.dotlock, "%s.lock", name);
	/* On any failure lock_drop releases what was taken. */
	if (kernel_locks(fd, F_WRLCK) == 0 && (no_dotlock || take_dotlock() == 0))
		return 0;
	lock_drop();
	return -1;
}

void
lock_touch(void)
{
	time_t now = seconds();

	if (held.dotlock_fd == -1 || now - held.touched < TOUCH_SECONDS)
		return;
	held.touched = now;
	/* Without it the lock may be taken for stale in a while: no harm yet. */
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
	if (held.fd != -1)
		(void)kernel_locks(held.fd, F_UNLCK);
	held.fd = -1;
	errno = saved;
}
