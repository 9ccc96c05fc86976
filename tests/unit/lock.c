/*
 * What depends on a clock: a dotlock is touched while it is held, however long the disk
 * takes, and login waits if a mailbox was written to within the present tick.
 * The clock here goes on when this program says so.
 */
#include "lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "index.h"
#include "journal.h"
#include "maildrop.h"
#include "unit.h"
#include "update.h"

enum { MESSAGES = 12, MESSAGE = 100 * 1000, MOST_EVENTS = 4096 };

static const struct options options = { .spool = "the folder", .lock_seconds = 1 };

static struct timespec uptime = { .tv_sec = 1000 };
static struct timespec coarse;
static unsigned pace;		/* seconds that each reading and writing takes */
static unsigned naps;
static long each;		/* nanoseconds that pass whenever the clock is read */
static int directory, mailbox_fd = -1;
static char events[MOST_EVENTS];	/* r and w: of the mailbox; s: its sync; t: a touch */
static size_t event_count;

static void
note(int fd, char event)
{
	if (event == 't' || fd == mailbox_fd)
		events[event_count++ % MOST_EVENTS] = event;
	if (event == 'r' || event == 'w')
		uptime.tv_sec += pace;
}

static void
pass(int64_t nanoseconds)
{
	nanoseconds += uptime.tv_nsec;
	uptime.tv_sec += nanoseconds / (1000 * 1000 * 1000);
	uptime.tv_nsec = nanoseconds % (1000 * 1000 * 1000);
}

/* These stand in for libc's, which are called by other names or not at all. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_REALTIME_COARSE)
		pass(each);
	*now = clock == CLOCK_REALTIME_COARSE ? coarse : uptime;
	return 0;
}

int
nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	naps++;
	if (each > 0)
		pass((int64_t)time->tv_sec * 1000 * 1000 * 1000 + time->tv_nsec);
	return 0;
}

int
futimens(int fd, const struct timespec times[2])
{
	note(fd, times == NULL ? 't' : 'm');
	return 0;
}

ssize_t
pread(int fd, void *octets, size_t length, off_t offset)
{
	/* Short readings, of a message's first or last octets, take no time here. */
	if (length > 4096)
		note(fd, 'r');
	return (ssize_t)syscall(SYS_pread64, fd, octets, length, offset);
}

ssize_t
pwrite(int fd, const void *octets, size_t length, off_t offset)
{
	note(fd, 'w');
	return (ssize_t)syscall(SYS_pwrite64, fd, octets, length, offset);
}

int
fdatasync(int fd)
{
	note(fd, 's');
	return 0;
}

static void
make_mailbox(void)
{
	FILE *file = fopen("mailbox", "w");

	if (file == NULL)
		exit(EXIT_FAILURE);
	for (int i = 0; i < MESSAGES; i++) {
		fprintf(file, "From a\nSubject: %d\n\n", i);
		for (int octets = 0; octets < MESSAGE; octets += 10)
			fputs("123456789\n", file);
		fputs("\n", file);
	}
	fclose(file);
}

static void
open_mailbox(struct maildrop *maildrop)
{
	if (maildrop_open(maildrop, directory, "mailbox", geteuid(), &options) != MAILDROP_GOOD ||
	    maildrop->fd == -1) {
		perror("mailbox");
		exit(EXIT_FAILURE);
	}
	mailbox_fd = maildrop->fd;
	event_count = 0;
}

/* Each event of the kind "what" follows a touch, since all before it took long. */
static void
check_touched(const char *when, char what, size_t least)
{
	size_t found = 0;

	for (size_t i = 0; i < event_count; i++) {
		if (events[i] != what)
			continue;
		found++;
		check(i == 0 || events[i - 1] == 't', "%s: no touch before %c, event %zu of %.*s",
		    when, what, i, (int)event_count, events);
	}
	check(found >= least, "%s: %zu events %c", when, found, what);
}

