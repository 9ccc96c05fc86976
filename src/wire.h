/*
 * wire: the two descriptors of the session. Lines come in, replies and mail
 * text go out. Only wire knows line ends, byte-stuffing and time limits.
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
 * argument is one word: "closed", "timeout", "signal", "clock" (which cannot be read),
 * "injection" (wire_use, wire_expect_silence), or what the caller of wire_drop says.
 */
void wire_open(int in, int out, void (*end)(const char *why));

/*
 * Sets the "seconds" that a whole line may take to arrive, and a whole buffer to leave
 * (RFC 1939 section 3 wants 600 at least), and the "total" seconds for everything until
 * the next call. A "total" of 0 is no limit.
 */
void wire_limit(unsigned seconds, unsigned total);

/*
 * Sets *line and *length to the next line without its CRLF or LF. The line is in wire's own
 * buffer until the next call, with a NUL after it. Sends what is buffered when no whole
 * line waits. Returns false for a line of more than WIRE_LINE octets, which was read to its
 * end and dropped. A last line without an end is dropped too, because the client may have
 * been cut off in the middle of it.
 */
bool wire_read_line(char **line, size_t *length);

/* Reads exactly "length" octets, whatever they are. */
void wire_read_octets(void *octets, size_t length);

/*
 * Goes on with other descriptors. If input from the old descriptors is still in the buffer,
 * ends the session: an attacker may have sent it so that we take it for what comes later.
 */
void wire_use(int in, int out);

/*
 * Called before the descriptors come to mean something else. Ends the session if any input
 * is still to be read, in the buffer or in the kernel.
 */
void wire_expect_silence(void);

/* Drops what is buffered and ends the session for the reason "why", as when the peer is gone.
   Does not return. */
_Noreturn void wire_drop(const char *why);

/* Buffer one status line; "code" is a response code (RFC 2449 section 8) or NULL. Control
   octets become "?", and a text that is too long is cut. */
void wire_ok(const char *format, ...) __attribute__((format(printf, 1, 2)));
void wire_err(const char *code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Returns how many status lines there were. The session checks that a command has one. */
uint64_t wire_statuses(void);

/*
 * Returns how often we have had to wait for the peer. Commands with equal counts arrived
 * together and are answered without a pause.
 */
uint64_t wire_turns(void);

/* Buffers "+ " and a base64 text (RFC 5034 section 4), which is not a status line. */
void wire_challenge(const char *base64);

/* Buffer pieces of a line in a multi-line response, and the line's end, without
   byte-stuffing. */
void wire_text(const char *text, size_t length);
void wire_number(uint64_t number);
void wire_crlf(void);
/* Buffers the final "." of a multi-line response. */
void wire_dot(void);

/*
 * Send mail text in pieces of any size: line ends become CRLF, and lines that start with
 * "." are byte-stuffed (RFC 1939 section 3). Unless "lines" is WIRE_ALL, only the header,
 * the empty line and that many lines of the body are sent (TOP), and wire_body returns
 * false once they are. wire_body_end supplies a missing last line end; an empty line if
 * "blank" is set, for a message that has no empty line; and the final ".".
 */
#define WIRE_ALL UINT64_MAX
void wire_body_begin(uint64_t lines);
bool wire_body(const char *octets, size_t length);
void wire_body_end(bool blank);

/* Sends what is buffered. */
void wire_flush(void);

/*
 * Sends what is buffered if any of it is mail text. If the client is gone, it has not got
 * its mail, and the session ends here and does not go on to UPDATE.
 */
void wire_settle(void);

/* Returns milliseconds on the monotonic clock. Ends the session if it cannot be read. */
int64_t wire_clock(void);

/*
 * Sends what is buffered, and waits until "then" on wire_clock; with 0 it does not wait.
 * A signal that arrives meanwhile, or was held back, ends the session.
 */
void wire_pause(int64_t then);

/*
 * For the next image of this program in the same process: copies to "octets" the input that
 * was read and follows the last line. Returns its length, which is at most WIRE_INPUT.
 */
size_t wire_unread(char *octets);

/* Returns when the total of wire_limit is over, on wire_clock, or 0 if there is no total. */
int64_t wire_last_moment(void);

/* In the next image, after wire_open and wire_limit: takes over what wire_unread and
   wire_last_moment returned. "length" is at most WIRE_INPUT. */
void wire_resume(const char *octets, size_t length, int64_t last);

/* Wipes all lines that were read, one of which may hold a password. */
void wire_forget(void);

/* Sends what is buffered and closes the wire. */
void wire_close(void);

#endif
