/* flat.c - exact search. Tiles of rows are read once for all queries; what reaches a limit gets bounds of its own; the few that remain are
 * read in bfloat16, those that remain then in float32 (flat_rank.c). Threads take spans of tiles and share each query's limit. */
#include "index/flat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "index/bits.h"
#include "index/flat_part.h"
#include "index/flat_rank.h"
#include "index/scan.h"

enum { QUERIES_AT_ONCE = 64, SPAN_TILES = 16, FIRST_BLOCKS = 4, AHEAD = 8 /* rows */ };
/* Rounding in float32 of the scan's own product and limit, in cosines; the bounds of a single row need half of it. */
static const double ROUNDING_SCAN = 2e-6, ROUNDING_ROW = 1e-6;
/* What a search takes, in the time of an 8-bit row that streams by for one query alone: a further query of a batch; a row that is read by itself;
 * its product with one query. */
static const double FURTHER = 0.14, ALONE = 40, PRODUCT = 5;

typedef struct search {
    const df_view   *v;
    size_t           from;     /* rows before it do not count */
    df_metric        metric;
    const df_filter *filter;
    bool             walked;
    df_query        *queries;  /* [n] */
    size_t           n, k, stride, padded; /* stride: of hits */
    int8_t          *codes;    /* [n][padded] */
    df_rank         *ranks;    /* [workers][n] */
    df_scan_hit     *hits;     /* [workers][DF_SCAN_MOST_HITS] */
    df_error        *errors;   /* [workers] */
    const df_scan   *scan;
    int              workers;
} search;

/* ---- queries ---- */

static df_status make_query(const search *s, df_query *q, int8_t *codes, const float *row, float *unit, df_error *err)
{
    uint8_t shifted[DF_MATRIX_MOST_DIMS];
    uint16_t upper[DF_MATRIX_MOST_DIMS], lower[DF_MATRIX_MOST_DIMS];
    df_quant quant;
    if (!df__quantise(row, s->v->dims, shifted, upper, lower, &quant))
        return df__fail(err, DF_E_ARGUMENT, "the vector that is searched for holds NaN or infinity");
    if (s->metric != DF_EUCLIDEAN && !(quant.norm > 0))
        return df__fail(err, DF_E_ARGUMENT, "the vector that is searched for has length 0: it has no %s distance", df__metric_name(s->metric));
    q->row = row, q->scale = (double)quant.scale, q->residual = (double)quant.residual, q->norm = quant.norm, q->unit = unit;
    atomic_store_explicit(&q->floor, df__double_bits(-HUGE_VAL), memory_order_relaxed);
    for (uint32_t i = 0; i < s->v->dims; i++)
        unit[i] = quant.norm > 0 ? (float)((double)row[i] / quant.norm) : 0;
    for (size_t i = 0; i < s->padded; i++)
        codes[i] = (int8_t)(shifted[i] - 128);
    return DF_OK;
}

/* ---- tiles ---- */

/* What dot * scale a row of this tile needs to be worth a look. */
static float tile_limit(const search *s, const df_tile *t, const df_query *q, double limit)
{
    float residual = df__bits_float(atomic_load_explicit(&t->residual, memory_order_relaxed));
    double least = df__bits_double(atomic_load_explicit(&t->norm_min, memory_order_relaxed));
    double most = df__bits_double(atomic_load_explicit(&t->norm_max, memory_order_relaxed));
    if (!(q->scale > 0))
        return -HUGE_VALF;
    double cosine = df__least_cosine(s->metric, q, limit, least, most);
    return (float)((cosine - (1 + q->residual) * (double)residual - q->residual - ROUNDING_SCAN) / q->scale);
}

