/* area.c - columns are added up first, then what lies under each pixel of the row. */
#include "detect/area.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { SLACK = 16 };

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
    float step = (float)from_width / (float)width, from, to;
    size_t most = (size_t)from_width + 2 * (size_t)width, room = (2 * (size_t)width + 1) * sizeof(int) + most * sizeof(float);
    *out = (df_area_plan){.rule = rule, .from_width = from_width, .from_height = from_height, .width = width, .height = height, .scale = scale, .offset = offset};
    out->left = df__arena_alloc(arena, room);
    if (!out->left)
        return df__no_memory(err, "reduced picture", room);
    out->first = out->left + width;
    out->share = (float *)(out->first + width + 1);
    int n = 0;
    for (int x = 0; x < width; x++) {
        int end;
        if (rule == DF_AREA_WHOLE)
            whole_span(x, from_width, width, &out->left[x], &end);
        else
            span_of(x, step, from_width, &out->left[x], &end, &from, &to);
        out->first[x] = n;
        for (int i = out->left[x]; i < end; i++)
            out->share[n++] = rule == DF_AREA_WHOLE ? 1 / (float)(end - out->left[x]) : share_of(i, from, to, step);
    }
    out->first[width] = n;
    return DF_OK;
}

size_t df__area_room(int from_width) { return 3 * (size_t)from_width + SLACK; }

DF_CLONES static void set_row(const uint8_t *restrict from, float share, size_t n, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = share * (float)from[i];
}

DF_CLONES static void add_row(const uint8_t *restrict from, float share, size_t n, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += share * (float)from[i];
}

DF_CLONES static void add_two(const uint8_t *restrict a, const uint8_t *restrict b, float share_a, float share_b, size_t n, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += share_a * (float)a[i] + share_b * (float)b[i];
}

DF_CLONES static void gather(const df_area_plan *plan, const float *columns, float *out)
{
    for (int x = 0; x < plan->width; x++) {
        const float *at = columns + 3 * (size_t)plan->left[x];
        four sum = {0};
        for (int i = plan->first[x]; i < plan->first[x + 1]; i++, at += 3)
            sum += plan->share[i] * *(const four *)at;
        *(four *)(out + 4 * (size_t)x) = sum + plan->offset;
    }
}

/* Every row under it by the same share. */
static void add_whole(const df_area_plan *plan, df_pixels px, int y, size_t n, float *work)
{
    int first, end, i;
    whole_span(y, plan->from_height, plan->height, &first, &end);
    float share = plan->scale / (float)(end - first);
    set_row(px.data + (size_t)first * px.stride, share, n, work);
    for (i = first + 1; i + 1 < end; i += 2)
        add_two(px.data + (size_t)i * px.stride, px.data + ((size_t)i + 1) * px.stride, share, share, n, work);
    if (i < end)
        add_row(px.data + (size_t)i * px.stride, share, n, work);
}

static void add_shares(const df_area_plan *plan, df_pixels px, int y, size_t n, float *work)
{
    float step = (float)plan->from_height / (float)plan->height, step_x = (float)plan->from_width / (float)plan->width, from, to;
    float scale = plan->scale / (step * step_x);
    int first, end, i;
    span_of(y, step, plan->from_height, &first, &end, &from, &to);
    set_row(px.data + (size_t)first * px.stride, scale * share_of(first, from, to, step), n, work);
    for (i = first + 1; i + 1 < end; i += 2)
        add_two(px.data + (size_t)i * px.stride, px.data + ((size_t)i + 1) * px.stride, scale * share_of(i, from, to, step),
                scale * share_of(i + 1, from, to, step), n, work);
    if (i < end)
        add_row(px.data + (size_t)i * px.stride, scale * share_of(i, from, to, step), n, work);
}

void df__area_row(const df_area_plan *plan, df_pixels px, int y, float *work, float *out)
{
    size_t n = 3 * (size_t)plan->from_width;
    if (plan->rule == DF_AREA_WHOLE)
        add_whole(plan, px, y, n, work);
    else
        add_shares(plan, px, y, n, work);
    memset(work + n, 0, SLACK * sizeof *work);
    gather(plan, work, out);
}
