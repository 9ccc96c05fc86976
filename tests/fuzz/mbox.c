/*
 * Compares the scan of any octets with the plain reading, also across the end of a
 * block, and the octets that it counts with those that are sent. A first octet from
 * EDGE on puts the rest at the end of a block: seldom, since that is slow.
 */
#include "mbox.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../unit/specimen.h"
#include "wire.h"

enum { MOST = 4096, EDGE = 0xf0 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mbox scan;
static struct mbox_message found[MOST];
static size_t found_count;
static char octets[MBOX_BLOCK + MOST];
static int out = -1;

static void
ended(const char *why)
{
	fprintf(stderr, "the wire ended: %s\n", why);
	abort();
}

static size_t octets_length;

static bool
read_ahead(void *context, uint64_t offset, void *room, size_t length)
{
	(void)context;
	if (offset > octets_length || length > octets_length - offset)
		abort();
	memcpy(room, octets + offset, length);
	return true;
}

static void
note(void *context, const struct mbox_message *message)
{
	(void)context;
	/* What is in the room are the octets of the file. */
	size_t length = (size_t)(message->end - message->start);
	const char *there = mbox_octets(&scan, message->start, length);
	if (there != NULL && memcmp(there, octets + message->start, length) != 0)
		abort();
	found[found_count++] = *message;
}

static bool
scan_octets(size_t from, size_t end, size_t length)
{
	struct mbox_reader reader = { .message = note, .read_ahead = read_ahead, .promises = true };

	found_count = 0;
	octets_length = length;
	mbox_begin(&scan, from, length, &reader);
	for (size_t at = from, n;; at += n) {
		n = end - at < MBOX_BLOCK ? end - at : MBOX_BLOCK;
		memcpy(mbox_room(&scan), octets + at, n);
		if (!mbox_feed(&scan, n, at + n == end))
			return false;
		if (at + n == end)
			return true;
	}
}

/* What was sent of one message, without byte-stuffing and the final ".". */
static size_t
sent(size_t text, const struct mbox_message *message)
{
	static char response[2 * MOST];
	size_t from = text < message->end - message->trim ? text : message->end - message->trim;

	if (ftruncate(out, 0) == -1 || lseek(out, 0, SEEK_SET) == -1)
		abort();
	wire_body_begin(WIRE_ALL);
	wire_body(octets + from, message->end - message->trim - from);
	wire_body_end(message->blank);
	wire_flush();
	ssize_t length = pread(out, response, sizeof response, 0);
	if (length < 3 || memcmp(response + length - 3, ".\r\n", 3) != 0)
		abort();
	size_t count = (size_t)length - 3;
	for (size_t i = 0; i + 3 < (size_t)length; i++)
		count -= response[i] == '.' && (i == 0 || response[i - 1] == '\n');
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct specimen_message expected[MOST];
	size_t lead = 0;

	if (size == 0 || size > MOST / 4)
		return 0;
	if (out == -1) {
		out = memfd_create("out", MFD_CLOEXEC);
		wire_open(STDIN_FILENO, out, ended);
		wire_limit(600, 0);
	}
	if (data[0] >= EDGE) {
		lead = MBOX_BLOCK - (size_t)(data[0] - EDGE);
		memset(octets, 'y', lead);
		memcpy(octets, "From x\n", 7);
	}
	memcpy(octets + lead, data + 1, size - 1);
	size_t length = lead + size - 1;

	bool valid = specimen_is_mailbox(octets, length);
	if (scan_octets(0, length, length) != valid)
		abort();
	(void)mbox_is_pseudo(octets + lead, size - 1);
	if (!valid)
		return 0;
	size_t count = specimen_read(octets, length, expected);
	if (found_count != count)
		abort();
	for (size_t i = 0; i < count; i++) {
		const struct mbox_message *got = &found[i];
		const struct specimen_message *want = &expected[i];
		if (got->start != want->start || got->end != want->end ||
		    got->octets != want->octets || got->trim != want->trim ||
		    got->blank != want->blank || got->joined != want->joined)
			abort();
		if (got->end - got->start < MOST && sent(want->text, got) != got->octets)
			abort();
	}
	/* A scan may begin and end at any message. */
	for (size_t i = 0; i < count && lead == 0; i++)
		if (!scan_octets(expected[i].start, expected[i].end, length) || found_count != 1 ||
		    found[0].octets != expected[i].octets || found[0].joined != expected[i].joined)
			abort();
	return 0;
}
