/* area.h - rows of a photo reduced by averaging: each pixel of the smaller picture is the mean of the rectangle that it covers. */
#ifndef DF_DETECT_AREA_H
#define DF_DETECT_AREA_H

#include "core/arena.h"
#include "image/pixels.h"

typedef enum df_area_rule {
    DF_AREA_SHARES, /* pixels at the rectangle's border count by their share: tf.image.resize with ResizeMethod.AREA (TensorFlow 2.21
                     * core/kernels/image/resize_area_op.cc) */
    DF_AREA_WHOLE   /* every pixel that it touches counts as one: torch's interpolate with mode="area", which is adaptive_avg_pool2d */
} df_area_rule;

typedef struct df_area_plan {
    df_area_rule rule;
    int    from_width, from_height, width, height;
    float  scale, offset; /* values are mean * scale + offset */
    int   *left;          /* [width]: first pixel of the photo under a column */
    int    most;          /* pixels under a column, at most */
    float *share;         /* [width][most], 0 for those that are not under it */
} df_area_plan;

/* In `arena`. The smaller picture has sides from 1, none longer than the photo's. */
df_status df__area_plan(int from_width, int from_height, int width, int height, df_area_rule rule, float scale, float offset, df_arena *arena,
                        df_area_plan *out, df_error *err);
/* Floats of work memory that a row needs. */
size_t df__area_room(int from_width);
/* Row y as four floats a pixel: red, green, blue, anything. `work`: df__area_room floats. */
void df__area_row(const df_area_plan *plan, df_pixels px, int y, float *work, float *out);

#endif
