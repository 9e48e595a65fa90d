/* matrix.c - see matrix.h: append, remove, compact and what readers see of it. */
#include "index/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sha256.h"
#include "index/bits.h"
#include "index/matrix_map.h"

enum { END_ROWS = DF_TILE /* checked when a writer opens */ };
/* ---- views ---- */

void df__view_of(df_file *f, df_view *out)
{
    size_t padded = ((size_t)f->dims + 3) / 4 * 4;
    *out = (df_view){f, f->chunks, f->n_chunks, f->seen.rows, f->seen.removed, f->dims, padded, DF_BLOCK * (4 + padded)};
}

void df__view_take(df_matrix *m, df_view *out)
{
    pthread_mutex_lock(&m->lock);
    m->file->refs++;
    df__view_of(m->file, out);
    pthread_mutex_unlock(&m->lock);
}

void df__matrix_release(df_matrix *m, df_file *f)
{
    pthread_mutex_lock(&m->lock);
    bool last = --f->refs == 0;
    pthread_mutex_unlock(&m->lock);
    if (last)
        df__file_close(f);
}

void df__view_give(df_matrix *m, df_view *view)
{
    df__matrix_release(m, view->file);
    *view = (df_view){0};
}

uint64_t df__view_generation(const df_view *v) { return v->file->generation; }

size_t df__view_lower_bound(const df_view *v, uint64_t id)
{
    size_t low = 0, high = v->rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const df_chunk *c = df__view_chunk(v, middle);
        if (df__chunk_id(c, middle - c->first) < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- open ---- */

/* The end of what was committed, where a crash of the machine shows. */
df_status df__matrix_check_rows(const df_view *v, size_t from, const char *path, df_error *err)
{
    for (size_t row = from; row < v->rows; row++) {
        const df_chunk *c = df__view_chunk(v, row);
        size_t at = row - c->first;
        if (df__row_sum(c->ids[at], c->upper + at * v->dims, c->lower + at * v->dims, v->dims) != c->sums[at])
            return df__fail(err, DF_E_STORE, "%s: damaged: row %zu (id %llu) does not fit its checksum", path, row, (unsigned long long)c->ids[at]);
    }
    return DF_OK;
}

/* Ids ascend at the chunks' ends and the last one is what the commit says. */
static df_status check_ids(const df_view *v, const df_commit *seen, const char *path, df_error *err)
{
    uint64_t last = 0;
    for (size_t i = 0; i < v->n_chunks; i++) {
        const df_chunk *c = v->chunks[i];
        size_t n = v->rows - c->first < c->rows ? v->rows - c->first : c->rows;
        if ((i > 0 && c->ids[0] <= last) || (n > 1 && c->ids[n - 1] <= c->ids[0]))
            return df__fail(err, DF_E_STORE, "%s: damaged: ids of chunk %zu do not ascend", path, i);
        last = c->ids[n - 1];
    }
    if (v->rows && last != seen->last_id)
        return df__fail(err, DF_E_STORE, "%s: damaged: its last id is %llu, not %llu", path, (unsigned long long)last, (unsigned long long)seen->last_id);
    return DF_OK;
}

static uint64_t count_removed(const df_view *v)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n_chunks; i++)
        for (size_t w = 0; w < v->chunks[i]->rows / 64; w++)
            n += (uint64_t)__builtin_popcountll(atomic_load_explicit(&v->chunks[i]->removed[w], memory_order_relaxed));
    return n;
}

df_status df__matrix_open_file(const df_matrix *m, df_file **out, df_error *err)
{
    df_status st = DF_OK;
    df_file *f = NULL;
    df_view v;
    DF_TRY(df__file_open(m->path, m->dims, m->pipeline, m->writer, &f, err));
    df__view_of(f, &v);
    DF_TRY(check_ids(&v, &f->seen, m->path, err));
    if (m->writer)
        f->seen.removed = count_removed(&v); /* a killed writer's marks may be there without their commit */
    if (m->writer)
        DF_TRY(df__matrix_check_rows(&v, v.rows > END_ROWS ? v.rows - END_ROWS : 0, m->path, err));
    *out = f, f = NULL;
done:
    df__file_close(f);
    return st;
}

