/*
 * UPDATE. The octets that stay move down over those that go, in steps. Before
 * a step, the journal says what it will do and keeps those octets that it is
 * about to overwrite before they are safe; after it, the mailbox is synced. So
 * at any time all octets that stay are in the mailbox where they were, in the
 * mailbox where they shall be, or in the journal, and a step can be repeated.
 *
 * Behind the octets that stay, the last step writes a mark that no mail starts
 * with. As long as it is there, the file has not been truncated: that tells an
 * old tail from mail that was delivered after the truncation.
 */
#include "update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "fingerprint.h"
#include "index.h"
#include "io.h"
#include "lock.h"
#include "log.h"

enum {
	PIECE = 256 * 1024,		/* octets moved by one write */
	WITNESS = 4096,			/* octets looked at in each place */
};

struct move {
	struct maildrop *maildrop;
	struct journal *journal;
	struct journal_record record;
	struct journal_run *runs;	/* all of them */
	struct journal_run *left;	/* the first that is not moved yet */
	uint64_t at;			/* where the next piece goes */
};

static char piece[PIECE];
static char window[PIECE];
static uint64_t window_start, window_end;

static int
write_mailbox(const struct move *move, uint64_t offset, const void *octets, size_t length)
{
	lock_touch();
	return io_write(move->maildrop->fd, offset, octets, length);
}

static int
read_mailbox(const struct move *move, uint64_t offset, char *octets, size_t length)
{
	return io_read(move->maildrop->fd, offset, octets, length);
}

/* Short runs come out of a window over the mailbox, to save calls. */
static int
read_run(const struct move *move, uint64_t offset, char *octets, size_t length)
{
	if (offset < window_start || offset + length > window_end) {
		uint64_t want = move->record.size - offset;
		if (length >= sizeof window / 2)
			return read_mailbox(move, offset, octets, length);
		if (want > sizeof window)
			want = sizeof window;
		window_end = 0;
		if (read_mailbox(move, offset, window, (size_t)want) == -1)
			return -1;
		window_start = offset;
		window_end = offset + want;
	}
	memcpy(octets, window + (offset - window_start), length);
	return 0;
}

/* Hands the octets begin to end, counted from the first left run, to "sink". */
static int
gather(struct move *move, uint64_t begin, uint64_t end,
	int (*sink)(struct move *move, const char *octets, size_t length))
{
	const struct journal_run *run = move->left;
	size_t have = 0;

	window_start = window_end = 0;
	end -= begin;
	for (; end > 0 && begin >= run->length; run++)
		begin -= run->length;
	while (end > 0) {
		uint64_t n = run->length - begin < end ? run->length - begin : end;
		if (n > sizeof piece - have)
			n = sizeof piece - have;
		if (read_run(move, run->from + begin, piece + have, (size_t)n) == -1)
			return -1;
		have += (size_t)n;
		begin += n;
		end -= n;
		if (begin == run->length) {
			run++;
			begin = 0;
		}
		if (have == sizeof piece || end == 0) {
			if (sink(move, piece, have) == -1)
				return -1;
			have = 0;
		}
	}
	return 0;
}

static int
save_piece(struct move *move, const char *octets, size_t length)
{
	return journal_add_saved(move->journal, octets, length);
}

static int
place_piece(struct move *move, const char *octets, size_t length)
{
	if (write_mailbox(move, move->at, octets, length) == -1)
		return -1;
	io_begin_sync(move->maildrop->fd, move->at, length);
	move->at += length;
	return 0;
}

static uint64_t
octets_left(const struct move *move)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < move->record.runs; i++)
		sum += move->left[i].length;
	return sum;
}

/* Octets of the step that come from before "limit" and so must be saved. */
static uint64_t
octets_before(const struct move *move, uint64_t limit)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < move->record.runs && move->left[i].from < limit; i++) {
		uint64_t most = limit - move->left[i].from;
		sum += move->left[i].length < most ? move->left[i].length : most;
	}
	return sum < move->record.step ? sum : move->record.step;
}

/*
 * A step is as long as the gap it moves over, for then nothing needs saving,
 * but not shorter than what the journal can save.
 */
