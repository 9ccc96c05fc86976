/*
 * The index is what a scan of the mailbox finds. A saved index spares the scan of what was
 * there when it was saved.
 */
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lock.h"
#include "log.h"
#include "mbox.h"
#include "uniqueid.h"

#define OCTETS_MASK (((uint64_t)1 << 48) - 1)

enum {
	FIRST_ROOM = 64,	/* messages */
	MOST_GROWTH = 8,
	FIRST_LOOK = 4096,	/* octets of a message; its unique-id seldom needs more */
	WEEK = 7 * 24 * 60 * 60,	/* seconds */
};

static struct mbox scan;

/* While messages are added: the least that Dovecot's next number may be, and errno or 0. */
static struct {
	uint64_t least;
	int error;
} addition;

/* While a message is looked at again: whether the scan finds it as it was. */
static struct {
	const struct message *expected;
	bool same;		/* the last message that the scan found is the expected one */
	int error;		/* errno, if the message cannot be read; or 0 */
} comparison;

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
 * Returns for how many messages to make room: as many as the mailbox has if the messages
 * after "offset" are as long as those before. Room that is not used costs addresses only,
 * and a good guess spares copies of the index to larger rooms.
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

static bool
make_room(struct maildrop *maildrop, uint64_t offset)
{
	size_t room = room_for(maildrop, offset);
	void *grown;

	if (maildrop->count < maildrop->room)
		return true;
	grown = reallocarray(maildrop->messages, room, sizeof(struct message));
	if (grown == NULL)
		return false;
	maildrop->messages = grown;
	maildrop->room = room;
	return true;
}

/*
 * Makes the unique-id of a message from its first "length" octets, which are read from the
 * file if the scan's block does not hold them. A number of Dovecot's that is less than
 * "least" is not believed. Returns 1, or 0 if more octets are needed, or -1 with errno.
 */
static int
identify_by(const struct maildrop *maildrop, const struct mbox_message *found, size_t length,
	uint64_t least, struct message *message)
{
	static char room[UNIQUEID_PREFIX];
	bool whole = length == found->end - found->start;
	const char *octets = mbox_octets(&scan, found->start, length);

	if (octets == NULL) {
		if (maildrop_read(maildrop, found->start, room, length) == -1)
			return -1;
		octets = room;
	}
	if (!uniqueid_digest(maildrop->kind, octets, length, whole, found->joined, message->digest))
		return 0;
	uint32_t uid = maildrop->adoption.last == 0 ? 0 : uniqueid_dovecot(octets, length);
	message->adopted = uid >= least && uid <= maildrop->adoption.last;
	if (message->adopted)
		uniqueid_adopt(uid, maildrop->adoption.validity, message->digest);
	return 1;
}

/* Returns 0, or -1 with errno. */
static int
identify(const struct maildrop *maildrop, const struct mbox_message *found, uint64_t least,
	struct message *message)
{
	uint64_t raw = found->end - found->start;
	size_t most = raw < UNIQUEID_PREFIX ? (size_t)raw : UNIQUEID_PREFIX;
	/* X-UID may stand at the end of a long header, so look at all of it. */
	size_t first = most < FIRST_LOOK || maildrop->adoption.last > 0 ? most : FIRST_LOOK;
	int result = identify_by(maildrop, found, first, least, message);

	if (result == 0)
		result = identify_by(maildrop, found, most, least, message);
	return result == -1 ? -1 : 0;
}

/* Compares whole digests, of which the text of a unique-id may show only the first half. */
static bool
same_id(const struct message *a, const struct message *b)
{
	return a->adopted == b->adopted && memcmp(a->digest, b->digest, UNIQUEID_OCTETS) == 0;
}

/* Returns the least that Dovecot's next number may be: its numbers rise in file order. */
static uint64_t
least_after(const struct message *message, uint64_t least)
{
	return message->adopted ? (uint64_t)uniqueid_adopted(message->digest) + 1 : least;
}

static void
add_message(void *context, const struct mbox_message *found)
{
	struct maildrop *maildrop = context;
	struct message message = message_of(found);

	if (addition.error != 0)
		return;
	if (!make_room(maildrop, found->end) ||
	    identify(maildrop, found, addition.least, &message) == -1) {
		addition.error = errno;
		return;
	}
	addition.least = least_after(&message, addition.least);
	maildrop->messages[maildrop->count++] = message;
	maildrop->octets += message.octets;
}

