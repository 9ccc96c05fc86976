/* Makes rows of the account files. SECURITY: hashes and secrets stay here until login. */
#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounts.h"
#include "command.h"
#include "log.h"
#include "siphash.h"

enum {
	SHORTEST_LINE = 3,	/* octets of a line that has a row: a name, a colon, LF */
	LONGEST_HASH = 255,	/* octets */
	LONGEST_SECRET = 511,	/* octets */
	SECONDS_A_DAY = 86400,
	SLACK = 4096,		/* octets, for the NUL at the start and a file that grows */
};

/* The files, and what is known of them between roster_open and roster_load. */
static struct accounts passwd = ACCOUNTS_NONE, shadow = ACCOUNTS_NONE;
static struct accounts secrets = ACCOUNTS_NONE, shells = ACCOUNTS_NONE;
static struct accounts adoptions = ACCOUNTS_NONE;
static uid_t only_uid, least_uid;
static const struct options *names;	/* for fold and domains */

/* What is needed of a row while the files are being read. */
struct note {
	uint32_t shell;		/* offset in the text */
	bool in_shadow;		/* the shadow file has a line for it */
	bool points_there;	/* the hash of passwd is "x" */
	bool shell_listed;
};

struct loading {
	struct roster *roster;
	struct note *notes;	/* one a row */
	uint32_t *slots;	/* a hash table: number of a row, plus 1; 0: free */
	size_t mask;
};

static int
open_or_log(struct accounts *file, const char *path)
{
	int result = accounts_open(file, path);

	if (result == -1)
		log_failure("setup", "cannot open %s", path);
	return result;
}

/*
 * Opens a file that must belong to root or to the process's user and must have none of
 * "modes", which "what" names in the log. Returns 0, or -1 after logging the reason.
 */
static int
open_ours(struct accounts *file, const char *path, mode_t modes, const char *what)
{
	struct stat status;

	if (open_or_log(file, path) == -1)
		return -1;
	if (fstat(file->fd, &status) == -1) {
		log_failure("setup", "cannot look at %s", path);
		return -1;
	}
	if ((status.st_mode & modes) == 0 && (status.st_uid == 0 || status.st_uid == geteuid()))
		return 0;
	log_record(LOG_ERR, "setup", "%s must be its owner's alone%s, and the owner"
	    " root or whoever runs the server", path, what);
	return -1;
}

/*
 * If the server was started as the service account, or as another user without mail,
 * every password would seem to be wrong. So this is an error at the start. Returns 0, or
 * -1 after logging the reason.
 */
static int
check_only(const struct options *options)
{
	struct accounts_passwd entry;
	enum accounts_next next;
	char *line;
	bool found = false;

	if (accounts_begin(&passwd) == -1)
		next = ACCOUNTS_FAILED;
	else
		while ((next = accounts_next(&passwd, &line)) != ACCOUNTS_END &&
		    next != ACCOUNTS_FAILED)
			found |= next == ACCOUNTS_GOT && accounts_cut_passwd(line, &entry) &&
			    entry.uid == only_uid && strcmp(entry.name, options->account) != 0;
	if (next == ACCOUNTS_FAILED)
		log_failure("setup", "cannot read %s", options->passwd);
	else if (!found)
		log_record(LOG_ERR, "setup", "started with user-ID %ju, which is not that of a"
		    " user in %s: start it as root", (uintmax_t)only_uid, options->passwd);
	return found ? 0 : -1;
}

int
roster_open(const struct options *options, uid_t only)
{
	only_uid = only;
	least_uid = options->least_uid;
	names = options;
	if (open_or_log(&passwd, options->passwd) == -1 || (options->dovecot != NULL &&
	    open_ours(&adoptions, options->dovecot, S_IWGRP | S_IWOTH, " to write to") == -1))
		return -1;
	if (options->recover || options->check != NULL)
		return 0;
	if ((only != 0 && check_only(options) == -1) ||
	    open_or_log(&shadow, options->shadow) == -1 ||
	    (options->listed_shell && open_or_log(&shells, "/etc/shells") == -1))
		return -1;
	return options->secrets == NULL ? 0 :
	    open_ours(&secrets, options->secrets, S_IRWXG | S_IRWXO, "");
}

/* Computed from the file's size when it was opened: if it grows, rows may be too few. */
static size_t
rows_room(void)
{
	return passwd.size / SHORTEST_LINE + 1;
}

size_t
roster_room(void)
{
	return rows_room() * sizeof(struct roster_row) + passwd.size + shadow.size +
	    secrets.size + strlen(names->domains) + SLACK;
}

