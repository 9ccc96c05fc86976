/*
 * proxy: the header of the PROXY protocol, version 1 or 2, by which a balancer
 * tells whom it speaks for.
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "peer.h"

enum {
	PROXY_FIRST = 12,	/* octets that tell the versions apart */
	PROXY_SECOND = 4,	/* of version 2 behind them */
	PROXY_REST = 1024,	/* the longest rest of version 2 that is taken */
};

/* Pure: version 1, the whole line without its end. False: malformed. */
bool proxy_line(const char *line, struct peer *peer);

/*
 * Pure: version 2, the octets behind PROXY_FIRST: PROXY_SECOND and as many as
 * proxy_rest says. A header that names nobody leaves the address as it is, which is the
 * balancer's; unless the balancer speaks for itself (LOCAL), the client is another host.
 */
bool proxy_binary(const unsigned char *second, const unsigned char *rest,
	struct peer *peer);

/* Octets that follow PROXY_SECOND. */
size_t proxy_rest(const unsigned char *second);

/*
 * Reads the header from the wire, which must have been opened. False after a
 * record: there was none, or it is malformed.
 */
bool proxy_read(struct peer *peer);

#endif
