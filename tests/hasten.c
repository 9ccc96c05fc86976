/*
 * For LD_PRELOAD: the first timer that a process or any child of it sets expires after
 * three seconds. It sees only calls by syscall(2).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS = 6 };

static long
make_call(long number, const long *argument)
{
	register long fourth __asm__("r10") = argument[3];
	register long fifth __asm__("r8") = argument[4];
	register long sixth __asm__("r9") = argument[5];
	long result;

	__asm__ volatile("syscall" : "=a"(result)
		: "a"(number), "D"(argument[0]), "S"(argument[1]), "d"(argument[2]), "r"(fourth),
		"r"(fifth), "r"(sixth) : "rcx", "r11", "memory");
	return result;
}

static atomic_int *timers;

__attribute__((constructor)) static void
share(void)
{
	timers = mmap(NULL, sizeof *timers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
}

long
syscall(long number, ...)
{
	static struct itimerspec soon = { .it_value = { .tv_sec = 3 } };
	long argument[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < ARGUMENTS; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_timer_settime && atomic_fetch_add(timers, 1) == 0)
		argument[2] = (long)&soon;
	return make_call(number, argument);
}
