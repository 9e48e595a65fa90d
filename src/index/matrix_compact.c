/* matrix_compact.c - a file without its removed rows; what a reader sees of another one; a check of everything. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/matrix_map.h"

/* One row, as it lies there, into the next place of `to`. */
static df_status copy_row(const df_view *v, const df_chunk *c, size_t at, df_file *to, size_t row, df_error *err)
{
    uint8_t codes[DF_MATRIX_MOST_DIMS];
    size_t n_chunks = 0, halves = v->dims * sizeof(uint16_t);
    df_quant q = {.residual = c->residuals[at], .residual16 = c->residuals16[at], .norm = c->norms[at]};
    df_status st = df__file_map(to, row + 1, &n_chunks, err);
    if (st != DF_OK)
        return st;
    df_chunk *into = to->chunks[n_chunks - 1];
    size_t place = row - into->first;
    memcpy(into->upper + place * v->dims, c->upper + at * v->dims, halves);
    memcpy(into->lower + place * v->dims, c->lower + at * v->dims, halves);
    df__chunk_codes(c, at, v->padded, codes, &q.scale);
    df__matrix_put_row(to, into, place, c->ids[at], codes, &q);
    return DF_OK;
}

static df_status copy_rows(const df_view *v, const char *path, df_file *to, df_commit *commit, df_error *err)
{
    df_status st = DF_OK;
    for (size_t row = 0; row < v->rows; row++) {
        const df_chunk *c = df__view_chunk(v, row);
        size_t at = row - c->first;
        if (df__chunk_removed(c, at))
            continue;
        df_view one = *v;
        one.rows = row + 1;
        DF_TRY(df__matrix_check_rows(&one, row, path, err)); /* damage is not copied on with a checksum that fits */
        DF_TRY(copy_row(v, c, at, to, (size_t)commit->rows, err));
        commit->rows++;
    }
    to->n_chunks = commit->rows ? df__chunk_of((size_t)commit->rows - 1) + 1 : 0;
done:
    return st;
}

static void swap_file(df_matrix *m, df_file *f)
{
    pthread_mutex_lock(&m->lock);
    df_file *old = m->file;
    m->file = f;
    pthread_mutex_unlock(&m->lock);
    df__matrix_release(m, old);
}

df_status df__matrix_compact(df_matrix *m, df_error *err)
{
    df_status st = DF_OK;
    df_file *to = NULL;
    df_view v;
    pthread_mutex_lock(&m->writing);
    DF_TRY(df__matrix_may_write(m, err));
    df__view_of(m->file, &v);
    df_commit c = {.sequence = 3, .stamp = m->file->seen.stamp, .last_id = m->file->seen.last_id};
    DF_TRY(df__file_begin(m->beside, m->dims, m->pipeline, &to, err));
    DF_TRY(copy_rows(&v, m->path, to, &c, err));
    if (c.rows) { /* the last one that is left; ids still come after all that there were, as their owner gives each once */
        const df_chunk *last = to->chunks[to->n_chunks - 1];
        c.last_id = last->ids[c.rows - 1 - last->first];
    }
    DF_TRY(df__file_commit(to, &c, err));
    if (fsync(to->fd) != 0 || rename(m->beside, m->path) != 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot write %s: %s", m->path, strerror(errno)));
    to->seen = c;
    strcpy(to->path, m->path); /* shorter than what it was */
    swap_file(m, to);
    to = NULL;
done:
    if (to)
        unlink(m->beside);
    df__file_close(to);
    pthread_mutex_unlock(&m->writing);
    return st;
}

df_status df__matrix_refresh(df_matrix *m, df_error *err)
{
    df_status st = DF_OK;
    df_file *f = NULL;
    df_commit c;
    size_t n_chunks = 0;
    struct stat info;
    pthread_mutex_lock(&m->writing);
    if (m->writer)
        goto done; /* nobody else changes it */
    if (stat(m->path, &info) != 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot open %s: %s", m->path, strerror(errno)));
    if ((uint64_t)info.st_dev != m->file->device || (uint64_t)info.st_ino != m->file->inode) {
        DF_TRY(df__matrix_open_file(m, &f, err));
        swap_file(m, f);
        goto done;
    }
    if (!df__file_commit_read(m->file, &c) || c.rows < m->file->seen.rows)
        DF_TRY(df__fail(err, DF_E_STORE, "%s: damaged: neither of its commits is whole", m->path));
    DF_TRY(df__file_map(m->file, (size_t)c.rows, &n_chunks, err));
    pthread_mutex_lock(&m->lock);
    m->file->seen = c, m->file->n_chunks = n_chunks;
    pthread_mutex_unlock(&m->lock);
done:
    pthread_mutex_unlock(&m->writing);
    return st;
}

/* The scan copy is what the float row gives. */
static df_status check_codes(const df_view *v, size_t row, const char *path, df_error *err)
{
    float values[DF_MATRIX_MOST_DIMS], scale;
    uint8_t codes[DF_MATRIX_MOST_DIMS], fresh[DF_MATRIX_MOST_DIMS];
    uint16_t upper[DF_MATRIX_MOST_DIMS], lower[DF_MATRIX_MOST_DIMS];
    const df_chunk *c = df__view_chunk(v, row);
    size_t at = row - c->first;
    df_quant q;
    df__chunk_row(c, at, v->dims, values);
    df__chunk_codes(c, at, v->padded, codes, &scale);
    bool right = df__quantise(values, v->dims, fresh, upper, lower, &q) && memcmp(codes, fresh, v->padded) == 0 && scale == q.scale &&
                 c->norms[at] == q.norm && c->residuals[at] == q.residual && c->residuals16[at] == q.residual16;
    if (!right)
        return df__fail(err, DF_E_STORE, "%s: damaged: row %zu (id %llu) is not what an exact search reads of it", path, row,
                        (unsigned long long)c->ids[at]);
    if (row > 0) {
        const df_chunk *before = df__view_chunk(v, row - 1);
        if (before->ids[row - 1 - before->first] >= c->ids[at])
            return df__fail(err, DF_E_STORE, "%s: damaged: row %zu: ids do not ascend", path, row);
    }
    return DF_OK;
}

df_status df__matrix_check(df_matrix *m, df_error *err)
{
    df_status st = DF_OK;
    df_view v;
    df__view_take(m, &v);
    DF_TRY(df__matrix_check_rows(&v, 0, m->path, err));
    for (size_t row = 0; row < v.rows; row++)
        DF_TRY(check_codes(&v, row, m->path, err));
done:
    df__view_give(m, &v);
    return st;
}
