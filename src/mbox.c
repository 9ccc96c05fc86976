/*
 * The scan. The end of a block might cut a separator or a Content-Length in two. So an
 * octet is judged only when the LAG octets after it are in the block too, and the last
 * LAG octets of a block are judged with the next block:
 *
 *     block           mbox_room()                                         end
 *     |  MBOX_MARGIN  |  the octets that are fed                          |
 *     |       |<-LAG->|                                           |<-LAG->|
 *             ^ at                                                ^ limit
 *             |<------------ judged by this call ---------------->|
 *
 * Then the last MBOX_MARGIN octets before "end" are copied to the beginning of "block",
 * so "limit" becomes the next "at". The octets before "at" are kept because they say
 * whether the line before is empty. The last octets of a scan are judged up to "end", and
 * LAG times NUL stands after them. In the first call, "at" is at mbox_room().
 *
 * Most runs of octets only need their lines counted, by loops that a compiler can
 * turn into vector code; the others are judged line by line.
 */
#include "mbox.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

enum {
	FROM = sizeof "From " - 1,
	FIELD = sizeof "Content-Length:" - 1,
	DIGITS = 15,
	/* Octets from an LF on that hold a whole Content-Length line with some blanks. */
	LAG = 40,
	/* Octets that one loop looks at: their counts fit into an unsigned char. */
	RUN = 128,
	/* Octets at the end of a promise: CRLF and "From ". */
	AHEAD = 2 + FROM,
};

void
mbox_begin(struct mbox *mbox, uint64_t offset, uint64_t size, const struct mbox_reader *reader)
{
	memset(mbox, 0, offsetof(struct mbox, block) + MBOX_MARGIN);
	mbox->reader = *reader;
	mbox->state = MBOX_GOOD;
	mbox->size = size;
	mbox->fed = mbox->at = offset;
	mbox->open = UINT64_MAX;
}

unsigned char *
mbox_room(struct mbox *mbox)
{
	return mbox->block + MBOX_MARGIN;
}

/* Returns the offset in the file of an octet of the block. */
static uint64_t
offset_of(const struct mbox *mbox, const unsigned char *p)
{
	return mbox->fed + (uint64_t)(p - mbox->block) - MBOX_MARGIN;
}

static bool
ends_empty_line(const unsigned char *p)
{
	return p[0] == '\n' && (p[-1] == '\n' || (p[-1] == '\r' && p[-2] == '\n'));
}

/*
 * Counts the lines of a run that has no CR. Returns false, and counts nothing, if a line
 * must be judged: "octet" stands so many places "beside" its LF, or, in a header, the next
 * line may be a Content-Length.
 */
static inline bool
count_lines(struct mbox *mbox, const unsigned char *p, int beside, unsigned char octet,
	bool header)
{
	unsigned char lines = 0, suspect = 0;

	for (int i = 0; i < RUN; i++) {
		const unsigned char *q = p + i;
		unsigned char lf = q[0] == '\n';
		lines = (unsigned char)(lines + lf);
		unsigned char odd = q[beside] == octet;
		if (header)
			odd |= q[FIELD] == ':';
		suspect = (unsigned char)(suspect + (lf & odd));
	}
	if (suspect)
		return false;
	mbox->bare += lines;
	return true;
}

static bool
count_header(struct mbox *mbox, const unsigned char *p)
{
	return count_lines(mbox, p, -1, '\n', true);
}

static bool
count_body(struct mbox *mbox, const unsigned char *p)
{
	return count_lines(mbox, p, 1, 'F', false);
}

/* Does the work of count_lines for text that may have CRs. */
static bool
count_any(struct mbox *mbox, const unsigned char *p)
{
	unsigned char bare = 0, suspect = 0, header = mbox->body == 0;

	for (int i = 0; i < RUN; i++) {
		const unsigned char *q = p + i;
		unsigned char lf = q[0] == '\n';
		unsigned char empty = (q[-1] == '\n') | ((q[-1] == '\r') & (q[-2] == '\n'));
		unsigned char odd = empty | (q[FIELD] == ':');
		bare = (unsigned char)(bare + (lf & (q[-1] != '\r')));
		suspect = (unsigned char)(suspect + (lf & ((q[1] == 'F') | (odd & header))));
	}
	if (suspect)
		return false;
	mbox->bare += bare;
	return true;
}

