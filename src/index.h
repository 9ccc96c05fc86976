/*
 * index: which messages a mailbox has, and what they are known by. The functions that
 * return an enum maildrop_result have logged the reason when it is not MAILDROP_GOOD.
 *
 * One rule says when an index is believed, whether this session made it or an earlier
 * one saved it. While the file's own times say that nothing has touched it since, all is
 * believed. Once something has, a message is looked at again before it is sent or removed:
 * it must still be where it was, end where it ended, have as many octets, and the same unique-id.
 * Only that message is; what else the file holds does not matter. If it is not so,
 * nothing is sent or removed, and the next login reads the whole mailbox.
 */
#ifndef INDEX_H
#define INDEX_H

#include "maildrop.h"

/*
 * Whether an index made when the file had the status "then" may be of use now that it has
 * the status "now": nothing has touched it, or it may have been added to.
 */
bool index_may_serve(const struct stat *then, const struct stat *now);

/*
 * Before an index is recalled or made, under the locks: drops maildrop->adoption, and logs
 * that, if the mailbox says that Dovecot has numbered it anew since.
 */
enum maildrop_result index_adopt(struct maildrop *maildrop);

/*
 * Makes the index. If maildrop holds one of an earlier session (see cache), only what
 * was added to the file since is read. The caller holds the locks.
 */
enum maildrop_result index_make(struct maildrop *maildrop);

/* Where the mailbox that index_make refused has something else than a From_ line. */
uint64_t index_damage(void);

/*
 * Numbers the messages that have the same unique-id, in file order, which completes the
 * unique-ids. Returns 0, or -1 if there is no memory for it.
 */
int index_number(struct maildrop *maildrop);

/*
 * Before a message is sent, of which "want" octets will be asked for at once: looks at it
 * again if the rule above demands it. *whole: all of it is in the window of maildrop, and is
 * of what was confirmed. What is read later may be of another program's making.
 */
enum maildrop_result index_confirm_to_send(struct maildrop *maildrop,
	const struct message *message, uint64_t want, bool *whole);

/* Looks at a message again, and reads it anew for that. */
enum maildrop_result index_look_again(struct maildrop *maildrop, const struct message *message);

/*
 * Before an UPDATE, under the locks: looks again at each deleted message of which the
 * rule above demands it.
 */
enum maildrop_result index_confirm_to_remove(struct maildrop *maildrop);

#endif
