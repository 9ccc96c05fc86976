/*
 * index: which messages a mailbox has, and what they are known by. Those that
 * return an enum maildrop_result have written a record when it is not
 * MAILDROP_GOOD.
 */
#ifndef INDEX_H
#define INDEX_H

#include "maildrop.h"

/*
 * Whether an index of "count" messages, made of a file that looked so "then",
 * may be worth remembering for one that looks so "now".
 */
bool index_may_serve(const struct stat *then, size_t count, const struct stat *now);

/*
 * Before an index is recalled or made, under the locks: drops maildrop->adoption, and logs
 * that, if the mailbox says that Dovecot has numbered it anew since.
 */
enum maildrop_result index_adopt(struct maildrop *maildrop);

/*
 * Reads the mailbox and makes the index. If maildrop holds one of an earlier
 * session (see cache), only what is new is read where the file shows that
 * nothing else is. The caller holds the locks.
 */
enum maildrop_result index_make(struct maildrop *maildrop);

/* Where the mailbox that index_make refused has something else than a From_ line. */
uint64_t index_damage(void);

/* Computes the unique-ids, once. */
enum maildrop_result index_identify(struct maildrop *maildrop);

/*
 * The same of the file as it is, unless they are known: it is the caller's to
 * see that nothing has changed. Takes no lock, writes no record. 0, or -1 with
 * errno.
 */
int index_digest(struct maildrop *maildrop);

/*
 * Before a message is sent, and after maildrop_check: if the file has changed since a
 * session scanned it, it is scanned again, and what was told of it must be so. Else
 * MAILDROP_CHANGED.
 */
enum maildrop_result index_confirm_message(struct maildrop *maildrop,
	const struct message *message);

/*
 * Before an UPDATE, under the locks: the messages from the first deleted one on
 * are scanned, unless this session has done so, and what it told of them must
 * be so. Else MAILDROP_CHANGED.
 */
enum maildrop_result index_confirm(struct maildrop *maildrop);

#endif
