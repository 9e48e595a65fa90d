/* mmod_find.h - faces by dlib's max-margin network, in dlib's own terms. */
#ifndef DF_DETECT_MMOD_FIND_H
#define DF_DETECT_MMOD_FIND_H

#include "image/pixels.h"
#include "models/dlib_mmod.h"
#include "nn/net.h"

typedef struct df_mmod_face { long left, top, right, bottom; float score; } df_mmod_face; /* of a closed box, as dlib's rectangle */

/* Faces that score more than `least`, best first, in `scratch`. */
df_status df__mmod_find(const df_dlib_mmod *mmod, df_net *net, df_pixels px, double least, int threads, df_arena *scratch, df_mmod_face **faces,
                        size_t *n, df_error *err);

#endif
