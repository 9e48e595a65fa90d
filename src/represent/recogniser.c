/* recogniser.c - crops through the letterbox, the pixel range, the network's own way of taking pixels and the network, several at once. */
#include "represent/recogniser.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

/* Faces that go through the network together. Powers of two, so that few batch sizes are ever compiled. */
enum { MAX_BATCH = 8, MAX_OUTPUTS = 8 };

static const df_tensor *input_of(const df_recogniser_net *r) { return &df__net_input(r->net, 0)->shape; }

/* Beyond what the loader has seen to: channels where the row says, and no batch that the graph's export froze. */
static df_status check_layout(const df_recogniser_net *r, df_error *err)
{
    const df_recogniser *row = r->row;
    const df_tensor *in = input_of(r);
    int64_t channels = in->rank == 4 ? in->dims[row->feed.last ? 3 : 1] : -1;
    if (channels != 3 && channels != -1)
        return df__fail(err, DF_E_BAD_MODEL, "%s: the network takes %lld x %lld x %lld numbers a face, not %s", row->name, (long long)in->dims[1],
                        (long long)in->dims[2], (long long)in->dims[3], row->feed.last ? "height x width x 3 (nhwc)" : "3 x height x width (nchw)");
    if (in->rank == 4 && in->dims[0] > 1)
        return df__fail(err, DF_E_BAD_MODEL, "%s: the network takes %lld faces at a time and no others", row->name, (long long)in->dims[0]);
    if (df__net_outputs(r->net) > MAX_OUTPUTS)
        return df__fail(err, DF_E_BAD_MODEL, "%s: the network has %zu outputs, more than %d", row->name, df__net_outputs(r->net), MAX_OUTPUTS);
    return DF_OK;
}

df_status df__recogniser_open(const df_loader *loader, const df_recogniser *row, df_recogniser_net *out, df_error *err)
{
    df_status st = DF_OK;
    df_recogniser_net r = {.row = row};
    if (row->weights) {
        DF_TRY(df__weights_net(loader, row->weights, loader->precision, &r.net, err));
    } else {
        const df_model_info info = {.name = row->name, .width = row->width, .height = row->height, .dims = row->dims};
        DF_TRY(df__file_net(loader, row->file, loader->precision, &r.net, err));
        DF_TRY(df__ports_check(&info, r.net, err));
    }
    DF_TRY(check_layout(&r, err));
done:
    if (st != DF_OK)
        df__recogniser_close(&r);
    *out = r;
    return st;
}

void df__recogniser_close(df_recogniser_net *r)
{
    df__net_free(r->net);
    *r = (df_recogniser_net){0};
}

/* Upstream's test for "still 0..1": no value over 1. */
static bool is_unit(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] > 1)
            return false;
    return true;
}

/* A network may see whole levels: what is cut off is what a byte would lose. */
DF_CLONES static void scale_values(float *v, size_t n, float scale, bool whole)
{
    if (whole)
        for (size_t i = 0; i < n; i++)
            v[i] = (float)(uint8_t)(int)(v[i] * scale);
    else
        for (size_t i = 0; i < n; i++)
            v[i] *= scale;
}

/* n pixels onto three planes: the channel at[c] of a pixel to plane c. */
DF_CLONES static void feed_planes(const float *bgr, size_t n, const size_t at[3], const float mean[3], const float std[3], float *restrict to)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < n; i++)
            to[c * n + i] = (bgr[3 * i + at[c]] - mean[c]) / std[c];
}

static void feed_pixels(const float *bgr, size_t n, const size_t at[3], const float mean[3], const float std[3], float *restrict to)
{
    for (size_t i = 0; i < 3 * n; i += 3)
        for (size_t c = 0; c < 3; c++)
            to[i + c] = (bgr[i + at[c]] - mean[c]) / std[c];
}

/* Writes over `bgr`. */
static void feed(const df_recogniser *row, float *bgr, float *to)
{
    const df_feed *f = &row->feed;
    const size_t n = (size_t)row->width * (size_t)row->height, at[3] = {f->rgb ? 2 : 0, 1, f->rgb ? 0 : 2};
    scale_values(bgr, 3 * n, f->unit && !is_unit(bgr, 3 * n) ? 1 : f->scale, f->whole);
    (f->last ? feed_pixels : feed_planes)(bgr, n, at, f->mean, f->std, to);
}

