/* tiled.c - layout and levels. */
#include "detect/tiled.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "core/threads.h"
#include "detect/pyramid.h"

enum { BETWEEN = 10, AROUND = 11, LEAST_HEIGHT = 5, BAND = 32 };
static const double rate = 5.0 / 6;

/* ---- layout: compute_tiled_image_pyramid_details ---- */

static void place(df_tiled *t, int full)
{
    int height = 0, before = 0, i = 0;
    const df_tile *first = &t->tiles[0];
    /* Down the left side until the next level fits beside the one before it; and half of the rest would then be below the first. */
    for (; i < t->n; i++) {
        if (t->tiles[i].width <= first->width - before - BETWEEN && (height - first->height) * 2 >= full - first->height)
            break;
        height += t->tiles[i].height + BETWEEN;
        before = t->tiles[i].width;
    }
    height -= BETWEEN;
    t->width = first->width + 2 * AROUND, t->height = height + 2 * AROUND;
    int y = AROUND;
    for (i = 0; y < height + AROUND && i < t->n; i++) {
        t->tiles[i].left = AROUND, t->tiles[i].top = y;
        y += t->tiles[i].height + BETWEEN;
    }
    y -= BETWEEN;
    for (; i < t->n; i++) { /* then up the right side, as far as the first level */
        df_tile *tile = &t->tiles[i];
        tile->left = AROUND + first->width - tile->width, tile->top = y - tile->height;
        if (tile->top <= first->top + first->height - 1 && tile->left <= first->left + first->width - 1)
            break;
        y -= tile->height + BETWEEN;
    }
    t->n = i;
}

void df__tiled_layout(int width, int height, df_tiled *out)
{
    int full = -2 * BETWEEN;
    *out = (df_tiled){.n = 0};
    do {
        out->tiles[out->n++] = (df_tile){.width = width, .height = height};
        full += height + BETWEEN;
        width = (int)floor(rate * width), height = (int)floor(rate * height);
    } while (width > 0 && height >= LEAST_HEIGHT && out->n < DF_TILED_LEVELS);
    place(out, full);
}

/* ---- pixels ---- */

DF_CLONES static void convert(const uint8_t *rgb, float mean, size_t n, float *out)
{
    for (size_t x = 0; x < n; x++)
        out[x] = (float)(((double)rgb[3 * x] - (double)mean) / 256);
}

DF_CLONES static void mix(const float *restrict upper, const float *restrict lower, const int *restrict left, const float *restrict share, float down,
                          size_t n, float *restrict out)
{
    for (size_t x = 0; x < n; x++) {
        int l = left[x];
        float s = share[x], a = (1 - down) * (1 - s), b = (1 - down) * s, c = down * (1 - s), d = down * s;
        out[x] = a * upper[l] + b * upper[l + 1] + c * lower[l] + d * lower[l + 1];
    }
}

static void mix_edge(const df_resize_plan *p, const float *upper, const float *lower, double down, float *out)
{
    for (int x = p->lanes; x < p->width; x++) {
        int l = p->left[x], r = l + 1 < p->from_width ? l + 1 : l;
        double s = (double)(float)p->share_edge[x];
        out[x] = (float)((1 - down) * ((1 - s) * (double)upper[l] + s * (double)upper[r]) +
                         down * ((1 - s) * (double)lower[l] + s * (double)lower[r]));
    }
}

typedef struct fill_job {
    const df_tiled       *tiled;
    df_pixels             px;
    const float          *mean;
    const df_resize_plan *plan; /* from the level before; NULL: the photo itself */
    int                   level, bands;
    float                *out;
} fill_job;

static void fill_band(void *arg, size_t i, int worker)
{
    (void)worker;
    const fill_job *j = arg;
    const df_tile *to = &j->tiled->tiles[j->level];
    size_t width = (size_t)j->tiled->width, plane = width * (size_t)j->tiled->height, c = i / (size_t)j->bands, band = i % (size_t)j->bands;
    float *whole = j->out + c * plane, *at = whole + (size_t)to->top * width + (size_t)to->left;
    int end = (int)((int64_t)to->height * (int64_t)(band + 1) / j->bands);
    for (int y = (int)((int64_t)to->height * (int64_t)band / j->bands); y < end; y++) {
        float *row = at + (size_t)y * width;
        if (!j->plan) {
            convert(j->px.data + (size_t)y * j->px.stride + c, j->mean[c], (size_t)to->width, row);
            continue;
        }
        const df_tile *from = &j->tiled->tiles[j->level - 1];
        const float *source = whole + (size_t)from->top * width + (size_t)from->left;
        int top = j->plan->top[y], bottom = top + 1 < from->height ? top + 1 : top;
        const float *upper = source + (size_t)top * width, *lower = source + (size_t)bottom * width;
        mix(upper, lower, j->plan->left, j->plan->share, (float)j->plan->share_down[y], (size_t)j->plan->lanes, row);
        mix_edge(j->plan, upper, lower, j->plan->share_down[y], row);
    }
}

df_status df__tiled_fill(const df_tiled *tiled, df_pixels px, const float mean[3], int threads, df_arena *scratch, float *out, df_error *err)
{
    df_status st = DF_OK;
    fill_job j = {.tiled = tiled, .px = px, .mean = mean, .out = out};
    memset(out, 0, 3 * (size_t)tiled->width * (size_t)tiled->height * sizeof *out);
    for (; j.level < tiled->n; j.level++) {
        df_resize_plan plan;
        df_arena_mark mark = df__arena_mark(scratch);
        const df_tile *to = &tiled->tiles[j.level], *from = to - 1;
        if (j.level > 0)
            DF_TRY(df__resize_plan(from->width, from->height, to->width, to->height, scratch, &plan, err));
        j.plan = j.level > 0 ? &plan : NULL;
        j.bands = to->height >= BAND * threads ? threads : 1;
        df__parallel_for(3 * (size_t)j.bands, threads, fill_band, &j);
        df__arena_release(scratch, mark);
    }
done:
    return st;
}

/* ---- places ---- */

static int nearest(const df_tiled *t, double x, double y)
{
    int best = 0;
    double distance = (double)INFINITY;
    for (int i = 0; i < t->n; i++) {
        const df_tile *tile = &t->tiles[i];
        double dx = fmax(fmax(tile->left - x, x - (tile->left + tile->width - 1)), 0);
        double dy = fmax(fmax(tile->top - y, y - (tile->top + tile->height - 1)), 0);
        if (dx * dx + dy * dy < distance)
            distance = dx * dx + dy * dy, best = i;
    }
    return best;
}

void df__tiled_to_photo(const df_tiled *tiled, double box[4])
{
    /* dlib rounds the centre to a pixel before it asks */
    int level = nearest(tiled, floor((box[0] + box[2]) / 2 + 0.5), floor((box[1] + box[3]) / 2 + 0.5));
    for (int i = 0; i < 4; i++) {
        box[i] -= i % 2 ? tiled->tiles[level].top : tiled->tiles[level].left;
        for (int l = 0; l < level; l++)
            box[i] = box[i] * (6.0 / 5) + 0.3;
    }
}
