/* mtcnn_rows.h - rows of small convolutions with channels innermost: sixteen outputs are one vector, six pixels are computed at a time.
 * Compiled so that a multiplication and an addition may become one instruction (src/detect/CMakeLists.txt): the last digit of a result
 * depends on the processor, as in every network of src/nn. */
#ifndef DF_DETECT_MTCNN_ROWS_H
#define DF_DETECT_MTCNN_ROWS_H

#include <stddef.h>

enum {
    DF_ROWS_LANES = 16,
    DF_ROWS_SLACK = 32, /* rows have so many pixels more than they need, of any content */
    DF_ROWS_TILE = 4,   /* pixels that are computed from six transformed ones: Winograd's F(4, 3) along the row (Lavin & Gray 2015) */
    DF_ROWS_POINTS = 6
};

/* Convolutions of 3 x 3, no border, then PReLU. Weights and rows are aligned to 64 bytes.
 * From three rows of four floats a pixel, of which three count: out[x] of 16 floats from the pixels x to x + 2.
 * weights: [3][3][3][16], bias and slope: [16]. */
void df__rows_conv(const float *const in[3], const float *weights, const float *bias, const float *slope, size_t n, float *out);
/* From 16 floats a pixel, in two steps. A row for the second: out[tile][6][16] for n pixels of what the second gives. */
void df__rows_transform(const float *in, size_t n, float *out);
/* 10 of 16 channels to 16, 16 to 32. weights: [3][6][channels][16 or 32], each three along the row by df__rows_kernel. */
void df__rows_tiles_10(const float *const in[3], const float *weights, const float *bias, const float *slope, size_t n, float *out);
void df__rows_tiles_16(const float *const in[3], const float *weights, const float *bias, const float *slope, size_t n, float *out);
void df__rows_kernel(const float of[3], float to[DF_ROWS_POINTS]);
/* Maxima of 2 x 2 pixels of 16 floats. */
void df__rows_pool(const float *upper, const float *lower, size_t n, float *out);
/* out[x] = bias + weights . the 32 floats of pixel x */
void df__rows_dot(const float *in, const float *weights, float bias, size_t n, float *out);

#endif
