/* dlib_hog.h - what the detector "dlib" finds, before it becomes a df_face. */
#ifndef DF_DETECT_DLIB_HOG_H
#define DF_DETECT_DLIB_HOG_H

#include "core/arena.h"
#include "image/pixels.h"
#include "models/dlib_hog.h"

typedef struct df_hog_finder df_hog_finder; /* filters, ready to run; shared by threads */

/* Takes `hog` over, also when it fails. */
df_status df__hog_finder_new(df_dlib_hog *hog, df_hog_finder **out, df_error *err);
void      df__hog_finder_free(df_hog_finder *finder);

/* A face as dlib gives it: all four edges are pixels of the face. */
typedef struct df_hog_face {
    double score; /* 0 is dlib's own threshold; faces seldom pass 3.5 */
    int    filter;
    long   left, top, right, bottom;
} df_hog_face;

/* Faces that score `least` or more, best first, in `scratch`. `enlarge`: look at the photo at twice its size, as detector.run(photo, 1) of
 * dlib does. Equal to dlib for any number of threads. */
df_status df__hog_find(const df_hog_finder *finder, df_pixels px, bool enlarge, double least, int threads, df_arena *scratch,
                       df_hog_face **faces, size_t *n, df_error *err);

#endif
