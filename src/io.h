/*
 * io: whole reads and writes at offsets of a file, and what makes them last.
 * Interrupted and short calls are gone on with. Those that return int return 0,
 * or -1 with errno; the end of the file within a read is EIO.
 */
#ifndef IO_H
#define IO_H

#include <stddef.h>
#include <stdint.h>

/* The mode of each file that is made, but for a dotlock. */
enum { IO_PRIVATE_MODE = 0600 };

int io_read(int fd, uint64_t offset, void *octets, size_t length);
int io_write(int fd, uint64_t offset, const void *octets, size_t length);
int io_truncate(int fd, uint64_t size);

/*
 * After octets were written, at most a megabyte and in the file's order: if they
 * complete a megabyte, has the kernel begin to write that to the disk, so that
 * io_sync waits for less. Promises nothing.
 */
void io_begin_sync(int fd, uint64_t offset, size_t length);

/* fdatasync(2): the octets and the size are on the disk. */
int io_sync(int fd);

#endif
