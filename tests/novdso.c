/*
 * novdso COMMAND [ARGUMENT...]: runs it as on a kernel without a vDSO, so that libc
 * asks for the time by system calls. The kernel's note of the vDSO is taken out of the
 * new program's stack before the program runs.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void
fail(const char *what)
{
	perror(what);
	exit(125);
}

static int
open_of(pid_t child, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)child, name);
	int fd = open(path, flags);
	if (fd == -1)
		fail(path);
	return fd;
}

static void
strip(pid_t child)
{
	static unsigned long vector[128];
	static char line[512];
	unsigned long from = 0, to = 0;
	ssize_t length = read(open_of(child, "auxv", O_RDONLY), vector, sizeof vector);
	int memory = open_of(child, "mem", O_RDWR);
	FILE *maps = fdopen(open_of(child, "maps", O_RDONLY), "r");

	while (fgets(line, sizeof line, maps) != NULL && strstr(line, "[stack]") == NULL)
		;
	if (length <= 0 || sscanf(line, "%lx-%lx", &from, &to) != 2)
		fail("no stack");
	char *stack = malloc(to - from);
	if (pread(memory, stack, to - from, (off_t)from) != (ssize_t)(to - from))
		fail("stack");
	char *found = memmem(stack, to - from, vector, (size_t)length);
	if (found == NULL)
		fail("no auxiliary vector");
	for (size_t i = 0; i + 1 < (size_t)length / sizeof vector[0]; i += 2)
		if (vector[i] == AT_SYSINFO_EHDR)
			vector[i] = AT_IGNORE;
	if (pwrite(memory, vector, (size_t)length, (off_t)from + (found - stack)) != length)
		fail("pwrite");
}

int
main(int argc, char **argv)
{
	int status;
	pid_t child = fork();

	if (argc < 2 || child == -1)
		fail("novdso");
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(125);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return 125;
	strip(child);
	if (ptrace(PTRACE_DETACH, child, NULL, NULL) == -1)
		fail("detach");
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
