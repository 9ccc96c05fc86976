/*
 * Any state file beside any mailbox. The first octet says how to read the rest:
 * even, it is the state file itself, which hardly ever gets past its
 * fingerprints; odd, it is the fields of a journal record, with fingerprints made for it.
 * The mailbox is everything after the last "From ".
 */
/* For its witness. */
#include "../../src/update.c"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

enum { FIELDS = 8, RUNS = 15, STATE = 32 * 1024, PLACE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct options options = { .spool = "the folder", .no_dotlock = false };

static uint64_t
print_of(const void *octets, size_t length)
{
	struct fingerprint print;

	fingerprint_begin(&print);
	fingerprint_add(&print, octets, length);
	return fingerprint_end(&print);
}

/* A state file whose one record counts. */
static size_t
make_state(char *state, struct maildrop *maildrop)
{
	struct move move = { .maildrop = maildrop };
	struct journal_record *record = &move.record;
	struct journal_run runs[RUNS + 1] = { { 0, 0 } };
	_Static_assert((RUNS + 1) * sizeof runs[0] % FINGERPRINT_GRAIN == 0, "whole grains");
	struct stat status;

	must(fstat(maildrop->fd, &status) == 0);
	memcpy(record->magic, "stdpop32", sizeof record->magic);
	record->inode = status.st_ino;
	record->stage = take_number() % 3;
	record->size = take_number();
	record->first = take_number();
	record->to = take_number();
	record->step = take_number();
	record->saved = take_number();
	record->runs = take_number() % (RUNS + 1);
	record->mark_length = take_number() % (JOURNAL_MARK + 1);
	for (uint64_t i = 0; i < record->runs; i++)
		runs[i] = (struct journal_run){ take_number(), take_number() };
	move.runs = move.left = runs;
	/* Often as it has to be, or nothing gets far. */
	if (take_number() % 4 != 0)
		record->saved = octets_before(&move, record->to + record->step +
		    record->mark_length);
	record->body = 2 * PLACE;
	/* Whole grains, as in the journal. */
	uint64_t grain = FINGERPRINT_GRAIN / sizeof runs[0];
	uint64_t length = (record->runs + grain - 1) / grain * sizeof runs[0] * grain;
	memcpy(state + record->body, runs, length);
	if (record->saved > STATE - record->body - length)
		record->saved = STATE - record->body - length;
	memset(state + record->body + length, 's', record->saved);
	record->body_print = print_of(state + record->body, length + record->saved);
	(void)witness(&move, &record->witness);
	record->print = print_of(record, sizeof *record);
	memcpy(state, record, sizeof *record);
	return record->body + length + record->saved;
}

static uint64_t
print_of_file(int fd)
{
	static char octets[1 << 20];
	ssize_t length = pread(fd, octets, sizeof octets, 0);

	must(length >= 0);
	return print_of(octets, (size_t)length);
}

static void
try_recovery(struct maildrop *maildrop)
{
	struct journal journal;

	must(journal_open(&journal, directory, "state") == 0);
	enum update_result result = update_recover(maildrop, &journal);
	if (result != UPDATE_PENDING) {
		uint64_t before = print_of_file(maildrop->fd);
		must(journal_pending(&journal) == 0);
		must(update_recover(maildrop, &journal) == UPDATE_DONE);
		must(print_of_file(maildrop->fd) == before);
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
	static char state[STATE];
	struct maildrop maildrop;
	size_t mailbox = size, length;

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
	memset(state, 0, sizeof state);
	if (data[0] % 2 == 0) {
		length = input_left;
		memcpy(state, input, length);
	} else {
		length = make_state(state, &maildrop);
	}
	put_file("state", state, length);
	unlinkat(directory, "state:aside", 0);
	try_recovery(&maildrop);
	return 0;
}
