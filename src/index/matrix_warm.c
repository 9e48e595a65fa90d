/* matrix_warm.c - what lies in memory of a matrix that is searched again and again.
 *
 * Reading a mapped file, the processor stumbles at every page of 4096 bytes. From the third search on full chunks' 8-bit blocks are copied into
 * large pages, and the mapped ones given back: as much memory as before, but of this process alone. Norms and residuals go with them, since each row that
 * reaches a limit is asked for both, and the system maps 65536 bytes around each. What else was read of rows is given back too where there are very
 * many, so that a search holds little more than the 8-bit copy. */
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/pages.h"
#include "index/matrix_map.h"

enum { SEARCHES = 2 /* without a copy */, KEPT = 20 /* one part of the 8-bit copy that may lie mapped of the rest */, GROWN = 8 /* one part of so many that a further copy needs */ };
static const size_t PAGES_OF_ROW = 3 * 65536;      /* what the system maps around a row that is looked at: its upper half, residual, id */
static const size_t DROP_FROM = (size_t)512 << 20; /* bytes of the 8-bit copy */

/* Chunks that are full, which never change but for their removed rows. */
static size_t full_chunks(const df_view *v)
{
    size_t n = v->n_chunks;
    return n > 0 && v->chunks[n - 1]->first + v->chunks[n - 1]->rows > v->rows ? n - 1 : n;
}

static size_t copied_bytes(const df_chunk *c) { return c->codes + c->rows * (sizeof *c->norms + sizeof *c->residuals); }

static void copy_chunks(const df_view *v, size_t from, size_t to)
{
    df_file *f = v->file;
    size_t bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += copied_bytes(v->chunks[i]);
    uint8_t *area = f->n_areas < DF_AREAS_MOST ? df__pages_alloc(bytes) : NULL;
    if (!area)
        return; /* the mapped ones serve as well */
    f->areas[f->n_areas++] = area;
    for (size_t i = from; i < to; i++) {
        df_chunk *c = v->chunks[i];
        memcpy(area, c->blocks, c->codes);
        memcpy(area + c->codes, c->norms, c->rows * sizeof *c->norms);
        memcpy(area + c->codes + c->rows * sizeof *c->norms, c->residuals, c->rows * sizeof *c->residuals);
        atomic_store_explicit(&c->fast, area, memory_order_release);
        df__bytes_drop(&(df_bytes){c->base, (size_t)((uint8_t *)c->upper - c->base), true});
        area += copied_bytes(c);
    }
    f->n_copied = to;
}

void df__view_scanned(const df_view *v)
{
    df_file *f = v->file;
    if (atomic_fetch_add_explicit(&f->scans, 1, memory_order_relaxed) + 1 < SEARCHES || pthread_mutex_trylock(&f->warming) != 0)
        return;
    size_t full = full_chunks(v);
    if (full > f->n_copied + f->n_copied / GROWN) {
        atomic_store_explicit(&f->scans, 0, memory_order_relaxed);
        copy_chunks(v, f->n_copied, full);
    }
    pthread_mutex_unlock(&f->warming);
}

void df__view_touched(const df_view *v, size_t rows)
{
    size_t scan = v->rows / DF_BLOCK * v->block_bytes;
    if (scan < DROP_FROM)
        return;
    size_t before = atomic_fetch_add_explicit(&v->file->touched, rows, memory_order_relaxed);
    if ((before + rows) * PAGES_OF_ROW < scan / KEPT)
        return;
    atomic_store_explicit(&v->file->touched, 0, memory_order_relaxed);
    for (size_t i = 0; i < v->n_chunks; i++) {
        const df_chunk *c = v->chunks[i];
        uint8_t *from = (uint8_t *)c->upper;
        df__bytes_drop(&(df_bytes){from, df__chunk_plan(c->rows, v->dims).bytes - (size_t)(from - c->base), true});
        df__bytes_drop(&(df_bytes){c->base, (size_t)(c->blocks - c->base), true}); /* ids, marks of removal: they begin a page, as blocks do */
    }
}
