/* flat_rank.c - see flat_rank.h. */
#include "index/flat_rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/bits.h"
#include "index/scan.h"
#include "verify/verify.h"

enum { FIRST_ROOM = 256 };
/* Beyond what real arithmetic says: rounding in float64 of sums over up to 4096 products, here and in df_distance. */
static const double ROUNDING = 4e-12;
/* Half a unit in the last place of float32 and a little more, for each step of a sum; numbers of which no product leaves float32's range. */
static const double ROUNDING_FLOAT = 6.1e-8, LEAST_NORM = 1e-25, MOST_NORM = 1e30;

/* ---- bounds ---- */

df_bounds df__bounds(df_metric metric, const df_query *q, double norm, double cosine, double miss)
{
    if (!isfinite(miss))
        return (df_bounds){-HUGE_VAL, HUGE_VAL};
    if (metric != DF_EUCLIDEAN)
        return (df_bounds){cosine - miss, cosine + miss};
    double product = q->norm * norm, value = product * cosine - norm * norm / 2;
    double error = product * miss + ROUNDING * (q->norm * q->norm + norm * norm);
    return (df_bounds){value - error, value + error};
}

df_bounds df__bounds_upper(df_metric metric, const df_query *q, double norm, const uint16_t *upper, uint32_t dims, double miss)
{
    if (!(norm > LEAST_NORM && norm < MOST_NORM) || !isfinite(miss))
        return df__bounds(metric, q, norm, 0, norm > 0 ? HUGE_VAL : 0);
    double cosine = (double)df__scan()->dot16(upper, q->unit, dims) / norm;
    return df__bounds(metric, q, norm, cosine, miss + ROUNDING_FLOAT * (dims / DF_DOT16_SUMS + 2 * DF_DOT16_SUMS));
}

double df__least_cosine(df_metric metric, const df_query *q, double limit, double least, double most)
{
    if (metric != DF_EUCLIDEAN)
        return limit;
    limit -= 2 * ROUNDING * (q->norm * q->norm + most * most);
    /* cosine >= limit / (|q| n) + n / (2 |q|), whose least over n is at sqrt(2 limit) */
    double n = limit > 0 ? sqrt(2 * limit) : least;
    n = n < least ? least : n > most ? most : n;
    return q->norm > 0 && n > 0 ? limit / (q->norm * n) + n / (2 * q->norm) : -HUGE_VAL;
}

double df__query_floor(const df_query *q) { return df__bits_double(atomic_load_explicit(&q->floor, memory_order_relaxed)); }

void df__query_raise(df_query *q, double floor)
{
    uint64_t seen = atomic_load_explicit(&q->floor, memory_order_relaxed);
    while (floor > df__bits_double(seen) && !atomic_compare_exchange_weak_explicit(&q->floor, &seen, df__double_bits(floor), memory_order_relaxed, memory_order_relaxed)) {}
}

/* ---- candidates of one thread ---- */

/* Put `low` into a heap of the k greatest. */
static void heap_put(double *heap, size_t *n, size_t k, double low)
{
    size_t at;
    if (*n < k) {
        for (at = (*n)++; at > 0 && heap[(at - 1) / 2] > low; at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = low;
        return;
    }
    if (low <= heap[0])
        return;
    for (at = 0;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < k && heap[child + 1] < heap[child])
            child++;
        if (child >= k || heap[child] >= low)
            break;
        heap[at] = heap[child], at = child;
    }
    heap[at] = low;
}

df_status df__rank_begin(df_rank *r, size_t k, df_error *err)
{
    *r = (df_rank){.k = k, .limit = -HUGE_VAL, .room = FIRST_ROOM};
    r->lows = malloc(k * sizeof *r->lows);
    r->at = malloc(r->room * sizeof *r->at);
    return r->lows && r->at ? DF_OK : df__no_memory(err, "a search", k * sizeof *r->lows);
}

void df__rank_free(df_rank *r)
{
    free(r->at), free(r->lows);
    *r = (df_rank){0};
}

/* Those that can no longer be among the k go. */
static void drop_below(df_rank *r, double limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->at[i].high >= limit)
            r->at[kept++] = r->at[i];
    r->n = kept;
}

