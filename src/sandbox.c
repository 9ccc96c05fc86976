/*
 * Changes ids in one order on all systems, and reads them back. What only one system can
 * do stands in a file of its own.
 */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "log.h"
#include "sandbox_system.h"

enum { NAME = 256 };

void
sandbox_close_leaked(int first)
{
	system_close_from(first);
}

/* An account that is looked for. */
struct wanted {
	const char *name;
	bool found;
	uid_t uid;
	gid_t gid;
};

/*
 * Looks for the accounts in /etc/passwd, and marks those that it finds. Returns 0, also
 * if it finds no account; or -1 after logging the reason.
 */
static int
find_accounts(struct wanted *wanted, size_t count)
{
	struct accounts file;
	struct accounts_passwd entry;
	enum accounts_next next = ACCOUNTS_FAILED;
	char *line;
	int result = 0;

	if (accounts_open(&file, "/etc/passwd") == -1 || accounts_begin(&file) == -1) {
		log_failure("setup", "cannot open /etc/passwd");
		return -1;
	}
	while (result == 0 && (next = accounts_next(&file, &line)) != ACCOUNTS_END &&
	    next != ACCOUNTS_FAILED)
		for (size_t i = 0; i < count; i++) {
			if (wanted[i].found || !accounts_names(line, wanted[i].name))
				continue;
			wanted[i].found = next == ACCOUNTS_GOT && accounts_cut_passwd(line, &entry);
			if (wanted[i].found) {
				wanted[i].uid = entry.uid;
				wanted[i].gid = entry.gid;
			} else {
				log_record(LOG_ERR, "setup", "line %zu of /etc/passwd is malformed:"
				    " account %s", file.number, wanted[i].name);
				result = -1;
			}
			break;
		}
	if (next == ACCOUNTS_FAILED) {
		log_failure("setup", "cannot read /etc/passwd");
		result = -1;
	}
	accounts_close(&file);
	return result;
}

/*
 * A soft limit that the launcher set by habit may cut an UPDATE short (file size), or keep
 * the reader from executing the login program: all sessions share the reader's account
 * (processes), and the descriptors handed over have high numbers (files). So all three
 * are raised as far as possible. Returns 0, or -1 with errno.
 */
static int
set_limits(void)
{
	static const struct rlimit none = { 0, 0 };
	struct rlimit size, files, processes;

	if (setrlimit(RLIMIT_CORE, &none) == -1 || getrlimit(RLIMIT_FSIZE, &size) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &files) == -1 || getrlimit(RLIMIT_NPROC, &processes) == -1)
		return -1;
	size.rlim_cur = size.rlim_max;
	files.rlim_cur = files.rlim_max;
	processes.rlim_cur = processes.rlim_max;
	/* Only root may raise a hard limit, and only root has a login program. */
	const struct rlimit more = { SYSTEM_DESCRIPTORS, SYSTEM_DESCRIPTORS };
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	if (files.rlim_max >= SYSTEM_DESCRIPTORS || setrlimit(RLIMIT_NOFILE, &more) == -1)
		if (setrlimit(RLIMIT_NOFILE, &files) == -1)
			return -1;
	if (setrlimit(RLIMIT_NPROC, &all) == -1 && setrlimit(RLIMIT_NPROC, &processes) == -1)
		return -1;
	return setrlimit(RLIMIT_FSIZE, &size);
}

bool
sandbox_is_raised(void)
{
	return getuid() != 0 && geteuid() == 0;
}

int
sandbox_find(const char *account, struct sandbox_ids *ids)
{
	char name[NAME];
	struct wanted wanted[] = { { .name = account }, { .name = name } };

	*ids = (struct sandbox_ids){ .uid = geteuid(), .gid = getegid() };
	umask(0);
	if (set_limits() == -1 || system_limit() == -1) {
		log_failure("setup", "cannot set limits");
		return -1;
	}
	if (ids->uid != 0)
		return 0;
	snprintf(name, sizeof name, "%s-reader", account);
	if (find_accounts(wanted, sizeof wanted / sizeof wanted[0]) == -1)
		return -1;
	if (!wanted[0].found || wanted[0].uid == 0 || wanted[0].gid == 0) {
		log_record(LOG_ERR, "setup", wanted[0].found ? "account %s is root" :
		    "no account %s in /etc/passwd to run as", account);
		return -1;
	}
	ids->uid = wanted[0].uid;
	ids->gid = wanted[0].gid;
	ids->reader_uid = wanted[1].uid;
	ids->reader_gid = wanted[1].gid;
	ids->reader = wanted[1].found && ids->reader_uid != 0 && ids->reader_gid != 0 &&
	    ids->reader_uid != ids->uid;
	return 0;
}

/*
 * Leaves all groups, but for the spool's group if its members may make a dotlock there
 * and others may not. Returns 0, or -1 with errno.
 */
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
sandbox_lower(const struct sandbox_ids *ids, int spool)
{
	if (settle_groups(spool) == 0 && system_step_down(ids->uid, ids->gid) == 0 &&
	    geteuid() == ids->uid && getegid() == ids->gid)
		return 0;
	log_failure("setup", "cannot become the service account");
	return -1;
}

int
sandbox_start(const struct sandbox_ids *ids, int spool)
{
	if (system_gain_nothing() == -1) {
		log_failure("setup", "cannot set limits");
		return -1;
	}
	return geteuid() == 0 ? sandbox_lower(ids, spool) : 0;
}

int
sandbox_find_login(const struct sandbox_ids *ids, const char **why)
{
	*why = "there is no account for the reader";
	return ids->reader ? system_find_login(ids->reader_gid, why) : -1;
}

int
sandbox_read_again(const struct sandbox_ids *ids)
{
	if (setgroups(0, NULL) == 0 && system_become(ids->reader_uid, ids->reader_gid) == 0 &&
	    getuid() == ids->reader_uid && geteuid() == ids->reader_uid &&
	    getegid() == ids->reader_gid && !system_is_privileged())
		return 0;
	log_failure("setup", "cannot become the reader");
	return -1;
}

int
sandbox_confine_reader(const struct sandbox_ids *ids, int spool, int state, int program)
{
	if (system_confine(spool, state, program) == SYSTEM_GOOD)
		return sandbox_read_again(ids);
	log_failure("sandbox", "cannot be confined");
	return -1;
}

void
sandbox_execute(int program)
{
	system_execute(program);
}

int
sandbox_confine(int spool, int state, bool strict)
{
	enum system_result result = system_confine(spool, state, -1);

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

/*
 * A user who owns the spool, or whose own group is the spool's, needs no other group to
 * make a dotlock, and keeps no other. Returns 0, or -1 with errno.
 */
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
	/* On a system where only root may set groups, become root again for a moment. */
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
