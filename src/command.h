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
 * Cuts the keyword off a line, which must be followed by a NUL and is written to. Returns
 * false if the keyword is empty or has a control octet in it: the line is no command.
 */
bool command_begin(struct command *command, char *line, size_t length);

/*
 * Cuts the rest of the line into words at its blanks; those at its end are forgiven.
 * Returns false if it has a control octet in it: the line is malformed. A keyword whose
 * one argument is all of command->rest, any octet in it, is not cut.
 */
bool command_cut(struct command *command);

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
