/*
 * forge OWNER MODE SEALS LAST-MOMENT LOGIN-PROGRAM: executes it as the reader (802),
 * with a vault whose orders are as root's. Only one of owner 0, with mode 0600 and seals
 * 7, may be believed.
 */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handover.h"

static int
make(const void *octets, size_t length, size_t size, const char *owner, const char *mode,
	const char *seals, int number)
{
	int fd = memfd_create("vault", MFD_ALLOW_SEALING);

	if (fd == -1 || ftruncate(fd, (off_t)size) == -1 ||
	    pwrite(fd, octets, length, 0) != (ssize_t)length ||
	    fchmod(fd, (mode_t)strtoul(mode, NULL, 8)) == -1 ||
	    fcntl(fd, F_ADD_SEALS, atoi(seals)) == -1 ||
	    fchown(fd, (uid_t)atoi(owner), (gid_t)atoi(owner)) == -1)
		return -1;
	return dup2(fd, number);
}

int
main(int argc, char **argv)
{
	static struct orders orders = {
		.format = "stdpop3d " OPTIONS_VERSION, .size = sizeof orders,
		.options = { .login_seconds = 10 }, .out = 1,
		.tls = { .control = -1 }, .spool = -1, .state = -1, .dotlocks = -1,
		.ids = { .uid = 801, .gid = 801, .reader_uid = 802, .reader_gid = 802 },
		.log = { .fd = 2 }, .failures = 2,
		.roster = { .text_length = 1 }, .roster_room = 4096,
	};
	static const struct attempt attempt;
	struct stat status;

	if (argc != 6)
		return 2;
	orders.last_moment = strtoll(argv[4], NULL, 10);
	for (int fd = 0; fd <= 2; fd++) {
		fstat(fd, &status);
		orders.held[orders.held_count].fd = fd;
		orders.held[orders.held_count].device = status.st_dev;
		orders.held[orders.held_count++].inode = status.st_ino;
	}
	if (make(&orders, sizeof orders, 65536, argv[1], argv[2], argv[3], HANDOVER_VAULT) == -1 ||
	    make(&attempt, sizeof attempt, sizeof attempt, "802", "600", "7", HANDOVER_ATTEMPT) == -1 ||
	    setgroups(0, NULL) == -1 || setresgid(802, 802, 802) == -1 ||
	    setresuid(802, 802, 802) == -1)
		return 2;
	execl(argv[5], "stdpop3d", (char *)NULL);
	perror(argv[5]);
	return 2;
}
