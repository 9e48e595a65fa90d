/* canvas.c - see canvas.h. */
#include "detect/canvas.h"

#include "core/simd.h"
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

/* n pixels as a row of each channel. */
DF_CLONES static void split_row(const uint8_t *restrict from, size_t n, const float mean[3], float scale, float *restrict r, float *restrict g,
                                float *restrict b)
{
    for (size_t x = 0; x < n; x++) {
        r[x] = ((float)from[3 * x] - mean[0]) * scale;
        g[x] = ((float)from[3 * x + 1] - mean[1]) * scale;
        b[x] = ((float)from[3 * x + 2] - mean[2]) * scale;
    }
}

static void fill(float *to, size_t n, float value)
{
    for (size_t i = 0; i < n; i++)
        to[i] = value;
}

/* A row of the canvas of which pixels [left, left + n) are the photo's: planes of `width` numbers, one after the other from `to` on. */
static void planes_row(const uint8_t *from, size_t n, size_t left, size_t width, size_t plane, const df_canvas_rule *rule, float *to)
{
    float *at[3], mean[3]; /* in the photo's order: red, green, blue */
    for (size_t c = 0; c < 3; c++) {
        float *row = to + c * plane, around = ((float)rule->around - rule->mean[c]) * rule->scale;
        at[rule->bgr ? 2 - c : c] = row + left, mean[rule->bgr ? 2 - c : c] = rule->mean[c];
        fill(row, left, around);
        fill(row + left + n, width - left - n, around);
    }
    if (n > 0)
        split_row(from, n, mean, rule->scale, at[0], at[1], at[2]);
}

static void pixels_row(const uint8_t *from, size_t n, size_t left, size_t width, const df_canvas_rule *rule, float *to)
{
    for (size_t x = 0; x < width; x++, to += 3)
        for (size_t c = 0; c < 3; c++) {
            uint8_t v = x < left || x >= left + n ? rule->around : from[3 * (x - left) + (rule->bgr ? 2 - c : c)];
            to[c] = ((float)v - rule->mean[c]) * rule->scale;
        }
}

df_status df__canvas_input(df_pixels px, int left, int top, int width, int height, const df_canvas_rule *rule, df_arena *scratch, df_tensor *out,
                           df_error *err)
{
    size_t plane = (size_t)width * (size_t)height;
    float *blob = df__arena_alloc(scratch, 3 * plane * sizeof *blob);
    if (!blob)
        return df__no_memory(err, "input of a network", 3 * plane * sizeof *blob);
    for (int y = 0; y < height; y++) {
        bool inside = y >= top && y < top + px.height;
        const uint8_t *from = px.data + (inside ? (size_t)(y - top) * px.stride : 0);
        size_t n = inside ? (size_t)px.width : 0, at = (size_t)y * (size_t)width;
        if (rule->last)
            pixels_row(from, n, (size_t)left, (size_t)width, rule, blob + 3 * at);
        else
            planes_row(from, n, (size_t)left, (size_t)width, plane, rule, blob + at);
    }
    *out = (df_tensor){.type = DF_F32, .rank = 4, .dims = {1, 3, height, width}, .data = blob};
    if (rule->last)
        out->dims[1] = height, out->dims[2] = width, out->dims[3] = 3;
    return DF_OK;
}
