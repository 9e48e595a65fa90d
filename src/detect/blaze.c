/* blaze.c - from the numbers of BlazeFace to boxes and points. Anchors, decoding and weighted suppression as MediaPipe 0.10.14's graph
 * face_detection_short_range.pbtxt and its calculators SsdAnchors, TensorsToDetections and NonMaxSuppression. */
#include "detect/blaze.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/list.h"

/* Two levels: cells of 1/16 and of 1/8 of the side, with so many anchors each; every anchor is a point, its size 1. */
enum { LEVELS = 2, NUMBERS = 4 + 2 * DF_BLAZE_POINTS };
static const int    cells[LEVELS] = {16, 8}, per_cell[LEVELS] = {2, 6};
static const double overlap = 0.3, most_logit = 100;

/* ---- decoding ---- */

static bool decode_one(const float *raw, float logit, double cx, double cy, double least, df_blaze *out)
{
    double clipped = fmin(fmax((double)logit, -most_logit), most_logit);
    double score = 1 / (1 + exp(-clipped));
    if (!(score >= least) || isnan(logit) || !(raw[2] >= 0) || !(raw[3] >= 0))
        return false;
    out->score = (float)score;
    out->v[0] = (float)(cx + raw[0] - raw[2] / 2), out->v[1] = (float)(cy + raw[1] - raw[3] / 2);
    out->v[2] = (float)(cx + raw[0] + raw[2] / 2), out->v[3] = (float)(cy + raw[1] + raw[3] / 2);
    for (int i = 0; i < DF_BLAZE_POINTS; i++)
        out->v[4 + 2 * i] = (float)(cx + raw[4 + 2 * i]), out->v[5 + 2 * i] = (float)(cy + raw[5 + 2 * i]);
    for (int i = 0; i < NUMBERS; i++)
        if (!isfinite(out->v[i]))
            return false;
    return true;
}

df_status df__blaze_decode(const df_tensor out[DF_BLAZE_OUTPUTS], int side, double least, df_blaze *found, size_t *n, df_error *err)
{
    for (int i = 0; i < DF_BLAZE_OUTPUTS; i++) {
        int level = i % LEVELS, rows = cells[level] * cells[level] * per_cell[level], width = i < LEVELS ? 1 : NUMBERS;
        if (out[i].type != DF_F32 || out[i].rank != 3 || out[i].dims[0] != 1 || out[i].dims[1] != rows || out[i].dims[2] != width)
            return df__fail(err, DF_E_BAD_MODEL, "mediapipe: output %d is not [1][%d][%d]", i, rows, width);
    }
    *n = 0;
    /* Most anchors see nothing: below this, by more than rounding, no score is good enough. */
    float least_logit = (float)(least > 1e-6 && least < 1 ? log(least / (1 - least)) - 1e-3 : -INFINITY);
    for (int level = 0; level < LEVELS; level++) {
        const float *logit = out[level].data, *raw = out[LEVELS + level].data;
        double stride = (double)side / cells[level];
        for (int y = 0; y < cells[level]; y++)
            for (int x = 0; x < cells[level]; x++)
                for (int a = 0; a < per_cell[level]; a++, logit++, raw += NUMBERS)
                    if (!(*logit < least_logit) && decode_one(raw, *logit, (x + 0.5) * stride, (y + 0.5) * stride, least, &found[*n]))
                        ++*n;
    }
    return DF_OK;
}

/* ---- suppression ---- */

static double overlap_of(const df_blaze *a, const df_blaze *b)
{
    const df_face p = {.x = a->v[0], .y = a->v[1], .w = a->v[2] - a->v[0], .h = a->v[3] - a->v[1]};
    const df_face q = {.x = b->v[0], .y = b->v[1], .w = b->v[2] - b->v[0], .h = b->v[3] - b->v[1]};
    return df__face_overlap(&p, &q);
}

static int better(const void *a, const void *b)
{
    float p = ((const df_blaze *)a)->score, q = ((const df_blaze *)b)->score;
    return (p < q) - (p > q);
}

size_t df__blaze_blend(df_blaze *c, size_t n)
{
    qsort(c, n, sizeof *c, better);
    size_t kept = 0, left = n;
    df_blaze *rest = c; /* [left], behind what is kept */
    while (left > 0) {
        df_blaze best = rest[0], mean = {.score = best.score};
        double sum[NUMBERS] = {0}, weight = 0;
        size_t stay = 0;
        for (size_t i = 0; i < left; i++) {
            df_blaze one = rest[i];
            if (overlap_of(&best, &one) <= overlap && i > 0) { /* a box of no size overlaps nothing, itself neither */
                rest[stay++] = one;
                continue;
            }
            weight += (double)one.score;
            for (int k = 0; k < NUMBERS; k++)
                sum[k] += (double)one.score * (double)one.v[k];
        }
        for (int k = 0; k < NUMBERS; k++)
            mean.v[k] = weight > 0 ? (float)(sum[k] / weight) : best.v[k];
        /* At least the best has gone, so there is room for it before what stays. */
        memmove(c + kept + 1, rest, stay * sizeof *c);
        c[kept++] = mean;
        rest = c + kept, left = stay;
    }
    return kept;
}
