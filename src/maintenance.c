/* SECURITY: a mailbox may be hostile, so -c and -r read it confined, and not as root. */
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

#include "admission.h"
#include "credentials.h"
#include "index.h"
#include "journal.h"
#include "lock.h"
#include "log.h"
#include "maildrop.h"
#include "roster.h"

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

/* Returns 1 if something was set aside, at which an admin should look, else 0. */
static int
print_aside(int state, const char *name)
{
	char aside[CREDENTIALS_NAME + sizeof ":aside"];
	struct stat status;
	int length = snprintf(aside, sizeof aside, "%s:aside", name);

	if (length >= (int)sizeof aside ||
	    fstatat(state, aside, &status, AT_SYMLINK_NOFOLLOW) == -1 ||
	    status.st_size == 0)
		return 0;
	printf("journal: %s holds what was set aside: see the manual, UPDATE\n", aside);
	return 1;
}

/* Returns 1 if an UPDATE is pending or the journal cannot be read, else 0. */
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

/*
 * A machine that stops in the middle of a delivery may leave NUL octets at the end of a
 * mailbox. Returns 1 if there are any, else 0.
 */
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
	if (!maildrop_is_untouched(maildrop)) {
		puts("mailbox: changed while it was read");
		return 1;
	}
	if (index_number(maildrop) == -1) {
		puts("mailbox: no memory for its unique-ids");
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

/*
 * For a name without a mailbox. Most users without a mailbox have had no mail yet; but
 * the name may be wrong. Returns 0 if the name is that of an account, else 1.
 */
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
maintenance_check(struct orders *orders)
{
	const char *name = orders->options.check;
	struct maildrop maildrop = { .fd = -1 };
	struct journal journal;
	int result = 0;

	log_peer(NULL);
	if (strchr(name, '/') != NULL) {
		fprintf(stderr, "stdpop3d: not a mailbox's name: %s\n", name);
		return 1;
	}
	enum admission_result found = admission_look(orders, &journal, &maildrop);
	if (found == ADMISSION_NO_MAILBOX)
		result = print_absence(&orders->roster, name);
	else if (found != ADMISSION_GOOD)
		return found == ADMISSION_NOT_SET_UP ? CONFIGURATION_EXIT : 1;
	result |= print_aside(orders->state, name) | print_journal(&journal);
	if (found == ADMISSION_GOOD)
		result |= print_messages(&maildrop);
	return fflush(stdout) == 0 ? result : 1;
}

/* Runs in a child, because it becomes the user for good. Returns the exit status. */
static int
recover(struct orders *orders, const char *name)
{
	log_user(name);
	switch (admission_recover(orders, name, orders->options.lock_seconds + RECOVERY_SECONDS)) {
	case ADMISSION_GOOD:
	case ADMISSION_IN_USE:		/* a session has this maildrop, and recovers it itself */
		return 0;
	case ADMISSION_NOT_SET_UP:
		return CONFIGURATION_EXIT;
	case ADMISSION_NO_MAILBOX:
		log_record(LOG_ERR, "update interrupted", "there is no mailbox; its journal stays");
		return 1;
	default:
		return 1;
	}
}

/*
 * A user can stop a process that has become the user, and -r would wait for ever. So the
 * kernel ends the child after a time, and the other mailboxes and a boot go on. Returns
 * the exit status.
 */
static int
recover_in_child(struct orders *orders, const char *name)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(recover(orders, name));
	if (child == -1 || waitpid(child, &status, 0) == -1) {
		log_failure("setup", "cannot start a process");
		return 1;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_user(name);
	log_record(LOG_ERR, "update interrupted", "its recovery was killed by signal %d;"
	    " after %u seconds it is; the next login tries again", WTERMSIG(status),
	    orders->options.lock_seconds + RECOVERY_SECONDS);
	log_user(NULL);
	return 1;
}

/*
 * True if there is something to recover: the file is a state file and not empty, or a
 * killed session left its dotlock in the spool, for which deliverers would wait. A name
 * with ":" in it is that of a saved index or of something set aside. A file that we
 * cannot look at counts as pending, so that its recovery logs why.
 */
static bool
is_pending(const struct orders *orders, const char *name)
{
	struct stat status;

	if (name[0] == '.' || strchr(name, ':') != NULL)
		return false;
	if (fstatat(orders->state, name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return errno != ENOENT;
	return S_ISREG(status.st_mode) && (status.st_size > 0 ||
	    (!orders->options.no_dotlock && lock_was_left(orders->spool, name)));
}

int
maintenance_recover(struct orders *orders)
{
	const char *state = orders->options.state;
	struct dirent *entry;
	int worst = 0;

	if (admission_prepare(orders) == -1)
		return CONFIGURATION_EXIT;
	roster_load(&orders->roster, -1, 0);
	DIR *directory = fdopendir(dup(orders->state));
	if (directory == NULL) {
		log_failure("setup", "cannot list %s", state);
		return CONFIGURATION_EXIT;
	}
	while (errno = 0, (entry = readdir(directory)) != NULL)
		if (is_pending(orders, entry->d_name)) {
			int status = recover_in_child(orders, entry->d_name);
			worst = status > worst ? status : worst;
		}
	if (errno != 0) {
		log_failure("setup", "cannot list %s", state);
		worst = CONFIGURATION_EXIT;
	}
	closedir(directory);
	return worst;
}
