/*
 * sandbox_system: what sandbox.c asks of the system it runs on. Each system has a
 * file with these functions; the Makefile picks it by name.
 *
 * Functions that return int return 0, or -1 with errno, except system_find_login.
 * They log nothing: sandbox.c does.
 */
#ifndef SANDBOX_SYSTEM_H
#define SANDBOX_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "roster.h"

/* Closes all descriptors from "first" on, if the system can do that cheaply. */
void system_close_from(int first);

/* Forbids core files, and forbids other processes to trace this one. */
int system_limit(void);

/* From now on no program that is executed gains privileges. */
int system_gain_nothing(void);

/*
 * See sandbox_find_login and sandbox_execute. A process that may not have so many
 * descriptors has no login program.
 */
enum { SYSTEM_DESCRIPTORS = 64 };
int system_find_login(gid_t group, const char **why);
void system_execute(int program);

/* Changes from root to these ids, and keeps only the power to change ids. */
int system_step_down(uid_t uid, gid_t gid);

/* Changes to these ids for good, and gives up all powers. */
int system_become(uid_t uid, gid_t gid);

/* True if the process has any power that an ordinary user does not have. */
bool system_is_privileged(void);

enum system_result {
	SYSTEM_GOOD,
	SYSTEM_INCOMPLETE,	/* this kernel cannot do some or all of what was asked */
	SYSTEM_FAILED,
};

/* See sandbox_end_after. On some systems it cannot end a process that is stopped. */
int system_end_after(unsigned seconds);

/* See sandbox_confine. "program" is -1 if no program may be executed. */
enum system_result system_confine(int spool, int state, int program);

/* See sandbox_narrow. Each of the two counts is at most SYSTEM_RANGES. */
enum { SYSTEM_RANGES = 256 };
int system_limit_ids(const struct roster_range *uids, size_t uid_count,
	const struct roster_range *gids, size_t gid_count);

/* See sandbox_seal. */
int system_seal(int spool);

#endif
