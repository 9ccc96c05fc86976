/* The command line, read once. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "log.h"

enum { USAGE_EXIT = 64, MOST_SECONDS = 86400 };

static const char usage[] =
    "usage: stdpop3d [-35ekLnPStx] [-a secrets] [-d statedir] [-h hostname] [-i seconds]\n"
    "                [-l seconds] [-m spool] [-p passwd] [-s shadow] [-U uid]\n"
    "                [-u account] [-w seconds]\n"
    "       stdpop3d -c name [-3S] [-d statedir] [-m spool] [-u account]\n"
    "       stdpop3d -r [-ekS] [-d statedir] [-m spool] [-p passwd] [-U uid]\n"
    "                [-u account] [-w seconds]\n"
    "       stdpop3d -V\n"
    "One POP3 session on descriptors 0 and 1; see stdpop3d(8).\n";

static _Noreturn void
mistake(const char *what, const char *text)
{
	fprintf(stderr, "stdpop3d: %s%s\n%s", what, text, usage);
	log_open(false);
	log_record(LOG_ERR, "usage", "%s%s", what, text);
	exit(USAGE_EXIT);
}

static uint64_t
number(const char *text, uint64_t least, uint64_t most)
{
	uint64_t value;

	if (!command_number(text, most, &value) || value < least)
		mistake("not a number in range: ", text);
	return value;
}

static const char **
text_option(struct options *options, int letter)
{
	switch (letter) {
	case 'a':
		return &options->secrets;
	case 'c':
		return &options->check;
	case 'd':
		return &options->state;
	case 'h':
		return &options->hostname;
	case 'm':
		return &options->spool;
	case 'p':
		return &options->passwd;
	case 's':
		return &options->shadow;
	case 'u':
		return &options->account;
	default:
		return NULL;
	}
}

static unsigned *
seconds_option(struct options *options, int letter)
{
	switch (letter) {
	case 'i':
		return &options->idle_seconds;
	case 'l':
		return &options->login_seconds;
	case 'w':
		return &options->lock_seconds;
	default:
		return NULL;
	}
}

static bool *
flag_option(struct options *options, int letter)
{
	switch (letter) {
	case '3':
		return &options->popa3d_ids;
	case '5':
		return &options->delayed_tls;
	case 'e':
		return &options->log_to_stderr;
	case 'k':
		return &options->no_dotlock;
	case 'L':
		return &options->listed_shell;
	case 'n':
		return &options->no_cache;
	case 'P':
		return &options->plaintext;
	case 'r':
		return &options->recover;
	case 'S':
		return &options->strict;
	case 't':
		return &options->tls;
	case 'x':
		return &options->proxy;
	default:
		return NULL;
	}
}

static void
set_option(struct options *options, int letter)
{
	char unknown[] = { (char)optopt, '\0' };
	const char **text = text_option(options, letter);
	unsigned *seconds = seconds_option(options, letter);
	bool *flag = flag_option(options, letter);

	if (letter == ':')
		mistake("missing argument of option -", unknown);
	if (letter == '?')
		mistake("unknown option -", unknown);
	if (letter == 'V') {
		puts("stdpop3d " OPTIONS_VERSION);
		exit(EXIT_SUCCESS);
	}
	if (letter == 'U')
		options->least_uid = (uid_t)number(optarg, 1, UINT32_MAX - 1);
	else if (flag != NULL)
		*flag = true;
	else if (seconds != NULL)
		*seconds = (unsigned)number(optarg, letter == 'w' ? 0 : 1, MOST_SECONDS);
	else if (text != NULL)
		*text = optarg;
}

void
options_parse(struct options *options, int argc, char **argv)
{
	int letter;

	*options = (struct options){
		.spool = "/var/mail",
		.state = "/var/lib/stdpop3d",
		.passwd = "/etc/passwd",
		.shadow = "/etc/shadow",
		.account = "stdpop3d",
		.least_uid = 1000,
		.idle_seconds = 600,
		.login_seconds = 600,
		.lock_seconds = 10,
	};
	while ((letter = getopt(argc, argv, ":35a:c:d:eh:i:kLl:m:nPp:rs:Stu:U:Vw:x")) != -1)
		set_option(options, letter);
	if (optind < argc)
		mistake("unexpected argument: ", argv[optind]);
}
