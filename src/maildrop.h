/*
 * maildrop: the open mailbox, the messages that index found in it, and their
 * deletion marks. It has the one descriptor on the mailbox and is the only room
 * that asks for the locks. It never writes to the mailbox: only move does.
 */
#ifndef MAILDROP_H
#define MAILDROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "options.h"
#include "uniqueid.h"

/*
 * A message takes 40 octets of memory. While equal unique-ids are numbered, each message
 * takes 6 more; and during UPDATE, each run of messages that stay takes 16.
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
	uint32_t copy;		/* it is the Nth message with this digest; see index_number */
};

struct maildrop {
	int spool;		/* the directory */
	const char *name;
	uid_t owner;
	const struct options *options;
	enum uniqueid_kind kind;	/* of the unique-ids: UNIQUEID_OWN when opened */
	struct uniqueid_adoption adoption;	/* "last" is 0 when opened */
	int fd;			/* -1: there is no mailbox, and no message */
	struct stat seen;	/* how the file looked when it was indexed */
	uint64_t size;		/* its octets then */
	uint64_t known;		/* messages before this offset are from the saved index, and
				   the file has changed since: they are looked at again */
	int64_t since;		/* when the file had changed last as all of it was scanned */
	uint64_t scanned;	/* octets that this session read to index the mailbox */
	uint64_t open;		/* if the file grows to here, boundaries may change */
	uint64_t hidden, hidden_end;	/* of the pseudo message; 0 and 0 without it */
	bool recalled;		/* some of the index comes from the saved index */
	bool changed;		/* the index is wrong, and is not saved: maildrop_note_change */
	bool partly_locked;	/* at login there was no room for a dotlock: nothing is written */
	struct message *messages;
	size_t room;
	size_t count;
	bool numbered;		/* by index_number: "copy" is right in each message */
	size_t deleted;		/* messages */
	uint64_t deleted_octets;
	uint64_t octets;	/* of all messages */
};

enum maildrop_result {
	MAILDROP_GOOD,
	MAILDROP_BUSY,		/* another program kept a lock longer than our patience */
	MAILDROP_REFUSED,	/* not a mailbox that we serve */
	MAILDROP_CHANGED,	/* another program changed it, so that the index is wrong */
	MAILDROP_FAILED,	/* a system call failed */
};

/*
 * The functions that return an enum maildrop_result have logged the reason when it is not
 * MAILDROP_GOOD.
 */

/*
 * Opens and locks the mailbox "name" in directory "spool", which must be a
 * regular file with one link, owned by "owner". With MAILDROP_GOOD the mailbox is
 * locked, or "partly_locked"; or it does not exist, "fd" is -1, and the maildrop is empty.
 * Waits for locks as long as the options say, then returns MAILDROP_BUSY.
 */
enum maildrop_result maildrop_open(struct maildrop *maildrop, int spool,
	const char *name, uid_t owner, const struct options *options);

/*
 * Called at the end of login, before the locks are released. If there was no room for a
 * dotlock, a deliverer that knows only dotlocks may have been at work, and what was read
 * may end in the middle of a mail. Returns MAILDROP_BUSY if there is a sign of that.
 */
enum maildrop_result maildrop_settle(const struct maildrop *maildrop);

/* Opens the mailbox for reading only, whatever its owner, and takes no lock. */
enum maildrop_result maildrop_peek(struct maildrop *maildrop, int spool, const char *name);

/*
 * Notes in "seen" how the file looks now, and waits for a tick of the clock if need be, so
 * that any change after the return shows. A change during the call may not show, so a
 * session holds the locks.
 */
enum maildrop_result maildrop_stamp(struct maildrop *maildrop);

/*
 * Takes all locks again, for UPDATE. Returns MAILDROP_CHANGED if the name belongs to another
 * file now, and MAILDROP_FAILED if there is no room for a dotlock.
 */
enum maildrop_result maildrop_lock(struct maildrop *maildrop);
void maildrop_unlock(struct maildrop *maildrop);

/*
 * Notes that the mailbox is not what the index says, and logs "what" if it is the first
 * time. Returns MAILDROP_CHANGED.
 */
enum maildrop_result maildrop_note_change(struct maildrop *maildrop, const char *what);

/* Returns MAILDROP_CHANGED if the name no longer belongs to the open file, or is not the
   file's only name. */
enum maildrop_result maildrop_stands(struct maildrop *maildrop);

/* Returns true if fstat(2) shows that nothing has touched the file since it was "seen". */
bool maildrop_is_untouched(const struct maildrop *maildrop);

/* Returns true if both stats show the same file, with the same size and times. */
bool maildrop_looks_same(const struct stat *a, const struct stat *b);

/* Returns the message with this message-number, or NULL if it does not exist or is deleted. */
struct message *maildrop_message(struct maildrop *maildrop, uint64_t number);

/* Returns the offset after a message's raw octets. */
uint64_t maildrop_end(const struct maildrop *maildrop, const struct message *message);

/* Reads "length" raw octets at "offset". Returns 0, or -1 with errno. */
int maildrop_read(const struct maildrop *maildrop, uint64_t offset,
	void *octets, size_t length);

/*
 * A window over the mailbox. It keeps the octets that were read last, until octets are
 * asked for that it does not hold, or until maildrop_look_afresh empties it.
 */
enum { MAILDROP_VIEW = 64 * 1024 };

/*
 * Returns the octets of the window from "offset" on, which must be less than maildrop->size.
 * If the window does not hold that offset, reads "want" octets there; but MAILDROP_VIEW if
 * that is less, or if "offset" is where the window ended; and none after maildrop->size.
 * Sets *length to how many there are, at least 1. Sets *untouched to false if something
 * had touched the file between "seen" and this reading. Returns NULL with errno if the
 * octets cannot be read.
 */
const char *maildrop_view(const struct maildrop *maildrop, uint64_t offset, uint64_t want,
	size_t *length, bool *untouched);
void maildrop_look_afresh(void);

/* Writes the text of a message's unique-id, after index_number. Returns its length, at most
   UNIQUEID_TEXT; there is no NUL. */
size_t maildrop_unique_id(const struct maildrop *maildrop, const struct message *message,
	char text[UNIQUEID_TEXT]);

/* DELE and RSET (RFC 1939 section 5): set and clear marks. The disk is not touched. */
void maildrop_delete(struct maildrop *maildrop, struct message *message);
void maildrop_reset(struct maildrop *maildrop);

#endif
