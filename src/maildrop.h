/*
 * maildrop: the open mailbox, the messages that index found in it, and their
 * deletion marks. It has the one descriptor on the mailbox and is the only room
 * that asks for the locks. It never writes to the mailbox: that is update's.
 */
#ifndef MAILDROP_H
#define MAILDROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fingerprint.h"
#include "options.h"
#include "uniqueid.h"

/*
 * 40 octets. Making the unique-ids takes 6 more for each message while it lasts, and
 * UPDATE 16 for each run of messages that stay.
 */
struct message {
	uint64_t start;		/* offset of its From_ line */
	uint64_t octets : 48;	/* as RETR sends it, without byte-stuffing */
	uint64_t trim : 2;	/* raw octets before its end that are not sent */
	uint64_t blank : 1;	/* RETR supplies an empty line */
	uint64_t joined : 1;	/* its Content-Length took boundaries away */
	uint64_t deleted : 1;
	uint64_t adopted : 1;	/* its digest is that of a message of Dovecot's */
	uint8_t digest[UNIQUEID_OCTETS];
	uint32_t copy;		/* it is the Nth of its digest */
	uint32_t head;		/* fingerprint of its first octets */
};

struct maildrop {
	int spool;		/* the directory */
	const char *name;
	uid_t owner;
	const struct options *options;
	enum uniqueid_kind kind;	/* of the unique-ids: UNIQUEID_OWN when opened */
	struct uniqueid_adoption adoption;	/* none when opened */
	int fd;			/* -1: there is no mailbox, and no message */
	struct stat seen;	/* when its octets were last known to be the same */
	uint64_t size;		/* octets that were read */
	uint64_t print;		/* their fingerprint, */
	struct fingerprint grains;	/* and that of their whole grains; */
	uint64_t anchor;	/* an offset at the last message's start or before it, */
	struct fingerprint anchored;	/* and that of the octets up to there */
	uint64_t scanned;	/* octets of them that this session read to index */
	uint64_t open;		/* a file that goes on to here may have other boundaries */
	uint64_t hidden, hidden_end;	/* where the pseudo message is, if anywhere */
	uint64_t unsure;	/* of messages before this offset the file may hold others now */
	bool recalled;		/* the index is, in part, an earlier session's */
	bool changed;		/* another program rewrote it: nothing is served */
	bool partly_locked;	/* at login there was no room for a dotlock: nothing is written */
	struct message *messages;
	size_t room;
	bool out_of_memory;
	size_t count;
	size_t digests;		/* messages, from the first, whose unique-id is known */
	size_t deleted;		/* messages */
	uint64_t deleted_octets;
	uint64_t octets;	/* of all messages */
};

enum maildrop_result {
	MAILDROP_GOOD,
	MAILDROP_BUSY,		/* somebody kept a lock longer than our patience */
	MAILDROP_REFUSED,	/* not a mailbox that we serve */
	MAILDROP_CHANGED,	/* another program rewrote it since it was read */
	MAILDROP_FAILED,	/* a system call failed */
};

/*
 * All that return an enum maildrop_result have written a record when it is not
 * MAILDROP_GOOD.
 */

/*
 * Opens and locks the mailbox "name" in directory "spool", which must be a
 * regular file with one link, owned by "owner"; a missing one is an empty
 * maildrop. With MAILDROP_GOOD it is locked, or "partly_locked".
 */
enum maildrop_result maildrop_open(struct maildrop *maildrop, int spool,
	const char *name, uid_t owner, const struct options *options);

/*
 * At the end of what is done under the locks of maildrop_open, before they go:
 * MAILDROP_BUSY if no dotlock was held and a deliverer that knows nothing else may
 * have been at work, so that what was read may end within a mail.
 */
enum maildrop_result maildrop_settle(const struct maildrop *maildrop);

/* Opens it for a look, whoever owns it, without the locks. */
enum maildrop_result maildrop_peek(struct maildrop *maildrop, int spool, const char *name);

/*
 * Notes how the file looks now, under the locks. When it returns, whatever
 * changes the file will change that too.
 */
enum maildrop_result maildrop_look(struct maildrop *maildrop);

/*
 * Adds the octets that follow those of maildrop->grains, up to the end of what
 * is indexed or a whole number of grains.
 */
void maildrop_add_print(struct maildrop *maildrop, const void *octets, size_t length);

/*
 * Takes all the locks again, to write: MAILDROP_CHANGED if the name is another file's
 * now.
 */
enum maildrop_result maildrop_lock(struct maildrop *maildrop);
void maildrop_unlock(struct maildrop *maildrop);

/*
 * Whether the octets that were read are still there; mail after them does not
 * matter. Costs one fstat(2) if nothing has touched the file, else a reading of
 * them. Takes no lock.
 */
enum maildrop_result maildrop_check(struct maildrop *maildrop);

/* The name is another file's now, or its octets are others: writes the record. */
enum maildrop_result maildrop_note_change(struct maildrop *maildrop, const char *what);

/* Whether fstat(2) shows nothing that has touched the file since it was "seen". */
bool maildrop_is_untouched(const struct maildrop *maildrop);

/* Whether two looks at one file show no difference. */
bool maildrop_looks_same(const struct stat *a, const struct stat *b);

/* The message of a message-number, or NULL: none, or deleted. */
struct message *maildrop_message(struct maildrop *maildrop, uint64_t number);

/* The offset behind a message's raw octets. */
uint64_t maildrop_end(const struct maildrop *maildrop, const struct message *message);

/* Reads raw octets at an offset, all of them. 0, or -1 with errno. */
int maildrop_read(const struct maildrop *maildrop, uint64_t offset,
	void *octets, size_t length);

/* The text of a message's unique-id, once its digest is known: see uniqueid_text. */
size_t maildrop_unique_id(const struct maildrop *maildrop, const struct message *message,
	char text[UNIQUEID_TEXT]);

/* Marks. The disk is not touched. */
void maildrop_delete(struct maildrop *maildrop, struct message *message);
void maildrop_reset(struct maildrop *maildrop);

#endif
