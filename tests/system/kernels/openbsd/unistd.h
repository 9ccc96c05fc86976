/* What src/sandbox_openbsd.c calls, as OpenBSD's manual declares it. */
#ifndef UNISTD_H
#define UNISTD_H

#include <stddef.h>
#include <sys/types.h>

int closefrom(int);
int fchdir(int);
int getresuid(uid_t *, uid_t *, uid_t *);
int pledge(const char *, const char *);
int setegid(gid_t);
int seteuid(uid_t);
int setresgid(gid_t, gid_t, gid_t);
int setresuid(uid_t, uid_t, uid_t);
int unveil(const char *, const char *);

#endif
