/* peer: who is at the other end, as far as the launcher or the kernel knows. */
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
 * Takes TCPREMOTEIP, REMOTE_ADDR or REMOTE_HOST, the first that holds an address, a zone
 * cut off, else getpeername(2) of the descriptor, else unknown. An IPv4 address inside
 * an IPv6 one is given as IPv4. A variable that is set and holds no address says that
 * there is a client whom we do not know: it counts as another host then.
 */
void peer_find(struct peer *peer, int descriptor);

/* Sets it to an address, as text or as 4 or 16 octets. False: it is none. */
bool peer_set(struct peer *peer, const char *text);
bool peer_set_octets(struct peer *peer, const unsigned char *octets, size_t length);

#endif
