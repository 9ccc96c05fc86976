/* Networks. A client in one may send a password in the clear, so nothing is guessed. */
#include "network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

enum { IPV4 = 4, IPV6 = 16, MAPPED = 12 /* octets before an IPv4 address inside */ };

/* Returns the number of octets of the address, or 0 if the text is not an address. */
static size_t
read_address(const char *text, unsigned char octets[IPV6])
{
	if (inet_pton(AF_INET, text, octets) == 1)
		return IPV4;
	return inet_pton(AF_INET6, text, octets) == 1 ? IPV6 : 0;
}

/* Whether the first bits of two addresses are the same. */
static bool
agree(const unsigned char *a, const unsigned char *b, size_t bits)
{
	size_t whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool
has_host_bits(const struct network *network)
{
	struct network copy = *network;

	for (size_t bit = network->prefix; bit < 8 * network->size; bit++)
		copy.octets[bit / 8] &= (unsigned char)~(0x80U >> bit % 8);
	return memcmp(copy.octets, network->octets, network->size) != 0;
}

/* Reads one network, as 192.168.0.0/16. Returns NULL, or what is wrong, in words. */
static const char *
read_network(struct network *network, const char *part)
{
	static const unsigned char mapped[MAPPED] = { [10] = 0xff, [11] = 0xff };
	char address[NETWORK_PART];
	const char *slash = strchr(part, '/');
	uint64_t prefix;

	snprintf(address, sizeof address, "%.*s", (int)strcspn(part, "/"), part);
	network->size = read_address(address, network->octets);
	if (network->size == 0)
		return "no network (192.168.0.0/16,fe80::/10 is a list, any is all): ";
	if (slash == NULL)
		return "a network without its length, as /32 or /128 of one address: ";
	if (!command_number(slash + 1, 8 * network->size, &prefix) ||
	    (slash[1] == '0' && slash[2] != '\0'))
		return "a network whose length is not a number in range: ";
	network->prefix = (size_t)prefix;
	if (has_host_bits(network))
		return "a network in which bits after its length are set: ";
	/* A peer with such an address gets its IPv4 address, which this would not match. */
	if (network->size == IPV6 && prefix >= 8 * MAPPED &&
	    memcmp(network->octets, mapped, MAPPED) == 0)
		return "a network of IPv4 that is written as one of IPv6: ";
	return NULL;
}

const char *
network_parse(struct networks *networks, const char *text, char part[NETWORK_PART])
{
	const char *why = NULL;

	memset(networks, 0, sizeof *networks);
	if (strcmp(text, "any") == 0) {
		networks->any = true;
		return NULL;
	}
	for (bool more = true; more && why == NULL; text++) {
		int length = (int)strcspn(text, ",");
		snprintf(part, NETWORK_PART, "%.*s", length, text);
		text += length;
		more = *text == ',';
		if (networks->count == NETWORK_MOST)
			return "more than 32 networks, the first too many is: ";
		why = length >= NETWORK_PART ? "too long for a network: " :
		    read_network(&networks->network[networks->count++], part);
	}
	return why;
}

bool
network_holds(const struct networks *networks, const char *address)
{
	unsigned char octets[IPV6];
	size_t size = address == NULL ? 0 : read_address(address, octets);

	if (networks->any)
		return true;
	for (size_t i = 0; size > 0 && i < networks->count; i++)
		if (networks->network[i].size == size &&
		    agree(networks->network[i].octets, octets, networks->network[i].prefix))
			return true;
	return false;
}
