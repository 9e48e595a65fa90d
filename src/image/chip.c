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

/* Linear, cut to a whole level, black where one of the four pixels is missing. */
DF_CLONES static void sample(df_pixels from, df_pixels to, const double *m)
{
    for (int y = 0; y < to.height; y++) {
        uint8_t *row = to.data + (size_t)y * to.stride;
        for (int x = 0; x < to.width; x++, row += 3) {
            double u = m[0] * x + m[1] * y + m[2], v = m[3] * x + m[4] * y + m[5];
            if (!(u >= 0 && v >= 0 && u < from.width - 1 && v < from.height - 1)) {
                memset(row, 0, 3);
                continue;
            }
            int ix = (int)u, iy = (int)v;
            double fx = u - ix, fy = v - iy;
            const uint8_t *p = from.data + (size_t)iy * from.stride + (size_t)ix * 3, *q = p + from.stride;
            for (int c = 0; c < 3; c++)
                row[c] = (uint8_t)((1 - fy) * ((1 - fx) * p[c] + fx * p[c + 3]) + fy * ((1 - fx) * q[c] + fx * q[c + 3]));
        }
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
