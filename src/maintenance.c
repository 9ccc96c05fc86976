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
#include "log.h"
#include "maildrop.h"
#include "sandbox.h"
#include "update.h"

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
		printf("journal: unreadable: %s\n", strerror(errno));
	else if (record.stage == JOURNAL_MOVED)
		printf("journal: pending, all octets moved, to be truncated at octet %ju\n",
		    (uintmax_t)record.to);
	else
		printf("journal: pending, the mailbox is damaged at octet %ju until it is"
		    " finished\n", (uintmax_t)record.to);
	return found != 0;
}

static int
print_messages(struct maildrop *maildrop)
{
	char text[UNIQUEID_TEXT];

	enum maildrop_result result = index_make(maildrop);

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
		int n = (int)uniqueid_text(maildrop->kind, message->digest, message->copy, text);
		printf("%zu octets=%ju begin=%ju end=%ju unique-id=%.*s\n", i + 1,
		    (uintmax_t)message->octets, (uintmax_t)message->start,
		    (uintmax_t)maildrop_end(maildrop, message), n, text);
	}
	return 0;
}

int
maintenance_check(const struct options *options)
{
	struct maildrop maildrop;
	struct journal journal;
	struct doors doors;

	if (strchr(options->check, '/') != NULL) {
		fprintf(stderr, "stdpop3d: not a mailbox's name: %s\n", options->check);
		return 1;
	}
	if (doors_open(&doors, options) == -1 ||
	    maildrop_peek(&maildrop, doors.spool, options->check) != MAILDROP_GOOD) {
		fprintf(stderr, "stdpop3d: cannot open mailbox %s\n", options->check);
		return 1;
	}
	if (journal_peek(&journal, doors.state, options->check) == -1 && errno != ENOENT) {
		fprintf(stderr, "stdpop3d: cannot open the state file: %s\n", strerror(errno));
		return 1;
	}
	if (sandbox_start(options->account) == -1 ||
	    sandbox_confine(doors.spool, doors.state, options->strict) == -1 ||
	    sandbox_seal(-1) == -1) {
		fprintf(stderr, "stdpop3d: cannot become %s, confined\n", options->account);
		return 1;
	}
	if (options->popa3d_ids)
		maildrop.kind = UNIQUEID_POPA3D;
	int status = print_journal(&journal) | print_messages(&maildrop);
	return fflush(stdout) == 0 ? status : 1;
}

/* In a process of its own, confined: becomes the user and finishes the UPDATE. */
static int
recover(const struct options *options, const struct doors *doors, const char *name)
{
	struct account account;
	struct journal journal;
	struct maildrop maildrop;

	log_user(name);
	if (sandbox_confine(doors->spool, doors->state, options->strict) == -1)
		return 1;
	if (!credentials_find(name, &account)) {
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
	credentials_close();
	if (sandbox_become(account.uid, account.gid, doors->names) == -1 ||
	    maildrop_open(&maildrop, doors->spool, name, account.uid, options->lock_seconds,
	    options->no_dotlock) != MAILDROP_GOOD)
		return 1;
	bool done = sandbox_seal(doors->names) == 0 &&
	    update_recover(&maildrop, &journal) == UPDATE_DONE;
	maildrop_unlock(&maildrop);
	return done ? 0 : 1;
}

static int
recover_in_child(const struct options *options, const struct doors *doors, const char *name)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(recover(options, doors, name));
	if (child == -1 || waitpid(child, &status, 0) == -1) {
		log_failure("setup", "cannot start a process");
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* A state file, not one that was set aside, with something in it. */
static bool
is_pending(const struct doors *doors, const char *name)
{
	struct stat status;

	return name[0] != '.' && strchr(name, ':') == NULL &&
	    fstatat(doors->state, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(status.st_mode) && status.st_size > 0;
}

int
maintenance_recover(const struct options *options)
{
	struct doors doors;
	struct dirent *entry;
	int failures = 0;

	if (credentials_open(options, geteuid()) == -1 || doors_open(&doors, options) == -1 ||
	    sandbox_start(options->account) == -1 || doors_check(&doors, options) == -1)
		return 1;
	DIR *directory = fdopendir(dup(doors.state));
	if (directory == NULL) {
		log_failure("setup", "cannot list %s", options->state);
		return 1;
	}
	while ((entry = readdir(directory)) != NULL)
		if (is_pending(&doors, entry->d_name))
			failures += recover_in_child(options, &doors, entry->d_name);
	closedir(directory);
	return failures > 0;
}
