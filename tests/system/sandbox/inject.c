/*
 * inject [-i] PID CALL [ARGUMENT...]
 *
 * Makes a process that waits in a system call do another call, prints its result,
 * a number or an errno's name, and lets the process wait on. x86-64 only.
 * CALL is a name of the table below or a number; -i makes it by int 0x80; on
 * a machine without int 0x80 "stopped by SEGV" is printed. "executed" is printed
 * if the process goes on with another program. An
 * argument is a number, "s:TEXT", or "x:HEX"; for the last two the octets are put
 * on the process's stack and their address is passed.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifndef __x86_64__
#error "registers are named differently elsewhere"
#endif

enum { ARGUMENTS = 6, RED_ZONE = 128, OCTETS = 512, X32 = 0x40000000 };

#define CALL(name) { #name, SYS_##name }

static const struct {
	const char *name;
	long number;
} calls[] = {
	CALL(bind), CALL(bpf), CALL(capset), CALL(chdir), CALL(chmod), CALL(chown), CALL(chroot),
	CALL(clone), CALL(clone3), CALL(close), CALL(connect), CALL(creat), CALL(dup2), CALL(execve),
	CALL(execveat), CALL(fchmod), CALL(fchown), CALL(fcntl), CALL(fork), CALL(fsmount),
	CALL(ftruncate), CALL(getdents64), CALL(getpid),
	CALL(io_uring_setup), CALL(ioctl), CALL(keyctl), CALL(kill),
	CALL(landlock_create_ruleset), CALL(landlock_restrict_self), CALL(link), CALL(linkat),
	CALL(memfd_create), CALL(mkdir), CALL(mknod), CALL(mmap), CALL(mount), CALL(mprotect),
	CALL(newfstatat), CALL(open), CALL(openat), CALL(openat2), CALL(perf_event_open), CALL(personality),
	CALL(pidfd_open), CALL(pipe), CALL(pkey_mprotect), CALL(prctl), CALL(pread64), CALL(prlimit64),
	CALL(process_vm_readv), CALL(process_vm_writev), CALL(ptrace), CALL(pwrite64), CALL(rename),
	CALL(renameat2), CALL(seccomp), CALL(sendto), CALL(setfsuid), CALL(setgid), CALL(setgroups),
	CALL(setresgid), CALL(setresuid), CALL(setreuid), CALL(setuid), CALL(shmget),
	CALL(socket), CALL(socketpair), CALL(symlink), CALL(tgkill), CALL(tkill), CALL(unlink),
	CALL(unlinkat), CALL(unshare), CALL(userfaultfd), CALL(utimensat), CALL(vfork),
};

static _Noreturn void
fail(const char *what)
{
	perror(what);
	exit(2);
}

static long
number_of(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(name, calls[i].name) == 0)
			return calls[i].number;
	if (strncmp(name, "x32:", 4) == 0)
		return number_of(name + 4) | X32;
	char *end;
	long number = strtol(name, &end, 0);
	if (*name == '\0' || *end != '\0') {
		fprintf(stderr, "no such call: %s\n", name);
		exit(2);
	}
	return number;
}

static void
poke(pid_t pid, uint64_t address, const void *octets, size_t length)
{
	char words[OCTETS + sizeof(long)] = "";
	long word;

	memcpy(words, octets, length);
	for (size_t i = 0; i < length; i += sizeof word) {
		memcpy(&word, words + i, sizeof word);
		if (ptrace(PTRACE_POKEDATA, pid, address + i, word) == -1)
			fail("cannot write to the process");
	}
}

static size_t
octets_of(const char *text, char octets[OCTETS])
{
	size_t length = 0;

	if (strlen(text + 2) >= OCTETS)
		fail("argument too long");
	if (text[0] == 's') {
		strcpy(octets, text + 2);
		return strlen(octets) + 1;
	}
	for (text += 2; text[0] != '\0' && text[1] != '\0'; text += 2) {
		char digits[] = { text[0], text[1], '\0' };
		octets[length++] = (char)strtol(digits, NULL, 16);
	}
	return length;
}

/* Returns the signal. Does not return if the process has executed another program. */
static int
wait_for_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == -1)
		fail("waitpid");
	if (status >> 16 == PTRACE_EVENT_EXEC) {
		if (ptrace(PTRACE_DETACH, pid, NULL, NULL) == -1)
			fail("cannot let the process go on");
		puts("executed");
		exit(0);
	}
	if (WIFSTOPPED(status))
		return WSTOPSIG(status);
	if (WIFSIGNALED(status))
		printf("killed by %s\n", sigabbrev_np(WTERMSIG(status)));
	else
		puts("exited");
	exit(0);
}