static void
plan_step(struct move *move)
{
	struct journal_record *record = &move->record;
	uint64_t left = octets_left(move);
	uint64_t gap = move->left[0].from - record->to;

	record->stage = JOURNAL_MOVING;
	record->step = JOURNAL_SAVED;
	if (gap > record->mark_length + JOURNAL_SAVED)
		record->step = gap - record->mark_length;
	if (record->step > left)
		record->step = left;
	record->saved = octets_before(move, record->to + record->step + record->mark_length);
}

static int
witness_range(const struct move *move, struct fingerprint *print, uint64_t begin,
	uint64_t end)
{
	if (begin >= end)
		return 0;
	if (read_mailbox(move, begin, piece, (size_t)(end - begin)) == -1)
		return -1;
	fingerprint_add(print, piece, (size_t)(end - begin));
	return 0;
}

/*
 * Octets around the step that it does not touch: before the first deleted
 * message, behind the step, and at the old end. Whoever rewrites the mailbox
 * shifts some of them.
 */
static int
witness(const struct move *move, uint64_t *sum)
{
	const struct journal_record *record = &move->record;
	uint64_t safe = record->to + record->step + record->mark_length;
	uint64_t tail = record->size > WITNESS ? record->size - WITNESS : 0;
	struct fingerprint print;

	fingerprint_begin(&print);
	if (witness_range(move, &print,
	    record->first > WITNESS ? record->first - WITNESS : 0, record->first) == -1 ||
	    witness_range(move, &print, safe,
	    record->size - safe > WITNESS ? safe + WITNESS : record->size) == -1 ||
	    witness_range(move, &print, safe > tail ? safe : tail, record->size) == -1)
		return -1;
	*sum = fingerprint_end(&print);
	return 0;
}

/* Makes the planned step count. */
static int
record_step(struct move *move)
{
	if (witness(move, &move->record.witness) == -1 ||
	    journal_add_runs(move->journal, &move->record, move->left) == -1 ||
	    gather(move, 0, move->record.saved, save_piece) == -1)
		return -1;
	return journal_commit(move->journal, &move->record);
}

static int
place_saved(struct move *move)
{
	uint64_t offset = 0;

	while (offset < move->record.saved) {
		uint64_t left = move->record.saved - offset;
		size_t n = left < sizeof piece ? (size_t)left : sizeof piece;
		if (journal_read_saved(move->journal, &move->record, offset, piece, n) == -1 ||
		    place_piece(move, piece, n) == -1)
			return -1;
		offset += n;
	}
	return 0;
}

/* Drops what the step has moved from the runs. */
static void
advance(struct move *move)
{
	uint64_t moved = move->record.step;

	move->record.to += moved;
	while (move->record.runs > 0 && moved >= move->left->length) {
		moved -= move->left->length;
		move->left++;
		move->record.runs--;
	}
	if (moved > 0) {
		move->left->from += moved;
		move->left->length -= moved;
	}
	move->record.step = 0;
	move->record.saved = 0;
}

/* Does the step that the journal holds; may be repeated. */
static int
do_step(struct move *move)
{
	bool last = move->record.step == octets_left(move);

	move->at = move->record.to;
	if (place_saved(move) == -1 ||
	    gather(move, move->record.saved, move->record.step, place_piece) == -1)
		return -1;
	if (last && write_mailbox(move, move->at, move->record.mark,
	    (size_t)move->record.mark_length) == -1)
		return -1;
	lock_touch();
	if (io_sync(move->maildrop->fd) == -1)
		return -1;
	advance(move);
	return 0;
}

/*
 * Who looks for new mail compares the two times: what was unread stays so, and
 * what was read. The modification shows, since some mail programs know by it
 * alone that a mailbox is not what they have read.
 */
static void
restore_times(const struct move *move)
{
	const struct journal_record *record = &move->record;
	bool unread = record->modified[0] > record->accessed[0] ||
	    (record->modified[0] == record->accessed[0] &&
	    record->modified[1] > record->accessed[1]);
	struct timespec times[2] = {
		{ .tv_sec = record->accessed[0], .tv_nsec = record->accessed[1] },
		{ .tv_nsec = UTIME_NOW },
	};

	if (!unread)
		times[0].tv_nsec = UTIME_NOW;

	/* A wrong time is no reason to call a finished UPDATE failed. */
	(void)futimens(move->maildrop->fd, times);
}

