/*
 * confined SPOOL STATE OUTSIDE
 *
 * Confines itself by src/sandbox_linux.c as the server does, and prints what
 * each system call gets before, in AUTHORIZATION and in TRANSACTION. Runs as
 * root in the parent folder of the three, so that nothing but the confinement
 * refuses. Fails if a call got what it should not.
 */
#include "sandbox_system.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARGUMENTS = 6, STATES = 3, OTHER = 0x7001, NEW = O_WRONLY | O_CREAT | O_EXCL };

/* An argument that is known at run time only. */
enum { SPOOL = -0x7001, PARENT = -0x7002, SELF = -0x7003 };

/*
 * In "want", for each state: + not refused, - refused, L refused by Landlock
 * only, . not asked. Arguments are such that a call that is not refused does
 * nothing, but for names that are made, which are removed again.
 */
static const struct row {
	const char *want;
	const char *name;
	long number;
	intptr_t arguments[ARGUMENTS];
} table[] = {
#define CALL(want, name, ...) { want, #name "(" #__VA_ARGS__ ")", SYS_##name, { __VA_ARGS__ } }
#define TEXT(text) (intptr_t)(text)

	/* What cannot be called at all. */
	CALL("+--", execve, TEXT("/nonexistent"), 0, 0),
	CALL("+--", execveat, AT_FDCWD, TEXT("/nonexistent"), 0, 0, 0),
	CALL("+--", clone, CLONE_SIGHAND),
	CALL("+--", clone3, 0, 0),
	CALL("+--", socket, AF_UNIX, SOCK_STREAM),
	CALL("+--", socket, AF_INET, SOCK_STREAM),
	CALL("+--", socketpair, AF_UNIX, SOCK_STREAM, 0, 0),
	CALL("+--", connect, 0, 0, 0),
	CALL("+--", bind, 0, 0, 0),
	CALL("+--", ptrace, PTRACE_CONT, PARENT),
	CALL("+--", process_vm_readv, PARENT),
	CALL("+--", process_vm_writev, PARENT),
	CALL("+--", kill, PARENT, 0),
	CALL("+--", pidfd_open, PARENT, 0),
	CALL("+--", tgkill, PARENT, PARENT, 0),
	CALL("+--", tkill, PARENT, 0),
	CALL("+--", prlimit64, PARENT),
	CALL("+--", mkdirat, AT_FDCWD, TEXT("outside"), 0700),
	CALL("+--", mknodat, AT_FDCWD, TEXT("outside"), S_IFIFO, 0),
	CALL("+--", renameat2, AT_FDCWD, TEXT("nothing"), AT_FDCWD, TEXT("outside"), 0),
	CALL("+--", linkat, AT_FDCWD, TEXT("nothing"), AT_FDCWD, TEXT("other"), 0),
	CALL("+--", symlinkat, TEXT("nothing"), AT_FDCWD, TEXT("outside")),
	CALL("+--", fchmodat, AT_FDCWD, TEXT("nothing"), 0777),
	CALL("+--", fchmod, -1, 0777),
	CALL("+--", fchownat, AT_FDCWD, TEXT("nothing"), 0, 0, 0),
	CALL("+--", fchown, -1, 0, 0),
	CALL("+--", chdir, TEXT(".")),
	CALL("+--", chroot, TEXT("nothing")),
	CALL("+--", openat2, AT_FDCWD, TEXT("/etc/passwd"), 0, 0),
	CALL("+--", ioctl, -1, 0),
	CALL("+--", dup, -1),
	CALL("+--", dup3, 0, 0, 0),
	CALL("+--", pipe2, 0, 0),
	CALL("+--", prctl, PR_GET_DUMPABLE),
	CALL("+--", personality, 0xffffffff),
	CALL("+--", memfd_create, 0, 0),
	CALL("+--", shmget, 0, 0, 0),
	CALL("+--", bpf, -1, 0, 0),
	CALL("+--", mount, 0, TEXT("nothing"), 0, 0, 0),
	CALL("+--", unshare, 0),
	CALL("+--", io_uring_setup, 0, 0),
	CALL("+--", perf_event_open, 0, 0, -1, -1, 0),
	CALL("+--", userfaultfd, -1),
	CALL("+--", keyctl, 0, 0, 0),
	/* Memory with code in it. */
	CALL("+--", mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	CALL("+--", mmap, 0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	CALL("+--", mprotect, 0, 4096, PROT_EXEC),
	CALL("+++", mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	CALL("+++", mprotect, 0, 4096, PROT_READ),
	/* Ids. */
	CALL("+--", setuid, 0),
	CALL("+--", setgid, 0),
	CALL("+--", setreuid, 0, 0),
	CALL("+--", setregid, 0, 0),
	CALL("+--", setfsuid, 0),
	CALL("+--", setresuid, 0, 0, 0),
	CALL("+--", setresuid, 0, -1, -1),
	CALL("+--", setresuid, -1, 0, -1),
	CALL("+--", setresuid, -1, -1, 0),
	CALL("+--", setresgid, 0, 0, 0),
	CALL("+--", setresgid, -1, 0, -1),
	CALL("++-", setresuid, -1, -1, -1),
	CALL("++-", setresgid, -1, -1, -1),
	CALL("+--", setgroups, 2, 0),
	CALL("+--", setgroups, 1, 0),
	CALL("++-", setgroups, 0, 0),
	CALL("++-", capset, 0, 0),
	CALL("++-", seccomp, -1, 0, 0),
	CALL("++-", landlock_create_ruleset, 0, 0, 1),
	CALL("++-", landlock_restrict_self, -1, 0),
	/* Files. */
	CALL("+L-", openat, AT_FDCWD, TEXT("/etc/passwd"), O_RDONLY),
	CALL("+L-", openat, AT_FDCWD, TEXT("/etc/shadow"), O_RDWR),
	CALL("+L-", openat, AT_FDCWD, TEXT("/proc/self/mem"), O_RDWR),
	CALL("+L-", openat, AT_FDCWD, TEXT("outside/new"), NEW, 0600),
	CALL("+L-", openat, SPOOL, TEXT("../outside/old"), O_RDONLY),
	CALL("+L-", openat, SPOOL, TEXT("../outside/old"), O_WRONLY),
	CALL("+L-", openat, SPOOL, TEXT("../outside/new"), NEW, 0600),
	CALL("+LL", openat, SPOOL, TEXT("../outside/new"), NEW, 0404),
	CALL("++-", openat, SPOOL, TEXT("alice"), O_RDONLY),
	CALL("++-", openat, SPOOL, TEXT("alice"), O_RDWR),
	CALL("+--", openat, SPOOL, TEXT("alice"), O_PATH),
	CALL("+--", openat, SPOOL, TEXT("alice"), O_PATH | O_CREAT | O_EXCL),
	CALL("++-", openat, SPOOL, TEXT("new"), NEW, 0600),
	CALL("+--", openat, SPOOL, TEXT("new"), NEW, 06755),
	CALL("+--", openat, SPOOL, TEXT("new"), NEW, 0644),
	CALL("+++", openat, SPOOL, TEXT("new"), NEW, 0404),
	CALL("+L-", unlinkat, AT_FDCWD, TEXT("outside"), 0),
	CALL("+LL", unlinkat, SPOOL, TEXT("../outside"), 0),
	CALL("+--", utimensat, SPOOL, TEXT("nothing"), 0, AT_SYMLINK_NOFOLLOW),
	/* Descriptors. */
	CALL("+--", fcntl, -1, F_DUPFD, 0),
	CALL("+--", fcntl, -1, F_SETOWN, 1),
	CALL("+--", fcntl, -1, F_SETSIG, 9),
	/* What is needed. */
	CALL("+++", read, -1, 0, 0),
	CALL("+++", write, -1, 0, 0),
	CALL("+++", pread64, -1, 0, 0, 0),
	CALL("+++", pwrite64, -1, 0, 0, 0),
	CALL("+++", sendto, -1, 0, 0, 0, 0, 0),
	CALL("+++", recvfrom, -1, 0, 0, 0, 0, 0),
	CALL("+++", ppoll, 0, -1, 0, 0),
	CALL("+++", fcntl, -1, F_OFD_SETLK, 0),
	CALL("+++", flock, -1, 0),
	CALL("+++", lseek, -1, 0, 0),
	CALL("+++", ftruncate, -1, 0),
	CALL("+++", fallocate, -1, 0, 0, 0),
	CALL("+++", fdatasync, -1),
	CALL("+++", utimensat, -1, 0, 0, 0),
	CALL("+++", clock_gettime, 1, 0),
	CALL("+++", getrandom, 0, 0, 0),
	CALL("+++", getpid),
	CALL("+++", tgkill, SELF, SELF, 0),
	CALL("+++", prlimit64, 0),
};

enum { CALLS = sizeof table / sizeof table[0] };
static int results[CALLS][STATES];	/* errno, or 0 */
static int spool;

static intptr_t
resolve(intptr_t argument)
{
	switch (argument) {
	case SPOOL:
		return spool;
	case PARENT:
		return getppid();
	case SELF:
		return getpid();
	default:
		return argument;
	}
}

static int
make(const struct row *row)
{
	intptr_t a[ARGUMENTS];
	long result;

	for (size_t i = 0; i < ARGUMENTS; i++)
		a[i] = resolve(row->arguments[i]);
	result = syscall(row->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (result == -1)
		return errno;
	if (row->number == SYS_openat)
		close((int)result);
	if (row->number == SYS_openat && a[2] == NEW)
		unlinkat((int)a[0], (const char *)a[1], 0);
	return 0;
}

static void
make_all(int state)
{
	for (size_t i = 0; i < CALLS; i++)
		results[i][state] = make(&table[i]);
}

static bool
is_right(char want, int error, bool landlock)
{
	bool refused = error == EPERM || error == EACCES;

	return refused == (want == '-' || (want == 'L' && landlock));
}

static const char *
text_of(int error)
{
	return error == 0 ? "done" : strerrorname_np(error);
}

int
main(int argc, char **argv)
{
	int state, wrong = 0;
	enum system_result confined;

	if (argc != 4)
		return 64;
	spool = open(argv[1], O_RDONLY | O_DIRECTORY);
	state = open(argv[2], O_RDONLY | O_DIRECTORY);
	make_all(0);
	if (system_limit() == -1 || system_gain_nothing() == -1 ||
	    (confined = system_confine(spool, state, -1)) == SYSTEM_FAILED) {
		perror("confine");
		return 1;
	}
	make_all(1);
	if (system_seal(spool) == -1) {
		perror("seal");
		return 1;
	}
	make_all(2);
	for (size_t i = 0; i < CALLS; i++) {
		const char *verdict = "";
		for (int s = 0; s < STATES; s++)
			if (!is_right(table[i].want[s], results[i][s], confined == SYSTEM_GOOD)) {
				verdict = " WRONG";
				wrong++;
			}
		printf("%-8s %-8s %-8s %s%s\n", text_of(results[i][0]), text_of(results[i][1]),
		    text_of(results[i][2]), table[i].name, verdict);
	}
	printf("%d calls, Landlock: %s, wrong: %d\n", (int)CALLS,
	    confined == SYSTEM_GOOD ? "yes" : "no", wrong);
	return wrong > 0;
}
