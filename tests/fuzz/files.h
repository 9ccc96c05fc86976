/*
 * For the targets that need files: a folder of their own in memory, made at the
 * first input, and numbers out of what is left of an input.
 */
#ifndef FILES_H
#define FILES_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static int directory = -1;
static const uint8_t *input;
static size_t input_left;

/* Nobody else writes here whom a pause would let notice. */
int
nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)pause;
	(void)left;
	return 0;
}

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
put_file(const char *name, const void *octets, size_t length)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd != -1 && write(fd, octets, length) == (ssize_t)length);
	close(fd);
}

static void
set_up(void)
{
	char path[] = "/dev/shm/fuzz.XXXXXX";

	must(mkdtemp(path) != NULL);
	directory = open(path, O_RDONLY | O_DIRECTORY);
	must(directory != -1);
	log_open(true);
}

/* A small number mostly, at times a huge one. */
static uint64_t
take_number(void)
{
	uint64_t number = 0;

	for (int i = 0; i < 2 && input_left > 0; i++, input_left--)
		number = number << 8 | *input++;
	return number >= 0xff00 ? number << 48 : number;
}

#endif