/* A row that the scan found: bounds of its own, then what costs more to ask. `blocks` begin at the chunk's row `first`. */
static df_status look(const search *s, const df_chunk *c, const uint8_t *blocks, size_t first, const df_scan_hit *hit, df_query *q, df_rank *r, df_error *err)
{
    size_t at = first + hit->row;
    float scale;
    bool quick = s->filter && s->filter->bits; /* asked before anything else of the row is read; a list takes longer than the bounds */
    if (quick && !df__filter_allows(s->filter, c->ids[at]))
        return DF_OK;
    double norm = df__chunk_norm(c, at);
    if (c->first + at < s->from || (!(norm > 0) && s->metric != DF_EUCLIDEAN))
        return DF_OK;
    memcpy(&scale, blocks + hit->row / DF_BLOCK * s->v->block_bytes + hit->row % DF_BLOCK * sizeof scale, sizeof scale);
    double cosine = q->scale * (double)scale * hit->dot, miss = (1 + q->residual) * (double)df__chunk_residual(c, at) + q->residual + ROUNDING_ROW;
    df_bounds b = df__bounds(s->metric, q, norm, cosine, miss);
    if (b.high < r->limit || df__chunk_removed(c, at) || (!quick && !df__filter_allows(s->filter, c->ids[at])))
        return DF_OK;
    return df__rank_add(r, q, (df_candidate){c->first + at, b.low, b.high}, err);
}

/* Blocks that lie in one tile, with all queries. `first`: their first row in the chunk; `rows`: those that there are. */
static df_status scan_blocks(const search *s, const df_chunk *c, const uint8_t *blocks, size_t first, size_t n_blocks, size_t rows, int worker,
                             df_error *err)
{
    df_scan_hit *hits = s->hits + (size_t)worker * DF_SCAN_MOST_HITS;
    df_rank *ranks = s->ranks + (size_t)worker * s->n;
    for (size_t q = 0; q < s->n; q += DF_SCAN_QUERIES) {
        size_t n = s->n - q < DF_SCAN_QUERIES ? s->n - q : DF_SCAN_QUERIES;
        float limits[DF_SCAN_QUERIES];
        for (size_t i = 0; i < n; i++)
            limits[i] = tile_limit(s, &c->tiles[first / DF_TILE], &s->queries[q + i], df__rank_limit(&ranks[q + i], &s->queries[q + i]));
        size_t found = s->scan->run(blocks, n_blocks, s->padded, s->codes + q * s->padded, limits, n, hits);
        for (size_t i = 0; i < found; i++) {
            size_t which = q + hits[i].query;
            df_status st = hits[i].row < rows ? look(s, c, blocks, first, &hits[i], &s->queries[which], &ranks[which], err) : DF_OK;
            if (st != DF_OK)
                return st;
        }
    }
    return DF_OK;
}

/* Rows [first, first + rows) of a chunk, a tile or its begin. The last block may be one that a writer fills up: of it those bytes alone are
 * read that belong to rows of this view. */
static df_status scan_tile(const search *s, const df_chunk *c, size_t first, size_t rows, int worker, df_error *err)
{
    df_status st = DF_OK;
    size_t bytes = s->v->block_bytes, whole = rows / DF_BLOCK, rest = rows % DF_BLOCK;
    const uint8_t *blocks = df__chunk_blocks(c) + first / DF_BLOCK * bytes;
    /* Nothing is known at first, and every row of a run is a hit then: short runs to begin with. */
    for (size_t at = 0, run = df__query_floor(&s->queries[s->n - 1]) > -HUGE_VAL ? DF_SCAN_BLOCKS : FIRST_BLOCKS; at < whole; at += run, run *= 2) {
        run = run < whole - at ? run : whole - at;
        DF_TRY(scan_blocks(s, c, blocks + at * bytes, first + at * DF_BLOCK, run, run * DF_BLOCK, worker, err));
    }
    if (rest) {
        uint8_t block[DF_BLOCK * (4 + DF_MATRIX_MOST_DIMS)];
        for (size_t i = 0; i < bytes; i += 4)
            if (i / 4 % DF_BLOCK < rest)
                memcpy(block + i, blocks + whole * bytes + i, 4);
            else
                memset(block + i, 0, 4);
        DF_TRY(scan_blocks(s, c, block, first + whole * DF_BLOCK, 1, rest, worker, err));
    }
done:
    return st;
}

/* ---- filters that are walked ---- */

/* Next allowed id at or after `id`, false when none. `at` is where the list was left. */
static bool next_allowed(const df_filter *f, uint64_t *id, size_t *at)
{
    if (!f->bits) {
        *at = df__ids_from(f->ids, *at, f->n, *id);
        return *at < f->n ? (*id = f->ids[*at], true) : false;
    }
    uint64_t bit = *id < f->first ? 0 : *id - f->first;
    while (bit < f->n_bits) {
        uint64_t word = f->bits[bit / 64] >> bit % 64;
        if (word) {
            bit += (uint64_t)__builtin_ctzll(word);
            *id = f->first + bit;
            return bit < f->n_bits;
        }
        bit = (bit / 64 + 1) * 64;
    }
    return false;
}

