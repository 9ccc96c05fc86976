/* credentials: a clock that cannot be read, or stands before 1970, lets nobody in. */
#include "credentials.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

/* "sesame". */
#define HASH "$6$rounds=1000$salt$GK3yib7Lb94CdPqNt0xP5RxgvpEWVn9CfnufX04biOKhvXzbBUvzy01KX.g/" \
	"08wFRTJ2aRZ.lH3NQTM08sbo9."

static char passwd[32], shadow[32];
static const struct options options = {
	.passwd = passwd, .shadow = shadow, .account = "service", .domains = "", .least_uid = 1000,
};
static int answer;
static time_t seconds;

/* This stands in for libc's. */
int
clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	*now = (struct timespec){ .tv_sec = seconds };
	errno = EPERM;
	return answer;
}

static void
make_file(char *path, size_t room, const char *text)
{
	int fd = memfd_create("accounts", MFD_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	snprintf(path, room, "/proc/self/fd/%d", fd);
}

/* Judges a login of alice in a session that begins now. */
static void
expect(enum credentials_verdict want, const char *remark)
{
	struct account account;
	struct roster roster;

	if (roster_open(&options, 0) == -1)
		abort();
	roster_load(&roster, -1, 0);
	enum credentials_verdict got = credentials_password(&roster, "alice", "sesame", 6, &account);
	roster_wipe(&roster);

	check(got == want, "clock_gettime says %d, %jd: %d", answer, (intmax_t)seconds, (int)got);
	check(strcmp(account.remark, remark) == 0, "the remark is %s", account.remark);
}

int
main(void)
{
	make_file(passwd, sizeof passwd, "alice:x:1000:1000::/:/bin/false\n");
	make_file(shadow, sizeof shadow, "alice:" HASH ":20000:0:99999:7::20010:\n");
	seconds = (time_t)20009 * 86400;
	expect(CREDENTIALS_GOOD, "");
	seconds = (time_t)20010 * 86400;
	expect(CREDENTIALS_BAD, "reason=expired");
	seconds = -1;
	expect(CREDENTIALS_BAD, "reason=clock");
	seconds = 0;
	answer = -1;
	expect(CREDENTIALS_BAD, "reason=clock");
	return verdict();
}
