/* chip.c - cut an aligned chip out of a photo of any size: halve the part of the photo around the face until a pixel of the chip
 * is less than two wide, then interpolate. Geometry, filter and roundings are those of dlib 19.24 and 20.0
 * (image_transforms/interpolation.h, extract_image_chips; image_pyramid.h, pyramid_down<2>), so that a network trained on dlib's
 * chips sees the same pixels. */
#include "image/warp.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

typedef struct box { double left, top, right, bottom; } box; /* of pixel centres, both ends inside */

/* Where dlib says that a point of one level lies on the next. The filter is centred on 2x + 2, so -1 would be exact: the quarters
 * are a known slip of dlib's, kept because its chips have it. */
static const double shift_x = 1.25, shift_y = 0.75;

/* A level with a side of 8 pixels or less has no next one. */
enum { LEAST_SIDE = 9 };

DF_CLONES static void sum_rows(const uint8_t *p, size_t stride, size_t n, uint16_t *sum)
{
    const uint8_t *a = p, *b = a + stride, *c = b + stride, *d = c + stride, *e = d + stride;
    for (size_t i = 0; i < n; i++)
        sum[i] = (uint16_t)(a[i] + 4 * b[i] + 6 * c[i] + 4 * d[i] + e[i]);
}

DF_CLONES static void sum_columns(const uint16_t *sum, uint8_t *restrict row, int width)
{
    for (size_t x = 0; x < (size_t)width; x++)
        for (size_t c = 0; c < 3; c++) {
            const uint16_t *p = sum + 6 * x + c;
            row[3 * x + c] = (uint8_t)((p[0] + 4 * p[3] + 6 * p[6] + 4 * p[9] + p[12]) >> 8);
        }
}

/* Smooth with 1 4 6 4 1 both ways and keep every other pixel. Sums reach 16 * 16 * 255 < 2^16. */
static df_status halve(df_pixels from, df_arena *scratch, df_pixels *out, df_error *err)
{
    df_status st = df__pixels_in(scratch, (from.width - 3) / 2, (from.height - 3) / 2, out, err);
    if (st != DF_OK)
        return st;
    size_t n = (size_t)from.width * 3;
    uint16_t *sum = df__arena_calloc(scratch, n, sizeof *sum);
    if (!sum)
        return df__no_memory(err, "chip: a row", n * sizeof *sum);
    for (int y = 0; y < out->height; y++) {
        sum_rows(from.data + 2 * (size_t)y * from.stride, from.stride, n, sum);
        sum_columns(sum, out->data + (size_t)y * out->stride, out->width);
    }
    return DF_OK;
}

/* How often the photo is halved for this chip, and the pixels around it that the filters need at full size. */
static int count_levels(double width, double height, double wanted, double *border)
{
    int levels = 0;
    *border = 2;
    for (;;) {
        width = (width - 1) / 2 + 1, height = (height - 1) / 2 + 1; /* sides are counted in centres plus one */
        if (!(width * height > wanted))
            return levels;
        levels++;
        *border = *border * 2 + 2;
    }
}

static double min4(const double *v) { return fmin(fmin(v[0], v[1]), fmin(v[2], v[3])); }
static double max4(const double *v) { return fmax(fmax(v[0], v[1]), fmax(v[2], v[3])); }

/* The part of the photo that the chip touches, widened by `border`; empty: false. */
static bool touched(df_pixels from, df_pixels to, const double *m, double border, df_pixels *part, double *left, double *top)
{
    double w = to.width - 1, h = to.height - 1;
    double xs[4] = {m[2], m[0] * w + m[2], m[1] * h + m[2], m[0] * w + m[1] * h + m[2]};
    double ys[4] = {m[5], m[3] * w + m[5], m[4] * h + m[5], m[3] * w + m[4] * h + m[5]};
    box b = {floor(fmax(min4(xs) - border, 0) + 0.5), floor(fmax(min4(ys) - border, 0) + 0.5),
             floor(fmin(max4(xs) + border, from.width - 1) + 0.5), floor(fmin(max4(ys) + border, from.height - 1) + 0.5)};
    if (!(b.left <= b.right && b.top <= b.bottom))
        return false;
    *left = b.left, *top = b.top;
    *part = df__pixels_view(from, (int)b.left, (int)b.top, (int)(b.right - b.left) + 1, (int)(b.bottom - b.top) + 1);
    return true;
}

/* ---- interpolation: places, fetch, blend, store, as in warp.c; the first and third are loops that compilers vectorise ---- */

enum { BATCH = 64 };

typedef struct batch {
    int      n;
    double   fx[BATCH], fy[BATCH]; /* part of a pixel past ix, iy */
    int32_t  ix[BATCH], iy[BATCH]; /* ix -1: one of the four pixels is missing */
    uint32_t tap[4][BATCH];        /* R | G << 8 | B << 16, the fourth byte is not looked at; of a missing one 0 */
    uint32_t value[BATCH];
} batch;

