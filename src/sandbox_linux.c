/* Identity on Linux: capabilities by system call, ids read back. */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

/* All permitted and effective capabilities, as bits. */
static int
set_capabilities(uint32_t bits)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .permitted = bits, .effective = bits },
	};

	return (int)syscall(SYS_capset, &header, data);
}

static int
set_ids(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	uid_t real, effective, saved;
	gid_t real_gid, effective_gid, saved_gid;

	if (setgroups(count, groups) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return -1;
	if (getresuid(&real, &effective, &saved) == -1 ||
	    getresgid(&real_gid, &effective_gid, &saved_gid) == -1)
		return -1;
	if (real == uid && effective == uid && saved == uid && real_gid == gid &&
	    effective_gid == gid && saved_gid == gid)
		return 0;
	errno = EPERM;
	return -1;
}

static int
find_account(const char *name, uid_t *uid, gid_t *gid)
{
	FILE *stream = fopen("/etc/passwd", "re");
	struct passwd *pw;
	int found = -1;

	if (stream == NULL) {
		log_failure("setup", "cannot open /etc/passwd");
		return -1;
	}
	while (found == -1 && (pw = fgetpwent(stream)) != NULL) {
		if (strcmp(pw->pw_name, name) != 0)
			continue;
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		found = 0;
	}
	fclose(stream);
	if (found == -1)
		log_record(LOG_ERR, "setup", "no account %s in /etc/passwd to run as", name);
	return found;
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

int
sandbox_start(const char *account)
{
	uid_t uid;
	gid_t gid;

	umask(0);
	if (set_limits() == -1 || prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
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
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 || set_ids(uid, gid, NULL, 0) == -1 ||
	    set_capabilities(1U << CAP_SETUID | 1U << CAP_SETGID) == -1) {
		log_failure("setup", "cannot become %s", account);
		return -1;
	}
	return 0;
}

/* True if the user can make a name in the spool by its group only. */
static bool
needs_spool_group(const struct stat *spool, uid_t uid, gid_t gid)
{
	return spool->st_uid != uid && spool->st_gid != gid && spool->st_gid != 0 &&
	    (spool->st_mode & S_IWGRP) != 0 && (spool->st_mode & S_IWOTH) == 0;
}

static bool
is_privileged(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &header, data) == -1 || data[0].permitted != 0 ||
	    data[1].permitted != 0;
}

int
sandbox_become(uid_t uid, gid_t gid, int spool)
{
	struct stat status;

	if (!is_privileged() && geteuid() == uid)
		return 0;
	if (uid == 0 || gid == 0) {
		log_record(LOG_ERR, "maildrop refused", "the account is root or in its group");
		return -1;
	}
	if (fstat(spool, &status) == -1 ||
	    set_ids(uid, gid, &status.st_gid, needs_spool_group(&status, uid, gid)) == -1 ||
	    set_capabilities(0) == -1 || is_privileged()) {
		log_failure("maildrop", "cannot become the user");
		return -1;
	}
	return 0;
}
