/* The PROXY protocol. SECURITY: any host that can connect can send this. */
#include "proxy.h"

#include <string.h>

#include "command.h"
#include "log.h"
#include "wire.h"

enum { IPV4 = 4, IPV6 = 16 };

/* How the two versions begin. */
static const char text_start[] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const char signature[PROXY_FIRST] = {
	'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n',
};

/* Takes the next field of version 1, which "end" must follow. Returns false if malformed. */
static bool
take_field(const char **line, char end, char field[PEER_ADDRESS])
{
	size_t length = strcspn(*line, " ");

	if (length >= PEER_ADDRESS || (*line)[length] != end)
		return false;
	memcpy(field, *line, length);
	field[length] = '\0';
	*line += length + 1;
	return true;
}

static bool
take_address(const char **line, bool six, struct peer *peer)
{
	char field[PEER_ADDRESS];

	return take_field(line, ' ', field) && (strchr(field, ':') != NULL) == six &&
	    peer_set(peer, field);
}

static bool
take_port(const char **line, char end)
{
	char field[PEER_ADDRESS];
	uint64_t port;

	return take_field(line, end, field) && command_number(field, UINT16_MAX, &port);
}

bool
proxy_line(const char *line, struct peer *peer)
{
	struct peer receiver;

	if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0) {
		peer->foreign = true;
		peer->named = false;
		return true;
	}
	if (strncmp(line, "PROXY TCP4 ", 11) != 0 && strncmp(line, "PROXY TCP6 ", 11) != 0)
		return false;
	bool six = line[9] == '6';
	line += 11;
	return take_address(&line, six, peer) && take_address(&line, six, &receiver) &&
	    take_port(&line, ' ') && take_port(&line, '\0');
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
	/* Any other transport gives no address of a client, but that client is elsewhere. */
	peer->foreign = true;
	peer->named = false;
	return second[1] != TCP4 && second[1] != TCP6;
}

static bool
read_binary(struct peer *peer)
{
	unsigned char second[PROXY_SECOND], rest[PROXY_REST];

	wire_read_octets(second, sizeof second);
	if (proxy_rest(second) > sizeof rest)
		return false;
	wire_read_octets(rest, proxy_rest(second));
	return proxy_binary(second, rest, peer);
}

static bool
read_line(const char first[PROXY_FIRST], struct peer *peer)
{
	enum { MOST = 107 };	/* octets of a version 1 header */
	char line[MOST + 1];
	char *tail;
	size_t length;

	if (memchr(first, '\n', PROXY_FIRST) != NULL || !wire_read_line(&tail, &length) ||
	    length + PROXY_FIRST > MOST || strlen(tail) != length)
		return false;
	memcpy(line, first, PROXY_FIRST);
	memcpy(line + PROXY_FIRST, tail, length + 1);
	return proxy_line(line, peer);
}

/*
 * A client that sends a command would wait for our reply while we wait for the rest of a
 * header. So what does not begin like a header is refused at its first wrong octet.
 */
static bool
read_header(struct peer *peer)
{
	char first[PROXY_FIRST];
	bool text = true, binary = true;

	for (size_t i = 0; i < sizeof first; i++) {
		wire_read_octets(&first[i], 1);
		text = text && (i >= sizeof text_start || first[i] == text_start[i]);
		binary = binary && first[i] == signature[i];
		if (!text && !binary)
			return false;
	}
	return binary ? read_binary(peer) : read_line(first, peer);
}

bool
proxy_read(struct peer *peer)
{
	if (read_header(peer))
		return true;
	log_record(LOG_NOTICE, "no PROXY header", "%s", "");
	return false;
}
