/* ann_build.c - building an approximate index from a matrix and keeping it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/threads.h"
#include "index/ann.h"
#include "index/ann_file.h"
#include "index/ann_load.h"
#include "index/ann_part.h"
#include "index/scan.h"
#include "index/sum.h"

enum { TOGETHER = 65536 /* rows */, STEP = 4096 /* rows between two steps where a library takes them one by one: half a second of a graph */, SAMPLE = 262144 /* rows to learn from, at most */ };

typedef struct build {
    const df_ann_module *module;
    void                *self;
    const df_view       *v;
    df_metric            metric;
    float               *rows;   /* [TOGETHER][dims] */
    uint64_t            *labels; /* [TOGETHER] */
    size_t               n;
    char               (*messages)[DF_ANN_MESSAGE]; /* [threads] */
    bool                *failed;                    /* [threads] */
} build;

/* A row as the library is to see it; false for one that is not there or has no direction. */
static bool row_of(const build *b, size_t number, float *out)
{
    const df_chunk *c = df__view_chunk(b->v, number);
    size_t at = number - c->first;
    double norm = c->norms[at];
    if (df__chunk_removed(c, at) || (b->metric != DF_EUCLIDEAN && !(norm > 0)))
        return false;
    df__chunk_row(c, at, b->v->dims, out);
    for (uint32_t i = 0; b->metric != DF_EUCLIDEAN && i < b->v->dims; i++)
        out[i] = (float)(out[i] / norm);
    return true;
}

static void add_one(void *arg, size_t i, int worker)
{
    build *b = arg;
    if (!b->failed[worker])
        b->failed[worker] = b->module->add(b->self, b->rows + i * b->v->dims, b->labels + i, 1, b->messages[worker]) != 0;
}

static df_status failed(const build *b, const char *message, df_error *err)
{
    return df__fail(err, DF_E_STORE, "index %s: %s", b->module->name, message);
}

static df_status add_rows(build *b, int threads, df_error *err)
{
    if (!b->module->one_by_one)
        return b->n && b->module->add(b->self, b->rows, b->labels, b->n, b->messages[0]) != 0 ? failed(b, b->messages[0], err) : DF_OK;
    df__parallel_for(b->n, threads, add_one, b);
    for (int w = 0; w < threads; w++)
        if (b->failed[w])
            return failed(b, b->messages[w], err);
    return DF_OK;
}

/* Rows at even steps for what a library has to learn. */
static df_status train(build *b, df_error *err)
{
    size_t rows = b->v->rows, step = rows / SAMPLE + 1, n = 0;
    if (!b->module->train)
        return DF_OK;
    float *sample = malloc((rows / step + 1) * b->v->dims * sizeof *sample);
    if (!sample)
        return df__no_memory(err, "a sample to build an index", rows / step * b->v->dims * sizeof *sample);
    for (size_t row = 0; row < rows; row += step)
        n += row_of(b, row, sample + n * b->v->dims);
    int bad = b->module->train(b->self, sample, n, b->messages[0]);
    free(sample);
    return bad ? failed(b, b->messages[0], err) : DF_OK;
}

static df_status add_all(build *b, int threads, df_ann_step step, void *user, df_error *err)
{
    df_status st = DF_OK;
    const size_t together = b->module->one_by_one ? STEP : TOGETHER;
    for (size_t row = 0; row < b->v->rows;) {
        for (b->n = 0; b->n < together && row < b->v->rows; row++) {
            b->labels[b->n] = row;
            b->n += row_of(b, row, b->rows + b->n * b->v->dims);
        }
        DF_TRY(add_rows(b, threads, err));
        if (step && !step(user, row, b->v->rows))
            DF_TRY(df__fail(err, DF_E_STOPPED, "building index %s was stopped", b->module->name));
    }
    if (b->module->finish && b->module->finish(b->self, threads, b->messages[0]) != 0)
        DF_TRY(failed(b, b->messages[0], err));
done:
    return st;
}

static uint64_t new_number(const df_ann_head *h)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t word[4] = {(uint64_t)t.tv_sec, (uint64_t)t.tv_nsec, (uint64_t)getpid(), h->generation};
    return df__sum64(h->rows, word, sizeof word);
}

/* The library's file under a name that nobody knows yet, then the head that names it, then what it takes the place of goes. */
static df_status keep(const build *b, const char *path, df_ann_head *head, df_error *err)
{
    df_status st = DF_OK;
    df_ann_head before;
    bool had = df__ann_head_read(path, &before, NULL) == DF_OK;
    char *data = df__ann_data_path(path, head->number = new_number(head)), *old = had ? df__ann_data_path(path, before.number) : NULL;
    if (!data || (had && !old))
        DF_TRY(df__no_memory(err, path, strlen(path)));
    if (b->module->save(b->self, data, b->messages[0]) != 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot write %s: %s", data, b->messages[0]));
    DF_TRY(df__ann_head_write(path, data, head, err));
    if (had)
        unlink(old);
done:
    if (st != DF_OK && data)
        unlink(data);
    free(data), free(old);
    return st;
}

df_status df__ann_build(df_matrix *m, df_metric metric, const char *what, int threads, df_ann_step step, void *user, const char *path, df_error *err)
{
    df_status st = DF_OK;
    df_view v;
    const char *parameters;
    int lock = -1;
    df_ann made;
    threads = threads > 1 ? threads : 1;
    df__view_take(m, &v);
    build b = {.v = &v, .metric = metric};
    df_ann_head head = {.metric = (uint32_t)metric, .dims = v.dims, .generation = df__view_generation(&v), .rows = v.rows};
    DF_TRY(df__ann_can(what, err));
    DF_TRY(df__ann_module(what, &b.module, &parameters, err));
    strcpy(head.what, what);
    DF_TRY(df__ann_lock(path, &lock, err));
    if (lock < 0)
        DF_TRY(df__fail(err, DF_E_STORE, "%s: another process is building it", path));
    b.rows = malloc(TOGETHER * v.dims * sizeof *b.rows), b.labels = malloc(TOGETHER * sizeof *b.labels);
    b.messages = calloc((size_t)threads, sizeof *b.messages), b.failed = calloc((size_t)threads, sizeof *b.failed);
    if (!b.rows || !b.labels || !b.messages || !b.failed)
        DF_TRY(df__no_memory(err, path, TOGETHER * v.dims * sizeof *b.rows));
    b.self = b.module->make(v.dims, v.rows, parameters, df__scan()->l2, b.messages[0]);
    if (!b.self)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "index %s: %s", what, b.messages[0]));
    DF_TRY(train(&b, err));
    DF_TRY(add_all(&b, threads, step, user, err));
    made = (df_ann){.module = b.module, .parameters = parameters, .self = b.self, .head = head};
    DF_TRY(df__ann_measure(&made, &v, metric, threads, err));
    DF_TRY(keep(&b, path, &made.head, err));
done:
    if (b.self)
        b.module->free(b.self);
    free(b.rows), free(b.labels), free(b.messages), free(b.failed);
    df__view_give(m, &v);
    df__ann_unlock(path, lock);
    return st;
}
