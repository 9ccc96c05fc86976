/* For LD_PRELOAD: the call of reallocarray(3) with the number FAIL_AT fails. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdlib.h>

void *
reallocarray(void *old, size_t count, size_t size)
{
	static long calls;
	const char *number = getenv("FAIL_AT");

	if (number != NULL && ++calls == strtol(number, NULL, 10)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, count * size);
}
