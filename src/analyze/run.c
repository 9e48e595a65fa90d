/* run.c - faces through a network of attributes: opened and looked at, fed, run, read. */
#include <math.h>
#include <string.h>

#include "analyze/attribute.h"

/* Of the inputs of one run: four faces of 224 x 224 with their mirror images. More takes memory and saves no time. */
static const size_t most_numbers = (size_t)8 * 3 * 224 * 224;

static df_status check(const df_attribute *a, const df_net *net, df_error *err)
{
    size_t channels = df__attribute_channels(a);
    const char *file = df__weights_find(a->name)->info.file;
    const df_tensor *in = df__net_inputs(net) == 1 ? &df__net_input(net, 0)->shape : NULL;
    const int64_t planes[4] = {-1, (int64_t)channels, a->height, a->width}, last[4] = {-1, a->height, a->width, (int64_t)channels};
    const int64_t *wanted = a->feed.last ? last : planes;
    bool fits = in && in->rank == 4 && in->type == DF_F32;
    for (int i = 1; fits && i < 4; i++)
        fits = in->dims[i] == wanted[i] || in->dims[i] < 0;
    if (!fits)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %s does not take pictures of %d x %d x %zu", a->name, file, a->width, a->height, channels);
    if (df__net_outputs(net) != (size_t)a->n_heads)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %s has %zu outputs, not %d", a->name, file, df__net_outputs(net), a->n_heads);
    for (int h = 0; h < a->n_heads; h++) {
        const df_tensor *out = &df__net_output(net, (size_t)h)->shape;
        int64_t numbers = out->rank > 0 ? out->dims[out->rank - 1] : 0;
        if (out->rank >= 0 && (out->rank != 2 || (numbers >= 0 && numbers != a->heads[h].numbers)))
            return df__fail(err, DF_E_BAD_MODEL, "%s: output %d of %s gives %lld numbers, not %d", a->name, h + 1, file, (long long)numbers,
                            a->heads[h].numbers);
    }
    return DF_OK;
}

static _Thread_local const df_attribute *opening; /* what the check, which is told the network alone, belongs to */

static df_status check_opening(const df_net *net, df_error *err) { return check(opening, net, err); }

df_status df__attribute_open(const df_loader *loader, const df_attribute *a, df_net **out, df_error *err)
{
    opening = a;
    return df__weights_net_checked(loader, a->name, loader->precision, check_opening, out, err);
}

void df__attribute_feed(const df_attribute *a, df_pixels crop, bool mirror, float *to)
{
    const df_attribute_feed *f = &a->feed;
    size_t channels = df__attribute_channels(a), plane = (size_t)crop.width * (size_t)crop.height;
    for (int y = 0; y < crop.height; y++)
        for (int x = 0; x < crop.width; x++) {
            const uint8_t *p = crop.data + (size_t)y * crop.stride + 3 * (size_t)(mirror ? crop.width - 1 - x : x);
            size_t at = (size_t)y * (size_t)crop.width + (size_t)x;
            /* grey as cv2.cvtColor makes it of bytes: whole numbers of 2^-15 */
            float v[3] = {(float)((9798 * p[0] + 19235 * p[1] + 3735 * p[2] + (1 << 14)) >> 15)};
            for (size_t c = 0; channels == 3 && c < 3; c++)
                v[c] = (float)p[f->colour == DF_CHANNELS_BGR ? 2 - c : c];
            for (size_t c = 0; c < channels; c++)
                to[f->last ? at * channels + c : c * plane + at] = (v[c] - f->mean[c]) / f->scale;
        }
}

df_status df__attribute_fill(const df_attribute *a, const df_look *look, float *to, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    if (a->fill)
        return a->fill(a, look, to, scratch, err);
    const df_cut *last = NULL;
    df_pixels crop = {0};
    df_arena_mark mark = df__arena_mark(scratch);
    for (int v = 0; v < a->views; v++) {
        const df_cut *cut = &a->cuts[v];
        bool mirror_image = last && last->kind == cut->kind && last->side == cut->side && last->x == cut->x && last->y == cut->y;
        if (!mirror_image)
            DF_TRY(df__cut(look, cut, a->width, a->height, scratch, &crop, err));
        last = cut;
        df__attribute_feed(a, crop, cut->mirror, to + (size_t)v * df__attribute_size(a));
    }
done:
    df__arena_release(scratch, mark);
    return st;
}

