/*
 * Input has one buffer, which keeps the commands that a client sends ahead. Output has one
 * buffer, which is sent when it is nearly full or when no whole line waits. The peer is
 * waited for in one place, wait_for.
 */
#include "wire.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	OUTPUT = 64 * 1024,
	LEAST_ROOM = 1024,	/* in output, to go on without sending */
	STATUS_FRAME = 32,	/* octets of a status line apart from its text */
	SHORT_LINE = 8,		/* octets; in shorter lines a search for the end does not pay */
	MOST_DRAINS = 1024,	/* buffers of input that are dropped at the end */
};

static int in, out;
static bool out_is_socket;
static unsigned limit_seconds;
static int64_t last_moment;	/* on wire_clock, or 0 */
static void (*end_session)(const char *why);
static volatile sig_atomic_t signalled;

static char input[WIRE_INPUT + 1];
static size_t line_start, input_end;

static char output[OUTPUT];
static size_t used;
static uint64_t statuses, turns;

/* The mail text on its way out. */
static struct {
	uint64_t lines_left;
	bool in_header;
	uint64_t octets;	/* of the line so far, where lines are counted */
	bool only_cr;		/* the line so far is nothing but a CR */
	bool at_start, after_cr;	/* where the octet stands that is sent next */
} body;
static bool mail_in_output;

static void
note_signal(int number)
{
	signalled = number;
}

