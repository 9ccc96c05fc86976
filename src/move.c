/* Numbers in comments are those of the invariants in move.h. */
#include "move.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "fingerprint.h"
#include "io.h"
#include "lock.h"

enum {
	PIECE = 256 * 1024,		/* octets moved by one write */
	WITNESS = 4096,
};

static char window[PIECE];

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A call for each short run would be slow, so short runs are copied out of a window. */
static int
read_file(struct move *move, uint64_t offset, char *octets, size_t length)
{
	if (offset < move->window || offset + length > move->window_end) {
		if (length >= sizeof window / 2)
			return io_read(move->fd, offset, octets, length);
		move->window = offset;
		move->window_end = offset + least(move->record.size - offset, sizeof window);
		if (io_read(move->fd, offset, window, (size_t)(move->window_end - offset)) == -1)
			return -1;
	}
	memcpy(octets, window + (offset - move->window), length);
	return 0;
}

/* Skips so many of the octets that stay. */
static void
skip(struct move *move, uint64_t octets)
{
	for (; octets > 0 && octets >= move->left->length; move->left++)
		octets -= move->left->length;
	if (octets > 0) {
		move->left->from += octets;
		move->left->length -= octets;
	}
}

/* Reads the next octets that stay. */
static int
read_next(struct move *move, char *octets, size_t length)
{
	for (size_t n; length > 0; octets += n, length -= n) {
		n = (size_t)least(move->left->length, length);
		if (read_file(move, move->left->from, octets, n) == -1)
			return -1;
		skip(move, n);
	}
	return 0;
}

static int
write_file(const struct move *move, uint64_t offset, const char *octets, size_t length)
{
	for (size_t n; length > 0; offset += n, octets += n, length -= n) {
		n = (size_t)least(length, PIECE);
		lock_touch();
		if (io_write(move->fd, offset, octets, n) == -1)
			return -1;
		io_begin_sync(move->fd, offset, n);
	}
	return 0;
}

/* Returns the offset after the octets that the step and the mark may overwrite. */
static uint64_t
end_of_step(const struct move *move)
{
	return move->record.to + move->step + move->mark_length;
}

/*
 * A step that is as long as the gap, less the mark, overwrites no octet that is needed, so
 * nothing must be saved. Where the gap is short, such steps would be many, so a step has at
 * least the octets that the journal can save, if so many are left. Those octets of the
 * step are saved that stand before the end of the step (1).
 */
static void
plan_step(struct move *move)
{
	uint64_t rest = move->end - move->record.to, before = 0;
	uint64_t gap, limit;

	move->step = move->record.saved = 0;
	if (rest == 0)
		return;
	gap = move->left->from - move->record.to;
	move->step = JOURNAL_SAVED_MOST;
	if (gap > move->mark_length + JOURNAL_SAVED_MOST)
		move->step = gap - move->mark_length;
	move->step = least(move->step, rest);
	limit = end_of_step(move);
	for (const struct journal_run *run = move->left;
	    run < move->end_of_runs && run->from < limit; run++)
		before += least(run->length, limit - run->from);
	move->record.saved = least(before, move->step);
}

static int
add_witness(const struct move *move, struct fingerprint *sum, uint64_t begin, uint64_t end)
{
	char octets[WITNESS];

	if (begin >= end)
		return 0;
	if (io_read(move->fd, begin, octets, (size_t)(end - begin)) == -1)
		return -1;
	fingerprint_add(sum, octets, (size_t)(end - begin));
	return 0;
}

/* A program that rewrites the file shifts some of these octets or makes the file shorter (5). */
static int
witness(const struct move *move, uint64_t *sum)
{
	uint64_t first = move->journal->plan.first, size = move->record.size;
	uint64_t after = end_of_step(move), tail = size - least(size, WITNESS);
	struct fingerprint print;

	fingerprint_begin(&print);
	if (add_witness(move, &print, first - least(first, WITNESS), first) == -1 ||
	    add_witness(move, &print, after, least(after + WITNESS, size)) == -1 ||
	    add_witness(move, &print, after > tail ? after : tail, size) == -1)
		return -1;
	*sum = fingerprint_end(&print);
	return 0;
}

