/* hog_filters.h - linear filters over feature maps, each plane's 10 x 10 weights as a few products of a column and a row, as dlib applies them. */
#ifndef DF_DETECT_HOG_FILTERS_H
#define DF_DETECT_HOG_FILTERS_H

#include "models/dlib_hog.h"

/* A column and a row whose product is a part of a filter's weights on one plane. */
typedef struct df_hog_product {
    float  row[DF_HOG_SIDE], column[DF_HOG_SIDE];
    size_t plane;
} df_hog_product;

typedef struct df_hog_filters {
    size_t          n;
    size_t         *first;    /* [n + 1]: filter i has the products first[i] .. first[i + 1] */
    df_hog_product *products; /* those of one plane side by side */
} df_hog_filters;

enum { DF_HOG_LANES = 16 }; /* columns that are computed at once */

/* In `arena`. Singular values under a thousandth of a plane's largest, or under 1e-4, are left out (dlib 19.24 scan_fhog_pyramid.h). */
df_status df__hog_filters(const df_dlib_hog *hog, df_arena *arena, df_hog_filters *out, df_error *err);

/* Add what one row of a feature map gives to the responses of the DF_HOG_SIDE rows of windows that it lies in: out[m][i * stride + c] for
 * filter i, m being the row within the window. Plane k of the map begins at features + k * stride; the window of column c takes the columns
 * c .. c + 9. `columns` is rounded up to DF_HOG_LANES: there must be room, and numbers that are finite. The same on every processor. */
void df__hog_filters_add(const df_hog_filters *f, const float *features, size_t stride, size_t columns, float *const out[DF_HOG_SIDE]);

#endif
