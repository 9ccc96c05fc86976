/* The command line, read once. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "log.h"

enum { USAGE_EXIT = 64, MOST_SECONDS = 86400 };

static const char usage[] =
    "usage: stdpop3d [-ekPt] [-a secrets] [-d statedir] [-h hostname] [-i seconds]\n"
    "                [-l seconds] [-m spool] [-p passwd] [-s shadow] [-U uid]\n"
    "                [-u account] [-w seconds]\n"
    "       stdpop3d -c name [-d statedir] [-m spool] [-u account]\n"
    "       stdpop3d -r [-ek] [-d statedir] [-m spool] [-p passwd] [-U uid]\n"
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

static void
set_option(struct options *options, int letter, const char *argument)
{
	switch (letter) {
	case 'a':
		options->secrets = argument;
		break;
	case 'c':
		options->check = argument;
		break;
	case 'd':
		options->state = argument;
		break;
	case 'e':
		options->log_to_stderr = true;
		break;
	case 'h':
		options->hostname = argument;
		break;
	case 'i':
		options->idle_seconds = (unsigned)number(argument, 1, MOST_SECONDS);
		break;
	case 'k':
		options->no_dotlock = true;
		break;
	case 'l':
		options->login_seconds = (unsigned)number(argument, 1, MOST_SECONDS);
		break;
	case 'm':
		options->spool = argument;
		break;
	case 'p':
		options->passwd = argument;
		break;
	case 'P':
		options->plaintext = true;
		break;
	case 'r':
		options->recover = true;
		break;
	case 's':
		options->shadow = argument;
		break;
	case 't':
		options->tls = true;
		break;
	case 'u':
		options->account = argument;
		break;
	case 'U':
		options->least_uid = (uid_t)number(argument, 1, UINT32_MAX - 1);
		break;
	case 'V':
		puts("stdpop3d " OPTIONS_VERSION);
		exit(EXIT_SUCCESS);
	case 'w':
		options->lock_seconds = (unsigned)number(argument, 0, MOST_SECONDS);
		break;
	case ':':
		mistake("missing argument of option -", (char[]){ (char)optopt, '\0' });
	default:
		mistake("unknown option -", (char[]){ (char)optopt, '\0' });
	}
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
	while ((letter = getopt(argc, argv, ":a:c:d:eh:i:kl:m:Pp:rs:tu:U:Vw:")) != -1)
		set_option(options, letter, optarg);
	if (optind < argc)
		mistake("unexpected argument: ", argv[optind]);
}
