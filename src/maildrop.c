/*
 * The open mailbox. While we hold no lock, deliverers may append to it, and mail
 * programs may rewrite it. fstat(2) shows that it has changed, and index finds out how.
 */
#include "maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "lock.h"
#include "log.h"

#define SECOND ((int64_t)1000 * 1000 * 1000)

enum {
	TICK = 20 * 1000 * 1000,	/* ns; longer than a tick of any kernel's clock */
	KERNEL_NAP = 200 * 1000,	/* ns; bound of a nap's random part, for a kernel's lock */
	DOTLOCK_NAP = 20 * 1000 * 1000,	/* ns; for a dotlock, for which programs come back */
	NAPS = 9,			/* at first a nap is so many times as long as a try */
	PEEK = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
};

static bool
is_open_file(const struct maildrop *maildrop)
{
	struct stat named, opened;

	return fstatat(maildrop->spool, maildrop->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstat(maildrop->fd, &opened) == 0 && opened.st_nlink == 1 &&
	    named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

static enum maildrop_result
failed(const char *what)
{
	log_failure("maildrop", "%s", what);
	return MAILDROP_FAILED;
}

static enum maildrop_result
refused(const char *why)
{
	log_record(LOG_ERR, "maildrop refused", "%s", why);
	return MAILDROP_REFUSED;
}

static const char *
why_not_served(const struct stat *status, uid_t owner)
{
	if (!S_ISREG(status->st_mode))
		return "not a regular file";
	if (status->st_nlink > 1)
		return "more than one link";
	if (status->st_uid != owner)
		return "owned by somebody else";
	return NULL;
}

/* Opens the file, if we serve such a file. If it does not exist, leaves fd at -1. */
static enum maildrop_result
open_file(struct maildrop *maildrop)
{
	struct stat status;
	const char *why;

	maildrop->fd = -1;
	/* Opening some device files has side effects, so we look before we open. */
	if (fstatat(maildrop->spool, maildrop->name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? MAILDROP_GOOD : failed("cannot look at the mailbox");
	why = why_not_served(&status, maildrop->owner);
	if (why != NULL)
		return refused(why);
	/* O_NOATIME, or new mail would look read to other programs: see the manual, UPDATE. */
	maildrop->fd = openat(maildrop->spool, maildrop->name,
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOATIME);
	if (maildrop->fd == -1)
		return errno == ENOENT ? MAILDROP_GOOD : failed("cannot open the mailbox");
	if (fstat(maildrop->fd, &status) == -1)
		return failed("cannot look at the mailbox");
	why = why_not_served(&status, maildrop->owner);
	return why == NULL ? MAILDROP_GOOD : refused(why);
}

static void
close_file(struct maildrop *maildrop)
{
	if (maildrop->fd != -1)
		close(maildrop->fd);
	maildrop->fd = -1;
}

/*
 * Naps after a try that began at "tried" and did not get the locks. Returns false, after
 * logging the obstacle, if the patience that began at "start" is at its end. A deliverer
 * that waits in the kernel leaves its lock free for moments only. So we spend a tenth of
 * the time on trying, and more as the patience comes to its end; where a try is slow,
 * naps are long. The random part keeps us from colliding with a program that comes
 * back at a fixed interval. We hold no lock during a nap.
 */
static bool
nap(const struct maildrop *maildrop, int64_t start, int64_t tried, enum lock_result lock)
{
	int64_t now = lock_clock(), patience = maildrop->options->lock_seconds * SECOND;
	int64_t most = lock == LOCK_DOTLOCKED ? DOTLOCK_NAP : KERNEL_NAP;
	int64_t left = start + patience - now;

	/* Without a clock our patience would never end. */
	if (now == -1 || left <= 0) {
		log_record(LOG_NOTICE, "maildrop busy", "%s", lock_obstacle());
		return false;
	}
	int64_t pause = (int64_t)((double)(NAPS * (now - tried)) * (double)left /
	    (double)patience) + (now / 64 ^ getpid()) % most;
	if (pause > left)
		pause = left;
	struct timespec time = { .tv_sec = pause / SECOND, .tv_nsec = pause % SECOND };
	nanosleep(&time, NULL);
	return true;
}

/* Logs why a lock cannot be had, where waiting would not help. */
static enum maildrop_result
cannot_lock(const struct maildrop *maildrop, enum lock_result lock)
{
	const char *spool = maildrop->options->spool;

	if (lock == LOCK_PARTLY_TAKEN)
		log_failure("maildrop", "no room for a dotlock in %s, so nothing can be removed",
		    spool);
	else if (lock == LOCK_NO_DOTLOCK)
		log_failure("maildrop", "cannot make a dotlock in %s: let its group write"
		    " there, or use -k if no program makes dotlocks", spool);
	else
		log_failure("maildrop", "cannot lock the mailbox");
	return MAILDROP_FAILED;
}

/*
 * Takes the locks as soon as they can be had within our patience. If "opening", opens the
 * file anew for each try, and it need not exist. Where there is no room for a dotlock, a
 * mailbox may be opened to be read, but UPDATE is refused.
 */
static enum maildrop_result
take_locks(struct maildrop *maildrop, bool opening)
{
	int64_t tried, start = lock_clock();
	enum maildrop_result result;
	enum lock_result lock;

	for (;;) {
		tried = lock_clock();
		if (opening) {
			result = open_file(maildrop);
			if (result != MAILDROP_GOOD || maildrop->fd == -1)
				return result;
		}
		lock = lock_take(maildrop->spool, maildrop->name, maildrop->fd,
		    maildrop->options->no_dotlock);
		maildrop->partly_locked = lock == LOCK_PARTLY_TAKEN;
		if (lock == LOCK_TAKEN || (opening && maildrop->partly_locked)) {
			if (is_open_file(maildrop))
				return MAILDROP_GOOD;
			/* It was removed or replaced before we had the locks. */
			lock_drop();
			if (!opening)
				return maildrop_note_change(maildrop, "the mailbox was replaced");
		} else if (lock != LOCK_BUSY && lock != LOCK_DOTLOCKED) {
			lock_drop();
			return cannot_lock(maildrop, lock);
		}
		if (opening)
			close_file(maildrop);
		if (!nap(maildrop, start, tried, lock))
			return MAILDROP_BUSY;
	}
}

enum maildrop_result
maildrop_open(struct maildrop *maildrop, int spool, const char *name, uid_t owner,
	const struct options *options)
{
	enum maildrop_result result;

	*maildrop = (struct maildrop){
		.spool = spool, .name = name, .owner = owner, .options = options,
		.kind = UNIQUEID_OWN, .fd = -1,
	};
	result = take_locks(maildrop, true);
	if (result != MAILDROP_GOOD)
		close_file(maildrop);
	else if (maildrop->partly_locked)
		log_failure("maildrop", "no room for a dotlock in %s, so mail can be read and"
		    " not removed", options->spool);
	return result;
}

enum maildrop_result
maildrop_settle(const struct maildrop *maildrop)
{
	const char *why;

	if (maildrop->fd == -1 || !maildrop->partly_locked)
		return MAILDROP_GOOD;
	/* A deliverer may have come and gone: then it has changed the file. */
	why = !lock_is_undisputed() ? lock_obstacle() :
	    !maildrop_is_untouched(maildrop) ? "it changed while it was read" : NULL;
	if (why == NULL)
		return MAILDROP_GOOD;
	log_record(LOG_NOTICE, "maildrop busy", "%s", why);
	return MAILDROP_BUSY;
}

enum maildrop_result
maildrop_peek(struct maildrop *maildrop, int spool, const char *name)
{
	struct stat status;

	*maildrop = (struct maildrop){ .spool = spool, .name = name, .kind = UNIQUEID_OWN };
	maildrop->fd = openat(spool, name, PEEK | O_NOATIME);
	/* The kernel refuses O_NOATIME to a user that is neither the owner nor root. */
	if (maildrop->fd == -1 && errno == EPERM)
		maildrop->fd = openat(spool, name, PEEK);
	if (maildrop->fd == -1 || fstat(maildrop->fd, &status) == -1)
		return failed("cannot open the mailbox");
	return S_ISREG(status.st_mode) ? MAILDROP_GOOD : refused("not a regular file");
}

enum maildrop_result
maildrop_lock(struct maildrop *maildrop)
{
	return maildrop->fd == -1 ? MAILDROP_GOOD : take_locks(maildrop, false);
}

void
maildrop_unlock(struct maildrop *maildrop)
{
	if (maildrop->fd != -1)
		lock_drop();
}

int
maildrop_read(const struct maildrop *maildrop, uint64_t offset, void *octets,
	size_t length)
{
	return io_read(maildrop->fd, offset, octets, length);
}

/*
 * fstat(2) cannot show a change within the same tick of the file system's clock as the
 * change before. So we wait for a tick if the last change is not older than the present
 * tick. Some file systems count in seconds.
 */
enum maildrop_result
maildrop_stamp(struct maildrop *maildrop)
{
	const struct timespec *last = &maildrop->seen.st_ctim;
	struct timespec now, tick = { .tv_nsec = TICK };

	if (fstat(maildrop->fd, &maildrop->seen) == -1)
		return failed("cannot look at the mailbox");
	/* File systems read this clock, which stands still for a tick. */
	if (clock_gettime(CLOCK_REALTIME_COARSE, &now) == -1)
		return failed("cannot read the clock");
	if (last->tv_nsec == 0)
		tick.tv_sec = 1;
	bool same_tick = now.tv_sec < last->tv_sec + tick.tv_sec ||
	    (now.tv_sec == last->tv_sec + tick.tv_sec && now.tv_nsec <= last->tv_nsec);
	if (same_tick && nanosleep(&tick, NULL) == -1)
		return failed("cannot wait for the clock");
	return MAILDROP_GOOD;
}

static bool
same_times(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
maildrop_looks_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size && same_times(&a->st_mtim, &b->st_mtim) &&
	    same_times(&a->st_ctim, &b->st_ctim);
}

bool
maildrop_is_untouched(const struct maildrop *maildrop)
{
	struct stat now;

	return fstat(maildrop->fd, &now) == 0 && maildrop_looks_same(&now, &maildrop->seen);
}

enum maildrop_result
maildrop_note_change(struct maildrop *maildrop, const char *what)
{
	/* A client may ask for each message of such a mailbox, and would fill the log. */
	if (!maildrop->changed)
		log_record(LOG_NOTICE, "maildrop changed", "%s", what);
	maildrop->changed = true;
	return MAILDROP_CHANGED;
}

enum maildrop_result
maildrop_stands(struct maildrop *maildrop)
{
	return is_open_file(maildrop) ? MAILDROP_GOOD :
	    maildrop_note_change(maildrop, "the mailbox was replaced");
}

static struct {
	uint64_t begin, end;
	bool untouched;
	char octets[MAILDROP_VIEW];
} window;

void
maildrop_look_afresh(void)
{
	/* No offset is this large, so what is read next does not follow the window. */
	window.begin = window.end = UINT64_MAX;
}

const char *
maildrop_view(const struct maildrop *maildrop, uint64_t offset, uint64_t want, size_t *length,
	bool *untouched)
{
	if (offset < window.begin || offset >= window.end) {
		if (offset == window.end || want > MAILDROP_VIEW)
			want = MAILDROP_VIEW;
		if (want > maildrop->size - offset)
			want = maildrop->size - offset;
		maildrop_look_afresh();
		if (maildrop_read(maildrop, offset, window.octets, (size_t)want) == -1)
			return NULL;
		window.begin = offset;
		window.end = offset + want;
		window.untouched = maildrop_is_untouched(maildrop);
	}
	*untouched = *untouched && window.untouched;
	*length = (size_t)(window.end - offset);
	return window.octets + (offset - window.begin);
}

struct message *
maildrop_message(struct maildrop *maildrop, uint64_t number)
{
	if (number < 1 || number > maildrop->count)
		return NULL;
	struct message *message = &maildrop->messages[number - 1];
	return message->deleted ? NULL : message;
}

uint64_t
maildrop_end(const struct maildrop *maildrop, const struct message *message)
{
	const struct message *next = message + 1;

	return next == maildrop->messages + maildrop->count ? maildrop->size : next->start;
}

size_t
maildrop_unique_id(const struct maildrop *maildrop, const struct message *message,
	char text[UNIQUEID_TEXT])
{
	return uniqueid_text(message->adopted ? UNIQUEID_DOVECOT : maildrop->kind,
	    message->digest, message->copy, text);
}

void
maildrop_delete(struct maildrop *maildrop, struct message *message)
{
	message->deleted = true;
	maildrop->deleted++;
	maildrop->deleted_octets += message->octets;
}

void
maildrop_reset(struct maildrop *maildrop)
{
	for (size_t i = 0; i < maildrop->count; i++)
		maildrop->messages[i].deleted = false;
	maildrop->deleted = 0;
	maildrop->deleted_octets = 0;
}
