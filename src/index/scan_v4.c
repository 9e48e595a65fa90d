/* scan_v4.c - the loop of scan.h for AVX-512 with VNNI: four products of 16 rows in one instruction. */
#include <immintrin.h>
#include <string.h>

#include "index/scan.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 16, GROUP = 4 * ROWS };

INLINE __m512i load(const uint8_t *p) { return _mm512_loadu_si512((const void *)p); }

INLINE __m512i spread(const int8_t *codes)
{
    int32_t four;
    memcpy(&four, codes, sizeof four);
    return _mm512_set1_epi32(four);
}

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

/* A block with `queries` queries in `chains` sums each, both constant where this is used: one sum alone would wait for itself. Blocks are
 * read one after another; two side by side, and instructions that prefetch, were slower. */
INLINE size_t block_with(const uint8_t *block, uint32_t row, size_t groups, const int8_t *codes, const int32_t *start, const float *limit, uint32_t query,
                         int queries, int chains, df_scan_hit *out)
{
    __m512i sum[4][4];
    size_t n = 0, g = 0, padded = 4 * groups;
    const uint8_t *rows = block + GROUP;
#pragma GCC unroll 4
    for (int q = 0; q < queries; q++)
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++)
            sum[q][c] = c == 0 ? _mm512_set1_epi32(start[q]) : _mm512_setzero_si512();
    for (; g + (size_t)chains <= groups; g += (size_t)chains)
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++) {
            __m512i four = load(rows + (g + (size_t)c) * GROUP);
#pragma GCC unroll 4
            for (int q = 0; q < queries; q++)
                sum[q][c] = _mm512_dpbusd_epi32(sum[q][c], four, spread(codes + (size_t)q * padded + 4 * (g + (size_t)c)));
        }
    for (; g < groups; g++)
#pragma GCC unroll 4
        for (int q = 0; q < queries; q++)
            sum[q][0] = _mm512_dpbusd_epi32(sum[q][0], load(rows + g * GROUP), spread(codes + (size_t)q * padded + 4 * g));
#pragma GCC unroll 4
    for (int q = 0; q < queries; q++) {
        __m512i all = sum[q][0];
#pragma GCC unroll 4
        for (int c = 1; c < chains; c++)
            all = _mm512_add_epi32(all, sum[q][c]);
        n += reach(block, row, query + (uint32_t)q, all, limit[q], out + n);
    }
    return n;
}

/* The rows have 128 added (the instruction takes bytes without a sign on that side); what this makes of a sum is in `start`. */
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
    size_t groups = padded / 4, bytes = ROWS * (4 + padded);
    uint32_t q = 0;
    for (; q + 4 <= n_queries; q += 4)
        for (size_t b = 0; b < n_blocks; b++)
            n += block_with(blocks + b * bytes, (uint32_t)b * ROWS, groups, codes + q * padded, start + q, limit + q, q, 4, 2, out + n);
    for (; q < n_queries; q++)
        for (size_t b = 0; b < n_blocks; b++)
            n += block_with(blocks + b * bytes, (uint32_t)b * ROWS, groups, codes + q * padded, start + q, limit + q, q, 1, 4, out + n);
    return n;
}

INLINE __m512 sixteen(__m256i upper) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16)); }

static float dot16(const uint16_t *upper, const float *with, size_t dims)
{
    __m512 sum[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    size_t i = 0;
    for (; i + 32 <= dims; i += 32)
        for (size_t s = 0; s < 2; s++)
            sum[s] = _mm512_fmadd_ps(sixteen(_mm256_loadu_si256((const void *)(upper + i + 16 * s))), _mm512_loadu_ps(with + i + 16 * s), sum[s]);
    for (; i < dims; i += 16) {
        const __mmask16 there = (__mmask16)(dims - i < 16 ? (1u << (dims - i)) - 1 : 0xFFFFu);
        sum[0] = _mm512_fmadd_ps(sixteen(_mm256_maskz_loadu_epi16(there, upper + i)), _mm512_maskz_loadu_ps(there, with + i), sum[0]);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(sum[0], sum[1]));
}

static float l2(const float *a, const float *b, size_t dims)
{
    __m512 sum[4];
    size_t i = 0;
    for (int s = 0; s < 4; s++)
        sum[s] = _mm512_setzero_ps();
    for (; i + 64 <= dims; i += 64)
        for (size_t s = 0; s < 4; s++) {
            __m512 d = _mm512_sub_ps(_mm512_loadu_ps(a + i + 16 * s), _mm512_loadu_ps(b + i + 16 * s));
            sum[s] = _mm512_fmadd_ps(d, d, sum[s]);
        }
    for (; i < dims; i += 16) {
        const __mmask16 there = (__mmask16)(dims - i < 16 ? (1u << (dims - i)) - 1 : 0xFFFFu);
        __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(there, a + i), _mm512_maskz_loadu_ps(there, b + i));
        sum[0] = _mm512_fmadd_ps(d, d, sum[0]);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
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

const df_scan df__scan_v4 = {"avx512vnni", run, dot16, l2, read_all};
