/* Any line, as a command, a number and base64. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each text that is handed out lies in the line and ends in it. */
static void
check_text(const char *text, const char *line, size_t size)
{
	if (text < line || text > line + size || strlen(text) > (size_t)(line + size - text))
		abort();
}

static void
split(char *line, size_t size)
{
	struct command command;

	if (!command_begin(&command, line, size))
		return;
	check_text(command.keyword, line, size);
	if (command.keyword[0] == '\0' || strchr(command.keyword, ' ') != NULL)
		abort();
	if (command.rest != NULL &&
	    (command.rest < line || command.rest + command.rest_length > line + size))
		abort();
	if (!command_cut(&command))
		return;
	for (size_t i = 0; i < COMMAND_WORDS && i < command.words; i++)
		check_text(command.word[i], line, size);
}

static void
number(const char *text)
{
	uint64_t value, counted;
	char *end;

	bool strict = command_number(text, UINT32_MAX, &value);
	bool count = command_count(text, UINT32_MAX, &counted);
	if (strict && (!count || counted != value || value > UINT32_MAX ||
	    strtoull(text, &end, 10) != value || *end != '\0'))
		abort();
	if (count && (counted > UINT32_MAX || strspn(text, "0123456789") != strlen(text)))
		abort();
}

static void
base64(char *text, size_t size)
{
	ptrdiff_t decoded = command_base64(text, size);

	if (decoded != -1 && (size % 4 != 0 || (size_t)decoded > size / 4 * 3 ||
	    (size_t)decoded + 2 < size / 4 * 3 || text[decoded] != '\0'))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void (*const readers[])(char *, size_t) = { split, base64 };

	/* The buffer has the exact size, so that reading one octet too many is noticed. */
	char *line = malloc(size + 1);
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
		if (size > 0)
			memcpy(line, data, size);
		line[size] = '\0';
		readers[i](line, size);
	}
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	number(line);
	free(line);
	return 0;
}
