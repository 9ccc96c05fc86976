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

/* Connects to syslog now, while that can still be done. */
void log_open(bool to_stderr);

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