static void
note_times(struct move *move, const struct stat *status)
{
	move->record.accessed[0] = status->st_atim.tv_sec;
	move->record.accessed[1] = status->st_atim.tv_nsec;
	move->record.modified[0] = status->st_mtim.tv_sec;
	move->record.modified[1] = status->st_mtim.tv_nsec;
}

/* After the truncation: the times, and all of it on the disk. */
static int
settle_mailbox(const struct move *move)
{
	restore_times(move);
	return io_sync(move->maildrop->fd);
}

/*
 * What is left to be done when no step is in the journal. The journal need not
 * be synced after it is cleared: a record of this stage that comes back finds
 * no mark in the mailbox, and is cleared again.
 */
static int
finish(struct move *move)
{
	struct stat status;

	while (move->record.runs > 0) {
		plan_step(move);
		if (record_step(move) == -1 || do_step(move) == -1)
			return -1;
	}
	move->record.stage = JOURNAL_MOVED;
	if (record_step(move) == -1 || fstat(move->maildrop->fd, &status) == -1)
		return -1;
	/* Delivered by who took our dotlock for stale, or none: the recovery keeps it. */
	errno = EBUSY;
	if ((uint64_t)status.st_size != move->record.size ||
	    io_truncate(move->maildrop->fd, move->record.to) == -1 ||
	    settle_mailbox(move) == -1)
		return -1;
	return journal_clear(move->journal);
}

static enum update_result
refused(const char *what)
{
	log_failure("update refused", "%s", what);
	return UPDATE_REFUSED;
}

static enum update_result
pending(const char *what)
{
	log_failure("update interrupted", "%s; the next login tries again", what);
	return UPDATE_PENDING;
}

/* No login will ever finish it: an administrator has to look. */
static enum update_result
stuck(const char *what)
{
	log_record(LOG_ERR, "update interrupted",
	    "%s; logins are refused until it is mended: see the manual, UPDATE", what);
	return UPDATE_PENDING;
}

/*
 * Where the mail begins that was delivered since the index was made. If the
 * message before it goes, it will follow another one or begin the file: then an
 * empty line that the deliverer put before it goes too, and a writer without
 * locks who is in the middle of the message that goes is noticed.
 */
static int
find_delivered(struct move *move, uint64_t *offset)
{
	const struct maildrop *maildrop = move->maildrop;
	/* An empty line in CRLF, and "From ". */
	char head[2 + 5 + 1];
	size_t length = sizeof head - 1;
	const char *p = head;

	*offset = maildrop->size;
	if (move->record.size == *offset || !maildrop->messages[maildrop->count - 1].deleted)
		return 0;
	if (length > move->record.size - *offset)
		length = (size_t)(move->record.size - *offset);
	if (read_mailbox(move, *offset, head, length) == -1)
		return -1;
	head[length] = '\0';
	p += p[0] == '\r';
	p += p[0] == '\n';
	*offset += (uint64_t)(p - head);
	errno = EINVAL;
	return strncmp(p, "From ", 5) == 0 ? 0 : -1;
}

/* The runs that stay behind the first deleted message. */
static int
make_runs(struct move *move, uint64_t delivered, uint64_t size)
{
	const struct maildrop *maildrop = move->maildrop;
	size_t count = 0, room = 1;

	for (size_t i = 1; i < maildrop->count; i++)
		room += maildrop->messages[i - 1].deleted && !maildrop->messages[i].deleted;
	/* One more for what was delivered since. */
	struct journal_run *runs = calloc(room + 1, sizeof *runs);
	if (runs == NULL)
		return -1;
	uint64_t end = 0;
	for (size_t i = 0; i < maildrop->count; i++) {
		const struct message *message = &maildrop->messages[i];
		if (message->deleted) {
			if (end == 0)
				move->record.first = message->start;
			end = maildrop_end(maildrop, message);
		} else if (end != 0) {
			uint64_t next = maildrop_end(maildrop, message);
			if (count > 0 && runs[count - 1].from + runs[count - 1].length ==
			    message->start)
				runs[count - 1].length += next - message->start;
			else
				runs[count++] = (struct journal_run){
					message->start, next - message->start,
				};
		}
	}
	if (size > delivered)
		runs[count++] = (struct journal_run){ delivered, size - delivered };
	move->runs = move->left = runs;
	move->record.runs = count;
	move->record.to = move->record.first;
	return 0;
}

