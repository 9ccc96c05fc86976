/*
 * accounts: from well-formed files our reader gives the entries that the C library gives,
 * and in files of any octets it reads each line once, under its own number.
 */
#include "accounts.h"

#include <pwd.h>
#include <shadow.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

enum { ROUNDS = 200, LINES = 60 };

static char path[32];
static int fd;

/* A file of its own for each round. */
static void
make_file(const char *text, size_t length)
{
	if (fd > 0)
		close(fd);
	fd = memfd_create("accounts", MFD_CLOEXEC);
	if (fd == -1 || write(fd, text, length) != (ssize_t)length)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
}

static void
add_word(char **to, uint32_t most)
{
	static const char octets[] = "abcdefghijklmnopqrstuvwxyz0123456789$./_ \xe4,-";

	for (uint32_t n = random_below(most + 1); n > 0; n--)
		*(*to)++ = octets[random_below(sizeof octets - 1)];
}

/* An account's name begins with a letter. */
static void
add_name(char **to)
{
	*(*to)++ = (char)('a' + random_below(26));
	add_word(to, 30);
	*(*to)++ = ':';
}

static size_t
make_passwd(char *text)
{
	char *p = text;

	for (int i = 0; i < LINES; i++) {
		add_name(&p);
		add_word(&p, 100);
		p += sprintf(p, ":%u:%u:", random_below(100000), random_below(UINT32_MAX));
		add_word(&p, random_below(10) == 0 ? 2000 : 40);
		*p++ = ':';
		add_word(&p, 40);
		*p++ = ':';
		add_word(&p, 40);
		*p++ = '\n';
		if (random_below(10) == 0)
			p += sprintf(p, random_below(2) == 0 ? "\n" : "# alice:x:1:1:::\n");
	}
	/* The last line may lack its end. */
	return (size_t)(p - text) - random_below(2);
}

static void
try_passwd(void)
{
	static char text[LINES * 4096];
	struct accounts file;
	struct accounts_passwd ours;
	struct passwd *theirs;
	enum accounts_next next;
	char *line;

	make_file(text, make_passwd(text));
	FILE *stream = fopen(path, "r");
	if (stream == NULL || accounts_open(&file, path) == -1 || accounts_begin(&file) == -1)
		abort();
	while ((next = accounts_next(&file, &line)) == ACCOUNTS_GOT) {
		theirs = fgetpwent(stream);
		if (theirs == NULL || !accounts_cut_passwd(line, &ours)) {
			check(false, "passwd: line %zu", file.number);
			break;
		}
		check(strcmp(ours.name, theirs->pw_name) == 0 &&
		    strcmp(ours.hash, theirs->pw_passwd) == 0 && ours.uid == theirs->pw_uid &&
		    ours.gid == theirs->pw_gid && strcmp(ours.shell, theirs->pw_shell) == 0,
		    "passwd: line %zu is %s", file.number, theirs->pw_name);
	}
	check(next == ACCOUNTS_END && fgetpwent(stream) == NULL, "passwd: the end");
	accounts_close(&file);
	fclose(stream);
}

static size_t
make_shadow(char *text)
{
	char *p = text;

	for (int i = 0; i < LINES; i++) {
		add_name(&p);
		add_word(&p, 150);
		for (int field = 2; field < 8; field++) {
			*p++ = ':';
			if (random_below(3) > 0)
				p += sprintf(p, "%u", random_below(random_below(2) == 0 ? 3 : 99999));
		}
		p += sprintf(p, ":\n");
	}
	return (size_t)(p - text) - random_below(2);
}

