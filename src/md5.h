/* md5: RFC 1321, for the digests of APOP and the unique-ids of popa3d. Pure. */
#ifndef MD5_H
#define MD5_H

#include <stddef.h>
#include <stdint.h>

struct md5 {
	uint32_t state[4];
	uint64_t length;
	uint8_t block[64];
};

void md5_begin(struct md5 *md5);
void md5_add(struct md5 *md5, const void *octets, size_t length);
void md5_end(struct md5 *md5, uint8_t digest[16]);

#endif
