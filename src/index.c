/*
 * The index is what a scan finds. An earlier session's spares the scan of what
 * is unchanged, and is gone through again before anything is removed.
 */
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fingerprint.h"
#include "lock.h"
#include "log.h"
#include "mbox.h"
#include "uniqueid.h"

#define OCTETS_MASK (((uint64_t)1 << 48) - 1)

enum {
	FIRST_ROOM = 64,	/* messages */
	MOST_GROWTH = 8,
	WINDOW = 64 * 1024,	/* octets read at once */
	LEAD = 3,		/* octets before a message that its head includes */
	HEAD = 512,
	LEAST_AVERAGE = 2048,	/* octets a message; of smaller ones a scan is cheaper */
};

/* A piece of the file; begin, end: its offsets. */
struct window {
	uint64_t begin, end;
	char octets[WINDOW];
};

static struct mbox scan;
static struct window window;

/* How far the messages of a scan are those that were told. */
static struct {
	size_t next;
	bool same;
} confirmation;

static enum maildrop_result
failed(const char *what)
{
	log_failure("maildrop", "%s", what);
	return MAILDROP_FAILED;
}

static struct message
message_of(const struct mbox_message *found)
{
	return (struct message){
		.start = found->start,
		.octets = found->octets & OCTETS_MASK,
		.trim = found->trim & 3,
		.blank = found->blank,
		.joined = found->joined,
	};
}

/*
 * How many messages to make room for: as many as the mailbox has if it goes on as up
 * to "offset". Unused room costs addresses only, and what is there is seldom moved.
 */
static size_t
room_for(const struct maildrop *maildrop, uint64_t offset)
{
	uint64_t expected = maildrop->count * (maildrop->size / offset + 1);
	size_t least = maildrop->room * 2, most = maildrop->room * MOST_GROWTH;

	if (maildrop->room == 0)
		return FIRST_ROOM;
	return expected < least ? least : expected > most ? most : (size_t)expected;
}

static void
add_message(void *context, const struct mbox_message *found)
{
	struct maildrop *maildrop = context;

	if (maildrop->out_of_memory)
		return;
	if (maildrop->count == maildrop->room) {
		size_t room = room_for(maildrop, found->end);
		void *grown = reallocarray(maildrop->messages, room, sizeof(struct message));
		if (grown == NULL) {
			maildrop->out_of_memory = true;
			return;
		}
		maildrop->messages = grown;
		maildrop->room = room;
	}
	maildrop->messages[maildrop->count++] = message_of(found);
	maildrop->octets += found->octets;
}

static bool
read_ahead(void *maildrop, uint64_t offset, void *octets, size_t length)
{
	return maildrop_read(maildrop, offset, octets, length) == 0;
}

/* popa3d knows nothing of Content-Length, nor do its unique-ids. */
static void
begin_scan(struct maildrop *maildrop, uint64_t offset,
	void (*message)(void *context, const struct mbox_message *message))
{
	struct mbox_reader reader = {
		.context = maildrop, .message = message, .read_ahead = read_ahead,
		.promises = maildrop->kind == UNIQUEID_OWN,
	};

	mbox_begin(&scan, offset, maildrop->size, &reader);
}

/*
 * Feeds the octets from "from" to "end", between which messages start and end, and
 * adds those from "printed" on, a whole number of grains, to the fingerprint.
 */