void
roster_adopt(struct roster *roster, void *block, size_t size)
{
	roster->block = block;
	roster->block_size = size;
	roster->origin = ROSTER_ANOTHERS;
	roster->rows = block;
	roster->text = (char *)block + roster->rows_room * sizeof *roster->rows;
}

void
roster_leave(struct roster *roster)
{
	if (roster->origin == ROSTER_MAPPED)
		munmap(roster->block, roster->block_size);
	if (roster->origin == ROSTER_ALLOCATED)
		free(roster->block);
	roster->block = NULL;
	roster->rows = NULL;
	roster->text = NULL;
}

void
roster_wipe(struct roster *roster)
{
	if (roster->block != NULL) {
		explicit_bzero(roster->rows, roster->count * sizeof *roster->rows);
		explicit_bzero(roster->text, roster->text_length);
	}
	roster_leave(roster);
	*roster = (struct roster){ .unreadable = true };
}

/*
 * Returns the offset of a copy of the text; or ROSTER_EMPTY if the text is empty, or if
 * it has no room because a file has grown: then the roster is "unreadable".
 */
static uint32_t
add_text(struct loading *loading, const char *text)
{
	struct roster *roster = loading->roster;
	size_t length = strlen(text) + 1, offset = roster->text_length;

	if (length == 1)
		return ROSTER_EMPTY;
	if (roster->block_size - (size_t)(roster->text - (char *)roster->block) - offset < length) {
		errno = EFBIG;
		roster->unreadable = true;
		return ROSTER_EMPTY;
	}
	memcpy(roster->text + offset, text, length);
	roster->text_length += length;
	return (uint32_t)offset;
}

/* SECURITY: a hash or a secret that counts no more must not be found in memory. */
static void
drop_text(struct roster *roster, uint32_t *offset)
{
	char *text = roster->text + *offset;

	explicit_bzero(text, strlen(text));
	*offset = ROSTER_EMPTY;
}

/* The first reason is the one that is logged. */
static void
object(struct roster_row *row, const char *word)
{
	if (row->obstacle[0] == '\0')
		strcpy(row->obstacle, word);
}

static bool
is_usable_hash(const char *hash)
{
	return hash[0] != '\0' && hash[0] != '!' && hash[0] != '*' && strcmp(hash, "x") != 0 &&
	    strlen(hash) <= LONGEST_HASH;
}

static void
take_hash(struct loading *loading, struct roster_row *row, const char *hash)
{
	drop_text(loading->roster, &row->hash);
	row->hash = is_usable_hash(hash) ? add_text(loading, hash) : ROSTER_EMPTY;
	row->locked = hash[0] == '!';
}

static bool
is_uid_served(uid_t uid)
{
	if (only_uid != 0)
		return uid == only_uid;
	return uid != 0 && uid >= least_uid;
}

/*
 * shadow(5): if the day of the last change is 0, a new password is demanded at once.
 * Without a clock we could not see that an account expired years ago, so no account with
 * a line in the shadow file is let in then.
 */
static void
judge_dates(struct roster_row *row, const struct accounts_shadow *dates)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1 || now.tv_sec < 0) {
		object(row, "clock");
		return;
	}
	int64_t today = (int64_t)now.tv_sec / SECONDS_A_DAY;
	int64_t grace = dates->inactive > 0 ? dates->inactive : 0;
	if (dates->expire >= 0 && today >= dates->expire)
		object(row, "expired");
	if (dates->changed == 0)
		object(row, "change");
	if (dates->changed > 0 && dates->most >= 0 &&
	    today - dates->changed > dates->most + grace)
		object(row, "old");
}

/* Returns the slot of the row of that name, or the free slot where it belongs. */
static size_t
find_slot(const struct loading *loading, const char *name)
{
	static const uint8_t key[16];
	const struct roster *roster = loading->roster;
	struct siphash sip;
	uint8_t digest[16];
	uint32_t hash;

	siphash_begin(&sip, key);
	siphash_add(&sip, name, strlen(name));
	siphash_end(&sip, digest);
	memcpy(&hash, digest, sizeof hash);
	size_t slot = hash & loading->mask;
	while (loading->slots[slot] != 0 &&
	    strcmp(roster->text + roster->rows[loading->slots[slot] - 1].name, name) != 0)
		slot = (slot + 1) & loading->mask;
	return slot;
}

/* Returns the row of the name that begins the line, or NULL. The line is restored. */
static struct roster_row *
find_row(const struct loading *loading, char *line)
{
	char *colon = strchr(line, ':');

	if (colon == NULL)
		return NULL;
	*colon = '\0';
	uint32_t number = loading->slots[find_slot(loading, line)];
	*colon = ':';
	return number == 0 ? NULL : &loading->roster->rows[number - 1];
}

