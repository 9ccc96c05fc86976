/* A whole session: any octets from the client. The first says how they arrive. */
#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
close_vault(struct orders *orders, enum handover_role role)
{
	must(orders->role == HANDOVER_ALONE && role == HANDOVER_ALONE);
}

static void
prepare(struct orders *orders, unsigned flags)
{
	*orders = (struct orders){
		.options = options, .spool = spool, .state = state, .dotlocks = spool,
		.peer = { .address = "192.0.2.1", .foreign = (flags & NO_PLAINTEXT) != 0 },
		.tls = front(flags),
	};
	wire_limit(options.login_seconds, options.login_seconds);
	must(roster_open(&options, owner) == 0);
	roster_load(&orders->roster, -1, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct orders orders;
	static volatile bool to_its_end;

	if (size == 0)
		return 0;
	begin_play(data[0], data + 1, size - 1);
	prepare(&orders, data[0]);
	to_its_end = false;
	if (setjmp(way_out) == 0) {
		authorization_stamp(&orders);
		session_greet(&orders);
		session_run(&orders);
		to_its_end = true;
	}
	check_end(to_its_end);
	end_play(&orders);
	return 0;
}
