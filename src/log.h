/*
 * log: one record an event, to syslog's facility mail or to descriptor 2.
 * A record reads "EVENT, ip=[ADDRESS], user=NAME, TEXT": what a stranger chose
 * comes after what he cannot choose. Octets outside printable ASCII become
 * "?", and a name keeps letters, digits and "._@+-" only.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * Where records go. A later image of this program in the same process goes on with it.
 */
struct log_end {
	int fd;			/* -1: nowhere, since there is no /dev/log */
	bool syslog;		/* else a line each on descriptor 2 */
	bool stream;		/* syslog's socket is one: a NUL ends a record */
};

/*
 * Connects to syslog's socket now, while that can still be done: not by syslog(3), whose
 * descriptor nobody can hand on. Records have no date there, which the daemon adds.
 */
void log_open(bool to_stderr);

/* Where log_open has connected to, and to go on with that. */
struct log_end log_where(void);
void log_resume(const struct log_end *there);

/* The peer's address and the user in later records. NULL: not shown. */
void log_peer(const char *address);
void log_user(const char *name);

/* Writes one record; priority is syslog's. Keeps errno. */
void log_record(int priority, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with a colon and errno's text at the end, as an error. Keeps errno. */
void log_failure(const char *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Our own contract is broken: says where, and ends the process (abort). */
_Noreturn void log_bug(const char *what);

#endif
