/*
 * admission: the way in, from root to one confined user with a locked, recovered
 * maildrop. Sessions, -r and -c all come this way. sandbox.h says what may be opened at
 * each step; here is the order of the steps.
 *
 * step                 the process after it is      what was opened in it
 * admission_prepare    the reader or the service    as root: see below
 *                      account, confined (with -r
 *                      not before admission_recover)
 * admission_learn      as before it                 nothing; reads the accounts
 * admission_resume     the service account          as root: the vault, by handover
 * admission_enter,     the user                     as the service account: the state
 * admission_recover                                 file and the saved index; as the
 *                                                   user: the mailbox
 *
 * Opened as root, and nothing else: /dev/null, syslog's socket, /etc/passwd, the files
 * of -p, -s, -a and -D, /etc/shells, the spool and the state directory, the login
 * program, the vault; and with -c the mailbox and the state file of that name. Of these,
 * root reads only /etc/passwd and the vault.
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
	ADMISSION_NOT_SET_UP,	/* an admin must set up more: no session would be served */
	ADMISSION_IN_USE,	/* another session has the state file; not logged */
	ADMISSION_NO_STATE,	/* the state file cannot be opened */
	ADMISSION_NO_ACCOUNT,	/* no account has that name, or it cannot be served */
	ADMISSION_NO_MAILBOX,	/* there is no such file; not logged */
	ADMISSION_BUSY,		/* another program keeps the mailbox locked */
	ADMISSION_REFUSED,	/* the mailbox is not one that can be served */
	ADMISSION_FAILED,	/* the mailbox cannot be opened or read */
	ADMISSION_UNCONFINED,	/* the process cannot be confined */
	ADMISSION_PENDING,	/* an interrupted UPDATE cannot be finished; with -r also if
				   its journal was set aside, which an admin should see */
};

/*
 * A function that returns another admission_result than ADMISSION_GOOD has logged the
 * reason, unless "not logged" stands above.
 */

/*
 * Opens what only root can open, and then gives up root. If orders->role is
 * HANDOVER_READER after it, the process is the reader, otherwise the service account.
 * Returns 0, or -1 after logging the reason.
 */
int admission_prepare(struct orders *orders);

/*
 * Reads the accounts, after the greeting, while the client's answer is on its way; with
 * -x before the greeting. Unless the process is the reader, also limits the ids that it
 * can take: see sandbox_narrow. Returns 0, or -1 after logging the reason.
 */
int admission_learn(struct orders *orders);

/*
 * In the login program, after handover_receive: gives up root, and becomes the service
 * account. Returns 0, or -1 after logging the reason.
 */
int admission_resume(const struct orders *orders);

/*
 * In the login program, which has let nobody in: becomes the reader again. Returns 0, or
 * -1 after logging the reason; the process must end then.
 */
int admission_deny(struct orders *orders);

/*
 * Becomes the user for good, and opens, recovers and indexes the maildrop under the
 * mailbox's locks, which it releases. A client that does not read could keep us waiting
 * while we hold the locks, so nothing is written to it meanwhile. After ADMISSION_IN_USE
 * and ADMISSION_NO_STATE the process is what it was before. After any other result the
 * accounts are wiped, and the process cannot become the reader again.
 */
enum admission_result admission_enter(struct orders *orders, const struct account *account,
	struct journal *journal, struct cache *cache, struct maildrop *maildrop);

/*
 * For -r, in a process of its own, which the kernel ends after so many seconds: becomes
 * the user "name", removes the dotlock that a killed session may have left, and finishes
 * an UPDATE that is pending.
 */
enum admission_result admission_recover(struct orders *orders, const char *name,
	unsigned seconds);

/*
 * For -c: opens the mailbox of options.check and its journal without their locks, becomes
 * the service account, and seals the process, which can open nothing more. After
 * ADMISSION_NO_MAILBOX the accounts are in orders->roster.
 */
enum admission_result admission_look(struct orders *orders, struct journal *journal,
	struct maildrop *maildrop);

#endif