/* Reports the message that ends at the offset "end", which is that of p in the block. */
static void
report(struct mbox *mbox, uint64_t end, const unsigned char *p)
{
	struct mbox_message message = {
		.start = mbox->start, .end = end, .joined = mbox->joined,
	};

	if (mbox->body != end && ends_empty_line(p - 1))
		message.trim = p[-2] == '\r' ? 2 : 1;
	message.blank = mbox->body == 0;
	message.octets = end - mbox->text + (uint64_t)mbox->bare;
	if (message.trim > 0)
		message.octets -= 2;
	if (end > mbox->text && p[-1] != '\n')
		message.octets += 2;
	if (message.blank)
		message.octets += 2;
	mbox->reader.message(mbox->reader.context, &message);
}

/*
 * Returns "length" octets of the file from "offset" on: in the block if they are there,
 * otherwise read ahead into "room". Returns NULL if they cannot be read.
 */
static const unsigned char *
look_ahead(struct mbox *mbox, uint64_t offset, size_t length, const unsigned char *end,
	unsigned char *room)
{
	if (offset + length <= offset_of(mbox, end))
		return end - (offset_of(mbox, end) - offset);
	if (mbox->reader.read_ahead(mbox->reader.context, offset, room, length))
		return room;
	mbox->state = MBOX_UNREADABLE;
	return NULL;
}

/*
 * Returns the length of the From_ line at p, with its LF, or 0 if the line there is not a
 * From_ line. The file has "left" octets from p on, of which we have "here": MBOX_FROM_LINE
 * or more, or all. "cr" says that there may be a CR among them. Sets *bare to true if the
 * From_ line ends in an LF without CR.
 */
static size_t
from_line(const unsigned char *p, size_t here, uint64_t left, bool cr, bool *bare)
{
	const unsigned char *lf;

	if (here > MBOX_FROM_LINE)
		here = MBOX_FROM_LINE;
	lf = memchr(p, '\n', here);
	/* At the end of the file it needs no LF. */
	if (lf == NULL && left > here)
		return 0;
	size_t length = lf == NULL ? here : (size_t)(lf - p), text = length;
	*bare = lf != NULL && lf[-1] != '\r';
	if (lf != NULL && !*bare)
		text--;
	if ((cr && memchr(p, '\r', text) != NULL) || memchr(p, '\0', text) != NULL)
		return 0;
	return length + (lf != NULL);
}

/* Does the work of from_line for a line that may go on after the block: it is read ahead. */
static size_t
cut_from_line(struct mbox *mbox, const unsigned char *p, const unsigned char *end, bool *bare)
{
	unsigned char room[MBOX_FROM_LINE];
	uint64_t left = mbox->size - offset_of(mbox, p);
	size_t n = left < MBOX_FROM_LINE ? (size_t)left : MBOX_FROM_LINE;

	p = look_ahead(mbox, offset_of(mbox, p), n, end, room);
	return p == NULL ? 0 : from_line(p, n, left, true, bare);
}

/*
 * Begins a message at the "From " at p and ends the message before it, unless the line is
 * not a From_ line, or a promise is kept that no message starts here. Returns where to go
 * on, which is the last octet of the From_ line, or NULL if no message begins.
 */
static const unsigned char *
separate(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	uint64_t start = offset_of(mbox, p);
	bool bare;
	size_t length = end - p >= MBOX_FROM_LINE ?
	    from_line(p, MBOX_FROM_LINE, mbox->size - start, mbox->cr, &bare) :
	    cut_from_line(mbox, p, end, &bare);

	if (length == 0)
		return NULL;
	if (start < mbox->kept) {
		mbox->joined = true;
		return NULL;
	}
	if (mbox->started)
		report(mbox, start, p);
	mbox->started = true;
	mbox->start = start;
	mbox->text = start + length;
	/* The LF of the From_ line will be counted with those of the text. */
	mbox->bare = bare ? -1 : 0;
	mbox->body = 0;
	mbox->promises = 0;
	mbox->promise = mbox->kept = 0;
	mbox->joined = false;
	return p + length - 1;
}

