/* sha256.c - Nettle's SHA-256 (uses the CPU's SHA instructions where it has them). */
#include "core/sha256.h"

#include <nettle/sha2.h>

void df__sha256(const void *data, size_t len, uint8_t out[32])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, len, data);
    sha256_digest(&ctx, SHA256_DIGEST_SIZE, out);
}

void df__sha256_digits(const uint8_t hash[32], char out[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[64] = '\0';
}

void df__sha256_hex(const void *data, size_t len, char out[65])
{
    uint8_t hash[SHA256_DIGEST_SIZE];
    df__sha256(data, len, hash);
    df__sha256_digits(hash, out);
}

void df__sha256_chain(uint8_t *state, size_t n, const void *data, size_t len)
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, n, state);
    sha256_update(&ctx, len, data);
    sha256_digest(&ctx, n, state);
}
