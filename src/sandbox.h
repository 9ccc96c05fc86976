/*
 * sandbox: what the process may do, less and less of it.
 *
 * Started by root it becomes the service account, keeping only the power to
 * change ids, before it reads an octet; after login it becomes the user, for
 * good. Started by anybody else it stays who it is. What the kernel confines
 * is the same for all.
 *
 * stage            ids      may open                      may change ids
 * start            root     anything                      yes
 * AUTHORIZATION    service  names in spool and state dir  yes, not to 0
 * then             user     the same                      no
 * TRANSACTION      user     new names in the spool only   no
 *
 * The mailbox is opened in the third, and read in the last.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "roster.h"

/* Closes all descriptors from "first" on: launchers leak some. */
void sandbox_close_leaked(int first);

/*
 * Before the greeting: no core files, no new privileges, file modes exactly as asked
 * for; and, if the process is root, the ids of "account", which is looked up in
 * /etc/passwd, and no group but the one of "spool", where only that group may make a
 * dotlock in it. Here and below, "spool" is -1 if nobody makes any. Returns 0, or -1
 * after logging the reason.
 */
int sandbox_start(const char *account, int spool);

/*
 * Confines AUTHORIZATION: the two directories are all that can be opened, and
 * no process can be started, no socket made, no code added. What the kernel
 * cannot do is told in one record, and is an error if "strict". 0, or -1 after
 * a record. What is needed later is still allowed: filters only get tighter.
 */
int sandbox_confine(int spool, int state, bool strict);

/*
 * Once it is known who is served, and before the first octet is read: the process can
 * become nobody else. Returns 0, or -1 after logging the reason.
 */
int sandbox_narrow(const struct roster *roster);

/*
 * After login: the user's ids, read back, and no group but the one that sandbox_start
 * left, if the user needs it to make a dotlock in "spool". User-ID 0 is refused.
 * Returns 0, or -1 after logging the reason: the process must not go on.
 */
int sandbox_become(uid_t uid, gid_t gid, int spool);

/*
 * Confines TRANSACTION, once the mailbox is open and before it is read: nothing
 * that exists can be opened any more, and only dotlocks can be made in "spool",
 * and names removed from there. 0, or -1 after a record: the process must not go on.
 */
int sandbox_seal(int spool);

/*
 * The kernel kills the process after so many seconds, even while its user keeps it
 * stopped. Nothing takes that back after sandbox_confine. Returns 0, or -1 after
 * logging the reason.
 */
int sandbox_end_after(unsigned seconds);

#endif
