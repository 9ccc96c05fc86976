/* The command line, read once. */
#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "log.h"
#include "network.h"

enum { USAGE_EXIT = 64, MOST_SECONDS = 86400 };

static const char usage[] =
    "usage: stdpop3d [-35AefkLnStx] [-a secrets] [-D file] [-d statedir] [-h hostname]\n"
    "                [-i seconds] [-l seconds] [-m spool] [-N domains] [-P networks]\n"
    "                [-p passwd] [-s shadow] [-U uid] [-u account] [-w seconds]\n"
    "       stdpop3d -c name [-3S] [-D file] [-d statedir] [-m spool] [-u account]\n"
    "       stdpop3d -r [-ekS] [-d statedir] [-m spool] [-p passwd] [-U uid]\n"
    "                [-u account] [-w seconds]\n"
    "       stdpop3d -V | --version | --help\n"
    "One POP3 session on descriptors 0 and 1; see stdpop3d(8).\n";

static _Noreturn void
mistake(const char *what, const char *text)
{
	fprintf(stderr, "stdpop3d: %s%s\n%s", what, text, usage);
	log_open(false);
	log_record(LOG_ERR, "usage", "%s%s", what, text);
	exit(USAGE_EXIT);
}

/* Each option is a row here, a field of struct options and a line in the manual. */
enum kind { FLAG, TEXT, DOMAINS, NETWORKS, SECONDS, SECONDS_OR_NONE, UID, VERSION };

