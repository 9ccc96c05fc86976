/* roster: which accounts are in it and with what, wherever it lies, and the ranges of ids. */
#include "roster.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

enum { LEAST = 1000, ROUNDS = 2000, IDS = 40, ROOM = 8, OFFSET = 4096 };

static char passwd[32], shadow[32], secrets[32];
static int passwd_fd;
static const struct options options = {
	.passwd = passwd, .shadow = shadow, .secrets = secrets, .account = "service",
	.domains = "", .least_uid = LEAST,
};

static int
make_file(char *path, const char *text)
{
	int fd = memfd_create("accounts", MFD_CLOEXEC);

	if (fd == -1 || fchmod(fd, 0600) == -1 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	snprintf(path, sizeof passwd, "/proc/self/fd/%d", fd);
	return fd;
}

static void
make_files(const char *of_passwd, const char *of_shadow, const char *of_secrets)
{
	passwd_fd = make_file(passwd, of_passwd);
	make_file(shadow, of_shadow);
	make_file(secrets, of_secrets);
}

static void
open_files(const struct options *with)
{
	if (roster_open(with, 0) == -1)
		abort();
}

static const struct roster_row *
find(const struct roster *roster, const char *name)
{
	const struct roster_row *found = NULL;

	for (size_t i = 0; i < roster->count; i++) {
		if (strcmp(roster->text + roster->rows[i].name, name) != 0)
			continue;
		check(found == NULL, "%s has two rows", name);
		found = &roster->rows[i];
	}
	return found;
}

static void
expect(const struct roster *roster, const char *name, uint32_t uid, const char *hash,
	const char *secret, const char *obstacle)
{
	static const struct roster_row none;
	const struct roster_row *row = find(roster, name);

	check(row != NULL, "%s has no row", name);
	if (row == NULL)
		row = &none;
	check(row->uid == uid, "%s has user-ID %u", name, row->uid);
	check(strcmp(roster->text + row->hash, hash) == 0, "%s has the hash \"%s\"", name,
	    roster->text + row->hash);
	check(strcmp(roster->text + row->secret, secret) == 0, "%s has the secret \"%s\"", name,
	    roster->text + row->secret);
	check(strcmp(row->obstacle, obstacle) == 0, "%s has the obstacle \"%s\"", name,
	    row->obstacle);
}

static bool
holds(const void *block, size_t size, const char *text)
{
	return memmem(block, size, text, strlen(text)) != NULL;
}

/* Loads with descriptor 2 in a file, and returns what was logged. */
static const char *
load_logged(struct roster *roster, int fd)
{
	static char logged[1024];
	int error = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);

	if (error == -1 || file == -1 || dup2(file, STDERR_FILENO) == -1)
		abort();
	roster_load(roster, fd, fd == -1 ? 0 : OFFSET);
	ssize_t n = pread(file, logged, sizeof logged - 1, 0);
	logged[n < 0 ? 0 : n] = '\0';
	dup2(error, STDERR_FILENO);
	close(error);
	close(file);
	return logged;
}

/* An account that is not served has no hash and no secret, in its row or elsewhere. */
static void
test_unserved(void)
{
	struct options listed = options;
	struct roster roster;

	listed.listed_shell = true;
	make_files("root:$un$1:0:0::/:/no/shell\ndaemon:x:999:1::/:/no/shell\n"
	    "carol:$un$2:1000:1000::/:/no/shell\nshort:$un$3:1001\nalice:x:1002:1000::/:\n",
	    "daemon:$un$4:20000::::::\ncarol:$un$5:20000::::::\nstranger:$un$6:20000::::::\n",
	    "daemon:unserved\ncarol:unserved\nshort:unserved\nstranger:unserved\n");
	open_files(&listed);
	const char *logged = load_logged(&roster, -1);
	check(strstr(logged, "line 4 of ") != NULL, "logged \"%s\"", logged);
	expect(&roster, "root", 0, "", "", "uid");
	expect(&roster, "daemon", 999, "", "", "uid");
	expect(&roster, "carol", 1000, "", "", "shell");
	expect(&roster, "short", 0, "", "", "malformed");
	check(roster.count == 5 && find(&roster, "stranger") == NULL, "%zu rows", roster.count);
	for (size_t i = 0; i < roster.count; i++)
		check(!roster.rows[i].served, "row %zu is served", i);
	check(!holds(roster.block, roster.block_size, "$un$"), "a hash that is not served");
	check(!holds(roster.block, roster.block_size, "unserved"), "a secret that is not served");
	roster_wipe(&roster);
}

