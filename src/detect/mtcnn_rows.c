/* mtcnn_rows.c - the kernels. Each weight vector that is loaded serves six pixels or tiles; their sums stay in registers. */
#include "detect/mtcnn_rows.h"

#include <stdint.h>

#include "core/simd.h"

enum { LANES = DF_ROWS_LANES, TILE = DF_ROWS_TILE, POINTS = DF_ROWS_POINTS, BLOCK = 6 };

typedef float lanes __attribute__((vector_size(64), may_alias));
typedef int32_t masks __attribute__((vector_size(64), may_alias));
typedef float half __attribute__((vector_size(32), may_alias));
typedef float quarter __attribute__((vector_size(16), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE void bend(lanes *v, const lanes *slope)
{
    masks positive = (masks)(*v > 0);
    lanes bent = *v * *slope;
    *v = (lanes)(((masks)*v & positive) | ((masks)bent & ~positive));
}

DF_CLONES void df__rows_conv(const float *const in[3], const float *weights, const float *bias, const float *slope, size_t n, float *out)
{
    for (size_t x = 0; x < n; x += BLOCK) {
        const lanes *w = (const lanes *)weights;
        lanes sum[BLOCK];
        for (int i = 0; i < BLOCK; i++)
            sum[i] = *(const lanes *)bias;
        for (size_t row = 0; row < 3; row++)
            for (size_t column = 0; column < 3; column++) {
                const float *at = in[row] + (x + column) * 4;
                for (size_t c = 0; c < 3; c++, w++)
                    for (size_t i = 0; i < BLOCK; i++)
                        sum[i] += *w * at[i * 4 + c];
            }
        for (size_t i = 0; i < BLOCK; i++) {
            bend(&sum[i], (const lanes *)slope);
            *(lanes *)(out + (x + i) * LANES) = sum[i];
        }
    }
}

/* ---- F(4, 3): the matrices of Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks", section 4.3 ---- */

void df__rows_kernel(const float of[3], float to[POINTS])
{
    double a = (double)of[0], b = (double)of[1], c = (double)of[2];
    const double v[POINTS] = {a / 4, -(a + b + c) / 6, (b - a - c) / 6, a / 24 + b / 12 + c / 6, a / 24 - b / 12 + c / 6, c};
    for (int i = 0; i < POINTS; i++)
        to[i] = (float)v[i];
}

DF_CLONES void df__rows_transform(const float *in, size_t n, float *out)
{
    for (size_t x = 0; x < n; x += TILE) {
        const lanes *d = (const lanes *)in + x;
        lanes *t = (lanes *)out + x / TILE * POINTS;
        lanes even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], near = d[4] - d[2], far = 2 * (d[3] - d[1]);
        t[0] = 4 * (d[0] - d[2]) + near;
        t[1] = even + odd;
        t[2] = even - odd;
        t[3] = near + far;
        t[4] = near - far;
        t[5] = 4 * (d[1] - d[3]) + d[5] - d[3];
    }
}

/* Six tiles, sixteen outputs. `channels` and `outputs` are constants where this is used. */
INLINE void tiles(const float *const in[3], size_t first, size_t channels, size_t outputs, const float *weights, const float *bias,
                  const float *slope, float *out)
{
    lanes product[POINTS][BLOCK];
    for (size_t p = 0; p < POINTS; p++) {
        lanes sum[BLOCK] = {{0}};
        for (size_t row = 0; row < 3; row++) {
            const float *at = in[row] + (first * POINTS + p) * LANES, *w = weights + (row * POINTS + p) * channels * outputs;
            for (size_t c = 0; c < channels; c++, w += outputs)
                for (size_t i = 0; i < BLOCK; i++)
                    sum[i] += *(const lanes *)w * at[i * POINTS * LANES + c];
        }
        for (size_t i = 0; i < BLOCK; i++)
            product[p][i] = sum[i];
    }
    for (size_t i = 0; i < BLOCK; i++) {
        lanes a = product[1][i] + product[2][i], b = product[1][i] - product[2][i], c = product[3][i] + product[4][i], d = product[3][i] - product[4][i];
        lanes y[TILE] = {product[0][i] + a + c, b + 2 * d, a + 4 * c, b + 8 * d + product[5][i]};
        for (size_t k = 0; k < TILE; k++) {
            y[k] += *(const lanes *)bias;
            bend(&y[k], (const lanes *)slope);
            *(lanes *)(out + ((first + i) * TILE + k) * outputs) = y[k];
        }
    }
}

DF_CLONES void df__rows_tiles_10(const float *const in[3], const float *weights, const float *bias, const float *slope, size_t n, float *out)
{
    for (size_t t = 0; t * TILE < n; t += BLOCK)
        tiles(in, t, 10, LANES, weights, bias, slope, out);
}

DF_CLONES void df__rows_tiles_16(const float *const in[3], const float *weights, const float *bias, const float *slope, size_t n, float *out)
{
    for (size_t t = 0; t * TILE < n; t += BLOCK)
        for (size_t part = 0; part < 2 * LANES; part += LANES)
            tiles(in, t, 16, 2 * LANES, weights + part, bias + part, slope + part, out + part);
}

/* ---- the rest ---- */

DF_CLONES void df__rows_pool(const float *upper, const float *lower, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++, upper += 2 * LANES, lower += 2 * LANES, out += LANES)
        for (size_t c = 0; c < LANES; c++) {
            float a = upper[c] > upper[LANES + c] ? upper[c] : upper[LANES + c], b = lower[c] > lower[LANES + c] ? lower[c] : lower[LANES + c];
            out[c] = a > b ? a : b;
        }
}

DF_CLONES void df__rows_dot(const float *in, const float *weights, float bias, size_t n, float *out)
{
    const lanes *w = (const lanes *)weights;
    for (size_t x = 0; x < n; x++, in += 2 * LANES) {
        const lanes *v = (const lanes *)in;
        union { lanes whole; half halves[2]; } a = {v[0] * w[0] + v[1] * w[1]};
        union { half whole; quarter halves[2]; } b = {a.halves[0] + a.halves[1]};
        quarter c = b.halves[0] + b.halves[1];
        out[x] = bias + (c[0] + c[2]) + (c[1] + c[3]);
    }
}
