/* network: a list of networks, and whether an address is in one of them. Pure. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stddef.h>

enum { NETWORK_MOST = 32, NETWORK_PART = 64 };

/* It holds no pointer, since the login program uses a copy of it in the vault. */
struct networks {
	bool any;			/* every address, and a peer whose address is not known */
	size_t count;
	struct network {
		unsigned char octets[16];
		size_t size;		/* of the address: 4 or 16 octets */
		size_t prefix;		/* bits */
	} network[NETWORK_MOST];
};

/*
 * Reads a list with commas between, as "192.168.0.0/16,fe80::/10", or "any". Returns
 * NULL; or what is wrong, in words that end in a colon and a blank, with the network that
 * is wrong in "part". The list may have at most NETWORK_MOST networks.
 */
const char *network_parse(struct networks *networks, const char *text,
	char part[NETWORK_PART]);

/* True if the address is in a network of the list. NULL is an address that is not known. */
bool network_holds(const struct networks *networks, const char *address);

#endif
