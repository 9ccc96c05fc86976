/*
 * mbox: finds where messages begin and end in the octets of a mailbox, and counts the
 * octets that RETR sends. Pure: no descriptors, no allocation.
 *
 * A message starts with a From_ line at offset 0 or after an empty line. A From_ line
 * has at most MBOX_FROM_LINE octets, starts with "From ", and has neither NUL nor a CR
 * except in its CRLF; nothing else of it is looked at. Lines end in LF or CRLF. Empty
 * lines before the first message belong to no message. The empty line at the end of a
 * message is not part of the message, unless it is the only one and so ends the header
 * (see the manual, MAILDROP).
 *
 * A Content-Length is a promise: no message starts among the octets after the header
 * that it counts. The promise is kept if these octets end at the end of the file or at a
 * "From ", with or without an empty line before that; otherwise it is ignored. So a
 * promise takes boundaries away and never makes one. We judge it by the message's header
 * and the few octets at the promised end alone, so that a scan may begin at any message.
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MBOX_BLOCK = 128 * 1024,	/* octets fed at a time */
	MBOX_MARGIN = 64,		/* octets of the block before that are kept */
	MBOX_FROM_LINE = 1024,		/* octets of the longest From_ line, with its end */
	MBOX_HEADER = 16 * 1024,	/* octets; in a longer header Content-Length is ignored */
};

struct mbox_message {
	uint64_t start;		/* offset of the From_ line */
	uint64_t end;		/* offset of the next message, or the size */
	uint64_t octets;	/* as RETR sends it, without byte-stuffing */
	unsigned trim;		/* raw octets before "end" that are not sent: 0 to 2 */
	bool blank;		/* the message has no empty line: RETR supplies one */
	bool joined;		/* its Content-Length took boundaries away */
};

enum mbox_state {
	MBOX_GOOD,		/* an mbox as far as it was fed */
	MBOX_NO_FROM_LINE,	/* the first line that is not empty is not a From_ line */
	MBOX_UNREADABLE,	/* the caller could not read ahead */
};

struct mbox_reader {
	void *context;
	/* Called once for each message, in file order. */
	void (*message)(void *context, const struct mbox_message *message);
	/* Reads octets of the file, all before its end. Returns false if they cannot be read. */
	bool (*read_ahead)(void *context, uint64_t offset, void *octets, size_t length);
	bool promises;		/* Content-Length is not ignored */
};

struct mbox {
	struct mbox_reader reader;
	enum mbox_state state;
	uint64_t size;		/* the end of the file */
	uint64_t fed;		/* the offset of the room, and of what is fed next */
	size_t there;		/* octets in the room, while they are judged */
	uint64_t at;		/* the offset of what is judged next */
	bool cr;		/* there may be a CR in the block */
	bool started;		/* the first From_ line was found */
	uint64_t start;		/* of the message being read */
	uint64_t text;		/* where its From_ line ended */
	int64_t bare;		/* LFs without a CR before them in its text, so far */
	uint64_t body;		/* where its first empty line ended, or 0 */
	unsigned promises;	/* Content-Length lines, so far; two are no promise */
	uint64_t promise;	/* what the last of these lines says, or 0 */
	uint64_t kept;		/* before this offset no message starts */
	bool joined;
	uint64_t open;		/* the least end of a promise that may be kept once the
				   file goes on there, or UINT64_MAX */
	/* "at" may lie in a From_ line that goes on after what was fed. */
	unsigned char block[MBOX_MARGIN + MBOX_BLOCK + MBOX_FROM_LINE];
};

/*
 * Begins to scan a file of "size" octets at "offset", which is 0 or where an earlier scan
 * found that a message begins.
 */
void mbox_begin(struct mbox *mbox, uint64_t offset, uint64_t size,
	const struct mbox_reader *reader);

/* Returns where to put the next octets: room for MBOX_BLOCK of them. */
unsigned char *mbox_room(struct mbox *mbox);

/*
 * Scans the "length" octets that were put into the room. With "last", a message ends where
 * they end. Returns false once the state is not MBOX_GOOD.
 */
bool mbox_feed(struct mbox *mbox, size_t length, bool last);

/*
 * Called by reader.message. Returns "length" octets of the file from "offset" on, or NULL if
 * not all of them are in the room.
 */
const char *mbox_octets(const struct mbox *mbox, uint64_t offset, size_t length);

/*
 * Takes the octets that follow a message: MBOX_LEAD of them, or all if the file has fewer.
 * Returns the length, 0 to 2 octets, of an empty line that a deliverer put before the next
 * From_ line; or -1 if these octets do not begin a message.
 */
enum { MBOX_LEAD = 2 + 5 };
int mbox_leads(const char *octets, size_t length);

enum { MBOX_PSEUDO = 8 * 1024 };	/* octets of the largest pseudo message */

/*
 * Returns true if these octets, a whole message, are the pseudo message in which c-client
 * or Dovecot keeps data of the folder. It is hidden from clients, and kept. Mail that
 * somebody sent must never be taken for it, or no client could fetch that mail.
 */
bool mbox_is_pseudo(const char *octets, size_t length);

/*
 * Looks for the field "name", which includes the colon, as "Subject:", in the header of a
 * message, of which the first "length" raw octets are given. Returns a pointer to what
 * follows the colon, or NULL if the field is not among these octets.
 */
const char *mbox_field(const char *octets, size_t length, const char *name);

#endif