static bool
read_ahead(void *maildrop, uint64_t offset, void *octets, size_t length)
{
	return maildrop_read(maildrop, offset, octets, length) == 0;
}

/* popa3d ignores Content-Length, so its unique-ids are those of messages cut without it. */
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

/* The pseudo message stays in the file, and no client may see or remove it. */
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

static bool
may_have_grown(const struct stat *then, const struct stat *now)
{
	return now->st_dev == then->st_dev && now->st_ino == then->st_ino &&
	    then->st_size > 0 && now->st_size > then->st_size;
}

bool
index_may_serve(const struct stat *then, const struct stat *now)
{
	return maildrop_looks_same(then, now) || may_have_grown(then, now);
}

static void
forget(struct maildrop *maildrop)
{
	maildrop->recalled = false;
	maildrop->count = 0;
	maildrop->octets = 0;
	maildrop->known = 0;
	maildrop->open = UINT64_MAX;
	maildrop->since = maildrop->seen.st_ctim.tv_sec;
}

/* Takes the last message out of the index, because what was added to the file may belong
   to it. Returns the message's offset. */
static uint64_t
reopen_last(struct maildrop *maildrop)
{
	const struct message *last = &maildrop->messages[--maildrop->count];

	maildrop->octets -= last->octets;
	return last->start;
}

/* Adds the messages that begin at "from" or after it. */
static enum maildrop_result
scan_from(struct maildrop *maildrop, uint64_t from)
{
	size_t length;

	addition.error = 0;
	addition.least = 1;
	for (size_t i = 0; maildrop->adoption.last > 0 && i < maildrop->count; i++)
		addition.least = least_after(&maildrop->messages[i], addition.least);
	maildrop->scanned = maildrop->size - from;
	maildrop->numbered = false;
	begin_scan(maildrop, from, add_message);
	for (uint64_t offset = from; scan.state == MBOX_GOOD; offset += length) {
		uint64_t left = maildrop->size - offset;
		length = left < MBOX_BLOCK ? (size_t)left : MBOX_BLOCK;
		lock_touch();
		if (maildrop_read(maildrop, offset, mbox_room(&scan), length) == -1)
			return failed("cannot read the mailbox");
		if (!mbox_feed(&scan, length, length == left) || length == left)
			break;
	}
	if (scan.state == MBOX_UNREADABLE)
		return failed("cannot read the mailbox");
	errno = addition.error;
	return addition.error == 0 ? MAILDROP_GOOD : failed("cannot index the mailbox");
}

/*
 * Returns true if the last message of the saved index still begins where it did. If a
 * program took out a message before it, the last message has moved, and what was added
 * would be scanned from a wrong place.
 */
static bool
last_stands(const struct maildrop *maildrop)
{
	const struct message *last = &maildrop->messages[maildrop->count - 1];
	struct mbox_message found = {
		.start = last->start, .end = maildrop->size, .joined = last->joined,
	};
	struct message now;

	return identify(maildrop, &found, last->adopted ? uniqueid_adopted(last->digest) :
	    UINT64_MAX, &now) == 0 && same_id(last, &now);
}

/*
 * Returns true if what was added since the index was saved can be scanned alone. A message
 * that another program replaced by one of the same size stays in the index as long as no
 * client asks for it, so each week the whole file is scanned.
 */
static bool
goes_on(const struct maildrop *maildrop, const struct stat *then)
{
	uint64_t age = (uint64_t)maildrop->seen.st_ctim.tv_sec - (uint64_t)maildrop->since;

	return maildrop->recalled && may_have_grown(then, &maildrop->seen) &&
	    maildrop->open > (uint64_t)maildrop->seen.st_size && age <= WEEK &&
	    last_stands(maildrop);
}

/*
 * Dovecot numbers a mailbox anew, from 1 on, when it has lost its index. With the old
 * UIDVALIDITY, new mail would then get the unique-ids of mail that a client has fetched,
 * and the client would never fetch the new mail. So we believe no number, and at worst a
 * client fetches mail again. A sender who forges the line can cause that for one user, once
 * all mail before the forged mail is gone.
 */
