/*
 * The open mailbox. Deliverers append to it at any time while no lock is held;
 * mail programs may rewrite it. Both are noticed by fstat(2), and told apart
 * by the fingerprint of what was read.
 */
#include "maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fingerprint.h"
#include "io.h"
#include "lock.h"
#include "log.h"
#include "mbox.h"

#define OCTETS_MASK (((uint64_t)1 << 48) - 1)

enum {
	FIRST_ROOM = 64,
	TICK = 20 * 1000 * 1000,	/* ns: more than a file system's clock tick */
	WINDOW = 64 * 1024,		/* octets read at once for unique-ids */
};

static struct mbox scan;

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
		.no_dotlock = no_dotlock, .fd = -1,
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

	*maildrop = (struct maildrop){ .spool = spool, .name = name };
	maildrop->fd = openat(spool, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
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
	log_record(LOG_NOTICE, "maildrop changed", "the mailbox was replaced");
	return MAILDROP_CHANGED;
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

/* The next block of what is indexed, into the scan's room. Its length, or 0. */
static size_t
read_block(const struct maildrop *maildrop, uint64_t offset)
{
	uint64_t left = maildrop->size - offset;
	size_t length = left < MBOX_BLOCK ? (size_t)left : MBOX_BLOCK;

	lock_touch();
	return maildrop_read(maildrop, offset, mbox_room(&scan), length) == -1 ? 0 : length;
}

static void
add_message(void *context, const struct mbox_message *found)
{
	struct maildrop *maildrop = context;

	if (maildrop->out_of_memory)
		return;
	if (maildrop->count == maildrop->room) {
		size_t room = maildrop->room == 0 ? FIRST_ROOM : maildrop->room * 2;
		void *grown = reallocarray(maildrop->messages, room, sizeof(struct message));
		if (grown == NULL) {
			maildrop->out_of_memory = true;
			return;
		}
		maildrop->messages = grown;
		maildrop->room = room;
	}
	maildrop->messages[maildrop->count++] = (struct message){
		.start = found->start,
		.octets = found->octets & OCTETS_MASK,
		.trim = found->trim & 3,
		.blank = found->blank,
	};
	maildrop->octets += found->octets;
}

/* The pseudo message keeps its place in the file and none in the index. */
static void
hide_pseudo_message(struct maildrop *maildrop)
{
	char head[1024];
	size_t length = maildrop->size < sizeof head ? (size_t)maildrop->size : sizeof head;

	if (maildrop_read(maildrop, 0, head, length) == -1 || !mbox_is_pseudo(head, length))
		return;
	maildrop->octets -= maildrop->messages[0].octets;
	maildrop->count--;
	memmove(maildrop->messages, maildrop->messages + 1,
	    maildrop->count * sizeof(struct message));
}

/*
 * A change in the same tick of the file system's clock as the last one would
 * not show. Under the locks the last one may become old.
 */
static void
let_tick_pass(const struct stat *status)
{
	static const struct timespec tick = { .tv_nsec = TICK };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if ((now.tv_sec - status->st_ctim.tv_sec) * 1000000000 +
	    now.tv_nsec - status->st_ctim.tv_nsec < TICK)
		nanosleep(&tick, NULL);
}

enum maildrop_result
maildrop_index(struct maildrop *maildrop)
{
	struct fingerprint print;
	size_t length;

	if (maildrop->fd == -1)
		return MAILDROP_GOOD;
	if (fstat(maildrop->fd, &maildrop->seen) == -1)
		return failed("cannot look at the mailbox");
	let_tick_pass(&maildrop->seen);
	maildrop->size = (uint64_t)maildrop->seen.st_size;
	mbox_begin(&scan, add_message, maildrop);
	fingerprint_begin(&print);
	for (uint64_t offset = 0; offset < maildrop->size; offset += length) {
		length = read_block(maildrop, offset);
		if (length == 0)
			return failed("cannot read the mailbox");
		fingerprint_add(&print, mbox_room(&scan), length);
		if (!mbox_feed(&scan, length))
			return refused("it does not start with a From_ line");
	}
	mbox_end(&scan);
	if (maildrop->out_of_memory) {
		errno = ENOMEM;
		return failed("cannot index the mailbox");
	}
	maildrop->print = fingerprint_end(&print);
	hide_pseudo_message(maildrop);
	return MAILDROP_GOOD;
}

static bool
same_times(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
looks_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && same_times(&a->st_mtim, &b->st_mtim) &&
	    same_times(&a->st_ctim, &b->st_ctim);
}

/* Under the locks: reads again what was read, and compares. */
static enum maildrop_result
read_again(struct maildrop *maildrop)
{
	struct fingerprint print;
	struct stat now;
	size_t length;

	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	let_tick_pass(&now);
	fingerprint_begin(&print);
	if ((uint64_t)now.st_size < maildrop->size)
		goto changed;
	for (uint64_t offset = 0; offset < maildrop->size; offset += length) {
		length = read_block(maildrop, offset);
		if (length == 0)
			return failed("cannot read the mailbox");
		fingerprint_add(&print, mbox_room(&scan), length);
	}
	if (fingerprint_end(&print) == maildrop->print) {
		maildrop->seen = now;
		return MAILDROP_GOOD;
	}
changed:
	log_record(LOG_NOTICE, "maildrop changed", "another program rewrote the mailbox");
	return MAILDROP_CHANGED;
}

enum maildrop_result
maildrop_check(struct maildrop *maildrop, bool locked)
{
	struct stat now;
	enum maildrop_result result;

	if (maildrop->fd == -1)
		return MAILDROP_GOOD;
	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	if (looks_same(&now, &maildrop->seen))
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

/*
 * The digest of one message. Small messages are taken from a window over the
 * file, so that a mailbox of many small ones is read in few calls.
 */
static int
digest_message(struct maildrop *maildrop, struct message *message, uint64_t *window_start,
	uint64_t *window_end)
{
	static char window[WINDOW];
	uint64_t length = maildrop_end(maildrop, message) - message->start;

	if (length > UNIQUEID_PREFIX)
		length = UNIQUEID_PREFIX;
	if (message->start + length > *window_end || message->start < *window_start) {
		uint64_t want = length < UNIQUEID_PREFIX ? sizeof window : UNIQUEID_PREFIX;
		if (want > maildrop->size - message->start)
			want = maildrop->size - message->start;
		if (maildrop_read(maildrop, message->start, window, (size_t)want) == -1)
			return -1;
		*window_start = message->start;
		*window_end = message->start + want;
	}
	uniqueid_digest(window + (message->start - *window_start), (size_t)length,
	    message->digest);
	return 0;
}

/*
 * Numbers the messages of one digest in file order. Each chain links the first
 * message of each digest; there, "copy" counts until all are numbered. Links
 * are indexes plus one: 0 ends a chain.
 */
static int
number_copies(struct maildrop *maildrop)
{
	struct message *messages = maildrop->messages;
	size_t chains = maildrop->count / 2 + 1;
	uint32_t *chain = calloc(chains, sizeof *chain);

	if (chain == NULL)
		return -1;
	for (size_t i = 0; i < maildrop->count; i++) {
		uint64_t hash;
		memcpy(&hash, messages[i].digest, sizeof hash);
		uint32_t *link = &chain[hash % chains];
		while (*link != 0 && memcmp(messages[*link - 1].digest, messages[i].digest,
		    UNIQUEID_OCTETS) != 0)
			link = &messages[*link - 1].next;
		if (*link == 0) {
			*link = (uint32_t)(i + 1);
			messages[i].next = 0;
			messages[i].copy = 0;
		}
		messages[i].copy = ++messages[*link - 1].copy;
	}
	for (size_t i = 0; i < chains; i++)
		for (uint32_t link = chain[i]; link != 0; link = messages[link - 1].next)
			messages[link - 1].copy = 1;
	free(chain);
	return 0;
}

enum maildrop_result
maildrop_identify(struct maildrop *maildrop)
{
	uint64_t window_start = 0, window_end = 0;
	enum maildrop_result result;

	if (maildrop->identified)
		return MAILDROP_GOOD;
	result = maildrop_check(maildrop, false);
	if (result != MAILDROP_GOOD)
		return result;
	for (size_t i = 0; i < maildrop->count; i++)
		if (digest_message(maildrop, &maildrop->messages[i], &window_start,
		    &window_end) == -1)
			return failed("cannot read the mailbox");
	if (number_copies(maildrop) == -1)
		return failed("cannot number the messages");
	/* It may have been rewritten while we read. */
	result = maildrop_check(maildrop, false);
	maildrop->identified = result == MAILDROP_GOOD;
	return result;
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
