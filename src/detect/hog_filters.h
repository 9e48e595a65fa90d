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
    size_t         *by_plane; /* [first[n]]: the products in the order of their planes */
    df_hog_product *products;
} df_hog_filters;

/* In `arena`. Singular values under a thousandth of a plane's largest, or under 1e-4, are left out (dlib 19.24 scan_fhog_pyramid.h). */
df_status df__hog_filters(const df_dlib_hog *hog, df_arena *arena, df_hog_filters *out, df_error *err);

/* Floats of a row of one plane, and of its response, for so many columns of windows. */
size_t df__hog_filters_stride(size_t columns);
/* Floats that df__hog_filters_row works in. */
size_t df__hog_filters_room(const df_hog_filters *f, size_t columns);
/* Responses of one row of windows: filter i to out[i * stride + c]. rows[m] is row m of the windows, plane k from rows[m] + k * stride; the
 * window of column c takes the columns c .. c + 9, and what lies behind those of the last window must be finite numbers. */
void df__hog_filters_row(const df_hog_filters *f, const float *const rows[DF_HOG_SIDE], size_t columns, float *work, float *out);

#endif
