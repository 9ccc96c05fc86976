/*
 * update: the UPDATE state's work on the disk (RFC 1939 section 6), and the
 * recovery from one that was cut short. The mailbox is rewritten in place, on
 * the same inode, so that a deliverer who has it open loses nothing.
 *
 * Whatever ends the process or the machine, the next update_recover makes
 * exactly the old or exactly the new mailbox, with all mail delivered before,
 * between and after. The states on disk are a table in the manual, UPDATE.
 */
#ifndef UPDATE_H
#define UPDATE_H

#include "journal.h"
#include "maildrop.h"

enum update_result {
	UPDATE_DONE,		/* on the disk */
	UPDATE_REFUSED,		/* nothing was removed */
	UPDATE_PENDING,		/* not known to be on the disk: what is left of it, if
				   anything, the next recovery will do */
};

/*
 * Both write a record when the result is not UPDATE_DONE, and recovery also
 * when there was something to recover.
 */

/* Removes the messages marked deleted. Takes and releases the locks. */
enum update_result update_commit(struct maildrop *maildrop, struct journal *journal);

/*
 * Finishes or discards a pending journal, or sets it aside (and is done) when
 * another program has rewritten the mailbox since. The caller holds the locks,
 * and has not indexed the mailbox yet.
 */
enum update_result update_recover(struct maildrop *maildrop, struct journal *journal);

#endif
