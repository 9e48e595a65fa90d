/* pyramid.c - planes and their bilinear copies. */
#include "detect/pyramid.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { ALIGN = 64 };

static size_t round_up(size_t n) { return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

size_t df__planes_bytes(int width, int height) { return 3 * round_up((size_t)width) * (size_t)height; }

df_planes df__planes_at(uint8_t *memory, int width, int height)
{
    df_planes p = {.width = width, .height = height, .stride = round_up((size_t)width)};
    for (size_t c = 0; c < 3; c++)
        p.plane[c] = memory + c * p.stride * (size_t)height;
    return p;
}

DF_CLONES static void split_row(const uint8_t *restrict rgb, size_t n, uint8_t *restrict r, uint8_t *restrict g, uint8_t *restrict b)
{
    for (size_t x = 0; x < n; x++) {
        r[x] = rgb[3 * x];
        g[x] = rgb[3 * x + 1];
        b[x] = rgb[3 * x + 2];
    }
}

void df__planes_split(df_pixels px, const df_planes *to)
{
    for (size_t y = 0; y < (size_t)px.height; y++)
        split_row(px.data + y * px.stride, (size_t)px.width, to->plane[0] + y * to->stride, to->plane[1] + y * to->stride,
                  to->plane[2] + y * to->stride);
}

/* dlib adds the step up four columns at a time, in floats. What that sum has lost by the right edge decides which pixels are mixed. */
static void plan_columns(df_resize_plan *p)
{
    double step = (double)(p->from_width - 1) / (p->width > 1 ? p->width - 1 : 1), start = -4 * step;
    float four = (float)(4 * step), at[4] = {(float)start, (float)(start + step), (float)(start + 2 * step), (float)(start + 3 * step)};
    int c = 0;
    for (;; c += 4) {
        for (int i = 0; i < 4; i++)
            at[i] += four;
        if (c + 4 > p->width || (int)at[3] + 1 >= p->from_width)
            break;
        for (int i = 0; i < 4; i++) {
            p->left[c + i] = (int)at[i];
            p->share[c + i] = at[i] - (float)(int)at[i];
        }
    }
    p->lanes = c;
    double x = -step + c * step;
    for (; c < p->width; c++) {
        x += step;
        p->left[c] = (int)floor(x);
        p->share_edge[c] = x - p->left[c];
    }
}

static void plan_rows(df_resize_plan *p)
{
    double step = (double)(p->from_height - 1) / (p->height > 1 ? p->height - 1 : 1), y = -step;
    for (int r = 0; r < p->height; r++) {
        y += step;
        p->top[r] = (int)floor(y);
        p->share_down[r] = y - p->top[r];
    }
}

/* Sums of steps may end a little past the last pixel. */
static void keep_inside(int *at, int n, int sides)
{
    for (int i = 0; i < n; i++)
        at[i] = at[i] < 0 ? 0 : at[i] < sides ? at[i] : sides - 1;
}

df_status df__resize_plan(int from_width, int from_height, int width, int height, df_arena *arena, df_resize_plan *out, df_error *err)
{
    df_resize_plan p = {.from_width = from_width, .from_height = from_height, .width = width, .height = height};
    size_t w = (size_t)width, h = (size_t)height;
    p.left = df__arena_calloc(arena, w, sizeof *p.left);
    p.share = df__arena_calloc(arena, w, sizeof *p.share);
    p.share_edge = df__arena_calloc(arena, w, sizeof *p.share_edge);
    p.top = df__arena_calloc(arena, h, sizeof *p.top);
    p.share_down = df__arena_calloc(arena, h, sizeof *p.share_down);
    if (!p.left || !p.share || !p.share_edge || !p.top || !p.share_down)
        return df__no_memory(err, "plan of a resized picture", w * 16 + h * 12);
    plan_columns(&p);
    plan_rows(&p);
    keep_inside(p.left, width, from_width);
    keep_inside(p.top, height, from_height);
    *out = p;
    return DF_OK;
}

/* The two neighbours of each column as one number: the left one is the low byte. */
static void pairs_of(const uint8_t *restrict row, const int *restrict left, size_t n, uint16_t *restrict to)
{
    for (size_t c = 0; c < n; c++) {
        const uint8_t *p = row + left[c];
        to[c] = (uint16_t)(p[0] | p[1] << 8);
    }
}

/* Products and their sum in dlib's order. */
DF_CLONES static void mix(const uint16_t *restrict upper, const uint16_t *restrict lower, const float *restrict share, float up, float down,
                          size_t n, uint8_t *restrict to)
{
    for (size_t c = 0; c < n; c++) {
        int32_t u = upper[c], l = lower[c];
        float right = share[c], left = 1 - right;
        float v = up * left * (float)(u & 255) + up * right * (float)(u >> 8) + down * left * (float)(l & 255) + down * right * (float)(l >> 8);
        to[c] = (uint8_t)(int32_t)v;
    }
}

static void mix_edge(const df_resize_plan *p, const uint8_t *upper, const uint8_t *lower, double down, uint8_t *to)
{
    for (int c = p->lanes; c < p->width; c++) {
        int l = p->left[c], r = l + 1 < p->from_width ? l + 1 : l;
        double s = p->share_edge[c];
        to[c] = (uint8_t)((1 - down) * ((1 - s) * upper[l] + s * upper[r]) + down * ((1 - s) * lower[l] + s * lower[r]));
    }
}

size_t df__resize_room(const df_resize_plan *plan) { return 2 * ((size_t)plan->lanes + ALIGN); }

void df__planes_resize(const df_resize_plan *plan, const df_planes *from, const df_planes *to, int first, int end, uint16_t *scratch)
{
    size_t n = (size_t)plan->lanes;
    for (int c = 0; c < 3; c++) {
        uint16_t *pairs[2] = {scratch, scratch + n + ALIGN};
        int held[2] = {-1, -1}; /* the rows that `pairs` are of */
        for (int y = first; y < end; y++) {
            int row[2] = {plan->top[y], plan->top[y] + 1 < plan->from_height ? plan->top[y] + 1 : plan->top[y]};
            if (held[1] == row[0]) {
                uint16_t *t = pairs[0];
                pairs[0] = pairs[1], pairs[1] = t;
                held[1] = held[0], held[0] = row[0];
            }
            const uint8_t *at[2];
            for (int i = 0; i < 2; i++) {
                at[i] = from->plane[c] + (size_t)row[i] * from->stride;
                if (held[i] != row[i])
                    pairs_of(at[i], plan->left, n, pairs[i]);
                held[i] = row[i];
            }
            uint8_t *out = to->plane[c] + (size_t)y * to->stride;
            mix(pairs[0], pairs[1], plan->share, (float)(1 - plan->share_down[y]), (float)plan->share_down[y], n, out);
            mix_edge(plan, at[0], at[1], plan->share_down[y], out);
        }
    }
}
