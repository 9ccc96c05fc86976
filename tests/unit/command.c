/* Lines to commands: words, message-numbers, base64. */
#include "command.h"

#include "unit.h"

/* Cuts a line as the session does: the argument of PASS is the rest of the line. */
static bool
split(struct command *command, char *line, size_t length)
{
	if (!command_begin(command, line, length))
		return false;
	if (!command_equal(command->keyword, "PASS"))
		return command_cut(command);
	command->words = command->rest == NULL ? 0 : 1;
	return true;
}

/* "keyword|word|word|count", or "malformed". */
static void
expect_split(const char *text, size_t length, const char *expected)
{
	char line[256], got[256];
	struct command command;

	memcpy(line, text, length);
	line[length] = '\0';
	if (!split(&command, line, length))
		snprintf(got, sizeof got, "malformed");
	else
		snprintf(got, sizeof got, "%s|%s|%s|%zu", command.keyword,
		    command.word[0] == NULL ? "" : command.word[0],
		    command.word[1] == NULL ? "" : command.word[1], command.words);
	check(strcmp(got, expected) == 0, "\"%s\" is split to %s", text, got);
}

static void
expect_rest(const char *text, size_t length, const char *rest, size_t rest_length)
{
	char line[256];
	struct command command;

	memcpy(line, text, length);
	line[length] = '\0';
	bool good = split(&command, line, length);
	check(good, "\"%s\" is malformed", text);
	if (!good)
		return;
	if (rest == NULL) {
		check(command.rest == NULL && command.words == 0, "\"%s\" has an argument", text);
		return;
	}
	check(command.words == 1 && command.rest != NULL && command.rest_length == rest_length &&
	    memcmp(command.rest, rest, rest_length) == 0, "\"%s\" has another argument", text);
}

#define SPLIT(text, expected) expect_split(text, sizeof text - 1, expected)
#define REST(text, rest) expect_rest(text, sizeof text - 1, rest, sizeof rest - 1)

static void
test_split(void)
{
	SPLIT("", "malformed");
	SPLIT(" ", "malformed");
	SPLIT(" NOOP", "malformed");
	SPLIT("NOOP", "NOOP|||0");
	SPLIT("NOOP ", "NOOP|||0");
	SPLIT("NOOP   ", "NOOP|||0");
	SPLIT("retr 1", "retr|1||1");
	SPLIT("RETR  1  ", "RETR|1||1");
	SPLIT("TOP 1 0", "TOP|1|0|2");
	SPLIT("TOP 1   0 ", "TOP|1|0|2");
	SPLIT("TOP 1 0 2 3", "TOP|1|0|4");
	SPLIT("USER \xc3\xa4", "USER|\xc3\xa4||1");
	SPLIT("NO\0OP", "malformed");
	SPLIT("NOOP\0", "malformed");
	SPLIT("NOOP\t", "malformed");
	SPLIT("RETR 1\0002", "malformed");
	SPLIT("RETR\t1", "malformed");
	SPLIT("RETR 1\t", "malformed");
	SPLIT("RETR 1\r", "malformed");
	SPLIT("RETR \1771", "malformed");
	SPLIT("PA\177S x", "malformed");
}

static void
test_rest(void)
{
	REST("PASS sesame", "sesame");
	REST("pass  two words ", " two words ");
	REST("PASS ", "");
	REST("PASS \t\001\177\r", "\t\001\177\r");
	REST("PASS a\0b", "a\0b");
	expect_rest("PASS", 4, NULL, 0);
}

static void
expect_number(const char *text, uint64_t most, bool good, uint64_t expected)
{
	uint64_t number = 0;
	bool got = command_number(text, most, &number);

	check(got == good && (!good || number == expected), "number \"%s\" up to %ju: %d, %ju",
	    text, (uintmax_t)most, got, (uintmax_t)number);
}