/* Places of to(x0 .. x0 + n, y). */
DF_CLONES static void find_places(batch *b, const double *m, int x0, int y, double width, double height)
{
    for (int i = 0; i < b->n; i++) {
        double u = m[0] * (x0 + i) + m[1] * y + m[2], v = m[3] * (x0 + i) + m[4] * y + m[5];
        bool inside = (u >= 0) & (v >= 0) & (u < width - 1) & (v < height - 1);
        u = inside ? u : 0, v = inside ? v : 0;
        int ix = (int)u, iy = (int)v;
        b->fx[i] = u - ix, b->fy[i] = v - iy;
        b->ix[i] = inside ? ix : -1, b->iy[i] = iy;
    }
}

static uint32_t pixel(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16; }

static void fetch(batch *b, df_pixels from)
{
    for (int i = 0; i < b->n; i++) {
        int x = b->ix[i];
        const uint8_t *p = from.data + (size_t)b->iy[i] * from.stride + (size_t)(x > 0 ? x : 0) * 3, *q = p + from.stride;
        if (x < 0) {
            for (int k = 0; k < 4; k++)
                b->tap[k][i] = 0;
        } else if (x + 2 < from.width) { /* a fourth byte is in the row */
            memcpy(&b->tap[0][i], p, 4), memcpy(&b->tap[1][i], p + 3, 4);
            memcpy(&b->tap[2][i], q, 4), memcpy(&b->tap[3][i], q + 3, 4);
        } else {
            b->tap[0][i] = pixel(p), b->tap[1][i] = pixel(p + 3), b->tap[2][i] = pixel(q), b->tap[3][i] = pixel(q + 3);
        }
    }
}

static inline double channel(uint32_t rgb, int shift) { return (double)(int32_t)(rgb >> shift & 255); }

/* Linear, cut to a whole level. */
DF_CLONES static void blend(batch *b)
{
    for (int i = 0; i < b->n; i++) {
        uint32_t value = 0;
        double fx = b->fx[i], fy = b->fy[i];
        for (int shift = 0; shift < 24; shift += 8) {
            double upper = (1 - fx) * channel(b->tap[0][i], shift) + fx * channel(b->tap[1][i], shift);
            double lower = (1 - fx) * channel(b->tap[2][i], shift) + fx * channel(b->tap[3][i], shift);
            value |= (uint32_t)(int32_t)((1 - fy) * upper + fy * lower) << shift;
        }
        b->value[i] = value;
    }
}

static void store(const batch *b, uint8_t *to)
{
    for (int i = 0; i < b->n; i++, to += 3)
        to[0] = (uint8_t)b->value[i], to[1] = (uint8_t)(b->value[i] >> 8), to[2] = (uint8_t)(b->value[i] >> 16);
}

/* Black where one of the four pixels is missing. */
static void sample(df_pixels from, df_pixels to, const double *m)
{
    batch b;
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x += BATCH) {
            b.n = to.width - x < BATCH ? to.width - x : BATCH;
            find_places(&b, m, x, y, from.width, from.height);
            fetch(&b, from);
            blend(&b);
            store(&b, to.data + (size_t)y * to.stride + 3 * (size_t)x);
        }
}

static void paint_black(df_pixels to)
{
    for (int y = 0; y < to.height; y++)
        memset(to.data + (size_t)y * to.stride, 0, (size_t)to.width * 3);
}

df_status df__warp_chip(df_pixels from, df_pixels to, const double m[6], df_arena *scratch, df_error *err)
{
    for (int i = 0; i < 6; i++)
        if (!isfinite(m[i]))
            return df__fail(err, DF_E_ARGUMENT, "chip: element %d of the map is not a number", i);
    if (from.width < 1 || from.height < 1 || to.width < 1 || to.height < 1)
        return df__fail(err, DF_E_ARGUMENT, "chip: an empty picture");

    df_status     st = DF_OK;
    df_arena_mark mark = df__arena_mark(scratch);
    double border, left, top;
    int    levels = count_levels(hypot(m[0], m[3]) * (to.width - 1) + 1, hypot(m[1], m[4]) * (to.height - 1) + 1,
                                 (double)to.width * to.height, &border);
    df_pixels level;
    if (!touched(from, to, m, border, &level, &left, &top)) {
        paint_black(to);
        goto done;
    }
    double map[6] = {m[0], m[1], m[2] - left, m[3], m[4], m[5] - top};
    for (; levels > 0; levels--) {
        if (level.width < LEAST_SIDE || level.height < LEAST_SIDE) {
            paint_black(to);
            goto done;
        }
        df_pixels half;
        DF_TRY(halve(level, scratch, &half, err));
        level = half;
        for (int i = 0; i < 6; i++)
            map[i] /= 2;
        map[2] -= shift_x, map[5] -= shift_y;
    }
    sample(level, to, map);
done:
    df__arena_release(scratch, mark);
    return st;
}
