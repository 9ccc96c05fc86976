/* maintenance: what an admin asks for on the command line, without a client. */
#ifndef MAINTENANCE_H
#define MAINTENANCE_H

#include "options.h"

/*
 * Prints on descriptor 1 what a session would be served of mailbox
 * options->check, and whether an UPDATE is pending; touches nothing and takes
 * no lock. The exit status: 0, or 1 if there is something a user would notice.
 */
int maintenance_check(const struct options *options);

/*
 * Finishes every pending UPDATE in the state directory, as its user. The exit
 * status: 0, or 1 if one could not be finished; a record tells which.
 */
int maintenance_recover(const struct options *options);

#endif
