/* caffe_prior.c - PriorBox: the boxes that SSD's answers are relative to. They depend on shapes alone and so become a constant,
 * [1][2][4 n]: corners in units of the input's sides, then their variances. Source: weiliu89/caffe (branch ssd) prior_box_layer.cpp. */
#include <math.h>

#include "models/caffe_net.h"

enum { MAX_SIZES = 32, MAX_RATIOS = 65 };

typedef struct priors {
    double min[MAX_SIZES], max[MAX_SIZES], ratio[MAX_RATIOS];
    size_t n_min, n_max, n_ratio;
    double variance[4], step[2], offset; /* step: rows, columns */
    bool   clip;
} priors;

/* Positive numbers of a repeated field. */
static df_status read_list(df_caffe_net *net, const char *name, double *to, size_t most, size_t *n)
{
    df_status st = DF_OK;
    *n = 0;
    for (const df_text *f = df__text_field(net->param, name); f; f = df__text_again(f)) {
        if (*n == most)
            DF_TRY(df__caffe_fail(net, DF_E_LIMIT, "more than %zu of %s", most, name));
        DF_TRY(df__caffe_number(net, f, &to[*n]));
        if (!(to[(*n)++] > 0))
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%s: %s is not above 0", name, f->value));
    }
done:
    return st;
}

/* 1 comes first and twice never; `flip` adds the upright of each wide box. */
static df_status read_ratios(df_caffe_net *net, priors *p)
{
    df_status st = DF_OK;
    double given[MAX_SIZES];
    size_t n;
    bool flip;
    DF_TRY(read_list(net, "aspect_ratio", given, MAX_SIZES, &n));
    DF_TRY(df__caffe_bool(net, "flip", true, &flip));
    p->ratio[p->n_ratio++] = 1;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < p->n_ratio; k++)
            seen = seen || fabs(given[i] - p->ratio[k]) < 1e-6;
        if (seen)
            continue;
        p->ratio[p->n_ratio++] = given[i];
        if (flip)
            p->ratio[p->n_ratio++] = 1 / given[i];
    }
done:
    return st;
}

static df_status read_priors(df_caffe_net *net, priors *p)
{
    df_status st = DF_OK;
    const df_caffe_value *map = net->in[0], *image = net->in[1];
    size_t n;
    double step;
    DF_TRY(read_list(net, "min_size", p->min, MAX_SIZES, &p->n_min));
    DF_TRY(read_list(net, "max_size", p->max, MAX_SIZES, &p->n_max));
    if (p->n_min == 0 || (p->n_max && p->n_max != p->n_min))
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%zu of min_size and %zu of max_size", p->n_min, p->n_max));
    DF_TRY(read_ratios(net, p));
    DF_TRY(df__caffe_bool(net, "clip", false, &p->clip));
    DF_TRY(df__caffe_float(net, "offset", 0.5, &p->offset));
    DF_TRY(read_list(net, "variance", p->variance, 4, &n));
    if (n != 4 && n > 1)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%zu of variance", n));
    for (size_t i = n; i < 4; i++)
        p->variance[i] = n ? p->variance[0] : 0.1;
    if (df__text_field(net->param, "img_size") || df__text_field(net->param, "img_h") || df__text_field(net->param, "img_w"))
        DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "a picture of another size than the input"));
    DF_TRY(df__caffe_float(net, "step", 0, &step));
    DF_TRY(df__caffe_float(net, "step_h", step, &p->step[0]));
    DF_TRY(df__caffe_float(net, "step_w", step, &p->step[1]));
    for (int i = 0; i < 2; i++)
        if (p->step[i] == 0)
            p->step[i] = (double)image->dims[2 + i] / (double)map->dims[2 + i];
done:
    return st;
}

typedef struct writer { float *to; double x, y, width, height; bool clip; } writer; /* x, y: centre of the cell; sides of the input */

static float edge(const writer *w, double v)
{
    return (float)(w->clip ? fmin(fmax(v, 0), 1) : v);
}

static void put(writer *w, double width, double height)
{
    *w->to++ = edge(w, (w->x - width / 2) / w->width);
    *w->to++ = edge(w, (w->y - height / 2) / w->height);
    *w->to++ = edge(w, (w->x + width / 2) / w->width);
    *w->to++ = edge(w, (w->y + height / 2) / w->height);
}

/* The boxes of one cell: per size a square, one between it and the next size, then the other ratios. */
static void put_cell(writer *w, const priors *p)
{
    for (size_t i = 0; i < p->n_min; i++) {
        put(w, p->min[i], p->min[i]);
        if (p->n_max) {
            double side = sqrt(p->min[i] * p->max[i]);
            put(w, side, side);
        }
        for (size_t k = 1; k < p->n_ratio; k++)
            put(w, p->min[i] * sqrt(p->ratio[k]), p->min[i] / sqrt(p->ratio[k]));
    }
}

df_status df__caffe_prior_box(df_caffe_net *net)
{
    df_status st = DF_OK;
    priors p = {0};
    df_caffe_value *y;
    const df_caffe_value *map = net->in[0], *image = net->in[1];
    if (map->rank != 4 || image->rank != 4)
        return df__caffe_fail(net, DF_E_BAD_MODEL, "inputs of %d and %d dimensions", map->rank, image->rank);
    DF_TRY(read_priors(net, &p));
    int64_t rows = map->dims[2], columns = map->dims[3], each = (int64_t)(p.n_min * p.n_ratio + p.n_max);
    if (rows > DF_CAFFE_MAX_KNOWN / columns || rows * columns > DF_CAFFE_MAX_KNOWN / (8 * each))
        DF_TRY(df__caffe_fail(net, DF_E_LIMIT, "%lld x %lld cells with %lld boxes", (long long)rows, (long long)columns, (long long)each));
    int64_t n = rows * columns * each;
    DF_TRY(df__caffe_value_new(net, 0, 3, (const int64_t[]){1, 2, 4 * n}, true, &y));
    DF_TRY(df__caffe_fill(net, y));
    writer w = {.to = y->data, .width = (double)image->dims[3], .height = (double)image->dims[2], .clip = p.clip};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            w.x = ((double)c + p.offset) * p.step[1], w.y = ((double)r + p.offset) * p.step[0];
            put_cell(&w, &p);
        }
    for (int64_t i = 0; i < 4 * n; i++)
        y->data[4 * n + i] = (float)p.variance[i % 4];
done:
    return st;
}
