/*
 * stop: runs a command and makes its Nth call that touches the disk go wrong.
 *
 *	stop [-n number] [-a action] [-o file] command [argument ...]
 *
 * Actions: kill (SIGKILL instead of the call), after (SIGKILL when the call is
 * done), short (half of the octets are written), or the name of an error that
 * the call returns without being done; with a + after it, so do all later
 * calls. Without -n nothing goes wrong. Each call is a line of the file.
 *
 * Only registers are looked at: the memory of a process that is not dumpable
 * is shut to an ordinary user, even to the user who traces it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the registers of this machine are not known here"
#endif

static const struct {
	const char *name;
	long number;
	bool writes;
} calls[] = {
	{ "openat", SYS_openat, false },
	{ "write", SYS_write, true },
	{ "pwrite64", SYS_pwrite64, true },
	{ "ftruncate", SYS_ftruncate, false },
	{ "fallocate", SYS_fallocate, false },
	{ "fsync", SYS_fsync, false },
	{ "fdatasync", SYS_fdatasync, false },
	{ "utimensat", SYS_utimensat, false },
	{ "unlinkat", SYS_unlinkat, false },
	{ "linkat", SYS_linkat, false },
	{ "renameat", SYS_renameat, false },
	{ "renameat2", SYS_renameat2, false },
	{ "copy_file_range", SYS_copy_file_range, true },
};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "EDQUOT", EDQUOT }, { "EFBIG", EFBIG }, { "EINTR", EINTR }, { "EIO", EIO },
	{ "ENOSPC", ENOSPC },
};

static struct {
	long when;
	bool kill, after, half, on;	/* on: all later ones too */
	int error;
	FILE *list;
} plan;

static void
die(const char *what)
{
	fprintf(stderr, "stop: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void
set_action(const char *text)
{
	size_t length = strlen(text);

	plan.kill = strcmp(text, "kill") == 0;
	plan.after = strcmp(text, "after") == 0;
	plan.half = strcmp(text, "short") == 0;
	if (length > 0 && text[length - 1] == '+') {
		plan.on = true;
		length--;
	}
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (strlen(errors[i].name) == length && strncmp(text, errors[i].name, length) == 0)
			plan.error = errors[i].number;
	if (!plan.kill && !plan.after && !plan.half && plan.error == 0) {
		errno = EINVAL;
		die(text);
	}
}

/* The place in the table of a call that touches the disk, or -1. */
static int
find_call(const struct user_regs_struct *regs)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		if ((long)regs->orig_rax != calls[i].number)
			continue;
		if (calls[i].number == SYS_openat && ((int)regs->rdx & O_CREAT) == 0)
			return -1;
		/* The client, and the log. */
		if (calls[i].number == SYS_write && (int)regs->rdi <= STDERR_FILENO)
			return -1;
		return (int)i;
	}
	return -1;
}

static void
resume(pid_t pid, int signal)
{
	if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal) == -1 && errno != ESRCH)
		die("ptrace");
}

/* Runs on until the call at hand returns; false if the process ended. */
static bool
wait_for_exit(pid_t pid, int *status)
{
	resume(pid, 0);
	if (waitpid(pid, status, 0) == -1)
		die("waitpid");
	return WIFSTOPPED(*status);
}

static void
get(pid_t pid, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_GETREGS, pid, NULL, regs) == -1)
		die("ptrace");
}

static void
set(pid_t pid, const struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_SETREGS, pid, NULL, regs) == -1)
		die("ptrace");
}

/*
 * All these calls have a descriptor first. Without one the kernel does nothing,
 * and no filter of system calls sees anything odd.
 */
static void
make_void(pid_t pid, const struct user_regs_struct *before)
{
	struct user_regs_struct regs = *before;

	regs.rdi = (unsigned long long)-1;
	set(pid, &regs);
}

/* The call at hand goes wrong; false if the process ended. */
static bool
go_wrong(pid_t pid, const struct user_regs_struct *before, bool writes, int *status)
{
	struct user_regs_struct regs = *before;

	if (plan.kill || plan.after) {
		if (plan.kill)
			make_void(pid, before);
		else if (!wait_for_exit(pid, status))
			return false;
		kill(pid, SIGKILL);
		while (waitpid(pid, status, 0) == pid && WIFSTOPPED(*status))
			continue;
		return false;
	}
	if (plan.half && writes && regs.rdx > 1) {
		regs.rdx /= 2;
		set(pid, &regs);
	} else if (plan.error != 0)
		make_void(pid, before);
	if (!wait_for_exit(pid, status))
		return false;
	get(pid, &regs);
	/* A compiler may take registers that the kernel keeps for unchanged. */
	regs.rdi = before->rdi;
	regs.rdx = before->rdx;
	if (plan.error != 0)
		regs.rax = (unsigned long long)-plan.error;
	set(pid, &regs);
	return true;
}

static int
follow(pid_t pid)
{
	long count = 0;
	int status;

	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	resume(pid, 0);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		struct user_regs_struct regs;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			resume(pid, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
			continue;
		}
		get(pid, &regs);
		int found = find_call(&regs);
		if (found != -1) {
			count++;
			if (plan.list != NULL)
				fprintf(plan.list, "%s\n", calls[found].name);
		}
		if (found != -1 && (count == plan.when || (plan.on && count > plan.when))) {
			if (!go_wrong(pid, &regs, calls[found].writes, &status))
				break;
		} else if (!wait_for_exit(pid, &status))
			break;
		resume(pid, 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "+n:a:o:")) != -1) {
		if (letter == 'n')
			plan.when = strtol(optarg, NULL, 10);
		else if (letter == 'a')
			set_action(optarg);
		else if (letter != 'o' || (plan.list = fopen(optarg, "we")) == NULL)
			die("options");
	}
	if (optind == argc)
		die("no command");
	pid_t pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			die("ptrace");
		execv(argv[optind], argv + optind);
		die(argv[optind]);
	}
	int result = follow(pid);
	if (plan.list != NULL && fclose(plan.list) != 0)
		die("list");
	return result;
}
