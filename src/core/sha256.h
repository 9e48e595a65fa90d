/* sha256.h - SHA-256 of bytes, by Nettle. */
#ifndef DF_CORE_SHA256_H
#define DF_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

void df__sha256(const void *data, size_t len, uint8_t out[32]);
/* 64 lower-case hex digits and a NUL. */
void df__sha256_hex(const void *data, size_t len, char out[65]);
void df__sha256_digits(const uint8_t hash[32], char out[65]);
/* state = the first `n` (<= 32) bytes of the hash of state and data. */
void df__sha256_chain(uint8_t *state, size_t n, const void *data, size_t len);

#endif