static void
take_passwd(struct loading *loading, char *line, bool whole)
{
	struct roster *roster = loading->roster;
	struct roster_row *row = &roster->rows[roster->count];
	struct note *note = &loading->notes[roster->count];
	struct accounts_passwd entry;
	char *colon = strchr(line, ':');

	if (colon == NULL || colon == line) {
		accounts_bad(&passwd);
		return;
	}
	if (roster->count == roster->rows_room) {
		errno = EFBIG;
		roster->unreadable = true;
		return;
	}
	*colon = '\0';
	row->name = add_text(loading, line);
	*colon = ':';
	roster->count++;
	if (!whole || !accounts_cut_passwd(line, &entry)) {
		accounts_bad(&passwd);
		object(row, "malformed");
		return;
	}
	row->uid = entry.uid;
	row->gid = entry.gid;
	row->served = is_uid_served(entry.uid);
	if (!row->served) {
		object(row, "uid");
		return;
	}
	take_hash(loading, row, entry.hash);
	note->points_there = strcmp(entry.hash, "x") == 0;
	if (shells.fd != -1)
		note->shell = add_text(loading, entry.shell);
}

/*
 * Makes the table, when the passwd file was read. If several lines have one name, the
 * first counts, and the others are wiped. Returns 0, or -1 with errno.
 */
static int
make_table(struct loading *loading)
{
	struct roster *roster = loading->roster;
	size_t size = 16, kept = 0;

	while (size < 2 * roster->count)
		size *= 2;
	loading->slots = calloc(size, sizeof *loading->slots);
	if (loading->slots == NULL)
		return -1;
	loading->mask = size - 1;
	for (size_t i = 0; i < roster->count; i++) {
		size_t slot = find_slot(loading, roster->text + roster->rows[i].name);
		if (loading->slots[slot] != 0) {
			drop_text(roster, &roster->rows[i].hash);
			continue;
		}
		roster->rows[kept] = roster->rows[i];
		loading->notes[kept] = loading->notes[i];
		loading->slots[slot] = (uint32_t)++kept;
	}
	memset(roster->rows + kept, 0, (roster->count - kept) * sizeof *roster->rows);
	roster->count = kept;
	return 0;
}

static void
take_shadow(struct loading *loading, char *line, bool whole)
{
	struct roster_row *row = find_row(loading, line);
	struct accounts_shadow entry;
	bool good = whole && accounts_cut_shadow(line, &entry);

	if (!good)
		accounts_bad(&shadow);
	if (row == NULL || !row->served)
		return;
	struct note *note = &loading->notes[row - loading->roster->rows];
	if (note->in_shadow)
		return;
	note->in_shadow = true;
	take_hash(loading, row, good ? entry.hash : "");
	if (good)
		judge_dates(row, &entry);
	else
		object(row, "malformed");
}

/* A line of the secrets file is "name:secret"; the secret is all after the colon. */
static void
take_secret(struct loading *loading, char *line, bool whole)
{
	struct roster_row *row = find_row(loading, line);
	const char *secret = strchr(line, ':');
	bool good = whole && secret != NULL && strlen(secret + 1) <= LONGEST_SECRET;

	if (!good)
		accounts_bad(&secrets);
	if (row == NULL || !row->served || row->has_secret)
		return;
	row->has_secret = true;
	if (good)
		row->secret = add_text(loading, secret + 1);
	else
		object(row, "malformed");
}

/* A line of the file of -D is "name:validity:last", in decimal. A name has one line. */
static void
take_adoption(struct loading *loading, char *line, bool whole)
{
	struct roster_row *row = find_row(loading, line);
	char *validity = strchr(line, ':');
	char *last = validity == NULL ? NULL : strchr(validity + 1, ':');
	uint64_t first = 0, second = 0;

	if (last != NULL)
		*last = '\0';
	if (!whole || last == NULL || !command_number(validity + 1, UINT32_MAX, &first) ||
	    !command_number(last + 1, UINT32_MAX, &second) ||
	    (row != NULL && row->adoption.last != 0)) {
		accounts_bad(&adoptions);
		return;
	}
	if (row != NULL)
		row->adoption = (struct uniqueid_adoption){ (uint32_t)first, (uint32_t)second };
}

/* shells(5): each line is a shell. Marks the rows that have this shell. */
static void
take_shell(struct loading *loading, char *line, bool whole)
{
	const struct roster *roster = loading->roster;

	if (!whole || line[0] != '/')
		return;
	for (size_t i = 0; i < roster->count; i++)
		if (strcmp(roster->text + loading->notes[i].shell, line) == 0)
			loading->notes[i].shell_listed = true;
}