static enum maildrop_result
scan_range(struct maildrop *maildrop, uint64_t from, uint64_t end, uint64_t printed)
{
	size_t length;

	for (uint64_t offset = from < printed ? from : printed; offset < end;
	    offset += length) {
		unsigned char *octets = mbox_room(&scan);
		/* Up to a whole grain, as the fingerprint wants it. */
		length = MBOX_BLOCK - (size_t)(offset % FINGERPRINT_GRAIN);
		if (length > end - offset)
			length = (size_t)(end - offset);
		lock_touch();
		if (maildrop_read(maildrop, offset, octets, length) == -1)
			return failed("cannot read the mailbox");
		struct fingerprint before = maildrop->grains;
		size_t count = maildrop->count;
		if (offset + length > printed) {
			size_t skip = printed > offset ? (size_t)(printed - offset) : 0;
			maildrop_add_print(maildrop, octets + skip, length - skip);
		}
		size_t early = from > offset ? (size_t)(from - offset) : 0;
		if (early > 0)
			memmove(octets, octets + early, length - early);
		if (!mbox_feed(&scan, length - early))
			break;
		if (maildrop->count > count) {
			maildrop->anchor = offset > printed ? offset : printed;
			maildrop->anchored = before;
		}
	}
	mbox_end(&scan);
	return scan.state == MBOX_UNREADABLE ? failed("cannot read the mailbox") : MAILDROP_GOOD;
}

/* The pseudo message keeps its place in the file and none in the index. */
static void
hide_pseudo_message(struct maildrop *maildrop)
{
	static char octets[MBOX_PSEUDO];
	const struct message *first = maildrop->messages;

	maildrop->hidden = maildrop->hidden_end = 0;
	if (maildrop->count == 0)
		return;
	uint64_t end = maildrop_end(maildrop, first), length = end - first->start;
	if (length > sizeof octets || first->joined ||
	    maildrop_read(maildrop, first->start, octets, (size_t)length) == -1 ||
	    !mbox_is_pseudo(octets, (size_t)length))
		return;
	maildrop->hidden = first->start;
	maildrop->hidden_end = end;
	maildrop->octets -= first->octets;
	maildrop->count--;
	memmove(maildrop->messages, maildrop->messages + 1,
	    maildrop->count * sizeof(struct message));
}

/* Octets of the file from "begin" on, at least "length" of them, or NULL. */
static const char *
look_at(const struct maildrop *maildrop, uint64_t begin, size_t length, size_t want)
{
	if (begin < window.begin || begin + length > window.end) {
		if (want > maildrop->size - begin)
			want = (size_t)(maildrop->size - begin);
		window.begin = window.end = 0;
		if (maildrop_read(maildrop, begin, window.octets, want) == -1)
			return NULL;
		window.begin = begin;
		window.end = begin + want;
	}
	return window.octets + (begin - window.begin);
}

static uint32_t
head_of(const char *octets, size_t length)
{
	struct fingerprint print;

	fingerprint_begin(&print);
	fingerprint_add(&print, octets, length < HEAD ? length : HEAD);
	return (uint32_t)fingerprint_end(&print);
}

/* A message's head begins with the empty line before it. */
static size_t
lead_of(const struct message *message)
{
	return message->start < LEAD ? 0 : LEAD;
}

static bool
is_from_line(const char *octets, size_t length)
{
	return length >= 5 && memcmp(octets, "From ", 5) == 0;
}

/* Whether each message still begins as it did. */
static bool
heads_stand(const struct maildrop *maildrop)
{
	/* Of heads that are near each other many are read at once. */
	bool near = maildrop->size / maildrop->count < WINDOW / 4;

	window.begin = window.end = 0;
	for (size_t i = 0; i < maildrop->count; i++) {
		const struct message *message = &maildrop->messages[i];
		size_t lead = lead_of(message);
		uint64_t begin = message->start - lead;
		uint64_t length = maildrop_end(maildrop, message) - begin;
		size_t n = length < HEAD ? (size_t)length : HEAD;
		const char *octets = look_at(maildrop, begin, n, near ? WINDOW : n);
		if (octets == NULL || head_of(octets, n) != message->head ||
		    !is_from_line(octets + lead, n - lead))
			return false;
	}
	return true;
}

static bool
may_have_grown(const struct stat *then, size_t count, const struct stat *now)
{
	return now->st_dev == then->st_dev && now->st_ino == then->st_ino &&
	    then->st_size > 0 && now->st_size > then->st_size &&
	    (uint64_t)then->st_size / count >= LEAST_AVERAGE;
}

