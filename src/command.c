/* SECURITY: all functions here read what a stranger has sent. */
#include "command.h"

#include <string.h>
#include <strings.h>

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Returns the next word of *cursor, with a NUL after it, or NULL if only blanks are left. */
static char *
next_word(char **cursor)
{
	char *word = *cursor + strspn(*cursor, " ");
	char *end = word + strcspn(word, " ");

	if (word == end)
		return NULL;
	*cursor = *end == '\0' ? end : end + 1;
	*end = '\0';
	return word;
}

static bool
has_control(const char *text, size_t length)
{
	bool found = false;

	for (size_t i = 0; i < length; i++)
		found |= is_control(text[i]);
	return found;
}

bool
command_begin(struct command *command, char *line, size_t length)
{
	char *blank = memchr(line, ' ', length);
	size_t keyword_length = blank == NULL ? length : (size_t)(blank - line);

	memset(command, 0, sizeof *command);
	if (keyword_length == 0 || has_control(line, keyword_length))
		return false;
	line[keyword_length] = '\0';
	command->keyword = line;
	if (blank != NULL) {
		command->rest = blank + 1;
		command->rest_length = length - keyword_length - 1;
	}
	return true;
}

bool
command_cut(struct command *command)
{
	char *cursor = command->rest, *word;

	if (command->rest == NULL)
		return true;
	if (has_control(command->rest, command->rest_length))
		return false;
	while ((word = next_word(&cursor)) != NULL) {
		if (command->words < COMMAND_WORDS)
			command->word[command->words] = word;
		command->words++;
	}
	return true;
}

bool
command_equal(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* Returns false unless all are digits. Of a number over "most" makes "most", and sets *over. */
static bool
read_digits(const char *text, uint64_t most, uint64_t *number, bool *over)
{
	uint64_t value = 0;

	*over = false;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		unsigned digit = (unsigned)(*p - '0');
		if (*over || most < digit || value > (most - digit) / 10) {
			*over = true;
			continue;
		}
		value = value * 10 + digit;
	}
	*number = *over ? most : value;
	return *text != '\0';
}

bool
command_number(const char *text, uint64_t most, uint64_t *number)
{
	bool over;

	return read_digits(text, most, number, &over) && !over;
}

bool
command_count(const char *text, uint64_t most, uint64_t *number)
{
	bool over;

	return read_digits(text, most, number, &over);
}

/* Returns the six bits of a base64 digit, or -1. */
static int
sextet(char c)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c == '\0' ? NULL : strchr(alphabet, c);

	return found == NULL ? -1 : (int)(found - alphabet);
}

ptrdiff_t
command_base64(char *text, size_t length)
{
	size_t padding = 0, out = 0;
	uint32_t bits = 0;

	if (length % 4 != 0)
		return -1;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length - padding; i++) {
		int value = sextet(text[i]);
		if (value == -1)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 0)
			text[out++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	/* The bits of the last digit that belong to no octet must be zero. */
	if (padding > 0 && (bits & ((1U << 2 * padding) - 1)) != 0)
		return -1;
	text[out] = '\0';
	return (ptrdiff_t)out;
}
