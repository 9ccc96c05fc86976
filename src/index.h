/*
 * index: which messages a mailbox has, and their unique-ids. The functions that return
 * an enum maildrop_result have logged the reason when it is not MAILDROP_GOOD.
 *
 * One rule says when an index is believed, whether this session made it or an earlier
 * session saved it. While the file's own times say that nothing has touched the file since,
 * the whole index is believed. Once the file has changed, a message is looked at again
 * before it is sent or removed: it must begin and end where it did, have as many octets, and
 * the same unique-id. Only that message is looked at; what else the file holds does not
 * matter. If it is another message, nothing is sent or removed, the saved index is dropped,
 * and the next login reads the whole mailbox.
 */
#ifndef INDEX_H
#define INDEX_H

#include "maildrop.h"

/*
 * Returns true if an index that was made when the file had the status "then" may be of use
 * now that the file has the status "now": nothing has touched the file, or it has grown.
 */
bool index_may_serve(const struct stat *then, const struct stat *now);

/*
 * Called before an index is recalled or made. Drops maildrop->adoption, and logs that, if
 * the mailbox shows that Dovecot has numbered it anew since.
 */
enum maildrop_result index_adopt(struct maildrop *maildrop);

/*
 * Makes the index. If maildrop holds a saved index (see cache), nothing is read of a file
 * that has not changed since, and only the last message and what was added are scanned of
 * a file that has only grown. Otherwise the whole file is scanned. A session holds the locks.
 */
enum maildrop_result index_make(struct maildrop *maildrop);

/*
 * After index_make returned MAILDROP_REFUSED: the offset in the mailbox at which something
 * else stands where the first From_ line must be.
 */
uint64_t index_damage(void);

/*
 * Numbers the messages whose digests are equal, in file order, which completes the
 * unique-ids. Returns 0, or -1 if there is no memory for that. Logs nothing.
 */
int index_number(struct maildrop *maildrop);

/*
 * Called before a message is sent, of which "want" octets will be asked for at once. Looks
 * at the message again if the rule above demands that. With MAILDROP_GOOD, sets *whole to
 * true if the window of maildrop holds the whole message as it was confirmed. Otherwise
 * another program may change octets before they are read; if something has touched the file
 * then, the caller must call index_look_again before it sends the end.
 */
enum maildrop_result index_confirm_to_send(struct maildrop *maildrop,
	const struct message *message, uint64_t want, bool *whole);

/* Looks at a message again, whatever the file's times say, and reads it anew for that. */
enum maildrop_result index_look_again(struct maildrop *maildrop, const struct message *message);

/*
 * Called before an UPDATE, under the locks. Looks again at each deleted message if the rule
 * above demands that. Returns MAILDROP_CHANGED if one of them is another message now, or
 * the file has become shorter.
 */
enum maildrop_result index_confirm_to_remove(struct maildrop *maildrop);

#endif