df_status df__matrix_open(const char *path, uint32_t dims, const char *pipeline, bool writer, df_matrix **out, df_error *err)
{
    df_status st = DF_OK;
    df_matrix *m = NULL;
    *out = NULL;
    if (dims == 0 || dims > DF_MATRIX_MOST_DIMS)
        return df__fail(err, DF_E_ARGUMENT, "%s: vectors of %u dimensions, 1 to %d are possible", path, dims, DF_MATRIX_MOST_DIMS);
    m = calloc(1, sizeof *m);
    if (!m)
        return df__no_memory(err, path, sizeof *m);
    size_t length = strlen(path);
    m->dims = dims, m->writer = writer;
    m->path = malloc(length + 1), m->beside = malloc(length + sizeof ".compact");
    pthread_mutex_init(&m->lock, NULL), pthread_mutex_init(&m->writing, NULL);
    if (!m->path || !m->beside)
        DF_TRY(df__no_memory(err, path, length));
    memcpy(m->path, path, length + 1);
    snprintf(m->beside, length + sizeof ".compact", "%s.compact", path);
    df__sha256_chain(m->pipeline, sizeof m->pipeline, pipeline, strlen(pipeline));
    DF_TRY(df__matrix_open_file(m, &m->file, err));
    if (writer)
        (void)unlink(m->beside); /* what a killed compact left: the only writer is this one */
    *out = m, m = NULL;
done:
    df__matrix_free(m);
    return st;
}

void df__matrix_free(df_matrix *m)
{
    if (!m)
        return;
    df__file_close(m->file);
    pthread_mutex_destroy(&m->lock), pthread_mutex_destroy(&m->writing);
    free(m->path), free(m->beside);
    free(m);
}

/* ---- what it is ---- */

df_matrix_info df__matrix_info(df_matrix *m)
{
    df_view v;
    df__view_take(m, &v);
    df_matrix_info info = {.rows = v.rows, .removed = v.removed, .dims = v.dims, .generation = v.file->generation, .file_bytes = DF_HEAD_BYTES,
                           .scan_bytes = (v.rows + DF_BLOCK - 1) / DF_BLOCK * v.block_bytes};
    for (size_t i = 0; i < v.n_chunks; i++)
        info.file_bytes += df__chunk_plan(v.chunks[i]->rows, v.dims).bytes;
    df__view_give(m, &v);
    info.stamp = df__matrix_stamp(m);
    return info;
}

uint64_t df__matrix_stamp(df_matrix *m)
{
    pthread_mutex_lock(&m->lock);
    uint64_t stamp = m->file->seen.stamp;
    pthread_mutex_unlock(&m->lock);
    return stamp;
}

size_t df__matrix_count(df_matrix *m)
{
    df_view v;
    df__view_take(m, &v);
    size_t count = v.rows - (size_t)count_removed(&v); /* the marks themselves: a killed writer's commit does not speak of its last ones */
    df__view_give(m, &v);
    return count;
}

df_status df__matrix_get(df_matrix *m, uint64_t id, float *row, bool *found, df_error *err)
{
    df_status st = DF_OK;
    df_view v;
    *found = false;
    df__view_take(m, &v);
    size_t at = df__view_lower_bound(&v, id);
    const df_chunk *c = at < v.rows ? df__view_chunk(&v, at) : NULL;
    if (c && c->ids[at - c->first] == id && !df__chunk_removed(c, at - c->first)) {
        df_view one = v;
        one.rows = at + 1;
        DF_TRY(df__matrix_check_rows(&one, at, m->path, err));
        df__chunk_row(c, at - c->first, v.dims, row);
        *found = true;
    }
done:
    df__view_give(m, &v);
    return st;
}

/* ---- writing ---- */

static void widen(df_tile *t, const df_quant *q)
{
    uint32_t residual = df__float_bits(q->residual);
    uint64_t norm = df__double_bits(q->norm);
    /* bits of numbers that are not negative are ordered as the numbers are */
    if (residual > atomic_load_explicit(&t->residual, memory_order_relaxed))
        atomic_store_explicit(&t->residual, residual, memory_order_relaxed);
    if (norm < atomic_load_explicit(&t->norm_min, memory_order_relaxed))
        atomic_store_explicit(&t->norm_min, norm, memory_order_relaxed);
    if (norm > atomic_load_explicit(&t->norm_max, memory_order_relaxed))
        atomic_store_explicit(&t->norm_max, norm, memory_order_relaxed);
}

static void put_codes(df_chunk *c, size_t at, size_t padded, const uint8_t *codes, float scale)
{
    uint8_t *block = c->blocks + at / DF_BLOCK * DF_BLOCK * (4 + padded);
    size_t lane = at % DF_BLOCK * 4;
    memcpy(block + lane, &scale, sizeof scale);
    for (size_t g = 0; g < padded / 4; g++)
        memcpy(block + (g + 1) * 4 * DF_BLOCK + lane, codes + 4 * g, 4);
}

