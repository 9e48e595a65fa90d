/* scan_v4.c - the loop of scan.h for AVX-512 with VNNI: four products of 16 rows in one instruction. */
#include <immintrin.h>
#include <string.h>

#include "index/scan.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 16, GROUP = 4 * ROWS };

INLINE __m512i load(const uint8_t *p) { return _mm512_loadu_si512((const void *)p); }

INLINE size_t reach(const uint8_t *block, uint32_t row, uint32_t q, __m512i dots, float limit, df_scan_hit *out)
{
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(dots), _mm512_loadu_ps((const void *)block));
    unsigned mask = _mm512_cmp_ps_mask(value, _mm512_set1_ps(limit), _CMP_GE_OQ);
    size_t n = 0;
    if (__builtin_expect(mask != 0, 0)) {
        int32_t dot[ROWS];
        _mm512_storeu_si512((void *)dot, dots);
        for (; mask; mask &= mask - 1) {
            unsigned r = (unsigned)__builtin_ctz(mask);
            out[n++] = (df_scan_hit){q, row + r, dot[r]};
        }
    }
    return n;
}

/* `blocks_at_once` blocks by `queries` queries, both constant where this is used: their sums stay in registers. The rows have 128 added
 * (the instruction takes bytes without a sign on that side); what this adds to the sum is in `start`. */
INLINE size_t some(const uint8_t *blocks, size_t bytes, size_t padded, const int8_t *codes, const int32_t *start, const float *limit, uint32_t row,
                   uint32_t query, int blocks_at_once, int queries, df_scan_hit *out)
{
    __m512i sum[4][8];
#pragma GCC unroll 4
    for (int b = 0; b < blocks_at_once; b++)
#pragma GCC unroll 8
        for (int q = 0; q < queries; q++)
            sum[b][q] = _mm512_set1_epi32(start[q]);
    for (size_t g = 0; g < padded / 4; g++) {
        __m512i rows[4];
#pragma GCC unroll 4
        for (int b = 0; b < blocks_at_once; b++)
            rows[b] = load(blocks + (size_t)b * bytes + (g + 1) * GROUP);
#pragma GCC unroll 8
        for (int q = 0; q < queries; q++) {
            int32_t four;
            memcpy(&four, codes + (size_t)q * padded + 4 * g, sizeof four);
            __m512i w = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int b = 0; b < blocks_at_once; b++)
                sum[b][q] = _mm512_dpbusd_epi32(sum[b][q], rows[b], w);
        }
    }
    size_t n = 0;
#pragma GCC unroll 4
    for (int b = 0; b < blocks_at_once; b++)
#pragma GCC unroll 8
        for (int q = 0; q < queries; q++)
            n += reach(blocks + (size_t)b * bytes, row + (uint32_t)b * ROWS, query + (uint32_t)q, sum[b][q], limit[q], out + n);
    return n;
}

/* All blocks with `queries` queries. */
INLINE size_t rows_of(const uint8_t *blocks, size_t n_blocks, size_t padded, const int8_t *codes, const int32_t *start, const float *limit,
                      uint32_t query, int at_once, int queries, df_scan_hit *out)
{
    size_t n = 0, b = 0, bytes = ROWS * (4 + padded);
    for (; b + (size_t)at_once <= n_blocks; b += (size_t)at_once)
        n += some(blocks + b * bytes, bytes, padded, codes, start, limit, (uint32_t)b * ROWS, query, at_once, queries, out + n);
    for (; b < n_blocks; b++)
        n += some(blocks + b * bytes, bytes, padded, codes, start, limit, (uint32_t)b * ROWS, query, 1, queries, out + n);
    return n;
}

static size_t run(const uint8_t *blocks, size_t n_blocks, size_t padded, const int8_t *codes, const float *limit, size_t n_queries, df_scan_hit *out)
{
    int32_t start[DF_SCAN_QUERIES];
    size_t n = 0;
    for (size_t q = 0; q < n_queries; q++) {
        int32_t sum = 0;
        for (size_t i = 0; i < padded; i++)
            sum += codes[q * padded + i];
        start[q] = -128 * sum;
    }
    uint32_t q = 0;
    for (; q + 8 <= n_queries; q += 8)
        n += rows_of(blocks, n_blocks, padded, codes + q * padded, start + q, limit + q, q, 2, 8, out + n);
    for (; q + 4 <= n_queries; q += 4)
        n += rows_of(blocks, n_blocks, padded, codes + q * padded, start + q, limit + q, q, 2, 4, out + n);
    for (; q + 2 <= n_queries; q += 2)
        n += rows_of(blocks, n_blocks, padded, codes + q * padded, start + q, limit + q, q, 4, 2, out + n);
    for (; q < n_queries; q++)
        n += rows_of(blocks, n_blocks, padded, codes + q * padded, start + q, limit + q, q, 4, 1, out + n);
    return n;
}

static uint64_t read_all(const uint8_t *blocks, size_t bytes)
{
    __m512i all[4];
    for (int w = 0; w < 4; w++)
        all[w] = _mm512_setzero_si512();
    for (size_t i = 0; i + 256 <= bytes; i += 256)
        for (int w = 0; w < 4; w++)
            all[w] = _mm512_xor_si512(all[w], load(blocks + i + 64 * (size_t)w));
    return (uint64_t)_mm512_reduce_or_epi64(_mm512_xor_si512(_mm512_xor_si512(all[0], all[1]), _mm512_xor_si512(all[2], all[3])));
}

const df_scan df__scan_v4 = {"avx512vnni", run, read_all};