bool
index_may_serve(const struct stat *then, size_t count, const struct stat *now)
{
	return maildrop_looks_same(then, now) || may_have_grown(then, count, now);
}

/* The anchor is in the block in which the scan saw the last message start. */
static bool
is_anchored(const struct maildrop *maildrop)
{
	uint64_t start = maildrop->messages[maildrop->count - 1].start;

	return maildrop->anchor % FINGERPRINT_GRAIN == 0 &&
	    maildrop->anchor < start + FINGERPRINT_GRAIN &&
	    start < maildrop->anchor + MBOX_BLOCK;
}

static void
forget(struct maildrop *maildrop)
{
	maildrop->recalled = false;
	maildrop->count = maildrop->digests = 0;
	maildrop->octets = 0;
	maildrop->unsure = maildrop->anchor = 0;
	maildrop->open = UINT64_MAX;
	fingerprint_begin(&maildrop->anchored);
}

/* Takes the last message back: what was appended, or noted there, may belong to it. */
static uint64_t
reopen_last(struct maildrop *maildrop)
{
	const struct message *last = &maildrop->messages[--maildrop->count];

	maildrop->octets -= last->octets;
	maildrop->digests = maildrop->count;
	return last->start;
}

/* Adds the messages from "from" on. */
static enum maildrop_result
scan_from(struct maildrop *maildrop, uint64_t from)
{
	maildrop->grains = maildrop->anchored;
	maildrop->scanned = maildrop->size - from;
	begin_scan(maildrop, from, add_message);
	return scan_range(maildrop, from, maildrop->size, maildrop->anchor);
}

/*
 * Dovecot numbers a mailbox anew, from 1 on, when it has lost its index. By the validity of
 * before, mail that no client has fetched would then have the unique-ids of mail that was.
 * So no number is believed, which makes a client fetch again at worst. A sender who forges
 * the line can do that to one user, once all mail before the forged one is gone.
 */
enum maildrop_result
index_adopt(struct maildrop *maildrop)
{
	struct uniqueid_adoption *adoption = &maildrop->adoption;
	struct stat now;

	if (adoption->last == 0 || maildrop->fd == -1)
		return MAILDROP_GOOD;
	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	size_t length = now.st_size < WINDOW ? (size_t)now.st_size : WINDOW;
	window.begin = window.end = 0;
	if (maildrop_read(maildrop, 0, window.octets, length) == -1)
		return failed("cannot read the mailbox");
	uint32_t validity = uniqueid_validity(window.octets, length);
	if (validity == 0 || validity == adoption->validity)
		return MAILDROP_GOOD;
	log_record(LOG_NOTICE, "unique-ids", "none is Dovecot's: UIDVALIDITY is %ju in the mailbox,"
	    " %ju in the file of -D", (uintmax_t)validity, (uintmax_t)adoption->validity);
	*adoption = (struct uniqueid_adoption){ 0, 0 };
	return MAILDROP_GOOD;
}

enum maildrop_result
index_make(struct maildrop *maildrop)
{
	struct maildrop now = *maildrop;
	uint64_t from = 0;
	enum maildrop_result result;

	if (maildrop->fd == -1) {
		forget(maildrop);
		return MAILDROP_GOOD;
	}
	result = maildrop_look(&now);
	if (result != MAILDROP_GOOD)
		return result;
	if (maildrop->recalled && maildrop_looks_same(&now.seen, &maildrop->seen))
		return MAILDROP_GOOD;
	if (maildrop->recalled && may_have_grown(&maildrop->seen, maildrop->count, &now.seen) &&
	    maildrop->open > (uint64_t)now.seen.st_size && is_anchored(maildrop) &&
	    heads_stand(maildrop))
		from = maildrop->unsure = reopen_last(maildrop);
	else
		forget(maildrop);
	maildrop->seen = now.seen;
	maildrop->size = (uint64_t)now.seen.st_size;
	result = scan_from(maildrop, from);
	/* What was a From_ line at the end of the file may have gone on, and be none. */
	if (result == MAILDROP_GOOD && scan.state != MBOX_GOOD && from > 0) {
		from = 0;
		forget(maildrop);
		result = scan_from(maildrop, 0);
	}
	if (result != MAILDROP_GOOD)
		return result;
	if (scan.open < maildrop->open)
		maildrop->open = scan.open;
	if (scan.state != MBOX_GOOD) {
		log_record(LOG_ERR, "maildrop refused", "it does not start with a From_ line");
		return MAILDROP_REFUSED;
	}
	if (maildrop->out_of_memory) {
		errno = ENOMEM;
		return failed("cannot index the mailbox");
	}
	if (from == 0)
		hide_pseudo_message(maildrop);
	return MAILDROP_GOOD;
}

