/*
 * Names and passwords. SECURITY: this runs before login, on what a stranger
 * sent, and can read the hashes of all accounts that are served.
 */
#include "credentials.h"

#include <crypt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lock.h"
#include "md5.h"
#include "standin.h"

/* For a system in which no account has a usable hash. */
static const char no_hash[] = "$6$stdpop3d$";

/* What the roster says of one name. */
struct entry {
	const struct roster_row *row;	/* NULL: unknown */
	const char *hash;		/* the account's own, or empty */
	const char *standin;		/* the hash of another account */
	const char *remark;		/* about an unknown name, or empty */
};

static bool
is_plausible_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && strlen(name) <= CREDENTIALS_NAME &&
	    strpbrk(name, "/:") == NULL && !lock_is_dotlock(name);
}

/* The names that may mean an account, the best first. An empty name means no account. */
enum { AS_SENT, WITHOUT_DOMAIN, IN_SMALL_LETTERS, NAMES };

struct names {
	char name[NAMES][CREDENTIALS_NAME + 1];
};

/* Whether the text is one item of a list with commas between. */
static bool
is_listed(const char *list, const char *text)
{
	size_t length = strlen(text);

	for (const char *item = list; *item != '\0'; item += strspn(item, ",")) {
		size_t n = strcspn(item, ",");
		if (n == length && strncasecmp(item, text, n) == 0)
			return true;
		item += n;
	}
	return false;
}

static void
set_name(char name[CREDENTIALS_NAME + 1], const char *text)
{
	if (is_plausible_name(text))
		strcpy(name, text);
}

static void
set_names(struct names *names, const struct roster *roster, const char *sent)
{
	char base[CREDENTIALS_SENT + 1];
	const char *at = strrchr(sent, '@');

	memset(names, 0, sizeof *names);
	set_name(names->name[AS_SENT], sent);
	snprintf(base, sizeof base, "%s", sent);
	if (at != NULL && strlen(sent) < sizeof base && is_listed(roster->text + roster->domains, at + 1)) {
		base[at - sent] = '\0';
		set_name(names->name[WITHOUT_DOMAIN], base);
	}
	if (!roster->fold)
		return;
	for (char *p = base; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	set_name(names->name[IN_SMALL_LETTERS], base);
}

/* Reads the whole roster and compares all names, so that the time shows nothing. */
static struct entry
look_up(const struct roster *roster, const char *sent)
{
	struct entry entry = { .hash = "", .remark = strchr(sent, '@') != NULL ? "name=domain" :
	    lock_is_dotlock(sent) ? "name=dotlock" : "" };
	struct standin standin = { .hash = NULL };
	struct names names;
	int best = NAMES;

	set_names(&names, roster, sent);
	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_row *row = &roster->rows[i];
		for (int n = 0; n < NAMES; n++) {
			bool equal = strcmp(roster->text + row->name, names.name[n]) == 0;
			if (equal && n < best) {
				entry.row = row;
				best = n;
			}
		}
		if (strcasecmp(roster->text + row->name, names.name[AS_SENT]) == 0)
			entry.remark = "name=case";
		if (row->hash != ROSTER_EMPTY)
			standin_consider(&standin, sent, roster->text + row->hash);
	}
	if (entry.row != NULL)
		entry.hash = roster->text + entry.row->hash;
	entry.standin = standin.hash == NULL ? no_hash : standin.hash;
	explicit_bzero(&standin, sizeof standin);
	return entry;
}

static void
take_row(struct account *account, const struct roster *roster, const struct roster_row *row)
{
	*account = (struct account){ .uid = row->uid, .gid = row->gid, .adoption = row->adoption };
	snprintf(account->name, sizeof account->name, "%s", roster->text + row->name);
}

bool
credentials_find(const struct roster *roster, const char *name, struct account *account)
{
	*account = (struct account){ .uid = 0 };
	for (size_t i = 0; is_plausible_name(name) && i < roster->count; i++)
		if (roster->rows[i].served && strcmp(roster->text + roster->rows[i].name, name) == 0) {
			take_row(account, roster, &roster->rows[i]);
			return true;
		}
	return false;
}

static bool
equal_in_constant_time(const char *a, const char *b, size_t length)
{
	unsigned char difference = 0;

	for (size_t i = 0; i < length; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

/* Runs crypt(3) once. If crypt(3) fails, it returns NULL or a text that begins with "*". */
static bool
matches(const char *password, const char *hash)
{
	static struct crypt_data data;
	char *result = crypt_r(password, hash, &data);
	size_t length = strlen(hash);
	bool equal = result != NULL && result[0] != '*' && strlen(result) == length &&
	    equal_in_constant_time(result, hash, length);

	explicit_bzero(&data, sizeof data);
	return equal;
}

/*
 * "obstacle" is a word, or empty. For an account that is served, the word goes into the
 * remark only if the client has proved to know the password or the secret.
 */
static enum credentials_verdict
conclude(const struct roster *roster, const struct entry *entry, bool right,
	const char *obstacle, struct account *account)
{
	const struct roster_row *row = entry->row;

	*account = (struct account){ .uid = 0 };
	if (row == NULL) {
		snprintf(account->remark, sizeof account->remark, "%s", entry->remark);
		return CREDENTIALS_BAD;
	}
	take_row(account, roster, row);
	if (obstacle[0] != '\0' && (right || !row->served))
		snprintf(account->remark, sizeof account->remark, "reason=%s", obstacle);
	return right && row->served && obstacle[0] == '\0' ? CREDENTIALS_GOOD : CREDENTIALS_BAD;
}

enum credentials_verdict
credentials_password(const struct roster *roster, const char *name, const char *password,
	size_t length, struct account *account)
{
	if (roster->unreadable)
		return CREDENTIALS_UNAVAILABLE;
	struct entry entry = look_up(roster, name);
	const char *obstacle = entry.row == NULL ? "" : entry.row->obstacle;
	/* RFC 1939 section 13: no name has both APOP and a plaintext login. */
	if (entry.row != NULL && entry.row->has_secret && obstacle[0] == '\0')
		obstacle = "apop";
	bool right = matches(password, entry.hash[0] != '\0' ? entry.hash : entry.standin) &&
	    entry.hash[0] != '\0' && length > 0 && memchr(password, '\0', length) == NULL;
	return conclude(roster, &entry, right, obstacle, account);
}

enum credentials_verdict
credentials_digest(const struct roster *roster, const char *name, const char *timestamp,
	const char *digest, struct account *account)
{
	static const char hex[] = "0123456789abcdef";
	struct md5 md5;
	uint8_t right_digest[16];
	char text[CREDENTIALS_DIGEST];

	if (roster->unreadable)
		return CREDENTIALS_UNAVAILABLE;
	struct entry entry = look_up(roster, name);
	const char *secret = entry.row == NULL ? "" : roster->text + entry.row->secret;
	const char *obstacle = entry.row == NULL ? "" : entry.row->obstacle;
	md5_begin(&md5);
	md5_add(&md5, timestamp, strlen(timestamp));
	md5_add(&md5, secret, strlen(secret));
	md5_end(&md5, right_digest);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = hex[right_digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	bool right = strlen(digest) == sizeof text &&
	    equal_in_constant_time(text, digest, sizeof text) && secret[0] != '\0';
	explicit_bzero(&md5, sizeof md5);
	explicit_bzero(right_digest, sizeof right_digest);
	explicit_bzero(text, sizeof text);
	if (entry.row != NULL && entry.row->locked && obstacle[0] == '\0')
		obstacle = "locked";
	return conclude(roster, &entry, right, obstacle, account);
}
