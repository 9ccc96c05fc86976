/*
 * The state file. Its parts, each at a multiple of 4096 octets:
 *
 *	0, 4096		MOVING records, in turn; each fits into one sector
 *	8192		the MOVED record
 *	12288		the plan and its runs
 *	after these	octets saved with MOVING records, in turn: twice 4 megabytes
 *
 * A record that counts is never written over: the next one goes to the other place,
 * and so do the octets saved with it. MOVED has a place of its own because clearing
 * is not synced: after a power cut the records of a finished UPDATE may be there
 * again, and with them the first record of the next UPDATE. This first record can have
 * replaced only an old MOVING record. So if the old plan is there, the old MOVED is there
 * and counts; and if the new plan is there, no old record counts.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fingerprint.h"
#include "io.h"

enum { FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
enum { PLACES = 3, MOVED_PLACE = 2, PLACE = 4096, PLAN = PLACES * PLACE };
enum { RUNS = PLAN + sizeof(struct journal_plan) };
enum { SECTOR = 512, PIECE = 64 * 1024, NAME = 80, MOST_ASIDE = 16 * 1024 * 1024 };

_Static_assert(sizeof(struct journal_record) <= SECTOR, "a record cannot be torn");

/* The last octet is the format's number: it goes up when any octet of a journal
   means something else. */
static const char magic[8] = { 's', 't', 'd', 'p', 'o', 'p', '3', '3' };

static char saved[JOURNAL_SAVED_MOST];

int
journal_open(struct journal *journal, int directory, const char *name)
{
	char aside[NAME];
	struct stat status;

	*journal = (struct journal){ .aside = -1 };
	journal->fd = openat(directory, name, FLAGS);
	if (journal->fd == -1 && errno == ENOENT) {
		journal->fd = openat(directory, name, FLAGS | O_CREAT, IO_PRIVATE_MODE);
		/* A power cut must not take away the name of a file that has a journal. */
		if (journal->fd != -1 && fsync(directory) == -1)
			goto fail;
	}
	if (journal->fd == -1 || flock(journal->fd, LOCK_EX | LOCK_NB) == -1 ||
	    fstat(journal->fd, &status) == -1)
		goto fail;
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != geteuid()) {
		errno = EPERM;
		goto fail;
	}
	if (status.st_size == 0)
		return 0;
	/* A name in passwd(5) has no colon, so this is not another account's state file. */
	snprintf(aside, sizeof aside, "%s:aside", name);
	journal->aside = openat(directory, aside,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, IO_PRIVATE_MODE);
	if (journal->aside != -1)
		return 0;
fail:
	journal_close(journal);
	return -1;
}

int
journal_peek(struct journal *journal, int directory, const char *name)
{
	*journal = (struct journal){ .aside = -1 };
	journal->fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return journal->fd == -1 ? -1 : 0;
}

void
journal_close(struct journal *journal)
{
	int cause = errno;

	if (journal->aside != -1)
		close(journal->aside);
	if (journal->fd != -1) {
		/* On a network file system the server may learn of close(2) late. We unlock
		   first, so that the next session is not refused. */
		(void)flock(journal->fd, LOCK_UN);
		close(journal->fd);
	}
	free(journal->runs);
	*journal = (struct journal){ .fd = -1, .aside = -1 };
	errno = cause;
}

int
journal_pending(const struct journal *journal)
{
	struct stat status;

	if (fstat(journal->fd, &status) == -1)
		return -1;
	return status.st_size > 0;
}

/* Returns which of its two places a MOVING record has, and the octets saved with it have. */
static unsigned
turn(const struct journal_record *record)
{
	return (record->sequence + 1) % 2;
}

static unsigned
place_of(const struct journal_record *record)
{
	return record->state == JOURNAL_MOVED ? MOVED_PLACE : turn(record);
}

static uint64_t
runs_length(const struct journal *journal)
{
	return journal->plan.runs * sizeof *journal->runs;
}

/* Two places for saved octets begin at the first multiple of 4096 after the runs. */
static uint64_t
saved_place(const struct journal *journal, unsigned place)
{
	uint64_t first = (RUNS + runs_length(journal) + PLACE - 1) / PLACE * PLACE;

	return first + place * (uint64_t)JOURNAL_SAVED_MOST;
}

static uint64_t
plan_sum(const struct journal *journal)
{
	struct fingerprint sum;

	fingerprint_begin(&sum);
	fingerprint_add(&sum, &journal->plan, sizeof journal->plan);
	fingerprint_add(&sum, journal->runs, runs_length(journal));
	return fingerprint_end(&sum);
}

static uint64_t
record_sum(const struct journal_record *record)
{
	return fingerprint_of(record, offsetof(struct journal_record, sum));
}

int
journal_reserve(struct journal *journal, uint64_t runs)
{
	free(journal->runs);
	journal->runs = calloc((size_t)runs + JOURNAL_SPARE_RUNS, sizeof *journal->runs);
	journal->saved = saved;
	return journal->runs == NULL ? -1 : 0;
}

static int
write_plan(const struct journal *journal)
{
	if (io_write(journal->fd, PLAN, &journal->plan, sizeof journal->plan) == -1)
		return -1;
	return io_write(journal->fd, RUNS, journal->runs, runs_length(journal));
}