/* The first octet is one with which no mail starts. */
static int
make_mark(struct move *move)
{
	struct journal_record *record = &move->record;
	uint64_t removed = record->size - record->to - octets_left(move);

	record->mark_length = removed / 2 < JOURNAL_MARK ? removed / 2 : JOURNAL_MARK;
	if (getrandom(record->mark, sizeof record->mark, 0) != (ssize_t)sizeof record->mark)
		return -1;
	record->mark[0] = 0;
	return 0;
}

static bool
fits_file_limit(uint64_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}

static enum update_result
remove_marked(struct move *move, const struct stat *status)
{
	struct journal_record *record = &move->record;
	uint64_t delivered;

	record->inode = status->st_ino;
	record->size = (uint64_t)status->st_size;
	note_times(move, status);
	if (find_delivered(move, &delivered) == -1)
		return refused("what was delivered does not start with a From_ line");
	if (make_runs(move, delivered, record->size) == -1)
		return refused("no memory");
	if (record->runs == 0) {
		/* A truncation is done or not done: it needs no journal. */
		if (io_truncate(move->maildrop->fd, record->first) == -1)
			return refused("cannot truncate the mailbox");
		if (settle_mailbox(move) == 0)
			return UPDATE_DONE;
		log_failure("update interrupted", "cannot sync the truncated mailbox");
		return UPDATE_PENDING;
	}
	errno = EFBIG;
	if (make_mark(move) == -1 || !fits_file_limit(record->size))
		return refused("cannot rewrite the mailbox");
	plan_step(move);
	if (journal_begin(move->journal, record->runs + 1, record->saved) == -1 ||
	    record_step(move) == -1) {
		int cause = errno;
		if (journal_discard(move->journal) == -1)
			return pending("cannot write the journal, nor clear it");
		errno = cause;
		return refused("cannot write the journal");
	}
	if (do_step(move) == -1 || finish(move) == -1)
		return pending("cannot rewrite the mailbox");
	return UPDATE_DONE;
}

enum update_result
update_commit(struct maildrop *maildrop, struct journal *journal)
{
	struct move move = { .maildrop = maildrop, .journal = journal };
	enum update_result result = UPDATE_REFUSED;
	struct stat status;

	if (maildrop->deleted == 0)
		return UPDATE_DONE;
	if (maildrop_lock(maildrop) != MAILDROP_GOOD)
		return UPDATE_REFUSED;
	if (maildrop_check(maildrop) == MAILDROP_GOOD &&
	    index_confirm(maildrop) == MAILDROP_GOOD) {
		if (fstat(maildrop->fd, &status) == -1)
			result = refused("cannot look at the mailbox");
		else
			result = remove_marked(&move, &status);
	}
	maildrop_unlock(maildrop);
	free(move.runs);
	return result;
}

/* Mail that was delivered after the crash is one more run. */
static void
add_delivered(struct move *move, uint64_t size)
{
	struct journal_record *record = &move->record;

	if (size > record->size)
		move->left[record->runs++] = (struct journal_run){
			record->size, size - record->size,
		};
	record->size = size;
}

/* 1 if the mark stands where the new end is to be, 0, or -1. */
static int
mark_stands(const struct move *move, uint64_t size)
{
	const struct journal_record *record = &move->record;
	char found[JOURNAL_MARK];

	if (size < record->to + record->mark_length)
		return 0;
	if (read_mailbox(move, record->to, found, (size_t)record->mark_length) == -1)
		return -1;
	return memcmp(found, record->mark, (size_t)record->mark_length) == 0;
}

/* All octets are where they shall be; was the file truncated? */
static int
recover_moved(struct move *move, uint64_t size)
{
	int stands = mark_stands(move, size);

	if (stands == -1)
		return -1;
	if (stands == 1) {
		add_delivered(move, size);
		return finish(move);
	}
	/* Whoever truncated it may have been killed before the sync. */
	return io_sync(move->maildrop->fd) == -1 ? -1 : journal_clear(move->journal);
}

