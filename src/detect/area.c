/* area.c - columns are added up first, then what lies under each pixel of the row. */
#include "detect/area.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { SLACK = 16, MOST_ROWS = 256 /* whose sums 16 bits hold */ };

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

/* Share of pixel i of the span from `begin` to `end`, in pixels. TensorFlow computes the span in floats. */
static float share_of(int i, float begin, float end, float span)
{
    float pixel = (float)i, behind = pixel + 1;
    if (pixel < begin)
        return behind > end ? span : behind - begin;
    return behind > end ? end - pixel : 1;
}

/* The pixels under a place, all of which count as one. */
static void whole_span(int place, int from, int to, int *first, int *end)
{
    *first = (int)((int64_t)place * from / to);
    *end = (int)((((int64_t)place + 1) * from + to - 1) / to);
}

static void span_of(int place, float step, int limit, int *first, int *end, float *from, float *to)
{
    *from = (float)place * step, *to = (float)(place + 1) * step;
    *first = (int)floorf(*from), *end = (int)ceilf(*to);
    *first = *first < limit - 1 ? *first : limit - 1;
    *end = *end > limit ? limit : *end > *first ? *end : *first + 1;
}

df_status df__area_plan(int from_width, int from_height, int width, int height, df_area_rule rule, float scale, float offset, df_arena *arena,
                        df_area_plan *out, df_error *err)
{
    float step = (float)from_width / (float)width, from = 0, to = 0;
    int most = from_width / width + 3; /* one is cut at either end; one more for rounding */
    size_t room = (size_t)width * sizeof(int) + (size_t)width * (size_t)most * sizeof(float);
    *out = (df_area_plan){.rule = rule, .from_width = from_width, .from_height = from_height, .width = width, .height = height, .scale = scale, .offset = offset};
    out->left = df__arena_calloc(arena, 1, room);
    if (!out->left)
        return df__no_memory(err, "reduced picture", room);
    out->share = (float *)(out->left + width);
    for (int pass = 0; pass < 2; pass++) /* how many there are at most, then their shares */
        for (int x = 0; x < width; x++) {
            int end;
            if (rule == DF_AREA_WHOLE)
                whole_span(x, from_width, width, &out->left[x], &end);
            else
                span_of(x, step, from_width, &out->left[x], &end, &from, &to);
            int n = end - out->left[x] < most ? end - out->left[x] : most;
            if (pass == 0)
                out->most = n > out->most ? n : out->most;
            for (int i = 0; i < n && pass == 1; i++)
                out->share[x * out->most + i] = rule == DF_AREA_WHOLE ? 1 / (float)n : share_of(out->left[x] + i, from, to, step);
        }
    return DF_OK;
}

/* Columns, then whole rows as numbers of 16 bits. */
static size_t columns_of(int from_width) { return (3 * (size_t)from_width + 2 * SLACK - 1) / SLACK * SLACK; }

size_t df__area_room(int from_width) { return columns_of(from_width) * 3 / 2; }

DF_CLONES static void set_ends(const uint8_t *restrict a, const uint8_t *restrict b, float share_a, float share_b, size_t n, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = share_a * (float)a[i] + share_b * (float)b[i];
}

DF_CLONES static void sum_four(const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c, const uint8_t *restrict d, size_t n,
                               uint16_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint16_t)(to[i] + a[i] + b[i] + c[i] + d[i]);
}

DF_CLONES static void sum_one(const uint8_t *restrict a, size_t n, uint16_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint16_t)(to[i] + a[i]);
}

DF_CLONES static void add_sums(const uint16_t *restrict sums, float share, size_t n, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += share * (float)sums[i];
}

/* The columns of rows first .. end: both ends by shares of their own, what is between by one. */
static void add_up(const df_area_plan *plan, df_pixels px, int first, int end, const float share[3], float *work)
{
    size_t n = 3 * (size_t)plan->from_width;
    uint16_t *sums = (uint16_t *)(void *)(work + columns_of(plan->from_width));
    const uint8_t *row = px.data + (size_t)first * px.stride, *last = px.data + ((size_t)end - 1) * px.stride;
    set_ends(row, last, share[0], end - first > 1 ? share[2] : 0, n, work);
    for (row += px.stride; row < last;) {
        size_t left = (size_t)(last - row) / px.stride, rows = left < MOST_ROWS ? left : MOST_ROWS, i = 0;
        memset(sums, 0, n * sizeof *sums);
        for (; i + 4 <= rows; i += 4, row += 4 * px.stride)
            sum_four(row, row + px.stride, row + 2 * px.stride, row + 3 * px.stride, n, sums);
        for (; i < rows; i++, row += px.stride)
            sum_one(row, n, sums);
        add_sums(sums, share[1], n, work);
    }
}

/* All columns by as many pixels, which is quicker than to guess how many there are under each. */
static inline __attribute__((always_inline)) void gather_by(const df_area_plan *plan, const float *columns, float *out, int most)
{
    const float *share = plan->share;
    for (int x = 0; x < plan->width; x++, share += most, out += 4) {
        const float *at = columns + 3 * (size_t)plan->left[x];
        four sum = {0};
        for (int i = 0; i < most; i++)
            sum += share[i] * *(const four *)(at + 3 * i);
        *(four *)out = sum + plan->offset;
    }
}

DF_CLONES static void gather(const df_area_plan *plan, const float *columns, float *out)
{
    if (plan->most == 2)
        gather_by(plan, columns, out, 2);
    else if (plan->most == 3)
        gather_by(plan, columns, out, 3);
    else if (plan->most == 4)
        gather_by(plan, columns, out, 4);
    else
        gather_by(plan, columns, out, plan->most);
}

void df__area_row(const df_area_plan *plan, df_pixels px, int y, float *work, float *out)
{
    float step = (float)plan->from_height / (float)plan->height, step_x = (float)plan->from_width / (float)plan->width, from, to, share[3];
    int first, end;
    if (plan->rule == DF_AREA_WHOLE) {
        whole_span(y, plan->from_height, plan->height, &first, &end);
        share[0] = share[1] = share[2] = plan->scale / (float)(end - first);
    } else {
        span_of(y, step, plan->from_height, &first, &end, &from, &to);
        share[1] = plan->scale / (step * step_x);
        share[0] = share[1] * share_of(first, from, to, step);
        share[2] = share[1] * share_of(end - 1, from, to, step);
    }
    add_up(plan, px, first, end, share, work);
    memset(work + 3 * (size_t)plan->from_width, 0, SLACK * sizeof *work);
    gather(plan, work, out);
}
