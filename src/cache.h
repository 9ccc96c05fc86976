/*
 * cache: the index of an earlier session, in "NAME:index" of the state
 * directory. It is a hint: index.h says how far it is believed. It may be
 * removed, truncated or garbled at any time; then there is none. A session has
 * its own lock on it, so that it can be written after the session's end.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>

#include "maildrop.h"

struct cache {
	int fd;			/* -1: none is used */
};

/*
 * Opens the cache of mailbox "name" in directory "spool", if that mailbox is large
 * enough for one. A failure is not an error, and not logged: there is no cache then.
 */
void cache_open(struct cache *cache, int state, int spool, const char *name);

/*
 * Puts what the cache holds into a maildrop that is open and not yet indexed,
 * for index_make. The user could have written the cache: what would make the
 * server misbehave is not taken.
 */
void cache_recall(const struct cache *cache, struct maildrop *maildrop);

/*
 * After the session: writes the index if that pays, nothing has changed and it is
 * not larger than 64 megabytes, else leaves the cache as it is. Takes no lock of the
 * mailbox. If writing fails, that is logged and the cache is emptied.
 */
void cache_keep(const struct cache *cache, struct maildrop *maildrop);

/* Empties the cache, because the messages that it describes are gone. */
void cache_drop(const struct cache *cache);

#endif