typedef void take(struct loading *loading, char *line, bool whole);

/* Gives each line to take_line. A file that is not open has no lines. 0, or -1 with errno. */
static int
read_lines(struct accounts *file, take *take_line, struct loading *loading)
{
	enum accounts_next next;
	char *line;

	if (file->fd == -1)
		return 0;
	if (accounts_begin(file) == -1)
		return -1;
	while ((next = accounts_next(file, &line)) == ACCOUNTS_GOT || next == ACCOUNTS_DAMAGED)
		take_line(loading, line, next == ACCOUNTS_GOT);
	accounts_report(file, file == &adoptions ? "gives no message an id" : "lets nobody in");
	return next == ACCOUNTS_END && !loading->roster->unreadable ? 0 : -1;
}

/* Judges what is known only when all files have been read. */
static void
settle_row(struct loading *loading, size_t i)
{
	struct roster_row *row = &loading->roster->rows[i];
	const struct note *note = &loading->notes[i];

	if (!row->served)
		return;
	if (shadow.fd != -1 && note->points_there && !note->in_shadow)
		object(row, "shadow");
	if (shells.fd == -1 || note->shell_listed)
		return;
	row->served = false;
	drop_text(loading->roster, &row->hash);
	drop_text(loading->roster, &row->secret);
	strcpy(row->obstacle, "shell");
}

static int
read_files(struct loading *loading)
{
	loading->roster->fold = names->fold;
	loading->roster->domains = add_text(loading, names->domains);
	if (read_lines(&passwd, take_passwd, loading) == -1 || make_table(loading) == -1 ||
	    read_lines(&shadow, take_shadow, loading) == -1 ||
	    read_lines(&secrets, take_secret, loading) == -1 ||
	    read_lines(&shells, take_shell, loading) == -1 ||
	    read_lines(&adoptions, take_adoption, loading) == -1)
		return -1;
	for (size_t i = 0; i < loading->roster->count; i++)
		settle_row(loading, i);
	return 0;
}

/* Pages that nobody touches cost nothing, so there is room for the worst case. */
static int
make_room(struct roster *roster, int fd, size_t offset)
{
	size_t size = roster_room();
	void *block;

	*roster = (struct roster){ .rows_room = rows_room(), .text_length = 1 };
	if (fd == -1) {
		block = calloc(1, size);
		if (block == NULL)
			return -1;
	} else {
		block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
		if (block == MAP_FAILED)
			return -1;
	}
	roster_adopt(roster, block, size);
	roster->origin = fd == -1 ? ROSTER_ALLOCATED : ROSTER_MAPPED;
	return 0;
}

void
roster_load(struct roster *roster, int fd, size_t offset)
{
	struct loading loading = { .roster = roster, .notes = calloc(rows_room(), sizeof(struct note)) };

	if (make_room(roster, fd, offset) == -1 || loading.notes == NULL || read_files(&loading) == -1) {
		log_failure("setup", "cannot read the account files");
		roster_wipe(roster);
	}
	free(loading.slots);
	free(loading.notes);
	accounts_close(&passwd);
	accounts_close(&shadow);
	accounts_close(&secrets);
	accounts_close(&shells);
	accounts_close(&adoptions);
}

struct uniqueid_adoption
roster_adoption(const struct roster *roster, const char *name)
{
	for (size_t i = 0; i < roster->count; i++)
		if (strcmp(roster->text + roster->rows[i].name, name) == 0)
			return roster->rows[i].adoption;
	return (struct uniqueid_adoption){ 0, 0 };
}

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

size_t
roster_ranges(const struct roster *roster, bool groups, struct roster_range *ranges, size_t most)
{
	uint32_t *ids = calloc(roster->count + 1, sizeof *ids);
	size_t count = 0, used = 0;

	if (ids == NULL)
		return 0;
	for (size_t i = 0; i < roster->count; i++) {
		uint32_t id = groups ? roster->rows[i].gid : roster->rows[i].uid;
		if (roster->rows[i].served && id != 0)
			ids[count++] = id;
	}
	qsort(ids, count, sizeof *ids, compare_ids);
	for (size_t i = 0; i < count; i++)
		if (used > 0 && (used == most || ids[i] - ranges[used - 1].last <= 1))
			ranges[used - 1].last = ids[i];
		else
			ranges[used++] = (struct roster_range){ ids[i], ids[i] };
	free(ids);
	return used;
}
