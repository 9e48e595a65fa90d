/* hog_scan.h - windows of one picture that answer to HOG filters. */
#ifndef DF_DETECT_HOG_SCAN_H
#define DF_DETECT_HOG_SCAN_H

#include "detect/hog_filters.h"
#include "detect/pyramid.h"

typedef struct df_hog_window {
    double score;     /* response less the filter's threshold */
    int    filter;
    int    level;     /* of the pyramid, as given */
    int    x, y;      /* place in the map of responses: column, row */
} df_hog_window;

typedef struct df_hog_windows { df_hog_window *items; size_t n, cap; } df_hog_windows; /* malloc; {0} is empty */

/* Floats that a scan of a picture of this width works in. */
size_t df__hog_scan_room(int width, const df_hog_filters *filters);
/* Append the windows of the rows [first, end) of responses that score `least` or more. There are as many rows and columns of responses as
 * of the feature map. */
df_status df__hog_scan(const df_packed *picture, const df_dlib_hog *hog, const df_hog_filters *filters, double least, int level, int first,
                       int end, float *memory, df_hog_windows *out, df_error *err);

#endif
