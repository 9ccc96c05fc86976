/*
 * cache: the saved index, which one session leaves for the next, in the file "NAME:index"
 * of the state directory. The saved index is a hint: index.h says how far it is believed.
 * The file may be removed, truncated or garbled at any time; then the mailbox is scanned.
 * The file has a lock of its own, because it is written after the session has released
 * the maildrop.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>

#include "maildrop.h"

struct cache {
	int fd;			/* of the saved index; -1 if this session does not use it */
};

/*
 * Opens and locks the saved index of mailbox "name", in the directory "state", if the
 * mailbox in the directory "spool" is large enough for one. A failure is not an error, and
 * not logged: the session does without a saved index.
 */
void cache_open(struct cache *cache, int state, int spool, const char *name);

/*
 * Puts the saved index, if it may serve, into a maildrop that is open and not yet indexed,
 * for index_make. The user could have written the file, so nothing is taken from it that
 * could make the server misbehave.
 */
void cache_recall(const struct cache *cache, struct maildrop *maildrop);

/*
 * Called after the session. Saves the index if that pays, if the index has at most 64
 * megabytes, and if nothing has touched the mailbox since it was indexed; otherwise leaves
 * the file as it is. Takes no lock of the mailbox. If saving fails, logs that and empties
 * the file.
 */
void cache_keep(const struct cache *cache, struct maildrop *maildrop);

/* Empties the file, because the mailbox is not what the saved index says. */
void cache_drop(const struct cache *cache);

#endif
