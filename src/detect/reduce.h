/* reduce.h - the photo brought down to the size that a caller asked for. */
#ifndef DF_DETECT_REDUCE_H
#define DF_DETECT_REDUCE_H

#include "image/pixels.h"

/* Where the longer side of *px is over `side` (0: no limit), *px becomes a smaller picture in `scratch`. scale: pixels of the photo in one
 * of *px, from 1. */
df_status df__detect_reduce(df_pixels *px, int side, double *scale, df_arena *scratch, df_error *err);

#endif
