/* scan_base.c - the loop of scan.h in plain C, which compilers turn into what the processor's base has (NEON, SSE2). */
#include <string.h>

#include "index/bits.h"
#include "index/scan.h"

enum { ROWS = 16, GROUP = 4 * ROWS };

static void dots_of(const uint8_t *block, size_t padded, const int8_t *codes, int32_t dots[ROWS])
{
    for (int r = 0; r < ROWS; r++)
        dots[r] = 0;
    for (size_t g = 0; g < padded / 4; g++) {
        const uint8_t *v = block + GROUP + g * GROUP;
        const int8_t *w = codes + 4 * g;
        for (int r = 0; r < ROWS; r++)
            dots[r] += (v[4 * r] - 128) * w[0] + (v[4 * r + 1] - 128) * w[1] + (v[4 * r + 2] - 128) * w[2] + (v[4 * r + 3] - 128) * w[3];
    }
}

static size_t run(const uint8_t *blocks, size_t n_blocks, size_t padded, const int8_t *codes, const float *limit, size_t n_queries, df_scan_hit *out)
{
    size_t n = 0, bytes = ROWS * (4 + padded);
    for (size_t b = 0; b < n_blocks; b++)
        for (size_t q = 0; q < n_queries; q++) {
            const uint8_t *block = blocks + b * bytes;
            int32_t dots[ROWS];
            float scale[ROWS];
            memcpy(scale, block, sizeof scale);
            dots_of(block, padded, codes + q * padded, dots);
            for (uint32_t r = 0; r < ROWS; r++)
                if ((float)dots[r] * scale[r] >= limit[q])
                    out[n++] = (df_scan_hit){(uint32_t)q, (uint32_t)b * ROWS + r, dots[r]};
        }
    return n;
}

static float dot16(const uint16_t *upper, const float *with, size_t dims)
{
    float sum[DF_DOT16_SUMS] = {0}, all = 0;
    size_t i = 0;
    for (; i + DF_DOT16_SUMS <= dims; i += DF_DOT16_SUMS)
        for (size_t l = 0; l < DF_DOT16_SUMS; l++)
            sum[l] += df__bits_float((uint32_t)upper[i + l] << 16) * with[i + l];
    for (size_t l = 0; i + l < dims; l++)
        sum[l] += df__bits_float((uint32_t)upper[i + l] << 16) * with[i + l];
    for (size_t l = 0; l < DF_DOT16_SUMS; l++)
        all += sum[l];
    return all;
}

static float l2(const float *a, const float *b, size_t dims)
{
    float sum[16] = {0}, all = 0;
    size_t i = 0;
    for (; i + 16 <= dims; i += 16)
        for (size_t l = 0; l < 16; l++)
            sum[l] += (a[i + l] - b[i + l]) * (a[i + l] - b[i + l]);
    for (; i < dims; i++)
        all += (a[i] - b[i]) * (a[i] - b[i]);
    for (int l = 0; l < 16; l++)
        all += sum[l];
    return all;
}

static uint64_t read_all(const uint8_t *blocks, size_t bytes)
{
    uint64_t all[4] = {0};
    for (size_t i = 0; i + 32 <= bytes; i += 32)
        for (int w = 0; w < 4; w++) {
            uint64_t v;
            memcpy(&v, blocks + i + 8 * w, sizeof v);
            all[w] ^= v;
        }
    return all[0] ^ all[1] ^ all[2] ^ all[3];
}

const df_scan df__scan_base = {"base", run, dot16, l2, read_all};
