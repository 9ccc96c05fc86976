/*
 * handover: replaces one image of this program by the next in the same process, where
 * other servers would use a second process.
 *
 * Before login the process is the reader: it has an account of its own, and no capability,
 * hash or secret, so it cannot judge a password. It writes what the client sent (struct
 * attempt) to a memory file and executes the login program, a copy of this program that
 * is set-user-ID to root and that the reader's group alone may execute. The new image
 * keeps only the descriptors of the old one. It judges, then becomes the user for good,
 * or the reader again.
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
	char name[CREDENTIALS_SENT + 2];	/* "/" stands for a name that is too long */
	uint32_t length;	/* of the password or the digest; a NUL follows it */
	char secret[WIRE_LINE + 1];
};

/* The reader writes it, and may have been broken into, so the next image checks it all. */
struct attempt {
	struct proof proof;
	char address[PEER_ADDRESS];	/* from a PROXY header */
	uint8_t tls_on, plaintext, told_plaintext;
	uint32_t unread_length;
	char unread[WIRE_INPUT];	/* what the client sent after the proof; last member */
};

/* What this image does on the way in. */
enum handover_role {
	HANDOVER_ALONE,		/* there is no login program, or it has let the user in */
	HANDOVER_READER,	/* the login program judges the logins that it reads */
	HANDOVER_JUDGE,		/* it is the login program, and has not let anybody in */
};

/*
 * What was decided at the start, and what the login program must know of the session.
 * A copy in the vault goes from root through any number of images; the pointers in the
 * copy are not valid.
 */
struct orders {
	char format[HANDOVER_FORMAT];	/* with the size, it distinguishes builds */
	uint32_t size;
	enum handover_role role;
	struct options options;
	char spool_path[HANDOVER_SPOOL];	/* options.spool, as far as the log needs it */
	struct peer peer;
	char timestamp[HANDOVER_TIMESTAMP];	/* of the greeting; empty: no APOP */
	int in, out;			/* the client's descriptors, while STLS was not used */
	struct tls tls;
	int spool, state;		/* the two directories */
	int dotlocks;			/* the spool if dotlocks are made in it, else -1 */
	struct sandbox_ids ids;
	struct log_end log;
	unsigned failures;		/* tries that let nobody in */
	int64_t last_moment;		/* when login must be done, on wire_clock */
	struct {
		int fd;
		uint64_t device, inode;
	} held[HANDOVER_HELD];		/* descriptors, and the files they must be open on */
	size_t held_count;
	struct roster roster;
	size_t roster_room;		/* octets of the vault after the orders */
};

/*
 * For root, before the process is confined: finds the login program, makes both memory
 * files, and lets the descriptors that orders name outlive the next exec. Returns 1, and
 * sandbox_confine_reader must follow: the role is HANDOVER_READER now. Returns 0, with
 * *why in words for the log, if the login program is missing, could not gain the powers
 * that it needs, or must not be used; or -1 after logging the reason.
 */
int handover_prepare(struct orders *orders, const char **why);

/*
 * For the reader, before the first octet from the client: reads the accounts into the
 * vault, adds the orders, and closes the only descriptor that can write to the vault.
 * Returns 0, or -1 after logging the reason. Unreadable accounts are logged, and are no
 * failure: the login program will let nobody in.
 */
int handover_close_vault(struct orders *orders);

/*
 * For the reader: writes the attempt and executes the login program. Returns only if
 * that failed, after logging the reason.
 */
void handover_execute(const struct attempt *attempt);

/*
 * For the login program: opens the vault and copies the orders, takes the attempt and
 * wipes it in its file, and closes all descriptors that the orders do not name. The rows
 * and the text of orders->roster stay in the vault. Returns 0, or -1 after logging the
 * reason, which goes to descriptor 2 until the orders say where to log.
 */
int handover_receive(struct orders *orders, struct attempt *attempt);

/*
 * For the login program that let nobody in: writes orders->failures to the vault and
 * unmaps the vault without wiping it, since the next image needs it. The role is
 * HANDOVER_READER now, and sandbox_read_again must follow.
 */
void handover_leave(struct orders *orders);

/*
 * If this is the login program, unmaps the vault and closes all descriptors that lead to
 * it or to the login program. The role is HANDOVER_ALONE then.
 */
void handover_end(struct orders *orders);

/* Pure: makes all ends of texts, lengths and truth values valid, whatever they were. */
void handover_sanitize(struct attempt *attempt);

#endif
