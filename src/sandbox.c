/*
 * Ids, read back, in one order on all systems; what each system can do besides
 * stands in its own file.
 */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "log.h"
#include "sandbox_system.h"

void
sandbox_close_leaked(int first)
{
	system_close_from(first);
}

static int
find_account(const char *name, uid_t *uid, gid_t *gid)
{
	struct accounts file;
	struct accounts_passwd entry;
	enum accounts_next next;
	char *line;

	if (accounts_open(&file, "/etc/passwd") == -1 || accounts_begin(&file) == -1) {
		log_failure("setup", "cannot open /etc/passwd");
		return -1;
	}
	while ((next = accounts_next(&file, &line)) != ACCOUNTS_END && next != ACCOUNTS_FAILED)
		if (accounts_names(line, name))
			break;
	bool found = next == ACCOUNTS_GOT && accounts_cut_passwd(line, &entry);
	if (found) {
		*uid = entry.uid;
		*gid = entry.gid;
	} else if (next == ACCOUNTS_GOT || next == ACCOUNTS_DAMAGED)
		log_record(LOG_ERR, "setup", "line %zu of /etc/passwd is malformed: account %s",
		    file.number, name);
	else if (next == ACCOUNTS_FAILED)
		log_failure("setup", "cannot read /etc/passwd");
	else
		log_record(LOG_ERR, "setup", "no account %s in /etc/passwd to run as", name);
	accounts_close(&file);
	return found ? 0 : -1;
}

/* What the launcher limited by habit must not cut an UPDATE short. */
static int
set_limits(void)
{
	static const struct rlimit none = { 0, 0 };
	struct rlimit size;

	if (setrlimit(RLIMIT_CORE, &none) == -1 || getrlimit(RLIMIT_FSIZE, &size) == -1)
		return -1;
	size.rlim_cur = size.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &size);
}

/* No group but the spool's, if that is how a dotlock is made in it. */
static int
settle_groups(int spool)
{
	struct stat status;

	if (spool == -1)
		return setgroups(0, NULL);
	if (fstat(spool, &status) == -1)
		return -1;
	bool needed = status.st_gid != 0 && (status.st_mode & S_IWGRP) != 0 &&
	    (status.st_mode & S_IWOTH) == 0;
	return setgroups(needed, &status.st_gid);
}

int
sandbox_start(const char *account, int spool)
{
	uid_t uid;
	gid_t gid;

	umask(0);
	if (set_limits() == -1 || system_limit() == -1) {
		log_failure("setup", "cannot set limits");
		return -1;
	}
	if (geteuid() != 0)
		return 0;
	if (find_account(account, &uid, &gid) == -1)
		return -1;
	if (uid == 0 || gid == 0) {
		log_record(LOG_ERR, "setup", "account %s is root", account);
		return -1;
	}
	if (settle_groups(spool) == 0 && system_step_down(uid, gid) == 0 && geteuid() == uid &&
	    getegid() == gid)
		return 0;
	log_failure("setup", "cannot become %s", account);
	return -1;
}

int
sandbox_confine(int spool, int state, bool strict)
{
	enum system_result result = system_confine(spool, state);

	if (result == SYSTEM_FAILED)
		log_failure("sandbox", "cannot be confined");
	if (result == SYSTEM_INCOMPLETE)
		log_record(strict ? LOG_ERR : LOG_WARNING, "sandbox",
		    "this kernel cannot confine the process completely");
	return result == SYSTEM_GOOD || (result == SYSTEM_INCOMPLETE && !strict) ? 0 : -1;
}

int
sandbox_narrow(const struct roster *roster)
{
	struct roster_range uids[1], gids[SYSTEM_RANGES];
	size_t uid_count = roster_ranges(roster, false, uids, 1);
	size_t gid_count = roster_ranges(roster, true, gids, SYSTEM_RANGES);

	if (system_limit_ids(uids, uid_count, gids, gid_count) == 0)
		return 0;
	log_failure("sandbox", "cannot be narrowed");
	return -1;
}

/* A user who may write to the spool without its group does not keep that. */
static int
drop_group(int spool, uid_t uid, gid_t gid)
{
	struct stat status;

	if (spool == -1)
		return 0;
	if (fstat(spool, &status) == -1)
		return -1;
	return status.st_uid == uid || status.st_gid == gid ? setgroups(0, NULL) : 0;
}

int
sandbox_become(uid_t uid, gid_t gid, int spool)
{
	if (!system_is_privileged() && geteuid() == uid)
		return 0;
	if (uid == 0 || gid == 0) {
		log_record(LOG_ERR, "maildrop refused", "the account is root or in its group");
		return -1;
	}
	/* Where only root may set groups, this is root for a moment. */
	if (getuid() == 0 && seteuid(0) == -1) {
		log_failure("maildrop", "cannot become the user");
		return -1;
	}
	errno = EPERM;
	if (drop_group(spool, uid, gid) == 0 && system_become(uid, gid) == 0 &&
	    getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid &&
	    !system_is_privileged())
		return 0;
	log_failure("maildrop", "cannot become the user");
	return -1;
}

int
sandbox_seal(int spool)
{
	if (system_seal(spool) == 0)
		return 0;
	log_failure("sandbox", "cannot be sealed");
	return -1;
}

int
sandbox_end_after(unsigned seconds)
{
	if (system_end_after(seconds) == 0)
		return 0;
	log_failure("sandbox", "cannot be given an end");
	return -1;
}
