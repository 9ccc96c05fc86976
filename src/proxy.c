/* The PROXY protocol. SECURITY: any host that can connect can send this. */
#include "proxy.h"

#include <string.h>

#include "command.h"
#include "log.h"
#include "wire.h"

enum { IPV4 = 4, IPV6 = 16 };

static const unsigned char signature[PROXY_FIRST] = {
	'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n',
};

bool
proxy_line(const char *line, struct peer *peer)
{
	enum { FROM, TO, FIRST_PORT, SECOND_PORT, FIELDS, MOST_PORT = 65535 };
	char field[PEER_ADDRESS];
	struct peer other;
	uint64_t port;

	if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0) {
		peer->foreign = true;
		peer->named = false;
		return true;
	}
	if (strncmp(line, "PROXY TCP4 ", 11) != 0 && strncmp(line, "PROXY TCP6 ", 11) != 0)
		return false;
	bool six = line[9] == '6';
	line += 11;
	for (int i = 0; i < FIELDS; i++) {
		size_t length = strcspn(line, " ");
		if (length >= sizeof field || line[length] != (i == SECOND_PORT ? '\0' : ' '))
			return false;
		memcpy(field, line, length);
		field[length] = '\0';
		line += length + 1;
		if (i >= FIRST_PORT ? !command_number(field, MOST_PORT, &port) :
		    (strchr(field, ':') != NULL) != six ||
		    !peer_set(i == FROM ? peer : &other, field))
			return false;
	}
	return true;
}

size_t
proxy_rest(const unsigned char *second)
{
	return (size_t)second[2] << 8 | second[3];
}

bool
proxy_binary(const unsigned char *second, const unsigned char *rest, struct peer *peer)
{
	enum { LOCAL = 0x20, PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21 };

	if (second[0] == LOCAL)
		return true;
	if (second[0] != PROXY)
		return false;
	if (second[1] == TCP4 && proxy_rest(second) >= 12)
		return peer_set_octets(peer, rest, IPV4);
	if (second[1] == TCP6 && proxy_rest(second) >= 36)
		return peer_set_octets(peer, rest, IPV6);
	/* Over anything but these two there is no address, and whoever it is is not here. */
	peer->foreign = true;
	peer->named = false;
	return second[1] != TCP4 && second[1] != TCP6;
}

static bool
read_binary(struct peer *peer)
{
	unsigned char second[PROXY_SECOND], rest[PROXY_REST];

	if (!wire_read_octets(second, sizeof second) || proxy_rest(second) > sizeof rest)
		return false;
	return wire_read_octets(rest, proxy_rest(second)) && proxy_binary(second, rest, peer);
}

static bool
read_line(const unsigned char *first, struct peer *peer)
{
	enum { MOST = 107 };	/* octets of a version 1 header */
	char line[MOST + 1];
	char *tail;
	size_t length;

	if (memcmp(first, "PROXY ", 6) != 0 || memchr(first, '\n', PROXY_FIRST) != NULL)
		return false;
	if (wire_read_line(&tail, &length) != WIRE_GOT_LINE ||
	    length + PROXY_FIRST > MOST || strlen(tail) != length)
		return false;
	memcpy(line, first, PROXY_FIRST);
	memcpy(line + PROXY_FIRST, tail, length + 1);
	return proxy_line(line, peer);
}

bool
proxy_read(struct peer *peer)
{
	unsigned char first[PROXY_FIRST];

	if (wire_read_octets(first, sizeof first) &&
	    (memcmp(first, signature, sizeof first) == 0 ? read_binary(peer) :
	    read_line(first, peer)))
		return true;
	log_record(LOG_NOTICE, "no PROXY header", "%s", "");
	return false;
}
