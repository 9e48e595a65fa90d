/* pyramid.c - pictures of one number a pixel and their bilinear copies. */
#include "detect/pyramid.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { ALIGN = 16 }; /* pixels */

static size_t round_up(size_t n) { return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

size_t df__packed_bytes(int width, int height)
{
    return (round_up((size_t)width) * (size_t)height + DF_PACKED_SLACK) * sizeof(uint32_t);
}

df_packed df__packed_at(void *memory, int width, int height)
{
    return (df_packed){.width = width, .height = height, .stride = round_up((size_t)width), .data = memory};
}

DF_CLONES static void pack_row(const uint8_t *restrict rgb, size_t n, uint32_t *restrict to)
{
    for (size_t x = 0; x < n; x++)
        to[x] = (uint32_t)rgb[3 * x] | (uint32_t)rgb[3 * x + 1] << 8 | (uint32_t)rgb[3 * x + 2] << 16;
}

void df__pack(df_pixels px, const df_packed *to)
{
    for (size_t y = 0; y < (size_t)px.height; y++)
        pack_row(px.data + y * px.stride, (size_t)px.width, to->data + y * to->stride);
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
    p->near = true;
    for (int i = 0; i + 15 < c; i += 16)
        p->near &= p->left[i + 15] + 1 - p->left[i] < 32;
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

/* Products and their sum in dlib's order. */
DF_CLONES static void mix(const uint32_t *restrict upper, const uint32_t *restrict lower, const int *restrict at, const float *restrict share,
                          float up, float down, size_t n, uint32_t *restrict to)
{
    for (size_t c = 0; c < n; c++) {
        uint32_t ul = upper[at[c]], ur = upper[at[c] + 1], ll = lower[at[c]], lr = lower[at[c] + 1], out = 0;
        float right = share[c], left = 1 - right, a = up * left, b = up * right, d = down * left, e = down * right;
        for (int bit = 0; bit < 24; bit += 8) {
            float v = a * (float)(int32_t)(ul >> bit & 255) + b * (float)(int32_t)(ur >> bit & 255) +
                      d * (float)(int32_t)(ll >> bit & 255) + e * (float)(int32_t)(lr >> bit & 255);
            out |= (uint32_t)(int32_t)v << bit;
        }
        to[c] = out;
    }
}

#if DF_HAS_V4
typedef uint32_t words __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(64)));

#define LOAD(v, from) memcpy(&(v), from, sizeof(v))

#define CHANNEL(pixel) __builtin_convertvector((ints)((pixel) >> bit & 255), floats)

/* The same for sixteen columns at a time whose pixels lie within 32: these come by two loads and a shuffle instead of one by one. */
DF_V4 static void mix_near(const uint32_t *upper, const uint32_t *lower, const int *at, const float *share, float up, float down, size_t n,
                           uint32_t *to)
{
    for (size_t c = 0; c < n; c += 16) {
        ints place;
        floats right;
        LOAD(place, at + c);
        LOAD(right, share + c);
        place -= at[c];
        words u0, u1, l0, l1, out = {0};
        LOAD(u0, upper + at[c]);
        LOAD(u1, upper + at[c] + 16);
        LOAD(l0, lower + at[c]);
        LOAD(l1, lower + at[c] + 16);
        words ul = __builtin_shuffle(u0, u1, (words)place), ur = __builtin_shuffle(u0, u1, (words)(place + 1));
        words ll = __builtin_shuffle(l0, l1, (words)place), lr = __builtin_shuffle(l0, l1, (words)(place + 1));
        floats left = 1 - right, a = up * left, b = up * right, d = down * left, e = down * right;
        for (int bit = 0; bit < 24; bit += 8) {
            floats v = a * CHANNEL(ul) + b * CHANNEL(ur) + d * CHANNEL(ll) + e * CHANNEL(lr);
            out |= (words)__builtin_convertvector(v, ints) << bit;
        }
        memcpy(to + c, &out, sizeof out);
    }
}
#endif

static void mix_edge(const df_resize_plan *p, const uint32_t *upper, const uint32_t *lower, double down, uint32_t *to)
{
    for (int c = p->lanes; c < p->width; c++) {
        int l = p->left[c], r = l + 1 < p->from_width ? l + 1 : l;
        double s = p->share_edge[c];
        to[c] = 0;
        for (int bit = 0; bit < 24; bit += 8) {
            double ul = upper[l] >> bit & 255, ur = upper[r] >> bit & 255, ll = lower[l] >> bit & 255, lr = lower[r] >> bit & 255;
            to[c] |= (uint32_t)((1 - down) * ((1 - s) * ul + s * ur) + down * ((1 - s) * ll + s * lr)) << bit;
        }
    }
}

static void mix_row(const df_resize_plan *p, const uint32_t *upper, const uint32_t *lower, float up, float down, uint32_t *to)
{
    size_t n = (size_t)p->lanes, near = 0;
#if DF_HAS_V4
    near = p->near && DF_CPU_HAS_V4 ? n & ~(size_t)15 : 0;
    mix_near(upper, lower, p->left, p->share, up, down, near, to);
#endif
    mix(upper, lower, p->left + near, p->share + near, up, down, n - near, to + near);
}

void df__packed_resize(const df_resize_plan *plan, const df_packed *from, const df_packed *to, int first, int end)
{
    for (int y = first; y < end; y++) {
        int top = plan->top[y], bottom = top + 1 < plan->from_height ? top + 1 : top;
        const uint32_t *upper = from->data + (size_t)top * from->stride, *lower = from->data + (size_t)bottom * from->stride;
        uint32_t *out = to->data + (size_t)y * to->stride;
        double down = plan->share_down[y];
        mix_row(plan, upper, lower, (float)(1 - down), (float)down, out);
        mix_edge(plan, upper, lower, down, out);
    }
}
