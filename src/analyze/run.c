/* run.c - faces through a network of attributes: opened and looked at, fed, run, read. */
#include <math.h>
#include <string.h>

#include "analyze/attribute.h"

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

df_status df__attribute_open(const df_loader *loader, const df_attribute *a, df_net **out, df_error *err)
{
    df_status st = df__weights_net(loader, a->name, loader->precision, out, err);
    if (st == DF_OK && (st = check(a, *out, err)) != DF_OK) {
        df__net_free(*out);
        *out = NULL;
    }
    return st;
}

void df__attribute_feed(const df_attribute *a, df_pixels crop, bool mirror, float *to)
{
    const df_feed *f = &a->feed;
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
        if (!last || last->kind != cut->kind || last->side != cut->side || last->x != cut->x || last->y != cut->y) /* not its mirror image */
            DF_TRY(df__cut(look, cut, a->width, a->height, scratch, &crop, err));
        last = cut;
        df__attribute_feed(a, crop, cut->mirror, to + (size_t)v * df__attribute_size(a));
    }
done:
    df__arena_release(scratch, mark);
    return st;
}

df_status df__attribute_run(const df_attribute *a, df_net *net, const float *blob, size_t n, df_attributes *const *out, df_arena *scratch,
                            df_error *err)
{
    df_status st = DF_OK;
    df_arena_mark mark = df__arena_mark(scratch);
    int64_t views = (int64_t)n * a->views, channels = (int64_t)df__attribute_channels(a);
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {views, channels, a->height, a->width}, .data = (void *)(uintptr_t)blob};
    df_tensor result[DF_MAX_HEADS];
    if (a->feed.last)
        in.dims[1] = a->height, in.dims[2] = a->width, in.dims[3] = channels;
    DF_TRY(df__net_run(net, &in, 1, result, (size_t)a->n_heads, 1, scratch, err));
    for (int h = 0; h < a->n_heads; h++) {
        int64_t numbers = df__tensor_count(&result[h]);
        if (result[h].type != DF_F32 || numbers != views * a->heads[h].numbers)
            DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s: %lld numbers for %lld inputs, not %d each", a->name, (long long)numbers, (long long)views,
                            a->heads[h].numbers));
        const float *v = result[h].data;
        for (int64_t i = 0; i < numbers; i++)
            if (!isfinite(v[i]))
                DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s: output %d gives what is no number", a->name, h + 1));
    }
    for (size_t i = 0; i < n; i++) {
        const float *rows[DF_MAX_HEADS];
        for (int h = 0; h < a->n_heads; h++)
            rows[h] = (const float *)result[h].data + i * (size_t)a->views * (size_t)a->heads[h].numbers;
        a->read(a, rows, out[i]);
        out[i]->has |= a->gives;
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
