/* tiled.h - a pyramid whose levels lie side by side in one picture, as dlib's input_rgb_image_pyramid<pyramid_down<6>> makes it for its
 * networks: each level has 5/6 of the sides of the one before. Source: dlib 19.24 dnn/input.h, image_transforms/image_pyramid.h. */
#ifndef DF_DETECT_TILED_H
#define DF_DETECT_TILED_H

#include "core/arena.h"
#include "image/pixels.h"

enum { DF_TILED_LEVELS = 100 };

typedef struct df_tile { int left, top, width, height; } df_tile;

typedef struct df_tiled {
    int     width, height; /* of the whole */
    int     n;
    df_tile tiles[DF_TILED_LEVELS];
} df_tiled;

/* Where the levels lie. Sides from 1. */
void df__tiled_layout(int width, int height, df_tiled *out);
/* The picture: [3][height][width] of (v - mean) / 256, 0 around the levels. */
df_status df__tiled_fill(const df_tiled *tiled, df_pixels px, const float mean[3], int threads, df_arena *scratch, float *out, df_error *err);
/* From the tiled picture to the photo: the corners of a box whose centre lies in a level, or nearest to it. */
void df__tiled_to_photo(const df_tiled *tiled, double box[4]);

#endif