/* Of lines with the same name the first counts, and names find their lines in any order. */
static void
test_names(void)
{
	struct roster roster;

	make_files("alice:x:1000:1::/:\nbob:x:1001:1::/:\nalice:$other$:1009:1::/:\n"
	    "root:x:0:0::/:\nroot:$other$:1008:1::/:\ncarol:$own$:1002:1::/:\nzed:x:1003:1::/:\n",
	    "zed:$zed$:20000::::::\ncarol:$carol$:20000::::::\nbob:!$bob$:20000::::::\n"
	    "alice:$alice$:20000::::::\nalice:$other$:0::::::\nbob:$other$:0::::::\n",
	    "bob:of bob\nbob:of another\nalice:of alice\n");
	open_files(&options);
	roster_load(&roster, -1, 0);
	check(roster.count == 5, "%zu rows", roster.count);
	expect(&roster, "alice", 1000, "$alice$", "of alice", "");
	expect(&roster, "bob", 1001, "", "of bob", "");
	expect(&roster, "carol", 1002, "$carol$", "", "");
	expect(&roster, "zed", 1003, "$zed$", "", "");
	expect(&roster, "root", 0, "", "", "uid");
	check(!holds(roster.block, roster.block_size, "$other$") &&
	    !holds(roster.block, roster.block_size, "$own$"), "a hash that does not count");
	check(find(&roster, "bob")->locked && !find(&roster, "alice")->locked, "locked");
	roster_wipe(&roster);
}

static int
make_vault(size_t size)
{
	int fd = memfd_create("vault", MFD_CLOEXEC);

	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		abort();
	return fd;
}

static char *
map(int fd, size_t size)
{
	char *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (block == MAP_FAILED)
		abort();
	return block;
}

/* Another image finds in the file the roster that a process would load for itself. */
static void
test_adopted(void)
{
	struct roster own, there;

	make_files("alice:x:1000:1::/:\nroot:x:0:0::/:\nbob:$bob$:1001:7::/:\n",
	    "alice:$alice$:0::::::\n", "bob:of bob\n");
	open_files(&options);
	size_t room = roster_room(), size = OFFSET + room;
	int fd = make_vault(size);
	roster_load(&there, fd, OFFSET);
	roster_leave(&there);
	char *block = map(fd, size);
	roster_adopt(&there, block + OFFSET, room);
	expect(&there, "alice", 1000, "$alice$", "", "change");
	expect(&there, "bob", 1001, "$bob$", "of bob", "");
	open_files(&options);
	roster_load(&own, -1, 0);
	check(there.count == own.count && there.text_length == own.text_length &&
	    memcmp(there.rows, own.rows, own.count * sizeof *own.rows) == 0 &&
	    memcmp(there.text, own.text, own.text_length) == 0, "the file holds another roster");
	for (size_t i = 0; i < OFFSET; i++)
		check(block[i] == 0, "octet %zu before the roster is written", i);
	roster_wipe(&own);
	roster_wipe(&there);
	check(!holds(block, size, "$alice$") && !holds(block, size, "of bob") && there.unreadable,
	    "the file is not wiped");
	munmap(block, size);
	close(fd);
}

