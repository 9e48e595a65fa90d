/* verify.c - the verb verify: two photos, one answer. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/pipeline.h"
#include "core/options.h"
#include "core/threads.h"
#include "models/describe.h"
#include "verify/verify.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Two engines may have read one description, each its own copy. */
static bool same_model(const df_recogniser *a, const df_recogniser *b)
{
    return a == b || (a->file && b->file && strcmp(a->file, b->file) == 0 && strcmp(a->name, b->name) == 0 && a->dims == b->dims);
}

df_status df__pipeline_closest(const df_pipeline *p, const df_embeddings *e1, const df_embeddings *e2, df_verify_result *out, df_error *err)
{
    const df_recogniser *row = e1->row;
    if (!same_model(row, e2->row) || e1->align != e2->align || e1->range != e2->range || e1->flip != e2->flip || e1->outline != e2->outline)
        return df__fail(err, DF_E_ARGUMENT, "embeddings of %s (align %s, flip %s, mask %d) and %s (align %s, flip %s, mask %d) do not compare", row->name,
                        df__align_name(e1->align), e1->flip ? "on" : "off", e1->outline, e2->row->name, df__align_name(e2->align),
                        e2->flip ? "on" : "off", e2->outline);
    *out = (df_verify_result){.distance = (double)INFINITY};
    for (size_t i = 0; i < e1->n; i++)
        for (size_t j = 0; j < e2->n; j++) {
            double d;
            df_status st = df__distance(p->metric, e1->rows + i * e1->dims, e2->rows + j * e2->dims, e1->dims, &d, err);
            if (st != DF_OK)
                return st;
            if (d < out->distance) {
                out->distance = d;
                out->face1 = e1->faces[i], out->face2 = e2->faces[j];
            }
        }
    out->threshold = p->opts.threshold;
    if (isnan(out->threshold)) {
        df_status st = df__threshold(row, e1->align, p->metric, p->opts.far, &out->threshold, err);
        if (st != DF_OK)
            return st;
    }
    out->verified = out->distance <= out->threshold;
    out->confidence = df__confidence(out->distance, out->verified, &row->confidence[e1->align][p->metric]);
    snprintf(out->model, sizeof out->model, "%s", row->name);
    snprintf(out->detector, sizeof out->detector, "%s", e1->detector);
    snprintf(out->align, sizeof out->align, "%s", df__align_name(e1->align));
    snprintf(out->metric, sizeof out->metric, "%s", df__metric_name(p->metric));
    return DF_OK;
}

/* The two photos of a pair, side by side on two threads. */
typedef struct pair {
    const df_pipeline *p;
    const char        *path[2];
    const df_image    *img[2];
    int                threads; /* of each */
    df_embeddings     *e[2];
    df_status          st[2];
    df_error           err[2];
} pair;

static void represent_side(void *arg, size_t i, int worker)
{
    pair *pr = arg;
    const df_recogniser_net *net;
    (void)worker;
    /* From a cold start one thread loads the recogniser while the other begins with its photo. */
    if (i == 1 && (pr->st[i] = df__engine_recogniser(pr->p->engine, pr->p->row, &net, &pr->err[i])) != DF_OK)
        return;
    pr->st[i] = df__pipeline_represent(pr->p, pr->path[i], pr->img[i], pr->threads, &pr->e[i], &pr->err[i]);
}

static df_status verify(df_engine *engine, pair *pr, const df_opts *opts, df_verify_result *result, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    double start = now();
    if (!result)
        return df__fail(err, DF_E_ARGUMENT, "df_verify: result is NULL");
    memset(result, 0, sizeof *result);
    DF_TRY(df__pipeline_open(engine, opts, false, &p, err));
    pr->p = &p;
    pr->threads = engine->threads > 1 ? engine->threads / 2 : 1;
    df__parallel_for(2, engine->threads, represent_side, pr);
    for (int i = 0; i < 2; i++)
        if (pr->st[i] != DF_OK) {
            if (err)
                *err = pr->err[i];
            st = pr->st[i];
            goto done;
        }
    DF_TRY(df__pipeline_closest(&p, pr->e[0], pr->e[1], result, err));
    result->seconds = now() - start;
done:
    df_embeddings_free(pr->e[0]), df_embeddings_free(pr->e[1]);
    return st;
}

df_status df_verify(df_engine *engine, const char *path1, const char *path2, const df_opts *opts, df_verify_result *result, df_error *err)
{
    if (path1 && path2 && strcmp(path1, "-") == 0 && strcmp(path2, "-") == 0)
        return df__fail(err, DF_E_ARGUMENT, "both photos cannot be standard input");
    pair pr = {.path = {path1, path2}};
    return verify(engine, &pr, opts, result, err);
}

df_status df_verify_images(df_engine *engine, const df_image *img1, const df_image *img2, const df_opts *opts, df_verify_result *result,
                           df_error *err)
{
    if (!img1 || !img2)
        return df__fail(err, DF_E_ARGUMENT, "df_verify_images: image %d is NULL", img1 ? 2 : 1);
    pair pr = {.img = {img1, img2}};
    return verify(engine, &pr, opts, result, err);
}

df_status df_verify_embeddings(const df_embeddings *e1, const df_embeddings *e2, const df_opts *opts, df_verify_result *result,
                               df_error *err)
{
    df_pipeline p = {0};
    if (!e1 || !e2 || !result)
        return df__fail(err, DF_E_ARGUMENT, "df_verify_embeddings: a NULL argument");
    double start = now();
    df_status st = df__opts_read(opts, &p.opts, err);
    if (st != DF_OK)
        return st;
    p.metric = (df_metric)df__metric_find(p.opts.metric);
    st = df__pipeline_closest(&p, e1, e2, result, err);
    result->seconds = now() - start;
    return st;
}

df_status df_distance(const char *metric, const float *a, const float *b, size_t dims, double *out, df_error *err)
{
    int m = metric ? df__metric_find(metric) : -1;
    if (m < 0)
        return df__fail(err, DF_E_ARGUMENT, "no metric is named \"%s\"", metric ? metric : "(NULL)");
    if (!a || !b || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_distance: a NULL argument");
    return df__distance((df_metric)m, a, b, dims, out, err);
}

static df_status threshold(const char *model, const char *metric, const char *align, double far, double *out, df_error *err)
{
    df_status st = DF_OK;
    const df_recogniser *row = model ? df__recogniser_find(model) : NULL, *own = NULL;
    int m = metric ? df__metric_find(metric) : -1, a = align ? df__align_find(align) : -1;
    if (!row && model && df__model_is_file(model)) {
        DF_TRY(df__describe_open(model, &own, err));
        row = own;
    }
    if (!row || m < 0 || a < 0 || !out)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "no threshold for model %s, metric %s, align %s", model ? model : "(NULL)",
                        metric ? metric : "(NULL)", align ? align : "(NULL)"));
    DF_TRY(df__threshold(row, (df_align)a, (df_metric)m, far, out, err));
done:
    df__recogniser_release(own);
    return st;
}

df_status df_threshold(const char *model, const char *metric, const char *align, double *out, df_error *err)
{
    return threshold(model, metric, align, (double)NAN, out, err);
}

df_status df_threshold_far(const char *model, const char *metric, const char *align, double far, double *out, df_error *err)
{
    if (isnan(far))
        return df__fail(err, DF_E_ARGUMENT, "df_threshold_far: far is no number");
    return threshold(model, metric, align, far, out, err);
}
