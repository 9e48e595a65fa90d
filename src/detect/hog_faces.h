/* hog_faces.h - from windows of a pyramid to faces: one box a heap of windows, in pixels of the first level. */
#ifndef DF_DETECT_HOG_FACES_H
#define DF_DETECT_HOG_FACES_H

#include "detect/hog_scan.h"

/* A face as dlib gives it: all four edges are pixels of the face. */
typedef struct df_hog_face {
    double score; /* 0 is dlib's own threshold; faces seldom pass 3.5 */
    int    filter;
    long   left, top, right, bottom;
} df_hog_face;

/* Best first, in `scratch`. The order of the windows changes, and does not matter. */
df_status df__hog_faces(const df_dlib_hog *hog, df_hog_windows *windows, df_arena *scratch, df_hog_face **faces, size_t *n, df_error *err);
/* From the photo enlarged as dlib's pyramid_up does to the photo. */
void df__hog_face_halve(df_hog_face *f);

#endif
