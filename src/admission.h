/*
 * admission: the way in, from root to one confined user with a locked, recovered
 * maildrop. Sessions, -r and -c all come this way. sandbox.h says what may be opened at
 * each step; here is the order of the steps.
 *
 * step                 who it is after it           what was opened in it
 * admission_prepare    the reader or the service    as root: see below
 *                      account, confined (with -r
 *                      not before admission_recover)
 * admission_learn      the same                     nothing; reads the accounts
 * admission_resume     the service account          as root: the vault, by handover
 * admission_enter,     the user                     as the service account: the state
 * admission_recover                                 file and the saved index; as the
 *                                                   user: the mailbox
 *
 * Opened as root, and nothing else: /dev/null, syslog's socket, /etc/passwd, the files
 * of -p, -s, -a and -D, /etc/shells, the spool and the state directory, the login
 * program, the descriptor of the vault; and with -c the mailbox and the state file of
 * that name. Of these, root reads /etc/passwd alone.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include "cache.h"
#include "credentials.h"
#include "handover.h"
#include "journal.h"
#include "maildrop.h"

enum admission_result {
	ADMISSION_GOOD,
	ADMISSION_NOT_SET_UP,	/* by the admin: no session would be served */
	ADMISSION_IN_USE,	/* another session has the state file; not logged */
	ADMISSION_NO_STATE,	/* the state file cannot be opened */
	ADMISSION_NO_ACCOUNT,	/* there is none of that name, or it cannot be served */
	ADMISSION_NO_MAILBOX,	/* there is no such file; not logged */
	ADMISSION_BUSY,		/* another program keeps the mailbox locked */
	ADMISSION_REFUSED,	/* the mailbox is not one that can be served */
	ADMISSION_FAILED,	/* the mailbox cannot be opened or read */
	ADMISSION_UNCONFINED,	/* the process cannot be confined */
	ADMISSION_PENDING,	/* an interrupted UPDATE cannot be finished; with -r also if
				   its journal was set aside, which somebody should see */
};

/*
 * The functions that return an enum admission_result have logged the reason when it is
 * not ADMISSION_GOOD, but for the results that say otherwise.
 */

/*
 * Opens what only root can open, and then is root no more: orders->role says whether the
 * process is the reader now. Returns 0, or -1 after logging the reason.
 */
int admission_prepare(struct orders *orders);

/*
 * After the greeting, while the client's answer is on its way: reads the accounts, and
 * makes sure that the process can become nobody else. Returns 0, or -1 after logging the
 * reason.
 */
int admission_learn(struct orders *orders);

/*
 * In the login program, after handover_receive: is root no more. Returns 0, or -1 after
 * logging the reason.
 */
int admission_resume(const struct orders *orders);

/*
 * In the login program, which has let nobody in: is the reader again. Returns 0, or -1
 * after logging the reason: the process must end.
 */
int admission_deny(struct orders *orders);

/*
 * Becomes the user for good, and opens, recovers and indexes the maildrop; the mailbox's
 * locks are released again. Nothing is written to the client meanwhile, who could keep
 * us waiting while we hold them. After ADMISSION_IN_USE the process is as it was before;
 * after any other result the accounts are wiped and there is no way back.
 */
enum admission_result admission_enter(struct orders *orders, const struct account *account,
	struct journal *journal, struct cache *cache, struct maildrop *maildrop);

/*
 * For -r, in a process of its own that ends after so many seconds: becomes the user
 * "name", and finishes the UPDATE that is pending, if one is.
 */
enum admission_result admission_recover(struct orders *orders, const char *name,
	unsigned seconds);

/*
 * For -c: opens the mailbox of options.check and its journal without their locks, and
 * becomes the service account, which can open nothing any more. After
 * ADMISSION_NO_MAILBOX the accounts are in orders->roster.
 */
enum admission_result admission_look(struct orders *orders, struct journal *journal,
	struct maildrop *maildrop);

#endif
