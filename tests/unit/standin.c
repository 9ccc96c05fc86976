/* standin: one account a name, whichever session asks, and each account for some. */
#include "standin.h"

#include "unit.h"

enum { ACCOUNTS = 40, NAMES = 4000 };

static char hashes[ACCOUNTS][32];

/* The account that stands in for a name, where every third is served. */
static int
chosen(unsigned name, bool backwards)
{
	struct standin standin = { 0 };
	char asked[16], account[16];

	snprintf(asked, sizeof asked, "nobody%u", name);
	for (int i = 0; i < ACCOUNTS; i++) {
		int n = backwards ? ACCOUNTS - 1 - i : i;
		snprintf(account, sizeof account, "user%d", n);
		standin_consider(&standin, asked, account, hashes[n], false);
	}
	for (int i = 0; i < ACCOUNTS; i += 3) {
		snprintf(account, sizeof account, "user%d", i);
		standin_serve(&standin, account);
	}
	const char *hash = standin_hash(&standin);
	for (int i = 0; i < ACCOUNTS; i++)
		if (hash != NULL && strcmp(hash, hashes[i]) == 0)
			return i;
	return -1;
}

int
main(void)
{
	static int before[NAMES];
	unsigned served = 0, moved = 0, times[ACCOUNTS] = { 0 };
	struct standin standin = { 0 };

	check(standin_hash(&standin) == NULL, "without accounts there is no hash");
	for (int i = 0; i < ACCOUNTS; i++)
		snprintf(hashes[i], sizeof hashes[i], "$6$salt%d$hash", i);
	for (unsigned i = 0; i < NAMES; i++) {
		before[i] = chosen(i, false);
		check(before[i] != -1, "name %u has no hash", i);
		check(before[i] == chosen(i, true), "name %u depends on the order of lines", i);
		times[before[i]]++;
		served += before[i] % 3 == 0;
	}
	/* An account that is not served is taken only where the eight first are none. */
	check(served > NAMES * 9 / 10, "%u of %d are served", served, NAMES);
	for (int i = 0; i < ACCOUNTS; i += 3)
		check(times[i] > NAMES / 14 / 2 && times[i] < NAMES / 14 * 2,
		    "account %d stands in for %u", i, times[i]);
	/* A new password: names come to that account or leave it, no others move. */
	strcpy(hashes[9], "$6$other$hash");
	for (unsigned i = 0; i < NAMES; i++) {
		int now = chosen(i, false);
		if (now == before[i])
			continue;
		moved++;
		check(now == 9 || before[i] == 9 || before[i] % 3 != 0 || now % 3 != 0,
		    "name %u moved from %d to %d", i, before[i], now);
	}
	check(moved > 0 && moved < NAMES / 4, "%u names moved", moved);
	return verdict();
}
