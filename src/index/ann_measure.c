/* ann_measure.c - what an effort of a new index brings: recall and time beside an exact search, measured on rows of the gallery itself, so that who
 * asks for a recall need not know the library's own numbers. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "index/ann_part.h"
#include "index/flat_part.h"

enum { ASKED = 256 /* rows at most */, LEAST = 32, ROWS_FOR_ONE = 64, NEAREST = 10, TIMED = 5 /* exact searches by themselves */, LONG = 3 /* times an exact search: no use any more */ };
static const double ENOUGH = 0.9985; /* recall */

typedef struct sample { float *rows; uint64_t *ids; size_t n; df_hit *right, *hits; size_t *found; } sample;

/* Of this thread alone: neighbours do not count. */
static double spent(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Rows at even steps that are there and have a direction. */
static void take(sample *s, const df_view *v, size_t rows)
{
    size_t most = rows / ROWS_FOR_ONE + LEAST < ASKED ? rows / ROWS_FOR_ONE + LEAST : ASKED, step = rows / most + 1;
    for (size_t row = 0; row < rows && s->n < most; row += step) {
        const df_chunk *c = df__view_chunk(v, row);
        size_t at = row - c->first;
        if (df__chunk_removed(c, at) || !(c->norms[at] > 0))
            continue;
        df__chunk_row(c, at, v->dims, s->rows + s->n * v->dims);
        s->ids[s->n++] = c->ids[at];
    }
}

/* How many of the nearest other rows were found. */
static size_t common(const df_hit *right, size_t n_right, const df_hit *hits, size_t n, uint64_t self)
{
    size_t same = 0;
    for (size_t i = 0; i < n_right; i++)
        for (size_t j = 0; right[i].id != self && j < n; j++)
            same += right[i].id == hits[j].id;
    return same;
}

static size_t others(const sample *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->found[i]; j++)
            n += s->right[i * (NEAREST + 1) + j].id != s->ids[i];
    return n;
}

static df_status measure_one(const df_ann *a, const df_view *v, df_metric metric, sample *s, size_t all, double exact_s, df_ann_point *p, df_error *err)
{
    df_status st = DF_OK;
    size_t same = 0, n, exactly;
    double took = 0;
    for (size_t i = 0; i < s->n; i++) {
        double begun = spent();
        DF_TRY(df__ann_search_view(a, v, metric, s->rows + i * v->dims, 1, NEAREST + 1, NULL, p->effort, 1, s->hits, &n, &exactly, err));
        took += spent() - begun;
        same += common(s->right + i * (NEAREST + 1), s->found[i], s->hits, n, s->ids[i]);
    }
    p->recall = (double)same / (double)all;
    p->share = took / (double)s->n / exact_s;
done:
    return st;
}

df_status df__ann_measure(df_ann *a, const df_view *v, df_metric metric, int threads, df_error *err)
{
    df_status st = DF_OK;
    const size_t k = NEAREST + 1;
    df_hit one[NEAREST + 1];
    size_t n, all;
    double exact_s = 0;
    sample s = {.rows = malloc(ASKED * v->dims * sizeof *s.rows), .ids = malloc(ASKED * sizeof *s.ids), .right = malloc(ASKED * k * sizeof *s.right),
                .hits = malloc(k * sizeof *s.hits), .found = malloc(ASKED * sizeof *s.found)};
    a->head.n_points = 0;
    if (!s.rows || !s.ids || !s.right || !s.hits || !s.found)
        DF_TRY(df__no_memory(err, "a sample of an index", ASKED * v->dims * sizeof *s.rows));
    take(&s, v, (size_t)a->head.rows);
    if (s.n == 0)
        goto done;
    DF_TRY(df__flat_search_view(v, metric, s.rows, s.n, k, NULL, 0, threads, s.right, s.found, err));
    for (size_t i = 0; i < TIMED; i++) {
        double begun = spent();
        DF_TRY(df__flat_search_view(v, metric, s.rows + i % s.n * v->dims, 1, k, NULL, 0, 1, one, &n, err));
        double took = spent() - begun;
        exact_s = i == 0 || took < exact_s ? took : exact_s;
    }
    all = others(&s);
    double effort = a->module->least(a->self);
    for (size_t i = 0; all > 0 && exact_s > 0 && i < DF_ANN_POINTS; i++, effort *= 2) {
        df_ann_point *p = &a->head.points[i];
        *p = (df_ann_point){.effort = effort};
        DF_TRY(measure_one(a, v, metric, &s, all, exact_s, p, err));
        a->head.n_points = i + 1;
        if (p->recall >= ENOUGH || p->share > LONG)
            break;
    }
done:
    free(s.rows), free(s.ids), free(s.right), free(s.hits), free(s.found);
    return st;
}
