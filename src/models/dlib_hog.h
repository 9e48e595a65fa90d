/* dlib_hog.h - a serialized object_detector<scan_fhog_pyramid<pyramid_down<6>>> of dlib: linear filters over HOG cells. */
#ifndef DF_MODELS_DLIB_HOG_H
#define DF_MODELS_DLIB_HOG_H

#include "core/arena.h"
#include "core/bytes.h"

enum { DF_HOG_PLANES = 31, DF_HOG_SIDE = 10 }; /* planes of a feature map; cells of a filter's side: a window of 80 x 80 pixels */

typedef struct df_dlib_hog {
    df_arena arena;             /* what the pointers below point to */
    size_t   n;                 /* filters: dlib's frontal_face_detector has five */
    double  *threshold;         /* [n]: a face's response is this at least */
    double  *weights;           /* [n][DF_HOG_PLANES][DF_HOG_SIDE rows][DF_HOG_SIDE] */
    double   overlap, covered;  /* test_box_overlap: more than these and two boxes are one face */
    int      min_width, min_height, max_levels; /* the pyramid ends below this many pixels, or with this many levels */
} df_dlib_hog;

/* Errors: DF_E_BAD_MODEL names the byte; DF_E_UNSUPPORTED for a window, cell or padding of another size; DF_E_NO_MEMORY. */
df_status df__dlib_hog_parse(const df_bytes *file, const char *label, df_dlib_hog **out, df_error *err);
void      df__dlib_hog_free(df_dlib_hog *hog);

#endif
