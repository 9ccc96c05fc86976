/*
 * OpenBSD: unveil(2) for what can be opened, pledge(2) for what can be asked of
 * the kernel. The way to the user goes through root, by the saved user-ID.
 *
 * Written from the manual, compiled against stubs, never run; the other rooms
 * use calls that OpenBSD has not, and would have to be ported. Less is confined
 * than on Linux: an id can become 0 until login, and after it names that exist
 * can still be opened in the two directories, as far as the user's ids allow.
 * A call that was not promised ends the process.
 */
#include "sandbox_system.h"

#include <unistd.h>

void
system_close_from(int first)
{
	/* Fails only if nothing is open from there on. */
	(void)closefrom(first);
}

int
system_limit(void)
{
	/* No setting: whoever changes ids is not traced, and leaves no core file. */
	return 0;
}

int
system_step_down(uid_t uid, gid_t gid)
{
	return setegid(gid) == -1 ? -1 : seteuid(uid);
}

bool
system_is_privileged(void)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == -1 || real == 0 ||
	    real != effective || real != saved;
}

int
system_become(uid_t uid, gid_t gid)
{
	return setresgid(gid, gid, gid) == -1 ? -1 : setresuid(uid, uid, uid);
}

/* unveil(2) takes a name: that of the present directory has no other meaning. */
static int
unveil_directory(int directory, const char *permissions)
{
	return fchdir(directory) == -1 ? -1 : unveil(".", permissions);
}

int
system_end_after(unsigned seconds)
{
	(void)alarm(seconds);
	return 0;
}

enum system_result
system_confine(int spool, int state)
{
	/* Without the promise "unveil" no more names can be shown. */
	if (unveil_directory(state, "rwc") == -1 || unveil_directory(spool, "rwc") == -1 ||
	    pledge("stdio rpath wpath cpath fattr flock id", NULL) == -1)
		return SYSTEM_FAILED;
	return SYSTEM_GOOD;
}

int
system_seal(int spool)
{
	(void)spool;
	/* rpath is for fstatat(2), with which locks and names are looked at. */
	return pledge("stdio rpath wpath cpath fattr flock", NULL);
}
