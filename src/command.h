/*
 * command: a line to keyword and arguments. Pure: no descriptors, no state,
 * no allocation. RFC 1939 section 3, RFC 2449 section 3.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COMMAND_WORDS = 2 };

struct command {
	const char *keyword;
	char *word[COMMAND_WORDS];	/* the first arguments */
	size_t words;			/* how many there were, kept or not */
	char *rest;			/* all after the first blank, untouched; or NULL */
	size_t rest_length;
};

/*
 * Cuts a line into keyword and words at its blanks, and tells whether the line
 * may be a command at all: false for an empty keyword. "whole" says of a
 * keyword whether its one argument is the rest of the line, any octet in it:
 * such a line is not cut further. In all others a control octet makes the
 * line malformed (false), and blanks at the end are forgiven.
 * The line must be followed by a NUL and is written to.
 */
bool command_split(struct command *command, char *line, size_t length,
	bool (*whole)(const char *keyword));

/* Keywords and names of mechanisms are equal without regard to case. */
bool command_equal(const char *a, const char *b);

/* Decimal digits only, 0 to "most"; false for anything else. */
bool command_number(const char *text, uint64_t most, uint64_t *number);

/* The same, but a number over "most" is "most" (the count of TOP). */
bool command_count(const char *text, uint64_t most, uint64_t *number);

/*
 * Strict base64 (RFC 4648 section 4): no blanks, full padding, zero bits at
 * the end. Decodes in place; the length, or -1. A NUL follows the result.
 */
ptrdiff_t command_base64(char *text, size_t length);

#endif
