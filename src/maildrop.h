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

#include "options.h"
#include "uniqueid.h"

/*
 * 40 octets. Numbering equal unique-ids takes 6 more for each message while it lasts, and
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
	uint32_t copy;		/* it is the Nth of its unique-id; see index_number */
};

struct maildrop {
	int spool;		/* the directory */
	const char *name;
	uid_t owner;
	const struct options *options;
	enum uniqueid_kind kind;	/* of the unique-ids: UNIQUEID_OWN when opened */
	struct uniqueid_adoption adoption;	/* none when opened */
	int fd;			/* -1: there is no mailbox, and no message */
	struct stat seen;	/* how the file looked when it was indexed */
	uint64_t size;		/* its octets then */
	uint64_t known;		/* messages before this offset were found by an earlier
				   session, when the file looked different */
	uint64_t scanned;	/* octets that this session read to index the mailbox */
	uint64_t open;		/* a file that goes on to here may have other boundaries */
	uint64_t hidden, hidden_end;	/* where the pseudo message is, if anywhere */
	bool recalled;		/* some of the index is an earlier session's */
	bool changed;		/* a message was not what the index says: no index is saved */
	bool partly_locked;	/* at login there was no room for a dotlock: nothing is written */
	struct message *messages;
	size_t room;
	bool out_of_memory;
	size_t count;
	bool numbered;		/* each message's "copy" is right */
	size_t deleted;		/* messages */
	uint64_t deleted_octets;
	uint64_t octets;	/* of all messages */
};

enum maildrop_result {
	MAILDROP_GOOD,
	MAILDROP_BUSY,		/* somebody kept a lock longer than our patience */
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
 * Notes in "seen" how the file looks now. The caller holds the locks, so that a
 * change of the file after the return changes how it looks, too.
 */
enum maildrop_result maildrop_stamp(struct maildrop *maildrop);

/*
 * Takes all the locks again, to write: MAILDROP_CHANGED if the name is another file's
 * now.
 */
enum maildrop_result maildrop_lock(struct maildrop *maildrop);
void maildrop_unlock(struct maildrop *maildrop);

/*
 * Notes that the mailbox is not what the index says, and logs "what" if it is the first
 * time. Returns MAILDROP_CHANGED.
 */
enum maildrop_result maildrop_note_change(struct maildrop *maildrop, const char *what);

/* MAILDROP_CHANGED if the name is now another file's, or nobody's. */
enum maildrop_result maildrop_stands(struct maildrop *maildrop);

/* Whether fstat(2) shows nothing that has touched the file since it was "seen". */
bool maildrop_is_untouched(const struct maildrop *maildrop);

/* Whether two stats of one file show no difference. */
bool maildrop_looks_same(const struct stat *a, const struct stat *b);

/* The message of a message-number, or NULL: none, or deleted. */
struct message *maildrop_message(struct maildrop *maildrop, uint64_t number);

/* The offset after a message's raw octets. */
uint64_t maildrop_end(const struct maildrop *maildrop, const struct message *message);

/* Reads raw octets at an offset, all of them. Returns 0, or -1 with errno. */
int maildrop_read(const struct maildrop *maildrop, uint64_t offset,
	void *octets, size_t length);

/*
 * A window over the mailbox. It is read when octets are asked for that are not in it,
 * and stays as it is until then, or until maildrop_look_afresh.
 */
enum { MAILDROP_VIEW = 64 * 1024 };

/*
 * Octets from "offset" on, which is before the end of what is indexed. If they must be
 * read, "want" of them are, MAILDROP_VIEW at most; what follows the window is read in full.
 * *length is how many there are, 1 at least. *untouched becomes false if something had
 * touched the file, since it was "seen", when they were read. NULL with errno: they
 * cannot be read.
 */
const char *maildrop_view(const struct maildrop *maildrop, uint64_t offset, uint64_t want,
	size_t *length, bool *untouched);
void maildrop_look_afresh(void);

/* The text of a message's unique-id, once its digest is known: see uniqueid_text. */
size_t maildrop_unique_id(const struct maildrop *maildrop, const struct message *message,
	char text[UNIQUEID_TEXT]);

/* Marks. The disk is not touched. */
void maildrop_delete(struct maildrop *maildrop, struct message *message);
void maildrop_reset(struct maildrop *maildrop);

#endif
