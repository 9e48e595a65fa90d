/* mask.h - keep of a crop what lies inside the outline of its face. */
#ifndef DF_NORMALIZE_MASK_H
#define DF_NORMALIZE_MASK_H

#include "core/arena.h"
#include "image/pixels.h"

/* Black wherever the middle of a pixel lies outside the smallest convex outline around `points`, which are in pixels of the crop with
 * centres at whole numbers; on the outline itself it stays. Points on one line, or fewer than three, leave that line at most. Errors:
 * DF_E_ARGUMENT (a point is no number), DF_E_NO_MEMORY. */
df_status df__mask(df_pixels crop, const df_point *points, size_t n, df_arena *scratch, df_error *err);

#endif
