/*
 * Any saved index beside any mailbox, and a session on both. The mailbox is all from the
 * first "From " on; an octet FILL in it stands for many, because an index is not used if it
 * is large beside its mailbox. The first octet of the input says how to read what is
 * between: even, it is the saved index itself, which hardly ever gets past its fingerprints;
 * odd, it says what to change in a right index, which then gets fingerprints that fit.
 */
/* Included, because static functions are called: write_image and identify. */
#include "../../src/cache.c"
#include "../../src/index.c"

#include "../unit/specimen.h"
#include "files.h"
#include "update.h"

enum { FILL = 0xff, FILLED = 2048, MOST_FILLS = 12, MOST = 4096, ROOM = MOST + MOST_FILLS * FILLED };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct options options = { .spool = "the folder", .no_dotlock = true };

static char mailbox[ROOM], after[ROOM];
static size_t mailbox_length;

static void
make_mailbox(const uint8_t *octets, size_t length)
{
	unsigned fills = 0;

	mailbox_length = 0;
	for (size_t i = 0; i < length; i++) {
		if (octets[i] == FILL && fills++ < MOST_FILLS) {
			memset(mailbox + mailbox_length, 'y', FILLED);
			mailbox_length += FILLED;
		} else {
			mailbox[mailbox_length++] = (char)octets[i];
		}
	}
	put_file("mailbox", mailbox, mailbox_length);
}

static bool
open_mailbox(struct maildrop *maildrop)
{
	return maildrop_open(maildrop, directory, "mailbox", geteuid(), &options) == MAILDROP_GOOD;
}

static void
close_mailbox(struct maildrop *maildrop)
{
	free(maildrop->messages);
	maildrop_unlock(maildrop);
	close(maildrop->fd);
}

static void
change_message(struct message *message)
{
	uint64_t which = take_number() % 8;
	uint64_t value = take_number();

	if (which == 0 || which == 7)
		message->start = value;
	else if (which == 1)
		message->octets = value & OCTETS_MASK;
	else if (which == 2)
		message->trim = value & 3;
	else if (which == 3)
		message->blank = value & 1;
	else if (which == 4)
		message->deleted = value & 1;
	else if (which == 5)
		message->copy = (uint32_t)value;
	else
		message->digest[value % UNIQUEID_OCTETS] ^= 1;
}

/* Changes a right index as the input says. */
static void
change_index(struct maildrop *maildrop)
{
	for (uint64_t n = take_number() % 4; n > 0 && maildrop->count > 0; n--)
		change_message(&maildrop->messages[take_number() % maildrop->count]);
	for (uint64_t n = take_number() % 4; n > 0 && maildrop->count > 1; n--) {
		size_t gone = take_number() % maildrop->count--;
		memmove(maildrop->messages + gone, maildrop->messages + gone + 1,
		    (maildrop->count - gone) * sizeof(struct message));
	}
	uint64_t flags = take_number();
	/* A forger would make unique-ids that fit the changed messages. */
	for (size_t i = 0; (flags & 1) != 0 && i < maildrop->count; i++) {
		struct message *message = &maildrop->messages[i];
		struct mbox_message found = {
			.start = message->start, .end = maildrop_end(maildrop, message),
			.joined = message->joined,
		};
		if (found.start < found.end && found.end <= maildrop->size)
			(void)identify(maildrop, &found, UINT64_MAX, message);
	}
	maildrop->octets = 0;
	for (size_t i = 0; i < maildrop->count; i++)
		maildrop->octets += maildrop->messages[i].octets;
	if (flags & 2)
		maildrop->size = take_number();
	if (flags & 4)
		maildrop->octets = take_number();
	if (flags & 8)
		maildrop->known = take_number();
	if (flags & 16)
		maildrop->seen.st_ctim.tv_sec ^= 1;
}

/* Saves an index of the mailbox as it was when it ended at some octet, with changes. */
static void
make_index(void)
{
	struct maildrop maildrop;
	struct cache cache = { .fd = openat(directory, "index", O_RDWR | O_CREAT | O_TRUNC, 0600) };
	uint64_t size = take_number();

	must(cache.fd != -1);
	if (size < mailbox_length)
		put_file("mailbox", mailbox, (size_t)size);
	must(open_mailbox(&maildrop));
	if (index_make(&maildrop) == MAILDROP_GOOD && index_number(&maildrop) == 0) {
		change_index(&maildrop);
		must(write_image(&cache, &maildrop) == 0);
	}
	close_mailbox(&maildrop);
	close(cache.fd);
	int fd = openat(directory, "mailbox", O_WRONLY | O_APPEND);
	if (size < mailbox_length)
		must(write(fd, mailbox + size, mailbox_length - (size_t)size) >= 0);
	close(fd);
}

