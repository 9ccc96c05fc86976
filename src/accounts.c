/* Account files by line. SECURITY: hashes and secrets pass through this buffer. */
#include "accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "log.h"

enum { PASSWD_FIELDS = 7, SHADOW_FIELDS = 9 };

static char buffer[ACCOUNTS_LINE + 1];

int
accounts_open(struct accounts *file, const char *path)
{
	struct stat status;

	*file = (struct accounts){ .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
	    .path = path };
	if (file->fd == -1)
		return -1;
	if (fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode)) {
		file->size = (size_t)status.st_size;
		return 0;
	}
	accounts_close(file);
	errno = EINVAL;
	return -1;
}

void
accounts_close(struct accounts *file)
{
	if (file->fd != -1)
		close(file->fd);
	file->fd = -1;
	file->size = 0;
	explicit_bzero(buffer, sizeof buffer);
}

int
accounts_begin(struct accounts *file)
{
	file->start = file->end = file->number = file->bad = 0;
	file->ended = file->in_long_line = false;
	return lseek(file->fd, 0, SEEK_SET) == -1 ? -1 : 0;
}

static int
fill(struct accounts *file)
{
	ssize_t n;

	memmove(buffer, buffer + file->start, file->end - file->start);
	file->end -= file->start;
	file->start = 0;
	do
		n = read(file->fd, buffer + file->end, ACCOUNTS_LINE - file->end);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	file->ended = n == 0;
	file->end += (size_t)n;
	return 0;
}

/* Whether the line is blank, a comment or for NIS: neither an entry nor a mistake. */
static bool
is_nothing(const char *line, size_t length)
{
	if (line[0] == '#' || line[0] == '+' || line[0] == '-')
		return true;
	return strspn(line, " \t\r") == length;
}

static enum accounts_next
finish(enum accounts_next result)
{
	explicit_bzero(buffer, sizeof buffer);
	return result;
}

enum accounts_next
accounts_next(struct accounts *file, char **line)
{
	for (;;) {
		char *text = buffer + file->start;
		size_t length = file->end - file->start;
		char *lf = memchr(text, '\n', length);
		bool full = lf == NULL && length == ACCOUNTS_LINE;
		if (lf == NULL && !full && !file->ended) {
			if (fill(file) == -1)
				return finish(ACCOUNTS_FAILED);
			continue;
		}
		if (lf == NULL && length == 0)
			return finish(ACCOUNTS_END);
		if (lf != NULL)
			length = (size_t)(lf - text);
		file->start += length + (lf != NULL);
		bool starts = !file->in_long_line;
		file->in_long_line = full;
		if (!starts)
			continue;
		file->number++;
		bool damaged = full || memchr(text, '\0', length) != NULL ||
		    (length > 0 && text[length - 1] == '\r');
		text[length] = '\0';
		if (is_nothing(text, length))
			continue;
		*line = text;
		return damaged ? ACCOUNTS_DAMAGED : ACCOUNTS_GOT;
	}
}

void
accounts_bad(struct accounts *file)
{
	if (file->bad == 0)
		file->bad = file->number;
}

void
accounts_report(const struct accounts *file, const char *what)
{
	if (file->bad != 0)
		log_record(LOG_WARNING, "accounts", "line %zu of %s is malformed, and %s",
		    file->bad, file->path, what);
}

bool
accounts_names(const char *line, const char *name)
{
	size_t length = strlen(name);

	return strncmp(line, name, length) == 0 && line[length] == ':';
}

/* Cuts the line into fields. Returns true if it has exactly "count" fields. */
static bool
cut(char *line, char *fields[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strcspn(line, ":");
		if ((line[length] == '\0') != (i == count - 1))
			return false;
		fields[i] = line;
		line[length] = '\0';
		line += length + 1;
	}
	return true;
}

bool
accounts_cut_passwd(char *line, struct accounts_passwd *entry)
{
	char *field[PASSWD_FIELDS];
	uint64_t uid, gid;

	/* The largest number is not an id: to the kernel it means "do not change the id". */
	if (!cut(line, field, PASSWD_FIELDS) || !command_number(field[2], UINT32_MAX - 1, &uid) ||
	    !command_number(field[3], UINT32_MAX - 1, &gid))
		return false;
	*entry = (struct accounts_passwd){ .name = field[0], .hash = field[1],
	    .shell = field[PASSWD_FIELDS - 1], .uid = (uid_t)uid, .gid = (gid_t)gid };
	return true;
}

/* Empty and -1 both mean "not set": chage(1) takes -1, and some programs write it. */
static bool
read_days(const char *field, int64_t *days)
{
	uint64_t number;

	*days = -1;
	if (field[0] == '\0' || strcmp(field, "-1") == 0)
		return true;
	if (!command_number(field, INT32_MAX, &number))
		return false;
	*days = (int64_t)number;
	return true;
}

bool
accounts_cut_shadow(char *line, struct accounts_shadow *entry)
{
	char *field[SHADOW_FIELDS];

	if (!cut(line, field, SHADOW_FIELDS))
		return false;
	entry->name = field[0];
	entry->hash = field[1];
	return read_days(field[2], &entry->changed) && read_days(field[3], &entry->least) &&
	    read_days(field[4], &entry->most) && read_days(field[5], &entry->warn) &&
	    read_days(field[6], &entry->inactive) && read_days(field[7], &entry->expire);
}
