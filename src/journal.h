/*
 * journal: the state file of a maildrop. Its lock is the session's exclusive
 * access to the maildrop (RFC 1939 section 4), and its contents are the journal
 * of an UPDATE. An empty file means that no UPDATE is pending.
 *
 * A journal has one plan, which is written once and says what the UPDATE is to
 * do, and journal records, each of which says how far the UPDATE has got. A record may
 * have saved octets with it. A record counts only if the record, its plan and its saved
 * octets have the right checksums; if several do, the last one written counts.
 *
 * No function here writes a log line: the caller knows what a failure means.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JOURNAL_MARK_MOST = 16,
	JOURNAL_SAVED_MOST = 4 * 1024 * 1024,	/* octets saved with one record */
	JOURNAL_SPARE_RUNS = 2,
};

/* The states of an UPDATE: see move.h, and the table in the manual, UPDATE. */
enum journal_state {
	JOURNAL_CLEAN = 0,	/* no record counts */
	JOURNAL_MOVING = 1,	/* a step is being made, and may be torn */
	JOURNAL_MOVED = 2,	/* all steps are made; the file may be truncated or not */
};

/* A run of octets that stay. */
struct journal_run {
	uint64_t from;		/* offset in the file */
	uint64_t length;
};

/* What does not change while the UPDATE is pending. Its runs follow it. */
struct journal_plan {
	uint64_t inode;		/* of the file */
	uint64_t size;		/* of the file before the UPDATE */
	uint64_t first;		/* the runs are moved down to here */
	uint64_t runs;		/* how many there are */
	uint8_t mark[JOURNAL_MARK_MOST];	/* random, so no two plans are alike */
};

/* How far the UPDATE has got. */
struct journal_record {
	char magic[8];
	uint64_t sequence;	/* the record with the highest was written last */
	uint64_t state;
	uint64_t plan;		/* checksum of the plan and its runs */
	uint64_t size;		/* of the file: the plan's, and what was appended since */
	uint64_t to;		/* up to here the file is as it shall be */
	uint64_t witness;	/* checksum of octets that the step leaves alone */
	int64_t accessed[2];	/* access time that the file shall get: see move.h */
	uint64_t saved;		/* how many octets are saved with this record */
	uint64_t saved_sum;	/* their checksum */
	uint64_t sum;		/* checksum of all the above */
};

struct journal {
	int fd;
	int aside;		/* open on "NAME:aside"; -1 if the journal was empty */
	uint64_t sequence;	/* of the record that counts; 0 if none does */
	struct journal_plan plan;	/* set by the caller of journal_begin, or read */
	struct journal_run *runs;	/* set likewise; freed by journal_close */
	uint64_t plan_sum;
	char *saved;		/* room for JOURNAL_SAVED_MOST octets: those of the record */
};

/*
 * Opens and locks the state file "name" in directory "directory". If the file is
 * not empty, "NAME:aside" is opened too. Closing the descriptor releases the lock.
 * Returns 0, or -1 with errno: EWOULDBLOCK if another session has the lock, EPERM
 * if the file is not a regular file of the service account with one link.
 */
int journal_open(struct journal *journal, int directory, const char *name);

/* Closes the journal, which releases the lock. Keeps errno. */
void journal_close(struct journal *journal);

/* Opens the state file for reading only, creates nothing and takes no lock. Returns 0, or -1
   with errno. */
int journal_peek(struct journal *journal, int directory, const char *name);

/* Returns 1 if the state file is not empty, 0 if it is, -1 with errno. */
int journal_pending(const struct journal *journal);

/* Makes room for runs, and JOURNAL_SPARE_RUNS more, and for saved octets. Returns 0, or -1
   if there is no memory. */
int journal_reserve(struct journal *journal, uint64_t runs);

/*
 * Begins a journal in an empty state file: writes the plan and its runs, and sets
 * disk space aside for them and for "room" saved octets where the file system can
 * do that. The plan is on the disk when the first record is. Returns 0, or -1 with
 * errno; after -1 the caller must not write to the file that the plan is about.
 */
int journal_begin(struct journal *journal, uint64_t room);

/*
 * Writes a record, of which the caller has set state, size, to, witness, accessed and
 * saved, and that many octets in journal->saved. When it returns 0, the record is on
 * the disk and counts; else it returns -1 with errno.
 */
int journal_commit(struct journal *journal, struct journal_record *record);

/*
 * Finds the record that counts. Returns 1 after setting *record, the plan, the runs and
 * the saved octets; 0 if no record counts; or -1 with errno: ENOTSUP for a journal of
 * another format, EBADMSG for a record that a machine of another kind wrote or that was
 * damaged since. This program can finish neither.
 */
int journal_load(struct journal *journal, struct journal_record *record);

/*
 * After journal_load returned 1, and before anything is done by that record: makes sure that
 * the disk has it, too. The session that wrote it may have been killed before it synced it,
 * or its sync failed, after which the kernel takes octets for written that are not. So the
 * plan, the saved octets and the record are written once more, in their places, and synced.
 * Returns 0, or -1 with errno.
 */
int journal_affirm(struct journal *journal, const struct journal_record *record);

/* Empties the state file: no UPDATE is pending any more. Returns 0, or -1 with errno. */
int journal_clear(struct journal *journal);

/*
 * Empties the state file and syncs it, before the client gets the reply that nothing is
 * removed. Returns 0, or -1 with errno: a record may then count at the next login.
 */
int journal_discard(struct journal *journal);

/*
 * Appends the journal to "NAME:aside", syncs that, and empties the state file. What
 * "NAME:aside" held before is dropped if it would grow beyond 16 megabytes.
 * Returns 0, or -1 with errno; after -1 the journal is still there.
 */
int journal_set_aside(struct journal *journal);

#endif
