/*
 * Linux: capabilities by system call; Landlock for what can be opened, seccomp
 * for what can be asked of the kernel.
 *
 * A C library may try a call that we never saw, and can go on without it. So a call that
 * the filter does not know fails with EPERM, and does not kill the process.
 */
/* This comes before the includes, or "make" would complain of a missing header. */
#if defined __x86_64__
#define FILTER_ARCH AUDIT_ARCH_X86_64
#define LOADER_ROWS ALLOW(arch_prctl), ALLOW(poll),
#elif defined __AARCH64EL__
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define FILTER_ARCH AUDIT_ARCH_RISCV64
#else
#error "this processor is not supported: see 'Elsewhere' in src/README, or try OS=plain"
#endif
#ifndef LOADER_ROWS
#define LOADER_ROWS	/* calls that only this architecture's C library makes at start */
#endif

#include "sandbox_system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "lock.h"

/* Sets the permitted and the effective capabilities to these bits. 0, or -1 with errno. */
static int
set_capabilities(uint32_t bits)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .permitted = bits, .effective = bits },
	};

	return (int)syscall(SYS_capset, &header, data);
}

/*
 * Forbids tracing, and core files by any handler. A change of ids may allow both again,
 * so this follows each change. Returns 0, or -1 with errno.
 */
static int
no_dumps(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
system_step_down(uid_t uid, gid_t gid)
{
	/* After an exec by descriptor, ps(1) names us by its number or by the login program. */
	(void)prctl(PR_SET_NAME, "stdpop3d");
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return -1;
	return set_capabilities(1U << CAP_SETUID | 1U << CAP_SETGID) == -1 ? -1 : no_dumps();
}

bool
system_is_privileged(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &header, data) == -1 || data[0].permitted != 0 ||
	    data[1].permitted != 0;
}

int
system_become(uid_t uid, gid_t gid)
{
	if (setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return -1;
	return set_capabilities(0) == -1 ? -1 : no_dumps();
}

int
system_limit(void)
{
	return no_dumps();
}

int
system_gain_nothing(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void
system_close_from(int first)
{
	/* A kernel without this call has no Landlock either, so there is no login program,
	   and closing leaked descriptors is only a precaution. */
	(void)syscall(SYS_close_range, first, ~0U, 0);
}

/*
 * The kernel needs no permission to send a signal, and SIGKILL also ends a stopped
 * process. We make the system calls ourselves, because older C libraries have these
 * functions in another library.
 */
int
system_end_after(unsigned seconds)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec end = { .it_value = { .tv_sec = seconds } };
	int timer;

	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == -1)
		return -1;
	return (int)syscall(SYS_timer_settime, timer, 0, &end, NULL);
}

/*
 * Returns all rights that this version of Landlock handles. Each version handles those
 * of the version before, too.
 */
static uint64_t
handled_by(long version)
{
	enum { FIRST = 13, REFER = 14, TRUNCATE = 15, IOCTL = 16 };
	int rights = version >= 5 ? IOCTL : version >= 3 ? TRUNCATE : version == 2 ? REFER : FIRST;

	return ((uint64_t)1 << rights) - 1;
}

static int
allow_beneath(int ruleset, int place, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = access, .parent_fd = place,
	};

	return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
	    &beneath, 0);
}

static int
allow_path(int ruleset, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	int result = fd == -1 ? -1 : allow_beneath(ruleset, fd, access);

	if (fd != -1)
		close(fd);
	return result;
}

/* Allows reading the folder of a library that this program loaded, or executing a loader. */
static int
allow_object(struct dl_phdr_info *object, size_t size, void *ruleset)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(object->dlpi_name, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - object->dlpi_name);

	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Addr) address = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
		const char *loader;
		memcpy(&loader, &address, sizeof loader);
		if (object->dlpi_phdr[i].p_type == PT_INTERP && allow_path(*(int *)ruleset, loader,
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE) == -1)
			return -1;
	}
	if (length == 0 || length >= sizeof folder)
		return 0;
	memcpy(folder, object->dlpi_name, length);
	folder[length] = '\0';
	return allow_path(*(int *)ruleset, folder, LANDLOCK_ACCESS_FS_READ_FILE);
}

/*
 * Allows executing the login program. It is a copy of this program, so it may read what
 * this program was loaded from. Returns 0, or -1 with errno.
 */