int
journal_begin(struct journal *journal, uint64_t room)
{
	int result;

	/* We do not call posix_fallocate(3): where the call fails, it tries other ways, which
	   the filter refuses, and QUIT would never delete mail there. */
	do
		result = fallocate(journal->fd, 0, 0, (off_t)(saved_place(journal, 0) + room));
	while (result == -1 && errno == EINTR);
	/* Without space set aside, a full disk may leave some of the steps to the recovery:
	   each record is on the disk before its step touches the mailbox. */
	if (result == -1 && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	journal->plan_sum = plan_sum(journal);
	return write_plan(journal);
}

static int
write_record(const struct journal *journal, const struct journal_record *record)
{
	if (io_write(journal->fd, saved_place(journal, turn(record)), saved, record->saved) == -1 ||
	    io_write(journal->fd, place_of(record) * PLACE, record, sizeof *record) == -1)
		return -1;
	return io_sync(journal->fd);
}

int
journal_commit(struct journal *journal, struct journal_record *record)
{
	memcpy(record->magic, magic, sizeof magic);
	record->sequence = journal->sequence + 1;
	record->plan = journal->plan_sum;
	record->saved_sum = fingerprint_of(saved, record->saved);
	record->sum = record_sum(record);
	if (write_record(journal, record) == -1)
		return -1;
	journal->sequence = record->sequence;
	return 0;
}

/*
 * Takes the plan, which was read from a journal of "size" octets, and reads its runs.
 * Returns 1, or 0 if the journal ends before they do, or -1.
 */
static int
load_plan(struct journal *journal, const char *plan, uint64_t size)
{
	memcpy(&journal->plan, plan, sizeof journal->plan);
	/* The user may have written this, so the product must not wrap. */
	if (size < RUNS || journal->plan.runs > (size - RUNS) / sizeof *journal->runs)
		return 0;
	if (journal_reserve(journal, journal->plan.runs) == -1 ||
	    io_read(journal->fd, RUNS, journal->runs, runs_length(journal)) == -1)
		return -1;
	journal->plan_sum = plan_sum(journal);
	return 1;
}

/* Returns 1 if the octets saved with a record are as they were, or 0, or -1. */
static int
load_saved(const struct journal *journal, const struct journal_record *record, uint64_t size)
{
	uint64_t offset = saved_place(journal, turn(record));

	if (record->saved > sizeof saved || (record->saved > 0 && offset + record->saved > size))
		return 0;
	if (io_read(journal->fd, offset, saved, record->saved) == -1)
		return -1;
	return fingerprint_of(saved, record->saved) == record->saved_sum;
}

/* Takes what was read from a place. Returns 1, or 0 if it is no journal record, or -1. */
static int
load_record(const char *octets, unsigned place, struct journal_record *record)
{
	memcpy(record, octets, sizeof *record);
	if (memcmp(record->magic, magic, sizeof magic - 1) != 0)
		return 0;
	if (record->magic[sizeof magic - 1] != magic[sizeof magic - 1]) {
		/* Only the version that wrote this journal can finish the UPDATE. */
		errno = ENOTSUP;
		return -1;
	}
	if (record->sum != record_sum(record) || place_of(record) != place) {
		/* A sector is not torn, so another kind of machine wrote the record, or it was
		   damaged. */
		errno = EBADMSG;
		return -1;
	}
	return 1;
}

int
journal_load(struct journal *journal, struct journal_record *record)
{
	static char head[RUNS];
	struct journal_record found;
	struct stat status;

	journal->sequence = 0;
	if (fstat(journal->fd, &status) == -1)
		return -1;
	uint64_t size = (uint64_t)status.st_size;
	if (io_read(journal->fd, 0, head, size < sizeof head ? (size_t)size : sizeof head) == -1)
		return -1;
	int has_plan = load_plan(journal, head + PLAN, size);
	if (has_plan == -1)
		return -1;
	for (unsigned place = 0; place < PLACES; place++) {
		int counts = load_record(head + place * PLACE, place, &found);
		if (counts == 1)
			counts = !has_plan || found.plan != journal->plan_sum ? 0 :
			    load_saved(journal, &found, size);
		if (counts == -1)
			return -1;
		if (counts == 1 && found.sequence > journal->sequence) {
			*record = found;
			journal->sequence = found.sequence;
		}
	}
	/* The saved octets of another record may have been read since, into the same room. */
	return journal->sequence == 0 ? 0 : load_saved(journal, record, size);
}

int
journal_affirm(struct journal *journal, const struct journal_record *record)
{
	return write_plan(journal) == -1 ? -1 : write_record(journal, record);
}

int
journal_clear(struct journal *journal)
{
	journal->sequence = 0;
	return io_truncate(journal->fd, 0);
}

int
journal_discard(struct journal *journal)
{
	return journal_clear(journal) == -1 ? -1 : io_sync(journal->fd);
}

int
journal_set_aside(struct journal *journal)
{
	static char piece[PIECE];
	struct stat status, aside;
	size_t n;

	if (fstat(journal->fd, &status) == -1 || fstat(journal->aside, &aside) == -1)
		return -1;
	/* A user could interrupt an UPDATE and rewrite the mailbox again and again, and so
	   fill the disk. The journal at hand stays until its copy is on the disk. */
	if (aside.st_size > 0 && aside.st_size + status.st_size > MOST_ASIDE) {
		if (io_truncate(journal->aside, 0) == -1)
			return -1;
		aside.st_size = 0;
	}
	for (off_t offset = 0; offset < status.st_size; offset += (off_t)n) {
		n = status.st_size - offset < PIECE ? (size_t)(status.st_size - offset) : PIECE;
		if (io_read(journal->fd, (uint64_t)offset, piece, n) == -1 ||
		    io_write(journal->aside, (uint64_t)(aside.st_size + offset), piece, n) == -1)
			return -1;
	}
	return io_sync(journal->aside) == -1 ? -1 : journal_clear(journal);
}