uint64_t
index_damage(void)
{
	return scan.at;
}

/*
 * The digest of one message, and its head; one of Dovecot's if its number is "least" or
 * more. Small messages are taken from a window over the file, so that a mailbox of many
 * small ones is read in few calls.
 */
static int
digest_message(const struct maildrop *maildrop, const struct message *message, uint64_t least,
	struct message *result)
{
	uint64_t raw = maildrop_end(maildrop, message) - message->start;
	size_t length = raw < UNIQUEID_PREFIX ? (size_t)raw : UNIQUEID_PREFIX;
	size_t lead = lead_of(message);
	const char *octets = look_at(maildrop, message->start - lead, lead + length,
	    length < UNIQUEID_PREFIX ? WINDOW : lead + length);

	if (octets == NULL)
		return -1;
	result->head = head_of(octets, lead + length);
	uniqueid_digest(maildrop->kind, octets + lead, length, message->joined, result->digest);
	uint32_t uid = maildrop->adoption.last == 0 ? 0 : uniqueid_dovecot(octets + lead, length);
	result->adopted = uid > 0 && uid >= least && uid <= maildrop->adoption.last;
	if (result->adopted)
		uniqueid_adopt(uid, maildrop->adoption.validity, result->digest);
	return 0;
}

/* What the number of a message of Dovecot's must be at least: they rise. */
static uint64_t
least_after(const struct message *message, uint64_t least)
{
	return message->adopted ? (uint64_t)uniqueid_adopted(message->digest) + 1 : least;
}

static bool
same_digest(const struct message *a, const struct message *b)
{
	return a->adopted == b->adopted && memcmp(a->digest, b->digest, UNIQUEID_OCTETS) == 0;
}

/*
 * Numbers the messages of one digest in file order. Each chain links the first
 * message of each digest; there, "copy" counts until all are numbered. Links
 * are indexes plus one: 0 ends a chain.
 */
static int
number_copies(struct maildrop *maildrop)
{
	struct message *messages = maildrop->messages;
	size_t chains = maildrop->count / 2 + 1;
	uint64_t key = 0;
	uint32_t *chain = calloc(chains + maildrop->count, sizeof *chain);

	if (chain == NULL)
		return -1;
	uint32_t *next = chain + chains;
	/* Senders choose digests; they shall not choose who shares a chain. */
	(void)!getrandom(&key, sizeof key, 0);
	key |= 1;
	for (size_t i = 0; i < maildrop->count; i++) {
		uint64_t hash;
		memcpy(&hash, messages[i].digest, sizeof hash);
		uint32_t *link = &chain[(hash * key >> 32) % chains];
		while (*link != 0 && !same_digest(&messages[*link - 1], &messages[i]))
			link = &next[*link - 1];
		if (*link == 0) {
			*link = (uint32_t)(i + 1);
			messages[i].copy = 0;
		}
		uint32_t copy = messages[*link - 1].copy + 1;
		messages[*link - 1].copy = copy;
		messages[i].copy = copy;
	}
	for (size_t i = 0; i < chains; i++)
		for (uint32_t link = chain[i]; link != 0; link = next[link - 1])
			messages[link - 1].copy = 1;
	free(chain);
	return 0;
}

