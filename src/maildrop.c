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

enum {
	TICK = 20 * 1000 * 1000,	/* ns: more than one of any kernel's clock */
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

/* Half of others' waiting would be in step with ours without the random part. */
static void
sleep_a_little(void)
{
	struct timespec now, pause = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	pause.tv_nsec = 100 * 1000 * 1000 + (now.tv_nsec / 1000 ^ getpid()) % 899 * 1000 * 1000;
	nanosleep(&pause, NULL);
}

static time_t
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
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

enum maildrop_result
maildrop_open(struct maildrop *maildrop, int spool, const char *name, uid_t owner,
	unsigned patience, bool no_dotlock)
{
	time_t start = seconds();
	enum maildrop_result result;

	*maildrop = (struct maildrop){
		.spool = spool, .name = name, .owner = owner, .patience = patience,
		.no_dotlock = no_dotlock, .kind = UNIQUEID_OWN, .fd = -1,
	};
	for (;;) {
		result = open_file(maildrop);
		if (result != MAILDROP_GOOD || maildrop->fd == -1)
			break;
		if (lock_take(spool, name, maildrop->fd, no_dotlock) == 0) {
			/* Removed or replaced while we were not looking? */
			if (is_open_file(maildrop))
				return MAILDROP_GOOD;
			lock_drop();
		} else if (errno != EAGAIN) {
			result = failed("cannot lock the mailbox");
			break;
		}
		close_file(maildrop);
		if (seconds() - start >= (time_t)patience) {
			log_record(LOG_NOTICE, "maildrop busy", "another program has it locked");
			return MAILDROP_BUSY;
		}
		sleep_a_little();
	}
	if (result != MAILDROP_GOOD)
		close_file(maildrop);
	return result;
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
	time_t start = seconds();

	if (maildrop->fd == -1)
		return MAILDROP_GOOD;
	while (lock_take(maildrop->spool, maildrop->name, maildrop->fd,
	    maildrop->no_dotlock) == -1) {
		if (errno != EAGAIN)
			return failed("cannot lock the mailbox");
		if (seconds() - start >= (time_t)maildrop->patience) {
			log_record(LOG_NOTICE, "maildrop busy", "another program has it locked");
			return MAILDROP_BUSY;
		}
		sleep_a_little();
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
 * not show. Under the locks the last one may become old. Some file systems
 * count in seconds.
 */
enum maildrop_result
maildrop_look(struct maildrop *maildrop)
{
	const struct timespec *last = &maildrop->seen.st_ctim;
	struct timespec now, tick = { .tv_nsec = TICK };

	if (fstat(maildrop->fd, &maildrop->seen) == -1)
		return failed("cannot look at the mailbox");
	/* The clock that file systems read, which stands still for a tick. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (last->tv_nsec == 0)
		tick.tv_sec = 1;
	if (now.tv_sec < last->tv_sec + tick.tv_sec ||
	    (now.tv_sec == last->tv_sec + tick.tv_sec && now.tv_nsec <= last->tv_nsec))
		nanosleep(&tick, NULL);
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

/* Under the locks: reads again what was read, and compares. */
static enum maildrop_result
read_again(struct maildrop *maildrop)
{
	static char block[BLOCK];
	struct maildrop now = *maildrop;
	enum maildrop_result result = maildrop_look(&now);
	size_t length;

	if (result != MAILDROP_GOOD)
		return result;
	if ((uint64_t)now.seen.st_size < maildrop->size)
		return maildrop_note_change(maildrop, "another program rewrote the mailbox");
	fingerprint_begin(&now.grains);
	for (uint64_t offset = 0; offset < maildrop->size; offset += length) {
		uint64_t left = maildrop->size - offset;
		length = left < sizeof block ? (size_t)left : sizeof block;
		lock_touch();
		if (maildrop_read(maildrop, offset, block, length) == -1)
			return failed("cannot read the mailbox");
		maildrop_add_print(&now, block, length);
	}
	if (now.print != maildrop->print)
		return maildrop_note_change(maildrop, "another program rewrote the mailbox");
	maildrop->seen = now.seen;
	return MAILDROP_GOOD;
}

enum maildrop_result
maildrop_check(struct maildrop *maildrop, bool locked)
{
	struct stat now;
	enum maildrop_result result;

	if (maildrop->fd == -1)
		return MAILDROP_GOOD;
	if (maildrop->changed)
		return MAILDROP_CHANGED;
	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	if (maildrop_looks_same(&now, &maildrop->seen))
		return MAILDROP_GOOD;
	if (locked)
		return read_again(maildrop);
	result = maildrop_lock(maildrop);
	if (result == MAILDROP_GOOD) {
		result = read_again(maildrop);
		maildrop_unlock(maildrop);
	}
	return result;
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
