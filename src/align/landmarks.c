/* landmarks.c - running dlib's cascade of regression trees on a picture (Kazemi & Sullivan, "One Millisecond Face Alignment with an
 * Ensemble of Regression Trees", 2014). Every step rounds as dlib does, which computes the pixels' places in float and the rest in
 * double: this file is compiled without contraction to fused multiply-adds. Source: dlib 19.24 image_processing/shape_predictor.h. */
#include "align/landmarks.h"

#include <math.h>
#include <string.h>

#include "align/similarity.h"
#include "models/dlib_shape.h"

enum { FAR_AWAY = 1000000000 }; /* no box that a picture's face may have reaches there */

typedef struct box { double left, top, width, height; } box;

/* dlib makes whole pixels of coordinates so. */
static double nearest(double v) { return floor(v + 0.5); }

/* Brightness of the picture at a place of the shape; 0 outside it. */
static int brightness(df_pixels px, const box *b, float x, float y)
{
    double column = nearest((double)x * b->width + b->left), row = nearest((double)y * b->height + b->top);
    if (!(column >= 0 && column < px.width && row >= 0 && row < px.height))
        return 0;
    const uint8_t *rgb = px.data + (size_t)row * px.stride + 3 * (size_t)column;
    return (rgb[0] + rgb[1] + rgb[2]) / 3;
}

/* The pixels that the trees of a cascade compare, at the places to which the shape has moved them. */
static void look(df_pixels px, const box *b, const df_shape_cascade *c, const float turn[4], const df_point *shape, int *pixels)
{
    for (size_t i = 0; i < c->n_pixels; i++) {
        float dx = c->delta[2 * i], dy = c->delta[2 * i + 1];
        df_point at = shape[c->anchor[i]];
        float x = turn[0] * dx + turn[1] * dy + at.x, y = turn[2] * dx + turn[3] * dy + at.y;
        pixels[i] = brightness(px, b, x, y);
    }
}

static void move(const df_shape_cascade *c, size_t floats, const int *pixels, float *shape)
{
    const df_shape_split *splits = c->splits;
    const float *leaves = c->leaves;
    for (size_t tree = 0; tree < c->n_trees; tree++, splits += c->n_splits, leaves += (c->n_splits + 1) * floats) {
        size_t node = 0;
        while (node < c->n_splits) {
            const df_shape_split *s = splits + node;
            node = 2 * node + ((float)(pixels[s->first] - pixels[s->second]) > s->threshold ? 1 : 2);
        }
        const float *leaf = leaves + (node - c->n_splits) * floats;
        for (size_t i = 0; i < floats; i++)
            shape[i] += leaf[i];
    }
}

static bool finite_shape(const df_point *shape, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(shape[i].x) || !isfinite(shape[i].y))
            return false;
    return true;
}

df_status df__landmarks(const df_shape_predictor *sp, df_pixels px, long left, long top, long right, long bottom, df_point *out,
                        df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    size_t n = sp->n_points, most = 0;
    if (left < -FAR_AWAY || top < -FAR_AWAY || right > FAR_AWAY || bottom > FAR_AWAY || right < left || bottom < top)
        return df__fail(err, DF_E_ARGUMENT, "no landmarks in the box [%ld, %ld] x [%ld, %ld]", left, right, top, bottom);
    for (size_t i = 0; i < sp->n_cascades; i++)
        most = sp->cascades[i].n_pixels > most ? sp->cascades[i].n_pixels : most;
    df_arena_mark mark = df__arena_mark(scratch);
    df_point *shape = df__arena_alloc(scratch, n * sizeof *shape);
    int *pixels = df__arena_alloc(scratch, most * sizeof *pixels);
    if (!shape || !pixels)
        DF_TRY(df__no_memory(err, "landmarks", n * sizeof *shape + most * sizeof *pixels));
    memcpy(shape, sp->initial, n * sizeof *shape);
    /* The corners of dlib's boxes are the centres of their outermost pixels. */
    const box b = {(double)left, (double)top, (double)(right - left), (double)(bottom - top)};
    for (size_t i = 0; i < sp->n_cascades; i++) {
        double m[6];
        if (!finite_shape(shape, n) || df__similarity(sp->initial, shape, n, m, NULL) != DF_OK)
            DF_TRY(df__fail(err, DF_E_BAD_MODEL, "shape predictor: cascade %zu starts from a shape without size", i));
        const float turn[4] = {(float)m[0], (float)m[1], (float)m[3], (float)m[4]};
        look(px, &b, &sp->cascades[i], turn, shape, pixels);
        move(&sp->cascades[i], 2 * n, pixels, (float *)shape);
    }
    if (!finite_shape(shape, n))
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "shape predictor: the points ran away"));
    for (size_t i = 0; i < n; i++) {
        out[i].x = (float)nearest((double)shape[i].x * b.width + b.left);
        out[i].y = (float)nearest((double)shape[i].y * b.height + b.top);
    }
done:
    df__arena_release(scratch, mark);
    return st;
}
