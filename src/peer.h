/* peer: who is at the other end, as far as the launcher or the kernel knows. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>

enum { PEER_ADDRESS = 46 };

struct peer {
	char address[PEER_ADDRESS];	/* or "unknown" */
	bool foreign;			/* another host, as opposed to loopback or unknown */
};

/*
 * Takes TCPREMOTEIP, REMOTE_ADDR or REMOTE_HOST where one holds an address,
 * else getpeername(2) of the descriptor, else unknown. An IPv4 address inside
 * an IPv6 one is given as IPv4.
 */
void peer_find(struct peer *peer, int descriptor);

#endif
