/* fuzz_weight_cache.c - a cache file as it is, and with its identity and checksum put right: what is accepted can be read to its ends. */
#include <stdlib.h>

#include "../unit/nn/cache_seal.h"
#include "nn/weight_cache.h"

enum { IDENTITY = 48 }; /* its place in the header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const uint8_t *data, size_t size, bool sealed)
{
    static const uint8_t identity[32] = {1, 2, 3};
    volatile uint8_t seen = 0;
    df_weight_cache c;
    df_bytes file = {malloc(size ? size : 1), size, false};
    if (!file.data)
        return;
    if (size)
        memcpy(file.data, data, size);
    if (sealed && size >= SEAL_HEADER) {
        uint64_t bytes = size;
        memcpy(file.data + SEAL_BYTES, &bytes, sizeof bytes);
        memcpy(file.data + IDENTITY, identity, sizeof identity);
        seal(file.data, size);
    }
    if (!df__weight_cache_of(&file, identity, &c))
        return;
    for (size_t i = 0; i < df__weight_cache_count(&c); i++) {
        df_piece p = df__weight_cache_at(&c, i);
        const uint8_t *at = df__weight_cache_find(&c, &p.key, p.bytes);
        if (at != p.data)
            abort();
        seen = (uint8_t)(seen ^ at[0] ^ at[p.bytes - 1]);
    }
    df__weight_cache_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size, false);
    read_all(data, size, true);
    return 0;
}
