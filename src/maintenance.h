/* maintenance: what an admin asks for on the command line, without a client. */
#ifndef MAINTENANCE_H
#define MAINTENANCE_H

#include "handover.h"

/*
 * Prints to descriptor 1 which messages a session would serve of the mailbox
 * options.check, what is odd about the mailbox, and whether an UPDATE is pending. Changes
 * no file and takes no lock. Returns the exit status: 0, also if an account has no
 * mailbox yet; 1 if an admin should look at what was printed or logged; 78 after
 * logging what is not set up.
 */
int maintenance_check(struct orders *orders);

/*
 * Finishes each pending UPDATE in the state directory, and removes the dotlocks of killed
 * sessions, each as the user whose mailbox it is. One mailbox may take 120 seconds and
 * the seconds of options.lock_seconds. Returns the exit status: 0; or, after logging the
 * reason, 1 if an UPDATE could not be finished or its journal was set aside, and 78 if
 * the server is not set up.
 */
int maintenance_recover(struct orders *orders);

#endif
