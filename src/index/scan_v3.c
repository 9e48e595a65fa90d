/* scan_v3.c - the loop of scan.h for AVX2: codes widen to 16 bits, products are added in pairs. */
#include <immintrin.h>
#include <string.h>

#include "index/bits.h"
#include "index/scan.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 16, GROUP = 4 * ROWS };

/* Four queries' accumulators of four rows and two halves each would not fit in 16 registers: two queries a pass. */
INLINE void dots_of(const uint8_t *block, size_t padded, const int8_t *codes, int queries, int32_t dots[][ROWS])
{
    __m256i sum[2][4];
    for (int q = 0; q < queries; q++)
        for (int p = 0; p < 4; p++)
            sum[q][p] = _mm256_setzero_si256();
    const __m256i middle = _mm256_set1_epi16(128);
    for (size_t g = 0; g < padded / 4; g++) {
        const uint8_t *v = block + GROUP + g * GROUP;
        __m256i w[2];
        for (int q = 0; q < queries; q++) {
            int32_t four;
            memcpy(&four, codes + (size_t)q * padded + 4 * g, sizeof four);
            w[q] = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(four)));
        }
        for (int p = 0; p < 4; p++) {
            __m256i rows = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(v + 16 * p))), middle);
            for (int q = 0; q < queries; q++)
                sum[q][p] = _mm256_add_epi32(sum[q][p], _mm256_madd_epi16(rows, w[q]));
        }
    }
    for (int q = 0; q < queries; q++)
        for (int p = 0; p < 4; p += 2) { /* halves of a row lie side by side; adding them mixes the lanes' order, which the permutation mends */
            __m256i two = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[q][p], sum[q][p + 1]), 0xD8);
            _mm256_storeu_si256((__m256i *)(void *)(dots[q] + 4 * p), two);
        }
}

INLINE size_t reach(const uint8_t *block, uint32_t b, uint32_t q, const int32_t *dots, float limit, df_scan_hit *out)
{
    size_t n = 0;
    for (int h = 0; h < 2; h++) {
        __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)(dots + 8 * h))),
                                     _mm256_loadu_ps((const float *)(const void *)(block + 32 * h)));
        unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(value, _mm256_set1_ps(limit), _CMP_GE_OQ));
        for (; mask; mask &= mask - 1) {
            unsigned r = (unsigned)__builtin_ctz(mask) + 8 * (unsigned)h;
            out[n++] = (df_scan_hit){q, b * ROWS + r, dots[r]};
        }
    }
    return n;
}

static size_t run(const uint8_t *blocks, size_t n_blocks, size_t padded, const int8_t *codes, const float *limit, size_t n_queries, df_scan_hit *out)
{
    size_t n = 0, bytes = ROWS * (4 + padded);
    int32_t dots[2][ROWS];
    for (size_t b = 0; b < n_blocks; b++) {
        const uint8_t *block = blocks + b * bytes;
        size_t q = 0;
        for (; q + 2 <= n_queries; q += 2) {
            dots_of(block, padded, codes + q * padded, 2, dots);
            n += reach(block, (uint32_t)b, (uint32_t)q, dots[0], limit[q], out + n);
            n += reach(block, (uint32_t)b, (uint32_t)q + 1, dots[1], limit[q + 1], out + n);
        }
        if (q < n_queries) {
            dots_of(block, padded, codes + q * padded, 1, dots);
            n += reach(block, (uint32_t)b, (uint32_t)q, dots[0], limit[q], out + n);
        }
    }
    return n;
}

INLINE __m256 eight(const uint16_t *upper)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)upper)), 16));
}

static float dot16(const uint16_t *upper, const float *with, size_t dims)
{
    __m256 sum[4];
    float lane[8], all = 0;
    size_t i = 0;
    for (int s = 0; s < 4; s++)
        sum[s] = _mm256_setzero_ps();
    for (; i + 32 <= dims; i += 32)
        for (size_t s = 0; s < 4; s++)
            sum[s] = _mm256_fmadd_ps(eight(upper + i + 8 * s), _mm256_loadu_ps(with + i + 8 * s), sum[s]);
    _mm256_storeu_ps(lane, _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
    for (size_t l = 0; i + l < dims; l++)
        lane[l % 8] += df__bits_float((uint32_t)upper[i + l] << 16) * with[i + l];
    for (int l = 0; l < 8; l++)
        all += lane[l];
    return all;
}

static float l2(const float *a, const float *b, size_t dims)
{
    __m256 sum[4];
    float lane[8], all = 0;
    size_t i = 0;
    for (int s = 0; s < 4; s++)
        sum[s] = _mm256_setzero_ps();
    for (; i + 32 <= dims; i += 32)
        for (size_t s = 0; s < 4; s++) {
            __m256 d = _mm256_sub_ps(_mm256_loadu_ps(a + i + 8 * s), _mm256_loadu_ps(b + i + 8 * s));
            sum[s] = _mm256_fmadd_ps(d, d, sum[s]);
        }
    for (; i < dims; i++)
        all += (a[i] - b[i]) * (a[i] - b[i]);
    _mm256_storeu_ps(lane, _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
    for (int l = 0; l < 8; l++)
        all += lane[l];
    return all;
}

static uint64_t read_all(const uint8_t *blocks, size_t bytes)
{
    __m256i all[4] = {0};
    for (size_t i = 0; i + 128 <= bytes; i += 128)
        for (int w = 0; w < 4; w++)
            all[w] = _mm256_xor_si256(all[w], _mm256_loadu_si256((const __m256i *)(const void *)(blocks + i + 32 * (size_t)w)));
    __m256i one = _mm256_xor_si256(_mm256_xor_si256(all[0], all[1]), _mm256_xor_si256(all[2], all[3]));
    return (uint64_t)_mm256_extract_epi64(one, 0) ^ (uint64_t)_mm256_extract_epi64(one, 1) ^ (uint64_t)_mm256_extract_epi64(one, 2) ^
           (uint64_t)_mm256_extract_epi64(one, 3);
}

const df_scan df__scan_v3 = {"avx2", run, dot16, l2, read_all};
