/*
 * command: cuts a line into keyword and arguments (RFC 1939 section 3, RFC 2449 section 3),
 * and reads numbers and base64. Pure: no descriptors, no state, no allocation.
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
	char *rest;			/* all after the first blank, or NULL */
	size_t rest_length;
};

/*
 * Cuts the keyword off a line, which must be followed by a NUL and is written to. Returns
 * false if the keyword is empty or has a control octet in it: the line is no command.
 */
bool command_begin(struct command *command, char *line, size_t length);

/*
 * Cuts the rest of the line into words at its blanks; those at its end are forgiven.
 * Returns false if it has a control octet in it: the line is malformed. Writes NULs into
 * command->rest. So do not call it if all of command->rest is one argument, of any octets.
 */
bool command_cut(struct command *command);

/* Returns true if keywords or names of mechanisms are equal, without regard to case. */
bool command_equal(const char *a, const char *b);

/* Reads a number, 0 to "most". Returns false if the text is anything but decimal digits, or
   the number is larger. */
bool command_number(const char *text, uint64_t most, uint64_t *number);

/* Reads a number likewise, but takes a larger number for "most" (the count of TOP). */
bool command_count(const char *text, uint64_t most, uint64_t *number);

/*
 * Decodes strict base64 (RFC 4648 section 4) in place: no blanks, full padding, zero bits
 * at the end. Puts a NUL after the result. Returns its length, or -1 if it is malformed.
 */
ptrdiff_t command_base64(char *text, size_t length);

#endif
