/*
 * For the targets that play a whole session. The clock, the client, crypt(3) and the
 * changes of ids are made here; the maildrop is a real one in memory. Time passes only
 * when the session waits.
 */
#ifndef PLAY_H
#define PLAY_H

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admission.h"
#include "authorization.h"
#include "handover.h"
#include "sandbox.h"
#include "session.h"

/* An input's first octet says how the client's octets arrive, and which front there is. */
enum { TLS_FRONT = 1, TLS_DELAYED = 2, NO_PLAINTEXT = 4, SLOW = 8, PIECE = 0xf0 };

/* The front's descriptor. No other is as high, so it can be closed whatever became of it. */
enum { CONTROL = 100 };

enum { NOBODY, ALICE, BOB };	/* also their group-IDs, by which become() knows them */

static jmp_buf way_out;
static const uint8_t *from_client;
static size_t from_client_left, piece_size;
static int64_t clock_nanoseconds;
static char said[1 << 20];
static size_t said_length;
static volatile gid_t let_in;

static void
must(bool good)
{
	if (!good)
		abort();
}

static _Noreturn void
leave(void)
{
	longjmp(way_out, 1);
}

static ssize_t
client_says(char *octets, size_t room)
{
	size_t n = from_client_left;

	must(room > 0);
	if (n > room)
		n = room;
	if (piece_size > 0 && n > piece_size)
		n = piece_size;
	if (n > 0)
		memcpy(octets, from_client, n);
	from_client += n;
	from_client_left -= n;
	return (ssize_t)n;
}

static ssize_t
client_hears(const char *octets, size_t length)
{
	if (said_length + length > sizeof said)
		said_length = 0;
	must(length <= sizeof said);
	memcpy(said + said_length, octets, length);
	said_length += length;
	return (ssize_t)length;
}

static int
clock_of_ours(struct timespec *now)
{
	now->tv_sec = clock_nanoseconds / 1000000000;
	now->tv_nsec = clock_nanoseconds % 1000000000;
	return 0;
}

static int
wait_a_while(const struct pollfd *fds, const struct timespec *patience)
{
	/* Nothing has come yet, where nothing is waited for. */
	if (fds != NULL && patience->tv_sec == 0 && patience->tv_nsec == 0)
		return 0;
	if (fds == NULL)
		clock_nanoseconds += patience->tv_sec * 1000000000 + patience->tv_nsec;
	else if (piece_size > 0)
		clock_nanoseconds += 1000000000;
	return fds == NULL ? 0 : 1;
}

/* If the wire closed the null device, the next input would have no descriptors. */
static int
stay_open(int fd)
{
	(void)fd;
	return 0;
}

/* What the wire asks of the system is ours. */
#define read(fd, octets, room) client_says(octets, room)
#define write(fd, octets, length) client_hears(octets, length)
#define ppoll(fds, count, patience, signals) wait_a_while(fds, patience)
#define clock_gettime(clock, now) clock_of_ours(now)
#define close(fd) stay_open(fd)
#define _exit(code) leave()
#include "../../src/wire.c"
#undef read
#undef write
#undef ppoll
#undef clock_gettime
#undef close
#undef _exit

static int
become(gid_t gid)
{
	let_in = gid;
	return 0;
}

/* What the target has in place of the vault. */
static void close_vault(struct orders *orders, enum handover_role role);

/* The process keeps its ids, since it must serve the next input. */
#define sandbox_become(uid, gid, spool) become(gid)
#define sandbox_seal(spool) 0
#define sandbox_lower(ids, spool) 0
#define sandbox_read_again(ids) 0
#define handover_leave(orders) close_vault(orders, HANDOVER_READER)
#define handover_end(orders) close_vault(orders, HANDOVER_ALONE)
#include "../../src/admission.c"
#define exit(code) leave()
#include "../../src/session.c"
#undef exit

static int spool = -1, state, null;
static uid_t owner;
static struct options options;
static char directory[] = "/dev/shm/fuzz.XXXXXX";

/* Nobody else writes here whom a pause would let notice. */
int
nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)pause;
	(void)left;
	return 0;
}

/* In place of libcrypt's, which takes its time. */
char *
crypt_r(const char *key, const char *setting, struct crypt_data *data)
{
	strcpy(data->output, strcmp(key, "sesame") == 0 ? setting : "*0");
	return data->output;
}

