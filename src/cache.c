/*
 * The file holds one image: a fixed part, then the messages as they are in memory. The
 * image is not synced, so a crash may leave it torn. Both parts have fingerprints, by which
 * a torn image is recognized and ignored.
 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fingerprint.h"
#include "index.h"
#include "io.h"
#include "log.h"

enum {
	NAME = 80,
	LEAST_SIZE = 1024 * 1024,	/* octets; a smaller mailbox is scanned quickly */
	LEAST_RATIO = 8,		/* octets of the mailbox for one of the saved index */
	MOST_CACHE = 64 * 1024 * 1024,	/* octets of a saved index, which no quota counts */
};

/*
 * Numbers are stored as this machine has them in memory, and the image of another kind of
 * machine is ignored. The last digit of the magic goes up when anything changes, here or in
 * how octets, trim or unique-ids are found.
 */
struct image {
	uint64_t magic;
	uint64_t device, inode, size;		/* of the mailbox */
	int64_t modified[2], changed[2];	/* its times: seconds, nanoseconds */
	uint64_t known, open;			/* as in struct maildrop, */
	int64_t since;				/* and so is this */
	uint64_t kind, validity, last;		/* of the unique-ids */
	uint64_t count, octets;
	uint64_t messages_print;
	uint64_t image_print;			/* of all the above */
};

static const uint64_t magic = 0x696e64657836 << 8 | sizeof(struct message);

static uint64_t
print_of_image(const struct image *image)
{
	return fingerprint_of(image, offsetof(struct image, image_print));
}

void
cache_open(struct cache *cache, int state, int spool, const char *name)
{
	char path[NAME];
	struct stat status;

	cache->fd = -1;
	if (fstatat(spool, name, &status, AT_SYMLINK_NOFOLLOW) == -1 ||
	    status.st_size < LEAST_SIZE)
		return;
	/* A name in passwd(5) has no colon, so this is not another account's state file. */
	snprintf(path, sizeof path, "%s:index", name);
	cache->fd = openat(state, path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, IO_PRIVATE_MODE);
	if (cache->fd == -1)
		return;
	if (flock(cache->fd, LOCK_EX | LOCK_NB) == 0 && fstat(cache->fd, &status) == 0 &&
	    S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == geteuid())
		return;
	close(cache->fd);
	cache->fd = -1;
}

/* The user could have written the image: returns true if each message has octets of its own
   in the file, and no field goes beyond them. */
static bool
is_sound(const struct image *image, const struct message *messages)
{
	uint64_t octets = 0;

	for (size_t i = 0; i < image->count; i++) {
		const struct message *message = &messages[i];
		uint64_t end = i + 1 < image->count ? messages[i + 1].start : image->size;
		if (message->start >= end || end - message->start <= message->trim ||
		    end > image->size || message->deleted || message->copy == 0)
			return false;
		octets += message->octets;
	}
	return octets == image->octets;
}

/* Returns the status that the mailbox had when it was indexed. */
static struct stat
status_of(const struct image *image)
{
	return (struct stat){
		.st_dev = (dev_t)image->device,
		.st_ino = (ino_t)image->inode,
		.st_size = (off_t)image->size,
		.st_mtim = { image->modified[0], (long)image->modified[1] },
		.st_ctim = { image->changed[0], (long)image->changed[1] },
	};
}

/*
 * Reads the image. Returns its messages, which the caller frees; or NULL if the image is
 * damaged, was made for unique-ids of another kind, or cannot serve the mailbox as it is now.
 */
