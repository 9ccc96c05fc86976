/*
 * What is read of a mailbox that has grown since its index was saved, and how messages with
 * equal unique-ids are numbered.
 */
#include "index.h"

#include <fcntl.h>
#include <unistd.h>

#include "unit.h"

enum { MESSAGES = 8, WEEK = 7 * 24 * 60 * 60 };

static const struct options options = { .spool = "the folder", .no_dotlock = true };

static void
append(const char *subject)
{
	FILE *file = fopen("mailbox", "a");

	if (file == NULL)
		exit(EXIT_FAILURE);
	fprintf(file, "From a\nSubject: %s\n\nbody\n\n", subject);
	fclose(file);
}

static void
make_index(struct maildrop *maildrop)
{
	check(index_make(maildrop) == MAILDROP_GOOD, "index");
}

/* Appends a message, and makes the index of it with the one that is there. */
static void
go_on(struct maildrop *maildrop, const char *subject)
{
	maildrop->recalled = true;
	append(subject);
	make_index(maildrop);
}

static void
open_mailbox(struct maildrop *maildrop)
{
	int directory = open(".", O_RDONLY | O_DIRECTORY);

	unlink("mailbox");
	for (int i = 0; i < MESSAGES; i++)
		append("one");
	if (maildrop_open(maildrop, directory, "mailbox", geteuid(), &options) != MAILDROP_GOOD ||
	    maildrop->fd == -1) {
		perror("mailbox");
		exit(EXIT_FAILURE);
	}
	make_index(maildrop);
}

static void
test_growth(void)
{
	struct maildrop maildrop;

	open_mailbox(&maildrop);
	check(maildrop.count == MESSAGES && maildrop.scanned == maildrop.size, "the first scan");
	go_on(&maildrop, "two");
	check(maildrop.count == MESSAGES + 1 && maildrop.scanned < maildrop.size / 2,
	    "%ju of %ju octets are read", (uintmax_t)maildrop.scanned, (uintmax_t)maildrop.size);
	check(maildrop.known > 0, "the messages before are believed");
	/* Nearly a week later, and a bit more than a week. */
	maildrop.since -= WEEK - 60;
	go_on(&maildrop, "three");
	check(maildrop.scanned < maildrop.size / 2, "all is read within a week");
	maildrop.since -= 120;
	go_on(&maildrop, "four");
	check(maildrop.count == MESSAGES + 3 && maildrop.scanned == maildrop.size &&
	    maildrop.known == 0, "after a week not all is read");
	check(maildrop.since == maildrop.seen.st_ctim.tv_sec, "the week does not begin anew");
	/* The clock was set back. */
	maildrop.since += 60;
	go_on(&maildrop, "five");
	check(maildrop.scanned == maildrop.size, "an index of the future is believed");
	maildrop_unlock(&maildrop);
}

/* Gives the first three messages these halves of digests, and numbers all. */
static void
number(struct maildrop *maildrop, const char *first, const char *second)
{
	for (size_t i = 0; i < 3; i++) {
		memset(maildrop->messages[i].digest, first[i], UNIQUEID_OCTETS / 2);
		memset(maildrop->messages[i].digest + UNIQUEID_OCTETS / 2, second[i],
		    UNIQUEID_OCTETS / 2);
	}
	maildrop->numbered = false;
	check(index_number(maildrop) == 0, "numbering");
}

static void
expect(const struct maildrop *maildrop, const char *what, uint32_t one, uint32_t two, uint32_t three)
{
	const struct message *m = maildrop->messages;

	check(m[0].copy == one && m[1].copy == two && m[2].copy == three, "%s: %u, %u, %u", what,
	    m[0].copy, m[1].copy, m[2].copy);
}

static void
test_numbers(void)
{
	struct maildrop maildrop;

	open_mailbox(&maildrop);
	number(&maildrop, "aaa", "bbb");
	expect(&maildrop, "equal", 1, 2, 3);
	number(&maildrop, "aaa", "bcb");
	expect(&maildrop, "another second half", 1, 1, 2);
	number(&maildrop, "aca", "bbb");
	expect(&maildrop, "another first half", 1, 1, 2);
	/* popa3d's unique-ids show the first half only. */
	maildrop.kind = UNIQUEID_POPA3D;
	number(&maildrop, "aaa", "bcd");
	expect(&maildrop, "popa3d's", 1, 2, 3);
	maildrop_unlock(&maildrop);
}

int
main(void)
{
	test_growth();
	test_numbers();
	return verdict();
}
