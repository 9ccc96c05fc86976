/*
 * proxy: the header of the PROXY protocol, version 1 or 2, in which a balancer names
 * the client that it speaks for.
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "peer.h"

enum {
	PROXY_FIRST = 12,	/* octets that distinguish the versions */
	PROXY_SECOND = 4,	/* octets of version 2 after them */
	PROXY_REST = 1024,	/* octets of the longest rest of version 2 that is accepted */
};

/* Pure: reads version 1, the whole line without its end. Returns false if malformed. */
bool proxy_line(const char *line, struct peer *peer);

/*
 * Pure: reads version 2, the octets after PROXY_FIRST: PROXY_SECOND and then as many as
 * proxy_rest says. A header without an address leaves the address as it is, which is the
 * balancer's. The client then counts as another host, unless the balancer speaks for
 * itself (LOCAL). Returns false if malformed.
 */
bool proxy_binary(const unsigned char *second, const unsigned char *rest,
	struct peer *peer);

/* Returns how many octets follow PROXY_SECOND. */
size_t proxy_rest(const unsigned char *second);

/*
 * Reads the header from the wire, which must be open. Returns false after logging that
 * there was no header, or a malformed one.
 */
bool proxy_read(struct peer *peer);

#endif
