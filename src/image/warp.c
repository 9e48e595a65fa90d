/* warp.c - affine warp: every pixel of `to` looks up its place in `from`. Places are exact, as in OpenCV 5; OpenCV 4 rounds them
 * to 1/32 of a pixel. Pixels go through in batches, in four steps: places, fetch, blend, store; the first and third are plain
 * loops over arrays, which compilers vectorise. */
#include "image/warp.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { BATCH = 64, MOST_TAPS = 16 };

/* One batch. A pixel is fetched as four bytes, R | G << 8 | B << 16, the fourth is not looked at. */
typedef struct batch {
    int      n;
    float    u[BATCH], v[BATCH]; /* part of a pixel past ix, iy; 0..1 */
    int32_t  ix[BATCH], iy[BATCH];
    float    wx[4][BATCH], wy[4][BATCH];
    uint32_t tap[MOST_TAPS][BATCH]; /* row by row */
    uint32_t value[BATCH];
} batch;

/* Places of to(x0 .. x0 + n, y). What is far outside goes to one place outside, so that an int holds it. */
DF_CLONES static void find_places(batch *b, const double *m, int x0, int y, double width, double height)
{
    const double reach = 4;
    for (int i = 0; i < b->n; i++) {
        double u = m[0] * (x0 + i) + (m[1] * y + m[2]), v = m[3] * (x0 + i) + (m[4] * y + m[5]);
        u = u > -reach ? u : -reach;
        v = v > -reach ? v : -reach;
        u = u < width + reach ? u : width + reach;
        v = v < height + reach ? v : height + reach;
        /* + reach: the cut towards 0 becomes a floor */
        int ix = (int)(u + reach) - (int)reach, iy = (int)(v + reach) - (int)reach;
        b->ix[i] = ix, b->iy[i] = iy;
        b->u[i] = (float)(u - ix), b->v[i] = (float)(v - iy);
    }
}

/* A batch all of whose pixels lie far outside, on one side: they are black. Places along a row are in order. */
static bool is_black(const double *m, int x, int y, int n, double width, double height)
{
    const double reach = 3; /* of a cubic's taps */
    double first = m[0] * x + (m[1] * y + m[2]), last = first + m[0] * (n - 1), top = m[3] * x + (m[4] * y + m[5]), end = top + m[3] * (n - 1);
    return (first < -reach && last < -reach) || (first > width + reach && last > width + reach) || (top < -reach && end < -reach) ||
           (top > height + reach && end > height + reach);
}

static uint32_t pixel_or_black(df_pixels px, int x, int y)
{
    if (x < 0 || y < 0 || x >= px.width || y >= px.height)
        return 0;
    const uint8_t *p = px.data + (size_t)y * px.stride + (size_t)x * 3;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

/* `side` x `side` taps from ix - before, iy - before on. */
static inline void fetch(batch *b, df_pixels from, int side, int before)
{
    for (int i = 0; i < b->n; i++) {
        int x = b->ix[i] - before, y = b->iy[i] - before;
        /* the fourth byte of the last tap must still be in the row */
        if (x >= 0 && y >= 0 && x + side < from.width && y + side <= from.height) {
            const uint8_t *p = from.data + (size_t)y * from.stride + (size_t)x * 3;
            for (int k = 0; k < side * side; k += side, p += from.stride)
                for (int j = 0; j < side; j++)
                    memcpy(&b->tap[k + j][i], p + 3 * j, 4);
        } else {
            for (int k = 0; k < side; k++)
                for (int j = 0; j < side; j++)
                    b->tap[k * side + j][i] = pixel_or_black(from, x + j, y + k);
        }
    }
}

static void fetch_linear(batch *b, df_pixels from) { fetch(b, from, 2, 0); }
static void fetch_cubic(batch *b, df_pixels from) { fetch(b, from, 4, 1); }

static inline float channel(uint32_t pixel, int shift) { return (float)(int32_t)((pixel >> shift) & 255); }

DF_CLONES static void blend_linear(batch *b)
{
    for (int i = 0; i < b->n; i++) {
        uint32_t value = 0;
        for (int shift = 0; shift < 24; shift += 8) {
            float p = channel(b->tap[0][i], shift), q = channel(b->tap[1][i], shift);
            float r = channel(b->tap[2][i], shift), s = channel(b->tap[3][i], shift);
            float upper = p + (q - p) * b->u[i], lower = r + (s - r) * b->u[i];
            value |= (uint32_t)(int32_t)(upper + (lower - upper) * b->v[i] + 0.5f) << shift;
        }
        b->value[i] = value;
    }
}

/* R. Keys, "Cubic convolution interpolation", 1981, with a = -0.75; taps at -1, 0, 1, 2. */
DF_CLONES static void cubic_weights(const float *part, float (*w)[BATCH], int n)
{
    const float a = -0.75f;
    for (int i = 0; i < n; i++) {
        float f = part[i], g = 1 - f;
        w[0][i] = ((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a;
        w[1][i] = ((a + 2) * f - (a + 3)) * f * f + 1;
        w[2][i] = ((a + 2) * g - (a + 3)) * g * g + 1;
        w[3][i] = 1 - w[0][i] - w[1][i] - w[2][i];
    }
}

DF_CLONES static void blend_cubic(batch *b)
{
    for (int i = 0; i < b->n; i++) {
        uint32_t value = 0;
        for (int shift = 0; shift < 24; shift += 8) {
            float sum = 0.5f;
            for (int k = 0; k < 4; k++) {
                float row = 0;
                for (int j = 0; j < 4; j++)
                    row += b->wx[j][i] * channel(b->tap[4 * k + j][i], shift);
                sum += b->wy[k][i] * row;
            }
            sum = sum > 0 ? sum : 0;
            sum = sum < 255 ? sum : 255;
            value |= (uint32_t)(int32_t)sum << shift;
        }
        b->value[i] = value;
    }
}

static void store(const batch *b, uint8_t *to)
{
    for (int i = 0; i < b->n; i++, to += 3) {
        uint32_t v = b->value[i];
        to[0] = (uint8_t)v, to[1] = (uint8_t)(v >> 8), to[2] = (uint8_t)(v >> 16);
    }
}

df_status df__warp_affine(df_pixels from, df_pixels to, const double m[6], df_filter filter, df_error *err)
{
    for (int i = 0; i < 6; i++)
        if (!isfinite(m[i]))
            return df__fail(err, DF_E_ARGUMENT, "warp: element %d of the map is not a number", i);
    if (from.width < 1 || from.height < 1 || to.width < 1 || to.height < 1)
        return df__fail(err, DF_E_ARGUMENT, "warp: an empty picture");
    if (filter != DF_LINEAR && filter != DF_CUBIC)
        return df__fail(err, DF_E_ARGUMENT, "warp: filter %d is neither linear nor cubic", (int)filter);
    batch b;
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x += BATCH) {
            b.n = to.width - x < BATCH ? to.width - x : BATCH;
            if (is_black(m, x, y, b.n, from.width, from.height)) {
                memset(to.data + (size_t)y * to.stride + 3 * (size_t)x, 0, 3 * (size_t)b.n);
                continue;
            }
            find_places(&b, m, x, y, from.width, from.height);
            if (filter == DF_LINEAR) {
                fetch_linear(&b, from);
                blend_linear(&b);
            } else {
                cubic_weights(b.u, b.wx, b.n), cubic_weights(b.v, b.wy, b.n);
                fetch_cubic(&b, from);
                blend_cubic(&b);
            }
            store(&b, to.data + (size_t)y * to.stride + 3 * (size_t)x);
        }
    return DF_OK;
}
