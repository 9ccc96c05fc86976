/*
 * The vault and the attempt. SECURITY: handover_receive runs as root, while a stranger may
 * have chosen the arguments, the environment, the descriptors and the attempt.
 */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	ORDERS_ROOM = (sizeof(struct orders) + PAGE - 1) / PAGE * PAGE,
	/* SECURITY: nobody can remove seals. They distinguish a vault from an attempt. */
	ATTEMPT_SEALS = F_SEAL_SEAL | F_SEAL_GROW,
	VAULT_SEALS = ATTEMPT_SEALS | F_SEAL_SHRINK,
	/* Since Linux 6.3 vm.memfd_noexec may demand the flag or set it, which adds the seal. */
	NO_EXECUTION = 8, SEAL_EXECUTION = 0x20,
};

static int vault = -1;		/* open for writing, until handover_close_vault */
static struct orders *vaulted;	/* the copy in the vault; mapped by the login program */

static void
set_format(char format[HANDOVER_FORMAT])
{
	memset(format, 0, HANDOVER_FORMAT);
	snprintf(format, HANDOVER_FORMAT, "stdpop3d " OPTIONS_VERSION);
}

/*
 * Returns a new descriptor, or -1 with errno. SECURITY: by the vault's mode only root can
 * open it to read or to write; others get no more than O_PATH.
 */
static int
reopen_vault(int flags)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", HANDOVER_VAULT);
	/* Not by open(3), for which some C libraries make a call that the filter refuses. */
	return openat(AT_FDCWD, path, flags | O_CLOEXEC);
}

/* Moves the descriptor to the number. Returns 0, or -1 with errno. */
static int
renumber(int fd, int number)
{
	if (fd == -1 || dup3(fd, number, 0) == -1)
		return -1;
	return close(fd);
}

/* Makes a memory file of "size" octets with these seals. Returns it, or -1 with errno. */
static int
make_memory(const char *name, size_t size, int seals)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | NO_EXECUTION);

	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd == -1)
		return -1;
	if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
make_files(struct orders *orders)
{
	orders->roster_room = roster_room();
	vault = make_memory("vault", ORDERS_ROOM + orders->roster_room, VAULT_SEALS);
	if (vault == -1 || dup3(vault, HANDOVER_VAULT, 0) == -1)
		return -1;
	/* SECURITY: the reader must not read or write by this number, so it becomes O_PATH. */
	if (renumber(reopen_vault(O_PATH), HANDOVER_VAULT) == -1)
		return -1;
	return renumber(make_memory("attempt", sizeof(struct attempt), ATTEMPT_SEALS),
	    HANDOVER_ATTEMPT);
}

/*
 * Notes which file the descriptor is open on, and lets the descriptor outlive the exec.
 * Returns 0, or -1.
 */
static int
hold(struct orders *orders, int fd)
{
	struct stat status;

	if (fd == -1)
		return 0;
	/* The next image closes all higher numbers, as the reader may have opened those. */
	if (fd > HANDOVER_PROGRAM || orders->held_count == HANDOVER_HELD || fstat(fd, &status) == -1 ||
	    fcntl(fd, F_SETFD, 0) == -1)
		return -1;
	orders->held[orders->held_count].fd = fd;
	orders->held[orders->held_count].device = status.st_dev;
	orders->held[orders->held_count++].inode = status.st_ino;
	return 0;
}

static int
hold_all(struct orders *orders)
{
	const int fds[] = {
		orders->in, orders->out, STDERR_FILENO, orders->log.fd, orders->spool,
		orders->state, orders->tls.in, orders->tls.out, HANDOVER_PROGRAM,
		HANDOVER_VAULT, HANDOVER_ATTEMPT,
	};

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (hold(orders, fds[i]) == -1)
			return -1;
	/* This descriptor is closed when TLS begins, so the next image must not demand it. */
	return orders->tls.control == -1 ? 0 : fcntl(orders->tls.control, F_SETFD, 0);
}

int
handover_prepare(struct orders *orders, const char **why)
{
	struct stat spool;
	int program = sandbox_find_login(&orders->ids, why);

	if (program == -1)
		return 0;
	/* SECURITY: a reader in the spool's group could remove everybody's mailbox. */
	if (fstat(orders->spool, &spool) == -1 || spool.st_gid == orders->ids.reader_gid) {
		*why = "the reader's group is the spool's";
		close(program);
		return 0;
	}
	set_format(orders->format);
	orders->size = sizeof *orders;
	if (renumber(program, HANDOVER_PROGRAM) == -1 || make_files(orders) == -1 ||
	    hold_all(orders) == -1) {
		log_failure("setup", "cannot prepare the login program");
		return -1;
	}
	snprintf(orders->spool_path, sizeof orders->spool_path, "%s", orders->options.spool);
	orders->role = HANDOVER_READER;
	return 1;
}

int
handover_close_vault(struct orders *orders)
{
	roster_load(&orders->roster, vault, ORDERS_ROOM);
	ssize_t written = pwrite(vault, orders, sizeof *orders, 0);

	roster_leave(&orders->roster);
	close(vault);
	vault = -1;
	if (written == (ssize_t)sizeof *orders)
		return 0;
	log_failure("setup", "cannot write the login program's orders");
	return -1;
}

