/* normalize.h - third stage: a crop to the numbers that a network expects. */
#ifndef DF_NORMALIZE_NORMALIZE_H
#define DF_NORMALIZE_NORMALIZE_H

#include "core/arena.h"
#include "image/pixels.h"

/* Ranges of pixels by upstream's names (deepface 0.0.103 modules/preprocessing.py). */
typedef enum df_range { DF_RANGE_BASE, DF_RANGE_RAW, DF_RANGE_FACENET, DF_RANGE_FACENET2018, DF_RANGE_VGGFACE, DF_RANGE_VGGFACE2, DF_RANGE_ARCFACE } df_range;

/* -1 when the name is none. */
int df__range_find(const char *name);

/* Resize without deforming: the crop scaled to fit w x h (linear), black bars where the sides differ.
 *   out  [h][w][3], B G R, 0..1, as upstream feeds its models */
void df__letterbox(df_pixels crop, int w, int h, float *out);
/* In place on n values (3 a pixel, B G R, 0..1). */
void df__range_apply(float *bgr, size_t n, df_range range);

#endif
