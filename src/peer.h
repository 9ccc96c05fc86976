/* peer: the client's address, as far as the launcher or the kernel knows it. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

enum { PEER_ADDRESS = 46 };

struct peer {
	char address[PEER_ADDRESS];	/* or "unknown" */
	bool foreign;			/* another host, as opposed to loopback or a mere pipe */
	bool named;			/* the address is surely the client's, not a balancer's */
};

/*
 * Takes the address from the first of the variables TCPREMOTEIP, REMOTE_ADDR and
 * REMOTE_HOST that holds one, without its zone; otherwise from getpeername(2) of the
 * descriptor. Otherwise the address is "unknown". An IPv4 address inside an IPv6 address
 * is given as IPv4. A variable that is set but holds no address shows that there is a
 * client that we do not know: the client counts as another host then.
 */
void peer_find(struct peer *peer, int descriptor);

/*
 * Sets the peer to an address, given as text or as 4 or 16 octets. Returns false, and
 * changes nothing, if that is not the address of a host.
 */
bool peer_set(struct peer *peer, const char *text);
bool peer_set_octets(struct peer *peer, const unsigned char *octets, size_t length);

#endif