void
wire_open(int in_descriptor, int out_descriptor, void (*end)(const char *why))
{
	static const int on = 1;
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action = { .sa_handler = note_signal };
	sigset_t held;

	end_session = end;
	wire_use(in_descriptor, out_descriptor);
	sigemptyset(&held);
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		sigaction(ours[i], &action, NULL);
		sigaddset(&held, ours[i]);
	}
	sigprocmask(SIG_BLOCK, &held, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* On other descriptors than TCP sockets these calls may fail, which does no harm. */
	(void)setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(out, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void
wire_use(int in_descriptor, int out_descriptor)
{
	struct stat status;

	if (line_start < input_end)
		wire_drop("injection");
	in = in_descriptor;
	out = out_descriptor;
	out_is_socket = fstat(out, &status) == 0 && S_ISSOCK(status.st_mode);
}

void
wire_expect_silence(void)
{
	struct pollfd poll_fd = { .fd = in, .events = POLLIN };
	struct timespec none = { 0, 0 };

	if (line_start < input_end ||
	    (ppoll(&poll_fd, 1, &none, NULL) == 1 && read(in, input, 1) > 0))
		wire_drop("injection");
}

void
wire_drop(const char *why)
{
	used = 0;
	end_session(why);
	_exit(0);
}

int64_t
wire_clock(void)
{
	struct timespec now;

	/* Without a clock no time limit would ever be over. */
	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		wire_drop("clock");
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
deadline(void)
{
	int64_t moment = wire_clock() + (int64_t)limit_seconds * 1000;

	return last_moment != 0 && last_moment < moment ? last_moment : moment;
}

void
wire_limit(unsigned seconds, unsigned total)
{
	limit_seconds = seconds;
	last_moment = total == 0 ? 0 : wire_clock() + (int64_t)total * 1000;
}

static struct timespec
milliseconds(int64_t count)
{
	return (struct timespec){ .tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000 };
}

/* Returns when the descriptor is ready, and ends a turn. Signals are let in only here and
   in wire_pause. */
static void
wait_for(int fd, short events, int64_t until)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	sigset_t none;

	turns++;
	sigemptyset(&none);
	for (;;) {
		int64_t left = until - wire_clock();
		if (left <= 0)
			wire_drop("timeout");
		struct timespec patience = milliseconds(left);
		int ready = ppoll(&poll_fd, 1, &patience, &none);
		if (signalled)
			wire_drop("signal");
		if (ready == 1)
			return;
		if (ready == -1 && errno != EINTR)
			wire_drop("closed");
	}
}

static ssize_t
write_some(const char *octets, size_t length, int64_t *until)
{
	if (out_is_socket) {
		ssize_t n = send(out, octets, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n != -1 || errno != EAGAIN)
			return n;
	}
	if (*until == 0)
		*until = deadline();
	wait_for(out, POLLOUT, *until);
	if (out_is_socket)
		return 0;
	/* A pipe that is ready takes PIPE_BUF octets without blocking. */
	return write(out, octets, length < PIPE_BUF ? length : PIPE_BUF);
}

void
wire_flush(void)
{
	int64_t until = 0;
	size_t sent = 0;

	while (sent < used) {
		ssize_t n = write_some(output + sent, used - sent, &until);
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			wire_drop("closed");
		if (n > 0)
			sent += (size_t)n;
	}
	used = 0;
	mail_in_output = false;
}

void
wire_settle(void)
{
	if (mail_in_output)
		wire_flush();
}

/* Reads more input. The client may wait for our replies before it sends more, so they are
   sent first. */
static void
fill(int64_t *until)
{
	ssize_t n;

	wire_flush();
	if (*until == 0)
		*until = deadline();
	memmove(input, input + line_start, input_end - line_start);
	input_end -= line_start;
	line_start = 0;
	/* SECURITY: a copy of a password must not stay in the part that is free now. */
	explicit_bzero(input + input_end, WIRE_INPUT - input_end);
	wait_for(in, POLLIN, *until);
	n = read(in, input + input_end, WIRE_INPUT - input_end);
	if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
		wire_drop("closed");
	if (n > 0)
		input_end += (size_t)n;
}

bool
wire_read_line(char **line, size_t *length)
{
	int64_t until = 0;
	bool too_long = false;

	for (;;) {
		char *start = input + line_start;
		char *lf = memchr(start, '\n', input_end - line_start);
		if (lf != NULL) {
			size_t n = (size_t)(lf - start);
			line_start += n + 1;
			if (n > 0 && start[n - 1] == '\r')
				n--;
			start[n] = '\0';
			*line = start;
			*length = n;
			return !too_long && n <= WIRE_LINE;
		}
		if (input_end - line_start > WIRE_LINE + 1) {
			too_long = true;
			line_start = input_end;
		}
		fill(&until);
	}
}

void
wire_read_octets(void *octets, size_t length)
{
	char *to = octets;
	int64_t until = 0;

	for (;;) {
		size_t n = input_end - line_start;
		if (n > length)
			n = length;
		memcpy(to, input + line_start, n);
		line_start += n;
		to += n;
		length -= n;
		if (length == 0)
			return;
		fill(&until);
	}
}

size_t
wire_unread(char *octets)
{
	size_t length = input_end - line_start;

	memcpy(octets, input + line_start, length);
	return length;
}

int64_t
wire_last_moment(void)
{
	return last_moment;
}

void
wire_resume(const char *octets, size_t length, int64_t last)
{
	memcpy(input, octets, length);
	line_start = 0;
	input_end = length;
	last_moment = last;
}

void
wire_forget(void)
{
	explicit_bzero(input, line_start);
}

void
wire_text(const char *text, size_t length)
{
	while (length > 0) {
		size_t n = OUTPUT - used < length ? OUTPUT - used : length;
		memcpy(output + used, text, n);
		used += n;
		text += n;
		length -= n;
		if (used == OUTPUT)
			wire_flush();
	}
}

void
wire_number(uint64_t number)
{
	char digits[20];
	size_t start = sizeof digits;

	do {
		digits[--start] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	wire_text(digits + start, sizeof digits - start);
}

void
wire_crlf(void)
{
	wire_text("\r\n", 2);
}

void
wire_dot(void)
{
	wire_text(".\r\n", 3);
}

static void
put(const char *text)
{
	wire_text(text, strlen(text));
}

static void
status(const char *word, const char *code, const char *format, va_list arguments)
{
	char text[WIRE_STATUS - STATUS_FRAME];

	put(word);
	if (code != NULL) {
		put(" [");
		put(code);
		put("]");
	}
	if (format[0] != '\0') {
		vsnprintf(text, sizeof text, format, arguments);
		for (char *p = text; *p != '\0'; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = '?';
		put(" ");
		put(text);
	}
	wire_crlf();
	statuses++;
}

void
wire_ok(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	status("+OK", NULL, format, arguments);
	va_end(arguments);
}

void
wire_err(const char *code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	status("-ERR", code, format, arguments);
	va_end(arguments);
}

uint64_t
wire_statuses(void)
{
	return statuses;
}

uint64_t
wire_turns(void)
{
	return turns;
}

void
wire_challenge(const char *base64)
{
	put("+ ");
	put(base64);
	wire_crlf();
}

void
wire_body_begin(uint64_t lines)
{
	body.lines_left = lines;
	body.in_header = true;
	body.octets = 0;
	body.at_start = true;
	body.after_cr = false;
}

/* Text that is copied to the output, which has room for twice as many octets. */
struct passage {
	const char *from, *end;
	char *to;
	bool at_start, after_cr;
};

/*
 * Copies the rest of a line. Returns true if this function shall copy the next line, too:
 * this line was not short, or it was empty, as between the paragraphs of any text.
 */
static inline bool
pass_line(struct passage *passage)
{
	struct passage at = *passage;
	const char *lf = memchr(at.from, '\n', (size_t)(at.end - at.from));
	size_t n = (size_t)((lf == NULL ? at.end : lf) - at.from);

	if (n > 0) {
		*at.to = '.';
		at.to += at.at_start & (*at.from == '.');
		memcpy(at.to, at.from, n);
		at.from += n;
		at.to += n;
		at.at_start = false;
		at.after_cr = at.from[-1] == '\r';
	}
	if (lf != NULL) {
		*at.to = '\r';
		at.to += !at.after_cr;
		*at.to++ = *at.from++;
		at.at_start = true;
		at.after_cr = false;
	}
	*passage = at;
	return n == 0 || n >= SHORT_LINE;
}

/*
 * Copies a few octets. Returns true if a line ended among them. With short lines the
 * processor would predict a branch wrongly for almost each line, so no branch depends on
 * an octet.
 */
static inline bool
pass_octets(struct passage *passage)
{
	struct passage at = *passage;
	const char *stop = at.end - at.from < SHORT_LINE ? at.end : at.from + SHORT_LINE;
	bool any = false;

	while (at.from < stop) {
		bool lf = *at.from == '\n';
		*at.to = '.';
		at.to += at.at_start & (*at.from == '.');
		*at.to = '\r';
		at.to += lf & !at.after_cr;
		*at.to++ = *at.from;
		at.at_start = lf;
		at.after_cr = *at.from++ == '\r';
		any |= lf;
	}
	*passage = at;
	return any;
}

/* Copies mail text to the output. Returns how many of the octets there was room for. */
static size_t
send_text(const char *octets, size_t length)
{
	/* An octet becomes at most two. */
	size_t most = (OUTPUT - used) / 2;
	struct passage passage = {
		.from = octets, .end = octets + (length < most ? length : most),
		.to = output + used,
		.at_start = body.at_start, .after_cr = body.after_cr,
	};

	while (passage.from < passage.end) {
		while (passage.from < passage.end && pass_line(&passage))
			continue;
		while (passage.from < passage.end && pass_octets(&passage))
			continue;
	}
	used = (size_t)(passage.to - output);
	body.at_start = passage.at_start;
	body.after_cr = passage.after_cr;
	if (OUTPUT - used < LEAST_ROOM)
		wire_flush();
	return (size_t)(passage.from - octets);
}

/* Returns how many of these octets belong to the lines that the client still wants. */
static size_t
count_wanted(const char *octets, size_t length)
{
	const char *p = octets, *end = octets + length, *lf;

	while (p < end && (body.in_header || body.lines_left > 0)) {
		lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf == NULL ? end : lf) - p);
		if (n > 0)
			body.only_cr = n == 1 && *p == '\r' && body.octets == 0;
		body.octets += n;
		p += n;
		if (lf == NULL)
			break;
		p++;
		if (!body.in_header)
			body.lines_left--;
		else if (body.octets == 0 || body.only_cr)
			body.in_header = false;
		body.octets = 0;
	}
	return (size_t)(p - octets);
}

bool
wire_body(const char *octets, size_t length)
{
	if (body.lines_left != WIRE_ALL)
		length = count_wanted(octets, length);
	while (length > 0) {
		size_t n = send_text(octets, length);
		octets += n;
		length -= n;
	}
	mail_in_output = true;
	return body.in_header || body.lines_left > 0;
}

void
wire_body_end(bool blank)
{
	if (!body.at_start)
		wire_crlf();
	if (blank)
		wire_crlf();
	wire_dot();
	mail_in_output = true;
}

void
wire_pause(int64_t then)
{
	sigset_t none;
	int64_t left;

	wire_flush();
	sigemptyset(&none);
	do {
		left = then - wire_clock();
		struct timespec patience = milliseconds(left > 0 ? left : 0);
		(void)ppoll(NULL, 0, &patience, &none);
		if (signalled)
			wire_drop("signal");
	} while (left > 0);
}

void
wire_close(void)
{
	wire_flush();
	/* If we closed with input unread, TCP would send a reset, and the client might lose our
	   last reply. A client that keeps flooding us may lose it. */
	for (int i = 0; out_is_socket && i < MOST_DRAINS; i++)
		if (recv(in, input, sizeof input, MSG_DONTWAIT) <= 0)
			break;
	close(in);
	close(out);
}
