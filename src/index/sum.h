/* sum.h - a fast 64-bit checksum against damage, not against intent (SHA-256 is for that). */
#ifndef DF_INDEX_SUM_H
#define DF_INDEX_SUM_H

#include <stddef.h>
#include <stdint.h>

/* Of `len` bytes; chain calls by giving the last answer as `seed`. The same on every machine of one byte order. */
uint64_t df__sum64(uint64_t seed, const void *data, size_t len);

#endif
