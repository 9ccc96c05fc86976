/*
 * sandbox_system: what sandbox.c asks of the system it runs on. One file of
 * each system has these functions; the Makefile picks it by name.
 *
 * Those that return int return 0, or -1 with errno. None writes a record.
 */
#ifndef SANDBOX_SYSTEM_H
#define SANDBOX_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "roster.h"

/* Closes all descriptors from "first" on, if the system can do that cheaply. */
void system_close_from(int first);

/* Not to be traced by others, no core files. */
int system_limit(void);

/* Nothing is gained from set-id programs any more. */
int system_gain_nothing(void);

/* See sandbox_find_login, sandbox_execute. With fewer descriptors there is none. */
enum { SYSTEM_DESCRIPTORS = 64 };
int system_find_login(gid_t group, const char **why);
void system_execute(int program);

/* From root to these ids, keeping only the power to change ids. */
int system_step_down(uid_t uid, gid_t gid);

/* From there to these ids for good. */
int system_become(uid_t uid, gid_t gid);

/* True if there is any power left that an ordinary user has not. */
bool system_is_privileged(void);

enum system_result {
	SYSTEM_GOOD,
	SYSTEM_INCOMPLETE,	/* some or all of it cannot be had on this kernel */
	SYSTEM_FAILED,
};

/* See sandbox_end_after; where only a running process can be ended, that. */
int system_end_after(unsigned seconds);

/* See sandbox_confine, sandbox_narrow and sandbox_seal. */
/* "program" is -1 if no program may be executed. */
enum system_result system_confine(int spool, int state, int program);

/* Of user-IDs and of group-IDs; in each count at most so many. */
enum { SYSTEM_RANGES = 256 };
int system_limit_ids(const struct roster_range *uids, size_t uid_count,
	const struct roster_range *gids, size_t gid_count);

int system_seal(int spool);

#endif
