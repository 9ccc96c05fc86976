/* -c and -r. A hostile mailbox is not read as root, or unconfined, here either. */
#include "maintenance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "credentials.h"
#include "doors.h"
#include "index.h"
#include "journal.h"
#include "lock.h"
#include "log.h"
#include "maildrop.h"
#include "roster.h"
#include "sandbox.h"
#include "update.h"

enum {
	CONFIGURATION_EXIT = 78,
	RECOVERY_SECONDS = 120,		/* for each maildrop, besides waiting for locks */
	TAIL = 4096,			/* octets at a mailbox's end that are looked at */
};

static const char *
why_unreadable(void)
{
	if (errno == ENOTSUP)
		return "another version wrote it";
	if (errno == EBADMSG)
		return "another kind of machine wrote it, or it is damaged";
	return strerror(errno);
}

/* 1 if an administrator should look at something, else 0. */
static int
print_aside(const struct doors *doors, const char *name)
{
	char aside[CREDENTIALS_NAME + sizeof ":aside"];
	struct stat status;
	int length = snprintf(aside, sizeof aside, "%s:aside", name);

	if (length >= (int)sizeof aside ||
	    fstatat(doors->state, aside, &status, AT_SYMLINK_NOFOLLOW) == -1 ||
	    status.st_size == 0)
		return 0;
	printf("journal: %s holds what was set aside: see the manual, UPDATE\n", aside);
	return 1;
}

/* 1 if an UPDATE is pending, else 0. */
static int
print_journal(struct journal *journal)
{
	struct journal_record record = { 0 };
	int found = journal->fd == -1 ? 0 : journal_pending(journal);

	if (found == 1)
		found = journal_load(journal, &record);
	if (found == 0)
		puts("journal: none pending");
	else if (found == -1)
		printf("journal: unreadable: %s\n", why_unreadable());
	else if (record.state == JOURNAL_MOVED)
		printf("journal: pending, all octets moved, to be truncated at octet %ju\n",
		    (uintmax_t)record.to);
	else
		printf("journal: pending, the mailbox is damaged at octet %ju until it is"
		    " finished\n", (uintmax_t)record.to);
	return found != 0;
}

/* Octets of NUL at the end are what a machine that stopped leaves of a delivery. */
static int
print_tail(const struct maildrop *maildrop)
{
	static char tail[TAIL];
	size_t length = maildrop->size < TAIL ? (size_t)maildrop->size : TAIL;
	size_t count = 0;

	if (maildrop_read(maildrop, maildrop->size - length, tail, length) == -1)
		return 0;
	while (count < length && tail[length - 1 - count] == '\0')
		count++;
	if (count > 0)
		printf("mailbox: odd: %zu%s NUL octets at its end\n", count,
		    count == TAIL ? " or more" : "");
	return count > 0;
}

static int
print_messages(struct maildrop *maildrop)
{
	char text[UNIQUEID_TEXT];
	int odd = 0;

	enum maildrop_result result = index_adopt(maildrop);
	if (result == MAILDROP_GOOD)
		result = index_make(maildrop);

	if (result == MAILDROP_REFUSED)
		printf("mailbox: damaged at octet %ju: no From_ line there\n",
		    (uintmax_t)index_damage());
	else if (result != MAILDROP_GOOD)
		puts("mailbox: cannot be read");
	if (result != MAILDROP_GOOD)
		return 1;
	if (index_identify(maildrop) != MAILDROP_GOOD) {
		puts("mailbox: changed while it was read");
		return 1;
	}
	printf("mailbox: %ju octets, %zu messages, %ju octets as sent\n",
	    (uintmax_t)maildrop->size, maildrop->count, (uintmax_t)maildrop->octets);
	if (maildrop->hidden_end > 0)
		printf("hidden: octets %ju to %ju, internal data of another program\n",
		    (uintmax_t)maildrop->hidden, (uintmax_t)maildrop->hidden_end);
	for (size_t i = 0; i < maildrop->count; i++) {
		const struct message *message = &maildrop->messages[i];
		int n = (int)maildrop_unique_id(maildrop, message, text);
		printf("%zu octets=%ju begin=%ju end=%ju unique-id=%.*s\n", i + 1,
		    (uintmax_t)message->octets, (uintmax_t)message->start,
		    (uintmax_t)maildrop_end(maildrop, message), n, text);
		if (message->blank) {
			printf("%zu odd: no empty line ends its header\n", i + 1);
			odd = 1;
		}
	}
	return odd | print_tail(maildrop);
}

/* There is no mailbox. Most users without one have had no mail yet. */
static int
print_absence(const struct roster *roster, const char *name)
{
	struct account account;
	bool found = credentials_find(roster, name, &account);
	puts(found ? "mailbox: none yet, which is an empty maildrop" :
	    "mailbox: none, and no account that is served has this name");
	return !found;
}

