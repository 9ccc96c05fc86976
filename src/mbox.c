/*
 * The scan. It looks at runs of octets with loops that a compiler can turn
 * into vector code, and at single octets only around message boundaries.
 */
#include "mbox.h"

#include <string.h>

/* Octets looked at by one loop; the counts of one run fit an unsigned char. */
enum { RUN = 128, SHORT_RUN = 16 };

void
mbox_begin(struct mbox *mbox,
	void (*message)(void *context, const struct mbox_message *message), void *context)
{
	mbox->message = message;
	mbox->context = context;
	mbox->valid = true;
	mbox->fed = 0;
	mbox->start = 0;
	mbox->text = 0;
	mbox->bare = 0;
	mbox->empty = 0;
	mbox->in_from_line = true;
	memset(mbox->block, 0, MBOX_MARGIN);
}

unsigned char *
mbox_room(struct mbox *mbox)
{
	return mbox->block + MBOX_MARGIN;
}

static bool
ends_line(const unsigned char *p)
{
	return p[0] == '\n';
}

/* The LF at p ends a line without octets; p[-2] may be looked at. */
static bool
ends_empty_line(const unsigned char *p)
{
	return (p[0] == '\n') & ((p[-1] == '\n') | ((p[-1] == '\r') & (p[-2] == '\n')));
}

/* p is the blank of a "From " that starts a message. */
static bool
ends_separator(const unsigned char *p)
{
	return p[0] == ' ' && memcmp(p - 4, "From", 4) == 0 && ends_empty_line(p - 5);
}

/*
 * Counts the lines of a run, unless it may hold a separator: then it is to be
 * looked at more closely, and this is false.
 */
static inline bool
count_run(struct mbox *mbox, const unsigned char *p, int length)
{
	unsigned char bare = 0, empty = 0, suspect = 0;

	for (int i = 0; i < length; i++) {
		bare += (p[i] == '\n') & (p[i - 1] != '\r');
		empty += ends_empty_line(p + i);
		suspect |= (p[i] == ' ') & (p[i - 4] == 'F') & (p[i - 5] == '\n');
	}
	if (suspect)
		return false;
	mbox->bare += bare;
	mbox->empty += empty;
	return true;
}

/* Reports the message that ends at "end", which is where *p would be. */
static void
report(struct mbox *mbox, uint64_t end, const unsigned char *p)
{
	struct mbox_message message = { .start = mbox->start, .end = end };

	if (mbox->empty >= 2 && ends_empty_line(p - 1))
		message.trim = p[-2] == '\r' ? 2 : 1;
	message.blank = mbox->empty == 0;
	message.octets = end - mbox->text + mbox->bare;
	if (message.trim > 0)
		message.octets -= 2;
	if (end > mbox->text && !ends_line(p - 1))
		message.octets += 2;
	if (message.blank)
		message.octets += 2;
	mbox->message(mbox->context, &message);
}

/* Octet by octet up to "end" or a separator; returns where it stopped. */
static const unsigned char *
look_closely(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	for (; p < end && !ends_separator(p); p++) {
		mbox->bare += ends_line(p) & (p[-1] != '\r');
		mbox->empty += ends_empty_line(p);
	}
	return p;
}

/* The blank of a "From " is at this offset: a message ends, another starts. */
static void
separate(struct mbox *mbox, uint64_t blank, const unsigned char *p)
{
	report(mbox, blank - 4, p - 4);
	mbox->start = blank - 4;
	mbox->text = blank + 1;
	mbox->bare = 0;
	mbox->empty = 0;
	mbox->in_from_line = true;
}

/* Text up to "end" or behind a separator; returns where it stopped. */
static const unsigned char *
scan_text(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *begin = mbox_room(mbox);

	while (end - p >= RUN && count_run(mbox, p, RUN))
		p += RUN;
	/* The run that ended the loop, or what is left, in short runs. */
	if (end - p > RUN)
		end = p + RUN;
	while (p < end) {
		const unsigned char *stop = end - p < SHORT_RUN ? end : p + SHORT_RUN;
		if (stop - p == SHORT_RUN && count_run(mbox, p, SHORT_RUN)) {
			p = stop;
			continue;
		}
		p = look_closely(mbox, p, stop);
		if (p < stop) {
			separate(mbox, mbox->fed + (uint64_t)(p - begin), p);
			return p + 1;
		}
	}
	return p;
}

/* Up to "end" or the end of the From_ line; returns where it stopped. */
static const unsigned char *
skip_from_line(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *lf = memchr(p, '\n', (size_t)(end - p));

	p = lf == NULL ? end : lf + 1;
	mbox->in_from_line = lf == NULL;
	mbox->text = mbox->fed + (uint64_t)(p - mbox_room(mbox));
	return p;
}

bool
mbox_feed(struct mbox *mbox, size_t length)
{
	const unsigned char *p = mbox_room(mbox), *end = p + length;

	if (mbox->fed == 0 && length > 0)
		mbox->valid = length >= 5 && memcmp(p, "From ", 5) == 0;
	if (!mbox->valid)
		return false;
	while (p < end)
		p = mbox->in_from_line ? skip_from_line(mbox, p, end) : scan_text(mbox, p, end);
	mbox->fed += length;
	memmove(mbox->block, end - MBOX_MARGIN, MBOX_MARGIN);
	return true;
}

bool
mbox_end(struct mbox *mbox)
{
	if (mbox->valid && mbox->fed > 0)
		report(mbox, mbox->fed, mbox_room(mbox));
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
