/*
 * sandbox: what the process may do, less and less of it.
 *
 * Started by root it becomes the service account, keeping only the power to
 * change ids, before it reads an octet; after login it becomes the user, for
 * good. Started by anybody else it stays who it is.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <sys/types.h>

/*
 * Before the first octet is read. "account" is looked up in /etc/passwd. File
 * modes are from now on exactly what is asked for. 0, or -1 after a record.
 */
int sandbox_start(const char *account);

/*
 * After login: the user's ids, read back, and nothing else but the group that
 * "spool" belongs to where only that group may make a dotlock in it. uid 0 is
 * refused. 0, or -1 after a record: the process must not go on.
 */
int sandbox_become(uid_t uid, gid_t gid, int spool);

#endif
