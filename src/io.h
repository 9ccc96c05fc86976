/*
 * io: whole reads and writes at offsets of a file, and syncs. Interrupted and short
 * calls are continued. The functions that return int return 0, or -1 with errno; a read
 * that meets the end of the file fails with EIO.
 */
#ifndef IO_H
#define IO_H

#include <stddef.h>
#include <stdint.h>

/* The mode of each file that we make, except a dotlock. */
enum { IO_PRIVATE_MODE = 0600 };

int io_read(int fd, uint64_t offset, void *octets, size_t length);
int io_write(int fd, uint64_t offset, const void *octets, size_t length);
int io_truncate(int fd, uint64_t size);

/*
 * Called after "length" octets, at most a megabyte, were written at "offset", in the file's
 * order. If they complete a megabyte of the file, the kernel is asked to begin to write that
 * megabyte to the disk, so that io_sync waits for less. Promises nothing.
 */
void io_begin_sync(int fd, uint64_t offset, size_t length);

/* Waits until the file's octets and its size are on the disk (fdatasync(2)). */
int io_sync(int fd);

#endif
