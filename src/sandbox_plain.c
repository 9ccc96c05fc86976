/*
 * A system of which only POSIX is known: ids change, and the kernel confines nothing.
 * The saved user-ID stays root's until login, since only root can become the user.
 */
#include "sandbox_system.h"

#include <errno.h>
#include <unistd.h>

void
system_close_from(int first)
{
	enum { LAST = 64 };

	for (int fd = first; fd < LAST; fd++)
		(void)close(fd);
}

int
system_limit(void)
{
	return 0;
}

int
system_gain_nothing(void)
{
	return 0;
}

int
system_find_login(gid_t group, const char **why)
{
	(void)group;
	*why = "this system cannot confine the reader";
	return -1;
}

void
system_execute(int program)
{
	(void)program;
	errno = ENOSYS;
}

int
system_step_down(uid_t uid, gid_t gid)
{
	return setegid(gid) == -1 ? -1 : seteuid(uid);
}

bool
system_is_privileged(void)
{
	return getuid() != geteuid() || getuid() == 0;
}

int
system_become(uid_t uid, gid_t gid)
{
	if (setgid(gid) == -1 || setuid(uid) == -1)
		return -1;
	/* SECURITY: if root's ids can be had again, the change was not for good. */
	return seteuid(0) == -1 ? 0 : -1;
}

int
system_end_after(unsigned seconds)
{
	(void)alarm(seconds);
	return 0;
}

enum system_result
system_confine(int spool, int state, int program)
{
	(void)program;
	(void)spool;
	(void)state;
	return SYSTEM_INCOMPLETE;
}

int
system_limit_ids(const struct roster_range *uids, size_t uid_count,
	const struct roster_range *gids, size_t gid_count)
{
	(void)uids;
	(void)uid_count;
	(void)gids;
	(void)gid_count;
	return 0;
}

int
system_seal(int spool)
{
	(void)spool;
	return 0;
}
