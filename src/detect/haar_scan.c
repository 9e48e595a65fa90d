/* haar_scan.c - the cascade on a row of windows. Eight neighbours go through a stage together as long as one of them is left: its
 * loads are side by side, and no branch is to be guessed. Cascades of trees go window by window. Sums are those of OpenCV to the
 * bit: features are whole numbers, leaves are added as doubles in its order. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "detect/haar_run.h"

enum { LANES = DF_HAAR_LANES };

typedef int32_t  i32 __attribute__((vector_size(4 * LANES)));
typedef uint32_t u32 __attribute__((vector_size(4 * LANES)));
typedef uint8_t  u8 __attribute__((vector_size(LANES)));
typedef float    f32 __attribute__((vector_size(4 * LANES)));
typedef double   f64_half __attribute__((vector_size(4 * LANES)));
typedef int64_t  i64_half __attribute__((vector_size(4 * LANES)));
typedef int32_t  i32_half __attribute__((vector_size(2 * LANES)));

/* Into every clone of its caller. */
#define INLINE static inline __attribute__((always_inline))

/* ---- one window ---- */

static double feature(const df_haar_scan *s, const df_haar_node *n, const uint32_t *at, float scale)
{
    uint32_t v = 0;
    for (uint32_t i = n->first; i < n->first + n->n; i++)
        v += at[s->offset[i]] * (uint32_t)s->haar->factors[i];
    return (double)((float)(int32_t)v * scale);
}

static double stage_sum(const df_haar_scan *s, const df_cascade_stage *stage, const uint32_t *at, float scale)
{
    const df_haar *h = s->haar;
    double sum = 0;
    for (size_t t = stage->tree; t < stage->tree + stage->trees; t++) {
        const df_cascade_tree *tree = &h->trees[t];
        int child = 0;
        do {
            const df_haar_node *n = &h->nodes[tree->node + (size_t)child];
            child = feature(s, n, at, scale) < (double)n->threshold ? n->left : n->right;
        } while (child > 0);
        sum += (double)h->leaves[tree->leaf + (size_t)-child];
    }
    return sum;
}

/* Stages from `stage` on; true when the window passes all. */
static bool passes(const df_haar_scan *s, size_t stage, const uint32_t *at, float scale, double *weight)
{
    for (; stage < s->haar->n_stages; stage++) {
        *weight = stage_sum(s, &s->haar->stages[stage], at, scale);
        if (*weight < (double)s->haar->stages[stage].threshold)
            return false;
    }
    return true;
}

/* ---- brightness: features are divided by the window's standard deviation times its area; flat windows are none ---- */

DF_CLONES static void spread(const uint32_t *at, const uint32_t *square, const int32_t *norm, double area, size_t n, float *scale)
{
    const uint32_t *a = at + norm[0], *b = at + norm[1], *c = at + norm[2], *d = at + norm[3];
    const uint32_t *e = square + norm[0], *f = square + norm[1], *g = square + norm[2], *h = square + norm[3];
    for (size_t i = 0; i < n; i++) {
        int32_t sum = (int32_t)(a[i] - b[i] - c[i] + d[i]);
        uint32_t squares = e[i] - f[i] - g[i] + h[i];
        double v = area * squares - (double)sum * sum;
        float one = (float)(1 / sqrt(v > 0 ? v : 1));
        scale[i] = v > 0 && area * (double)one < 0.1 ? one : 0;
    }
}

/* ---- many windows ---- */

/* Sums of lanes 0 1 4 5, then of 2 3 6 7. */
INLINE void add_stump(const df_haar_scan *s, const df_haar_node *n, const uint32_t *at, const f32 *scale, f64_half sum[2])
{
    const int32_t *offset = s->offset + n->first, *factor = s->haar->factors + n->first;
    u32 v = {0};
#pragma GCC unroll 2
    for (uint32_t i = 0; i < n->n; i++) {
        u32 p;
        memcpy(&p, at + offset[i], sizeof p);
        v += p * (uint32_t)factor[i];
    }
    i32 low = __builtin_convertvector((i32)v, f32) * *scale < n->threshold;
    /* each 32-bit answer twice makes a 64-bit one; unpacking them so takes one instruction each */
    i64_half first = (i64_half)__builtin_shufflevector(low, low, 0, 0, 1, 1, 4, 4, 5, 5);
    i64_half second = (i64_half)__builtin_shufflevector(low, low, 2, 2, 3, 3, 6, 6, 7, 7);
    f64_half high = {n->high, n->high, n->high, n->high};
    i64_half differ = {n->differ, n->differ, n->differ, n->differ};
    sum[0] += (f64_half)((i64_half)high ^ (differ & first));
    sum[1] += (f64_half)((i64_half)high ^ (differ & second));
}