static void
set_arguments(pid_t pid, struct user_regs_struct *registers, char **arguments, int count)
{
	unsigned long long *const places[ARGUMENTS] = {
		&registers->rdi, &registers->rsi, &registers->rdx, &registers->r10, &registers->r8,
		&registers->r9,
	};
	uint64_t stack = (registers->rsp - RED_ZONE) & ~(uint64_t)63;
	char octets[OCTETS];

	for (int i = 0; i < ARGUMENTS; i++) {
		*places[i] = 0;
		if (i >= count)
			continue;
		if (arguments[i][0] != '\0' && arguments[i][1] == ':') {
			size_t length = octets_of(arguments[i], octets);
			stack -= OCTETS;
			poke(pid, stack, octets, length);
			*places[i] = stack;
		} else {
			*places[i] = strtoull(arguments[i], NULL, 0);
		}
	}
}

int
main(int argc, char **argv)
{
	static const unsigned char instructions[2][2] = { { 0x0f, 0x05 }, { 0xcd, 0x80 } };
	int old = argc > 1 && strcmp(argv[1], "-i") == 0;
	struct user_regs_struct saved, changed;

	argc -= old;
	argv += old;
	if (argc < 3 || argc > 3 + ARGUMENTS) {
		fputs("usage: inject [-i] PID CALL [ARGUMENT...]\n", stderr);
		return 2;
	}
	pid_t pid = (pid_t)strtol(argv[1], NULL, 10);
	long number = number_of(argv[2]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC) == -1 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1)
		fail("cannot trace the process");
	wait_for_stop(pid);
	if (ptrace(PTRACE_GETREGS, pid, NULL, &saved) == -1)
		fail("cannot read registers");
	changed = saved;
	changed.rip -= sizeof instructions[0];
	errno = 0;
	long text = ptrace(PTRACE_PEEKTEXT, pid, changed.rip, NULL);
	if (errno != 0 || memcmp(&text, instructions[0], sizeof instructions[0]) != 0) {
		fputs("the process is in no system call\n", stderr);
		return 2;
	}
	long other = text;
	memcpy(&other, instructions[old], sizeof instructions[0]);
	changed.rax = (unsigned long long)number;
	/* So that the interrupted call is not begun again before ours. */
	changed.orig_rax = (unsigned long long)-1;
	set_arguments(pid, &changed, argv + 3, argc - 3);
	if (ptrace(PTRACE_POKETEXT, pid, changed.rip, other) == -1 ||
	    ptrace(PTRACE_SETREGS, pid, NULL, &changed) == -1 ||
	    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1)
		fail("cannot make the call");
	int stop = wait_for_stop(pid);
	uint64_t place = changed.rip;
	if (ptrace(PTRACE_GETREGS, pid, NULL, &changed) == -1 ||
	    ptrace(PTRACE_POKETEXT, pid, place, text) == -1 ||
	    ptrace(PTRACE_SETREGS, pid, NULL, &saved) == -1 ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL) == -1)
		fail("cannot let the process go on");
	long result = (long)changed.rax;
	if (stop != SIGTRAP)
		printf("stopped by %s\n", sigabbrev_np(stop));
	else if (result < 0 && result > -4096)
		puts(strerrorname_np((int)-result));
	else
		printf("%ld\n", result);
	return 0;
}
