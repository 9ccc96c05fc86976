/* maintenance: what an admin asks for on the command line, without a client. */
#ifndef MAINTENANCE_H
#define MAINTENANCE_H

#include "handover.h"

/*
 * Prints on descriptor 1 what a session would be served of the mailbox
 * options.check, what is odd about it, and whether an UPDATE is pending. Touches
 * nothing and takes no lock. Returns the exit status: 0, also if an account has no
 * mailbox yet; 1 if there is something to look at, which was printed or logged; 78
 * after logging what is not set up.
 */
int maintenance_check(struct orders *orders);

/*
 * Finishes every pending UPDATE in the state directory, as its user, who gets two
 * minutes for each besides the waiting for locks. Returns the exit status after
 * logging the reason: 0, 1 if one could not be finished or was set aside, 78 if the
 * server is not set up.
 */
int maintenance_recover(struct orders *orders);

#endif
