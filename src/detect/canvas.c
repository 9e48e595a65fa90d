/* canvas.c - see canvas.h. */
#include "detect/canvas.h"

#include "image/warp.h"

df_status df__canvas_fit(df_pixels px, int width, int height, df_arena *scratch, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    *out = px;
    if (px.width == width && px.height == height)
        return DF_OK;
    DF_TRY(df__pixels_in(scratch, width, height, out, err));
    DF_TRY(df__resize(px, *out, DF_LINEAR, scratch, err));
done:
    return st;
}

/* One channel of a row, `step` numbers from pixel to pixel. */
static void fill_row(const uint8_t *from, int n, int left, int width, const float value[256], float around, float *to, size_t step)
{
    int x = 0;
    for (; x < left; x++)
        to[(size_t)x * step] = around;
    for (; x < left + n; x++, from += 3)
        to[(size_t)x * step] = value[*from];
    for (; x < width; x++)
        to[(size_t)x * step] = around;
}

df_status df__canvas_input(df_pixels px, int left, int top, int width, int height, const df_canvas_rule *rule, df_arena *scratch, df_tensor *out,
                           df_error *err)
{
    size_t plane = (size_t)width * (size_t)height, step = rule->last ? 3 : 1;
    float value[256], *blob = df__arena_alloc(scratch, 3 * plane * sizeof *blob);
    if (!blob)
        return df__no_memory(err, "input of a network", 3 * plane * sizeof *blob);
    for (int v = 0; v < 256; v++)
        value[v] = ((float)v - rule->mean) * rule->scale;
    for (size_t c = 0; c < 3; c++)
        for (int y = 0; y < height; y++) {
            bool inside = y >= top && y < top + px.height;
            const uint8_t *from = px.data + (inside ? (size_t)(y - top) * px.stride : 0) + (rule->bgr ? 2 - c : c);
            float *to = blob + (rule->last ? c : c * plane) + (size_t)y * (size_t)width * step;
            fill_row(from, inside ? px.width : 0, left, width, value, value[rule->around], to, step);
        }
    *out = (df_tensor){.type = DF_F32, .rank = 4, .dims = {1, 3, height, width}, .data = blob};
    if (rule->last)
        out->dims[1] = height, out->dims[2] = width, out->dims[3] = 3;
    return DF_OK;
}
