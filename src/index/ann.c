/* ann.c - searching an approximate index: what the library found is checked and measured again; what it cannot know is searched exactly. */
#include "index/ann.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "index/ann_file.h"
#include "index/ann_load.h"
#include "index/ann_part.h"
#include "index/flat_part.h"
#include "index/scan.h"
#include "verify/verify.h"

enum { SPARE = 8, AT_ONCE = 32 /* rows */, INEXACT = 10 /* times k that is asked of a library that ranks by less than float32 */ };
/* A filter that leaves less is searched exactly: quicker, and exact. So is a query that such a part of the index did not answer. */
static const double NARROW = 0.1, ASKED_MOST = 0.05;

df_status df__ann_can(const char *what, df_error *err)
{
    const df_ann_module *module;
    const char *parameters;
    if (strlen(what) >= DF_ANN_WHAT)
        return df__fail(err, DF_E_ARGUMENT, "the index's description is longer than %d bytes", DF_ANN_WHAT - 1);
    return df__ann_module(what, &module, &parameters, err);
}

static df_status stale(const char *path, df_error *err)
{
    return df__fail(err, DF_E_STORE, "%s: stale: the index was built for another state of the matrix; build it anew", path);
}

/* Vectors of length 1 are in the same order by each of the other metrics. */
static bool same_order(df_metric a, df_metric b) { return (a == DF_EUCLIDEAN) == (b == DF_EUCLIDEAN); }

df_status df__ann_fits(const char *path, const df_ann_head *head, df_matrix *m, df_metric metric, df_error *err)
{
    df_matrix_info info = df__matrix_info(m);
    if (head->dims != info.dims || !same_order((df_metric)head->metric, metric))
        return df__fail(err, DF_E_STORE, "%s: an index for another metric or other vectors", path);
    return head->generation != info.generation || head->rows > info.rows ? stale(path, err) : DF_OK;
}

df_status df__ann_open(const char *path, df_matrix *m, df_metric metric, df_ann **out, df_error *err)
{
    df_status st = DF_OK;
    char message[DF_ANN_MESSAGE] = "", *data = NULL;
    df_matrix_info info = df__matrix_info(m);
    *out = NULL;
    df_ann *a = calloc(1, sizeof *a);
    if (!a)
        return df__no_memory(err, path, sizeof *a);
    DF_TRY(df__ann_head_read(path, &a->head, err));
    DF_TRY(df__ann_fits(path, &a->head, m, metric, err));
    DF_TRY(df__ann_module(a->head.what, &a->module, &a->parameters, err));
    data = df__ann_data_path(path, a->head.number);
    if (!data)
        DF_TRY(df__no_memory(err, path, strlen(path)));
    DF_TRY(df__ann_data_check(data, &a->head, err));
    a->self = a->module->load(data, info.dims, df__scan()->l2, message);
    if (!a->self)
        DF_TRY(df__fail(err, DF_E_STORE, "%s: %s", data, message));
    *out = a, a = NULL;
done:
    free(data);
    df__ann_close(a);
    return st;
}

void df__ann_close(df_ann *a)
{
    if (!a)
        return;
    if (a->self)
        a->module->free(a->self);
    free(a);
}

const df_ann_head *df__ann_head(const df_ann *a) { return &a->head; }

/* Between two efforts that were measured the part that is not found shrinks by a power of the effort, nearly. */
bool df__ann_effort(const df_ann_head *head, double recall, double *effort, double *share)
{
    static const double LEAST_MISSED = 1e-4;
    for (size_t i = 0; i < head->n_points; i++) {
        const df_ann_point *b = &head->points[i], *a = i ? b - 1 : b;
        if (b->recall < recall)
            continue;
        double missed[] = {fmax(1 - a->recall, LEAST_MISSED), fmax(1 - recall, LEAST_MISSED), fmax(1 - b->recall, LEAST_MISSED)};
        double part = missed[0] > missed[2] ? log(missed[0] / fmin(missed[1], missed[0])) / log(missed[0] / missed[2]) : 1;
        *effort = ceil(a->effort * pow(b->effort / a->effort, part));
        *share = a->share + (b->share - a->share) * (b->effort > a->effort ? (*effort - a->effort) / (b->effort - a->effort) : 1);
        return true;
    }
    return false;
}

/* ---- one query ---- */

