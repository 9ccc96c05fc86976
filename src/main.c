/*
 * stdpop3d: one POP3 session on descriptors 0 and 1. This file has the order of start-up:
 * descriptors, options, log, and what must be opened as root; only then the process
 * becomes an account without power and reads the first octet from the client. The login
 * program is this program, too, and begins in resume.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admission.h"
#include "authorization.h"
#include "handover.h"
#include "log.h"
#include "maintenance.h"
#include "options.h"
#include "peer.h"
#include "proxy.h"
#include "sandbox.h"
#include "session.h"
#include "tls.h"
#include "wire.h"

enum { CONFIGURATION_EXIT = 78 };

static struct orders orders;

/*
 * Makes sure that descriptors 0 to 2 are open, and that 2 is not the client's socket:
 * inetd connects it there, and the client would take a message of libc's for our reply.
 * No log is open yet, so if /dev/null cannot be opened, exits with 78 and logs nothing.
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

/*
 * At a file size limit SIGXFSZ would end the process in the middle of an UPDATE. If the
 * signal is ignored, the system call fails instead, which is handled.
 */
static void
survive_limits(void)
{
	signal(SIGXFSZ, SIG_IGN);
}

static int
not_set_up(void)
{
	wire_err("SYS/PERM", "the server is not set up: its log says why");
	wire_close();
	return CONFIGURATION_EXIT;
}

/* The login program begins here: it judges a try to log in, and goes on with the session. */
static int
resume(void)
{
	static struct attempt attempt;
	struct tls *tls = &orders.tls;

	/* SECURITY: the reader chose the arguments and the environment, so we read neither. */
	if (handover_receive(&orders, &attempt) == -1)
		return CONFIGURATION_EXIT;
	if (attempt.tls_on)
		tls->control = -1;
	if (orders.options.proxy && !peer_set(&orders.peer, attempt.address))
		strcpy(orders.peer.address, "unknown");
	log_peer(orders.peer.address);
	survive_limits();
	wire_open(attempt.tls_on ? tls->in : orders.in, attempt.tls_on ? tls->out : orders.out,
	    session_end);
	wire_limit(orders.options.login_seconds, 0);
	wire_resume(attempt.unread, attempt.unread_length, orders.last_moment);
	if (admission_resume(&orders) == -1)
		return not_set_up();
	session_resume(&orders, &attempt);
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
		return maintenance_check(&orders);
	survive_limits();
	if (options->recover)
		return maintenance_recover(&orders);
	wire_open(STDIN_FILENO, STDOUT_FILENO, session_end);
	wire_limit(options->login_seconds, options->login_seconds);
	orders.in = STDIN_FILENO;
	orders.out = STDOUT_FILENO;
	orders.log = log_where();
	orders.last_moment = wire_last_moment();
	if (admission_prepare(&orders) == -1)
		return not_set_up();
	authorization_stamp(&orders);
	if (!options->proxy)
		session_greet(&orders);
	if (admission_learn(&orders) == -1)
		return not_set_up();
	if (options->proxy) {
		if (!proxy_read(peer))
			return EXIT_SUCCESS;
		log_peer(peer->address);
		session_greet(&orders);
	}
	session_run(&orders);
	return EXIT_SUCCESS;
}
