/* fhog.h - HOG feature maps of Felzenszwalb et al. 2010 ("Object Detection with Discriminatively Trained Part Based Models", 31 planes) over
 * cells of 8 x 8 pixels, row by row. Equal to dlib's extract_fhog_features up to the order of its sums (dlib 19.24 image_transforms/fhog.h). */
#ifndef DF_DETECT_FHOG_H
#define DF_DETECT_FHOG_H

#include "detect/pyramid.h"

enum { DF_FHOG_CELL = 8, DF_FHOG_BINS = 18, DF_FHOG_PLANES = 31 };

/* Columns and rows of the feature map of a picture: cells but for those at the edge. 0 when the picture is too small. */
int df__fhog_columns(int width);
int df__fhog_rows(int height);

/* One walk down a picture. All pointers lead into memory of the caller. */
typedef struct df_fhog {
    const df_packed *from;
    int       cells_x, cells_y; /* with those at the edge */
    int       next;             /* row of the feature map that comes next */
    size_t    room;             /* floats of a row of cells */
    float    *votes[2];         /* of two rows of places between cells: [cells_x + 1][bins][4 cells around] */
    float    *bins[3];          /* of three rows of cells: [bins][room] */
    float    *energy[3];        /* [room] */
    float    *edge;             /* [12][room]: what the features of a row share */
    float    *weight;           /* [8][8][4]: how a pixel's vote is split among the 4 cells around */
} df_fhog;

/* Floats that a walk over a picture of this width works in. */
size_t df__fhog_room(int width);
/* The feature map's row `first` will be the next. The map must not be empty. */
void df__fhog_start(df_fhog *f, const df_packed *from, int first, float *memory);
/* The next row, plane k from `to + k * stride`, df__fhog_columns floats each. */
void df__fhog_next(df_fhog *f, float *to, size_t stride);

#endif
