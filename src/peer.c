/*
 * The peer's address. If a TLS front started us, getpeername(2) knows only the front,
 * so the environment comes first.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool
set_ipv4(struct peer *peer, const struct in_addr *address)
{
	if (address->s_addr == htonl(INADDR_ANY))
		return false;
	inet_ntop(AF_INET, address, peer->address, sizeof peer->address);
	peer->foreign = ntohl(address->s_addr) >> 24 != 127;
	return peer->named = true;
}

static bool
set_ipv6(struct peer *peer, const struct in6_addr *address)
{
	if (IN6_IS_ADDR_V4MAPPED(address)) {
		struct in_addr inner;
		memcpy(&inner, address->s6_addr + 12, sizeof inner);
		return set_ipv4(peer, &inner);
	}
	if (IN6_IS_ADDR_UNSPECIFIED(address))
		return false;
	inet_ntop(AF_INET6, address, peer->address, sizeof peer->address);
	peer->foreign = !IN6_IS_ADDR_LOOPBACK(address);
	return peer->named = true;
}

bool
peer_set(struct peer *peer, const char *text)
{
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (inet_pton(AF_INET, text, &ipv4) == 1)
		return set_ipv4(peer, &ipv4);
	return inet_pton(AF_INET6, text, &ipv6) == 1 && set_ipv6(peer, &ipv6);
}

bool
peer_set_octets(struct peer *peer, const unsigned char *octets, size_t length)
{
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (length == sizeof ipv4) {
		memcpy(&ipv4, octets, length);
		return set_ipv4(peer, &ipv4);
	}
	memcpy(&ipv6, octets, sizeof ipv6);
	return set_ipv6(peer, &ipv6);
}

static bool
set_socket(struct peer *peer, int descriptor)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof name;

	memset(&name, 0, sizeof name);
	if (getpeername(descriptor, (struct sockaddr *)&name, &length) == -1)
		return false;
	if (name.ss_family == AF_INET)
		return set_ipv4(peer, &((struct sockaddr_in *)&name)->sin_addr);
	return name.ss_family == AF_INET6 &&
	    set_ipv6(peer, &((struct sockaddr_in6 *)&name)->sin6_addr);
}

/* Without the zone of a link-local address, which has no meaning on another host. */
static bool
set_variable(struct peer *peer, const char *text)
{
	char address[PEER_ADDRESS];
	size_t length = strcspn(text, "%");

	if (length >= sizeof address)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	return peer_set(peer, address);
}

void
peer_find(struct peer *peer, int descriptor)
{
	static const char *const variables[] = { "TCPREMOTEIP", "REMOTE_ADDR", "REMOTE_HOST" };
	bool unreadable = false, found = false;

	for (size_t i = 0; i < sizeof variables / sizeof variables[0] && !found; i++) {
		const char *text = secure_getenv(variables[i]);
		found = text != NULL && set_variable(peer, text);
		unreadable |= text != NULL && !found;
	}
	if ((found || set_socket(peer, descriptor)) && (peer->foreign || !unreadable)) {
		peer->named = !unreadable;
		return;
	}
	strcpy(peer->address, "unknown");
	/* A launcher that sets a variable has a client, which may be on another host. */
	peer->foreign = unreadable;
	peer->named = false;
}
