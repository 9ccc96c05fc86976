/*
 * Names and passwords. SECURITY: this runs before login, on what a stranger
 * sent, with the shadow file open.
 */
#include "credentials.h"

#include <crypt.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounts.h"
#include "lock.h"
#include "log.h"
#include "md5.h"
#include "standin.h"

enum { HASH = STANDIN_HASH + 1, SECRET = 512, SHELL = 256, SECONDS_A_DAY = 86400 };

/* For a system in which no account has a usable hash. */
static const char no_hash[] = "$6$stdpop3d$";

static struct accounts passwd = ACCOUNTS_NONE, shadow = ACCOUNTS_NONE;
static struct accounts secrets = ACCOUNTS_NONE, shells = ACCOUNTS_NONE;

static uid_t only_uid;
static uid_t least_uid;

/* What the files say of one name. */
struct entry {
	struct account account;
	bool found;		/* in passwd */
	bool in_shadow;
	bool served;		/* by its uid */
	bool locked;
	const char *obstacle;	/* why nothing lets it in; NULL: none */
	char hash[HASH];	/* or empty */
	char shell[SHELL];
	bool shell_listed;
	bool has_secret;
	char secret[SECRET];
	struct standin standin;
};

static int
open_or_tell(struct accounts *file, const char *path)
{
	int result = accounts_open(file, path);

	if (result == -1)
		log_failure("setup", "cannot open %s", path);
	return result;
}

static int
check_secrets(const char *path)
{
	struct stat status;

	if (fstat(secrets.fd, &status) == -1) {
		log_failure("setup", "cannot look at %s", path);
		return -1;
	}
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
	    (status.st_uid == 0 || status.st_uid == geteuid()))
		return 0;
	log_record(LOG_ERR, "setup", "%s must be its owner's alone, and the owner"
	    " root or whoever runs the server", path);
	return -1;
}

/*
 * The mistake of starting the server as the service account, or as another user who
 * is no user of the mail, would look like a wrong password to everybody.
 */
static int
check_only(const struct options *options)
{
	struct accounts_passwd entry;
	enum accounts_next next;
	char *line;
	bool found = false;

	if (accounts_begin(&passwd) == -1)
		next = ACCOUNTS_FAILED;
	else
		while ((next = accounts_next(&passwd, &line)) != ACCOUNTS_END &&
		    next != ACCOUNTS_FAILED)
			found |= next == ACCOUNTS_GOT && accounts_cut_passwd(line, &entry) &&
			    entry.uid == only_uid && strcmp(entry.name, options->account) != 0;
	if (next == ACCOUNTS_FAILED)
		log_failure("setup", "cannot read %s", options->passwd);
	else if (!found)
		log_record(LOG_ERR, "setup", "started with user-ID %ju, which is not that of a"
		    " user in %s: start it as root", (uintmax_t)only_uid, options->passwd);
	return found ? 0 : -1;
}

int
credentials_open(const struct options *options, uid_t only)
{
	only_uid = only;
	least_uid = options->least_uid;
	if (open_or_tell(&passwd, options->passwd) == -1)
		return -1;
	if (options->recover || options->check != NULL)
		return 0;
	if ((only != 0 && check_only(options) == -1) ||
	    open_or_tell(&shadow, options->shadow) == -1 ||
	    (options->listed_shell && open_or_tell(&shells, "/etc/shells") == -1))
		return -1;
	if (options->secrets == NULL)
		return 0;
	return open_or_tell(&secrets, options->secrets) == -1 ? -1 : check_secrets(options->secrets);
}

bool
credentials_apop(void)
{
	return secrets.fd != -1;
}

void
credentials_close(void)
{
	accounts_close(&passwd);
	accounts_close(&shadow);
	accounts_close(&secrets);
	accounts_close(&shells);
}

/* The first reason is the one that is logged. */
static void
object(struct entry *entry, const char *reason)
{
	if (entry->obstacle == NULL)
		entry->obstacle = reason;
}

static bool
is_usable_hash(const char *hash)
{
	return hash[0] != '\0' && hash[0] != '!' && hash[0] != '*' && strcmp(hash, "x") != 0 &&
	    strlen(hash) < HASH;
}

static void
copy_hash(char to[HASH], const char *hash)
{
	to[0] = '\0';
	if (is_usable_hash(hash))
		strcpy(to, hash);
}