/* Writes a journal record, which counts and is on the disk when this returns 0 (2). */
static int
record_state(struct move *move, enum journal_state state)
{
	move->record.state = state;
	if (witness(move, &move->record.witness) == -1 ||
	    read_next(move, move->journal->saved, (size_t)move->record.saved) == -1)
		return -1;
	return journal_commit(move->journal, &move->record);
}

/*
 * Makes or repeats the step that the record is about, if there is one (1). The saved
 * octets have been skipped already.
 */
static int
do_step(struct move *move)
{
	struct journal_record *record = &move->record;
	char *octets = move->journal->saved;
	size_t n;

	if (move->step == 0)
		return 0;
	if (write_file(move, record->to, octets, (size_t)record->saved) == -1)
		return -1;
	for (uint64_t at = record->saved; at < move->step; at += n) {
		n = (size_t)least(move->step - at, PIECE);
		if (read_next(move, octets, n) == -1 ||
		    write_file(move, record->to + at, octets, n) == -1)
			return -1;
	}
	record->to += move->step;
	move->step = 0;
	/* The last step writes the mark (4). */
	if (record->to == move->end && write_file(move, move->end,
	    (const char *)move->journal->plan.mark, (size_t)move->mark_length) == -1)
		return -1;
	lock_touch();
	return io_sync(move->fd);
}

/* What was appended up to "size" stays, too (6). */
static void
append_run(struct move *move, uint64_t size)
{
	if (size == move->record.size)
		return;
	*move->end_of_runs++ = (struct journal_run){
		move->record.size, size - move->record.size,
	};
	move->end += size - move->record.size;
	move->record.size = size;
}

/*
 * Derives all else from the plan and the record. Returns false if they contradict
 * themselves: the user could have written them, so they are not believed.
 */
static bool
derive(struct move *move)
{
	const struct journal_plan *plan = &move->journal->plan;
	struct journal_record *record = &move->record;
	uint64_t size = record->size, past = plan->first;

	move->end = plan->first;
	move->left = move->journal->runs;
	move->end_of_runs = move->left + plan->runs;
	for (const struct journal_run *run = move->left; run < move->end_of_runs; run++) {
		if (run->length == 0 || run->from < past || run->from > plan->size ||
		    run->length > plan->size - run->from)
			return false;
		past = run->from + run->length;
		move->end += run->length;
	}
	if (past > plan->size || plan->size > size || size > INT64_MAX)
		return false;
	/* The mark has at most half as many octets as are removed, so that the last step
	   leaves octets for the witness even if very few are removed. */
	move->mark_length = least((plan->size - move->end) / 2, JOURNAL_MARK_MOST);
	record->size = plan->size;
	append_run(move, size);
	if (move->mark_length == 0 || record->to < plan->first || record->to > move->end)
		return false;
	skip(move, record->to - plan->first);
	plan_step(move);
	return record->state == (move->step > 0 ? JOURNAL_MOVING : JOURNAL_MOVED);
}

static bool
fits_file_limit(uint64_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}

int
move_begin(struct move *move, const int64_t accessed[2])
{
	struct journal_plan *plan = &move->journal->plan;
	uint64_t room;

	if (!fits_file_limit(plan->size)) {
		errno = EFBIG;
		return -1;
	}
	if (getrandom(plan->mark, sizeof plan->mark, 0) != (ssize_t)sizeof plan->mark)
		return -1;
	plan->mark[0] = 0;
	move->record = (struct journal_record){
		.state = JOURNAL_MOVING, .size = plan->size, .to = plan->first,
		.accessed = { accessed[0], accessed[1] },
	};
	if (!derive(move)) {
		errno = ENOTRECOVERABLE;
		return -1;
	}
	/* A power cut can take from the file what nobody has synced, such as mail of a
	   deliverer, but must leave of it what a record describes (2). */
	lock_touch();
	if (io_sync(move->fd) == -1)
		return -1;
	/* Later steps save no more than the first, but in the other place. */
	room = move->record.saved;
	if (room > 0 && move->record.to + move->step < move->end)
		room += JOURNAL_SAVED_MOST;
	if (journal_begin(move->journal, room) == -1)
		return -1;
	return record_state(move, JOURNAL_MOVING);
}

