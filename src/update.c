/*
 * This part of UPDATE knows mail. It decides which octets stay, keeps the mail that was
 * delivered meanwhile, and chooses the result and the log line. The octets are moved by
 * move.
 */
#include "update.h"

#include <errno.h>
#include <string.h>

#include "index.h"
#include "io.h"
#include "log.h"
#include "mbox.h"
#include "move.h"

/*
 * Programs detect new mail by comparing the access time of the mailbox with its
 * modification time. So we keep their order: an unread mailbox stays unread, and a read one
 * stays read. The modification time becomes that of the UPDATE, because some programs
 * detect by it alone that the mailbox has changed.
 */
static void
choose_access_time(const struct stat *status, int64_t accessed[2])
{
	const struct timespec *read = &status->st_atim, *written = &status->st_mtim;
	bool unread = written->tv_sec > read->tv_sec ||
	    (written->tv_sec == read->tv_sec && written->tv_nsec > read->tv_nsec);

	accessed[0] = read->tv_sec;
	accessed[1] = unread ? read->tv_nsec : UTIME_NOW;
}

static enum update_result
refused(const char *what)
{
	log_failure("update refused", "%s", what);
	return UPDATE_REFUSED;
}

static enum update_result
pending(const char *what)
{
	log_failure("update interrupted", "%s; the next login tries again", what);
	return UPDATE_PENDING;
}

/* No login will ever finish this: an administrator has to look. */
static enum update_result
stuck(const char *what)
{
	log_record(LOG_ERR, "update interrupted",
	    "%s; logins are refused until it is mended: see the manual, UPDATE", what);
	return UPDATE_PENDING;
}

/*
 * Finds where the mail begins that was delivered since the index was made. If the last
 * message of the index is removed, an empty line that the deliverer put after it is removed
 * too; index_confirm_to_remove has seen to it that a From_ line follows then. Returns 0
 * after setting *offset, or -1 with errno.
 */
static int
find_delivered(const struct maildrop *maildrop, uint64_t size, uint64_t *offset)
{
	char octets[MBOX_LEAD];
	uint64_t length = size - maildrop->size;
	int lead;

	*offset = maildrop->size;
	if (length == 0 || !maildrop->messages[maildrop->count - 1].deleted)
		return 0;
	if (length > sizeof octets)
		length = sizeof octets;
	if (maildrop_read(maildrop, *offset, octets, (size_t)length) == -1)
		return -1;
	lead = mbox_leads(octets, (size_t)length);
	/* A writer without locks may have changed it since, and then nothing is cut off. */
	*offset += lead > 0 ? (uint64_t)lead : 0;
	return 0;
}

static void
add_run(struct move *move, uint64_t from, uint64_t end)
{
	uint64_t *count = &move->journal->plan.runs;
	struct journal_run *next = move->journal->runs + *count;

	if (*count > 0 && next[-1].from + next[-1].length == from) {
		next[-1].length += end - from;
	} else {
		*next = (struct journal_run){ from, end - from };
		++*count;
	}
}

/*
 * Plans the runs of octets that stay after the first message that is removed. Mail that was
 * delivered since the index was made begins at "delivered". Returns 0, or -1 if there is
 * no memory.
 */
static int
plan_runs(struct move *move, const struct maildrop *maildrop, uint64_t delivered)
{
	struct journal_plan *plan = &move->journal->plan;
	const struct message *message = maildrop->messages;
	const struct message *end = message + maildrop->count;

	while (!message->deleted)
		message++;
	plan->first = message->start;
	plan->runs = 0;
	/* Each run follows a message that is removed, except perhaps the run of delivered mail. */
	if (journal_reserve(move->journal, maildrop->deleted + 1) == -1)
		return -1;
	for (; message < end; message++)
		if (!message->deleted)
			add_run(move, message->start, maildrop_end(maildrop, message));
	if (plan->size > delivered)
		add_run(move, delivered, plan->size);
	return 0;
}

/* A truncation is done or not done, so it needs no journal. */
static enum update_result
truncate_mailbox(const struct move *move, const int64_t accessed[2])
{
	int result = move_truncate(move->fd, move->journal->plan.first, accessed);

	if (result == -1)
		return refused("cannot truncate the mailbox");
	if (result == 0)
		return UPDATE_DONE;
	log_failure("update interrupted", "cannot sync the truncated mailbox");
	return UPDATE_PENDING;
}

