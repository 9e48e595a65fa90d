/* matrix_file.h - the layout of a matrix file, and what search and writer share of it.
 *
 *   head      65536 bytes: what the file is, then two commits of which the newer whole one counts
 *   chunks    of 1024, 2048, ... 65536, 65536, ... rows; each is
 *     chunk head, tile bounds, removed bits, ids, norms, residuals, row checksums     (to a multiple of 4096)
 *     blocks of 16 rows: 16 scales, then for each 4 dimensions 16 x 4 bytes, 128 added     (to a multiple of 4096)
 *     upper halves of the float32 rows, rounded to nearest: the bfloat16 copy               (to a multiple of 4096)
 *     lower halves, what is missing from the upper ones: float32 = (upper << 16) + lower   (to a multiple of 65536)
 *
 * A row x of length |x| is kept as scale * v with v in -127..127, an approximation of x / |x|; its residual is at least the length of the
 * difference. A tile is 1024 rows with the greatest residual and the least and greatest norm of them. Numbers are the machine's own. */
#ifndef DF_INDEX_MATRIX_FILE_H
#define DF_INDEX_MATRIX_FILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "index/matrix.h"

enum { DF_BLOCK = 16, DF_TILE = 1024, DF_CHUNK_FIRST = 1024, DF_CHUNK_DOUBLINGS = 6, DF_CHUNKS_MOST = 16384 };

typedef struct df_tile { _Atomic uint32_t residual; uint32_t unused; _Atomic uint64_t norm_min, norm_max, unused2; } df_tile; /* bits of float, double */

/* Where a chunk's parts lie, in bytes from its begin. */
typedef struct df_chunk_plan { size_t rows, tiles, removed, ids, norms, residuals, residuals16, sums, blocks, upper, lower, bytes; } df_chunk_plan;

/* A mapped chunk. */
typedef struct df_chunk {
    uint8_t          *base;
    size_t            rows, first; /* capacity; number of its first row */
    df_tile          *tiles;
    _Atomic uint64_t *removed;
    uint64_t         *ids;
    double           *norms;
    float            *residuals, *residuals16;
    uint32_t         *sums;
    uint8_t          *blocks;
    size_t            codes;         /* bytes of all its blocks */
    _Atomic(uint8_t *) fast; /* a copy of a full chunk's blocks in large pages, its norms and residuals behind them, or NULL (matrix_warm.c) */
    uint16_t         *upper, *lower;
} df_chunk;

/* What a search sees: rows below `rows` of chunks that stay mapped. */
typedef struct df_view {
    struct df_file *file;
    df_chunk *const *chunks;
    size_t    n_chunks, rows, removed;
    uint32_t  dims;
    size_t    padded;      /* dims up to a multiple of 4 */
    size_t    block_bytes; /* DF_BLOCK * (4 + padded) */
} df_view;

/* Take a view and give it back: until then a compact's old file stays mapped. */
void df__view_take(df_matrix *m, df_view *out);
void df__view_give(df_matrix *m, df_view *view);
uint64_t df__view_generation(const df_view *v);
void df__view_scanned(const df_view *v);               /* all was searched once more */
void df__view_touched(const df_view *v, size_t rows); /* float rows were read: their pages are dropped now and then where there are very many */

size_t        df__chunk_rows(size_t index);
size_t        df__chunk_first(size_t index);      /* rows before it */
size_t        df__chunk_of(size_t row);
df_chunk_plan df__chunk_plan(size_t rows, uint32_t dims);

static inline const df_chunk *df__view_chunk(const df_view *v, size_t row) { return v->chunks[df__chunk_of(row)]; }
static inline uint64_t df__chunk_id(const df_chunk *c, size_t at) { return c->ids[at]; }
static inline bool df__chunk_removed(const df_chunk *c, size_t at)
{
    return atomic_load_explicit(&c->removed[at / 64], memory_order_relaxed) >> at % 64 & 1;
}
static inline const uint8_t *df__chunk_blocks(const df_chunk *c)
{
    const uint8_t *fast = atomic_load_explicit(&c->fast, memory_order_acquire);
    return fast ? fast : c->blocks;
}
/* What is asked of a row after its codes. */
static inline double df__chunk_norm(const df_chunk *c, size_t at)
{
    const uint8_t *fast = atomic_load_explicit(&c->fast, memory_order_acquire);
    return fast ? ((const double *)(const void *)(fast + c->codes))[at] : c->norms[at];
}
static inline float df__chunk_residual(const df_chunk *c, size_t at)
{
    const uint8_t *fast = atomic_load_explicit(&c->fast, memory_order_acquire);
    return fast ? ((const float *)(const void *)(fast + c->codes + c->rows * sizeof(double)))[at] : c->residuals[at];
}
/* Numbers of the row with this id, or of the first one after it (v->rows when none). */
size_t df__view_lower_bound(const df_view *v, uint64_t id);
/* A float row, whole. */
void df__chunk_row(const df_chunk *c, size_t at, uint32_t dims, float *out);

/* ---- one row, made and checked (quantise.c) ---- */

typedef struct df_quant { float scale, residual, residual16; double norm; } df_quant;
/* `codes` [padded]: v + 128; halves [dims]. False where the row holds NaN or infinity. */
bool df__quantise(const float *row, uint32_t dims, uint8_t *codes, uint16_t *upper, uint16_t *lower, df_quant *out);
/* The checksum that is kept with a row. */
uint32_t df__row_sum(uint64_t id, const uint16_t *upper, const uint16_t *lower, uint32_t dims);

#endif