/* Notes what the line after this LF promises, if that line is a Content-Length. */
static void
note_promise(struct mbox *mbox, const unsigned char *lf)
{
	const unsigned char *p = lf + 1 + FIELD, *digits;
	uint64_t promise = 0;

	if (strncasecmp((const char *)lf + 1, "Content-Length:", FIELD) != 0)
		return;
	mbox->promises++;
	while (p < lf + LAG - DIGITS - 2 && (*p == ' ' || *p == '\t'))
		p++;
	for (digits = p; p < digits + DIGITS && *p >= '0' && *p <= '9'; p++)
		promise = promise * 10 + (uint64_t)(*p - '0');
	p += *p == '\r';
	mbox->promise = *p == '\n' ? promise : 0;
}

/* Returns true if the message may end at "offset", where its promise ends. */
static bool
may_end_at(struct mbox *mbox, uint64_t offset, const unsigned char *end)
{
	unsigned char room[1 + AHEAD];
	uint64_t left = mbox->size - offset;
	size_t n = left < AHEAD ? (size_t)left : AHEAD;
	/* The octet before "offset" says whether a line begins there. */
	const unsigned char *p = look_ahead(mbox, offset - 1, 1 + n, end, room);

	if (p == NULL)
		return false;
	const unsigned char *from = p + 1, *behind = from + n;
	from += from < behind && *from == '\r';
	from += from < behind && *from == '\n';
	/* A CR alone does not end a line. */
	if (from[-1] != '\n')
		from = p + 1;
	return from == behind || (from[-1] == '\n' && (size_t)(behind - from) >= FROM &&
	    memcmp(from, "From ", FROM) == 0);
}

/* Decides, at the end of a header, whether its Content-Length is believed. */
static void
weigh_promise(struct mbox *mbox, const unsigned char *end)
{
	uint64_t offset = mbox->body + mbox->promise;

	if (mbox->promise == 0 || !mbox->reader.promises ||
	    mbox->body - mbox->start > MBOX_HEADER)
		return;
	if (offset <= mbox->size && may_end_at(mbox, offset, end))
		mbox->kept = offset;
	else if (offset + AHEAD > mbox->size && offset < mbox->open)
		mbox->open = offset;
}

/* Judges lines up to "limit", or into a From_ line. Returns where it stopped. */
static const unsigned char *
go_by_lines(struct mbox *mbox, const unsigned char *p, const unsigned char *limit,
	const unsigned char *end)
{
	const unsigned char *lf, *next;

	while ((lf = memchr(p, '\n', (size_t)(limit - p))) != NULL) {
		mbox->bare += lf[-1] != '\r';
		p = lf + 1;
		if (!ends_empty_line(lf)) {
			if (p[FIELD - 1] == ':' && mbox->body == 0)
				note_promise(mbox, lf);
			continue;
		}
		if (mbox->body == 0) {
			mbox->body = offset_of(mbox, p);
			if (mbox->promises == 1)
				weigh_promise(mbox, end);
		}
		if (memcmp(p, "From ", FROM) == 0 && (next = separate(mbox, p, end)) != NULL)
			return next;
	}
	return limit;
}

/* Judges some text before "limit", or goes into a From_ line. Returns where it stopped. */
static const unsigned char *
scan_text(struct mbox *mbox, const unsigned char *p, const unsigned char *limit,
	const unsigned char *end)
{
	bool (*count)(struct mbox *mbox, const unsigned char *run) =
	    mbox->cr ? count_any : mbox->body == 0 ? count_header : count_body;

	while (limit - p >= RUN && count(mbox, p))
		p += RUN;
	return go_by_lines(mbox, p, limit - p > RUN ? p + RUN : limit, end);
}