static enum update_result
remove_marked(struct move *move, const struct maildrop *maildrop, const struct stat *status)
{
	struct journal_plan *plan = &move->journal->plan;
	uint64_t delivered;
	int64_t accessed[2];

	plan->inode = status->st_ino;
	plan->size = (uint64_t)status->st_size;
	choose_access_time(status, accessed);
	if (find_delivered(maildrop, plan->size, &delivered) == -1)
		return refused("cannot read the mailbox");
	if (plan_runs(move, maildrop, delivered) == -1)
		return refused("no memory");
	if (plan->runs == 0)
		return truncate_mailbox(move, accessed);
	if (move_begin(move, accessed) == -1) {
		int cause = errno;
		if (journal_discard(move->journal) == -1)
			return pending("cannot write the journal, nor clear it");
		errno = cause;
		return refused("cannot begin to rewrite the mailbox");
	}
	if (move_finish(move) == -1)
		return pending("cannot rewrite the mailbox");
	return UPDATE_DONE;
}

enum update_result
update_commit(struct maildrop *maildrop, struct journal *journal)
{
	struct move move = { .fd = maildrop->fd, .journal = journal };
	enum update_result result = UPDATE_REFUSED;
	struct stat status;

	if (maildrop->deleted == 0)
		return UPDATE_DONE;
	if (maildrop_lock(maildrop) != MAILDROP_GOOD)
		return UPDATE_REFUSED;
	if (index_confirm_to_remove(maildrop) == MAILDROP_GOOD) {
		if (fstat(maildrop->fd, &status) == -1)
			result = refused("cannot look at the mailbox");
		else
			result = remove_marked(&move, maildrop, &status);
	}
	maildrop_unlock(maildrop);
	return result;
}

static enum update_result
recover(struct move *move)
{
	bool moved = move->record.state == JOURNAL_MOVED;
	struct stat status;
	int64_t accessed[2];

	if (fstat(move->fd, &status) == -1)
		return pending("cannot look at the mailbox");
	switch (move_find(move, &status)) {
	case MOVE_FAILED:
		return pending("cannot read the mailbox");
	case MOVE_FOREIGN:
		if (journal_set_aside(move->journal) == -1)
			return pending("cannot set the journal aside");
		log_record(LOG_WARNING, "journal set aside",
		    "another program rewrote the mailbox after an interrupted UPDATE");
		return UPDATE_SET_ASIDE;
	case MOVE_TRUNCATED:
		/* What stands after the new end, if anything, is mail delivered since. */
		if (io_sync(move->fd) == -1 || journal_clear(move->journal) == -1)
			return pending("cannot sync the mailbox");
		break;
	case MOVE_PENDING:
		/* What was appended since is mail, and stays. */
		choose_access_time(&status, accessed);
		if (move_append(move, (uint64_t)status.st_size, accessed) == -1 ||
		    move_finish(move) == -1)
			return pending("cannot finish an interrupted UPDATE");
		break;
	}
	log_record(LOG_NOTICE, "update recovered", "an UPDATE interrupted in state %s is finished",
	    moved ? "MOVED" : "MOVING");
	return UPDATE_DONE;
}

/* No journal record was ever completed, so the mailbox has not been touched. */
static enum update_result
discard(struct journal *journal)
{
	if (journal_clear(journal) == -1)
		return pending("cannot clear the journal");
	log_record(LOG_NOTICE, "update recovered", "an UPDATE interrupted in state CLEAN is discarded");
	return UPDATE_DONE;
}

enum update_result
update_recover(struct maildrop *maildrop, struct journal *journal)
{
	struct move move = { .fd = maildrop->fd, .journal = journal };
	int found = journal_pending(journal);

	/* A mailbox that is not there now may come back, so its journal stays. */
	if (found == 0 || maildrop->fd == -1)
		return UPDATE_DONE;
	if (maildrop->partly_locked) {
		errno = ENOSPC;
		return pending("without a dotlock the mailbox is not written to");
	}
	if (found == 1)
		found = move_load(&move);
	if (found != -1)
		return found == 1 ? recover(&move) : discard(journal);
	if (errno == ENOTSUP)
		return stuck("another version wrote the journal");
	if (errno == EBADMSG)
		return stuck("another kind of machine wrote the journal, or it is damaged");
	if (errno == ENOTRECOVERABLE)
		return stuck("the journal contradicts itself");
	return pending("cannot read the journal");
}
