/* pyramid.h - a picture as one number a pixel, and its enlarged and reduced copies as dlib makes them: bilinear, corner pixels on corner
 * pixels, fractions cut off. Equal to dlib's resize_image to the bit (dlib 19.24 image_transforms/interpolation.h, its version for RGB). */
#ifndef DF_DETECT_PYRAMID_H
#define DF_DETECT_PYRAMID_H

#include "image/pixels.h"

enum { DF_PACKED_SLACK = 32 }; /* so many pixels behind the last may be read; they mean nothing */

typedef struct df_packed {
    int       width, height;
    size_t    stride; /* pixels */
    uint32_t *data;   /* red, green << 8, blue << 16 */
} df_packed;

/* Bytes that the pixels of a picture take, and a view of so many bytes at `memory` as such. */
size_t    df__packed_bytes(int width, int height);
df_packed df__packed_at(void *memory, int width, int height);
void      df__pack(df_pixels px, const df_packed *to);

/* Where the pixels of a resized picture come from. */
typedef struct df_resize_plan {
    int     from_width, from_height, width, height;
    int     lanes;      /* columns computed in floats; the rest, at the right edge, in doubles */
    bool    near;       /* any sixteen columns in a row, from a multiple of sixteen on, come from 32 pixels */
    int    *left, *top; /* [width], [height]: the pixel before */
    float  *share;      /* [width]: of the pixel behind `left`, for the columns in floats */
    double *share_edge; /* [width]: the same for the columns in doubles */
    double *share_down; /* [height]: of the row under `top` */
} df_resize_plan;

/* In `arena`. Sides from 1. */
df_status df__resize_plan(int from_width, int from_height, int width, int height, df_arena *arena, df_resize_plan *out, df_error *err);
/* Rows [first, end) of the resized picture. */
void df__packed_resize(const df_resize_plan *plan, const df_packed *from, const df_packed *to, int first, int end);

#endif
