/* pyramid.h - a picture as three planes, and its enlarged and reduced copies as dlib makes them: bilinear, corner pixels on corner pixels,
 * fractions cut off. Equal to dlib's resize_image to the bit (dlib 19.24 image_transforms/interpolation.h, its version for RGB). */
#ifndef DF_DETECT_PYRAMID_H
#define DF_DETECT_PYRAMID_H

#include "image/pixels.h"

typedef struct df_planes {
    int      width, height;
    size_t   stride;   /* bytes a row of a plane */
    uint8_t *plane[3]; /* red, green, blue */
} df_planes;

/* Bytes of the planes of a picture, and a view of so many bytes at `memory` as such. */
size_t    df__planes_bytes(int width, int height);
df_planes df__planes_at(uint8_t *memory, int width, int height);
void      df__planes_split(df_pixels px, const df_planes *to);

/* Where the pixels of a resized picture come from. */
typedef struct df_resize_plan {
    int     from_width, from_height, width, height;
    int     lanes;      /* columns computed in floats; the rest, at the right edge, in doubles */
    int    *left, *top; /* [width], [height]: the pixel before */
    float  *share;      /* [width]: of the pixel behind `left`, for the columns in floats */
    double *share_edge; /* [width]: the same for the columns in doubles */
    double *share_down; /* [height]: of the row under `top` */
} df_resize_plan;

/* In `arena`. Sides from 1. */
df_status df__resize_plan(int from_width, int from_height, int width, int height, df_arena *arena, df_resize_plan *out, df_error *err);
/* uint16_t that df__planes_resize works in. */
size_t df__resize_room(const df_resize_plan *plan);
/* Rows [first, end) of the resized picture. */
void df__planes_resize(const df_resize_plan *plan, const df_planes *from, const df_planes *to, int first, int end, uint16_t *scratch);

#endif
