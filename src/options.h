/* options: reads argv into struct options. All defaults are set here. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "network.h"

#define OPTIONS_VERSION "0.1"

struct options {
	const char *spool;		/* directory of mailboxes, one a user */
	const char *state;		/* directory of state files, one a user */
	const char *passwd;		/* passwd(5) */
	const char *shadow;		/* shadow(5) */
	const char *secrets;		/* APOP secrets, or NULL: no APOP */
	const char *dovecot;		/* which of Dovecot's unique-ids go on, or NULL */
	const char *account;		/* service account, looked up in /etc/passwd */
	const char *hostname;		/* for the APOP timestamp; NULL: gethostname */
	const char *domains;		/* that clients may send after names, with commas between */
	uid_t least_uid;		/* accounts below it are refused */
	unsigned idle_seconds;		/* for a line to come, or a buffer to go, after login */
	unsigned login_seconds;		/* until login, in all */
	unsigned lock_seconds;		/* patience with other programs' locks */
	bool log_to_stderr;		/* instead of syslog */
	bool no_dotlock;		/* kernel locks only */
	bool popa3d_ids;		/* the unique-ids that popa3d makes */
	bool audit;			/* a log line for each message that is removed */
	bool no_cache;			/* no saved index */
	const char *check;		/* show this mailbox instead of a session */
	bool recover;			/* finish pending journals instead of a session */
	bool fold;			/* a name in capitals may mean one in small letters */
	bool listed_shell;		/* only accounts with a shell of shells(5) */
	bool strict;			/* a kernel that cannot confine is an error */
	bool delayed_tls;		/* STLS by descriptor 5, as tlswrapper does it */
	bool proxy;			/* a PROXY header comes first */
	bool tls;			/* a front has turned TLS on */
	struct networks plaintext;	/* where passwords may come from in the clear */
};

/*
 * Fills *options from argv, where its texts stay. Does not return, but exits with 0 after
 * printing the version (-V, --version) or each option (--help). On a mistake prints it
 * and the usage to descriptor 2, logs it to syslog, and exits with 64.
 */
void options_parse(struct options *options, int argc, char **argv);

#endif
