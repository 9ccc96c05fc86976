/*
 * handover: from one image of this program to the next in the same process, where a
 * second process would do in other servers.
 *
 * Before login the process is the reader: an account of its own, no capability, no hash
 * and no secret. It cannot judge a password. It writes what the client sent (struct
 * attempt) to a memory file and executes the login program, a copy of this program that
 * is set-user-ID to root and that the reader's group alone may execute. The new image
 * has nothing of the old one but its descriptors. It judges, then becomes the user for
 * good, or the reader again.
 *
 * What the reader must not forge stands in the vault, another memory file: root made it
 * at start, and the reader's descriptor on it (O_PATH) can neither read nor write. Only
 * root can open it again. It holds struct orders and the roster.
 *
 * descriptor          owner, mode      the reader may      the login program may
 * HANDOVER_VAULT      root, 0600       nothing             read and write
 * HANDOVER_ATTEMPT    root, 0600       read and write      read and write
 * HANDOVER_PROGRAM    root, 4750       execute             execute
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "credentials.h"
#include "log.h"
#include "options.h"
#include "peer.h"
#include "roster.h"
#include "sandbox.h"
#include "tls.h"
#include "wire.h"

enum { HANDOVER_VAULT = 40, HANDOVER_ATTEMPT, HANDOVER_PROGRAM };
enum { HANDOVER_TIMESTAMP = 128, HANDOVER_HELD = 12, HANDOVER_FORMAT = 24, HANDOVER_SPOOL = 256 };

/* What the client sent to be let in. */
enum handover_method { HANDOVER_PASS, HANDOVER_PLAIN, HANDOVER_LOGIN, HANDOVER_APOP };

struct proof {
	uint8_t method;		/* enum handover_method */
	char name[CREDENTIALS_SENT + 2];	/* "/" stands for one that is too long */
	uint32_t length;	/* of the password or the digest, which has a NUL behind it */
	char secret[WIRE_LINE + 1];
};

/* From the reader, who may have been broken into: the next image checks it all. */
struct attempt {
	struct proof proof;
	char address[PEER_ADDRESS];	/* from a PROXY header */
	uint8_t tls_on, plaintext, told_plaintext;
	uint32_t unread_length;
	char unread[WIRE_INPUT];	/* what the client sent after this; the last member */
};

/* What this image does on the way in. */
enum handover_role {
	HANDOVER_ALONE,		/* there is no login program: it reads, and judges */
	HANDOVER_READER,	/* it has logins judged by the login program */
	HANDOVER_JUDGE,		/* it is the login program, and has not let anybody in */
};

/*
 * What was decided at the start, and what the login program must know of the session.
 * In the vault it goes from root through any number of images; pointers in it mean
 * nothing there.
 */
struct orders {
	char format[HANDOVER_FORMAT];	/* and the size, by which another build is known */
	uint32_t size;
	enum handover_role role;
	struct options options;
	char spool_path[HANDOVER_SPOOL];	/* options.spool, as far as the log needs it */
	struct peer peer;
	char timestamp[HANDOVER_TIMESTAMP];	/* of the greeting; empty: no APOP */
	int in, out;			/* the client's descriptors, without TLS by a front */
	struct tls tls;
	int spool, state;		/* the two directories */
	int dotlocks;			/* the spool if dotlocks are made in it, else -1 */
	struct sandbox_ids ids;
	struct log_end log;
	unsigned failures;		/* tries that let nobody in */
	int64_t last_moment;		/* until login, on wire_clock */
	struct {
		int fd;
		uint64_t device, inode;
	} held[HANDOVER_HELD];		/* descriptors that must be what they were */
	size_t held_count;
	struct roster roster;
	size_t roster_room;		/* octets of the vault after this */
};

/*
 * For root, before the process is confined: finds the login program and makes both
 * memory files; the descriptors that orders name will outlive the next exec. Returns 1;
 * 0 with *why, in words for the log, if there is no login program here or it cannot gain
 * what it needs; or -1 after logging the reason. After 1 the process is the reader.
 */
int handover_prepare(struct orders *orders, const char **why);

/*
 * After the greeting: reads the accounts into the vault, adds the orders, and lets go of
 * it. Returns 0, or -1 after logging the reason.
 */
int handover_close_vault(struct orders *orders);

/*
 * For the reader: writes the attempt and executes the login program. Returns only if
 * that failed, after logging the reason.
 */
void handover_execute(const struct attempt *attempt);

/*
 * For the login program: takes the attempt, wipes it there, opens the vault, and copies
 * the orders; orders->roster still stands in the vault. Returns 0, or -1 after logging
 * the reason, on descriptor 2 if the orders do not say where.
 */
int handover_receive(struct orders *orders, struct attempt *attempt);

/*
 * For the login program that let nobody in: writes orders->failures to the vault and
 * lets go of it, with nothing wiped. The process will be the reader again.
 */
void handover_leave(struct orders *orders);

/* If this is the login program, lets go of the vault and of all that leads to it. */
void handover_end(struct orders *orders);

/* Pure: forces ends, lengths and truth values, so that all of it may be used. */
void handover_sanitize(struct attempt *attempt);

#endif
