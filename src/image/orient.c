/* orient.c - turn a picture upright. EXIF orientation says where the stored first row and column belong:
 *   1 top left    2 top right (mirrored)    3 bottom right    4 bottom left (mirrored)
 *   5 left top (mirrored)    6 right top    7 right bottom (mirrored)    8 left bottom */
#include "image/decoders.h"

#include <string.h>

static void swap_pixels(uint8_t *a, uint8_t *b)
{
    uint8_t t[3];
    memcpy(t, a, 3), memcpy(a, b, 3), memcpy(b, t, 3);
}

static void mirror_rows(df_pixels px)
{
    for (int y = 0; y < px.height; y++) {
        uint8_t *a = px.data + (size_t)y * px.stride, *b = a + 3 * ((size_t)px.width - 1);
        for (; a < b; a += 3, b -= 3)
            swap_pixels(a, b);
    }
}

static void turn_half(df_pixels px, bool mirrored)
{
    size_t n = (size_t)px.width;
    for (int y = 0; y < px.height / 2; y++) {
        uint8_t *a = px.data + (size_t)y * px.stride, *b = px.data + (size_t)(px.height - 1 - y) * px.stride;
        for (size_t x = 0; x < n; x++)
            swap_pixels(a + 3 * x, b + 3 * x);
    }
    if (mirrored)
        mirror_rows(px);
}

/* to(x, y) = from(y, x), then either axis reversed. Blocks keep both sides in the cache. */
static void transpose(df_pixels from, df_pixels to, bool flip_x, bool flip_y)
{
    enum { BLOCK = 32 };
    for (int by = 0; by < from.height; by += BLOCK)
        for (int bx = 0; bx < from.width; bx += BLOCK)
            for (int x = bx; x < from.width && x < bx + BLOCK; x++) {
                uint8_t *row = to.data + (size_t)(flip_y ? to.height - 1 - x : x) * to.stride;
                for (int y = by; y < from.height && y < by + BLOCK; y++)
                    memcpy(row + 3 * (size_t)(flip_x ? to.width - 1 - y : y), from.data + (size_t)y * from.stride + 3 * (size_t)x,
                           3);
            }
}

df_status df__pixels_orient(df_pixels *px, int orientation, df_error *err)
{
    if (orientation < 2 || orientation > 8)
        return DF_OK;
    if (orientation == 2)
        mirror_rows(*px);
    else if (orientation == 3)
        turn_half(*px, true);
    else if (orientation == 4)
        turn_half(*px, false);
    if (orientation < 5)
        return DF_OK;
    df_pixels upright;
    df_status st = df__pixels_new(px->height, px->width, &upright, err);
    if (st != DF_OK)
        return st;
    transpose(*px, upright, orientation == 6 || orientation == 7, orientation == 7 || orientation == 8);
    df__pixels_free(px);
    *px = upright;
    return DF_OK;
}