/* Goes over an empty line or into the first From_ line; a mailbox starts with nothing else. */
static const unsigned char *
find_first(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *next = NULL;

	if (p[0] == '\n' || (p[0] == '\r' && p[1] == '\n'))
		return p + (p[0] == '\n' ? 1 : 2);
	if (memcmp(p, "From ", FROM) == 0)
		next = separate(mbox, p, end);
	if (next == NULL && mbox->state == MBOX_GOOD)
		mbox->state = MBOX_NO_FROM_LINE;
	return next == NULL ? p : next;
}

/* Judges the octets up to "limit". */
static bool
scan_to(struct mbox *mbox, const unsigned char *limit, const unsigned char *end)
{
	/* This may be after "limit": fewer than LAG octets were fed, or a From_ line goes on. */
	const unsigned char *p = mbox_room(mbox) + (ptrdiff_t)(mbox->at - mbox->fed);

	while (mbox->state == MBOX_GOOD && p < limit)
		p = mbox->started ? scan_text(mbox, p, limit, end) : find_first(mbox, p, end);
	mbox->at = offset_of(mbox, p);
	return mbox->state == MBOX_GOOD;
}

bool
mbox_feed(struct mbox *mbox, size_t length, bool last)
{
	unsigned char *end = mbox_room(mbox) + length;

	mbox->there = length;
	mbox->cr = memchr(end - length - LAG - 1, '\r', length + LAG + 1) != NULL;
	if (last)
		memset(end, 0, LAG);
	if (!scan_to(mbox, last ? end : end - LAG, end))
		return false;
	if (last && mbox->started)
		report(mbox, offset_of(mbox, end), end);
	mbox->there = 0;
	mbox->fed += length;
	memmove(mbox->block, end - MBOX_MARGIN, MBOX_MARGIN);
	return true;
}

const char *
mbox_octets(const struct mbox *mbox, uint64_t offset, size_t length)
{
	if (offset < mbox->fed || offset + length > mbox->fed + mbox->there)
		return NULL;
	return (const char *)mbox->block + MBOX_MARGIN + (offset - mbox->fed);
}

int
mbox_leads(const char *octets, size_t length)
{
	const char *p = octets, *end = octets + length;

	if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		p += 2;
	else if (end - p >= 1 && p[0] == '\n')
		p++;
	return end - p >= FROM && memcmp(p, "From ", FROM) == 0 ? (int)(p - octets) : -1;
}

const char *
mbox_field(const char *octets, size_t length, const char *name)
{
	const char *end = octets + length, *lf = octets;
	size_t n = strlen(name);

	while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
		const char *line = lf + 1;
		if ((size_t)(end - line) < n || *line == '\n' || *line == '\r')
			return NULL;
		if (strncasecmp(line, name, n) == 0)
			return line + n;
		lf++;
	}
	return NULL;
}

static bool
starts_with(const char *text, const char *end, const char *prefix)
{
	size_t n = strlen(prefix);

	return text != NULL && (size_t)(end - text) >= n && memcmp(text, prefix, n) == 0;
}

/* c-client and Dovecot write certain lines into a pseudo message; each delivery adds others,
   so a message that has one of these is mail. */
bool
mbox_is_pseudo(const char *octets, size_t length)
{
	static const char *const delivery[] = { "Received:", "Return-Path:", "Delivered-To:" };
	const char *end = octets + length;

	if (length > MBOX_PSEUDO || (!starts_with(octets, end, "From MAILER-DAEMON ") &&
	    !starts_with(octets, end, "From MAILER_DAEMON ")) ||
	    !starts_with(mbox_field(octets, length, "Subject:"), end,
	    " DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"))
		return false;
	for (size_t i = 0; i < sizeof delivery / sizeof delivery[0]; i++)
		if (mbox_field(octets, length, delivery[i]) != NULL)
			return false;
	return mbox_field(octets, length, "X-IMAP:") != NULL ||
	    mbox_field(octets, length, "X-IMAPbase:") != NULL ||
	    starts_with(mbox_field(octets, length, "From:"), end,
	    " Mail System Internal Data <MAILER-DAEMON@");
}
