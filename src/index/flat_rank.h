/* flat_rank.h - what is known of a row before its float32 vector is read, and the ranking of those that are left.
 *
 * A value is greater for a nearer row: the cosine, or for `euclidean` |q| |x| cosine - |x|^2 / 2, which is (|q|^2 - distance^2) / 2. A row's value lies within
 * [low, high]; a row whose high is below the k-th greatest low of all rows cannot be among the k nearest. */
#ifndef DF_INDEX_FLAT_RANK_H
#define DF_INDEX_FLAT_RANK_H

#include "index/flat.h"
#include "index/matrix_file.h"

/* A query, made once for a search. */
typedef struct df_query {
    const float *row;      /* [dims] */
    double       scale, residual, norm;
    float       *unit;     /* [dims] row / norm */
    _Atomic uint64_t floor; /* bits of the greatest k-th low that any thread has seen */
} df_query;

typedef struct df_candidate { uint64_t row; double low, high; } df_candidate;

/* What one thread has found for one query. */
typedef struct df_rank {
    df_candidate *at;
    size_t        n, room;
    double       *lows;   /* the k greatest, the least of them first (a heap) */
    size_t        n_lows, k;
    double        limit;  /* rows below it are out */
} df_rank;

typedef struct df_bounds { double low, high; } df_bounds;

/* From a cosine that is right to within `miss`. */
df_bounds df__bounds(df_metric metric, const df_query *q, double norm, double cosine, double miss);
/* From the upper halves of a row, which miss no more than `miss` of its direction. */
df_bounds df__bounds_upper(df_metric metric, const df_query *q, double norm, const uint16_t *upper, uint32_t dims, double miss);
/* Least cosine that a row needs to reach `limit`, its norm between least and most; -HUGE_VAL where there is none such. */
double df__least_cosine(df_metric metric, const df_query *q, double limit, double least, double most);

double df__query_floor(const df_query *q);
void   df__query_raise(df_query *q, double floor);

df_status df__rank_begin(df_rank *r, size_t k, df_error *err);
/* What a row's high must reach: raised here where another thread has found better. */
static inline double df__rank_limit(df_rank *r, const df_query *q)
{
    double floor = df__query_floor(q);
    return r->limit = floor > r->limit ? floor : r->limit;
}
/* A row whose high is at least r->limit. */
df_status df__rank_add(df_rank *r, df_query *q, df_candidate c, df_error *err);
void      df__rank_free(df_rank *r);

/* The k nearest of what n ranks hold. */
df_status df__rank_finish(df_rank *ranks, size_t n, const df_view *v, df_metric metric, df_query *q, size_t k, df_hit *hits, size_t *found, df_error *err);

#endif
