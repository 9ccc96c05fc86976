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
 * Who the process becomes: the service account, whose the state directory is; and the
 * reader, which owns nothing (see handover.h).
 */
struct sandbox_ids {
	uid_t uid, reader_uid;
	gid_t gid, reader_gid;
	bool reader;		/* there is such an account */
};

/* True if this is the login program, executed by the reader. */
bool sandbox_is_raised(void);

/*
 * Before the greeting: no core files, and file modes exactly as asked for. Finds the ids
 * of "account" and of the account of that name with "-reader" behind it in /etc/passwd,
 * if the process is root; else they are the process's own, and there is no reader.
 * Returns 0, or -1 after logging the reason.
 */
int sandbox_find(const char *account, struct sandbox_ids *ids);

/*
 * No new privileges; and, if the process is root, the ids of the service account, and no
 * group but the one of "spool", where only that group may make a dotlock in it. Here and
 * below, "spool" is -1 if nobody makes any. Returns 0, or -1 after logging the reason.
 */
int sandbox_start(const struct sandbox_ids *ids, int spool);

/*
 * For root: a descriptor (O_PATH) on the program beside this one whose name has "-login"
 * behind it, if the reader can execute it and it would have there what it needs; or -1
 * with *why, in words for the log.
 */
int sandbox_find_login(const struct sandbox_ids *ids, const char **why);

/*
 * For root, once there is a login program: as sandbox_confine, and then the ids of the
 * reader, with no group and no capability. Besides "program" and what it is loaded from
 * nothing can be executed. Returns 0, or -1 after logging the reason.
 */
int sandbox_confine_reader(const struct sandbox_ids *ids, int spool, int state, int program);

/* Executes the descriptor's program, without arguments. Returns only on failure; errno. */
void sandbox_execute(int program);

/*
 * For the login program: as sandbox_start, but that the reader can execute it again.
 * Afterwards sandbox_become and sandbox_seal may follow, or sandbox_read_again.
 */
int sandbox_lower(const struct sandbox_ids *ids, int spool);

/* The reader again. Returns 0, or -1 after logging the reason: the process must end. */
int sandbox_read_again(const struct sandbox_ids *ids);

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