/* The allowed ones of rows [first, first + rows) of a chunk, and how many. `place`: in the filter's list, kept from tile to tile. */
static size_t allowed_rows(const df_filter *f, const df_chunk *c, size_t first, size_t rows, size_t *place, uint16_t out[DF_TILE])
{
    const uint64_t *ids = c->ids + first;
    bool dense = ids[rows - 1] - ids[0] == rows - 1;
    size_t n = 0;
    for (uint64_t id = ids[0], row = 0; next_allowed(f, &id, place); id++) {
        row = dense ? id - ids[0] : df__ids_from(ids, (size_t)row, rows, id);
        if (row >= rows)
            break;
        if (dense || ids[row] == id)
            out[n++] = (uint16_t)row;
        else
            id = ids[row] - 1; /* is the next id that there is allowed? */
        if (id == UINT64_MAX)
            break;
    }
    return n;
}

static void prefetch_row(const df_chunk *c, size_t at, uint32_t dims)
{
    const char *upper = (const char *)(c->upper + at * dims);
    for (size_t byte = 0; byte < dims * sizeof *c->upper; byte += 64)
        __builtin_prefetch(upper + byte);
    __builtin_prefetch(upper + dims * sizeof *c->upper - 1);
    __builtin_prefetch(&c->norms[at]);
    __builtin_prefetch(&c->residuals16[at]);
}

/* The allowed rows of a tile, each by its bfloat16 copy, which lies by rows. */
static df_status walk_tile(const search *s, const df_chunk *c, size_t first, size_t rows, size_t *place, int worker, df_error *err)
{
    uint16_t list[DF_TILE];
    uint32_t dims = s->v->dims;
    size_t n = allowed_rows(s->filter, c, first, rows, place, list);
    for (size_t i = 0; i < n; i++) {
        size_t at = first + list[i];
        double norm = c->norms[at], miss = (double)c->residuals16[at];
        if (i + AHEAD < n)
            prefetch_row(c, first + list[i + AHEAD], dims);
        if (c->first + at < s->from || df__chunk_removed(c, at) || (!(norm > 0) && s->metric != DF_EUCLIDEAN))
            continue;
        for (size_t q = 0; q < s->n; q++) {
            df_rank *r = &s->ranks[(size_t)worker * s->n + q];
            df_bounds b = df__bounds_upper(s->metric, &s->queries[q], norm, c->upper + at * dims, dims, miss);
            df_status st = b.high >= df__rank_limit(r, &s->queries[q]) ? df__rank_add(r, &s->queries[q], (df_candidate){c->first + at, b.low, b.high}, err) : DF_OK;
            if (st != DF_OK)
                return st;
        }
    }
    df__view_touched(s->v, n);
    return DF_OK;
}

/* ---- spans ---- */

/* Is it quicker to read the allowed rows one by one than to stream all? */
static bool walk_is_quicker(size_t allowed, size_t rows, size_t queries)
{
    double n = (double)queries, stream = (double)rows * fmax(1, FURTHER * n);
    return (double)allowed * (ALONE + PRODUCT * n) < stream;
}

static void span(void *arg, size_t number, int worker)
{
    search *s = arg;
    df_error *err = &s->errors[worker];
    size_t row = (s->from / DF_TILE + number * SPAN_TILES) * DF_TILE, end = row + SPAN_TILES * DF_TILE, place = SIZE_MAX;
    end = end < s->v->rows ? end : s->v->rows;
    df_status st = err->status;
    for (size_t rows; st == DF_OK && row < end; row += rows) {
        const df_chunk *c = df__view_chunk(s->v, row); /* chunks begin at multiples of DF_TILE */
        rows = end - row < DF_TILE ? end - row : DF_TILE;
        if (place == SIZE_MAX)
            place = s->walked && !s->filter->bits ? df__ids_from(s->filter->ids, 0, s->filter->n, c->ids[row - c->first]) : 0;
        st = s->walked ? walk_tile(s, c, row - c->first, rows, &place, worker, err) : scan_tile(s, c, row - c->first, rows, worker, err);
    }
}

