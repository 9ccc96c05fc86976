/*
 * move: moves octets of a file down over others, so that neither a kill nor a
 * power cut loses any. It knows no mail, and update is its only user.
 *
 *	run	octets that stay, one after the other. The plan lists them in order.
 *	gap	the octets between the place where the next octet goes and the place
 *		where it is now. No octet of the gap is needed any more.
 *	step	how many octets are moved between two journal records.
 *	saved	those of the step's octets that the step itself overwrites. The journal
 *		has them before the step begins.
 *	mark	octets after the new end that stand there until the file is truncated.
 *		The first is NUL; nothing that is appended may begin with NUL.
 *	witness	checksum of up to 4096 octets in each of three places that the step
 *		leaves alone: before the first gap, after the step, and at the file's end.
 *
 *	     first       to         left[0].from                     size
 *	 |    | in place  |   gap    |   run   | gone |   run   | gone | appended
 *	                  |<---------- step --------->|mark|
 *	                             |<-saved->|      |saved|
 *
 * CLEAN: the journal is empty, or no record in it counts. MOVING: a record says
 * which step is being made. MOVED: all steps are made, and the file has to be
 * truncated where the mark is, if that has not happened yet. What holds:
 *
 * 1. Each octet that stays is on the disk in at least one of three places: in the
 *    file where it was, in the file where it shall be, or among the saved octets of
 *    the record that counts. So a step can be repeated, however it was cut short.
 * 2. A record is written when the file that it describes is on the disk: that was
 *    synced at the beginning, or after the step before. A step begins when its record
 *    is on the disk.
 * 3. A record counts only with its own plan and its own saved octets. As long as it
 *    counts, nothing else is written over the record or over these octets (journal.c).
 * 4. The last step writes the mark, and only the truncation takes it away. So in
 *    MOVED the file was truncated if and only if the mark is not there; and the
 *    state file is cleared when the truncation is on the disk.
 * 5. Before anything is written after an interruption, the file's inode, its size
 *    and the witness show that it is the file that the record is about. If another
 *    program has rewritten it, nothing is written.
 * 6. Octets that other programs append stay. The file is truncated only if its size is
 *    the record's; what was appended since becomes a last run.
 */
#ifndef MOVE_H
#define MOVE_H

#include <sys/stat.h>

#include "journal.h"

struct move {
	int fd;			/* of the file; set by the caller */
	struct journal *journal;	/* set by the caller */
	struct journal_record record;	/* the last one written or read */
	struct journal_run *left;	/* its first octet is the next to be moved */
	struct journal_run *end_of_runs;
	uint64_t end;		/* the file's size when all is done */
	uint64_t mark_length;
	uint64_t step;		/* 0 if all steps are made */
	uint64_t window, window_end;	/* the part of the file that is in memory */
};

enum move_found {
	MOVE_FAILED = -1,	/* with errno */
	MOVE_FOREIGN,		/* the file is not the one that the record is about */
	MOVE_PENDING,		/* not all is done: move_append and move_finish do the rest */
	MOVE_TRUNCATED,		/* all is done, but perhaps not on the disk */
};

/* These return 0, or -1 with errno, unless their comment says otherwise. */

/*
 * Begins to move. The caller has set the plan in the journal, except its mark, and
 * the runs: the file shall keep the octets before the plan's "first", and
 * the runs. At the end the file gets the access time "accessed", in seconds and nanoseconds,
 * or the time of the truncation if the nanoseconds are UTIME_NOW. Syncs the file and
 * writes to the journal; after -1 the caller discards the journal.
 */
int move_begin(struct move *move, const int64_t accessed[2]);

/*
 * Does what is left to do. After -1 the journal stays, for a recovery. errno is EBUSY if
 * another program has appended to the file meanwhile.
 */
int move_finish(struct move *move);

/*
 * Reads a journal. Returns 1; or 0 in state CLEAN; or -1 with errno: ENOTSUP and EBADMSG
 * as journal_load, ENOTRECOVERABLE if it contradicts itself.
 */
int move_load(struct move *move);

/* After move_load: returns what became of the file, which has this status now. */
enum move_found move_find(const struct move *move, const struct stat *status);

/*
 * After MOVE_PENDING: repeats the step that may be torn, and then plans that the octets
 * stay that were appended up to "size". "accessed" is as in move_begin, and is used only if
 * there are such octets.
 */
int move_append(struct move *move, uint64_t size, const int64_t accessed[2]);

/*
 * Truncates a file, sets its times and syncs it: all there is to do where no octets
 * that stay follow those that go. Returns 0; or -1 if nothing was done; or 1 if the
 * file was truncated, and may not be so on the disk. Sets errno unless it returns 0.
 */
int move_truncate(int fd, uint64_t size, const int64_t accessed[2]);

#endif
