/* canvas.h - a photo, or part of it, as the input of a network: brought to size, laid on a canvas, its bytes made numbers. */
#ifndef DF_DETECT_CANVAS_H
#define DF_DETECT_CANVAS_H

#include "image/pixels.h"
#include "nn/net.h"

typedef struct df_canvas_rule {
    bool    bgr;            /* order of the channels; else RGB */
    bool    last;           /* [1][height][width][3], else [1][3][height][width] */
    float   mean[3], scale; /* a byte v becomes (v - mean of its channel, in the network's order) * scale */
    uint8_t around;         /* grey where the photo ends */
} df_canvas_rule;

/* `px` brought to this size by linear interpolation, as cv2.resize does; itself where it has the size. */
df_status df__canvas_fit(df_pixels px, int width, int height, df_arena *scratch, df_pixels *out, df_error *err);
/* `px` with its top left corner at (left, top) of a canvas that it lies within. */
df_status df__canvas_input(df_pixels px, int left, int top, int width, int height, const df_canvas_rule *rule, df_arena *scratch, df_tensor *out,
                           df_error *err);

#endif