static int
allow_program(int ruleset, int program)
{
	if (program == -1)
		return 0;
	/* This may fail: without its cache the loader looks into the folders that it knows. */
	(void)allow_path(ruleset, "/etc/ld.so.cache", LANDLOCK_ACCESS_FS_READ_FILE);
	if (allow_beneath(ruleset, program,
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE) == -1)
		return -1;
	return dl_iterate_phdr(allow_object, &ruleset);
}

/* The version of the kernel's Landlock, or -1 with errno. */
static long
landlock_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/*
 * Allows nothing but these rights. A directory that is -1 gets no right. Returns 0; 1 if
 * the kernel has no Landlock; or -1 with errno.
 */
static int
restrict_files(int spool, uint64_t spool_access, int state, uint64_t state_access, int program)
{
	long version = landlock_version();

	if (version == -1)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 1 : -1;
	struct landlock_ruleset_attr attributes = { .handled_access_fs = handled_by(version) };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes,
	    sizeof attributes, 0);
	if (ruleset == -1)
		return -1;
	int result = -1;
	if ((spool == -1 || allow_beneath(ruleset, spool,
	    spool_access & attributes.handled_access_fs) == 0) &&
	    (state == -1 || allow_beneath(ruleset, state,
	    state_access & attributes.handled_access_fs) == 0) &&
	    allow_program(ruleset, program) == 0)
		result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return result;
}

/* seccomp. These macros write the rows of a filter. */
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define VERDICT(action) BPF_STMT(BPF_RET | BPF_K, action)
#define SKIP_UNLESS(value, rows) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, rows)
#define SKIP_IF(value, rows) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, rows, 0)
#define SKIP_IF_X(rows) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, rows, 0)
#define GO(rows) BPF_STMT(BPF_JMP | BPF_JA, rows)
#define SKIP_UNLESS_ANY(bits, rows) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, rows)
#define PASS VERDICT(SECCOMP_RET_ALLOW)
#define REFUSE VERDICT(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW(name) SKIP_UNLESS(SYS_##name, 1), PASS
#define DENY(name) SKIP_UNLESS(SYS_##name, 1), REFUSE

static bool without_seccomp;

