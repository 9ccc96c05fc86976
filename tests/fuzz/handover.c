/*
 * The login program. A reader that was broken into may write any octets into the
 * attempt, so the input fills all fields of the first attempt, and one octet fills what
 * the input is too short for. Then the session goes on with any commands: each
 * later try is an attempt that our own reader writes for the next image.
 */
#include "play.h"

static _Noreturn void take_over(struct attempt *attempt);
static int receive(struct orders *orders, struct attempt *attempt);

/* An image is a call of resume(), and keeps the descriptors and ids of the process. */
#define handover_execute(attempt) take_over(attempt)
#include "../../src/authorization.c"
#define clearenv() 0
#define handover_receive(orders, attempt) receive(orders, attempt)
#define wire_open(in, out, end) (void)(end)
#define main server
#include "../../src/main.c"
#undef main

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LEFT = 1, EXECUTED };		/* by way_out */
enum { MOST_TRIES = 3, FAILURES = 3, IN_USE = 0x40, PROXY = 0x80 };	/* of "failures" */

#define STAMP "<1@fuzz.example>"
#define PEER "192.0.2.1"
static const char digest[] = "072741baaecce53ec9ae56c032bc5794";	/* of STAMP and bob's secret */

/* The start of an input. "secret_size" octets of the secret follow, then commands. */
struct given {
	uint8_t flags, failures, method, tls_on, plaintext, told_plaintext, unused, rest;
	uint32_t length, unread_length;
	uint16_t secret_size;
	char name[CREDENTIALS_SENT + 2], address[PEER_ADDRESS];
};

static struct attempt handed;
static struct orders vault;
static struct roster kept;		/* as root loaded it */
static void *rows;			/* as the login program sees it */
static volatile unsigned tries;
static volatile gid_t expected;		/* of the last try, by what it proves */
static const uint8_t *volatile unheard;	/* of the client, at the last try */

static void
check_sane(const struct attempt *attempt)
{
	const struct proof *proof = &attempt->proof;

	must(proof->method <= HANDOVER_APOP);
	must(memchr(proof->name, '\0', sizeof proof->name) != NULL);
	must(proof->length <= WIRE_LINE && proof->secret[proof->length] == '\0');
	must(memchr(attempt->address, '\0', sizeof attempt->address) != NULL);
	must(attempt->tls_on <= 1 && attempt->plaintext <= 1 && attempt->told_plaintext <= 1);
	must(attempt->unread_length <= WIRE_INPUT);
}

/* The account that the attempt must let in. */
static gid_t
proven(const struct proof *proof)
{
	if (wire_clock() > vault.last_moment)
		return NOBODY;
	if (proof->method == HANDOVER_APOP)
		return strcmp(proof->name, "bob") == 0 && strcmp(proof->secret, digest) == 0 ?
		    BOB : NOBODY;
	return strcmp(proof->name, "alice") == 0 && proof->length == 6 &&
	    memcmp(proof->secret, "sesame", 6) == 0 ? ALICE : NOBODY;
}

static void
close_vault(struct orders *orders, enum handover_role role)
{
	must(orders->role == HANDOVER_JUDGE);
	vault.failures = orders->failures;
	if (role == HANDOVER_READER)
		roster_leave(&orders->roster);
	orders->role = role;
}

static int
receive(struct orders *orders, struct attempt *attempt)
{
	*attempt = handed;
	handover_sanitize(attempt);
	check_sane(attempt);
	memcpy(rows, kept.block, kept.block_size);
	*orders = vault;
	orders->role = HANDOVER_JUDGE;
	orders->roster = kept;
	roster_adopt(&orders->roster, rows, kept.block_size);
	must(++tries <= MOST_TRIES);
	expected = proven(&attempt->proof);
	unheard = from_client;
	return 0;
}

static _Noreturn void
take_over(struct attempt *attempt)
{
	must(used == 0 && let_in == NOBODY && vault.failures == tries);
	handed = *attempt;
	explicit_bzero(attempt, sizeof *attempt);
	longjmp(way_out, EXECUTED);
}

static void
fill_attempt(const struct given *given, const uint8_t *octets, size_t length)
{
	size_t secret = given->secret_size < length ? given->secret_size : length;

	memset(&handed, given->rest, sizeof handed);
	handed.proof.method = given->method;
	memcpy(handed.proof.name, given->name, sizeof given->name);
	handed.proof.length = given->length;
	memcpy(handed.proof.secret, octets,
	    secret < sizeof handed.proof.secret ? secret : sizeof handed.proof.secret);
	memcpy(handed.address, given->address, sizeof given->address);
	handed.tls_on = given->tls_on;
	handed.plaintext = given->plaintext;
	handed.told_plaintext = given->told_plaintext;
	handed.unread_length = given->unread_length;
	from_client += secret;
	from_client_left -= secret;
	size_t unread = from_client_left < given->unread_length ? from_client_left :
	    given->unread_length;
	memcpy(handed.unread, from_client, unread < WIRE_INPUT ? unread : WIRE_INPUT);
	from_client += unread;
	from_client_left -= unread;
}

static void
fill_vault(const struct given *given)
{
	vault = (struct orders){
		.options = options, .peer = { .address = PEER }, .timestamp = STAMP,
		.in = null, .out = null, .tls = front(given->flags), .spool = spool,
		.state = state, .dotlocks = spool,
		.failures = (given->failures & FAILURES) % MOST_TRIES,
		.last_moment = wire_clock() + options.login_seconds * 1000,
	};
	vault.options.proxy = (given->failures & PROXY) != 0;
	tries = vault.failures;
	if (rows != NULL)
		return;
	must(roster_open(&options, owner) == 0);
	roster_load(&kept, -1, 0);
	rows = malloc(kept.block_size);
	must(!kept.unreadable && rows != NULL);
}

/* Only an account whose secret was proven is let in, and the third failure is the end. */
static void
check_tries(const struct given *given, bool to_its_end)
{
	bool in_use = (given->failures & IN_USE) != 0 && expected == ALICE;

	must(let_in == (in_use ? NOBODY : expected));
	if (let_in == NOBODY && tries == MOST_TRIES) {
		must(from_client == unheard);
		must(!to_its_end || ends_with("-ERR [AUTH] the name or the password is wrong\r\n") ||
		    (in_use && ends_with("-ERR [IN-USE] another session has this maildrop\r\n")));
	}
	if (!vault.options.proxy)
		must(strcmp(orders.peer.address, PEER) == 0);
	else if (strcmp(orders.peer.address, "unknown") != 0)
		must(orders.peer.address[strspn(orders.peer.address, "0123456789abcdef.:")] == '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct given given;
	static struct journal other;
	static volatile bool to_its_end;

	if (size < sizeof given)
		return 0;
	memcpy(&given, data, sizeof given);
	begin_play(given.flags, data + sizeof given, size - sizeof given);
	fill_attempt(&given, from_client, from_client_left);
	fill_vault(&given);
	other.fd = other.aside = -1;
	if ((given.failures & IN_USE) != 0)
		must(journal_open(&other, state, "alice") == 0);
	to_its_end = false;
	if (setjmp(way_out) != LEFT) {
		renew_wire();
		orders = (struct orders){ .size = 0 };
		must(resume() == EXIT_SUCCESS);
		to_its_end = true;
	}
	check_end(to_its_end);
	check_tries(&given, to_its_end);
	end_play(&orders);
	journal_close(&other);
	return 0;
}
