/*
 * audit: a log line for each message that QUIT is about to remove, by which an
 * administrator finds the message in the log of the MTA, or in a backup.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "maildrop.h"

/*
 * Logs the messages that are marked deleted, before UPDATE, because their headers are gone
 * afterwards. The log line of the session's end says whether they were removed. If
 * there is no memory to number the unique-ids, logs that, and no message.
 */
void audit_deletions(struct maildrop *maildrop);

#endif