void
handover_execute(const struct attempt *attempt)
{
	size_t length = offsetof(struct attempt, unread) + attempt->unread_length;
	struct stat status;

	/* An upgrade takes the set-user-ID bit from the old file. Without that bit it would
	   gain no power, and would begin a session of its own. */
	if (fstat(HANDOVER_PROGRAM, &status) == 0 && (status.st_mode & S_ISUID) == 0)
		errno = EACCES;
	else if (pwrite(HANDOVER_ATTEMPT, attempt, length, 0) == (ssize_t)length)
		sandbox_execute(HANDOVER_PROGRAM);
	log_failure("setup", "cannot execute the login program");
}

/* Whether the descriptor is open on a memory file that only root can have made. */
static bool
is_vault(int fd, size_t *size)
{
	struct stat status;

	if (fstat(fd, &status) == -1 || (fcntl(fd, F_GET_SEALS) & ~SEAL_EXECUTION) != VAULT_SEALS)
		return false;
	*size = (size_t)status.st_size;
	return S_ISREG(status.st_mode) && status.st_uid == 0 && status.st_size > ORDERS_ROOM &&
	    (status.st_mode & ~(mode_t)S_IFMT) == (S_IRUSR | S_IWUSR);
}

static struct orders *
open_vault(void)
{
	size_t size;
	int fd = reopen_vault(O_RDWR);
	struct orders *orders = NULL;

	if (fd == -1)
		return NULL;
	if (is_vault(fd, &size))
		orders = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return orders == MAP_FAILED ? NULL : orders;
}

static bool
is_as_it_was(const struct orders *orders)
{
	struct stat status;

	for (size_t i = 0; i < orders->held_count; i++)
		if (fstat(orders->held[i].fd, &status) == -1 ||
		    status.st_dev != orders->held[i].device ||
		    status.st_ino != orders->held[i].inode)
			return false;
	return true;
}

/* Closes what the reader may have opened besides. */
static void
close_others(const struct orders *orders)
{
	bool ours[HANDOVER_PROGRAM + 1] = { false };

	for (size_t i = 0; i < orders->held_count; i++)
		ours[orders->held[i].fd] = true;
	if (orders->tls.control != -1)
		ours[orders->tls.control] = true;
	for (int fd = 0; fd <= HANDOVER_PROGRAM; fd++)
		if (!ours[fd])
			close(fd);
	sandbox_close_leaked(HANDOVER_PROGRAM + 1);
}

static int
take_attempt(struct attempt *attempt)
{
	const size_t head = offsetof(struct attempt, unread);

	if (pread(HANDOVER_ATTEMPT, attempt, head, 0) != (ssize_t)head)
		return -1;
	handover_sanitize(attempt);
	if (pread(HANDOVER_ATTEMPT, attempt->unread, attempt->unread_length, (off_t)head) !=
	    (ssize_t)attempt->unread_length)
		return -1;
	return fallocate(HANDOVER_ATTEMPT, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    sizeof *attempt);
}

int
handover_receive(struct orders *orders, struct attempt *attempt)
{
	char format[HANDOVER_FORMAT];

	/* Only the vault says where to log, so log to descriptor 2 until it is open. */
	log_resume(&(struct log_end){ .fd = STDERR_FILENO });
	vaulted = open_vault();
	if (vaulted == NULL) {
		log_record(LOG_ERR, "setup", "the login program was executed without a vault of root's");
		return -1;
	}
	set_format(format);
	if (memcmp(vaulted->format, format, sizeof format) != 0 || vaulted->size != sizeof *orders) {
		log_record(LOG_ERR, "setup", "the login program is of another version: install both");
		return -1;
	}
	*orders = *vaulted;
	orders->role = HANDOVER_JUDGE;
	orders->options.spool = orders->spool_path;
	log_resume(&orders->log);
	log_peer(orders->peer.address);
	if (!is_as_it_was(orders) || take_attempt(attempt) == -1) {
		log_record(LOG_ERR, "setup", "the login program was not executed as it must be");
		return -1;
	}
	close_others(orders);
	roster_adopt(&orders->roster, (char *)vaulted + ORDERS_ROOM, orders->roster_room);
	return 0;
}

static void
let_go(const struct orders *orders)
{
	munmap(vaulted, ORDERS_ROOM + orders->roster_room);
	vaulted = NULL;
}

void
handover_leave(struct orders *orders)
{
	vaulted->failures = orders->failures;
	roster_leave(&orders->roster);
	let_go(orders);
	orders->role = HANDOVER_READER;
}

void
handover_end(struct orders *orders)
{
	if (orders->role != HANDOVER_JUDGE)
		return;
	let_go(orders);
	close(HANDOVER_VAULT);
	close(HANDOVER_ATTEMPT);
	close(HANDOVER_PROGRAM);
	orders->role = HANDOVER_ALONE;
}

void
handover_sanitize(struct attempt *attempt)
{
	struct proof *proof = &attempt->proof;

	if (proof->method > HANDOVER_APOP)
		proof->method = HANDOVER_PASS;
	proof->name[sizeof proof->name - 1] = '\0';
	if (proof->length > WIRE_LINE)
		proof->length = WIRE_LINE;
	proof->secret[proof->length] = '\0';
	attempt->address[sizeof attempt->address - 1] = '\0';
	attempt->tls_on &= 1;
	attempt->plaintext &= 1;
	attempt->told_plaintext &= 1;
	if (attempt->unread_length > WIRE_INPUT)
		attempt->unread_length = WIRE_INPUT;
}
