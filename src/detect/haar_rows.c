/* haar_rows.c - from a photo to integral pictures of one scale, a row at a time while they are looked at, so that all stays in cache. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "detect/haar_run.h"

/* ---- grey ---- */

df_status df__grey_new(int width, int height, df_arena *scratch, uint8_t **data, df_grey *out, df_error *err)
{
    size_t n = (size_t)width * (size_t)height;
    *data = df__arena_calloc(scratch, n, 1);
    if (!*data)
        return df__no_memory(err, "grey picture", n);
    *out = (df_grey){width, height, (size_t)width, *data};
    return DF_OK;
}

/* ITU-R BT.601 in units of 1/2^15 with OpenCV's roundings (imgproc/src/color_rgb.simd.hpp). */
DF_CLONES static void grey_row(const uint8_t *restrict rgb, uint8_t *restrict to, size_t n)
{
    for (size_t x = 0; x < n; x++)
        to[x] = (uint8_t)((9798u * rgb[3 * x] + 19235u * rgb[3 * x + 1] + 3735u * rgb[3 * x + 2] + (1u << 14)) >> 15);
}

void df__grey_fill(df_pixels px, uint8_t *to, size_t stride)
{
    for (int y = 0; y < px.height; y++)
        grey_row(px.data + (size_t)y * px.stride, to + (size_t)y * stride, (size_t)px.width);
}

/* ---- scaling: cv2.resize with INTER_LINEAR_EXACT, to the bit. All products are whole numbers, so their order is free. ---- */

/* Pixel centres at +0.5; where the picture ends its last pixel repeats. */
static void place_of(int i, int to, int from, uint32_t *first, uint8_t *part)
{
    double at = 1 / ((double)to / from) * (i + 0.5) - 0.5, down = floor(at);
    long f = lrint((at - down) * 256); /* 256: all of the right one, which is the left one of the place beside */
    if (down < 0 || down >= from - 1) {
        *first = down < 0 ? 0 : (uint32_t)from - 1;
        *part = 0;
        return;
    }
    *first = (uint32_t)down + (f == 256);
    *part = (uint8_t)f;
}

df_status df__haar_columns(int from, df_haar_layer *layer, df_arena *scratch, df_error *err)
{
    size_t n = (size_t)layer->width;
    layer->first = df__arena_alloc(scratch, n * sizeof *layer->first);
    layer->part = df__arena_alloc(scratch, n);
    if (!layer->first || !layer->part)
        return df__no_memory(err, "columns of a scale", n * (sizeof *layer->first + 1));
    for (int x = 0; x < layer->width; x++)
        place_of(x, layer->width, from, &layer->first[x], &layer->part[x]);
    return DF_OK;
}

/* Each column with its right neighbour in the upper half, both in units of 1/256. */
DF_CLONES static void blend(const uint8_t *restrict a, const uint8_t *restrict b, uint32_t part, uint32_t *restrict pairs, size_t n)
{
    for (size_t x = 0; x + 1 < n; x++)
        pairs[x] = (a[x] * (256 - part) + b[x] * part) | (a[x + 1] * (256 - part) + b[x + 1] * part) << 16;
    pairs[n - 1] = a[n - 1] * (256 - part) + b[n - 1] * part; /* the right one counts for nothing */
}

DF_CLONES static void take_columns(const uint32_t *restrict pairs, const uint32_t *restrict first, const uint8_t *restrict part,
                                   uint8_t *restrict to, size_t n)
{
    for (size_t x = 0; x < n; x++) {
        uint32_t p = pairs[first[x]], f = part[x];
        to[x] = (uint8_t)(((p & 0xFFFF) * (256 - f) + (p >> 16) * f + (1u << 15)) >> 16);
    }
}

static const uint8_t *scaled_row(df_haar_rows *r, int y)
{
    const df_haar_layer *l = r->layer;
    uint32_t first;
    uint8_t part;
    if (!l->first)
        return r->grey.data + (size_t)y * r->grey.stride;
    place_of(y, l->height, r->grey.height, &first, &part);
    const uint8_t *a = r->grey.data + first * r->grey.stride, *b = part ? a + r->grey.stride : a;
    blend(a, b, part, r->pairs, (size_t)r->grey.width);
    take_columns(r->pairs, l->first, l->part, r->line[0], (size_t)l->width);
    return r->line[0];
}

/* ---- integral pictures ---- */

size_t df__haar_stride(int width)
{
    size_t half = ((size_t)width / 2 + 1 + DF_HAAR_SLACK + 15) / 16 * 16; /* an odd number of cache lines keeps rows of one column apart */
    return 2 * half + ((half / 8) % 2 ? 0 : 16);
}

