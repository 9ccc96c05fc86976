#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Octets; a call for each smaller piece would cost more than the overlap gains. */
enum { AHEAD = 1024 * 1024 };

int
io_read(int fd, uint64_t offset, void *octets, size_t length)
{
	for (char *p = octets; length > 0; ) {
		ssize_t n = pread(fd, p, length, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

int
io_write(int fd, uint64_t offset, const void *octets, size_t length)
{
	for (const char *p = octets; length > 0; ) {
		ssize_t n = pwrite(fd, p, length, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

int
io_truncate(int fd, uint64_t size)
{
	int result;

	do
		result = ftruncate(fd, (off_t)size);
	while (result == -1 && errno == EINTR);
	return result;
}

void
io_begin_sync(int fd, uint64_t offset, size_t length)
{
	uint64_t end = (offset + length) / AHEAD * AHEAD;

	if (end > offset)
		(void)sync_file_range(fd, (off_t)(end - AHEAD), AHEAD, SYNC_FILE_RANGE_WRITE);
}

int
io_sync(int fd)
{
	int result;

	do
		result = fdatasync(fd);
	while (result == -1 && errno == EINTR);
	return result;
}
