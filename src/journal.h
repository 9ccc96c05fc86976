/*
 * journal: the state file of a maildrop. Its lock is the session's exclusive
 * access to the maildrop (RFC 1939 section 4), and its contents are the
 * journal of an UPDATE: an empty file means that none is pending.
 *
 * Two places take records in turn, so that a torn one leaves the one before.
 * A record has a fixed part and a body: the runs still to be moved, then the
 * octets that the step it describes is about to overwrite. It counts only if
 * both fingerprints are right.
 *
 * No function writes a log record: the caller knows what a failure means.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fingerprint.h"

enum {
	JOURNAL_MARK = 16,
	JOURNAL_SAVED = 4 * 1024 * 1024,	/* octets that one record keeps at the most */
};

enum journal_stage {
	JOURNAL_MOVING = 1,	/* octets are being moved: the step may be torn */
	JOURNAL_MOVED = 2,	/* all moved and safe; the file may be truncated */
};

/* A run of octets that stay. */
struct journal_run {
	uint64_t from;		/* offset in the mailbox */
	uint64_t length;
};

/* The fixed part of a record. All offsets and lengths are in octets. */
struct journal_record {
	char magic[8];
	uint64_t sequence;	/* the higher of two right records counts */
	uint64_t stage;
	uint64_t inode;		/* of the mailbox */
	uint64_t size;		/* of the mailbox before the UPDATE */
	uint64_t first;		/* where the first deleted message was */
	uint64_t to;		/* the mailbox is as it shall be up to here */
	uint64_t step;		/* octets that are being moved to there */
	uint64_t saved;		/* how many of them are in the body */
	uint64_t runs;		/* the runs in the body; the step's come first */
	uint64_t mark_length;	/* octets of the mark that are used */
	uint64_t witness;	/* fingerprint of octets that the step leaves alone */
	int64_t accessed[2];	/* the mailbox's times before: seconds, nanoseconds */
	int64_t modified[2];
	uint64_t body;		/* where in the journal the body is */
	uint64_t body_print;
	uint64_t print;		/* of all the above and the mark */
	uint8_t mark[JOURNAL_MARK];
};

struct journal {
	int fd;
	int aside;		/* on "NAME:aside"; -1 if the journal was empty */
	uint64_t sequence;	/* of the record that counts; 0: none does */
	uint64_t live, live_end;	/* where its body is */
	uint64_t body, body_end;	/* where the next one's is, as far as written */
	struct fingerprint body_print;
};

/*
 * Opens and locks the state file "name" in directory "directory". 0, or -1:
 * EWOULDBLOCK if a session has it, EPERM if it is no file of ours. If it is
 * not empty, "NAME:aside" is opened too. Closing the descriptor frees it.
 */
int journal_open(struct journal *journal, int directory, const char *name);
void journal_close(struct journal *journal);

/* Opens it for a look, without its lock, creating nothing. 0 or -1. */
int journal_peek(struct journal *journal, int directory, const char *name);

/* 1 if an UPDATE may be pending, 0 if none is, -1 with errno. */
int journal_pending(const struct journal *journal);

/*
 * Begins a new journal and sets disk space aside for bodies of "runs" runs and
 * "saved" octets, where the file system can. Returns 0, or -1 with errno; after -1
 * the caller must not write to the mailbox.
 */
int journal_begin(struct journal *journal, size_t runs, uint64_t saved);

/*
 * Writes a record in three parts: its runs (record->runs of them), then
 * record->saved octets (in pieces, all but the last multiples of
 * FINGERPRINT_GRAIN), then the fixed part, which is completed and makes the
 * record count. journal_commit returns when it is on the disk.
 */
int journal_add_runs(struct journal *journal, const struct journal_record *record,
	const struct journal_run *runs);
int journal_add_saved(struct journal *journal, const void *octets, size_t length);
int journal_commit(struct journal *journal, struct journal_record *record);

/*
 * Finds the record that counts, and syncs it, because the session that wrote it
 * may have been killed before it did. Returns 1 and *record; 0 if no record
 * counts; -1 with errno: ENOTSUP for a journal of another format, EBADMSG for a
 * fixed part with a wrong fingerprint, which only its own kind of machine, or
 * nobody, can finish.
 */
int journal_load(struct journal *journal, struct journal_record *record);

/* Reads runs, or saved octets from an offset among them. 0 or -1. */
int journal_read_runs(const struct journal *journal, const struct journal_record *record,
	struct journal_run *runs);
int journal_read_saved(const struct journal *journal, const struct journal_record *record,
	uint64_t offset, void *octets, size_t length);

/* No UPDATE is pending any more. */
int journal_clear(struct journal *journal);

/*
 * Clears the journal and syncs that, before the client is told that nothing is
 * removed. Returns 0, or -1 with errno: a record in it may count at the next login.
 */
int journal_discard(struct journal *journal);

/*
 * Appends the journal to "NAME:aside", syncs that, and clears the journal. What
 * "NAME:aside" held before is dropped if it would grow beyond 16 megabytes with
 * it. Returns 0, or -1 with errno; the journal is there still after -1.
 */
int journal_set_aside(struct journal *journal);

#endif
