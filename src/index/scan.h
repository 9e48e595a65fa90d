/* scan.h - the inner loop of an exact search: 8-bit dot products of blocks of 16 rows with a few queries, and which of them reach a limit.
 * scan_base.c, scan_v3.c and scan_v4.c give the same answers; the widest that the processor has is taken when the program runs. */
#ifndef DF_INDEX_SCAN_H
#define DF_INDEX_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum { DF_SCAN_BLOCKS = 64, DF_SCAN_QUERIES = 8, DF_DOT16_SUMS = 16, DF_SCAN_MOST_HITS = DF_SCAN_BLOCKS * 16 * DF_SCAN_QUERIES };

typedef struct df_scan_hit { uint32_t query, row; int32_t dot; } df_scan_hit; /* row: from the first row at `blocks` */

typedef struct df_scan {
    const char *name;
    /* n_blocks <= DF_SCAN_BLOCKS blocks (layout: matrix_file.h) with n_queries <= DF_SCAN_QUERIES vectors of `padded` codes, -127..127, one
     * after another. A hit is dot * scale >= limit[query] in float32. Returns their number; out has room for all. */
    size_t (*run)(const uint8_t *blocks, size_t n_blocks, size_t padded, const int8_t *codes, const float *limit, size_t n_queries, df_scan_hit *out);
    /* Product of a row's bfloat16 copy with a vector of float32, summed in float32: DF_DOT16_SUMS sums or more, then those. */
    float (*dot16)(const uint16_t *upper, const float *with, size_t dims);
    /* Squared distance of float32 vectors, in float32: for libraries that build graphs. */
    float (*l2)(const float *a, const float *b, size_t dims);
    /* Reads the blocks and does nothing else: the floor that a search is measured against. */
    uint64_t (*read)(const uint8_t *blocks, size_t bytes);
} df_scan;

const df_scan *df__scan(void);

extern const df_scan df__scan_base, df__scan_v3, df__scan_v4; /* v3, v4: x86-64 with AVX2, with AVX-512 and VNNI */

#endif
