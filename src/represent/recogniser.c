/* recogniser.c - crops through the letterbox, the pixel range and the network, several at once. */
#include "represent/recogniser.h"

#include <math.h>
#include <string.h>

/* Faces that go through the network together. Powers of two, so that few batch sizes are ever compiled. */
enum { MAX_BATCH = 8 };

df_status df__recogniser_open(const df_loader *loader, const df_recogniser *row, df_recogniser_net *out, df_error *err)
{
    *out = (df_recogniser_net){.row = row};
    return df__weights_net(loader, row->weights, loader->precision, &out->net, err);
}

void df__recogniser_close(df_recogniser_net *r)
{
    df__net_free(r->net);
    *r = (df_recogniser_net){0};
}

/* dlib's own input: R G B planes, (v - mean) / 256 of whole grey levels (dlib dnn/input.h, input_rgb_image_sized). Upstream brings
 * the letterbox's 0..1 back to bytes by truncation (deepface 0.0.103 models/facial_recognition/dlib), other ranges wrap there. */
static void feed_dlib(const float *bgr, size_t pixels, bool unit, float *to)
{
    static const float mean[3] = {122.782f, 117.001f, 104.298f};
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < pixels; i++) {
            float v = bgr[3 * i + 2 - c] * (unit ? 255.0f : 1.0f);
            to[c * pixels + i] = ((float)(uint8_t)(int)v - mean[c]) / 256.0f;
        }
}

/* Upstream's test for "still 0..1": no value over 1. */
static bool is_unit(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] > 1)
            return false;
    return true;
}

/* Planes of `height` rows of `width`, each row turned round. */
static void mirror(const float *from, int width, size_t rows, float *to)
{
    for (size_t r = 0; r < rows; r++, from += width, to += width)
        for (int x = 0; x < width; x++)
            to[x] = from[width - 1 - x];
}

static df_status run_batch(const df_recogniser_net *r, const df_pixels *crops, size_t n, df_range range, bool flip, df_arena *scratch,
                           float *out, df_error *err)
{
    df_status st = DF_OK;
    const df_recogniser *row = r->row;
    size_t pixels = (size_t)row->width * (size_t)row->height, dims = (size_t)row->dims, faces = flip ? 2 * n : n;
    float *bgr = df__arena_alloc(scratch, 3 * pixels * sizeof *bgr);
    float *blob = df__arena_alloc(scratch, faces * 3 * pixels * sizeof *blob);
    if (!bgr || !blob)
        return df__no_memory(err, row->name, (faces + 1) * 3 * pixels * sizeof *blob);
    for (size_t i = 0; i < n; i++) {
        df__letterbox(crops[i], row->width, row->height, bgr);
        df__range_apply(bgr, 3 * pixels, range);
        feed_dlib(bgr, pixels, is_unit(bgr, 3 * pixels), blob + i * 3 * pixels);
        if (flip)
            mirror(blob + i * 3 * pixels, row->width, 3 * (size_t)row->height, blob + (n + i) * 3 * pixels);
    }
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {(int64_t)faces, 3, row->height, row->width}, .data = blob}, result;
    DF_TRY(df__net_run(r->net, &in, 1, &result, 1, 1, scratch, err));
    if (result.type != DF_F32 || df__tensor_count(&result) != (int64_t)(faces * dims))
        return df__fail(err, DF_E_BAD_MODEL, "%s: %lld numbers for %zu faces, not %d each", row->name,
                        (long long)df__tensor_count(&result), faces, row->dims);
    const float *rows = result.data;
    memcpy(out, rows, n * dims * sizeof *out);
    for (size_t i = 0; flip && i < n * dims; i++)
        out[i] = (rows[i] + rows[n * dims + i]) / 2;
done:
    return st;
}

df_status df__recogniser_run(const df_recogniser_net *r, const df_pixels *crops, size_t n, df_range range, bool flip, df_arena *scratch,
                             float *out, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < n; i++)
        if (crops[i].width <= 0 || crops[i].height <= 0)
            return df__fail(err, DF_E_ARGUMENT, "face %zu lies outside the photo", i + 1);
    for (size_t done = 0, batch = MAX_BATCH; st == DF_OK && done < n; done += batch) {
        while (batch > n - done)
            batch /= 2;
        df_arena_mark mark = df__arena_mark(scratch);
        st = run_batch(r, crops + done, batch, range, flip, scratch, out + done * (size_t)r->row->dims, err);
        df__arena_release(scratch, mark);
    }
    return st;
}
