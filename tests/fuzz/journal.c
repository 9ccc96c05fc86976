/*
 * Any state file beside any mailbox. The first octet says how to read the rest:
 * even, it is the state file itself, which hardly ever gets past its checksums;
 * odd, it is the fields of a plan and of a journal record, with checksums made for
 * them. The mailbox is everything from the last "From " on.
 */
/* Included, because static functions are called: derive and witness. */
#include "../../src/move.c"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "index.h"
#include "maildrop.h"
#include "update.h"

enum { RUNS = 15, STATE = 32 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct options options = { .spool = "the folder", .no_dotlock = false };

static void
make_plan(struct journal *journal, uint64_t inode)
{
	journal->plan.inode = inode;
	journal->plan.size = take_number();
	journal->plan.first = take_number();
	journal->plan.runs = take_number() % (RUNS + 1);
	must(journal_reserve(journal, journal->plan.runs) == 0);
	for (uint64_t i = 0; i < journal->plan.runs; i++) {
		journal->runs[i].from = take_number();
		journal->runs[i].length = take_number();
	}
	must(journal_begin(journal, 0) == 0);
}

/* A state file whose checksums are right. Returns true if its record cannot count. */
static bool
make_state(const struct maildrop *maildrop)
{
	struct journal journal;
	struct move move = { .fd = maildrop->fd, .journal = &journal };
	struct journal_record *record = &move.record;
	struct stat status;

	must(fstat(maildrop->fd, &status) == 0);
	must(journal_open(&journal, directory, "state") == 0);
	make_plan(&journal, status.st_ino);
	record->state = take_number() % 4;
	record->size = take_number();
	record->to = take_number();
	if (derive(&move))
		(void)witness(&move, &record->witness);
	/* With a wrong number nothing gets far, so it is mostly right. */
	if (take_number() % 4 == 0)
		record->saved = take_number() % STATE;
	memset(journal.saved, 's', record->saved);
	must(journal_commit(&journal, record) == 0);
	/* The record of one UPDATE beside the plan of another. */
	bool stale = take_number() % 8 == 0;
	if (stale) {
		journal.plan.mark[1]++;
		must(journal_begin(&journal, 0) == 0);
	}
	journal_close(&journal);
	return stale;
}

static uint64_t
sum_of_file(int fd)
{
	static char octets[1 << 20];
	ssize_t length = pread(fd, octets, sizeof octets, 0);

	must(length >= 0);
	return fingerprint_of(octets, (size_t)length);
}

static void
try_recovery(struct maildrop *maildrop, bool stale)
{
	struct journal journal;
	uint64_t before = sum_of_file(maildrop->fd);

	must(journal_open(&journal, directory, "state") == 0);
	enum update_result result = update_recover(maildrop, &journal);
	uint64_t after = sum_of_file(maildrop->fd);
	if (stale)
		must(result == UPDATE_DONE && after == before);
	if (result == UPDATE_SET_ASIDE)
		must(after == before);
	if (result != UPDATE_PENDING) {
		must(journal_pending(&journal) == 0);
		must(update_recover(maildrop, &journal) == UPDATE_DONE);
		must(sum_of_file(maildrop->fd) == after);
	}
	journal_close(&journal);
	(void)index_make(maildrop);
	free(maildrop->messages);
	maildrop_unlock(maildrop);
	close(maildrop->fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maildrop maildrop;
	size_t mailbox = size;
	bool stale = false;

	if (directory == -1)
		set_up();
	if (size == 0 || size > STATE / 2)
		return 0;
	for (size_t i = 1; i + 5 <= size; i++)
		if (memcmp(data + i, "From ", 5) == 0)
			mailbox = i;
	put_file("mailbox", data + mailbox, size - mailbox);
	if (maildrop_open(&maildrop, directory, "mailbox", geteuid(), &options) != MAILDROP_GOOD)
		abort();
	input = data + 1;
	input_left = mailbox - 1;
	unlinkat(directory, "state:aside", 0);
	put_file("state", input, data[0] % 2 == 0 ? input_left : 0);
	if (data[0] % 2 == 1)
		stale = make_state(&maildrop);
	try_recovery(&maildrop, stale);
	return 0;
}
