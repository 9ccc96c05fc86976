/* standin: a name has one account in all sessions, and each account has some names. */
#include "standin.h"

#include "unit.h"

enum { ACCOUNTS = 14, NAMES = 4000 };

static char hashes[ACCOUNTS][32];

/* The account that stands in for a name. */
static int
chosen(unsigned name, bool backwards)
{
	struct standin standin = { .hash = NULL };
	char asked[16];

	snprintf(asked, sizeof asked, "nobody%u", name);
	for (int i = 0; i < ACCOUNTS; i++)
		standin_consider(&standin, asked, hashes[backwards ? ACCOUNTS - 1 - i : i]);
	for (int i = 0; i < ACCOUNTS; i++)
		if (standin.hash == hashes[i])
			return i;
	return -1;
}

int
main(void)
{
	static int before[NAMES];
	unsigned moved = 0, times[ACCOUNTS] = { 0 };

	for (int i = 0; i < ACCOUNTS; i++)
		snprintf(hashes[i], sizeof hashes[i], "$6$salt%d$hash", i);
	for (unsigned i = 0; i < NAMES; i++) {
		before[i] = chosen(i, false);
		if (before[i] == -1) {
			check(false, "name %u has no hash", i);
			continue;
		}
		check(before[i] == chosen(i, true), "name %u depends on the order of lines", i);
		times[before[i]]++;
	}
	for (int i = 0; i < ACCOUNTS; i++)
		check(times[i] > NAMES / ACCOUNTS / 2 && times[i] < NAMES / ACCOUNTS * 2,
		    "account %d stands in for %u", i, times[i]);
	/* After a new password, names come to its account or leave it; no other names move. */
	strcpy(hashes[9], "$6$other$hash");
	for (unsigned i = 0; i < NAMES; i++) {
		int now = chosen(i, false);
		if (now == before[i])
			continue;
		moved++;
		check(now == 9 || before[i] == 9, "name %u moved from %d to %d", i, before[i], now);
	}
	check(moved > 0 && moved < NAMES / 4, "%u names moved", moved);
	return verdict();
}