/* Reads each message as RETR would; all its octets are in the file. */
static void
read_messages(struct maildrop *maildrop)
{
	static char octets[ROOM];
	uint64_t sum = 0, last = 0;

	for (size_t i = 0; i < maildrop->count; i++) {
		const struct message *message = &maildrop->messages[i];
		uint64_t end = maildrop_end(maildrop, message);
		must(message->start >= last && message->start < end && end <= mailbox_length);
		must(end - message->start > message->trim || !maildrop->recalled);
		must(maildrop_read(maildrop, message->start, octets, (size_t)(end - message->start)) == 0);
		last = end;
		sum += message->octets;
	}
	must(sum == maildrop->octets && maildrop->size == mailbox_length);
}

static void
mark_messages(struct maildrop *maildrop)
{
	for (size_t i = 0; i < maildrop->count; i++)
		if (take_number() % 3 == 1)
			maildrop_delete(maildrop, &maildrop->messages[i]);
}

/* A removed message that was looked at again is one of the mailbox, with its unique-id. */
static void
check_gone(const struct maildrop *maildrop)
{
	for (size_t i = 0; i < maildrop->count; i++) {
		static struct specimen_message found[ROOM / 5];
		const struct message *gone = &maildrop->messages[i];
		uint8_t digest[UNIQUEID_OCTETS];
		if (!gone->deleted || gone->start >= maildrop->known)
			continue;
		size_t count = specimen_read(mailbox + gone->start, mailbox_length - gone->start, found);
		size_t length = found[0].end;
		must(count > 0 && found[0].start == 0 && gone->octets == found[0].octets &&
		    gone->start + length == maildrop_end(maildrop, gone) &&
		    gone->trim == found[0].trim && gone->blank == found[0].blank &&
		    gone->joined == found[0].joined);
		uniqueid_digest(maildrop->kind, mailbox + gone->start,
		    length < UNIQUEID_PREFIX ? length : UNIQUEID_PREFIX, length <= UNIQUEID_PREFIX,
		    found[0].joined, digest);
		must(memcmp(digest, gone->digest, sizeof digest) == 0);
	}
}

/* The mailbox is what it was, without the messages that were marked. */
static void
check_removed(const struct maildrop *maildrop, bool removed)
{
	static char real[ROOM];
	size_t length = 0;

	memcpy(after, mailbox, mailbox_length);
	for (size_t i = 0; i < maildrop->count; i++) {
		const struct message *message = &maildrop->messages[i];
		uint64_t end = maildrop_end(maildrop, message);
		if (i == 0)
			length = message->start;
		if (!removed || !message->deleted) {
			memcpy(after + length, mailbox + message->start, end - message->start);
			length += end - message->start;
		}
	}
	if (maildrop->count == 0)
		length = mailbox_length;
	must(pread(maildrop->fd, real, sizeof real, 0) == (ssize_t)length);
	must(memcmp(real, after, length) == 0);
	if (removed)
		check_gone(maildrop);
	memcpy(mailbox, after, length);
	mailbox_length = length;
}

static void
run_session(void)
{
	struct maildrop maildrop;
	struct journal journal;
	struct cache cache = { .fd = openat(directory, "index", O_RDWR) };

	must(cache.fd != -1 && open_mailbox(&maildrop));
	cache_recall(&cache, &maildrop);
	enum maildrop_result result = index_make(&maildrop);
	maildrop_unlock(&maildrop);
	if (result == MAILDROP_GOOD) {
		must(journal_open(&journal, directory, "state") == 0);
		must(index_number(&maildrop) == 0);
		read_messages(&maildrop);
		mark_messages(&maildrop);
		bool removed = update_commit(&maildrop, &journal) == UPDATE_DONE && maildrop.deleted > 0;
		must(journal_pending(&journal) == 0);
		check_removed(&maildrop, removed);
		journal_close(&journal);
		if (maildrop.deleted == 0)
			cache_keep(&cache, &maildrop);
	}
	close_mailbox(&maildrop);
	close(cache.fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t from = 1;

	if (directory == -1)
		set_up();
	while (from + 5 <= size && memcmp(data + from, "From ", 5) != 0)
		from++;
	if (size > MOST || from + 5 > size)
		return 0;
	make_mailbox(data + from, size - from);
	input = data + 1;
	input_left = from - 1;
	if (data[0] % 2 == 0)
		put_file("index", input, input_left);
	else
		make_index();
	run_session();
	/* The second session gets what the first has left. */
	run_session();
	return 0;
}
