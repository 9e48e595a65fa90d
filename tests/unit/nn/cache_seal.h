/* cache_seal.h - sets the checksum of a cache file (nn/weight_cache.c: layout) that a test or a fuzzer changed, so that what is behind the
 * checksum is reached. */
#ifndef DF_TEST_CACHE_SEAL_H
#define DF_TEST_CACHE_SEAL_H

#include <string.h>

#include "core/sha256.h"

enum { SEAL_HEADER = 128, SEAL_CHECKED = 96, SEAL_ENTRY = 32, SEAL_WHOLE = 1 << 20, SEAL_PIECES = 16, SEAL_BYTES = 24 };

static inline void seal(uint8_t *file, size_t len)
{
    uint64_t pieces;
    uint8_t sum[32] = {0};
    if (len < SEAL_HEADER)
        return;
    memcpy(&pieces, file + SEAL_PIECES, sizeof pieces);
    size_t end = len <= SEAL_WHOLE || pieces > (len - SEAL_HEADER) / SEAL_ENTRY ? len : SEAL_HEADER + (size_t)pieces * SEAL_ENTRY;
    df__sha256_chain(sum, sizeof sum, file, SEAL_CHECKED);
    df__sha256_chain(sum, sizeof sum, file + SEAL_HEADER, end - SEAL_HEADER);
    memcpy(file + SEAL_CHECKED, sum, sizeof sum);
}

#endif