int
move_truncate(int fd, uint64_t size, const int64_t accessed[2])
{
	struct timespec times[2] = {
		{ .tv_sec = accessed[0], .tv_nsec = accessed[1] }, { .tv_nsec = UTIME_NOW },
	};

	if (io_truncate(fd, size) == -1)
		return -1;
	/* A wrong time is no reason to call a finished UPDATE failed. */
	(void)futimens(fd, times);
	return io_sync(fd) == -1 ? 1 : 0;
}

int
move_finish(struct move *move)
{
	struct stat status;

	for (;;) {
		if (do_step(move) == -1)
			return -1;
		plan_step(move);
		if (move->step == 0)
			break;
		if (record_state(move, JOURNAL_MOVING) == -1)
			return -1;
	}
	if (move->record.state != JOURNAL_MOVED && record_state(move, JOURNAL_MOVED) == -1)
		return -1;
	if (fstat(move->fd, &status) == -1)
		return -1;
	if ((uint64_t)status.st_size != move->record.size) {
		/* A program appended in spite of our locks: the next recovery keeps that (6). */
		errno = EBUSY;
		return -1;
	}
	if (move_truncate(move->fd, move->end, move->record.accessed) != 0)
		return -1;
	/* This needs no sync: a MOVED that comes back finds no mark, and is cleared again (4). */
	return journal_clear(move->journal);
}

int
move_load(struct move *move)
{
	int found = journal_load(move->journal, &move->record);
	uint64_t saved = move->record.saved;

	if (found != 1)
		return found;
	if (journal_affirm(move->journal, &move->record) == -1)
		return -1;
	if (!derive(move) || move->record.saved != saved) {
		errno = ENOTRECOVERABLE;
		return -1;
	}
	skip(move, saved);
	return 1;
}

/* Returns 1 if the mark stands where the new end is to be, 0 if not, or -1. */
static int
mark_stands(const struct move *move, uint64_t size)
{
	char found[JOURNAL_MARK_MOST];

	if (size < move->end + move->mark_length)
		return 0;
	if (io_read(move->fd, move->end, found, (size_t)move->mark_length) == -1)
		return -1;
	return memcmp(found, move->journal->plan.mark, (size_t)move->mark_length) == 0;
}

enum move_found
move_find(const struct move *move, const struct stat *status)
{
	uint64_t size = (uint64_t)status->st_size, sum;

	if (status->st_ino != move->journal->plan.inode)
		return MOVE_FOREIGN;
	if (move->record.state == JOURNAL_MOVED) {
		int stands = mark_stands(move, size);
		if (stands != 1)
			return stands == 0 ? MOVE_TRUNCATED : MOVE_FAILED;
	}
	if (size < move->record.size)
		return MOVE_FOREIGN;
	if (witness(move, &sum) == -1)
		return MOVE_FAILED;
	return sum == move->record.witness ? MOVE_PENDING : MOVE_FOREIGN;
}

int
move_append(struct move *move, uint64_t size, const int64_t accessed[2])
{
	if (do_step(move) == -1)
		return -1;
	/* In MOVED no step has synced what the next record will describe (2). */
	if (move->record.state == JOURNAL_MOVED && io_sync(move->fd) == -1)
		return -1;
	if (size > move->record.size)
		memcpy(move->record.accessed, accessed, sizeof move->record.accessed);
	append_run(move, size);
	return 0;
}
