/* Any header of the PROXY protocol, as a line and as octets. */
#include "proxy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The octets of an address cannot forge a field of a log line. */
static void
check_peer(const struct peer *peer)
{
	size_t length = strnlen(peer->address, sizeof peer->address);

	if (length == sizeof peer->address || strspn(peer->address, "0123456789abcdef.:") != length)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct peer nobody = { .address = "::" };
	struct peer peer = nobody;

	char *line = malloc(size + 1);
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	(void)proxy_line(line, &peer);
	check_peer(&peer);
	free(line);

	peer = nobody;
	if (size < PROXY_SECOND || proxy_rest(data) > size - PROXY_SECOND)
		return 0;
	/* The buffer has the size that was announced, so that reading beyond it is noticed. */
	size_t length = proxy_rest(data);
	unsigned char *rest = malloc(length);
	if (length > 0)
		memcpy(rest, data + PROXY_SECOND, length);
	(void)proxy_binary(data, rest, &peer);
	check_peer(&peer);
	free(rest);
	return 0;
}