df_status df__haar_rows_new(df_grey grey, int rows, bool tilted, df_arena *scratch, df_haar_rows *out, df_error *err)
{
    size_t stride = df__haar_stride(grey.width), plane = ((size_t)rows + 1) * stride, planes = tilted ? 3 : 2, width = (size_t)grey.width;
    df_haar_rows r = {.grey = grey, .layout = {.stride = stride, .odd = stride / 2}};
    r.sum = df__arena_calloc(scratch, plane * planes, sizeof *r.sum);
    r.pairs = df__arena_alloc(scratch, width * sizeof *r.pairs);
    r.line[0] = df__arena_alloc(scratch, width);
    r.line[1] = df__arena_alloc(scratch, width);
    if (!r.sum || !r.pairs || !r.line[0] || !r.line[1])
        return df__no_memory(err, "integral pictures", plane * planes * sizeof *r.sum);
    r.square = r.sum + plane;
    if (tilted) {
        r.slant = r.sum + 2 * plane;
        for (int i = 0; i < 2; i++) {
            r.old[i] = df__arena_alloc(scratch, (width + 1) * sizeof *r.old[i]);
            if (!r.old[i])
                return df__no_memory(err, "tilted sums", (width + 1) * sizeof *r.old[i]);
        }
    }
    *out = r;
    return DF_OK;
}

void df__haar_rows_begin(df_haar_rows *r, const df_haar_layer *layer, int top)
{
    r->layer = layer;
    r->layout.step = layer->step;
    r->top = top;
    r->made = 0;
    memset(r->sum, 0, r->layout.stride * sizeof *r->sum);
    memset(r->square, 0, r->layout.stride * sizeof *r->square);
    if (!r->slant)
        return;
    memset(r->slant, 0, r->layout.stride * sizeof *r->slant);
    memset(r->line[1], 0, (size_t)layer->width);
    for (int i = 0; i < 2; i++)
        memset(r->old[i], 0, ((size_t)layer->width + 1) * sizeof *r->old[i]);
}

/* Columns side by side; column 0 is 0. */
static void sums_plain(const uint8_t *restrict line, size_t n, const uint32_t *restrict above, uint32_t *restrict sum,
                       const uint32_t *restrict square_above, uint32_t *restrict square)
{
    uint32_t s = 0, q = 0;
    sum[0] = square[0] = 0;
    for (size_t x = 0; x < n; x++) {
        uint32_t v = line[x];
        sum[x + 1] = above[x + 1] + (s += v);
        square[x + 1] = square_above[x + 1] + (q += v * v);
    }
}

/* Even columns, and `odd` behind them the odd ones. */
static void sums_by_parity(const uint8_t *restrict line, size_t n, size_t odd, const uint32_t *restrict above, uint32_t *restrict sum,
                           const uint32_t *restrict square_above, uint32_t *restrict square)
{
    uint32_t s = 0, q = 0;
    sum[0] = square[0] = 0;
    size_t k = 0;
    for (; 2 * k + 1 < n; k++) {
        uint32_t v = line[2 * k], w = line[2 * k + 1];
        sum[odd + k] = above[odd + k] + (s += v);
        square[odd + k] = square_above[odd + k] + (q += v * v);
        sum[k + 1] = above[k + 1] + (s += w);
        square[k + 1] = square_above[k + 1] + (q += w * w);
    }
    if (2 * k < n) {
        uint32_t v = line[2 * k];
        sum[odd + k] = above[odd + k] + s + v;
        square[odd + k] = square_above[odd + k] + q + v * v;
    }
}

/* Sum over the pixels of the cone above: |x - X + 1| <= Y - y - 1. Where the picture ends the neighbour outside equals one inside. */
static void slant_row(df_haar_rows *r, const uint8_t *line, uint32_t *to)
{
    size_t n = (size_t)r->layer->width;
    uint32_t *two = r->old[0], *one = r->old[1]; /* two rows above, becomes this one */
    const uint8_t *before = r->line[1];
    two[0] = one[1];
    for (size_t x = 1; x < n; x++)
        two[x] = one[x - 1] + one[x + 1] - two[x] + line[x - 1] + before[x - 1];
    two[n] = one[n - 1] + line[n - 1] + before[n - 1];
    for (size_t x = 0; x <= n; x++)
        to[df__haar_place(&r->layout, x, 0)] = two[x];
    r->old[0] = one, r->old[1] = two;
    memcpy(r->line[1], line, n);
}

void df__haar_rows_upto(df_haar_rows *r, int n)
{
    size_t width = (size_t)r->layer->width, stride = r->layout.stride;
    for (; r->made < n; r->made++) {
        const uint8_t *line = scaled_row(r, r->top + r->made);
        size_t above = (size_t)r->made * stride, at = above + stride;
        if (r->layout.step == 2)
            sums_by_parity(line, width, r->layout.odd, r->sum + above, r->sum + at, r->square + above, r->square + at);
        else
            sums_plain(line, width, r->sum + above, r->sum + at, r->square + above, r->square + at);
        if (r->slant)
            slant_row(r, line, r->slant + at);
    }
}
