/* The spool and the state directory. */
#include "doors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static int
open_directory(const char *path, const char *what)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		log_failure("setup", "cannot open %s, %s", path, what);
	return fd;
}

int
doors_open(struct doors *doors, const struct options *options)
{
	doors->spool = open_directory(options->spool, "the spool (option -m)");
	doors->state = open_directory(options->state,
	    "the state directory (option -d; the service account's, mode 0700)");
	doors->names = options->no_dotlock ? -1 : doors->spool;
	return doors->spool == -1 || doors->state == -1 ? -1 : 0;
}

int
doors_check(const struct doors *doors, const struct options *options, uid_t service)
{
	struct stat status;

	if (fstat(doors->state, &status) == -1) {
		log_failure("setup", "cannot look at %s", options->state);
		return -1;
	}
	if (status.st_uid == service && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	log_record(LOG_ERR, "setup", "%s must belong to the service account and have mode 0700",
	    options->state);
	return -1;
}
