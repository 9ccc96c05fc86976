/*
 * mbox: the octets of a mailbox to message boundaries and octet counts. Pure:
 * no descriptors, no allocation.
 *
 * A message starts with a From_ line at offset 0 or after an empty line. That is a
 * line of MBOX_FROM_LINE octets at the most that starts with "From " and has neither
 * NUL nor a CR except in its CRLF; nothing else of it is looked at. Lines end in LF
 * or CRLF. Empty lines before the first message belong to none. The empty line
 * before the next message is not part of a message that has another empty line,
 * that is, a body (see the manual, MAILDROP).
 *
 * A Content-Length is a promise that no message starts in the octets after the
 * header that it counts. It is kept where these end at the end of the file or at a
 * "From ", with or without an empty line before that, and else it is ignored. So a
 * promise takes boundaries away and never makes one. Whether it is kept rests on the
 * message and on the few octets at the promised end alone, so that a scan may begin
 * at any message.
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MBOX_BLOCK = 128 * 1024,	/* octets fed at a time */
	MBOX_MARGIN = 64,		/* octets of the block before */
	MBOX_FROM_LINE = 1024,		/* octets of the longest, its end included */
	MBOX_HEADER = 16 * 1024,	/* in a longer one Content-Length is no promise */
};

struct mbox_message {
	uint64_t start;		/* offset of the From_ line */
	uint64_t end;		/* offset of the next message, or the size */
	uint64_t octets;	/* as RETR sends it, without byte-stuffing */
	unsigned trim;		/* raw octets before "end" that are not sent: 0 to 2 */
	bool blank;		/* it has no empty line: RETR supplies one */
	bool joined;		/* its Content-Length took boundaries away */
};

enum mbox_state {
	MBOX_GOOD,		/* an mbox as far as it was fed */
	MBOX_NO_FROM_LINE,	/* the first line that is not empty is no From_ line */
	MBOX_UNREADABLE,	/* the caller could not read ahead */
};

struct mbox_reader {
	void *context;
	/* Called once for each message, in file order. */
	void (*message)(void *context, const struct mbox_message *message);
	/* Reads octets of the file, before its end. False: they cannot be read. */
	bool (*read_ahead)(void *context, uint64_t offset, void *octets, size_t length);
	bool promises;		/* Content-Length counts */
};

struct mbox {
	struct mbox_reader reader;
	enum mbox_state state;
	uint64_t size;		/* the end of the file */
	uint64_t fed;		/* the offset of the room, and of what is fed next */
	size_t there;		/* octets in the room, while they are judged */
	uint64_t at;		/* the offset of what is judged next */
	bool cr;		/* there may be one in the block */
	bool started;		/* the first From_ line was found */
	uint64_t start;		/* of the message being read */
	uint64_t text;		/* where its From_ line ended */
	int64_t bare;		/* LFs in its text without CR before, so far */
	uint64_t body;		/* where its first empty line ended, or 0 */
	unsigned promises;	/* Content-Length lines, so far: more than one is none */
	uint64_t promise;	/* what the first says, or 0 */
	uint64_t kept;		/* before this offset no message starts */
	bool joined;
	uint64_t open;		/* the least end of a promise that would be kept if the
				   file went on there, or UINT64_MAX */
	/* A From_ line may go on after it. */
	unsigned char block[MBOX_MARGIN + MBOX_BLOCK + MBOX_FROM_LINE];
};

/*
 * Begins at the offset of a message, 0 or one that was found before, of a file of
 * "size" octets.
 */
void mbox_begin(struct mbox *mbox, uint64_t offset, uint64_t size,
	const struct mbox_reader *reader);

/* Where to put the next octets: room for MBOX_BLOCK of them. */
unsigned char *mbox_room(struct mbox *mbox);

/*
 * Takes the "length" octets put into the room. With "last" a message ends where they end.
 * Returns false once the state is not good.
 */
bool mbox_feed(struct mbox *mbox, size_t length, bool last);

/*
 * Within reader.message: octets of the file that are among those put into the room, or
 * NULL if not all of them are.
 */
const char *mbox_octets(const struct mbox *mbox, uint64_t offset, size_t length);

/*
 * Octets that follow a message, MBOX_LEAD of them or all that the file has: the length of
 * the empty line, 0 to 2 octets, that a deliverer put before the From_ line there; or -1 if
 * no message begins there.
 */
enum { MBOX_LEAD = 2 + 5 };
int mbox_leads(const char *octets, size_t length);

enum { MBOX_PSEUDO = 8 * 1024 };	/* octets of the largest pseudo message */

/*
 * True if these octets, a whole message, are the one in which c-client or Dovecot
 * keeps data of the folder: it is hidden, and kept. Mail that somebody sent must
 * never be taken for it.
 */
bool mbox_is_pseudo(const char *octets, size_t length);

/*
 * Pure: what follows "name", as "Subject:", in the header of a message's raw octets, or
 * of the first of them: a pointer among these octets, or NULL.
 */
const char *mbox_field(const char *octets, size_t length, const char *name);

#endif
