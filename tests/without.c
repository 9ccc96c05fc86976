/*
 * without CALL ERROR COMMAND [ARGUMENT...]: runs it as on a kernel that answers
 * this system call with this error, from the start on.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct name {
	const char *name;
	unsigned number;
} calls[] = {
	{ "clock_gettime", SYS_clock_gettime },
	{ "fallocate", SYS_fallocate },
	{ "landlock_create_ruleset", SYS_landlock_create_ruleset },
	{ "ptrace", SYS_ptrace },
	{ "seccomp", SYS_seccomp },
	{ NULL, 0 },
}, errors[] = {
	{ "EINVAL", EINVAL },
	{ "ENOSPC", ENOSPC },
	{ "ENOSYS", ENOSYS },
	{ "EOPNOTSUPP", EOPNOTSUPP },
	{ "EPERM", EPERM },
	{ NULL, 0 },
};

/* 0: there is no such name. */
static unsigned
find(const struct name *table, const char *text)
{
	while (table->name != NULL && strcmp(table->name, text) != 0)
		table++;
	return table->number;
}

int
main(int argc, char **argv)
{
	unsigned call = argc < 4 ? 0 : find(calls, argv[1]);
	unsigned error = argc < 4 ? 0 : find(errors, argv[2]);

	if (call == 0 || error == 0) {
		fputs("usage: without CALL ERROR COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	struct sock_filter rows[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof rows / sizeof rows[0], rows };

	/* By prctl(2), so that seccomp(2) is free to be refused. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1) {
		perror("without");
		return 2;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 2;
}
