/* Records. syslog(3) is called here only. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD = 1024, FIELD = 64 };

static bool to_descriptor;
static char peer_field[FIELD];
static char user_field[FIELD];

void
log_open(bool to_stderr)
{
	to_descriptor = to_stderr;
	/* The zone is read while files can still be opened. */
	tzset();
	if (!to_stderr)
		openlog("stdpop3d", LOG_PID | LOG_NDELAY, LOG_MAIL);
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
	if (to_descriptor) {
		/* Not dprintf(3), which writes nothing where it cannot seek as it likes. */
		int length = snprintf(line, sizeof line, "stdpop3d[%ld]: %s\n", (long)getpid(), record);
		(void)!write(STDERR_FILENO, line, (size_t)length);
	} else
		syslog(priority, "%s", record);
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