enum maildrop_result
index_adopt(struct maildrop *maildrop)
{
	static char octets[UNIQUEID_PREFIX];
	struct uniqueid_adoption *adoption = &maildrop->adoption;
	struct stat now;

	if (adoption->last == 0 || maildrop->fd == -1)
		return MAILDROP_GOOD;
	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	size_t length = now.st_size < UNIQUEID_PREFIX ? (size_t)now.st_size : UNIQUEID_PREFIX;
	if (maildrop_read(maildrop, 0, octets, length) == -1)
		return failed("cannot read the mailbox");
	uint32_t validity = uniqueid_validity(octets, length);
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
	struct stat then = maildrop->seen;
	uint64_t from = 0;
	enum maildrop_result result;

	if (maildrop->fd == -1) {
		forget(maildrop);
		return MAILDROP_GOOD;
	}
	result = maildrop_stamp(maildrop);
	if (result != MAILDROP_GOOD ||
	    (maildrop->recalled && maildrop_looks_same(&then, &maildrop->seen)))
		return result;
	if (goes_on(maildrop, &then))
		from = maildrop->known = reopen_last(maildrop);
	else
		forget(maildrop);
	maildrop->size = (uint64_t)maildrop->seen.st_size;
	result = scan_from(maildrop, from);
	/* A From_ line at the end of the file may be no From_ line now that the line is longer. */
	if (result == MAILDROP_GOOD && scan.state != MBOX_GOOD && from > 0) {
		from = 0;
		forget(maildrop);
		result = scan_from(maildrop, from);
	}
	if (result != MAILDROP_GOOD)
		return result;
	if (scan.open < maildrop->open)
		maildrop->open = scan.open;
	if (scan.state != MBOX_GOOD) {
		log_record(LOG_ERR, "maildrop refused", "it does not start with a From_ line");
		return MAILDROP_REFUSED;
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

/* Returns true if the unique-ids of two messages are equal but for the number at the end. */
static bool
same_text(const struct maildrop *maildrop, const struct message *a, const struct message *b)
{
	return a->adopted == b->adopted && memcmp(a->digest, b->digest,
	    a->adopted ? UNIQUEID_DOVECOT : (size_t)maildrop->kind) == 0;
}

/*
 * Returns a number that is the same for unique-ids that are. Senders may choose digests. If
 * they knew which of them share a chain, they could make one chain very long; so that depends
 * on two random keys, for the two halves of a digest.
 */
static uint64_t
hash_of(const struct maildrop *maildrop, const struct message *message, const uint64_t key[2])
{
	uint64_t half[2];

	memcpy(half, message->digest, sizeof half);
	if (message->adopted || maildrop->kind != UNIQUEID_OWN)
		half[1] = 0;	/* no part of the unique-id */
	return (half[0] * (key[0] | 1) + half[1] * (key[1] | 1)) >> 32;
}

/*
 * A chain links the first messages of some unique-ids, by hash. Until all messages are
 * numbered, the "copy" of such a first message counts how many have its unique-id. A link is
 * the index of a message plus one; 0 ends a chain.
 */
int
index_number(struct maildrop *maildrop)
{
	struct message *messages = maildrop->messages;
	size_t chains = maildrop->count / 2 + 1;
	uint64_t key[2] = { 0, 0 };

	if (maildrop->numbered)
		return 0;
	uint32_t *chain = calloc(chains + maildrop->count, sizeof *chain);
	if (chain == NULL)
		return -1;
	uint32_t *next = chain + chains;
	(void)!getrandom(key, sizeof key, 0);
	for (size_t i = 0; i < maildrop->count; i++) {
		uint32_t *link = &chain[hash_of(maildrop, &messages[i], key) % chains];
		while (*link != 0 && !same_text(maildrop, &messages[*link - 1], &messages[i]))
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
	maildrop->numbered = true;
	return 0;
}

static void
compare_message(void *context, const struct mbox_message *found)
{
	const struct message *expected = comparison.expected;
	struct message message = message_of(found);
	/* A message that had no number of Dovecot's before must not get one now. */
	uint64_t least = expected->adopted ? uniqueid_adopted(expected->digest) : UINT64_MAX;

	if (identify(context, found, least, &message) == -1)
		comparison.error = errno;
	comparison.same = message.start == expected->start && message.octets == expected->octets &&
	    message.trim == expected->trim && message.blank == expected->blank &&
	    message.joined == expected->joined && same_id(expected, &message);
}

static enum maildrop_result
note_rewriting(struct maildrop *maildrop)
{
	return maildrop_note_change(maildrop, "another program rewrote the mailbox");
}

/* A file that became shorter cannot be read to its former end: a program rewrote it. */
static enum maildrop_result
cannot_read(struct maildrop *maildrop)
{
	struct stat now;
	int error = errno;

	if (fstat(maildrop->fd, &now) == 0 && (uint64_t)now.st_size < maildrop->size)
		return note_rewriting(maildrop);
	errno = error;
	return failed("cannot read the mailbox");
}

/*
 * Returns 1 if a message may end at "end": the file ends there too, or another message
 * begins there. After the last message of the index, a deliverer may have put an empty line
 * before its mail. Returns 0 if not, or -1 with errno.
 */
static int
ends_at(const struct maildrop *maildrop, uint64_t end)
{
	char octets[MBOX_LEAD];
	struct stat now;

	if (fstat(maildrop->fd, &now) == -1)
		return -1;
	if ((uint64_t)now.st_size < end)
		return 0;
	uint64_t left = (uint64_t)now.st_size - end;
	size_t length = left < sizeof octets ? (size_t)left : sizeof octets;
	lock_touch();
	if (maildrop_read(maildrop, end, octets, length) == -1)
		return -1;
	int lead = mbox_leads(octets, length);
	return left == 0 || lead == 0 || (lead > 0 && end == maildrop->size);
}

/* Scans a message again in the window, and compares what is found with the index. */
static enum maildrop_result
look(struct maildrop *maildrop, const struct message *message)
{
	uint64_t end = maildrop_end(maildrop, message);
	size_t length;
	bool any = true;
	int ends = 0;

	comparison.expected = message;
	comparison.same = false;
	comparison.error = 0;
	begin_scan(maildrop, message->start, compare_message);
	for (uint64_t offset = message->start; offset < end; offset += length) {
		lock_touch();
		const char *octets = maildrop_view(maildrop, offset, end - offset, &length, &any);
		if (octets == NULL)
			return cannot_read(maildrop);
		if (length > end - offset)
			length = (size_t)(end - offset);
		memcpy(mbox_room(&scan), octets, length);
		if (!mbox_feed(&scan, length, offset + length == end))
			break;
	}
	if (comparison.same)
		ends = ends_at(maildrop, end);
	if (comparison.error != 0)
		errno = comparison.error;
	if (scan.state == MBOX_UNREADABLE || comparison.error != 0 || ends == -1)
		return cannot_read(maildrop);
	return ends == 1 ? MAILDROP_GOOD : note_rewriting(maildrop);
}

enum maildrop_result
index_look_again(struct maildrop *maildrop, const struct message *message)
{
	enum maildrop_result result = maildrop_stands(maildrop);

	maildrop_look_afresh();
	return result == MAILDROP_GOOD ? look(maildrop, message) : result;
}

enum maildrop_result
index_confirm_to_send(struct maildrop *maildrop, const struct message *message, uint64_t want,
	bool *whole)
{
	uint64_t raw = maildrop_end(maildrop, message) - message->start;
	bool untouched = true;
	size_t length;

	if (maildrop_view(maildrop, message->start, want, &length, &untouched) == NULL)
		return cannot_read(maildrop);
	*whole = length >= raw;
	if (untouched && message->start >= maildrop->known)
		return MAILDROP_GOOD;
	/* The octets that are sent must be those that were looked at. So a message that fits
	   into the window, and is there in part, is read again as a whole. */
	if (length < raw && length < MAILDROP_VIEW)
		maildrop_look_afresh();
	*whole = raw <= MAILDROP_VIEW;
	enum maildrop_result result = maildrop_stands(maildrop);
	return result == MAILDROP_GOOD ? look(maildrop, message) : result;
}

enum maildrop_result
index_confirm_to_remove(struct maildrop *maildrop)
{
	enum maildrop_result result = MAILDROP_GOOD;
	bool untouched = maildrop_is_untouched(maildrop);
	struct stat now;

	if (fstat(maildrop->fd, &now) == -1)
		return failed("cannot look at the mailbox");
	/* Messages that stay are not looked at, but UPDATE moves all their octets. */
	if ((uint64_t)now.st_size < maildrop->size)
		return note_rewriting(maildrop);
	maildrop_look_afresh();
	for (size_t i = 0; i < maildrop->count && result == MAILDROP_GOOD; i++) {
		const struct message *message = &maildrop->messages[i];
		if (message->deleted && (!untouched || message->start < maildrop->known))
			result = look(maildrop, message);
	}
	return result;
}