/* All ones where the leaves of a stage sum to less than its threshold. */
INLINE void fails(const df_haar_scan *s, const df_cascade_stage *stage, const uint32_t *at, const f32 *scale, f64_half sum[2], i32 *out)
{
    const df_haar_node *n = s->haar->nodes + s->haar->trees[stage->tree].node; /* stumps: a node a tree */
    sum[0] = sum[1] = (f64_half){0};
    for (size_t i = 0; i < stage->trees; i++)
        add_stump(s, &n[i], at, scale, sum);
    i32_half a = __builtin_convertvector((i64_half)(sum[0] < (double)stage->threshold), i32_half);
    i32_half b = __builtin_convertvector((i64_half)(sum[1] < (double)stage->threshold), i32_half);
    *out = __builtin_shufflevector(a, b, 0, 1, 4, 5, 2, 3, 6, 7);
}

/* Of the first stage: 0 no window, 1 fails, 2 passes. */
DF_CLONES static void first_stage(const df_haar_scan *s, const uint32_t *at, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        f32 scale;
        f64_half sum[2];
        memcpy(&scale, s->scale + i, sizeof scale);
        i32 failed, mark;
        fails(s, &s->haar->stages[0], at + i, &scale, sum, &failed);
        mark = (2 + failed) & (scale > 0);
        u8 bytes = __builtin_convertvector(mark, u8);
        memcpy(s->mark + i, &bytes, sizeof bytes);
    }
}

/* Windows [0, LANES) of which live[k] is not 0 passed the first stage: through the others. Returns how many hits there are. */
DF_CLONES static size_t later_stages(const df_haar_scan *s, const uint32_t *at, const float *scales, const uint8_t *live, uint32_t index,
                                     df_haar_hit *hits)
{
    size_t n = 0, stage = s->haar->n_stages > 1; /* a lone stage once more, for its sum */
    int32_t alive[LANES];
    f64_half sum[2] = {{0}, {0}};
    f32 scale;
    i32 left, failed;
    memcpy(&scale, scales, sizeof scale);
    for (int k = 0; k < LANES; k++)
        alive[k] = -(live[k] != 0);
    for (; stage < s->haar->n_stages; stage++) {
        fails(s, &s->haar->stages[stage], at, &scale, sum, &failed);
        memcpy(&left, alive, sizeof left);
        left &= ~failed;
        memcpy(alive, &left, sizeof left);
        int32_t rest = 0;
        for (int k = 0; k < LANES; k++)
            rest |= alive[k];
        if (!rest)
            return 0;
    }
    const double weights[LANES] = {sum[0][0], sum[0][1], sum[1][0], sum[1][1], sum[0][2], sum[0][3], sum[1][2], sum[1][3]};
    for (uint32_t k = 0; k < LANES; k++)
        if (alive[k])
            hits[n++] = (df_haar_hit){index + k, weights[k]};
    return n;
}

static bool any(const uint8_t *mark)
{
    uint64_t v;
    memcpy(&v, mark, sizeof v);
    return v != 0;
}

/* OpenCV steps over the window behind one that fails the first stage. */
static void step_over(uint8_t *mark, size_t n)
{
    unsigned skip = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned m = mark[i] & (skip - 1);
        mark[i] = (uint8_t)(m >> 1);
        skip = m & 1;
    }
}

static size_t scan_trees(const df_haar_scan *s, const uint32_t *at, size_t n, df_haar_hit *hits)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(s->scale[i] > 0))
            continue;
        double weight = stage_sum(s, &s->haar->stages[0], at + i, s->scale[i]);
        if (weight < (double)s->haar->stages[0].threshold)
            i++;
        else if (passes(s, 1, at + i, s->scale[i], &weight))
            hits[found++] = (df_haar_hit){(uint32_t)i, weight};
    }
    return found;
}

size_t df__haar_scan_row(const df_haar_scan *s, const uint32_t *at, size_t n, df_haar_hit *hits)
{
    size_t found = 0, padded = (n + LANES - 1) / LANES * LANES;
    double area = (double)(s->haar->width - 2) * (s->haar->height - 2);
    spread(at, at + s->square, s->norm, area, n, s->scale);
    if (!s->haar->stumps)
        return scan_trees(s, at, n, hits);
    memset(s->scale + n, 0, (padded - n) * sizeof *s->scale);
    first_stage(s, at, padded);
    step_over(s->mark, padded);
    for (size_t i = 0; i < padded; i += LANES)
        if (any(s->mark + i))
            found += later_stages(s, at + i, s->scale + i, s->mark + i, (uint32_t)i, hits + found);
    return found;
}