void df__chunk_codes(const df_chunk *c, size_t at, size_t padded, uint8_t *codes, float *scale)
{
    const uint8_t *block = c->blocks + at / DF_BLOCK * DF_BLOCK * (4 + padded);
    size_t lane = at % DF_BLOCK * 4;
    memcpy(scale, block + lane, sizeof *scale);
    for (size_t g = 0; g < padded / 4; g++)
        memcpy(codes + 4 * g, block + (g + 1) * 4 * DF_BLOCK + lane, 4);
}

/* All of a row but its halves, which lie there already. */
void df__matrix_put_row(df_file *f, df_chunk *c, size_t at, uint64_t id, const uint8_t *codes, const df_quant *q)
{
    c->ids[at] = id, c->norms[at] = q->norm, c->residuals[at] = q->residual, c->residuals16[at] = q->residual16;
    c->sums[at] = df__row_sum(id, c->upper + at * f->dims, c->lower + at * f->dims, f->dims);
    put_codes(c, at, ((size_t)f->dims + 3) / 4 * 4, codes, q->scale);
    widen(&c->tiles[at / DF_TILE], q);
}

static df_status put_rows(df_file *f, const uint64_t *ids, const float *rows, size_t n, df_error *err)
{
    uint8_t codes[DF_MATRIX_MOST_DIMS];
    for (size_t i = 0; i < n; i++) {
        size_t row = f->seen.rows + i;
        df_chunk *c = f->chunks[df__chunk_of(row)];
        size_t at = row - c->first;
        df_quant q;
        if (!df__quantise(rows + i * f->dims, f->dims, codes, c->upper + at * f->dims, c->lower + at * f->dims, &q))
            return df__fail(err, DF_E_ARGUMENT, "%s: the vector of id %llu holds NaN or infinity", f->path, (unsigned long long)ids[i]);
        df__matrix_put_row(f, c, at, ids[i], codes, &q);
    }
    return DF_OK;
}

/* The commit counts, here and for all. */
static df_status publish(df_matrix *m, df_file *f, df_commit c, size_t n_chunks, df_error *err)
{
    c.sequence++;
    df_status st = df__file_commit(f, &c, err);
    if (st != DF_OK)
        return st;
    pthread_mutex_lock(&m->lock);
    f->seen = c, f->n_chunks = n_chunks;
    pthread_mutex_unlock(&m->lock);
    return DF_OK;
}

df_status df__matrix_may_write(const df_matrix *m, df_error *err)
{
    return m->writer ? DF_OK : df__fail(err, DF_E_ARGUMENT, "%s was opened for reading", m->path);
}

df_status df__matrix_append(df_matrix *m, const uint64_t *ids, const float *rows, size_t n, uint64_t stamp, df_error *err)
{
    df_status st = DF_OK;
    size_t n_chunks = 0;
    pthread_mutex_lock(&m->writing);
    df_file *f = m->file;
    df_commit c = f->seen;
    DF_TRY(df__matrix_may_write(m, err));
    for (size_t i = 0; i < n; i++) {
        if ((c.rows || i) && ids[i] <= c.last_id)
            DF_TRY(df__fail(err, DF_E_ARGUMENT, "%s: id %llu comes after %llu: ids must ascend", m->path, (unsigned long long)ids[i],
                            (unsigned long long)c.last_id));
        c.last_id = ids[i];
    }
    DF_TRY(df__file_map(f, c.rows + n, &n_chunks, err));
    DF_TRY(put_rows(f, ids, rows, n, err));
    c.rows += n, c.stamp = stamp;
    DF_TRY(publish(m, f, c, n_chunks, err));
done:
    pthread_mutex_unlock(&m->writing);
    return st;
}

df_status df__matrix_remove(df_matrix *m, const uint64_t *ids, size_t n, uint64_t stamp, df_error *err)
{
    df_status st = DF_OK;
    df_view v;
    pthread_mutex_lock(&m->writing);
    df_file *f = m->file;
    df_commit c = f->seen;
    DF_TRY(df__matrix_may_write(m, err));
    df__view_of(f, &v);
    for (size_t i = 0; i < n; i++) {
        size_t row = df__view_lower_bound(&v, ids[i]);
        if (row == v.rows)
            continue;
        df_chunk *chunk = f->chunks[df__chunk_of(row)];
        size_t at = row - chunk->first;
        if (chunk->ids[at] != ids[i])
            continue;
        uint64_t bit = (uint64_t)1 << at % 64;
        c.removed += !(atomic_fetch_or_explicit(&chunk->removed[at / 64], bit, memory_order_relaxed) & bit);
    }
    c.stamp = stamp;
    DF_TRY(publish(m, f, c, f->n_chunks, err));
done:
    pthread_mutex_unlock(&m->writing);
    return st;
}