static int
add_filter(struct sock_filter *rows, size_t count)
{
	struct sock_fprog program = { .len = (unsigned short)count, .filter = rows };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static const struct sock_filter head_rows[] = {
	LOAD(arch), SKIP_IF(FILTER_ARCH, 1), VERDICT(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
};

/*
 * Allows what the reader needs to execute the login program, and what the login program
 * needs to be loaded, to look at its descriptors, and to go on. Only a file can be mapped
 * to be executed. SECURITY: the loader, as root, would obey an environment that the
 * reader chose, before our first line runs. So an exec with an environment is refused.
 */
static size_t
add_login_rows(struct sock_filter *rows, int program)
{
	const struct sock_filter login[] = {
		SKIP_UNLESS(SYS_execveat, 10), LOAD(args[0]), SKIP_UNLESS((uint32_t)program, 7),
		LOAD(args[4]), SKIP_UNLESS(AT_EMPTY_PATH, 5),
		LOAD(args[3]), SKIP_UNLESS(0, 3), LOAD_HIGH(args[3]), SKIP_UNLESS(0, 1), PASS,
		REFUSE,
		SKIP_UNLESS(SYS_mmap, 8), LOAD(args[2]), SKIP_UNLESS_ANY(PROT_EXEC, 5),
		SKIP_UNLESS_ANY(PROT_WRITE, 1), REFUSE,
		LOAD(args[3]), SKIP_UNLESS_ANY(MAP_ANONYMOUS, 1), REFUSE, PASS,
		LOADER_ROWS ALLOW(set_tid_address), ALLOW(set_robust_list), ALLOW(rseq),
		ALLOW(close_range),
		SKIP_UNLESS(SYS_fcntl, 4), LOAD(args[1]), SKIP_UNLESS(F_GET_SEALS, 1), PASS,
		LOAD(nr),
		SKIP_UNLESS(SYS_prctl, 5), LOAD(args[0]), SKIP_IF(PR_SET_NAME, 1),
		SKIP_UNLESS(PR_SET_KEEPCAPS, 1), PASS, LOAD(nr),
		/* At most one group. The reader has no capability, so its call fails anyway. */
		SKIP_UNLESS(SYS_setgroups, 4), LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 1), REFUSE, PASS,
	};

	memcpy(rows, login, sizeof login);
	return sizeof login / sizeof login[0];
}

/* Allows all that we or a C library will need from here on. */
static size_t
add_common_rows(struct sock_filter *rows)
{
	const struct sock_filter common[] = {
		/* The session and the mailbox. */
		ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev),
		ALLOW(pread64), ALLOW(recvfrom),
		ALLOW(ppoll), ALLOW(fstat), ALLOW(newfstatat), ALLOW(statx),
		ALLOW(flock), ALLOW(close), ALLOW(unlinkat),
		ALLOW(fsync), ALLOW(fdatasync), ALLOW(sync_file_range),
		/* SECURITY: descriptor 2 may be a log file, which must be appended to only. */
		SKIP_IF(SYS_pwrite64, 3), SKIP_IF(SYS_lseek, 2), SKIP_IF(SYS_ftruncate, 1),
		SKIP_UNLESS(SYS_fallocate, 4), LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, STDERR_FILENO, 0, 1), PASS, REFUSE,
		/* SECURITY: O_PATH would open what may not be read, O_TMPFILE would make a file
		   without a name: refused. A new file has a state file's or a dotlock's mode. */
		SKIP_UNLESS(SYS_openat, 9), LOAD(args[2]),
		SKIP_UNLESS_ANY(O_PATH | (O_TMPFILE & ~O_DIRECTORY), 1), REFUSE,
		SKIP_UNLESS_ANY(O_CREAT, 3),
		LOAD(args[3]), SKIP_IF(IO_PRIVATE_MODE, 1), SKIP_UNLESS(LOCK_DOTLOCK_MODE, 1), PASS,
		REFUSE,
		/* Set times only of what is open; send only without an address, so to the peer
		   and to syslog; use fcntl(2) for locks, and not for signals. */
		SKIP_UNLESS(SYS_utimensat, 6), LOAD(args[1]), SKIP_UNLESS(0, 3),
		LOAD_HIGH(args[1]), SKIP_UNLESS(0, 1), PASS, REFUSE,
		SKIP_UNLESS(SYS_sendto, 4), LOAD(args[5]), SKIP_UNLESS(0, 1), PASS, REFUSE,
		SKIP_UNLESS(SYS_fcntl, 4), LOAD(args[1]), SKIP_UNLESS(F_OFD_SETLK, 1), PASS, REFUSE,
		/* Memory that is not executable. */
		ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise),
		SKIP_IF(SYS_mmap, 1), SKIP_UNLESS(SYS_mprotect, 4),
		LOAD(args[2]), SKIP_UNLESS_ANY(PROT_EXEC, 1), REFUSE, PASS,
		/* Time, random octets, signals, limits, and our ids. */
		ALLOW(clock_gettime), ALLOW(clock_nanosleep), ALLOW(nanosleep),
		ALLOW(gettimeofday), ALLOW(getrandom), ALLOW(rt_sigprocmask),
		ALLOW(rt_sigaction), ALLOW(rt_sigreturn), ALLOW(sigaltstack), ALLOW(restart_syscall),
		ALLOW(getrlimit), ALLOW(uname), ALLOW(futex),
		ALLOW(getpid), ALLOW(gettid),
		/* SECURITY: limits can only be read, and only those of this process. */
		SKIP_UNLESS(SYS_prlimit64, 8), LOAD(args[0]), SKIP_UNLESS(0, 5),
		LOAD(args[2]), SKIP_UNLESS(0, 3), LOAD_HIGH(args[2]), SKIP_UNLESS(0, 1), PASS,
		REFUSE,
		SKIP_IF(SYS_tgkill, 1), SKIP_UNLESS(SYS_tkill, 4),
		LOAD(args[0]), SKIP_UNLESS((uint32_t)getpid(), 1), PASS, REFUSE,
		ALLOW(exit), ALLOW(exit_group),
		ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid), ALLOW(capget),
		/* The way to the user, and the next filter. */
		ALLOW(capset), ALLOW(seccomp), ALLOW(landlock_create_ruleset),
		ALLOW(landlock_add_rule), ALLOW(landlock_restrict_self),
		SKIP_UNLESS(SYS_setgroups, 4), LOAD(args[0]), SKIP_UNLESS(0, 1), PASS, REFUSE,
		/* SECURITY: core files cannot be allowed again, and no id can become 0. */
		SKIP_UNLESS(SYS_prctl, 7), LOAD(args[0]), SKIP_IF(PR_SET_NO_NEW_PRIVS, 3),
		SKIP_UNLESS(PR_SET_DUMPABLE, 3), LOAD(args[1]), SKIP_UNLESS(0, 1), PASS, REFUSE,
		SKIP_IF(SYS_setresuid, 1), SKIP_UNLESS(SYS_setresgid, 7),
		LOAD(args[0]), SKIP_IF(0, 5),
		LOAD(args[1]), SKIP_IF(0, 3),
		LOAD(args[2]), SKIP_IF(0, 1), PASS,
		REFUSE,
	};

	memcpy(rows, common, sizeof common);
	return sizeof common / sizeof common[0];
}

