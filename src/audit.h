/*
 * audit: a log line for each message that QUIT is about to remove, by which an
 * administrator finds it in the log of the MTA, or in a backup.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "maildrop.h"

/*
 * Logs the deleted messages. The caller is about to enter UPDATE: afterwards their headers
 * are gone. Whether they were removed is what the end of the session says.
 */
void audit_deletions(struct maildrop *maildrop);

#endif