static bool
is_uid_served(uid_t uid)
{
	if (only_uid != 0)
		return uid == only_uid;
	return uid != 0 && uid >= least_uid;
}

/*
 * shadow(5): 0 as the day of the last change asks for a new password at once. Without
 * a clock nobody could tell an account that expired years ago.
 */
static void
judge_dates(struct entry *entry, const struct accounts_shadow *dates)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1 || now.tv_sec < 0) {
		object(entry, "reason=clock");
		return;
	}
	int64_t today = (int64_t)now.tv_sec / SECONDS_A_DAY;
	int64_t grace = dates->inactive > 0 ? dates->inactive : 0;
	if (dates->expire >= 0 && today >= dates->expire)
		object(entry, "reason=expired");
	if (dates->changed == 0)
		object(entry, "reason=change");
	if (dates->changed > 0 && dates->most >= 0 &&
	    today - dates->changed > dates->most + grace)
		object(entry, "reason=old");
}

static void
take_shadow(struct entry *entry, const char *asked, char *line, bool whole)
{
	struct accounts_shadow one;
	bool own = !entry->in_shadow && accounts_names(line, asked);
	bool good = whole && accounts_cut_shadow(line, &one);

	entry->in_shadow |= own;
	if (!good && (own || shadow.bad == 0))
		accounts_bad(&shadow);
	if (good && is_usable_hash(one.hash))
		standin_consider(&entry->standin, asked, one.name, one.hash, false);
	if (own && !good)
		object(entry, "reason=malformed");
	if (own && good) {
		copy_hash(entry->hash, one.hash);
		entry->locked = one.hash[0] == '!';
		judge_dates(entry, &one);
	}
}

/* The own line of passwd; that of shadow was taken before. */
static void
take_own(struct entry *entry, const struct accounts_passwd *own)
{
	entry->account.uid = own->uid;
	entry->account.gid = own->gid;
	entry->served = is_uid_served(own->uid);
	if (!entry->served)
		object(entry, "reason=uid");
	if (strlen(own->shell) < SHELL)
		strcpy(entry->shell, own->shell);
	if (entry->in_shadow)
		return;
	copy_hash(entry->hash, own->hash);
	entry->locked = own->hash[0] == '!';
	if (strcmp(own->hash, "x") == 0)
		object(entry, "reason=shadow");
}

static void
take_passwd(struct entry *entry, const char *asked, char *line, bool whole)
{
	struct accounts_passwd one;
	bool own = !entry->found && accounts_names(line, asked);
	bool good = whole && accounts_cut_passwd(line, &one);

	if (own) {
		entry->found = true;
		strcpy(entry->account.name, asked);
	}
	if (!good && (own || passwd.bad == 0))
		accounts_bad(&passwd);
	if (own && !good)
		object(entry, "reason=malformed");
	if (!good)
		return;
	if (own)
		take_own(entry, &one);
	if (strcasecmp(one.name, asked) == 0)
		entry->account.remark = "name=case";
	if (is_usable_hash(one.hash))
		standin_consider(&entry->standin, asked, one.name, one.hash, false);
	if (is_uid_served(one.uid))
		standin_serve(&entry->standin, one.name);
}

/* Lines of the secrets file: "name:secret", all after the colon. */
static void
take_secret(struct entry *entry, const char *asked, char *line, bool whole)
{
	bool own = !entry->has_secret && accounts_names(line, asked);
	const char *secret = strchr(line, ':');
	bool good = whole && secret != NULL && strlen(secret + 1) < SECRET;

	if (!good && (own || secrets.bad == 0))
		accounts_bad(&secrets);
	if (!own)
		return;
	entry->has_secret = true;
	if (good)
		strcpy(entry->secret, secret + 1);
	else
		object(entry, "reason=malformed");
}

/* shells(5): true if the shell is a line of the file. */
static void
take_shell(struct entry *entry, const char *asked, char *line, bool whole)
{
	(void)asked;
	entry->shell_listed |= whole && line[0] == '/' && strcmp(line, entry->shell) == 0;
}

typedef void take(struct entry *entry, const char *asked, char *line, bool whole);

