/* unit: what the unit tests share. Each is a program that prints what is wrong. */
#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT_MOST_TOLD = 20 };

static unsigned unit_failures;

__attribute__((format(printf, 2, 3)))
static inline void
check(bool good, const char *format, ...)
{
	va_list arguments;

	if (good || unit_failures++ >= UNIT_MOST_TOLD)
		return;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static inline int
verdict(void)
{
	if (unit_failures > 0)
		fprintf(stderr, "%u checks failed\n", unit_failures);
	return unit_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The same numbers in every run: xorshift64* from a fixed seed. */
static inline uint32_t
random_below(uint32_t bound)
{
	static uint64_t state = 0x2545f4914f6cdd1d;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 32) % bound;
}

static inline void
to_hex(char *text, const uint8_t *octets, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sprintf(text + 2 * i, "%02x", octets[i]);
}

#endif
