/*
 * stdpop3d: one POP3 session on descriptors 0 and 1. This file is the order of
 * start-up: descriptors, options, log, what must be opened, and only then the
 * service account's ids and the first octet from outside.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doors.h"
#include "log.h"
#include "maintenance.h"
#include "options.h"
#include "peer.h"
#include "proxy.h"
#include "roster.h"
#include "sandbox.h"
#include "session.h"
#include "tls.h"
#include "wire.h"

enum { CONFIGURATION_EXIT = 78 };

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
prepare(struct doors *doors, const struct options *options)
{
	if (roster_open(options, geteuid()) == -1 || doors_open(doors, options) == -1 ||
	    sandbox_start(options->account, doors->names) == -1 || doors_check(doors, options) == -1)
		return -1;
	return sandbox_confine(doors->spool, doors->state, options->strict);
}

static int
not_set_up(void)
{
	wire_err("SYS/PERM", "the server is not set up: its log says why");
	wire_close();
	return CONFIGURATION_EXIT;
}

int
main(int argc, char **argv)
{
	static struct session session;
	static struct options options;
	struct peer peer;

	guard_descriptors();
	options_parse(&options, argc, argv);
	sandbox_close_leaked(tls_find(&session.tls, options.delayed_tls, STDIN_FILENO,
	    STDOUT_FILENO));
	if (options.tls)
		session.tls = TLS_NONE;
	log_open(options.log_to_stderr || options.check != NULL);
	/* A file size limit shall be an error, not the end of the process. */
	signal(SIGXFSZ, SIG_IGN);
	peer_find(&peer, STDIN_FILENO);
	log_peer(peer.address);
	if (options.check != NULL)
		return maintenance_check(&options);
	if (options.recover)
		return maintenance_recover(&options);
	session.options = &options;
	wire_open(STDIN_FILENO, STDOUT_FILENO, session_end);
	wire_limit(options.login_seconds, options.login_seconds);
	if (prepare(&session.doors, &options) == -1)
		return not_set_up();
	/* The client's way to answer is the time in which the accounts are read. */
	if (!options.proxy)
		session_greet(&session);
	roster_load(&session.roster);
	if (sandbox_narrow(&session.roster) == -1)
		return not_set_up();
	if (options.proxy) {
		if (!proxy_read(&peer))
			return EXIT_SUCCESS;
		log_peer(peer.address);
		session_greet(&session);
	}
	session.plaintext = options.tls || options.plaintext || !peer.foreign;
	session_run(&session);
	return EXIT_SUCCESS;
}