static int
recover_moving(struct move *move, uint64_t size)
{
	if (do_step(move) == -1)
		return -1;
	add_delivered(move, size);
	return finish(move);
}

/* 1 if the mailbox is the one that the journal is about, 0, or -1. */
static int
is_journals_mailbox(struct move *move, const struct stat *status)
{
	uint64_t sum;

	if (status->st_ino != move->record.inode)
		return 0;
	if (move->record.stage == JOURNAL_MOVED) {
		int stands = mark_stands(move, (uint64_t)status->st_size);
		/* Without the mark it was truncated, and all is done. */
		if (stands != 1)
			return stands == -1 ? -1 : 1;
	}
	if ((uint64_t)status->st_size < move->record.size)
		return 0;
	if (witness(move, &sum) == -1)
		return -1;
	return sum == move->record.witness;
}

/* The user could write the file, so it is not believed to make sense. */
static bool
is_sound(const struct move *move)
{
	const struct journal_record *record = &move->record;
	uint64_t end = record->to, sum = 0;

	for (uint64_t i = 0; i < record->runs; i++) {
		const struct journal_run *run = &move->runs[i];
		if (run->length == 0 || run->from < end || run->from > record->size ||
		    run->length > record->size - run->from)
			return false;
		end = run->from + run->length;
		sum += run->length;
	}
	if (record->stage == JOURNAL_MOVED)
		return record->runs == 0 && record->step == 0 && record->saved == 0;
	return record->stage == JOURNAL_MOVING && record->saved <= record->step && record->step <= sum &&
	    record->saved == octets_before(move,
	    record->to + record->step + record->mark_length);
}

static enum update_result
recover(struct move *move)
{
	struct stat status;
	int result;

	if (fstat(move->maildrop->fd, &status) == -1)
		return pending("cannot look at the mailbox");
	result = is_journals_mailbox(move, &status);
	if (result == 0) {
		if (journal_set_aside(move->journal) == -1)
			return pending("cannot set the journal aside");
		log_record(LOG_WARNING, "journal set aside",
		    "another program rewrote the mailbox after an interrupted UPDATE");
		return UPDATE_SET_ASIDE;
	}
	/* One more run may be added. */
	move->runs = calloc((size_t)move->record.runs + 1, sizeof *move->runs);
	move->left = move->runs;
	if (result == -1 || move->runs == NULL ||
	    journal_read_runs(move->journal, &move->record, move->runs) == -1)
		return pending("cannot read the journal");
	if (!is_sound(move))
		return stuck("the journal contradicts itself");
	if ((uint64_t)status.st_size > move->record.size)
		note_times(move, &status);
	if (move->record.stage == JOURNAL_MOVED)
		result = recover_moved(move, (uint64_t)status.st_size);
	else
		result = recover_moving(move, (uint64_t)status.st_size);
	if (result == -1)
		return pending("cannot finish an interrupted UPDATE");
	log_record(LOG_NOTICE, "update recovered", "an interrupted UPDATE is finished");
	return UPDATE_DONE;
}

enum update_result
update_recover(struct maildrop *maildrop, struct journal *journal)
{
	struct move move = { .maildrop = maildrop, .journal = journal };
	enum update_result result;
	int found = journal_pending(journal);

	/* A mailbox that is not there now may come back: its journal stays. */
	if (found == 0 || maildrop->fd == -1)
		return UPDATE_DONE;
	if (maildrop->partly_locked) {
		errno = ENOSPC;
		return pending("without a dotlock the mailbox is not written to");
	}
	if (found == 1)
		found = journal_load(journal, &move.record);
	if (found == -1 && errno == ENOTSUP)
		return stuck("another version wrote the journal");
	if (found == -1 && errno == EBADMSG)
		return stuck("another kind of machine wrote the journal, or it is damaged");
	if (found == -1)
		return pending("cannot read the journal");
	if (found == 0) {
		/* It never counted, so the mailbox was never touched. */
		if (journal_clear(journal) == -1)
			return pending("cannot clear the journal");
		log_record(LOG_NOTICE, "update recovered", "an UPDATE that had not begun was discarded");
		return UPDATE_DONE;
	}
	result = recover(&move);
	free(move.runs);
	return result;
}