int
index_digest(struct maildrop *maildrop)
{
	if (maildrop->digests == maildrop->count)
		return 0;
	uint64_t least = 1;
	window.begin = window.end = 0;
	for (size_t i = 0; i < maildrop->count; i++) {
		struct message *message = &maildrop->messages[i];
		if (i >= maildrop->digests && digest_message(maildrop, message, least, message) == -1)
			return -1;
		least = least_after(message, least);
	}
	return number_copies(maildrop);
}

enum maildrop_result
index_identify(struct maildrop *maildrop)
{
	enum maildrop_result result;

	if (maildrop->digests == maildrop->count)
		return MAILDROP_GOOD;
	result = maildrop_check(maildrop);
	if (result != MAILDROP_GOOD)
		return result;
	if (index_digest(maildrop) == -1)
		return failed("cannot make the unique-ids");
	/* It may have been rewritten while we read. */
	result = maildrop_check(maildrop);
	if (result == MAILDROP_GOOD)
		maildrop->digests = maildrop->count;
	return result;
}

static void
compare_message(void *context, const struct mbox_message *found)
{
	const struct maildrop *maildrop = context;
	const struct message *told = &maildrop->messages[confirmation.next];
	struct message message = message_of(found);

	if (confirmation.next == maildrop->count) {
		confirmation.same = false;
		return;
	}
	confirmation.next++;
	if (message.start != told->start || message.octets != told->octets ||
	    message.trim != told->trim || message.blank != told->blank ||
	    message.joined != told->joined)
		confirmation.same = false;
}

/* Whether a scan finds what was told of the messages "first" to before "behind". */
static enum maildrop_result
compare(struct maildrop *maildrop, size_t first, size_t behind)
{
	const struct message *last = &maildrop->messages[behind - 1];
	enum maildrop_result result;

	confirmation.next = first;
	confirmation.same = true;
	begin_scan(maildrop, maildrop->messages[first].start, compare_message);
	result = scan_range(maildrop, maildrop->messages[first].start,
	    maildrop_end(maildrop, last), maildrop->size);
	if (result == MAILDROP_GOOD &&
	    !(scan.state == MBOX_GOOD && confirmation.same && confirmation.next == behind))
		return maildrop_note_change(maildrop, "an earlier session found other messages");
	return result;
}

enum maildrop_result
index_confirm_message(struct maildrop *maildrop, const struct message *message)
{
	size_t number = (size_t)(message - maildrop->messages);
	enum maildrop_result result;

	if (message->start >= maildrop->unsure)
		return MAILDROP_GOOD;
	result = compare(maildrop, number, number + 1);
	/* It may have been rewritten while we read. */
	return result == MAILDROP_GOOD ? maildrop_check(maildrop) : result;
}

/* The unique-ids of what is to be removed. */
static bool
confirm_digests(const struct maildrop *maildrop, size_t first)
{
	window.begin = window.end = 0;
	for (size_t i = first; i < maildrop->digests; i++) {
		const struct message *told = &maildrop->messages[i];
		struct message found;
		uint64_t least = told->adopted ? uniqueid_adopted(told->digest) : UINT64_MAX;
		if (told->deleted && (digest_message(maildrop, told, least, &found) == -1 ||
		    !same_digest(told, &found) || told->head != found.head))
			return false;
	}
	return true;
}

enum maildrop_result
index_confirm(struct maildrop *maildrop)
{
	size_t first = 0;
	enum maildrop_result result;

	if (!maildrop->recalled)
		return MAILDROP_GOOD;
	while (!maildrop->messages[first].deleted)
		first++;
	result = compare(maildrop, first, maildrop->count);
	if (result == MAILDROP_GOOD && !confirm_digests(maildrop, first))
		return maildrop_note_change(maildrop, "an earlier session found other messages");
	return result;
}
