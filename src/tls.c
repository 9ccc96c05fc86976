/* STLS by a front. */
#include "tls.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "command.h"
#include "wire.h"

enum { DELAYED = 5, LOW = 3, HIGH = 64, MOST = 1 << 20 };

static int
descriptor_in(const char *variable)
{
	const char *text = secure_getenv(variable);
	uint64_t number;

	if (text == NULL || !command_number(text, MOST, &number) ||
	    fcntl((int)number, F_GETFD) == -1)
		return -1;
	return (int)number;
}

/* The front may have given one of our low numbers to another, so first move all away. */
static void
renumber(int *descriptors, int count)
{
	for (int i = 0; i < count; i++)
		descriptors[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, HIGH);
	for (int i = 0; i < count; i++)
		if (descriptors[i] != -1)
			descriptors[i] = dup3(descriptors[i], LOW + i, O_CLOEXEC);
}

int
tls_find(struct tls *tls, bool delayed, int in, int out)
{
	int found[] = {
		descriptor_in("SSLCTLFD"), descriptor_in("SSLREADFD"), descriptor_in("SSLWRITEFD"),
	};

	*tls = TLS_NONE;
	if (found[0] != -1 && found[1] != -1 && found[2] != -1) {
		renumber(found, 3);
		*tls = (struct tls){ false, found[0], found[1], found[2] };
		return LOW + 3;
	}
	if (!delayed || fcntl(DELAYED, F_GETFD) == -1)
		return LOW;
	found[0] = DELAYED;
	renumber(found, 1);
	*tls = (struct tls){ true, found[0], in, out };
	return LOW + 1;
}

bool
tls_offered(const struct tls *tls)
{
	return tls->control != -1 && tls->in != -1 && tls->out != -1;
}

/*
 * SECURITY: until it begins, this front passes on what is sent in the clear, and we cannot
 * distinguish that from what comes inside TLS. An attacker who knew the moment could send
 * commands just before it, so we first wait a random time of at most 255 milliseconds.
 */
static void
wait_a_moment(void)
{
	unsigned char chance = 0;

	(void)!getrandom(&chance, sizeof chance, 0);
	wire_pause(wire_clock() + chance);
}

void
tls_start(struct tls *tls)
{
	/* SECURITY: what is sent before TLS must not be taken for what comes inside. */
	if (tls->delayed)
		wait_a_moment();
	wire_flush();
	wire_expect_silence();
	if (tls->delayed)
		wire_use(tls->in, tls->control);
	wire_ok("begin TLS");
	wire_flush();
	/* UCSPI-TLS begins when it reads an octet, the other front at the end of its pipe. */
	if (!tls->delayed && write(tls->control, "y", 1) != 1)
		wire_drop("tls");
	close(tls->control);
	tls->control = -1;
	wire_use(tls->in, tls->out);
}
