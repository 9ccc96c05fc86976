/*
 * Any account files, name and password. The input is the name, the password,
 * passwd, shadow and secrets, each but the last ended by a line "%%".
 */
#include "credentials.h"

#include <crypt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME, PASSWORD, PASSWD, SHADOW, SECRETS, PARTS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned crypts;

/* libcrypt's may take minutes, so this stands in for it: one password has any hash. */
char *
crypt_r(const char *key, const char *setting, struct crypt_data *data)
{
	if (setting[0] == '\0' || strlen(setting) >= sizeof data->output)
		abort();
	crypts++;
	strcpy(data->output, strcmp(key, "sesame") == 0 ? setting : "*0");
	return data->output;
}

struct part {
	const uint8_t *octets;
	size_t length;
};

static void
cut(const uint8_t *data, size_t size, struct part parts[PARTS])
{
	static const char mark[] = "\n%%\n";

	for (int i = 0; i < PARTS; i++) {
		const uint8_t *end = size == 0 ? NULL : memmem(data, size, mark, strlen(mark));
		size_t n = end == NULL ? size : (size_t)(end - data);
		parts[i] = (struct part){ data, n };
		data += n;
		size -= n;
		if (end != NULL) {
			data += strlen(mark);
			size -= strlen(mark);
		}
	}
}

static int
make_file(const struct part *part, char *path, size_t room)
{
	int fd = memfd_create("part", MFD_CLOEXEC);

	if (fd == -1 || fchmod(fd, 0600) == -1 ||
	    write(fd, part->octets, part->length) != (ssize_t)part->length)
		abort();
	snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

static char *
copy(const struct part *part)
{
	char *text = malloc(part->length + 1);

	if (part->length > 0)
		memcpy(text, part->octets, part->length);
	text[part->length] = '\0';
	return text;
}

static void
check_verdict(enum credentials_verdict verdict, const struct account *account, const char *name,
	uid_t only)
{
	if (strnlen(account->name, sizeof account->name) == sizeof account->name)
		abort();
	/* The name is as it was sent, except for a domain and for capitals. */
	size_t length = strlen(account->name);
	if (length > 0 && (strncasecmp(account->name, name, length) != 0 ||
	    (name[length] != '\0' && name[length] != '@')))
		abort();
	if (verdict != CREDENTIALS_GOOD)
		return;
	if (account->name[0] == '\0' || strpbrk(name, "/:") != NULL || name[0] == '.')
		abort();
	if (only == 0 ? account->uid < 1000 : account->uid != only)
		abort();
}

/* No account that is not served has a hash or a secret, and no name has two rows. */
static void
check_rows(const struct roster *roster, uid_t only)
{
	struct roster_range ranges[4];

	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_row *row = &roster->rows[i];
		if (row->served ? row->uid == 0 || (only != 0 && row->uid != only) :
		    row->hash != ROSTER_EMPTY || row->secret != ROSTER_EMPTY)
			abort();
		for (size_t j = 0; j < i; j++)
			if (strcmp(roster->text + row->name, roster->text + roster->rows[j].name) == 0)
				abort();
	}
	size_t count = roster_ranges(roster, true, ranges, 4);
	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_row *row = &roster->rows[i];
		bool found = !row->served || row->gid == 0;
		for (size_t j = 0; j < count; j++)
			found |= row->gid >= ranges[j].first && row->gid <= ranges[j].last;
		if (!found)
			abort();
	}
}

static void
try(const struct roster *roster, const struct part parts[PARTS], uid_t only)
{
	char *name = copy(&parts[NAME]), *password = copy(&parts[PASSWORD]);
	struct account account;

	crypts = 0;
	enum credentials_verdict verdict = credentials_password(roster, name, password,
	    parts[PASSWORD].length, &account);
	check_verdict(verdict, &account, name, only);
	/* Each login costs one call of crypt(3), and needs the password. */
	if (verdict != CREDENTIALS_UNAVAILABLE && crypts != 1)
		abort();
	if (verdict == CREDENTIALS_GOOD && strcmp(password, "sesame") != 0)
		abort();
	verdict = credentials_digest(roster, name, "<1@x>", password, &account);
	check_verdict(verdict, &account, name, only);
	(void)credentials_find(roster, name, &account);
	free(name);
	free(password);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part parts[PARTS];
	char paths[PARTS][32];
	int fds[PARTS];

	cut(data, size, parts);
	for (int i = PASSWD; i < PARTS; i++)
		fds[i] = make_file(&parts[i], paths[i], sizeof paths[i]);
	struct options options = {
		.passwd = paths[PASSWD], .shadow = paths[SHADOW], .secrets = paths[SECRETS],
		.account = "service", .domains = "example.org,b", .fold = size % 8 > 3,
		.least_uid = 1000,
	};
	uid_t only = size % 4 == 3 ? 1000 : 0;
	/* Without an account of this uid an ordinary user is not served at all. */
	struct roster roster;
	bool opened = roster_open(&options, only) == 0;
	if (!opened && only == 0)
		abort();
	/* After a failure, too: this closes what was opened. */
	roster_load(&roster, -1, 0);
	check_rows(&roster, only);
	if (opened)
		try(&roster, parts, only);
	roster_wipe(&roster);
	for (int i = PASSWD; i < PARTS; i++)
		close(fds[i]);
	return 0;
}