static df_status run_views(const df_attribute *a, df_net *net, const float *blob, int64_t views, df_tensor *result, df_arena *scratch,
                           df_error *err)
{
    df_status st = DF_OK;
    int64_t channels = (int64_t)df__attribute_channels(a);
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {views, channels, a->height, a->width}, .data = (void *)(uintptr_t)blob};
    if (a->feed.last)
        in.dims[1] = a->height, in.dims[2] = a->width, in.dims[3] = channels;
    DF_TRY(df__net_run(net, &in, 1, result, (size_t)a->n_heads, 1, scratch, err));
    for (int h = 0; h < a->n_heads; h++) {
        int64_t numbers = df__tensor_count(&result[h]);
        if (result[h].type != DF_F32 || numbers != views * a->heads[h].numbers)
            return df__fail(err, DF_E_BAD_MODEL, "%s: %lld numbers for %lld inputs, not %d each", a->name, (long long)numbers, (long long)views,
                            a->heads[h].numbers);
        const float *v = result[h].data;
        for (int64_t i = 0; i < numbers; i++)
            if (!isfinite(v[i]))
                return df__fail(err, DF_E_BAD_MODEL, "%s: output %d gives what is no number", a->name, h + 1);
    }
done:
    return st;
}

df_status df__attribute_run(const df_attribute *a, df_net *net, const float *blob, size_t n, df_findings *const *out, df_arena *scratch,
                            df_error *err)
{
    df_status st = DF_OK;
    df_arena_mark mark = df__arena_mark(scratch);
    df_tensor result[DF_MAX_HEADS];
    bool alone = df__net_input(net, 0)->shape.dims[0] == 1; /* a file of one batch */
    size_t views = (size_t)a->views, together = alone ? 1 : DF_ATTRIBUTE_BATCH;
    while (together > 1 && together * views * df__attribute_size(a) > most_numbers)
        together /= 2;
    for (size_t i = 0; i < n; i += together) {
        while (together > n - i) /* powers of two, so that few sizes of a batch are ever compiled */
            together /= 2;
        DF_TRY(run_views(a, net, blob + i * views * df__attribute_size(a), (int64_t)(together * views), result, scratch, err));
        for (size_t k = 0; k < together; k++) {
            const float *rows[DF_MAX_HEADS];
            for (int h = 0; h < a->n_heads; h++)
                rows[h] = (const float *)result[h].data + k * views * (size_t)a->heads[h].numbers;
            a->read(a, rows, out[i + k]);
        }
    }
done:
    df__arena_release(scratch, mark);
    return st;
}

df_status df__attribute_faces(const df_attribute *a, df_net *net, const df_look *looks, size_t n, df_findings *out, df_arena *scratch,
                              df_error *err)
{
    df_status st = DF_OK;
    size_t size = (size_t)a->views * df__attribute_size(a);
    df_arena_mark mark = df__arena_mark(scratch);
    float *blob = df__arena_alloc(scratch, DF_ATTRIBUTE_BATCH * size * sizeof *blob);
    if (!blob)
        return df__no_memory(err, a->name, DF_ATTRIBUTE_BATCH * size * sizeof *blob);
    for (size_t at = 0; at < n; at += DF_ATTRIBUTE_BATCH) {
        size_t here = n - at < DF_ATTRIBUTE_BATCH ? n - at : DF_ATTRIBUTE_BATCH;
        df_findings *to[DF_ATTRIBUTE_BATCH];
        for (size_t i = 0; i < here; i++) {
            to[i] = &out[at + i];
            DF_TRY(df__attribute_fill(a, &looks[at + i], blob + i * size, scratch, err));
        }
        DF_TRY(df__attribute_run(a, net, blob, here, to, scratch, err));
    }
done:
    df__arena_release(scratch, mark);
    return st;
}

void df__mean_rows(const float *rows, int views, int n, double *out)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int v = 0; v < views; v++)
            sum += (double)rows[v * n + i];
        out[i] = sum / views;
    }
}

int df__greatest(const float *v, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (!isnan(v[i]) && (best < 0 || v[i] > v[best]))
            best = i;
    return best;
}
