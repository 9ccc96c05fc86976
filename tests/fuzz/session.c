/* A whole session: any octets from the client. The first says how they arrive. */
#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
prepare(struct session *session, unsigned flags)
{
	*session = (struct session){
		.options = &options, .address = "192.0.2.1", .doors = { spool, state },
		.tls = front(flags), .plaintext = (flags & NO_PLAINTEXT) == 0,
		.journal = { .fd = -1, .aside = -1 }, .maildrop = { .fd = -1 },
	};
	wire_limit(options.login_seconds, options.login_seconds);
	must(roster_open(&options, owner) == 0);
	roster_load(&session->roster, -1, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session session;
	static volatile bool to_its_end;

	if (size == 0)
		return 0;
	begin_play(data[0], data + 1, size - 1);
	prepare(&session, data[0]);
	to_its_end = false;
	if (setjmp(way_out) == 0) {
		authorization_stamp(&session);
		session_greet(&session);
		session_run(&session);
		to_its_end = true;
	}
	check_end(to_its_end);
	end_play(&session);
	return 0;
}
