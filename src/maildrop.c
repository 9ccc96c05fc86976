/*
 * The open mailbox. Deliverers append to it at any time while no lock is held;
 * mail programs may rewrite it. Both are noticed by fstat(2), and told apart
 * by the fingerprint of what was read.
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
	TICK = 20 * 1000 * 1000,	/* ns: more than one of any kernel's clock */
	KERNEL_NAP = 200 * 1000,	/* ns, */
	DOTLOCK_NAP = 20 * 1000 * 1000,	/* for locks that programs come back for */
	NAPS = 9,			/* times as long as a try is a nap, in the beginning */
	BLOCK = 128 * 1024,		/* octets read at a time; whole grains */
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

/* Opens the file, if it is one that we serve; it may be none. */
static enum maildrop_result
open_file(struct maildrop *maildrop)
{
	struct stat status;
	const char *why;

	maildrop->fd = -1;
	/* Looked at before it is opened: opening some devices does things. */
	if (fstatat(maildrop->spool, maildrop->name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? MAILDROP_GOOD : failed("cannot look at the mailbox");
	why = why_not_served(&status, maildrop->owner);
	if (why != NULL)
		return refused(why);
	/* Looking for mail is no reading of mail: see the manual, UPDATE. */
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
 * Naps after a try that began at "tried" and did not get the locks; false, after
 * logging it, if the patience that began at "start" is at its end. Deliverers who
 * wait in the kernel leave their lock free for moments only, so a tenth of the waiting
 * is spent on trying, and more as the patience comes to its end; where a try is slow,
 * naps are long. The random part keeps us from colliding with a program that comes
 * back at a fixed interval. Nothing is held meanwhile.
 */
static bool
nap(const struct maildrop *maildrop, int64_t start, int64_t tried, enum lock_result lock)
{
	int64_t now = lock_clock(), patience = maildrop->options->lock_seconds * SECOND;
	int64_t most = lock == LOCK_DOTLOCKED ? DOTLOCK_NAP : KERNEL_NAP;
	int64_t left = start + patience - now;

	/* Without a clock no patience would ever end. */
	if (now == -1 || left <= 0) {
		log_record(LOG_NOTICE, "maildrop busy", "%s", lock_obstacle());
		return false;
	}
	int64_t pause = (int64_t)((double)(NAPS * (now - tried)) * (double)left /
	    (double)patience) + (now / 64 ^ getpid()) % most;
	struct timespec time = { .tv_sec = pause / SECOND, .tv_nsec = pause % SECOND };
	nanosleep(&time, NULL);
	return true;
}

/* A lock could not be had, and waiting would not help. */
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

enum maildrop_result
maildrop_open(struct maildrop *maildrop, int spool, const char *name, uid_t owner,
	const struct options *options)
{
	int64_t tried, start = lock_clock();
	enum maildrop_result result;
	enum lock_result lock;

	*maildrop = (struct maildrop){
		.spool = spool, .name = name, .owner = owner, .options = options,
		.kind = UNIQUEID_OWN, .fd = -1,
	};
	do {
		tried = lock_clock();
		result = open_file(maildrop);
		if (result != MAILDROP_GOOD || maildrop->fd == -1)
			break;
		lock = lock_take(spool, name, maildrop->fd, options->no_dotlock);
		maildrop->partly_locked = lock == LOCK_PARTLY_TAKEN;
		if (lock == LOCK_TAKEN || lock == LOCK_PARTLY_TAKEN) {
			if (maildrop->partly_locked)
				log_failure("maildrop", "no room for a dotlock in %s, so mail"
				    " can be read and not removed", options->spool);
			/* Removed or replaced while we were not looking? */
			if (is_open_file(maildrop))
				return MAILDROP_GOOD;
			lock_drop();
		} else if (lock != LOCK_BUSY && lock != LOCK_DOTLOCKED)
			result = cannot_lock(maildrop, lock);
		close_file(maildrop);
		if (result == MAILDROP_GOOD && !nap(maildrop, start, tried, lock))
			result = MAILDROP_BUSY;
	} while (result == MAILDROP_GOOD);
	if (result != MAILDROP_GOOD)
		close_file(maildrop);
	return result;
}

enum maildrop_result
maildrop_settle(const struct maildrop *maildrop)
{
	/* It may have come, and be gone: then it has changed the file. */
	if (maildrop->fd == -1 || !maildrop->partly_locked ||
	    (lock_is_undisputed() && maildrop_is_untouched(maildrop)))
		return MAILDROP_GOOD;
	log_record(LOG_NOTICE, "maildrop busy", "%s", lock_obstacle());
	return MAILDROP_BUSY;
}

enum maildrop_result
maildrop_peek(struct maildrop *maildrop, int spool, const char *name)
{
	struct stat status;

	*maildrop = (struct maildrop){ .spool = spool, .name = name, .kind = UNIQUEID_OWN };
	maildrop->fd = openat(spool, name, PEEK | O_NOATIME);
	/* Who is neither the owner nor root has no choice. */
	if (maildrop->fd == -1 && errno == EPERM)
		maildrop->fd = openat(spool, name, PEEK);
	if (maildrop->fd == -1 || fstat(maildrop->fd, &status) == -1)
		return failed("cannot open the mailbox");
	return S_ISREG(status.st_mode) ? MAILDROP_GOOD : refused("not a regular file");
}

enum maildrop_result
maildrop_lock(struct maildrop *maildrop)
{
	int64_t tried, start = lock_clock();
	enum lock_result lock;

	if (maildrop->fd == -1)
		return MAILDROP_GOOD;
	for (;;) {
		tried = lock_clock();
		lock = lock_take(maildrop->spool, maildrop->name, maildrop->fd,
		    maildrop->options->no_dotlock);
		if (lock != LOCK_BUSY && lock != LOCK_DOTLOCKED)
			break;
		if (!nap(maildrop, start, tried, lock))
			return MAILDROP_BUSY;
	}
	if (lock != LOCK_TAKEN) {
		lock_drop();
		return cannot_lock(maildrop, lock);
	}
	if (is_open_file(maildrop))
		return MAILDROP_GOOD;
	lock_drop();
	return maildrop_note_change(maildrop, "the mailbox was replaced");
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
 * A change in the same tick of the file system's clock as the last one would
 * not show, so we let the last one become old. Some file systems count in seconds.
 */
enum maildrop_result
maildrop_look(struct maildrop *maildrop)
{
	const struct timespec *last = &maildrop->seen.st_ctim;
	struct timespec now, tick = { .tv_nsec = TICK };

	if (fstat(maildrop->fd, &maildrop->seen) == -1)
		return failed("cannot look at the mailbox");
	/* The clock that file systems read, which stands still for a tick. */
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

void
maildrop_add_print(struct maildrop *maildrop, const void *octets, size_t length)
{
	size_t rest = length % FINGERPRINT_GRAIN;
	struct fingerprint all;

	fingerprint_add(&maildrop->grains, octets, length - rest);
	all = maildrop->grains;
	fingerprint_add(&all, (const char *)octets + length - rest, rest);
	maildrop->print = fingerprint_end(&all);
}

enum maildrop_result
maildrop_note_change(struct maildrop *maildrop, const char *what)
{
	maildrop->changed = true;
	log_record(LOG_NOTICE, "maildrop changed", "%s", what);
	return MAILDROP_CHANGED;
}

static enum maildrop_result
note_rewriting(struct maildrop *maildrop)
{
	return maildrop_note_change(maildrop, "another program rewrote the mailbox");
}

/*
 * Reads again what was read, and compares. This needs no lock. That the fingerprint is
 * the same proves that each octet was, when it was read, the one that was indexed; and
 * deliverers change none of them. What has been sent was read before: it can
 * differ only if a program wrote other octets there and put the old ones back
 * meanwhile, against which no lock of ours would help between two readings.
 *
 * The new look is kept only if the file looks the same after the reading: then nothing
 * has written to it since that look was older than a tick, and what looks so is
 * what was read. Otherwise the next check reads again.
 */
static enum maildrop_result
read_again(struct maildrop *maildrop)
{
	static char block[BLOCK];
	struct maildrop now = *maildrop;
	enum maildrop_result result = maildrop_look(&now);
	struct stat after;
	size_t length;
	uint64_t offset;
	bool whole = true;

	if (result != MAILDROP_GOOD)
		return result;
	fingerprint_begin(&now.grains);
	for (offset = 0; whole && offset < maildrop->size; offset += length) {
		uint64_t left = maildrop->size - offset;
		length = left < sizeof block ? (size_t)left : sizeof block;
		lock_touch();
		whole = maildrop_read(maildrop, offset, block, length) == 0;
		if (whole)
			maildrop_add_print(&now, block, length);
	}
	int error = errno;
	if (fstat(maildrop->fd, &after) == -1)
		return failed("cannot look at the mailbox");
	if ((uint64_t)after.st_size < maildrop->size ||
	    (whole && now.print != maildrop->print))
		return note_rewriting(maildrop);
	if (!whole) {
		errno = error;
		return failed("cannot read the mailbox");
	}
	if (maildrop_looks_same(&now.seen, &after))
		maildrop->seen = after;
	return MAILDROP_GOOD;
}

enum maildrop_result
maildrop_check(struct maildrop *maildrop)
{
	struct stat now;

	if (maildrop->fd == -1)
		return MAILDROP_GOOD;
	if (maildrop->changed)
		return MAILDROP_CHANGED;
	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	if (maildrop_looks_same(&now, &maildrop->seen))
		return MAILDROP_GOOD;
	if (!is_open_file(maildrop))
		return maildrop_note_change(maildrop, "the mailbox was replaced");
	return read_again(maildrop);
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