/* A passwd file that grows after it was opened, by so many lines with names so long. */
static void
try_growth(unsigned lines, int width, bool in_file)
{
	struct roster roster;

	make_files("alice:$alice$:1000:1::/:\n", "", "");
	open_files(&options);
	size_t size = OFFSET + roster_room();
	int fd = make_vault(size);
	for (unsigned i = 0; i < lines; i++)
		if (dprintf(passwd_fd, "%0*u:$alice$:1000:1::/:\n", width, i) < 0)
			abort();
	const char *logged = load_logged(&roster, in_file ? fd : -1);
	check(roster.unreadable && roster.count == 0 && roster.rows == NULL,
	    "%u lines more: %zu rows", lines, roster.count);
	check(strstr(logged, "cannot read the account files") != NULL &&
	    strstr(logged, "too large") != NULL, "%u lines more: logged \"%s\"", lines, logged);
	char *block = map(fd, size);
	check(!holds(block, size, "$alice$"), "%u lines more: a hash is left", lines);
	munmap(block, size);
	close(fd);
}

/* The ranges of random ids, against the ids themselves. */
static void
test_ranges(void)
{
	static struct roster_row rows[IDS];
	struct roster_range ranges[ROOM + 1];

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct roster roster = { .rows = rows, .count = random_below(IDS + 1) };
		size_t most = 1 + random_below(ROOM);
		uint32_t bound = 2 + random_below(200);
		for (size_t i = 0; i < roster.count; i++)
			rows[i] = (struct roster_row){ .served = random_below(2) == 0,
			    .gid = random_below(bound), .uid = UINT32_MAX };
		memset(ranges, 0xff, sizeof ranges);
		size_t count = roster_ranges(&roster, true, ranges, most);
		check(count <= most && ranges[most].first == UINT32_MAX, "%zu ranges of %zu", count,
		    most);
		for (uint32_t id = 0; id < bound; id++) {
			size_t in = count, served = 0;
			for (size_t i = 0; i < roster.count; i++)
				served += rows[i].served && rows[i].gid == id;
			for (size_t i = 0; i < count; i++)
				if (id >= ranges[i].first && id <= ranges[i].last)
					in = i;
			check(id == 0 ? in == count : served == 0 || in < count,
			    "group %u is in range %zu of %zu", id, in, count);
			check(served > 0 || in == count || in == most - 1,
			    "group %u, which nobody has, is in range %zu of %zu", id, in, most);
		}
		for (size_t i = 1; i < count; i++)
			check(ranges[i].first > ranges[i - 1].last + 1, "range %zu", i);
	}
}

static void
test_last_range(void)
{
	static struct roster_row rows[] = {
		{ .served = true, .gid = UINT32_MAX - 1, .uid = 7 }, { .served = true, .gid = 9 },
		{ .served = true, .gid = 5 }, { .gid = 8 }, { .served = true, .gid = 20 },
		{ .served = true, .gid = 6 }, { .served = true, .gid = 0 },
	};
	const struct roster roster = { .rows = rows, .count = sizeof rows / sizeof rows[0] };
	struct roster_range ranges[4];

	check(roster_ranges(&roster, true, ranges, 2) == 2 && ranges[0].first == 5 &&
	    ranges[0].last == 6 && ranges[1].first == 9 && ranges[1].last == UINT32_MAX - 1,
	    "two ranges of four");
	check(roster_ranges(&roster, true, ranges, 4) == 4 && ranges[1].last == 9 &&
	    ranges[2].last == 20 && ranges[3].first == UINT32_MAX - 1, "four ranges of four");
	check(roster_ranges(&roster, false, ranges, 4) == 1 && ranges[0].first == 7 &&
	    ranges[0].last == 7, "user-IDs");
}

int
main(void)
{
	log_open(true);
	test_unserved();
	test_names();
	test_adopted();
	for (int in_file = 0; in_file < 2; in_file++) {
		/* Too many rows, then too many octets. */
		try_growth(2000, 1, in_file);
		try_growth(5, 2000, in_file);
	}
	test_ranges();
	test_last_range();
	return verdict();
}
