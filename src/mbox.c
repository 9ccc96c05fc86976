/*
 * The scan. It looks at runs of octets with loops that a compiler can turn
 * into vector code, and at single octets only around message boundaries.
 */
#include "mbox.h"

#include <string.h>

enum { RUN = 128 };	/* octets; counts of one run fit an unsigned char */

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

/* True if "\nF" lies five octets before some octet of the run: rare enough. */
static bool
run_may_separate(const unsigned char *p)
{
	unsigned char found = 0;

	for (int i = 0; i < RUN; i++)
		found |= (p[i] == ' ') & (p[i - 4] == 'F') & (p[i - 5] == '\n');
	return found != 0;
}

/* The blank of the next "From " that starts a message, or "end". */
static const unsigned char *
find_separator(const unsigned char *p, const unsigned char *end)
{
	while (p < end) {
		const unsigned char *stop = end - p < RUN ? end : p + RUN;
		if (stop - p == RUN && !run_may_separate(p)) {
			p = stop;
			continue;
		}
		for (; p < stop; p++)
			if (ends_separator(p))
				return p;
	}
	return end;
}

static void
count_run(struct mbox *mbox, const unsigned char *p)
{
	unsigned char bare = 0, empty = 0;

	for (int i = 0; i < RUN; i++) {
		bare += (p[i] == '\n') & (p[i - 1] != '\r');
		empty += ends_empty_line(p + i);
	}
	mbox->bare += bare;
	mbox->empty += empty;
}

static void
count_lines(struct mbox *mbox, const unsigned char *p, const unsigned char *end)
{
	for (; end - p >= RUN; p += RUN)
		count_run(mbox, p);
	for (; p < end; p++) {
		mbox->bare += ends_line(p) & (p[-1] != '\r');
		mbox->empty += ends_empty_line(p);
	}
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

bool
mbox_feed(struct mbox *mbox, size_t length)
{
	const unsigned char *begin = mbox_room(mbox), *p = begin, *end = begin + length;

	if (mbox->fed == 0 && length > 0)
		mbox->valid = length >= 5 && memcmp(begin, "From ", 5) == 0;
	if (!mbox->valid)
		return false;
	while (p < end) {
		if (mbox->in_from_line) {
			const unsigned char *lf = memchr(p, '\n', (size_t)(end - p));
			p = lf == NULL ? end : lf + 1;
			mbox->in_from_line = lf == NULL;
			mbox->text = mbox->fed + (uint64_t)(p - begin);
			continue;
		}
		const unsigned char *blank = find_separator(p, end);
		count_lines(mbox, p, blank);
		p = blank;
		if (blank == end)
			break;
		uint64_t start = mbox->fed + (uint64_t)(blank - begin) - 4;
		report(mbox, start, blank - 4);
		mbox->start = start;
		mbox->bare = 0;
		mbox->empty = 0;
		mbox->in_from_line = true;
	}
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