/* The mirror image of what `feed` made. */
DF_CLONES static void mirror(const float *restrict from, size_t rows, size_t width, float *restrict to)
{
    for (size_t y = 0; y < rows; y++, from += width, to += width)
        for (size_t x = 0; x < width; x++)
            to[x] = from[width - 1 - x];
}

static void mirror_pixels(const float *from, size_t rows, size_t width, float *to)
{
    for (size_t y = 0; y < rows; y++, from += 3 * width, to += 3 * width)
        for (size_t x = 0; x < width; x++)
            memcpy(to + 3 * x, from + 3 * (width - 1 - x), 3 * sizeof *to);
}

/* Rows of `dims` numbers for `faces` inputs in `blob`, several at once or, where the graph takes no more, one by one. */
static df_status forward(const df_recogniser_net *r, float *blob, size_t faces, int threads, df_arena *scratch, float *rows, df_error *err)
{
    df_status st = DF_OK;
    const df_recogniser *row = r->row;
    const size_t size = 3 * (size_t)row->width * (size_t)row->height, dims = (size_t)row->dims, most = input_of(r)->rank == 4 && input_of(r)->dims[0] == 1 ? 1 : faces;
    for (size_t at = 0; at < faces; at += most) {
        df_arena_mark mark = df__arena_mark(scratch);
        df_tensor in = {.type = DF_F32, .rank = 4, .dims = {(int64_t)most, 3, row->height, row->width}, .data = blob + at * size};
        if (row->feed.last)
            in.dims[1] = row->height, in.dims[2] = row->width, in.dims[3] = 3;
        df_tensor out[MAX_OUTPUTS];
        DF_TRY(df__net_run(r->net, &in, 1, out, df__net_outputs(r->net), threads, scratch, err));
        if (out->type != DF_F32 || df__tensor_count(out) != (int64_t)(most * dims))
            return df__fail(err, DF_E_BAD_MODEL, "%s: %lld numbers for %zu faces, not %d each", row->name, (long long)df__tensor_count(out), most,
                            row->dims);
        memcpy(rows + at * dims, out->data, most * dims * sizeof *rows);
        df__arena_release(scratch, mark);
    }
done:
    return st;
}

/* deepface 0.0.103 modules/verification.py l2_normalize */
static void to_length_1(float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    for (size_t i = 0; i < n; i++)
        v[i] = (float)((double)v[i] / (sqrt(sum) + 1e-10));
}

static df_status run_batch(const df_recogniser_net *r, const df_pixels *crops, size_t n, df_range range, bool flip, int threads, df_arena *scratch,
                           float *out, df_error *err)
{
    df_status st = DF_OK;
    const df_recogniser *row = r->row;
    const size_t size = 3 * (size_t)row->width * (size_t)row->height, dims = (size_t)row->dims, faces = flip ? 2 * n : n;
    float *bgr = df__arena_alloc(scratch, size * sizeof *bgr);
    float *blob = df__arena_alloc(scratch, faces * size * sizeof *blob);
    float *rows = df__arena_alloc(scratch, faces * dims * sizeof *rows);
    if (!bgr || !blob || !rows)
        return df__no_memory(err, row->name, ((faces + 1) * size + faces * dims) * sizeof *blob);
    for (size_t i = 0; i < n; i++) {
        df__letterbox(crops[i], row->width, row->height, bgr);
        df__range_apply(bgr, size, range);
        feed(row, bgr, blob + i * size);
        if (flip && row->feed.last)
            mirror_pixels(blob + i * size, (size_t)row->height, (size_t)row->width, blob + (n + i) * size);
        else if (flip)
            mirror(blob + i * size, 3 * (size_t)row->height, (size_t)row->width, blob + (n + i) * size);
    }
    DF_TRY(forward(r, blob, faces, threads, scratch, rows, err));
    for (size_t i = 0; row->l2 && i < faces; i++)
        to_length_1(rows + i * dims, dims);
    for (size_t i = 0; flip && i < n * dims; i++)
        rows[i] = (rows[i] + rows[n * dims + i]) / 2;
    for (size_t i = 0; flip && row->l2 && i < n; i++)
        to_length_1(rows + i * dims, dims);
    memcpy(out, rows, n * dims * sizeof *out);
done:
    return st;
}

df_status df__recogniser_run(const df_recogniser_net *r, const df_pixels *crops, size_t n, df_range range, bool flip, int threads, df_arena *scratch,
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
        st = run_batch(r, crops + done, batch, range, flip, threads, scratch, out + done * (size_t)r->row->dims, err);
        df__arena_release(scratch, mark);
    }
    return st;
}
