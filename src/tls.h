/*
 * tls: STLS (RFC 2595 section 4) without a TLS library. A front does TLS; this
 * tells it when to begin. Two ways are known: UCSPI-TLS, by the environment's
 * SSLCTLFD, SSLREADFD and SSLWRITEFD; and delayed encryption as tlswrapper does
 * it, by descriptor 5.
 */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>

struct tls {
	bool delayed;	/* the front is the second kind */
	int control;	/* where the front is told, or -1: no STLS */
	int in;		/* descriptors inside TLS */
	int out;
};

/* No front, or none that is needed: TLS is on already. */
#define TLS_NONE ((struct tls){ .control = -1 })

/*
 * Finds the front's descriptors and gives them the lowest numbers from 3 on.
 * "delayed" asks for descriptor 5; then "in" and "out" are those of the session
 * before and after. Returns the first number that is nobody's.
 */
int tls_find(struct tls *tls, bool delayed, int in, int out);

/* True if STLS may be offered now. */
bool tls_offered(const struct tls *tls);

/*
 * Answers STLS, tells the front, and puts the wire inside TLS. Afterwards STLS
 * is not offered any more. Ends the session if the front is gone.
 */
void tls_start(struct tls *tls);

#endif
