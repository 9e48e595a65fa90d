/* pixels.c - making, viewing and pasting pictures. */
#include "image/pixels.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 1 << 20 };

static df_status check_sides(int width, int height, df_error *err)
{
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return df__fail(err, DF_E_ARGUMENT, "a picture of %d x %d pixels, sides must be 1 to %d", width, height, MAX_SIDE);
    if ((size_t)height > SIZE_MAX / 3 / (size_t)width)
        return df__fail(err, DF_E_NO_MEMORY, "a picture of %d x %d pixels does not fit into memory", width, height);
    return DF_OK;
}

df_status df__pixels_new(int width, int height, df_pixels *out, df_error *err)
{
    *out = (df_pixels){0};
    df_status st = check_sides(width, height, err);
    if (st != DF_OK)
        return st;
    size_t stride = (size_t)width * 3;
    uint8_t *data = calloc((size_t)height, stride);
    if (!data)
        return df__no_memory(err, "a picture", stride * (size_t)height);
    *out = (df_pixels){width, height, stride, data};
    return DF_OK;
}

df_status df__pixels_in(df_arena *arena, int width, int height, df_pixels *out, df_error *err)
{
    *out = (df_pixels){0};
    df_status st = check_sides(width, height, err);
    if (st != DF_OK)
        return st;
    size_t stride = (size_t)width * 3;
    uint8_t *data = df__arena_calloc(arena, (size_t)height, stride);
    if (!data)
        return df__no_memory(err, "a picture", stride * (size_t)height);
    *out = (df_pixels){width, height, stride, data};
    return DF_OK;
}

void df__pixels_free(df_pixels *px)
{
    free(px->data);
    *px = (df_pixels){0};
}

df_pixels df__pixels_view(df_pixels px, int x, int y, int w, int h)
{
    return (df_pixels){w, h, px.stride, px.data + (size_t)y * px.stride + (size_t)x * 3};
}

void df__pixels_paste(df_pixels to, int x, int y, df_pixels from)
{
    /* 64 bits: x + width may pass the range of int */
    int64_t left = x > 0 ? x : 0, right = (int64_t)x + from.width;
    int64_t top = y > 0 ? y : 0, bottom = (int64_t)y + from.height;
    if (right > to.width)
        right = to.width;
    if (bottom > to.height)
        bottom = to.height;
    if (left >= right)
        return;
    for (int64_t row = top; row < bottom; row++)
        memcpy(to.data + (size_t)row * to.stride + (size_t)left * 3,
               from.data + (size_t)(row - y) * from.stride + (size_t)(left - x) * 3, (size_t)(right - left) * 3);
}