int
maintenance_check(const struct options *options)
{
	const char *name = options->check;
	struct maildrop maildrop = { .fd = -1 };
	struct journal journal;
	struct doors doors;
	struct sandbox_ids ids;
	struct roster roster;
	struct stat status;

	log_peer(NULL);
	if (strchr(name, '/') != NULL) {
		fprintf(stderr, "stdpop3d: not a mailbox's name: %s\n", name);
		return 1;
	}
	if (doors_open(&doors, options) == -1)
		return errno == EACCES ? 1 : CONFIGURATION_EXIT;
	bool absent = fstatat(doors.spool, name, &status, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT;
	bool looks = absent || options->dovecot != NULL;	/* at the account files */
	if (looks && roster_open(options, 0) == -1)
		return CONFIGURATION_EXIT;
	if (!absent && maildrop_peek(&maildrop, doors.spool, name) != MAILDROP_GOOD)
		return 1;
	if (journal_peek(&journal, doors.state, name) == -1 && errno != ENOENT) {
		log_failure("maildrop", "cannot open the state file");
		return 1;
	}
	if (sandbox_find(options->account, &ids) == -1 || sandbox_start(&ids, -1) == -1 ||
	    sandbox_confine(doors.spool, doors.state, options->strict) == -1)
		return CONFIGURATION_EXIT;
	if (looks) {
		roster_load(&roster, -1, 0);
		maildrop.adoption = roster_adoption(&roster, name);
	}
	int result = absent ? print_absence(&roster, name) : 0;
	if (sandbox_seal(-1) == -1)
		return CONFIGURATION_EXIT;
	if (options->popa3d_ids)
		maildrop.kind = UNIQUEID_POPA3D;
	result |= print_aside(&doors, name) | print_journal(&journal);
	if (!absent)
		result |= print_messages(&maildrop);
	return fflush(stdout) == 0 ? result : 1;
}

/* In a process of its own, confined: becomes the user and finishes the UPDATE. */
static int
recover(const struct options *options, const struct doors *doors, const struct roster *roster,
	const char *name)
{
	struct account account;
	struct journal journal;
	struct maildrop maildrop;

	log_user(name);
	if (sandbox_end_after(options->lock_seconds + RECOVERY_SECONDS) == -1 ||
	    sandbox_confine(doors->spool, doors->state, options->strict) == -1 ||
	    sandbox_narrow(roster) == -1)
		return CONFIGURATION_EXIT;
	if (!credentials_find(roster, name, &account)) {
		log_record(LOG_ERR, "maildrop refused", "a journal is pending for no account");
		return 1;
	}
	if (journal_open(&journal, doors->state, name) == -1) {
		/* A session that is there has done it already. */
		if (errno == EWOULDBLOCK)
			return 0;
		log_failure("maildrop", "cannot open the state file");
		return 1;
	}
	if (sandbox_become(account.uid, account.gid, doors->names) == -1 ||
	    (!options->no_dotlock && lock_clear(doors->spool, name) == -1))
		return 1;
	if (journal_pending(&journal) == 0)
		return 0;
	if (maildrop_open(&maildrop, doors->spool, name, account.uid, options) != MAILDROP_GOOD)
		return 1;
	if (maildrop.fd == -1) {
		log_record(LOG_ERR, "update interrupted", "there is no mailbox; its journal stays");
		return 1;
	}
	bool done = sandbox_seal(doors->names) == 0 &&
	    update_recover(&maildrop, &journal) == UPDATE_DONE;
	maildrop_unlock(&maildrop);
	return done ? 0 : 1;
}

/*
 * The user can stop the process that has become the user, for ever. It ends by
 * itself then, so that the others are recovered and a boot goes on.
 */
static int
recover_in_child(const struct options *options, const struct doors *doors,
	const struct roster *roster, const char *name)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(recover(options, doors, roster, name));
	if (child == -1 || waitpid(child, &status, 0) == -1) {
		log_failure("setup", "cannot start a process");
		return 1;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_user(name);
	log_record(LOG_ERR, "update interrupted", "its recovery was killed by signal %d;"
	    " after %u seconds it is; the next login tries again", WTERMSIG(status),
	    options->lock_seconds + RECOVERY_SECONDS);
	log_user(NULL);
	return 1;
}

/*
 * A state file, not one that was set aside, with something in it, or a killed session's
 * dotlock beside it, for which deliverers wait. One that cannot be looked at is tried,
 * which logs why.
 */
static bool
is_pending(const struct options *options, const struct doors *doors, const char *name)
{
	struct stat status;

	if (name[0] == '.' || strchr(name, ':') != NULL)
		return false;
	if (fstatat(doors->state, name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return errno != ENOENT;
	return S_ISREG(status.st_mode) && (status.st_size > 0 ||
	    (!options->no_dotlock && lock_was_left(doors->spool, name)));
}

int
maintenance_recover(const struct options *options)
{
	struct doors doors;
	struct sandbox_ids ids;
	struct roster roster;
	struct dirent *entry;
	int worst = 0;

	if (roster_open(options, geteuid()) == -1 || doors_open(&doors, options) == -1 ||
	    sandbox_find(options->account, &ids) == -1 ||
	    sandbox_start(&ids, doors.names) == -1 ||
	    doors_check(&doors, options, ids.uid) == -1)
		return CONFIGURATION_EXIT;
	roster_load(&roster, -1, 0);
	DIR *directory = fdopendir(dup(doors.state));
	if (directory == NULL) {
		log_failure("setup", "cannot list %s", options->state);
		return CONFIGURATION_EXIT;
	}
	while (errno = 0, (entry = readdir(directory)) != NULL)
		if (is_pending(options, &doors, entry->d_name)) {
			int status = recover_in_child(options, &doors, &roster, entry->d_name);
			worst = status > worst ? status : worst;
		}
	if (errno != 0) {
		log_failure("setup", "cannot list %s", options->state);
		worst = CONFIGURATION_EXIT;
	}
	closedir(directory);
	return worst;
}