df_status df__rank_add(df_rank *r, df_query *q, df_candidate c, df_error *err)
{
    if (r->n == r->room) {
        drop_below(r, r->limit);
        if (r->n > r->room / 2) {
            df_candidate *more = realloc(r->at, 2 * r->room * sizeof *more);
            if (!more)
                return df__no_memory(err, "a search", 2 * r->room * sizeof *more);
            r->at = more, r->room *= 2;
        }
    }
    r->at[r->n++] = c;
    heap_put(r->lows, &r->n_lows, r->k, c.low);
    if (r->n_lows == r->k) {
        df__query_raise(q, r->lows[0]);
        (void)df__rank_limit(r, q);
    }
    return DF_OK;
}

/* ---- the ranking ---- */

/* All that are left of all threads, in the first rank; the k-th greatest low. */
static df_status gather(df_rank *ranks, size_t n, df_rank *all, double *limit, df_error *err)
{
    size_t count = 0;
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < ranks[i].n_lows; j++)
            heap_put(all->lows, &all->n_lows, all->k, ranks[i].lows[j]);
    *limit = all->n_lows == all->k ? all->lows[0] : -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        drop_below(&ranks[i], *limit);
        count += ranks[i].n;
    }
    if (count > all->room) {
        df_candidate *more = realloc(all->at, count * sizeof *more);
        if (!more)
            return df__no_memory(err, "a search", count * sizeof *more);
        all->at = more, all->room = count;
    }
    for (size_t i = 1; i < n; i++) {
        if (ranks[i].n)
            memcpy(all->at + all->n, ranks[i].at, ranks[i].n * sizeof *all->at);
        all->n += ranks[i].n;
    }
    return DF_OK;
}

/* Closer bounds from the bfloat16 copy. */
static void narrow(df_rank *all, const df_view *v, df_metric metric, const df_query *q)
{
    all->n_lows = 0;
    for (size_t i = 0; i < all->n; i++) {
        df_candidate *c = &all->at[i];
        const df_chunk *chunk = df__view_chunk(v, (size_t)c->row);
        size_t at = (size_t)c->row - chunk->first;
        df_bounds b = df__bounds_upper(metric, q, chunk->norms[at], chunk->upper + at * v->dims, v->dims, (double)chunk->residuals16[at]);
        c->low = b.low > c->low ? b.low : c->low, c->high = b.high < c->high ? b.high : c->high;
        heap_put(all->lows, &all->n_lows, all->k, c->low);
    }
    if (all->n_lows == all->k)
        drop_below(all, all->lows[0]);
}

typedef struct ranked { df_hit hit; uint64_t row; } ranked;

static int nearer(const void *a, const void *b)
{
    const ranked *p = a, *q = b;
    if (p->hit.distance != q->hit.distance)
        return p->hit.distance < q->hit.distance ? -1 : 1;
    return (p->hit.id > q->hit.id) - (p->hit.id < q->hit.id);
}

static df_status check_answer(const df_view *v, const ranked *r, df_error *err)
{
    const df_chunk *c = df__view_chunk(v, (size_t)r->row);
    size_t at = (size_t)r->row - c->first;
    if (df__row_sum(c->ids[at], c->upper + at * v->dims, c->lower + at * v->dims, v->dims) == c->sums[at])
        return DF_OK;
    return df__fail(err, DF_E_STORE, "the matrix is damaged: row %llu (id %llu) does not fit its checksum", (unsigned long long)r->row,
                    (unsigned long long)r->hit.id);
}

df_status df__rank_finish(df_rank *ranks, size_t n, const df_view *v, df_metric metric, df_query *q, size_t k, df_hit *hits, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    df_rank *all = &ranks[0];
    ranked *list = NULL;
    float row[DF_MATRIX_MOST_DIMS];
    double limit;
    DF_TRY(gather(ranks, n, all, &limit, err));
    if (all->n > k)
        narrow(all, v, metric, q);
    list = malloc((all->n + 1) * sizeof *list);
    if (!list)
        DF_TRY(df__no_memory(err, "a search", all->n * sizeof *list));
    for (size_t i = 0; i < all->n; i++) {
        size_t number = (size_t)all->at[i].row;
        const df_chunk *c = df__view_chunk(v, number);
        list[i].row = number, list[i].hit.id = df__chunk_id(c, number - c->first);
        df__chunk_row(c, number - c->first, v->dims, row);
        DF_TRY(df__distance(metric, q->row, row, v->dims, &list[i].hit.distance, err));
    }
    qsort(list, all->n, sizeof *list, nearer);
    *found = all->n < k ? all->n : k;
    for (size_t i = 0; i < *found; i++) {
        DF_TRY(check_answer(v, &list[i], err));
        hits[i] = list[i].hit;
    }
    df__view_touched(v, all->n);
done:
    free(list);
    return st;
}