typedef struct ask {
    const df_ann    *a;
    const df_view   *v;
    const float     *queries;
    const df_filter *filter;
    df_metric        metric;
    size_t           k, allowed;
    double           effort;
    df_hit          *hits;
    size_t          *found;
    atomic_size_t   *exact;  /* queries that were searched exactly */
    df_error        *errors; /* [workers] */
} ask;

static int nearer(const void *a, const void *b)
{
    const df_hit *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* The rows lie anywhere in the file: all are fetched at once before the first is read. */
static void prefetch(const ask *s, const uint64_t *labels, size_t n)
{
    size_t bytes = s->v->dims * sizeof(uint16_t);
    for (size_t i = 0; i < n && i < AT_ONCE; i++) {
        if (labels[i] >= s->a->head.rows)
            continue;
        const df_chunk *c = df__view_chunk(s->v, (size_t)labels[i]);
        size_t at = (size_t)labels[i] - c->first;
        const char *upper = (const char *)(c->upper + at * s->v->dims), *lower = (const char *)(c->lower + at * s->v->dims);
        __builtin_prefetch(&c->ids[at]);
        for (size_t byte = 0; byte < bytes; byte += 64)
            __builtin_prefetch(upper + byte), __builtin_prefetch(lower + byte);
    }
}

/* What may be answered of the labels, measured. A label that is no row comes from a library gone wrong: dropped. */
static size_t measure(const ask *s, const float *query, const uint64_t *labels, size_t n, df_hit *out)
{
    float row[DF_MATRIX_MOST_DIMS];
    size_t kept = 0;
    prefetch(s, labels, n);
    for (size_t i = 0; i < n; i++) {
        if (labels[i] >= s->a->head.rows)
            continue;
        const df_chunk *c = df__view_chunk(s->v, (size_t)labels[i]);
        size_t at = (size_t)labels[i] - c->first;
        if (df__chunk_removed(c, at) || !df__filter_allows(s->filter, c->ids[at]))
            continue;
        df__chunk_row(c, at, s->v->dims, row);
        out[kept].id = c->ids[at];
        kept += df__distance(s->metric, query, row, s->v->dims, &out[kept].distance, NULL) == DF_OK;
    }
    qsort(out, kept, sizeof *out, nearer);
    return kept;
}

/* As libraries see vectors: of length 1, unless their length counts. */
static df_status direction(df_metric metric, const float *row, uint32_t dims, float *out, df_error *err)
{
    double squares = 0;
    for (uint32_t i = 0; i < dims; i++)
        squares += (double)row[i] * row[i];
    if (!isfinite(squares))
        return df__fail(err, DF_E_ARGUMENT, "the vector that is searched for holds NaN or infinity");
    if (metric != DF_EUCLIDEAN && !(squares > 0))
        return df__fail(err, DF_E_ARGUMENT, "the vector that is searched for has length 0: it has no %s distance", df__metric_name(metric));
    double scale = metric == DF_EUCLIDEAN ? 1 : 1 / sqrt(squares);
    for (uint32_t i = 0; i < dims; i++)
        out[i] = (float)(row[i] * scale);
    return DF_OK;
}

/* Ask for more until k may be answered; false where the library has had its chance. */
static df_status ask_library(const ask *s, const float *query, const float *unit, df_hit **list, size_t *n, bool *enough, df_error *err)
{
    df_status st = DF_OK;
    size_t rows = (size_t)s->a->head.rows, room = 0;
    uint64_t *labels = NULL;
    char message[DF_ANN_MESSAGE] = "";
    double share = (double)s->allowed / (double)(s->v->rows ? s->v->rows : 1);
    double fetch = share < 1 ? (double)s->k / (share > 0 ? share : 1) * 1.3 + SPARE : (double)s->k;
    size_t least = s->k < s->allowed ? s->k : s->allowed;
    fetch *= s->a->module->exact(s->a->self) ? 1 : INEXACT;
    for (*enough = false; !*enough; fetch *= 4) {
        size_t want = fetch < (double)rows ? (size_t)fetch : rows, got = 0;
        if (room > 0 && (double)want > fmax(ASKED_MOST * (double)rows, 4.0 * (double)s->k))
            break;
        free(labels), free(*list);
        labels = malloc((want + 1) * sizeof *labels), *list = malloc((want + 1) * sizeof **list), room = want;
        if (!labels || !*list)
            DF_TRY(df__no_memory(err, "a search", want * sizeof **list));
        double effort = share < 1 && s->effort > 0 && s->a->module->one_by_one && s->effort < (double)want ? (double)want : s->effort;
        if (s->a->module->search(s->a->self, unit, want, effort, labels, &got, message) != 0)
            DF_TRY(df__fail(err, DF_E_STORE, "index %s: %s", s->a->module->name, message));
        *n = measure(s, query, labels, got < want ? got : want, *list);
        *enough = *n >= least || want == rows;
    }
done:
    free(labels);
    return st;
}

static void one_query(void *arg, size_t number, int worker)
{
    ask *s = arg;
    df_status st = DF_OK;
    df_error *err = &s->errors[worker];
    float unit[DF_MATRIX_MOST_DIMS];
    const float *query = s->queries + number * s->v->dims;
    df_hit *list = NULL, *later = NULL, *hits = s->hits + number * s->k;
    size_t n = 0, n_later = 0, rows = (size_t)s->a->head.rows;
    bool enough = false;
    if (err->status != DF_OK)
        return;
    DF_TRY(direction(s->metric, query, s->v->dims, unit, err));
    DF_TRY(ask_library(s, query, unit, &list, &n, &enough, err));
    if (!enough) {
        atomic_fetch_add(s->exact, 1);
        DF_TRY(df__flat_search_view(s->v, s->metric, query, 1, s->k, s->filter, 0, 1, hits, &s->found[number], err));
        goto done;
    }
    if (s->v->rows > rows) { /* what came after it was built */
        df_hit *all = realloc(list, (n + s->k + 1) * sizeof *all);
        later = malloc(s->k * sizeof *later);
        list = all ? all : list;
        if (!all || !later)
            DF_TRY(df__no_memory(err, "a search", (n + s->k) * sizeof *all));
        DF_TRY(df__flat_search_view(s->v, s->metric, query, 1, s->k, s->filter, rows, 1, later, &n_later, err));
        memcpy(list + n, later, n_later * sizeof *later);
        n += n_later;
        qsort(list, n, sizeof *list, nearer);
    }
    s->found[number] = n < s->k ? n : s->k;
    memcpy(hits, list, s->found[number] * sizeof *hits);
done:
    if (st != DF_OK)
        err->status = st;
    free(list), free(later);
}

df_status df__ann_search_view(const df_ann *a, const df_view *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter,
                              double effort, int threads, df_hit *hits, size_t *found, size_t *exact, df_error *err)
{
    df_status st = DF_OK;
    int workers = threads > 1 ? threads : 1;
    atomic_size_t exactly = 0;
    *exact = 0;
    for (size_t i = 0; i < n; i++)
        found[i] = 0;
    if (k == 0)
        return DF_OK;
    if (df__view_generation(v) != a->head.generation || v->rows < a->head.rows)
        return stale("the index", err);
    if (!same_order((df_metric)a->head.metric, metric))
        return df__fail(err, DF_E_ARGUMENT, "the index is for another metric than %s", df__metric_name(metric));
    df_error *errors = calloc((size_t)workers, sizeof *errors);
    if (!errors)
        return df__no_memory(err, "a search", sizeof *errors);
    size_t allowed = v->rows - v->removed, asked = filter ? df__filter_count(filter) : allowed;
    allowed = asked < allowed ? asked : allowed;
    if (filter && (double)asked < NARROW * (double)v->rows) {
        *exact = n;
        DF_TRY(df__flat_search_view(v, metric, queries, n, k, filter, 0, threads, hits, found, err));
        goto done;
    }
    ask s = {.a = a, .v = v, .queries = queries, .filter = filter, .metric = metric, .k = k, .allowed = allowed, .effort = effort, .hits = hits,
             .found = found, .exact = &exactly, .errors = errors};
    df__parallel_for(n, workers, one_query, &s);
    *exact = exactly;
    for (int w = 0; w < workers; w++)
        if (errors[w].status != DF_OK)
            DF_TRY(df__fail(err, errors[w].status, "%s", errors[w].message));
done:
    free(errors);
    return st;
}

df_status df__ann_search(const df_ann *a, df_matrix *m, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, double effort,
                         int threads, df_hit *hits, size_t *found, size_t *exact, df_error *err)
{
    df_view v;
    df__view_take(m, &v);
    df_status st = df__ann_search_view(a, &v, metric, queries, n, k, filter, effort, threads, hits, found, exact, err);
    df__view_give(m, &v);
    return st;
}