static df_status rank_all(search *s, df_hit *hits, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    df_rank *mine = malloc((size_t)s->workers * sizeof *mine);
    if (!mine)
        return df__no_memory(err, "a search", (size_t)s->workers * sizeof *mine);
    for (size_t q = 0; q < s->n; q++) {
        for (int w = 0; w < s->workers; w++)
            mine[w] = s->ranks[(size_t)w * s->n + q];
        st = df__rank_finish(mine, (size_t)s->workers, s->v, s->metric, &s->queries[q], s->k, hits + q * s->stride, &found[q], err);
        s->ranks[q] = mine[0]; /* it may have grown */
        DF_TRY(st);
    }
done:
    free(mine);
    return st;
}

/* ---- a search ---- */

/* At most QUERIES_AT_ONCE. */
static df_status some_queries(search *s, const float *queries, df_hit *hits, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    size_t tiles = (s->v->rows + DF_TILE - 1) / DF_TILE - s->from / DF_TILE, spans = (tiles + SPAN_TILES - 1) / SPAN_TILES;
    float *units = malloc(s->n * s->v->dims * sizeof *units);
    s->queries = calloc(s->n, sizeof *s->queries);
    s->codes = malloc(s->n * s->padded);
    s->ranks = calloc((size_t)s->workers * s->n, sizeof *s->ranks);
    s->hits = malloc((size_t)s->workers * DF_SCAN_MOST_HITS * sizeof *s->hits);
    s->errors = calloc((size_t)s->workers, sizeof *s->errors);
    if (!units || !s->queries || !s->codes || !s->ranks || !s->hits || !s->errors)
        DF_TRY(df__no_memory(err, "a search", (size_t)s->workers * DF_SCAN_MOST_HITS * sizeof *s->hits));
    for (size_t i = 0; i < s->n; i++)
        DF_TRY(make_query(s, &s->queries[i], s->codes + i * s->padded, queries + i * s->v->dims, units + i * s->v->dims, err));
    for (size_t i = 0; i < (size_t)s->workers * s->n; i++)
        DF_TRY(df__rank_begin(&s->ranks[i], s->k, err));
    df__parallel_for(spans, s->workers, span, s);
    for (int w = 0; w < s->workers; w++)
        if (s->errors[w].status != DF_OK)
            DF_TRY(df__fail(err, s->errors[w].status, "%s", s->errors[w].message));
    DF_TRY(rank_all(s, hits, found, err));
done:
    for (size_t i = 0; s->ranks && i < (size_t)s->workers * s->n; i++)
        df__rank_free(&s->ranks[i]);
    free(units), free(s->queries), free(s->codes), free(s->ranks), free(s->hits), free(s->errors);
    return st;
}

df_status df__flat_search_view(const df_view *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, size_t from,
                               int threads, df_hit *hits, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    size_t rows = v->rows - from, allowed = filter ? df__filter_count(filter) : rows, most = k < rows ? k : rows, spans = rows / (SPAN_TILES * DF_TILE) + 1;
    if (threads > 1 && (size_t)threads > spans)
        threads = (int)spans;
    search s = {.v = v, .from = from, .metric = metric, .filter = filter, .k = most ? most : 1, .stride = k, .padded = v->padded, .scan = df__scan(),
                .workers = threads > 1 ? threads : 1};
    for (size_t q = 0; q < n; q += QUERIES_AT_ONCE) {
        s.n = n - q < QUERIES_AT_ONCE ? n - q : QUERIES_AT_ONCE;
        s.walked = filter && walk_is_quicker(allowed, rows, s.n);
        DF_TRY(some_queries(&s, queries + q * v->dims, hits + q * k, found + q, err));
        if (!s.walked && from == 0)
            df__view_scanned(v);
    }
done:
    return st;
}

df_status df__flat_search(df_matrix *m, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, int threads,
                          df_hit *hits, size_t *found, df_error *err)
{
    df_view v;
    for (size_t i = 0; i < n; i++)
        found[i] = 0;
    if (k == 0)
        return DF_OK;
    df__view_take(m, &v);
    df_status st = df__flat_search_view(&v, metric, queries, n, k, filter, 0, threads, hits, found, err);
    df__view_give(m, &v);
    return st;
}
