/* vectors.c - matrix and tail as one. The tail holds what the database has beyond the matrix's stamp: vectors that were added, ids that were
 * removed. The matrix is looked at before the database: the database is never behind it. */
#include "gallery/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verify/verify.h"

struct df_vectors {
    const df_store_ops *ops;
    void     *store;
    uint32_t  dims;
    uint64_t  change;            /* the tail holds changes up to this one */
    uint64_t *ids;               /* of the tail, ascending */
    float    *rows;              /* [n][dims] */
    size_t    n, cap;
    bool      out_of_memory;
};

/* ---- the tail ---- */

static bool grow(df_vectors *v)
{
    size_t cap = v->cap ? 2 * v->cap : 256;
    uint64_t *ids = realloc(v->ids, cap * sizeof *ids);
    if (ids)
        v->ids = ids;
    float *rows = ids ? realloc(v->rows, cap * v->dims * sizeof *rows) : NULL;
    if (rows)
        v->rows = rows, v->cap = cap;
    return rows != NULL;
}

static size_t find(const df_vectors *v, uint64_t id)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v->ids[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool take(void *user, const df_change *c)
{
    df_vectors *v = user;
    if (c->kind == DF_CHANGE_ADD) {
        if (v->n == v->cap && !grow(v)) {
            v->out_of_memory = true;
            return false;
        }
        v->ids[v->n] = c->face;
        memcpy(v->rows + v->n * v->dims, c->vector, v->dims * sizeof *v->rows);
        v->n++;
    } else {
        size_t at = find(v, c->face);
        if (at < v->n && v->ids[at] == c->face) {
            memmove(v->ids + at, v->ids + at + 1, (v->n - at - 1) * sizeof *v->ids);
            memmove(v->rows + at * v->dims, v->rows + (at + 1) * v->dims, (v->n - at - 1) * v->dims * sizeof *v->rows);
            v->n--;
        }
    }
    v->change = c->number;
    return true;
}

/* ---- reading ---- */

df_status df__vectors_open(const df_store_ops *ops, void *store, const char *path, bool write, df_vectors **out, df_error *err)
{
    (void)path, (void)write;
    df_vectors *v = calloc(1, sizeof *v);
    *out = v;
    if (!v)
        return df__no_memory(err, "vectors", sizeof *v);
    v->ops = ops, v->store = store, v->dims = ops->key(store)->dims;
    return DF_OK;
}

void df__vectors_close(df_vectors *v)
{
    if (!v)
        return;
    free(v->ids);
    free(v->rows);
    free(v);
}

df_status df__vectors_begin(df_vectors *v, df_error *err)
{
    uint64_t change;
    df_status st = v->ops->begin(v->store, &change, err);
    if (st != DF_OK)
        return st;
    v->out_of_memory = false;
    if (change > v->change)
        st = v->ops->changes(v->store, v->change, take, v, err);
    if (st == DF_OK && v->out_of_memory)
        st = df__no_memory(err, "vectors", 2 * v->cap * v->dims * sizeof *v->rows);
    if (st != DF_OK)
        v->ops->end(v->store);
    return st;
}

void df__vectors_end(df_vectors *v) { v->ops->end(v->store); }

size_t df__vectors_count(const df_vectors *v) { return v->n; }

/* ---- searching ---- */

static int nearer(const void *a, const void *b)
{
    const df_hit *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

static df_status scan(const df_vectors *v, df_metric metric, const float *query, const df_filter *filter, df_hit *all, size_t *n, df_error *err)
{
    size_t f = 0;
    *n = 0;
    for (size_t i = 0; i < v->n; i++) {
        while (filter && f < filter->n && filter->ids[f] < v->ids[i])
            f++;
        if (filter && (f == filter->n || filter->ids[f] != v->ids[i]))
            continue;
        df_hit *hit = &all[(*n)++];
        hit->id = v->ids[i];
        df_status st = df__distance(metric, query, v->rows + i * v->dims, v->dims, &hit->distance, err);
        if (st != DF_OK)
            return st;
    }
    qsort(all, *n, sizeof *all, nearer);
    return DF_OK;
}

df_status df__vectors_search(df_vectors *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, int threads,
                             df_hit *hits, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    (void)threads;
    df_hit *all = malloc((v->n + 1) * sizeof *all);
    if (!all)
        return df__no_memory(err, "distances", v->n * sizeof *all);
    for (size_t i = 0; i < n; i++) {
        size_t m;
        DF_TRY(scan(v, metric, queries + i * v->dims, filter, all, &m, err));
        found[i] = m < k ? m : k;
        memcpy(hits + i * k, all, found[i] * sizeof *hits);
    }
done:
    free(all);
    return st;
}

df_status df__vectors_within(df_vectors *v, df_metric metric, const float *query, double most, const df_filter *filter, int threads, df_hit **hits,
                             size_t *found, df_error *err)
{
    df_status st = DF_OK;
    size_t k = 64, all = df__vectors_count(v);
    *hits = NULL, *found = 0;
    for (;; k *= 4) { /* until one lies beyond, or none is left */
        k = k < all ? k : all;
        df_hit *more = realloc(*hits, (k + 1) * sizeof *more);
        if (!more)
            DF_TRY(df__no_memory(err, "hits", k * sizeof *more));
        *hits = more;
        DF_TRY(df__vectors_search(v, metric, query, 1, k, filter, threads, *hits, found, err));
        if (*found < k || k == all || (*hits)[k - 1].distance > most)
            break;
    }
    while (*found > 0 && (*hits)[*found - 1].distance > most)
        --*found;
done:
    if (st != DF_OK) {
        free(*hits);
        *hits = NULL, *found = 0;
    }
    return st;
}
