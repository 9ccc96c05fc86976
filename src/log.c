/* Log lines. Only this file knows syslog's socket. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RECORD = 1024, FIELD = 64 };

static struct log_end end = { .fd = -1 };
static char peer_field[FIELD];
static char user_field[FIELD];

static int
connect_to_syslog(int type)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int saved = errno;
	if (fd != -1)
		close(fd);
	errno = saved;
	return -1;
}

void
log_open(bool to_stderr)
{
	end = (struct log_end){ .fd = STDERR_FILENO, .syslog = !to_stderr };
	if (to_stderr)
		return;
	end.fd = connect_to_syslog(SOCK_DGRAM);
	if (end.fd == -1 && errno == EPROTOTYPE) {
		end.fd = connect_to_syslog(SOCK_STREAM);
		end.stream = true;
	}
}

struct log_end
log_where(void)
{
	return end;
}

void
log_resume(const struct log_end *there)
{
	end = *there;
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_name_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || is_one_of(c, "._@+-");
}

void
log_peer(const char *address)
{
	if (address == NULL)
		peer_field[0] = '\0';
	else
		snprintf(peer_field, sizeof peer_field, ", ip=[%s]", address);
}

void
log_user(const char *name)
{
	if (name == NULL) {
		user_field[0] = '\0';
		return;
	}
	int prefix = snprintf(user_field, sizeof user_field, ", user=%s", name);
	for (char *p = user_field + strlen(", user="); prefix > 0 && *p != '\0'; p++)
		if (!is_name_octet(*p))
			*p = '?';
}

static void
emit(int priority, char *record)
{
	char line[RECORD + 32];

	for (char *p = record; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	if (!end.syslog) {
		/* Not by dprintf(3), which may seek, and writes nothing if the filter refuses. */
		int length = snprintf(line, sizeof line, "stdpop3d[%ld]: %s\n", (long)getpid(), record);
		(void)!write(STDERR_FILENO, line, (size_t)length);
	} else if (end.fd != -1) {
		int length = snprintf(line, sizeof line, "<%d>stdpop3d[%ld]: %s", LOG_MAIL | priority,
		    (long)getpid(), record);
		(void)!send(end.fd, line, (size_t)length + end.stream, MSG_NOSIGNAL);
	}
}

static void
write_record(int priority, const char *event, const char *failure,
	const char *format, va_list arguments)
{
	int saved = errno;
	char text[RECORD / 2], record[RECORD];

	vsnprintf(text, sizeof text, format, arguments);
	snprintf(record, sizeof record, "%s%s%s%s%s%s%s", event, peer_field, user_field,
	    text[0] == '\0' ? "" : ", ", text,
	    failure == NULL ? "" : ": ", failure == NULL ? "" : failure);
	emit(priority, record);
	errno = saved;
}

void
log_record(int priority, const char *event, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_record(priority, event, NULL, format, arguments);
	va_end(arguments);
}

void
log_failure(const char *event, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_record(LOG_ERR, event, strerror(errno), format, arguments);
	va_end(arguments);
}

void
log_bug(const char *what)
{
	log_record(LOG_CRIT, "bug", "%s", what);
	abort();
}
