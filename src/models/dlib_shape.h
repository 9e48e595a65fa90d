/* dlib_shape.h - what lies inside a shape predictor: read by dlib_shape.c, run by align/landmarks.c. */
#ifndef DF_MODELS_DLIB_SHAPE_H
#define DF_MODELS_DLIB_SHAPE_H

#include "models/dlib.h"

/* An inner node: left when pixel[first] - pixel[second] > threshold, else right. */
typedef struct df_shape_split {
    float    threshold;
    uint16_t first, second; /* < n_pixels of the cascade */
} df_shape_split;

/* All trees of a cascade are full and of one depth. Node i has the children 2 i + 1 and 2 i + 2; node n_splits + k is leaf k. */
typedef struct df_shape_cascade {
    size_t          n_trees, n_splits, n_pixels;
    df_shape_split *splits; /* [n_trees][n_splits] */
    float          *leaves; /* [n_trees][n_splits + 1][2 n_points]: what a leaf adds to the shape */
    uint32_t       *anchor; /* [n_pixels]: the point that a pixel moves with, < n_points */
    float          *delta;  /* [n_pixels][2]: from that point of the initial shape to the pixel */
} df_shape_cascade;

struct df_shape_predictor {
    df_arena          arena; /* everything below */
    size_t            n_points, n_cascades;
    df_point         *initial;  /* mean shape; (0, 0) and (1, 1) are corners of the box */
    df_shape_cascade *cascades;
};

#endif
