/* landmarks.h - points on a face from dlib's shape predictors. */
#ifndef DF_ALIGN_LANDMARKS_H
#define DF_ALIGN_LANDMARKS_H

#include "core/arena.h"
#include "image/pixels.h"
#include "models/dlib.h"

/* Points for the box [left, right] x [top, bottom] (inclusive integers, as dlib::rectangle), written to out[0 .. points).
 * Equal dlib's shape_predictor on the same RGB picture, rounded as dlib rounds (integer pixels). */
df_status df__landmarks(const df_shape_predictor *sp, df_pixels px, long left, long top, long right, long bottom,
                        df_point *out, df_arena *scratch, df_error *err);

#endif
