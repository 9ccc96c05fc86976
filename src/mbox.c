/*
 * The scan. What it asks of an octet it asks when the LAG octets behind it are
 * there too, so that a separator is never cut by the end of a block. Most runs
 * of octets only need their lines counted, by loops that a compiler can turn
 * into vector code; the others are gone through line by line.
 */
#include "mbox.h"

#include <string.h>

enum {
	LAG = sizeof "From " - 1,
	/* Octets looked at by one loop: their counts fit an unsigned char. */
	RUN = 128,
};

void
mbox_begin(struct mbox *mbox, uint64_t offset,
	void (*message)(void *context, const struct mbox_message *message), void *context)
{
	mbox->message = message;
	mbox->context = context;
	mbox->valid = true;
	mbox->fed = offset;
	mbox->start = offset;
	mbox->text = offset;
	mbox->bare = 0;
	mbox->body = 0;
	mbox->in_from_line = true;
	memset(mbox->block, 0, MBOX_MARGIN);
}

unsigned char *
mbox_room(struct mbox *mbox)
{
	return mbox->block + MBOX_MARGIN;
}

/* The file's offset of an octet of the block. */
static uint64_t
offset_of(struct mbox *mbox, const unsigned char *p)
{
	return mbox->fed + (uint64_t)(p - mbox->block) - MBOX_MARGIN;
}

/* The LF at p ends a line without octets. */
static bool
ends_empty_line(const unsigned char *p)
{
	return p[0] == '\n' && (p[-1] == '\n' || (p[-1] == '\r' && p[-2] == '\n'));
}

/*
 * Counts the lines of a run without CR. False, and nothing is counted, if the
 * LF of a line has this octet beside it.
 */
static inline bool
count_lines(struct mbox *mbox, const unsigned char *p, int beside, unsigned char octet)
{
	unsigned char lines = 0, suspect = 0;

	for (int i = 0; i < RUN; i++) {
		const unsigned char *q = p + i - LAG;
		unsigned char lf = q[0] == '\n';
		lines = (unsigned char)(lines + lf);
		suspect = (unsigned char)(suspect | (lf & (q[beside] == octet)));
	}
	if (suspect)
		return false;
	mbox->bare += lines;
	return true;
}

static bool
count_header(struct mbox *mbox, const unsigned char *p)
{
	return count_lines(mbox, p, -1, '\n');
}

static bool
count_body(struct mbox *mbox, const unsigned char *p)
{
	return count_lines(mbox, p, 1, 'F');
}

/* The same of any text. */
static bool
count_any(struct mbox *mbox, const unsigned char *p)
{
	unsigned char bare = 0, suspect = 0, header = mbox->body == 0;

	for (int i = 0; i < RUN; i++) {
		const unsigned char *q = p + i - LAG;
		unsigned char lf = q[0] == '\n';
		unsigned char empty = (q[-1] == '\n') | ((q[-1] == '\r') & (q[-2] == '\n'));
		bare = (unsigned char)(bare + (lf & (q[-1] != '\r')));
		suspect = (unsigned char)(suspect | (lf & ((q[1] == 'F') | (empty & header))));
	}
	if (suspect)
		return false;
	mbox->bare += bare;
	return true;
}

/* Reports the message that ends at "end", which is where *p would be. */
static void
report(struct mbox *mbox, uint64_t end, const unsigned char *p)
{
	struct mbox_message message = { .start = mbox->start, .end = end };

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
	mbox->message(mbox->context, &message);
}

/* The message before the "From " at p ends, another starts. */
static void
separate(struct mbox *mbox, const unsigned char *p)
{
	report(mbox, offset_of(mbox, p), p);
	mbox->start = offset_of(mbox, p);
	mbox->text = mbox->start + LAG;
	mbox->bare = 0;
	mbox->body = 0;
	mbox->in_from_line = true;
}

/* Line by line up to "end", or behind a "From "; returns where it stopped. */
static const unsigned char *
go_by_lines(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *lf;

	while ((lf = memchr(p - LAG, '\n', (size_t)(end - p))) != NULL) {
		mbox->bare += lf[-1] != '\r';
		p = lf + LAG + 1;
		if (!ends_empty_line(lf))
			continue;
		if (mbox->body == 0)
			mbox->body = offset_of(mbox, lf + 1);
		if (memcmp(lf + 1, "From ", LAG) == 0) {
			separate(mbox, lf + 1);
			return p;
		}
	}
	return end;
}

/* Text up to "end", or behind a "From "; returns where it stopped. */
static const unsigned char *
scan_text(struct mbox *mbox, const unsigned char *p, const unsigned char *end, bool cr)
{
	bool (*count)(struct mbox *mbox, const unsigned char *run) =
	    cr ? count_any : mbox->body == 0 ? count_header : count_body;

	while (end - p >= RUN && count(mbox, p))
		p += RUN;
	return go_by_lines(mbox, p, end - p > RUN ? p + RUN : end);
}

/* Up to "end" or the end of the From_ line; returns where it stopped. */
static const unsigned char *
skip_from_line(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *lf = memchr(p, '\n', (size_t)(end - p));

	p = lf == NULL ? end : lf + 1;
	mbox->in_from_line = lf == NULL;
	mbox->text = offset_of(mbox, p);
	/* Its own LF will be counted with the text's. */
	mbox->bare = lf != NULL && lf[-1] != '\r' ? -1 : 0;
	return p;
}

bool
mbox_feed(struct mbox *mbox, size_t length)
{
	const unsigned char *p = mbox_room(mbox), *end = p + length;
	bool cr = memchr(p - LAG - 1, '\r', length + LAG + 1) != NULL;

	if (mbox->fed == mbox->start && length > 0)
		mbox->valid = length >= LAG && memcmp(p, "From ", LAG) == 0;
	if (!mbox->valid)
		return false;
	while (p < end)
		p = mbox->in_from_line ? skip_from_line(mbox, p, end) :
		    scan_text(mbox, p, end, cr);
	mbox->fed += length;
	memmove(mbox->block, end - MBOX_MARGIN, MBOX_MARGIN);
	return true;
}

bool
mbox_end(struct mbox *mbox)
{
	unsigned char *end = mbox_room(mbox);

	if (mbox->valid && mbox->fed > mbox->start) {
		memset(end, 0, LAG);
		if (!mbox->in_from_line)
			go_by_lines(mbox, end, end + LAG);
		report(mbox, mbox->fed, end);
	}
	return mbox->valid;
}

/* The value of a header field in the first octets of a message, or NULL. */
static const char *
find_field(const char *octets, size_t length, const char *name)
{
	const char *end = octets + length, *lf = octets;
	size_t n = strlen(name);

	while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
		const char *line = lf + 1;
		if ((size_t)(end - line) < n || *line == '\n' || *line == '\r')
			return NULL;
		if (memcmp(line, name, n) == 0)
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

bool
mbox_is_pseudo(const char *octets, size_t length)
{
	static const char sender[] = "From MAILER-DAEMON ";
	const char *end = octets + length;

	return starts_with(octets, end, sender) &&
	    starts_with(find_field(octets, length, "Subject:"), end,
	    " DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA");
}
