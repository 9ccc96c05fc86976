/*
 * tls: STLS (RFC 2595 section 4) without a TLS library. A front does TLS, and this room
 * signals when to begin. Two ways are known: UCSPI-TLS, by SSLCTLFD, SSLREADFD and
 * SSLWRITEFD in the environment; and delayed encryption as tlswrapper does it, by
 * descriptor 5.
 */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>

struct tls {
	bool delayed;	/* the front does delayed encryption */
	int control;	/* the descriptor that makes the front begin; -1: no STLS */
	int in;		/* descriptors inside TLS */
	int out;
};

/* There is no front, or TLS is on already. */
#define TLS_NONE ((struct tls){ .control = -1 })

/*
 * Finds the front's descriptors and moves them to the lowest numbers from 3 on. With
 * "delayed", descriptor 5 is taken if the environment names no others; "in" and "out"
 * are then inside TLS later, too. Returns the number from which on all descriptors may
 * be closed.
 */
int tls_find(struct tls *tls, bool delayed, int in, int out);

/* True if STLS may be offered now. */
bool tls_offered(const struct tls *tls);

/*
 * Replies to STLS, makes the front begin, and puts the wire inside TLS. After that STLS
 * is not offered any more. Does not return but ends the session if the front is gone, or
 * if the client sent something after STLS without waiting for the reply.
 */
void tls_start(struct tls *tls);

#endif
