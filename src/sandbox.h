/*
 * sandbox: what the process may do, which is less at each stage.
 *
 * A process that root starts becomes the service account (or the reader, see handover.h)
 * before it reads an octet from the client. The service account keeps the power to change
 * ids, and no other. After login the process becomes the user, for good. A process that
 * another user starts keeps its ids. The kernel confines both kinds of process alike.
 *
 * stage            ids      may open                      may change ids
 * start            root     anything                      yes
 * AUTHORIZATION    service  names in spool and state dir  yes, not to 0
 * after login      user     names in spool and state dir  no
 * TRANSACTION      user     new names in the spool only   no
 *
 * The mailbox is opened at the stage after login, and read in TRANSACTION only.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "roster.h"

/* Closes all descriptors from "first" on: launchers leak some. */
void sandbox_close_leaked(int first);

/*
 * The ids that the process takes: those of the service account, which owns the state
 * directory; and those of the reader, which owns no file.
 */
struct sandbox_ids {
	uid_t uid, reader_uid;
	gid_t gid, reader_gid;
	bool reader;		/* there is an account for the reader */
};

/* True if this is the login program, executed by the reader. */
bool sandbox_is_raised(void);

/*
 * Before the greeting: forbids core files, raises soft limits to hard limits, and clears
 * the umask, so that file modes are exactly as asked for. If the process is root, finds
 * the ids of "account", and of the reader's account, which has that name followed by
 * "-reader", in /etc/passwd. Otherwise the ids are the process's own, and there is no
 * reader. Returns 0, or -1 after logging the reason.
 */
int sandbox_find(const char *account, struct sandbox_ids *ids);

/*
 * Forbids new privileges. If the process is root, it also takes the ids of the service
 * account and leaves its groups, but for the group of "spool" if the members of that
 * group may make a dotlock there and others may not. Here and in sandbox_lower,
 * sandbox_become and sandbox_seal, "spool" is -1 if no dotlocks are made. Returns 0, or
 * -1 after logging the reason.
 */
int sandbox_start(const struct sandbox_ids *ids, int spool);

/*
 * For root: finds the login program, whose path is that of this program followed by
 * "-login". Returns a descriptor (O_PATH) on it if the reader can execute it, and if it
 * would gain the powers that it needs. Otherwise returns -1, with *why in words for the
 * log.
 */
int sandbox_find_login(const struct sandbox_ids *ids, const char **why);

/*
 * For root, if there is a login program: confines the process as sandbox_confine does
 * with "strict", and takes the ids of the reader, with no group and no capability. Only
 * "program" can be executed, by the loader that it needs. Returns 0, or -1 after logging
 * the reason; the process must end then.
 */
int sandbox_confine_reader(const struct sandbox_ids *ids, int spool, int state, int program);

/*
 * Executes the descriptor's program, with its name as the only argument and an empty
 * environment. Returns only on failure, with errno.
 */
void sandbox_execute(int program);

/*
 * For the login program: takes the ids and groups as sandbox_start does, but does not
 * forbid new privileges, so that the reader can execute the login program again. After
 * it call sandbox_become and sandbox_seal, or sandbox_read_again. Returns 0, or -1 after
 * logging the reason.
 */
int sandbox_lower(const struct sandbox_ids *ids, int spool);

/*
 * Takes the ids of the reader, with no group and no capability. Returns 0, or -1 after
 * logging the reason; the process must end then.
 */
int sandbox_read_again(const struct sandbox_ids *ids);

/*
 * Confines AUTHORIZATION: only names in the two directories can be opened; no process can
 * be started, no socket made, and no code added. What later stages need is still allowed,
 * as filters can only get tighter. If the kernel cannot confine the process completely,
 * that is logged, and is an error if "strict". Returns 0, or -1 after logging the reason.
 */
int sandbox_confine(int spool, int state, bool strict);

/*
 * After the roster was read, and before the first octet from the client: limits the ids
 * that the process can take. The user-ID must be between the lowest and the highest that
 * is served, and the group-ID in a range of roster_ranges. Returns 0, or -1 after logging
 * the reason.
 */
int sandbox_narrow(const struct roster *roster);

/*
 * After login: takes the ids of the user for good, and reads them back. Keeps no group,
 * unless sandbox_start kept the group of "spool" and the user needs that group to make a
 * dotlock there. User-ID 0 and group-ID 0 are refused. Returns 0, or -1 after logging the
 * reason; the process must not go on then.
 */
int sandbox_become(uid_t uid, gid_t gid, int spool);

/*
 * Confines TRANSACTION, when the mailbox is open and before it is read: no file that
 * exists can be opened any more. In "spool" dotlocks can be made and names removed, and
 * nothing else. Returns 0, or -1 after logging the reason; the process must not go on
 * then.
 */
int sandbox_seal(int spool);

/*
 * Makes the kernel kill the process after so many seconds, even if its user has stopped
 * it. After sandbox_confine the process cannot cancel that. Returns 0, or -1 after
 * logging the reason.
 */
int sandbox_end_after(unsigned seconds);

#endif