static const struct row {
	char letter;
	enum kind kind;
	size_t field;		/* of struct options */
	const char *word;	/* names the argument; NULL: the option has no argument */
	const char *help;
} rows[] = {
	{ '3', FLAG, offsetof(struct options, popa3d_ids), NULL, "the unique-ids that popa3d makes" },
	{ '5', FLAG, offsetof(struct options, delayed_tls), NULL, "STLS by tlswrapper -n" },
	{ 'A', FLAG, offsetof(struct options, audit), NULL, "log each message that is removed" },
	{ 'a', TEXT, offsetof(struct options, secrets), "secrets", "offer APOP, with this file" },
	{ 'c', TEXT, offsetof(struct options, check), "name", "no session: show this mailbox" },
	{ 'D', TEXT, offsetof(struct options, dovecot), "file", "go on with Dovecot's unique-ids" },
	{ 'd', TEXT, offsetof(struct options, state), "statedir", "where the state files are" },
	{ 'e', FLAG, offsetof(struct options, log_to_stderr), NULL, "log to descriptor 2" },
	{ 'f', FLAG, offsetof(struct options, fold), NULL, "a name in capitals may mean small ones" },
	{ 'h', TEXT, offsetof(struct options, hostname), "hostname", "the name in APOP's timestamp" },
	{ 'i', SECONDS, offsetof(struct options, idle_seconds), "seconds",
	    "the time for a command, once logged in" },
	{ 'k', FLAG, offsetof(struct options, no_dotlock), NULL, "kernel locks only, no dotlock" },
	{ 'L', FLAG, offsetof(struct options, listed_shell), NULL,
	    "only users whose shell is in /etc/shells" },
	{ 'l', SECONDS, offsetof(struct options, login_seconds), "seconds",
	    "the time until login, in all" },
	{ 'm', TEXT, offsetof(struct options, spool), "spool", "where the mailboxes are" },
	{ 'N', DOMAINS, offsetof(struct options, domains), "domains",
	    "what may follow a name and an @" },
	{ 'n', FLAG, offsetof(struct options, no_cache), NULL, "keep no index between sessions" },
	{ 'P', NETWORKS, offsetof(struct options, plaintext), "networks",
	    "take passwords in the clear from there, or from any" },
	{ 'p', TEXT, offsetof(struct options, passwd), "passwd", "instead of /etc/passwd" },
	{ 'r', FLAG, offsetof(struct options, recover), NULL, "no session: finish pending UPDATEs" },
	{ 'S', FLAG, offsetof(struct options, strict), NULL,
	    "refuse to run where the kernel cannot confine" },
	{ 's', TEXT, offsetof(struct options, shadow), "shadow", "instead of /etc/shadow" },
	{ 't', FLAG, offsetof(struct options, tls), NULL, "TLS is on already" },
	{ 'U', UID, offsetof(struct options, least_uid), "uid", "the lowest user-ID that is served" },
	{ 'u', TEXT, offsetof(struct options, account), "account", "the service account" },
	{ 'V', VERSION, 0, NULL, "print the version (--version)" },
	{ 'w', SECONDS_OR_NONE, offsetof(struct options, lock_seconds), "seconds",
	    "how long to try for locks" },
	{ 'x', FLAG, offsetof(struct options, proxy), NULL, "a PROXY header comes first" },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static _Noreturn void
print_version(void)
{
	puts("stdpop3d " OPTIONS_VERSION);
	exit(EXIT_SUCCESS);
}

static _Noreturn void
print_help(void)
{
	fputs(usage, stdout);
	for (size_t i = 0; i < ROWS; i++)
		printf("  -%c %-10s%s\n", rows[i].letter, rows[i].word == NULL ? "" : rows[i].word,
		    rows[i].help);
	exit(EXIT_SUCCESS);
}

static uint64_t
number(const char *text, uint64_t least, uint64_t most)
{
	uint64_t value;

	if (!command_number(text, most, &value) || value < least)
		mistake("not a number in range: ", text);
	return value;
}

/* Names of hosts with a comma between. */
static const char *
domains(const char *text)
{
	static const char octets[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-,";
	size_t length = strlen(text);

	if (length == 0 || strspn(text, octets) != length || text[0] == ',' ||
	    text[length - 1] == ',' || strstr(text, ",,") != NULL)
		mistake("no list of domains: ", text);
	return text;
}

static void
set_networks(struct networks *networks, const char *text)
{
	char part[NETWORK_PART];
	const char *why = network_parse(networks, text, part);

	if (why != NULL)
		mistake(why, part);
}

static void
set_option(struct options *options, const struct row *row)
{
	void *field = (char *)options + row->field;

	switch (row->kind) {
	case FLAG:
		*(bool *)field = true;
		break;
	case TEXT:
		*(const char **)field = optarg;
		break;
	case DOMAINS:
		*(const char **)field = domains(optarg);
		break;
	case NETWORKS:
		set_networks(field, optarg);
		break;
	case SECONDS:
	case SECONDS_OR_NONE:
		*(unsigned *)field = (unsigned)number(optarg, row->kind == SECONDS, MOST_SECONDS);
		break;
	case UID:
		*(uid_t *)field = (uid_t)number(optarg, 1, UINT32_MAX - 1);
		break;
	case VERSION:
		print_version();
	}
}

static _Noreturn void
missing(const struct row *row)
{
	char text[96];

	snprintf(text, sizeof text, "%c %s (%s)", row->letter, row->word, row->help);
	mistake("missing argument of option -", text);
}

static void
take_letter(struct options *options, int letter)
{
	char unknown[] = { (char)optopt, '\0' };

	for (size_t i = 0; i < ROWS; i++)
		if (letter == ':' && rows[i].letter == optopt)
			missing(&rows[i]);
		else if (rows[i].letter == letter) {
			set_option(options, &rows[i]);
			return;
		}
	mistake("unknown option -", unknown);
}

void
options_parse(struct options *options, int argc, char **argv)
{
	char letters[1 + 2 * ROWS + 1] = ":";
	size_t end = 1;
	int letter;

	*options = (struct options){
		.spool = "/var/mail",
		.state = "/var/lib/stdpop3d",
		.passwd = "/etc/passwd",
		.shadow = "/etc/shadow",
		.account = "stdpop3d",
		.domains = "",
		.least_uid = 1000,
		.idle_seconds = 600,
		.login_seconds = 60,
		.lock_seconds = 10,
	};
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		print_help();
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		print_version();
	for (size_t i = 0; i < ROWS; i++) {
		letters[end++] = rows[i].letter;
		if (rows[i].word != NULL)
			letters[end++] = ':';
	}
	while ((letter = getopt(argc, argv, letters)) != -1)
		take_letter(options, letter);
	if (optind < argc)
		mistake("unexpected argument: ", argv[optind]);
}
