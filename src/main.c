/*
 * stdpop3d: one POP3 session on descriptors 0 and 1. This file is the order of
 * start-up: descriptors, options, log, what must be opened, and only then an account
 * without power and the first octet from outside; and the way in of the login program,
 * which is this program, too.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authorization.h"
#include "doors.h"
#include "handover.h"
#include "log.h"
#include "maintenance.h"
#include "network.h"
#include "options.h"
#include "peer.h"
#include "proxy.h"
#include "roster.h"
#include "sandbox.h"
#include "session.h"
#include "tls.h"
#include "wire.h"

enum { CONFIGURATION_EXIT = 78 };

static struct session session;
static struct orders orders;

/*
 * Descriptors 0 to 2 exist, and 2 is not the client: inetd makes it the socket,
 * where a message of libc's would be taken for an answer of ours.
 */
static void
guard_descriptors(void)
{
	struct stat client, error;
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd == -1)
		_exit(CONFIGURATION_EXIT);
	if (fstat(STDOUT_FILENO, &client) == -1 || fstat(STDERR_FILENO, &error) == -1 ||
	    (client.st_dev == error.st_dev && client.st_ino == error.st_ino &&
	    S_ISSOCK(error.st_mode)))
		dup2(fd, STDERR_FILENO);
	close(fd);
}

/* Opens all that is needed, while that can be done, and steps down. */
static int
prepare(void)
{
	const struct options *options = &orders.options;
	const char *why = NULL;
	int found = 0;

	if (roster_open(options, geteuid()) == -1 || doors_open(&orders.doors, options) == -1 ||
	    sandbox_find(options->account, &orders.ids) == -1 ||
	    doors_check(&orders.doors, options, orders.ids.uid) == -1)
		return -1;
	if (geteuid() == 0)
		found = handover_prepare(&orders, &why);
	if (found == -1)
		return -1;
	session.reads = found == 1;
	if (session.reads)
		return sandbox_confine_reader(&orders.ids, orders.doors.spool, orders.doors.state,
		    HANDOVER_PROGRAM);
	if (why != NULL)
		log_record(LOG_NOTICE, "sandbox", "no login program, %s", why);
	if (sandbox_start(&orders.ids, orders.doors.names) == -1)
		return -1;
	return sandbox_confine(orders.doors.spool, orders.doors.state, options->strict);
}

/* After the greeting, while the client's answer is on its way. */
static int
learn_accounts(void)
{
	if (session.reads)
		return handover_close_vault(&orders);
	roster_load(&session.roster, -1, 0);
	return sandbox_narrow(&session.roster);
}

static int
not_set_up(void)
{
	wire_err("SYS/PERM", "the server is not set up: its log says why");
	wire_close();
	return CONFIGURATION_EXIT;
}

static void
set_session(struct tls tls)
{
	session.options = &orders.options;
	session.ids = &orders.ids;
	session.doors = orders.doors;
	session.tls = tls;
	session.address = orders.peer.address;
	/* A file size limit shall be an error, not the end of the process. */
	signal(SIGXFSZ, SIG_IGN);
}

/* The login program: a try to log in, after which the session goes on. */
static int
resume(void)
{
	static struct attempt attempt;
	struct tls tls;

	/* SECURITY: arguments and environment are the reader's choice: not a word is read. */
	session.vault = handover_receive(&attempt);
	if (session.vault == NULL)
		return CONFIGURATION_EXIT;
	orders = *session.vault;
	orders.options.spool = orders.spool;
	tls = orders.tls;
	if (attempt.tls_on)
		tls.control = -1;
	if (orders.options.proxy && !peer_set(&orders.peer, attempt.address))
		strcpy(orders.peer.address, "unknown");
	log_peer(orders.peer.address);
	set_session(tls);
	session.tls_on = attempt.tls_on;
	session.plaintext = attempt.plaintext;
	session.told_plaintext = attempt.told_plaintext;
	session.failures = orders.failures;
	session.roster = orders.roster;
	memcpy(session.timestamp, orders.timestamp, sizeof session.timestamp);
	wire_open(attempt.tls_on ? tls.in : orders.in, attempt.tls_on ? tls.out : orders.out,
	    session_end);
	wire_limit(orders.options.login_seconds, 0);
	wire_resume(attempt.unread, attempt.unread_length, orders.last_moment);
	if (sandbox_lower(&orders.ids, orders.doors.names) == -1)
		return not_set_up();
	session_resume(&session, &attempt);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct options *options = &orders.options;
	struct peer *peer = &orders.peer;

	if (sandbox_is_raised())
		return resume();
	guard_descriptors();
	options_parse(options, argc, argv);
	sandbox_close_leaked(tls_find(&orders.tls, options->delayed_tls, STDIN_FILENO,
	    STDOUT_FILENO));
	if (options->tls)
		orders.tls = TLS_NONE;
	log_open(options->log_to_stderr || options->check != NULL);
	peer_find(peer, STDIN_FILENO);
	log_peer(peer->address);
	if (options->check != NULL)
		return maintenance_check(options);
	signal(SIGXFSZ, SIG_IGN);
	if (options->recover)
		return maintenance_recover(options);
	wire_open(STDIN_FILENO, STDOUT_FILENO, session_end);
	wire_limit(options->login_seconds, options->login_seconds);
	orders.in = STDIN_FILENO;
	orders.out = STDOUT_FILENO;
	orders.log = log_where();
	orders.last_moment = wire_last_moment();
	if (prepare() == -1)
		return not_set_up();
	set_session(orders.tls);
	authorization_stamp(&session);
	memcpy(orders.timestamp, session.timestamp, sizeof orders.timestamp);
	if (!options->proxy)
		session_greet(&session);
	if (learn_accounts() == -1)
		return not_set_up();
	if (options->proxy) {
		if (!proxy_read(peer))
			return EXIT_SUCCESS;
		log_peer(peer->address);
		session_greet(&session);
	}
	session.plaintext = options->tls || !peer->foreign ||
	    network_holds(&options->plaintext, peer->named ? peer->address : NULL);
	session_run(&session);
	return EXIT_SUCCESS;
}