static void
test_pace(void)
{
	struct maildrop maildrop;

	open_mailbox(&maildrop);
	for (int i = 0; i < 2; i++) {
		uptime.tv_sec += 29;
		lock_touch();
		check(event_count == 0, "touched after 29 seconds");
		uptime.tv_sec += 1;
		lock_touch();
		check(event_count == 1, "touched %zu times after 30 seconds", event_count);
		event_count = 0;
	}
	maildrop_unlock(&maildrop);
	uptime.tv_sec += 100;
	lock_touch();
	check(event_count == 0, "touched without a lock");
	close(maildrop.fd);
}

static void
test_long_work(void)
{
	struct maildrop maildrop;
	struct journal journal;
	struct stat status;

	open_mailbox(&maildrop);
	pace = 40;
	check(index_make(&maildrop) == MAILDROP_GOOD && maildrop.count == MESSAGES, "index");
	check_touched("indexing", 'r', 5);
	event_count = 0;
	/* As if the file had been touched. */
	maildrop.seen.st_mtim.tv_nsec ^= 1;
	for (size_t i = 1; i <= MESSAGES; i++)
		maildrop_delete(&maildrop, maildrop_message(&maildrop, i));
	check(index_confirm_to_remove(&maildrop) == MAILDROP_GOOD, "looking again");
	check_touched("looking again", 'r', 5);
	maildrop_unlock(&maildrop);
	maildrop_reset(&maildrop);
	maildrop_delete(&maildrop, maildrop_message(&maildrop, 1));
	check(journal_open(&journal, directory, "journal") == 0, "journal");
	event_count = 0;
	check(update_commit(&maildrop, &journal) == UPDATE_DONE, "UPDATE");
	check_touched("UPDATE", 'w', 5);
	/* The last sync follows the truncation, which takes no time, so it needs no touch. */
	while (event_count > 0 && events[event_count - 1] != 's')
		event_count--;
	event_count -= event_count > 0;
	check_touched("UPDATE", 's', 1);
	check(fstat(maildrop.fd, &status) == 0 && (uint64_t)status.st_size < maildrop.size, "size");
	pace = 0;
	close(maildrop.fd);
}

static void
test_tick(void)
{
	struct maildrop maildrop;
	struct stat status;

	open_mailbox(&maildrop);
	if (fstat(maildrop.fd, &status) == -1 || status.st_ctim.tv_nsec == 0)
		return;
	for (long later = -1; later <= 1; later++) {
		coarse = status.st_ctim;
		coarse.tv_nsec += later;
		naps = 0;
		check(maildrop_stamp(&maildrop) == MAILDROP_GOOD, "stamp");
		check(naps == (later <= 0), "%u naps when the clock is %ld ns later than the mailbox",
		    naps, later);
	}
	maildrop_unlock(&maildrop);
	close(maildrop.fd);
}

/* Where each look at the clock takes long, as on a busy disk, patience ends all the same. */
static void
test_patience(void)
{
	struct maildrop maildrop;
	int other = open("mailbox", O_RDWR);

	check(flock(other, LOCK_EX) == 0, "the other's lock");
	each = 100 * 1000 * 1000;
	int64_t start = uptime.tv_sec * 1000 + uptime.tv_nsec / 1000000;
	check(maildrop_open(&maildrop, directory, "mailbox", geteuid(), &options) == MAILDROP_BUSY,
	    "another program has the lock");
	int64_t waited = uptime.tv_sec * 1000 + uptime.tv_nsec / 1000000 - start;
	each = 0;
	check(naps > 0 && waited >= 1000 && waited < 2500, "waited %jd ms in %u naps",
	    (intmax_t)waited, naps);
	close(other);
}

int
main(void)
{
	directory = open(".", O_RDONLY | O_DIRECTORY);
	make_mailbox();
	test_pace();
	test_long_work();
	make_mailbox();
	test_tick();
	naps = 0;
	test_patience();
	return verdict();
}
