/* vectors.c - matrix and tail as one. The tail holds what the database has beyond the matrix's stamp: vectors that were added, ids that were
 * removed. The matrix is looked at before the database: the database is never behind it. */
#include "gallery/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gallery/vectors_write.h"
#include "verify/verify.h"

enum { LAG = 512 /* changes that a tail holds before the matrix is brought up to date */, FIRST = 64, FIRST_OF_INDEX = 10 /* that df__vectors_within asks for */ };

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

static bool note_removal(df_vectors *v, const df_change *c)
{
    if (v->n_removed == v->cap_removed) {
        size_t cap = v->cap_removed ? 2 * v->cap_removed : 64;
        df_removed *more = realloc(v->removed, cap * sizeof *more);
        if (!more)
            return false;
        v->removed = more, v->cap_removed = cap;
    }
    v->removed[v->n_removed++] = (df_removed){c->number, c->face};
    return true;
}

/* A writer that was killed may have marked a row without the commit that says so: the matrix counts the mark, it is not to count twice. */
static bool is_marked(const df_vectors *v, uint64_t face)
{
    float row[DF_MATRIX_MOST_DIMS];
    bool there = true;
    return v->m && df__matrix_get(v->m, face, row, &there, NULL) == DF_OK && !there;
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
    } else if (c->face <= v->stamp) {
        v->out_of_memory = !is_marked(v, c->face) && !note_removal(v, c);
        if (v->out_of_memory)
            return false;
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

/* The matrix is at `stamp` now. At another one than before the tail is read anew: it knows nothing more of the faces that were added and removed
 * within it, and the matrix may have such a face without its removal. */
static void cut_tail(df_vectors *v, uint64_t stamp)
{
    if (stamp != v->stamp) {
        v->n = v->n_removed = 0;
        v->change = stamp;
    }
    v->stamp = stamp;
}

/* ---- reading ---- */

df_status df__vectors_open(const df_store_ops *ops, void *store, const char *path, bool write, df_vectors **out, df_error *err)
{
    df_vectors *v = calloc(1, sizeof *v);
    const df_store_key *key = ops->key(store);
    size_t room = strlen(path) + sizeof "-vectors", name = strlen(ops->uid(store)) + strlen(key->pipeline) + 3;
    *out = NULL;
    if (v)
        v->path = malloc(room), v->pipeline = malloc(name);
    if (!v || !v->path || !v->pipeline) {
        df__vectors_close(v);
        return df__no_memory(err, "vectors", sizeof *v);
    }
    snprintf(v->path, room, "%s-vectors", path);
    snprintf(v->pipeline, name, "%s: %s", ops->uid(store), key->pipeline);
    v->ops = ops, v->store = store, v->dims = key->dims, v->write = write;
    *out = v;
    return DF_OK;
}

void df__vectors_close(df_vectors *v)
{
    if (!v)
        return;
    df__matrix_free(v->m);
    free(v->path), free(v->pipeline);
    free(v->ids), free(v->rows), free(v->removed);
    free(v);
}

/* The matrix as it is now, or none. Only memory can be lacking. */
static df_status look_at_matrix(df_vectors *v, df_error *err)
{
    df_error why;
    df_status st = DF_OK;
    if (v->rebuild) {
        df__matrix_free(v->m);
        v->m = NULL;
        return DF_OK;
    }
    st = v->m ? df__matrix_refresh(v->m, &why) : df__matrix_open(v->path, v->dims, v->pipeline, false, &v->m, &why);
    if (st == DF_OK)
        return DF_OK;
    df__matrix_free(v->m);
    v->m = NULL;
    v->rebuild = st == DF_E_STORE;
    if (st == DF_E_NO_MEMORY && err)
        *err = why;
    return st == DF_E_NO_MEMORY ? st : DF_OK;
}

/* Fill the tail from the store, which is at `change`. */
static df_status fill_tail(df_vectors *v, uint64_t change, df_error *err)
{
    uint64_t stamp = v->m && !v->rebuild ? df__matrix_stamp(v->m) : 0;
    df_status st = DF_OK;
    v->out_of_memory = false;
    if (stamp > change) /* the database was put back to an earlier state */
        v->rebuild = true, stamp = 0;
    if (v->change > change)
        v->change = v->stamp = 0, v->n = v->n_removed = 0;
    cut_tail(v, stamp);
    if (change > v->change)
        st = v->ops->changes(v->store, v->change, take, v, err);
    if (st == DF_E_STORE && v->change > 0) { /* the log does not reach back so far */
        v->rebuild = stamp > 0;
        v->n = v->n_removed = 0, v->stamp = v->change = 0;
        st = v->ops->changes(v->store, 0, take, v, err);
    }
    if (st == DF_OK && v->out_of_memory)
        st = df__no_memory(err, "vectors", 2 * v->cap * v->dims * sizeof *v->rows);
    if (v->rebuild) {
        df__matrix_free(v->m);
        v->m = NULL;
    }
    return st;
}

df_status df__vectors_begin(df_vectors *v, uint64_t *moment, df_error *err)
{
    df_status st = DF_OK;
    uint64_t change = 0;
    for (int attempt = 0;; attempt++) {
        DF_TRY(look_at_matrix(v, err));
        DF_TRY(v->ops->begin(v->store, &change, err));
        bool once = v->write && attempt == 0, late = change - (v->m ? df__matrix_stamp(v->m) : 0) > LAG, had = v->m != NULL;
        if (!late || !once)
            st = fill_tail(v, change, err);
        late = late || (had && v->rebuild);
        if (st == DF_OK && (!late || !once))
            break;
        v->ops->end(v->store);
        if (st != DF_OK)
            break;
        df_error why;
        if (df__vectors_catch_up(v, false, &why) == DF_E_NO_MEMORY) /* what else fails is made good by the tail */
            DF_TRY(df__no_memory(err, "matrix", 0));
    }
    if (moment)
        *moment = change;
done:
    return st;
}

void df__vectors_end(df_vectors *v)
{
    v->by = NULL, v->inexact = false;
    v->ops->end(v->store);
}

void df__vectors_use(df_vectors *v, const df_ann *index, double effort) { v->by = index, v->effort = effort; }

bool df__vectors_exact(const df_vectors *v) { return !v->inexact; }

size_t df__vectors_count(const df_vectors *v) { return v->n + (v->m ? df__matrix_count(v->m) - v->n_removed : 0); }

size_t df__vectors_rows(const df_vectors *v) { return v->n + (v->m ? df__matrix_info(v->m).rows : 0); }

uint64_t df__vectors_bytes(const df_vectors *v) { return v->m ? df__matrix_info(v->m).file_bytes : 0; }

/* ---- searching ---- */

static int nearer(const void *a, const void *b)
{
    const df_hit *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* Every row of the tail that the filter allows. */
static df_status scan(const df_vectors *v, df_metric metric, const float *query, const df_filter *filter, df_hit *all, size_t *n, df_error *err)
{
    *n = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (filter && !df__filter_allows(filter, v->ids[i]))
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

static bool was_removed(const df_vectors *v, uint64_t face)
{
    for (size_t i = 0; i < v->n_removed; i++)
        if (v->removed[i].face == face)
            return true;
    return false;
}

/* Two lists in order into one of k; those of the matrix that were removed since are left out. */
static size_t merge(const df_vectors *v, const df_hit *a, size_t n, const df_hit *b, size_t m, size_t k, df_hit *out)
{
    size_t i = 0, j = 0, found = 0;
    while (found < k && (i < n || j < m)) {
        if (i < n && was_removed(v, a[i].id))
            i++;
        else if (j == m || (i < n && nearer(&a[i], &b[j]) < 0))
            out[found++] = a[i++];
        else
            out[found++] = b[j++];
    }
    return found;
}

/* The matrix turned out to be damaged: what it holds comes from the store, and the next to begin builds it anew. */
static df_status without_matrix(df_vectors *v, df_error *err)
{
    v->rebuild = true;
    df__matrix_free(v->m);
    v->m = NULL;
    v->n = v->n_removed = 0, v->stamp = v->change = 0, v->out_of_memory = false;
    df_status st = v->ops->changes(v->store, 0, take, v, err);
    return st == DF_OK && v->out_of_memory ? df__no_memory(err, "vectors", 2 * v->cap * v->dims * sizeof *v->rows) : st;
}

/* The matrix's part of an answer. What goes wrong with an index is made good by the matrix. */
static df_status ask(df_vectors *v, df_metric metric, const float *queries, size_t n, size_t k, double effort, const df_filter *filter, int threads,
                     df_hit *hits, size_t *found, df_error *err)
{
    if (v->by) {
        size_t exact;
        df_status st = df__ann_search(v->by, v->m, metric, queries, n, k, filter, effort, threads, hits, found, &exact, err);
        v->inexact = v->inexact || (st == DF_OK && exact < n);
        if (st != DF_E_STORE)
            return st;
        v->by = NULL;
    }
    return df__flat_search(v->m, metric, queries, n, k, filter, threads, hits, found, err);
}

df_status df__vectors_search(df_vectors *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, int threads,
                             df_hit *hits, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    df_hit *all = NULL, *of_matrix = NULL;
    size_t *counts = calloc(n + 1, sizeof *counts), room = 0;
    double effort = v->effort * (k > FIRST_OF_INDEX ? (double)k / FIRST_OF_INDEX : 1);
    if (!counts)
        DF_TRY(df__no_memory(err, "hits", n * sizeof *counts));
    if (v->m && k > 0) {
        room = k + v->n_removed;
        of_matrix = malloc((n * room + 1) * sizeof *of_matrix);
        if (!of_matrix)
            DF_TRY(df__no_memory(err, "hits", n * room * sizeof *of_matrix));
        st = ask(v, metric, queries, n, room, effort, filter, threads, of_matrix, counts, err);
        if (st == DF_E_STORE) {
            st = without_matrix(v, err);
            memset(counts, 0, n * sizeof *counts);
        }
        if (st != DF_OK)
            goto done;
    }
    all = malloc((v->n + 1) * sizeof *all);
    if (!all)
        DF_TRY(df__no_memory(err, "distances", v->n * sizeof *all));
    for (size_t i = 0; i < n; i++) {
        size_t m;
        DF_TRY(scan(v, metric, queries + i * v->dims, filter, all, &m, err));
        found[i] = merge(v, of_matrix ? of_matrix + i * room : NULL, counts[i], all, m, k, hits + i * k);
    }
done:
    free(all), free(of_matrix), free(counts);
    return st;
}

df_status df__vectors_within(df_vectors *v, df_metric metric, const float *query, double most, const df_filter *filter, int threads, df_hit **hits,
                             size_t *found, df_error *err)
{
    df_status st = DF_OK;
    size_t k = v->by ? FIRST_OF_INDEX : FIRST, all = df__vectors_count(v);
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