static void
try_shadow(void)
{
	static char text[LINES * 4096];
	struct accounts file;
	struct accounts_shadow ours;
	struct spwd *theirs;
	enum accounts_next next;
	char *line;

	make_file(text, make_shadow(text));
	FILE *stream = fopen(path, "r");
	if (stream == NULL || accounts_open(&file, path) == -1 || accounts_begin(&file) == -1)
		abort();
	while ((next = accounts_next(&file, &line)) == ACCOUNTS_GOT) {
		theirs = fgetspent(stream);
		if (theirs == NULL || !accounts_cut_shadow(line, &ours)) {
			check(false, "shadow: line %zu", file.number);
			break;
		}
		check(strcmp(ours.name, theirs->sp_namp) == 0 &&
		    strcmp(ours.hash, theirs->sp_pwdp) == 0 && ours.changed == theirs->sp_lstchg &&
		    ours.least == theirs->sp_min && ours.most == theirs->sp_max &&
		    ours.warn == theirs->sp_warn && ours.inactive == theirs->sp_inact &&
		    ours.expire == theirs->sp_expire,
		    "shadow: line %zu is %s", file.number, theirs->sp_namp);
	}
	check(next == ACCOUNTS_END && fgetspent(stream) == NULL, "shadow: the end");
	accounts_close(&file);
	fclose(stream);
}

/* Lines of any length come under their numbers, and whole unless they are too long. */
static void
try_lengths(void)
{
	static char text[8 * (ACCOUNTS_LINE + 2)];
	size_t lengths[8], length = 0, count;
	struct accounts file;
	enum accounts_next next;
	char *line;

	for (count = 0; count < 8; count++) {
		uint32_t n = random_below(3) == 0 ? ACCOUNTS_LINE - 3 + random_below(6) :
		    1 + random_below(ACCOUNTS_LINE);
		memset(text + length, 'a' + (int)count, n);
		length += n;
		text[length++] = '\n';
		lengths[count] = n;
	}
	make_file(text, length);
	if (accounts_open(&file, path) == -1 || accounts_begin(&file) == -1)
		abort();
	for (size_t i = 0; i < count; i++) {
		next = accounts_next(&file, &line);
		bool whole = lengths[i] < ACCOUNTS_LINE;
		check(file.number == i + 1 && line[0] == (char)('a' + i) &&
		    next == (whole ? ACCOUNTS_GOT : ACCOUNTS_DAMAGED) &&
		    strlen(line) == (whole ? lengths[i] : ACCOUNTS_LINE),
		    "line %zu of %zu octets: %d, %zu", i + 1, lengths[i], (int)next, strlen(line));
	}
	check(accounts_next(&file, &line) == ACCOUNTS_END, "the end after long lines");
	accounts_close(&file);
}

/* Malformed lines, which must be refused. */
static void
try_bad(void)
{
	static const char *const passwd[] = {
		"alice", "alice:", "alice:x:1:1::/", "alice:x:1:1::/:/bin/sh:", "alice:x::1::/:/",
		"alice:x:1:::/:/", "alice:x:-1:1::/:/", "alice:x:4294967295:1::/:/",
		"alice:x:4294967296:1::/:/", "alice:x:1 :1::/:/", "alice:x:0x1:1::/:/",
	};
	static const char *const shadow[] = {
		"alice", "alice:", "alice:x", "alice:x:1:0:9:7::", "alice:x:1:0:9:7::::",
		"alice:x:a:0:9:7:::", "alice:x:1:0:9:7:::0:", "alice:x:-2:0:9:7:::",
		"alice:x:1:0:99999999999999999999:7:::",
	};
	char line[128];
	struct accounts_passwd one;
	struct accounts_shadow two;

	for (size_t i = 0; i < sizeof passwd / sizeof passwd[0]; i++) {
		strcpy(line, passwd[i]);
		check(!accounts_cut_passwd(line, &one), "passwd takes %s", passwd[i]);
	}
	for (size_t i = 0; i < sizeof shadow / sizeof shadow[0]; i++) {
		strcpy(line, shadow[i]);
		check(!accounts_cut_shadow(line, &two), "shadow takes %s", shadow[i]);
	}
	strcpy(line, "alice:x:-1:-1:-1:-1:-1:-1:");
	check(accounts_cut_shadow(line, &two) && two.changed == -1 && two.expire == -1, "-1");
}

int
main(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		try_passwd();
		try_shadow();
		try_lengths();
	}
	try_bad();
	return verdict();
}