static const char mail[] =
	"From a@example.org Thu Jan  1 00:00:00 1970\nSubject: one\nX-UID: 3\n\n.\n..x\nbody\n\n"
	"From b@example.org Thu Jan  1 00:00:00 1970\r\nSubject: two\r\n\r\nbody\r\n\r\n"
	"From c@example.org Thu Jan  1 00:00:00 1970\nno empty line\n"
	"From c\n\n"
	"From d@example.org Thu Jan  1 00:00:00 1970\nSubject: one\n\n>From x\nno end";

static void
put_file(int at, const char *name, const void *octets, size_t length)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd != -1 && write(fd, octets, length) == (ssize_t)length);
	close(fd);
}

static char *
path_of(const char *name)
{
	static char paths[4][64];
	static size_t next;

	must(next < 4);
	snprintf(paths[next], sizeof paths[next], "%s/%s", directory, name);
	return paths[next++];
}

static void
set_up(void)
{
	char line[200];

	must(mkdtemp(directory) != NULL);
	int top = open(directory, O_RDONLY | O_DIRECTORY);
	must(mkdirat(top, "spool", 0700) == 0 && mkdirat(top, "state", 0700) == 0);
	spool = openat(top, "spool", O_RDONLY | O_DIRECTORY);
	state = openat(top, "state", O_RDONLY | O_DIRECTORY);
	null = open("/dev/null", O_RDWR);
	must(spool != -1 && state != -1 && null != -1);
	/* Root is never served. */
	owner = geteuid() == 0 ? 1 : geteuid();
	snprintf(line, sizeof line, "alice:x:%d:%d::/:\nbob:x:%d:%d::/:\n", owner, ALICE,
	    owner, BOB);
	put_file(top, "passwd", line, strlen(line));
	strcpy(line, "alice:$fuzz$:20000::::::\nbob:$fuzz$:20000::::::\n");
	put_file(top, "shadow", line, strlen(line));
	put_file(top, "secrets", "bob:secret\n", 11);
	put_file(top, "dovecot", "alice:1:4\n", 10);
	close(top);
	options = (struct options){
		.passwd = path_of("passwd"), .shadow = path_of("shadow"),
		.secrets = path_of("secrets"), .dovecot = path_of("dovecot"), .account = "service",
		.hostname = "fuzz.example", .domains = "", .least_uid = 1,
		.idle_seconds = 20, .login_seconds = 40,
	};
	log_open(true);
}

static struct tls
front(unsigned flags)
{
	if ((flags & TLS_FRONT) == 0)
		return TLS_NONE;
	int control = fcntl(null, F_DUPFD_CLOEXEC, CONTROL);
	must(control == CONTROL);
	return (struct tls){ (flags & TLS_DELAYED) != 0, control, null, null };
}

/* Makes the wire that of a process that has just begun. */
static void
renew_wire(void)
{
	line_start = input_end = used = 0;
	mail_in_output = false;
	end_session = session_end;
	in = out = null;
	log_user(NULL);
}

/* Puts the maildrop back, and a new client on the wire. */
static void
begin_play(unsigned flags, const uint8_t *octets, size_t length)
{
	if (spool == -1)
		set_up();
	put_file(spool, "alice", mail, sizeof mail - 1);
	must(fchownat(spool, "alice", owner, (gid_t)-1, 0) == 0);
	from_client = octets;
	from_client_left = length;
	piece_size = (flags & SLOW) == 0 ? 0 : 1 + (flags & PIECE);
	said_length = 0;
	let_in = NOBODY;
	current.state = 0;
	renew_wire();
}

static bool
ends_with(const char *end)
{
	size_t n = strlen(end);

	return said_length >= n && memcmp(said + said_length - n, end, n) == 0;
}

/* All lines of the server end in CRLF, and alice's mail goes by her finished UPDATE only. */
static void
check_end(bool to_its_end)
{
	char octets[sizeof mail];

	for (size_t i = 0; i < said_length; i++)
		must(said[i] != '\n' || (i > 0 && said[i - 1] == '\r'));
	int fd = openat(spool, "alice", O_RDONLY);
	ssize_t length = pread(fd, octets, sizeof octets, 0);
	close(fd);
	if (length != sizeof mail - 1 || memcmp(octets, mail, sizeof mail - 1) != 0)
		must(let_in == ALICE && to_its_end && ends_with("+OK bye\r\n"));
	must(faccessat(spool, "alice.lock", F_OK, 0) == -1);
}

static void
end_play(struct orders *orders)
{
	roster_wipe(&orders->roster);
	journal_close(&current.journal);
	free(current.maildrop.messages);
	if (current.maildrop.fd > 0)
		close(current.maildrop.fd);
	(void)close(CONTROL);
}

#endif