/* Hands each line of the file over, whatever the name; a file that is not open has none. */
static int
read_lines(struct accounts *file, take *take_line, struct entry *entry, const char *asked)
{
	enum accounts_next next;
	char *line;

	if (file->fd == -1)
		return 0;
	if (accounts_begin(file) == -1)
		return -1;
	while ((next = accounts_next(file, &line)) == ACCOUNTS_GOT || next == ACCOUNTS_DAMAGED)
		take_line(entry, asked, line, next == ACCOUNTS_GOT);
	accounts_report(file);
	return next == ACCOUNTS_END ? 0 : -1;
}

static bool
is_plausible_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && strlen(name) <= CREDENTIALS_NAME &&
	    strpbrk(name, "/:") == NULL && !lock_is_dotlock(name);
}

/* Reads all files, whatever the name. */
static int
look_up(struct entry *entry, const char *name)
{
	const char *remark = strchr(name, '@') != NULL ? "name=domain" :
	    lock_is_dotlock(name) ? "name=dotlock" : NULL;

	/* No line of any file has such a name; one may have none at all. */
	if (!is_plausible_name(name))
		name = "\n";
	memset(entry, 0, sizeof *entry);
	entry->account.remark = remark;
	if (read_lines(&shadow, take_shadow, entry, name) == -1 ||
	    read_lines(&passwd, take_passwd, entry, name) == -1 ||
	    read_lines(&secrets, take_secret, entry, name) == -1 ||
	    read_lines(&shells, take_shell, entry, name) == -1) {
		log_failure("setup", "cannot read the account files");
		explicit_bzero(entry, sizeof *entry);
		return -1;
	}
	if (shells.fd != -1 && !entry->shell_listed)
		object(entry, "reason=shell");
	if (!entry->found)
		explicit_bzero(entry->hash, sizeof entry->hash);
	else
		entry->account.remark = NULL;
	return 0;
}

bool
credentials_find(const char *name, struct account *account)
{
	struct entry entry;
	bool found = look_up(&entry, name) == 0 && entry.served;

	*account = entry.account;
	explicit_bzero(&entry, sizeof entry);
	return found;
}

static bool
equal_in_constant_time(const char *a, const char *b, size_t length)
{
	unsigned char difference = 0;

	for (size_t i = 0; i < length; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

/* One crypt(3) against the hash. crypt(3) tells failure by NULL or a "*". */
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

/* Says what else was wrong only to somebody who has proved to know the password. */
static enum credentials_verdict
conclude(struct entry *entry, bool right, struct account *account)
{
	bool good = right && entry->obstacle == NULL;

	*account = entry->account;
	if (right)
		account->remark = entry->obstacle;
	explicit_bzero(entry, sizeof *entry);
	return good ? CREDENTIALS_GOOD : CREDENTIALS_BAD;
}

enum credentials_verdict
credentials_password(const char *name, const char *password, size_t length,
	struct account *account)
{
	struct entry entry;

	if (look_up(&entry, name) == -1)
		return CREDENTIALS_UNAVAILABLE;
	/* RFC 1939 section 13: no name has both APOP and a plaintext login. */
	if (entry.has_secret)
		object(&entry, "reason=apop");
	const char *hash = entry.hash[0] != '\0' ? entry.hash : standin_hash(&entry.standin);
	if (hash == NULL)
		hash = no_hash;
	bool right = matches(password, hash) && entry.hash[0] != '\0' && length > 0 &&
	    memchr(password, '\0', length) == NULL;
	return conclude(&entry, right, account);
}

enum credentials_verdict
credentials_digest(const char *name, const char *timestamp, const char *digest,
	struct account *account)
{
	static const char hex[] = "0123456789abcdef";
	struct entry entry;
	struct md5 md5;
	uint8_t right_digest[16];
	char text[CREDENTIALS_DIGEST];

	if (look_up(&entry, name) == -1)
		return CREDENTIALS_UNAVAILABLE;
	md5_begin(&md5);
	md5_add(&md5, timestamp, strlen(timestamp));
	md5_add(&md5, entry.secret, strlen(entry.secret));
	md5_end(&md5, right_digest);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = hex[right_digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	bool right = strlen(digest) == sizeof text &&
	    equal_in_constant_time(text, digest, sizeof text) &&
	    entry.found && entry.secret[0] != '\0';
	explicit_bzero(&md5, sizeof md5);
	explicit_bzero(right_digest, sizeof right_digest);
	explicit_bzero(text, sizeof text);
	if (entry.locked)
		object(&entry, "reason=locked");
	return conclude(&entry, right, account);
}
