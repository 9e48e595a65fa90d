/* reduce.c - averages, so that no pixel of the photo is passed over. */
#include "detect/reduce.h"

#include <math.h>

#include "image/warp.h"

df_status df__detect_reduce(df_pixels *px, int side, double *scale, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_pixels small;
    int longer = px->width > px->height ? px->width : px->height;
    *scale = 1;
    if (side <= 0 || longer <= side)
        return DF_OK;
    *scale = (double)longer / side;
    int w = (int)lround(px->width / *scale), h = (int)lround(px->height / *scale);
    DF_TRY(df__pixels_in(scratch, w > 0 ? w : 1, h > 0 ? h : 1, &small, err));
    DF_TRY(df__resize(*px, small, DF_AREA, scratch, err));
    *px = small;
done:
    return st;
}
