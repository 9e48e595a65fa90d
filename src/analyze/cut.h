/* cut.h - the crop of a face that a network of attributes was trained on. */
#ifndef DF_ANALYZE_CUT_H
#define DF_ANALYZE_CUT_H

#include "detect/detector.h"

/* A face on its photo. */
typedef struct df_look {
    df_pixels         px;
    const df_face    *face; /* in pixels of px */
    const df_box_map *map;  /* its detector's box to dlib's */
    bool              whole; /* the photo itself is the face */
    bool              align; /* upstream's crops: rotated until the eyes are level */
    double            expand; /* of upstream's crops */
} df_look;

typedef enum df_cut_kind {
    DF_CUT_BOX,   /* a square around the middle of RetinaFace's box (that of another detector is brought to it): `side` times its longer side */
    DF_CUT_POINTS /* a square where the five points lie as in align/points.c's "dlib-150": `side` pixels of that chip, its middle at x, y */
} df_cut_kind;

/* A photo that is the face itself is taken whole; a face without eyes is cut by its box. */
typedef struct df_cut {
    df_cut_kind kind;
    double      side, x, y; /* of a box: x and y shift the square's middle by so many of its sides */
    bool        mirror;
} df_cut;

/* A crop and its mirror image. */
#define DF_CUT_BOTH(kind, side, x, y) {kind, side, x, y, false}, {kind, side, x, y, true}

/* The crop, resized to width x height: pixels are averaged where it shrinks and interpolated where it grows; the photo's edge goes on where
 * the crop reaches outside. Without `mirror`. Errors: DF_E_ARGUMENT (a box of no size), DF_E_NO_MEMORY. */
df_status df__cut(const df_look *look, const df_cut *cut, int width, int height, df_arena *scratch, df_pixels *out, df_error *err);

/* Where a crop of n x n pixels lies: its place (x, y), corners at whole numbers, at (m0 x + m1 y + m2, m3 x + m4 y + m5) of the photo, whose
 * corner is (0, 0) too. */
void df__cut_map(const df_look *look, const df_cut *cut, double n, double m[6]);
/* Pixels of the photo that one of the crop's is wide: below 1 the crop is blown up. */
double df__cut_step(const df_look *look, const df_cut *cut, int width);

#endif
