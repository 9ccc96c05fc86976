/* doors: the two directories, opened before the process steps down. */
#ifndef DOORS_H
#define DOORS_H

#include <sys/types.h>

#include "options.h"

struct doors {
	int spool;
	int state;
	int names;	/* the spool if dotlocks are made in it, else -1 */
};

/* Opens both. 0, or -1 after a record. */
int doors_open(struct doors *doors, const struct options *options);

/*
 * The state directory must be the service account's, and nobody else's to write to or
 * read. Returns 0, or -1 after logging the reason.
 */
int doors_check(const struct doors *doors, const struct options *options, uid_t service);

#endif