/* Adds the filter of AUTHORIZATION. "program" is -1 if no program may be executed. */
static int
allow_calls(int program)
{
	static struct sock_filter rows[400];
	size_t used = sizeof head_rows / sizeof head_rows[0];

	memcpy(rows, head_rows, sizeof head_rows);
	if (program != -1)
		used += add_login_rows(rows + used, program);
	used += add_common_rows(rows + used);
	return add_filter(rows, used);
}

/*
 * Adds rows that refuse a call unless its three ids are equal and in one of the ranges.
 * Returns the new number of rows.
 */
static size_t
put_id_rows(struct sock_filter *rows, size_t used, unsigned call,
	const struct roster_range *ranges, size_t count)
{
	const struct sock_filter head[] = {
		SKIP_IF(call, 1), GO(3 * (uint32_t)count + 9),
		LOAD(args[0]), BPF_STMT(BPF_MISC | BPF_TAX, 0),
		LOAD(args[1]), SKIP_IF_X(1), REFUSE,
		LOAD(args[2]), SKIP_IF_X(1), REFUSE,
	};

	memcpy(rows + used, head, sizeof head);
	used += sizeof head / sizeof head[0];
	for (size_t i = 0; i < count; i++) {
		const struct sock_filter range[] = {
			BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[i].first, 0, 2),
			BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ranges[i].last, 1, 0), PASS,
		};
		memcpy(rows + used, range, sizeof range);
		used += sizeof range / sizeof range[0];
	}
	rows[used] = (struct sock_filter)REFUSE;
	return used + 1;
}

int
system_limit_ids(const struct roster_range *uids, size_t uid_count,
	const struct roster_range *gids, size_t gid_count)
{
	enum { HEADS = 24 };	/* rows that belong to no range */
	static struct sock_filter rows[3 * 2 * SYSTEM_RANGES + HEADS];
	size_t used = 1;

	if (without_seccomp)
		return 0;
	rows[0] = (struct sock_filter)LOAD(nr);
	used = put_id_rows(rows, used, SYS_setresuid, uids, uid_count);
	used = put_id_rows(rows, used, SYS_setresgid, gids, gid_count);
	rows[used++] = (struct sock_filter)PASS;
	return add_filter(rows, used);
}

/* Refuses more calls for TRANSACTION. The filter of AUTHORIZATION stays in force, too. */
static int
deny_calls(int spool)
{
	struct sock_filter rows[] = {
		LOAD(nr),
		DENY(setresuid), DENY(setresgid), DENY(setgroups), DENY(capset),
		DENY(landlock_create_ruleset), DENY(landlock_add_rule),
		DENY(landlock_restrict_self), DENY(seccomp), DENY(execveat),
		/* SECURITY: strangers write to the mailbox, which must not be mapped as code. */
		SKIP_UNLESS(SYS_mmap, 4), LOAD(args[2]), SKIP_UNLESS_ANY(PROT_EXEC, 1), REFUSE,
		LOAD(nr),
		/* SECURITY: no file that exists can be opened; only a dotlock can be made. */
		SKIP_UNLESS(SYS_openat, 9),
		LOAD(args[0]), SKIP_UNLESS((uint32_t)spool, 6),
		LOAD(args[2]), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_CREAT | O_EXCL | O_ACCMODE),
		SKIP_UNLESS(O_CREAT | O_EXCL | O_WRONLY, 3),
		LOAD(args[3]), SKIP_UNLESS(LOCK_DOTLOCK_MODE, 1), PASS,
		REFUSE,
		SKIP_UNLESS(SYS_unlinkat, 4),
		LOAD(args[0]), SKIP_UNLESS((uint32_t)spool, 1), PASS,
		REFUSE,
		PASS,
	};

	return add_filter(rows, sizeof rows / sizeof rows[0]);
}

