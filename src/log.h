/*
 * log: one log line for each event, to syslog's facility mail or to descriptor 2. It
 * reads "EVENT, ip=[ADDRESS], user=NAME, TEXT": what a stranger can choose comes after
 * what he cannot choose, so he cannot forge that. Octets outside printable ASCII become
 * "?"; in a name, all octets but letters, digits and "._@+-" do.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * Where log lines go. A later image of this program in the same process takes it over.
 */
struct log_end {
	int fd;			/* -1: nowhere, since /dev/log cannot be reached */
	bool syslog;		/* false: to descriptor 2 */
	bool stream;		/* syslog's socket is a stream: a NUL ends a log line */
};

/*
 * Connects to syslog's socket, unless "to_stderr", while the process may still do so. We
 * do not use syslog(3), because its descriptor could not be handed to the next image. The
 * daemon adds the date. If it cannot be reached, log lines are lost.
 */
void log_open(bool to_stderr);

/* log_where returns where log lines go; log_resume makes the next image log there. */
struct log_end log_where(void);
void log_resume(const struct log_end *there);

/* Sets the peer's address and the user in later log lines. NULL: not shown. */
void log_peer(const char *address);
void log_user(const char *name);

/* Writes one log line; priority is syslog's. Keeps errno. */
void log_record(int priority, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Writes one log line of priority LOG_ERR, with errno's text at the end. Keeps errno. */
void log_failure(const char *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For a contract of ours that is broken: logs "what", and ends the process by abort(3). */
_Noreturn void log_bug(const char *what);

#endif
