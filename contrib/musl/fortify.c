/*
 * What of glibc Debian's libcrypt.a calls and musl does not have, so that a static
 * binary can be made of Debian's musl, which lacks crypt(3): see "make musl".
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

long __isoc23_strtol(const char *text, char **end, int base);
unsigned long __isoc23_strtoul(const char *text, char **end, int base);
void arc4random_buf(void *to, size_t length);
void __explicit_bzero_chk(void *to, size_t length, size_t room);
int __snprintf_chk(char *to, size_t length, int flag, size_t room, const char *format, ...);

void
__explicit_bzero_chk(void *to, size_t length, size_t room)
{
	(void)room;
	explicit_bzero(to, length);
}

int
__snprintf_chk(char *to, size_t length, int flag, size_t room, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	(void)room;
	va_start(arguments, format);
	int n = vsnprintf(to, length, format, arguments);
	va_end(arguments);
	return n;
}

/* glibc's headers since 2.38 give these names to strtol and strtoul. */
long
__isoc23_strtol(const char *text, char **end, int base)
{
	return strtol(text, end, base);
}

unsigned long
__isoc23_strtoul(const char *text, char **end, int base)
{
	return strtoul(text, end, base);
}

/* For the salts of new hashes only, which nothing here makes. */
void
arc4random_buf(void *to, size_t length)
{
	if (getrandom(to, length, 0) != (ssize_t)length)
		abort();
}