/*
 * Takes all capabilities from the bounding set but the two for changing ids, so that the
 * login program gains no other. Returns 0, or -1 with errno.
 */
static int
bound_capabilities(void)
{
	int result = 0;

	for (unsigned long capability = 0; result == 0; capability++)
		if (capability != CAP_SETUID && capability != CAP_SETGID)
			result = prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	/* EINVAL: the kernel knows no capability of this number, so the last is done. */
	return errno == EINVAL ? 0 : -1;
}

enum system_result
system_confine(int spool, int state, int program)
{
	enum { TRUNCATE = 1 << 14 };
	const uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_REG | TRUNCATE;

	if (program != -1 && bound_capabilities() == -1)
		return SYSTEM_FAILED;
	int files = restrict_files(spool, access | LANDLOCK_ACCESS_FS_REMOVE_FILE, state, access,
	    program);
	if (files == -1)
		return SYSTEM_FAILED;
	if (allow_calls(program) == -1) {
		if (errno != ENOSYS && errno != EINVAL)
			return SYSTEM_FAILED;
		without_seccomp = true;
	}
	return files == 1 || without_seccomp ? SYSTEM_INCOMPLETE : SYSTEM_GOOD;
}

/*
 * Looks for what the login program needs and its file does not show. Returns NULL, or
 * what is missing, in words for the log.
 */
static const char *
what_is_missing(int program)
{
	const uint32_t needed = 1U << CAP_SETPCAP | 1U << CAP_SYS_ADMIN;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	struct statvfs mount;
	struct rlimit files;

	/* systemd mounts nosuid where it forbids new privileges. An admin must mend the
	   latter, so it is looked for first. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return "the launcher has forbidden new privileges";
	if (fstatvfs(program, &mount) == -1 || (mount.f_flag & ST_NOSUID) != 0)
		return "it is on a nosuid mount";
	if (syscall(SYS_capget, &header, data) == -1 || (data[0].effective & needed) != needed)
		return "the launcher has taken CAP_SYS_ADMIN or CAP_SETPCAP away";
	if ((prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT) != 0)
		return "the launcher's securebits give root's programs no power";
	if (getrlimit(RLIMIT_NOFILE, &files) == -1 || files.rlim_cur < SYSTEM_DESCRIPTORS)
		return "the launcher allows too few descriptors";
	if (landlock_version() == -1 ||
	    syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == -1)
		return "this kernel cannot confine the reader";
	return NULL;
}

int
system_find_login(gid_t group, const char **why)
{
	enum { MODE = S_ISUID | S_IRWXU | S_IRGRP | S_IXGRP };
	static const char suffix[] = "-login";
	char path[PATH_MAX];
	struct stat ours, its;
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof suffix);

	*why = "there is no /proc";
	if (length <= 0 || stat("/proc/self/exe", &ours) == -1)
		return -1;
	memcpy(path + length, suffix, sizeof suffix);
	int program = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	*why = "there is none beside this program";
	if (program == -1)
		return -1;
	if (fstat(program, &its) == -1 || !S_ISREG(its.st_mode) || its.st_uid != 0 ||
	    its.st_gid != group || (its.st_mode & ~(mode_t)S_IFMT) != MODE)
		*why = "it is not root's and of the reader's group, with mode 4750";
	else if (its.st_size != ours.st_size)
		*why = "it is of another build than this program";
	else
		*why = what_is_missing(program);
	if (*why == NULL)
		return program;
	close(program);
	return -1;
}

void
system_execute(int program)
{
	char name[] = "stdpop3d";
	char *const arguments[] = { name, NULL };

	(void)syscall(SYS_execveat, program, "", arguments, NULL, AT_EMPTY_PATH);
}

int
system_seal(int spool)
{
	const uint64_t access = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
	    LANDLOCK_ACCESS_FS_REMOVE_FILE;

	/* With a login program, new privileges were not forbidden yet. */
	if (system_gain_nothing() == -1 || restrict_files(spool, access, -1, 0, -1) == -1)
		return -1;
	return without_seccomp ? 0 : deny_calls(spool);
}
