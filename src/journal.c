/*
 * The state file. Layout: the fixed parts at 0 and 4096, one sector each, then
 * two areas for bodies.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

enum { FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
enum { PLACES = 2, PLACE = 4096, BODIES = PLACES * PLACE, PIECE = 64 * 1024, NAME = 80 };
enum { MOST_RUNS = 1 << 28, MOST_ASIDE = 16 * 1024 * 1024 };
enum { RUNS_A_GRAIN = FINGERPRINT_GRAIN / sizeof(struct journal_run) };

/* The last octet is the format's: it goes up when any octet of a record changes. */
static const char magic[8] = { 's', 't', 'd', 'p', 'o', 'p', '3', '2' };

int
journal_open(struct journal *journal, int directory, const char *name)
{
	char aside[NAME];
	struct stat status;

	*journal = (struct journal){ .aside = -1 };
	journal->fd = openat(directory, name, FLAGS);
	if (journal->fd == -1 && errno == ENOENT) {
		journal->fd = openat(directory, name, FLAGS | O_CREAT, IO_PRIVATE_MODE);
		/* Its name must be on the disk before a record in it can count. */
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
	/* A name in passwd(5) has no colon. */
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
	int saved = errno;

	if (journal->aside != -1)
		close(journal->aside);
	if (journal->fd != -1) {
		/* Where close(2) is told to a server it is told late. */
		(void)flock(journal->fd, LOCK_UN);
		close(journal->fd);
	}
	journal->fd = journal->aside = -1;
	errno = saved;
}

int
journal_pending(const struct journal *journal)
{
	struct stat status;

	if (fstat(journal->fd, &status) == -1)
		return -1;
	return status.st_size > 0;
}

static uint64_t
round_up(uint64_t length)
{
	return (length + PLACE - 1) / PLACE * PLACE;
}

static uint64_t
runs_length(size_t runs)
{
	/* Whole grains, so that the saved octets start a new one. */
	uint64_t length = runs * sizeof(struct journal_run);

	return (length + FINGERPRINT_GRAIN - 1) / FINGERPRINT_GRAIN * FINGERPRINT_GRAIN;
}

static uint64_t
body_length(const struct journal_record *record)
{
	return runs_length(record->runs) + record->saved;
}

int
journal_begin(struct journal *journal, size_t runs, uint64_t saved)
{
	uint64_t room = round_up(runs_length(runs) + saved);
	int result;

	/* Not posix_fallocate(3): where the call fails it goes other ways, which the
	   filter refuses, and QUIT would never delete there. */
	do
		result = fallocate(journal->fd, 0, 0, (off_t)(BODIES + PLACES * room));
	while (result == -1 && errno == EINTR);
	/* Without space set aside, a full disk may leave a move of several steps to the
	   recovery: each record is on the disk before its step touches the mailbox. */
	return result == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -1;
}

int
journal_add_runs(struct journal *journal, const struct journal_record *record,
	const struct journal_run *runs)
{
	size_t length = (size_t)record->runs * sizeof *runs;
	struct journal_run last[RUNS_A_GRAIN] = { { 0, 0 } };
	size_t rest = (size_t)record->runs % RUNS_A_GRAIN;

	/* Before the body that counts if there is room, else behind it. */
	journal->body = BODIES;
	if (journal->sequence > 0 && BODIES + body_length(record) > journal->live)
		journal->body = round_up(journal->live_end);
	fingerprint_begin(&journal->body_print);
	length -= rest * sizeof *runs;
	memcpy(last, runs + record->runs - rest, rest * sizeof *runs);
	fingerprint_add(&journal->body_print, runs, length);
	if (io_write(journal->fd, journal->body, runs, length) == -1)
		return -1;
	journal->body_end = journal->body + length;
	return rest > 0 ? journal_add_saved(journal, last, sizeof last) : 0;
}

int
journal_add_saved(struct journal *journal, const void *octets, size_t length)
{
	fingerprint_add(&journal->body_print, octets, length);
	if (io_write(journal->fd, journal->body_end, octets, length) == -1)
		return -1;
	io_begin_sync(journal->fd, journal->body_end, length);
	journal->body_end += length;
	return 0;
}

static uint64_t
record_print(const struct journal_record *record)
{
	struct journal_record copy = *record;
	struct fingerprint print;

	copy.print = 0;
	fingerprint_begin(&print);
	fingerprint_add(&print, &copy, sizeof copy);
	return fingerprint_end(&print);
}

static void
make_live(struct journal *journal, const struct journal_record *record)
{
	journal->sequence = record->sequence;
	journal->live = record->body;
	journal->live_end = record->body + body_length(record);
}

int
journal_commit(struct journal *journal, struct journal_record *record)
{
	memcpy(record->magic, magic, sizeof magic);
	record->sequence = journal->sequence + 1;
	record->body = journal->body;
	record->body_print = fingerprint_end(&journal->body_print);
	record->print = record_print(record);
	if (io_write(journal->fd, record->sequence % PLACES * PLACE, record,
	    sizeof *record) == -1 || io_sync(journal->fd) == -1)
		return -1;
	make_live(journal, record);
	return 0;
}

/* The body is what the record says it is: 1, 0, or -1. */
static int
check_body(const struct journal *journal, const struct journal_record *record)
{
	static char piece[PIECE];
	uint64_t offset = record->body;
	uint64_t left = body_length(record);
	struct fingerprint print;
	struct stat status;

	if (fstat(journal->fd, &status) == -1)
		return -1;
	/* The user could write it: a hole of a file is not read for hours. */
	if (record->runs > MOST_RUNS || record->saved > JOURNAL_SAVED ||
	    offset > (uint64_t)status.st_size || left > (uint64_t)status.st_size - offset)
		return 0;
	fingerprint_begin(&print);
	while (left > 0) {
		size_t n = left < sizeof piece ? (size_t)left : sizeof piece;
		if (io_read(journal->fd, offset, piece, n) == -1)
			return -1;
		fingerprint_add(&print, piece, n);
		offset += n;
		left -= n;
	}
	return fingerprint_end(&print) == record->body_print;
}

/* The record in one place: 1, 0: none that counts, -1. */
static int
load_place(const struct journal *journal, unsigned place, struct journal_record *record)
{
	struct stat status;

	if (fstat(journal->fd, &status) == -1)
		return -1;
	if ((uint64_t)status.st_size < place * PLACE + sizeof *record)
		return 0;
	if (io_read(journal->fd, place * PLACE, record, sizeof *record) == -1)
		return -1;
	/* Only the version that wrote it can finish it. */
	errno = ENOTSUP;
	if (memcmp(record->magic, magic, sizeof magic - 1) == 0 &&
	    record->magic[sizeof magic - 1] != magic[sizeof magic - 1])
		return -1;
	if (memcmp(record->magic, magic, sizeof magic) != 0)
		return 0;
	/* Sectors are not torn, so another kind of machine wrote it, or the disk is faulty. */
	errno = EBADMSG;
	if (record->print != record_print(record))
		return -1;
	if (record->sequence % PLACES != place || record->mark_length > JOURNAL_MARK)
		return 0;
	return check_body(journal, record);
}

int
journal_load(struct journal *journal, struct journal_record *record)
{
	struct journal_record found;
	int any = 0;

	if (io_sync(journal->fd) == -1)
		return -1;
	for (unsigned place = 0; place < PLACES; place++) {
		int result = load_place(journal, place, &found);
		if (result == -1)
			return -1;
		if (result == 1 && (any == 0 || found.sequence > record->sequence)) {
			*record = found;
			any = 1;
		}
	}
	if (any)
		make_live(journal, record);
	return any;
}

int
journal_read_runs(const struct journal *journal, const struct journal_record *record,
	struct journal_run *runs)
{
	return io_read(journal->fd, record->body, runs, (size_t)record->runs * sizeof *runs);
}

int
journal_read_saved(const struct journal *journal, const struct journal_record *record,
	uint64_t offset, void *octets, size_t length)
{
	return io_read(journal->fd, record->body + runs_length(record->runs) + offset, octets,
	    length);
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
	/* A user who interrupts and rewrites again and again must not fill the disk. The
	   journal at hand stays until its copy is on the disk. */
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
