/* haar.h - a cascade run over a grey picture at every place and size, as OpenCV's CascadeClassifier does it: the same scales, the same
 * rounding, the same windows, the same boxes. Source: OpenCV 4.14 objdetect/src/cascadedetect.cpp and imgproc/src/resize.cpp.
 * Knows no faces and no files. */
#ifndef DF_DETECT_HAAR_H
#define DF_DETECT_HAAR_H

#include "core/arena.h"
#include "image/pixels.h"
#include "models/cascade.h"

typedef struct df_grey { int width, height; size_t stride; const uint8_t *data; } df_grey; /* a view */

/* Room for a grey picture of width x height, black. */
df_status df__grey_new(int width, int height, df_arena *scratch, uint8_t **data, df_grey *out, df_error *err);
/* Grey of `px` into `to`, which has room for it, `stride` bytes a row: cv2.cvtColor(BGR2GRAY) to the bit. */
void df__grey_fill(df_pixels px, uint8_t *to, size_t stride);

/* A cascade made ready to run. Immutable, shared by threads. */
typedef struct df_haar df_haar;
df_status df__haar_new(const df_cascade *c, df_haar **out, df_error *err);
void      df__haar_free(df_haar *h);

/* weight: sum of the last stage's leaves. */
typedef struct df_haar_box { int x, y, w, h; double weight; } df_haar_box;
typedef struct df_haar_boxes { df_haar_box *items; size_t n, cap; } df_haar_boxes; /* malloc; {0} is empty */
void df__haar_boxes_free(df_haar_boxes *boxes);

/* Append every window that passes all stages: smallest scale first, then from top to bottom and left to right, the same for any
 * number of threads. Each scale is `factor` (> 1) times the one before. */
df_status df__haar_windows(const df_haar *h, df_grey grey, double factor, int threads, df_arena *scratch, df_haar_boxes *out, df_error *err);

/* Windows to boxes: like windows become their mean, groups of `neighbours` or fewer windows go, and so do those inside a box that far
 * more windows stand for. The weight is the group's largest. */
df_status df__haar_group(df_haar_boxes *boxes, int neighbours, df_arena *scratch, df_error *err);

#endif