static void
expect_count(const char *text, uint64_t most, bool good, uint64_t expected)
{
	uint64_t number = 0;
	bool got = command_count(text, most, &number);

	check(got == good && (!good || number == expected), "count \"%s\" up to %ju: %d, %ju",
	    text, (uintmax_t)most, got, (uintmax_t)number);
}

static void
test_numbers(void)
{
	static const char *const never[] = {
		"", "+1", "-1", "1x", "x1", "0x1", "1.0", " 1", "1 ", "1e3", "1/", "1:", "\xb2",
	};

	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
		expect_number(never[i], UINT64_MAX, false, 0);
		expect_count(never[i], UINT64_MAX, false, 0);
	}
	expect_number("0", 100, true, 0);
	expect_number("01", 100, true, 1);
	expect_number("0000000000000000000000000000001", 100, true, 1);
	expect_number("100", 100, true, 100);
	expect_number("101", 100, false, 0);
	expect_number("4294967297", UINT32_MAX, false, 0);
	expect_number("18446744073709551615", UINT64_MAX, true, UINT64_MAX);
	expect_number("18446744073709551616", UINT64_MAX, false, 0);
	expect_number("18446744073709551617", UINT64_MAX, false, 0);
	expect_number("99999999999999999999999999999999", UINT64_MAX, false, 0);
	expect_number("5", 4, false, 0);
	expect_count("101", 100, true, 100);
	expect_count("18446744073709551616", UINT64_MAX - 1, true, UINT64_MAX - 1);
	expect_count("99999999999999999999999999999999", 7, true, 7);
	expect_count("99999999999999999999999999999999x", 7, false, 0);
}

/* "decoded" is NULL for a text that is malformed. */
static void
expect_base64(const char *text, size_t length, const char *decoded, size_t decoded_length)
{
	char buffer[256];

	memcpy(buffer, text, length);
	buffer[length] = '\0';
	ptrdiff_t got = command_base64(buffer, length);
	if (decoded == NULL)
		check(got == -1, "base64 \"%s\" is taken", text);
	else
		check(got == (ptrdiff_t)decoded_length &&
		    memcmp(buffer, decoded, decoded_length) == 0 && buffer[got] == '\0',
		    "base64 \"%s\" is decoded wrongly: %td octets", text, got);
}

#define BASE64(text, decoded) \
	expect_base64(text, sizeof text - 1, decoded, sizeof decoded - 1)
#define NO_BASE64(text) expect_base64(text, sizeof text - 1, NULL, 0)

static void
test_base64(void)
{
	/* RFC 4648 section 10 */
	BASE64("", "");
	BASE64("Zg==", "f");
	BASE64("Zm8=", "fo");
	BASE64("Zm9v", "foo");
	BASE64("Zm9vYg==", "foob");
	BASE64("Zm9vYmE=", "fooba");
	BASE64("Zm9vYmFy", "foobar");
	BASE64("AAAA", "\0\0\0");
	BASE64("+/+/", "\xfb\xff\xbf");
	BASE64("AGFsaWNlAHNlc2FtZQ==", "\0alice\0sesame");
	NO_BASE64("Z");
	NO_BASE64("Zg");
	NO_BASE64("Zg=");
	NO_BASE64("Zg===");
	NO_BASE64("=");
	NO_BASE64("====");
	NO_BASE64("Z===");
	NO_BASE64("Zh==");
	NO_BASE64("Zm9=");
	NO_BASE64("Zg==Zg==");
	NO_BASE64("Zm=v");
	NO_BASE64("Zm9v ");
	NO_BASE64("Zm 9v===");
	NO_BASE64("Zm9\n");
	NO_BASE64("-_-_");
	NO_BASE64("Zm9\0");
	NO_BASE64("Zm\xc3\xb6");
}

int
main(void)
{
	test_split();
	test_rest();
	test_numbers();
	test_base64();
	check(command_equal("QUIT", "quit") && command_equal("QuIt", "qUiT") &&
	    !command_equal("QUIT", "QUIT1") && !command_equal("QUIT", "QUI"), "command_equal");
	return verdict();
}
