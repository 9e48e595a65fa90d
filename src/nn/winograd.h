/* winograd.h - Winograd's convolution F(m x m, 3 x 3) (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"): a photo
 * in tiles of (m + 2) x (m + 2) pixels that overlap by two, a product of matrices for each place of a tile, and back. The transforms of
 * photos are in lanes_tiles.h; kernel_winograd.c puts oneDNN's products between them. */
#ifndef DF_NN_WINOGRAD_H
#define DF_NN_WINOGRAD_H

#include "nn/ir.h"

enum { DF_WINO_CHANNELS = 4096 }; /* at most */

typedef struct df_wino {
    int64_t h, w, c, oh, ow, k; /* of one photo: rows, columns, channels in and out */
    int64_t pad_y, pad_x;
    int64_t across, each;       /* tiles in a row, in a photo; counted through all photos */
} df_wino;

/* u[place][c][k] of the kernel [k][c][3][3], each k times its scale (NULL: 1); m is 2 or 4. Source: G g G' of the paper. */
void df__wino_weights(int m, const void *weights, int64_t k, int64_t c, const float *scale, float *u);

#endif
