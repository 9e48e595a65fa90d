/* hog_find.h - dlib's object_detector: HOG features over a pyramid with steps of 5/6, linear filters, one box a face. */
#ifndef DF_DETECT_HOG_FIND_H
#define DF_DETECT_HOG_FIND_H

#include "detect/hog_faces.h"

typedef struct df_hog_finder df_hog_finder; /* filters, ready to run; shared by threads */

/* Takes `hog` over, also when it fails. */
df_status df__hog_finder_new(df_dlib_hog *hog, df_hog_finder **out, df_error *err);
void      df__hog_finder_free(df_hog_finder *finder);

/* Faces that score `least` or more, best first, in `scratch`. `enlarge`: look at the photo at twice its size, as detector.run(photo, 1) of
 * dlib does. The same for any number of threads. */
df_status df__hog_find(const df_hog_finder *finder, df_pixels px, bool enlarge, double least, int threads, df_arena *scratch,
                       df_hog_face **faces, size_t *n, df_error *err);

#endif
