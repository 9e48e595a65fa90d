/* letterbox.c - scale to fit, black bars for the rest. Arithmetic of upstream's preprocessing.resize_image: the crop is divided by 255
 * first and resized as real numbers (cv2.resize, linear: pixel centres at +0.5, edges repeated). */
#include <math.h>
#include <string.h>

#include "normalize/normalize.h"

enum { COLUMNS = 64 }; /* whose taps are worked out together, once for all rows */

typedef struct tap { int a, b; double f; } tap; /* (1 - f) of pixel a, f of pixel b */

static tap tap_of(int at, int n_to, int n_from)
{
    double p = (at + 0.5) * n_from / n_to - 0.5;
    int a = (int)floor(p);
    double f = p - a;
    if (a < 0)
        a = 0, f = 0;
    if (a >= n_from - 1)
        a = n_from - 1, f = 0;
    return (tap){a, a + 1 < n_from ? a + 1 : a, f};
}

static inline double mix(double a, double b, double f) { return a + (b - a) * f; }

/* A byte as a part of 1: dividing once more for each tap would cost more than all else here. */
static const double *units(void)
{
#define U1(v)  (v) / 255.0
#define U4(v)  U1(v), U1((v) + 1), U1((v) + 2), U1((v) + 3)
#define U16(v) U4(v), U4((v) + 4), U4((v) + 8), U4((v) + 12)
#define U64(v) U16(v), U16((v) + 16), U16((v) + 32), U16((v) + 48)
    static const double unit[256] = {U64(0), U64(64), U64(128), U64(192)};
#undef U1
#undef U4
#undef U16
#undef U64
    return unit;
}

/* A crop that has the size already. */
static void copy_rows(df_pixels crop, float *out)
{
    const double *unit = units();
    for (int y = 0; y < crop.height; y++) {
        const uint8_t *p = crop.data + (size_t)y * crop.stride;
        for (int x = 0; x < crop.width; x++, p += 3, out += 3)
            for (int c = 0; c < 3; c++)
                out[c] = (float)unit[p[2 - c]]; /* R G B to B G R */
    }
}

/* Columns [x, x + n) of a picture of nw x nh in rows of w pixels. */
static void scale_columns(df_pixels crop, int x, int n, int nw, int nh, int w, float *out)
{
    const double *unit = units();
    tap across[COLUMNS];
    for (int i = 0; i < n; i++)
        across[i] = tap_of(x + i, nw, crop.width);
    for (int y = 0; y < nh; y++) {
        const tap v = tap_of(y, nh, crop.height);
        const uint8_t *ra = crop.data + (size_t)v.a * crop.stride, *rb = crop.data + (size_t)v.b * crop.stride;
        float *row = out + ((size_t)y * (size_t)w + (size_t)x) * 3;
        for (int i = 0; i < n; i++, row += 3) {
            const tap u = across[i];
            for (int c = 0; c < 3; c++) {
                int k = 2 - c; /* R G B to B G R */
                double upper = mix(unit[ra[3 * u.a + k]], unit[ra[3 * u.b + k]], u.f);
                double lower = mix(unit[rb[3 * u.a + k]], unit[rb[3 * u.b + k]], u.f);
                row[c] = (float)mix(upper, lower, v.f);
            }
        }
    }
}

void df__letterbox(df_pixels crop, int w, int h, float *out)
{
    if (crop.width == w && crop.height == h) {
        copy_rows(crop, out);
        return;
    }
    memset(out, 0, (size_t)w * (size_t)h * 3 * sizeof *out);
    double fy = (double)h / crop.height, fx = (double)w / crop.width, factor = fy < fx ? fy : fx;
    int nw = (int)(crop.width * factor), nh = (int)(crop.height * factor);
    /* a crop so thin that a side rounds to nothing keeps one row of pixels */
    nw = nw < 1 ? 1 : nw > w ? w : nw;
    nh = nh < 1 ? 1 : nh > h ? h : nh;
    float *corner = out + ((size_t)((h - nh) / 2) * (size_t)w + (size_t)((w - nw) / 2)) * 3;
    for (int x = 0; x < nw; x += COLUMNS)
        scale_columns(crop, x, nw - x < COLUMNS ? nw - x : COLUMNS, nw, nh, w, corner);
}
