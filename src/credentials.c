/*
 * Names and passwords. SECURITY: this runs before login, on what a stranger
 * sent, with the shadow file open.
 */
#include "credentials.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "md5.h"

enum { HASH = 256, SECRET = 512, BUFFER = 4096, SECONDS_A_DAY = 86400 };

/* For a system in which no account has a usable hash. */
static const char no_hash[] = "$6$stdpop3d$";

static struct source {
	FILE *stream;
	char buffer[BUFFER];
} passwd, shadow, secrets, shells;

static uid_t only_uid;
static uid_t least_uid;

/* What the files say of one name. */
struct entry {
	struct account account;
	bool found;
	bool served;		/* by its uid */
	bool current;		/* by its dates */
	char hash[HASH];	/* or empty */
	char other[HASH];	/* the first usable hash of any account */
	char secret[SECRET];	/* or empty */
};

static int
open_source(struct source *source, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1)
		return -1;
	errno = EINVAL;
	source->stream = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ?
	    fdopen(fd, "r") : NULL;
	if (source->stream == NULL) {
		close(fd);
		return -1;
	}
	/* SECURITY: our buffer, so that we can wipe it. */
	setvbuf(source->stream, source->buffer, _IOFBF, sizeof source->buffer);
	return 0;
}

static void
close_source(struct source *source)
{
	if (source->stream != NULL)
		fclose(source->stream);
	source->stream = NULL;
	explicit_bzero(source->buffer, sizeof source->buffer);
}

static int
check_secrets(const char *path)
{
	struct stat status;

	if (fstat(fileno(secrets.stream), &status) == -1)
		return -1;
	if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0 ||
	    (status.st_uid != 0 && status.st_uid != geteuid())) {
		log_record(LOG_ERR, "setup", "%s must be its owner's alone, and the owner"
		    " root or whoever runs the server", path);
		return -1;
	}
	return 0;
}

static int
open_or_tell(struct source *source, const char *path)
{
	int result = open_source(source, path);

	if (result == -1)
		log_failure("setup", "cannot open %s", path);
	return result;
}

int
credentials_open(const struct options *options, uid_t only)
{
	only_uid = only;
	least_uid = options->least_uid;
	if (open_or_tell(&passwd, options->passwd) == -1)
		return -1;
	if (options->listed_shell && open_or_tell(&shells, "/etc/shells") == -1)
		return -1;
	if (open_source(&shadow, options->shadow) == -1 && errno != ENOENT &&
	    !(errno == EACCES && only != 0)) {
		log_failure("setup", "cannot open %s", options->shadow);
		return -1;
	}
	if (options->secrets == NULL)
		return 0;
	if (open_or_tell(&secrets, options->secrets) == -1)
		return -1;
	return check_secrets(options->secrets);
}

bool
credentials_apop(void)
{
	return secrets.stream != NULL;
}

void
credentials_close(void)
{
	close_source(&passwd);
	close_source(&shadow);
	close_source(&secrets);
	close_source(&shells);
}

static bool
is_usable_hash(const char *hash)
{
	return hash != NULL && hash[0] != '\0' && hash[0] != '!' && hash[0] != '*' &&
	    strcmp(hash, "x") != 0;
}

/* glibc has no hash at all in a line of NIS, one that starts with + or -. */
static void
wipe(char *hash)
{
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
}

static void
copy_hash(char to[HASH], const char *hash)
{
	to[0] = '\0';
	if (is_usable_hash(hash) && strlen(hash) < HASH)
		strcpy(to, hash);
}

static bool
is_uid_served(uid_t uid)
{
	if (only_uid != 0)
		return uid == only_uid;
	return uid != 0 && uid >= least_uid;
}

/* True if the shell is a line of the file, or if that does not matter. */
static bool
is_shell_listed(const char *shell)
{
	char line[BUFFER];

	if (shells.stream == NULL)
		return true;
	rewind(shells.stream);
	while (fgets(line, sizeof line, shells.stream) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '/' && strcmp(line, shell) == 0)
			return true;
	}
	return false;
}

/* shadow(5): 0 as the day of the last change asks for a new password at once. */
static bool
is_current(const struct spwd *spwd)
{
	long today = (long)(time(NULL) / SECONDS_A_DAY);
	long grace = spwd->sp_inact > 0 ? spwd->sp_inact : 0;

	if (spwd->sp_expire >= 0 && today >= spwd->sp_expire)
		return false;
	if (spwd->sp_lstchg == 0)
		return false;
	if (spwd->sp_lstchg > 0 && spwd->sp_max >= 0 &&
	    today - spwd->sp_lstchg > spwd->sp_max + grace)
		return false;
	return true;
}

