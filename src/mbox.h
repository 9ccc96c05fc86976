/*
 * mbox: the octets of a mailbox to message boundaries and octet counts. Pure:
 * no descriptors, no allocation.
 *
 * A message starts with a line that starts with "From ", at offset 0 or after
 * an empty line; nothing else of that line is looked at. Lines end in LF or
 * CRLF. The empty line before the next message is not part of a message that
 * has another empty line, that is, a body (see the manual, MAILDROP).
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MBOX_BLOCK = 128 * 1024,	/* octets fed at a time */
	MBOX_MARGIN = 32,		/* octets of the block before */
};

struct mbox_message {
	uint64_t start;		/* offset of the From_ line */
	uint64_t end;		/* offset of the next message, or the size */
	uint64_t octets;	/* as RETR sends it, without byte-stuffing */
	unsigned trim;		/* raw octets before "end" that are not sent: 0 to 2 */
	bool blank;		/* it has no empty line: RETR supplies one */
};

struct mbox {
	void (*message)(void *context, const struct mbox_message *message);
	void *context;
	bool valid;		/* an mbox as far as it was fed */
	uint64_t fed;		/* the offset of what is fed next */
	uint64_t start;		/* of the message being read */
	uint64_t text;		/* where its From_ line ended */
	int64_t bare;		/* LFs in its text without CR before, so far */
	uint64_t body;		/* where its first empty line ended, or 0 */
	bool in_from_line;
	unsigned char block[MBOX_MARGIN + MBOX_BLOCK];
};

/*
 * Begins at the offset of a message, 0 or one that was found before. "message"
 * is called once for each, in file order.
 */
void mbox_begin(struct mbox *mbox, uint64_t offset,
	void (*message)(void *context, const struct mbox_message *message), void *context);

/* Where to put the next octets: room for MBOX_BLOCK of them. */
unsigned char *mbox_room(struct mbox *mbox);

/*
 * Takes the "length" octets put into the room: at the first call five at the
 * least, unless the file ends. False once it turns out to be no mbox.
 */
bool mbox_feed(struct mbox *mbox, size_t length);

/* The end of the file: reports the last message. False: no mbox. */
bool mbox_end(struct mbox *mbox);

/*
 * True for c-client's pseudo message (FOLDER INTERNAL DATA), judged by the
 * first octets of the file: it is hidden, and kept.
 */
bool mbox_is_pseudo(const char *octets, size_t length);

#endif
