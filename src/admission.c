/* The way in. SECURITY: the order of these calls decides how long we have root's power. */
#include "admission.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index.h"
#include "lock.h"
#include "log.h"
#include "options.h"
#include "roster.h"
#include "sandbox.h"
#include "update.h"

static int
open_directory(const char *path, const char *what)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		log_failure("setup", "cannot open %s, %s", path, what);
	return fd;
}

static int
open_directories(struct orders *orders)
{
	const struct options *options = &orders->options;

	orders->spool = open_directory(options->spool, "the spool (option -m)");
	orders->state = open_directory(options->state,
	    "the state directory (option -d; the service account's, mode 0700)");
	orders->dotlocks = options->no_dotlock ? -1 : orders->spool;
	return orders->spool == -1 || orders->state == -1 ? -1 : 0;
}

/*
 * SECURITY: another user who can write to the state directory could make a journal by
 * which a mailbox is overwritten. Returns 0, or -1 after logging the reason.
 */
static int
check_state(const struct orders *orders)
{
	const char *path = orders->options.state;
	struct stat status;

	if (fstat(orders->state, &status) == -1) {
		log_failure("setup", "cannot look at %s", path);
		return -1;
	}
	if (status.st_uid == orders->ids.uid && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	log_record(LOG_ERR, "setup", "%s must belong to the service account and have mode 0700",
	    path);
	return -1;
}

/* The spool and the state directory are all that can be opened from here on. */
static int
confine(const struct orders *orders)
{
	return sandbox_confine(orders->spool, orders->state, orders->options.strict);
}

int
admission_prepare(struct orders *orders)
{
	const struct options *options = &orders->options;
	const char *why = NULL;
	int found = 0;

	if (roster_open(options, geteuid()) == -1 || open_directories(orders) == -1 ||
	    sandbox_find(options->account, &orders->ids) == -1 || check_state(orders) == -1)
		return -1;
	if (geteuid() == 0 && !options->recover)
		found = handover_prepare(orders, &why);
	if (found == -1)
		return -1;
	if (found == 1)
		return sandbox_confine_reader(&orders->ids, orders->spool, orders->state,
		    HANDOVER_PROGRAM);
	if (why != NULL)
		log_record(LOG_NOTICE, "sandbox", "no login program, %s", why);
	if (sandbox_start(&orders->ids, orders->dotlocks) == -1)
		return -1;
	/* -r has to start processes, which a confined process cannot do. */
	return options->recover ? 0 : confine(orders);
}

int
admission_learn(struct orders *orders)
{
	if (orders->role == HANDOVER_READER)
		return handover_close_vault(orders);
	roster_load(&orders->roster, -1, 0);
	return sandbox_narrow(&orders->roster);
}

int
admission_resume(const struct orders *orders)
{
	return sandbox_lower(&orders->ids, orders->dotlocks);
}

int
admission_deny(struct orders *orders)
{
	handover_leave(orders);
	return sandbox_read_again(&orders->ids);
}

static enum admission_result
result_of(enum maildrop_result result)
{
	switch (result) {
	case MAILDROP_GOOD:
		return ADMISSION_GOOD;
	case MAILDROP_BUSY:
		return ADMISSION_BUSY;
	case MAILDROP_REFUSED:
		return ADMISSION_REFUSED;
	default:
		return ADMISSION_FAILED;
	}
}

/*
 * The user cannot open the state file, which belongs to the service account, so it is
 * opened before the process becomes the user. Its lock is kept.
 */
static enum admission_result
become_user(struct orders *orders, const struct account *account, struct journal *journal,
	struct cache *cache)
{
	if (journal_open(journal, orders->state, account->name) == -1) {
		if (errno == EWOULDBLOCK)
			return ADMISSION_IN_USE;
		log_failure("maildrop", "cannot open the state file");
		return ADMISSION_NO_STATE;
	}
	if (cache != NULL && !orders->options.no_cache)
		cache_open(cache, orders->state, orders->spool, account->name);
	roster_wipe(&orders->roster);
	handover_end(orders);
	return sandbox_become(account->uid, account->gid, orders->dotlocks) == 0 ?
	    ADMISSION_GOOD : ADMISSION_NO_ACCOUNT;
}

/* The mailbox may be locked after any result, so the caller calls maildrop_unlock. */
static enum admission_result
take_maildrop(const struct orders *orders, const struct account *account,
	struct maildrop *maildrop)
{
	enum maildrop_result opened = maildrop_open(maildrop, orders->spool, account->name,
	    account->uid, &orders->options);

	if (orders->options.popa3d_ids)
		maildrop->kind = UNIQUEID_POPA3D;
	maildrop->adoption = account->adoption;
	if (opened != MAILDROP_GOOD)
		return result_of(opened);
	/* SECURITY: what is in the mailbox, the journal and the saved index may be hostile,
	   so nothing of them was read before this. */
	return sandbox_seal(orders->dotlocks) == 0 ? ADMISSION_GOOD : ADMISSION_UNCONFINED;
}

static enum maildrop_result
make_index(const struct cache *cache, struct maildrop *maildrop)
{
	enum maildrop_result result = index_adopt(maildrop);

	if (result == MAILDROP_GOOD) {
		cache_recall(cache, maildrop);
		result = index_make(maildrop);
	}
	return result == MAILDROP_GOOD ? maildrop_settle(maildrop) : result;
}

enum admission_result
admission_enter(struct orders *orders, const struct account *account,
	struct journal *journal, struct cache *cache, struct maildrop *maildrop)
{
	enum admission_result result = become_user(orders, account, journal, cache);

	if (result != ADMISSION_GOOD)
		return result;
	result = take_maildrop(orders, account, maildrop);
	if (result == ADMISSION_GOOD && update_recover(maildrop, journal) == UPDATE_PENDING)
		result = ADMISSION_PENDING;
	if (result == ADMISSION_GOOD)
		result = result_of(make_index(cache, maildrop));
	maildrop_unlock(maildrop);
	return result;
}

enum admission_result
admission_recover(struct orders *orders, const char *name, unsigned seconds)
{
	enum admission_result result;
	struct maildrop maildrop;
	struct journal journal;
	struct account account;

	if (sandbox_end_after(seconds) == -1 || confine(orders) == -1 ||
	    sandbox_narrow(&orders->roster) == -1)
		return ADMISSION_NOT_SET_UP;
	if (!credentials_find(&orders->roster, name, &account)) {
		log_record(LOG_ERR, "maildrop refused", "a journal is pending for no account");
		return ADMISSION_NO_ACCOUNT;
	}
	result = become_user(orders, &account, &journal, NULL);
	if (result != ADMISSION_GOOD)
		return result;
	if (!orders->options.no_dotlock && lock_clear(orders->spool, name) == -1)
		return ADMISSION_FAILED;
	if (journal_pending(&journal) == 0)
		return ADMISSION_GOOD;
	result = take_maildrop(orders, &account, &maildrop);
	if (result == ADMISSION_GOOD && maildrop.fd == -1)
		result = ADMISSION_NO_MAILBOX;
	if (result == ADMISSION_GOOD && update_recover(&maildrop, &journal) != UPDATE_DONE)
		result = ADMISSION_PENDING;
	maildrop_unlock(&maildrop);
	return result;
}

enum admission_result
admission_look(struct orders *orders, struct journal *journal, struct maildrop *maildrop)
{
	const struct options *options = &orders->options;
	const char *name = options->check;
	struct stat status;

	if (open_directories(orders) == -1)
		return errno == EACCES ? ADMISSION_FAILED : ADMISSION_NOT_SET_UP;
	bool absent = fstatat(orders->spool, name, &status, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT;
	bool looks = absent || options->dovecot != NULL;	/* at the account files */
	if (looks && roster_open(options, 0) == -1)
		return ADMISSION_NOT_SET_UP;
	if (!absent && maildrop_peek(maildrop, orders->spool, name) != MAILDROP_GOOD)
		return ADMISSION_FAILED;
	if (journal_peek(journal, orders->state, name) == -1 && errno != ENOENT) {
		log_failure("maildrop", "cannot open the state file");
		return ADMISSION_FAILED;
	}
	if (sandbox_find(options->account, &orders->ids) == -1 ||
	    sandbox_start(&orders->ids, -1) == -1 || confine(orders) == -1)
		return ADMISSION_NOT_SET_UP;
	if (looks) {
		roster_load(&orders->roster, -1, 0);
		maildrop->adoption = roster_adoption(&orders->roster, name);
	}
	if (sandbox_seal(-1) == -1)
		return ADMISSION_NOT_SET_UP;
	if (options->popa3d_ids)
		maildrop->kind = UNIQUEID_POPA3D;
	return absent ? ADMISSION_NO_MAILBOX : ADMISSION_GOOD;
}