static int
read_passwd(struct entry *entry, const char *name)
{
	struct passwd *pw;

	rewind(passwd.stream);
	errno = 0;
	while ((pw = fgetpwent(passwd.stream)) != NULL) {
		if (entry->other[0] == '\0')
			copy_hash(entry->other, pw->pw_passwd);
		if (!entry->found && strcmp(pw->pw_name, name) == 0) {
			entry->found = true;
			entry->served = is_uid_served(pw->pw_uid) &&
			    is_shell_listed(pw->pw_shell);
			entry->current = true;
			entry->account.uid = pw->pw_uid;
			entry->account.gid = pw->pw_gid;
			strcpy(entry->account.name, name);
			copy_hash(entry->hash, pw->pw_passwd);
		}
		wipe(pw->pw_passwd);
	}
	return ferror(passwd.stream) ? -1 : 0;
}

static int
read_shadow(struct entry *entry, const char *name)
{
	struct spwd *spwd;
	bool found = false;

	if (shadow.stream == NULL)
		return 0;
	rewind(shadow.stream);
	while ((spwd = fgetspent(shadow.stream)) != NULL) {
		if (entry->other[0] == '\0')
			copy_hash(entry->other, spwd->sp_pwdp);
		if (!found && strcmp(spwd->sp_namp, name) == 0) {
			found = true;
			entry->current = is_current(spwd);
			copy_hash(entry->hash, spwd->sp_pwdp);
		}
		wipe(spwd->sp_pwdp);
	}
	return ferror(shadow.stream) ? -1 : 0;
}

/* Lines of the secrets file: "name:secret", all after the colon; "#" comments. */
static int
read_secrets(struct entry *entry, const char *name)
{
	char line[CREDENTIALS_NAME + 1 + SECRET];
	size_t name_length = strlen(name);
	bool whole = true;

	if (secrets.stream == NULL)
		return 0;
	rewind(secrets.stream);
	while (fgets(line, sizeof line, secrets.stream) != NULL) {
		/* Of a line that is too long, no piece is an entry. */
		bool starts = whole;
		size_t length = strcspn(line, "\n");
		whole = line[length] == '\n' || feof(secrets.stream);
		line[length] = '\0';
		if (starts && whole && line[0] != '#' && length > name_length &&
		    length - name_length <= SECRET && line[name_length] == ':' &&
		    memcmp(line, name, name_length) == 0)
			strcpy(entry->secret, line + name_length + 1);
	}
	explicit_bzero(line, sizeof line);
	return ferror(secrets.stream) ? -1 : 0;
}

static bool
is_plausible_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && strlen(name) <= CREDENTIALS_NAME &&
	    strpbrk(name, "/:") == NULL;
}

/* Reads all files, whatever the name. */
static int
look_up(struct entry *entry, const char *name)
{
	/* No line of any file has such a name; one may have none at all. */
	if (!is_plausible_name(name))
		name = "\n";
	memset(entry, 0, sizeof *entry);
	if (read_passwd(entry, name) == -1 || read_shadow(entry, name) == -1 ||
	    read_secrets(entry, name) == -1) {
		log_failure("setup", "cannot read the account files");
		explicit_bzero(entry, sizeof *entry);
		return -1;
	}
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

enum credentials_verdict
credentials_password(const char *name, const char *password, size_t length,
	struct account *account)
{
	struct entry entry;

	if (look_up(&entry, name) == -1)
		return CREDENTIALS_UNAVAILABLE;
	/* RFC 1939 section 13: no name has both APOP and a plaintext login. */
	bool eligible = entry.served && entry.current && entry.hash[0] != '\0' && entry.secret[0] == '\0' &&
	    length > 0 && memchr(password, '\0', length) == NULL;
	const char *hash = entry.hash[0] != '\0' ? entry.hash :
	    entry.other[0] != '\0' ? entry.other : no_hash;
	bool good = matches(password, hash) && eligible;
	*account = entry.account;
	explicit_bzero(&entry, sizeof entry);
	return good ? CREDENTIALS_GOOD : CREDENTIALS_BAD;
}

enum credentials_verdict
credentials_digest(const char *name, const char *timestamp, const char *digest,
	struct account *account)
{
	static const char hex[] = "0123456789abcdef";
	struct entry entry;
	struct md5 md5;
	uint8_t right[16];
	char text[CREDENTIALS_DIGEST];

	if (look_up(&entry, name) == -1)
		return CREDENTIALS_UNAVAILABLE;
	md5_begin(&md5);
	md5_add(&md5, timestamp, strlen(timestamp));
	md5_add(&md5, entry.secret, strlen(entry.secret));
	md5_end(&md5, right);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = hex[right[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	bool good = strlen(digest) == sizeof text &&
	    equal_in_constant_time(text, digest, sizeof text) &&
	    entry.served && entry.current && entry.secret[0] != '\0';
	*account = entry.account;
	explicit_bzero(&entry, sizeof entry);
	explicit_bzero(&md5, sizeof md5);
	return good ? CREDENTIALS_GOOD : CREDENTIALS_BAD;
}
