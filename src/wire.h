/*
 * wire: the two descriptors of the session. Lines come in, replies and mail
 * text go out, and line ends, byte-stuffing and time limits are its alone.
 *
 * No function returns an error of the network, nor the end of the input. A peer that is
 * gone, stuck or too slow, and a signal that asks us to stop, end the process through
 * the function given to wire_open; what was buffered is dropped then.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_LINE = 2048,	/* octets of the longest line taken, without its end */
	WIRE_INPUT = 4 * WIRE_LINE,	/* octets that are read ahead, at most */
	WIRE_STATUS = 512,	/* RFC 2449 section 4: first line of a response */
};

/*
 * Takes the descriptors. Ignores SIGPIPE and holds SIGTERM, SIGINT and SIGHUP
 * back, except while it is waiting for the peer. "end" must not return; its
 * argument is one word: "closed", "timeout", "signal", "clock" (it cannot be read),
 * "injection" (wire_use, wire_expect_silence), or what the caller of wire_drop says.
 */
void wire_open(int in, int out, void (*end)(const char *why));

/*
 * Seconds that a whole line may take to arrive, and a whole buffer to leave
 * (RFC 1939 section 3 wants 600 at least). "total" is for all that happens
 * until the next call; 0: no such limit.
 */
void wire_limit(unsigned seconds, unsigned total);

/*
 * Gives the next line without its CRLF or LF, in wire's own buffer until the next call,
 * with a NUL after it. Sends what is buffered when no whole line waits. Returns false for
 * a line over the limit, which was read to its end and dropped. A last line without an
 * end is dropped, too: the client may have been cut off in the middle of it.
 */
bool wire_read_line(char **line, size_t *length);

/* Reads exactly "length" octets, whatever they are. */
void wire_read_octets(void *octets, size_t length);

/*
 * Goes on with other descriptors. Whatever was still to be read from the ones
 * before ends the session: somebody wants it taken for what comes later.
 */
void wire_use(int in, int out);

/*
 * Ends the session if anything was sent that is still to be read, here or by the
 * kernel: before the descriptors mean something else.
 */
void wire_expect_silence(void);

/* Ends the session for the reason "why", as when the peer is gone. */
_Noreturn void wire_drop(const char *why);

/* One status line; "code" is a response code (RFC 2449 section 8) or NULL. */
void wire_ok(const char *format, ...) __attribute__((format(printf, 1, 2)));
void wire_err(const char *code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Status lines so far: the session demands exactly one for each command. */
uint64_t wire_statuses(void);

/*
 * Counts how often we had to wait for the peer. Commands with the same count arrived
 * together and are answered at once.
 */
uint64_t wire_turns(void);

/* "+ " and a base64 text (RFC 5034 section 4). Not a status line. */
void wire_challenge(const char *base64);

/* Pieces of a line in a multi-line response, and its end. No byte-stuffing. */
void wire_text(const char *text, size_t length);
void wire_number(uint64_t number);
void wire_crlf(void);
/* The final "." of a multi-line response. */
void wire_dot(void);

/*
 * Mail text in pieces of any size: line ends become CRLF, lines that start
 * with "." are byte-stuffed. With "lines" only the header, the empty line and
 * that many lines of the body go out (TOP); wire_body is false once they have.
 * wire_body_end supplies a missing last line end, an empty line if "blank", which is
 * for a text that has none, and the final ".".
 */
#define WIRE_ALL UINT64_MAX
void wire_body_begin(uint64_t lines);
bool wire_body(const char *octets, size_t length);
void wire_body_end(bool blank);

/* Sends what is buffered. */
void wire_flush(void);

/*
 * Sends what is buffered if any of it is mail text: a client that is gone
 * now has not got its mail, and the session must not go on to UPDATE.
 */
void wire_settle(void);

/* Milliseconds of a clock that only goes on. */
int64_t wire_clock(void);

/*
 * Sends what is buffered, lets signals in, which end the session, and time pass until
 * "then" on that clock; 0: now.
 */
void wire_pause(int64_t then);

/*
 * For the next image of this program in the same process: copies to "octets" what was
 * read ahead of the last line, and returns its length, which is at most WIRE_INPUT.
 */
size_t wire_unread(char *octets);

/* When the total of wire_limit is over, on wire_clock; 0: never. */
int64_t wire_last_moment(void);

/* Goes on there, after wire_open and wire_limit; "length" is at most WIRE_INPUT. */
void wire_resume(const char *octets, size_t length, int64_t last);

/* Wipes all lines that were read. */
void wire_forget(void);

/* Sends what is buffered, if the peer still takes it, and closes the wire. */
void wire_close(void);

#endif
