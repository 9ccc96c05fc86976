/*
 * update: the UPDATE state's work on the disk (RFC 1939 section 6), and the
 * recovery from an UPDATE that was cut short. The mailbox is rewritten in place, on
 * the same inode, so that a deliverer that has it open loses nothing.
 *
 * Whatever ends the process or the machine, the next update_recover makes
 * exactly the old or exactly the new mailbox, with all mail delivered before,
 * between and after, unless another program has rewritten the mailbox meanwhile.
 * The states on disk are a table in the manual, UPDATE.
 */
#ifndef UPDATE_H
#define UPDATE_H

#include "journal.h"
#include "maildrop.h"

enum update_result {
	UPDATE_DONE,		/* on the disk */
	UPDATE_REFUSED,		/* nothing was removed */
	UPDATE_SET_ASIDE,	/* by recovery only: the mailbox is as another program
				   made it, and can be served */
	UPDATE_PENDING,		/* perhaps not on the disk. A journal that was begun stays,
				   and each recovery tries to finish the UPDATE; if no
				   recovery ever can, the log says so */
};

/*
 * Both log the reason when the result is not UPDATE_DONE, and recovery also logs
 * what it has recovered.
 */

/* Removes the messages that are marked deleted. Takes and releases the locks. */
enum update_result update_commit(struct maildrop *maildrop, struct journal *journal);

/*
 * Finishes or discards a pending journal, or sets it aside when another program
 * has rewritten the mailbox since. Without a mailbox does nothing, and the
 * journal stays. The caller holds the locks, and has not indexed the mailbox yet.
 */
enum update_result update_recover(struct maildrop *maildrop, struct journal *journal);

#endif