static struct message *
load(const struct cache *cache, const struct maildrop *maildrop, struct image *image)
{
	struct stat status, then, now;
	struct message *messages;
	size_t length;

	if (fstat(cache->fd, &status) == -1 || status.st_size < (off_t)sizeof *image ||
	    io_read(cache->fd, 0, image, sizeof *image) == -1 || image->magic != magic ||
	    image->image_print != print_of_image(image))
		return NULL;
	length = (size_t)status.st_size - sizeof *image;
	if (image->count == 0 || length % sizeof *messages != 0 ||
	    length / sizeof *messages != image->count || image->kind != maildrop->kind ||
	    image->validity != maildrop->adoption.validity || image->last != maildrop->adoption.last)
		return NULL;
	then = status_of(image);
	if (fstat(maildrop->fd, &now) == -1 || length > (uint64_t)now.st_size / LEAST_RATIO ||
	    !index_may_serve(&then, &now))
		return NULL;
	messages = malloc(length);
	if (messages == NULL)
		return NULL;
	if (io_read(cache->fd, sizeof *image, messages, length) == 0 &&
	    image->messages_print == fingerprint_of(messages, length) && is_sound(image, messages))
		return messages;
	free(messages);
	return NULL;
}

void
cache_recall(const struct cache *cache, struct maildrop *maildrop)
{
	struct image image;
	struct message *messages;

	if (cache->fd == -1 || maildrop->fd == -1)
		return;
	messages = load(cache, maildrop, &image);
	if (messages == NULL)
		return;
	maildrop->recalled = true;
	maildrop->messages = messages;
	maildrop->numbered = true;
	maildrop->count = maildrop->room = (size_t)image.count;
	maildrop->octets = image.octets;
	maildrop->size = image.size;
	maildrop->known = image.known;
	maildrop->open = image.open;
	maildrop->since = image.since;
	maildrop->seen = status_of(&image);
}

static int
write_image(const struct cache *cache, const struct maildrop *maildrop)
{
	const struct stat *seen = &maildrop->seen;
	size_t length = maildrop->count * sizeof(struct message);
	struct image image = {
		.magic = magic,
		.device = seen->st_dev,
		.inode = seen->st_ino,
		.size = maildrop->size,
		.modified = { seen->st_mtim.tv_sec, seen->st_mtim.tv_nsec },
		.changed = { seen->st_ctim.tv_sec, seen->st_ctim.tv_nsec },
		.known = maildrop->known,
		.open = maildrop->open,
		.since = maildrop->since,
		.kind = maildrop->kind,
		.validity = maildrop->adoption.validity,
		.last = maildrop->adoption.last,
		.count = maildrop->count,
		.octets = maildrop->octets,
		.messages_print = fingerprint_of(maildrop->messages, length),
	};

	image.image_print = print_of_image(&image);
	if (io_truncate(cache->fd, 0) == -1 ||
	    io_write(cache->fd, sizeof image, maildrop->messages, length) == -1)
		return -1;
	return io_write(cache->fd, 0, &image, sizeof image);
}

/*
 * Saving pays if this session has read more octets to index the mailbox than it would
 * write. The state directory belongs to the service account, so no quota keeps a user from
 * filling it; the two limits do.
 */
static bool
pays(const struct maildrop *maildrop)
{
	uint64_t cost = maildrop->count * sizeof(struct message);

	return maildrop->count > 0 && maildrop->scanned > cost &&
	    maildrop->size / LEAST_RATIO > cost && cost <= MOST_CACHE;
}

void
cache_keep(const struct cache *cache, struct maildrop *maildrop)
{
	if (cache->fd == -1 || maildrop->fd == -1 || maildrop->changed || !pays(maildrop) ||
	    !maildrop_is_untouched(maildrop) || index_number(maildrop) == -1)
		return;
	/*
	 * A power cut may leave the mailbox with its new times and without its new octets.
	 * Then the saved index would be believed of octets that are not there. So we sync the
	 * mailbox first.
	 */
	if (io_sync(maildrop->fd) == 0 && write_image(cache, maildrop) == 0)
		return;
	log_failure("index", "cannot be kept");
	cache_drop(cache);
}

void
cache_drop(const struct cache *cache)
{
	if (cache->fd != -1)
		(void)io_truncate(cache->fd, 0);
}
