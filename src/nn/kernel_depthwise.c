/* kernel_depthwise.c - a convolution of each channel by itself, by loops of our own (lanes_rows.h): in channels last it is a product of rows with
 * rows, as fast as memory is, so tensors of bfloat16 are worth twice as much. Threads take ranges of output rows. */
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/kernel.h"
#include "nn/pack.h"

enum { MAX_TAPS = 16 /* rows of a window */, MAX_PARTS = 256 };

typedef struct depthwise {
    df_kernel       base;
    df_depthwise    g;
    df_window       w;
    int64_t         parts;
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused;
} depthwise;

static void depthwise_free(df_kernel *base)
{
    depthwise *d = (depthwise *)base;
    free(d->weights.own);
    free(d->bias);
    free(d);
}

typedef struct work { const depthwise *d; const df_call *call; df_tail tail; } work;

static void run_part(void *arg, size_t part, int worker)
{
    const work *job = arg;
    const depthwise *d = job->d;
    const df_window *w = &d->w;
    const df_tensor *x = &job->call->in[0], *y = &job->call->out[0];
    int64_t all = w->n * w->out[0], first = all * (int64_t)part / d->parts, end = all * ((int64_t)part + 1) / d->parts;
    (void)worker;
    for (int64_t i = first; i < end; i++) {
        const void *rows[MAX_TAPS];
        int64_t photo = i / w->out[0], top = i % w->out[0] * w->stride[0] - w->pad[0], at = i * w->out[1] * w->c;
        for (int r = 0; r < d->g.rows; r++) {
            int64_t row = top + r * w->dilation[0];
            rows[r] = row >= 0 && row < w->in[0] ? df__element(x, (photo * w->in[0] + row) * w->in[1] * w->c) : NULL;
        }
        df__lanes()->depthwise[df__is_half(x)][df__is_half(y)](&d->g, rows, at, &job->tail, df__element(y, at));
    }
}

static df_status depthwise_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const depthwise *d = (const depthwise *)base;
    work job = {.d = d, .call = call, .tail = df__tail_new(call, d->bias, d->fused, 0)};
    df__parallel_for((size_t)d->parts, exec->threads, run_part, &job);
    return DF_OK;
}

/* ---- compilation ---- */

/* df_depthwise.ahead. Less than CACHED is likely to be where the layer before wrote it, in the second cache; pixels that are no wider than a LINE are read one
 * after another, which the processor foresees. (GhostFaceNet's first, of 16 channels, took 0.63 ms for 0.48.) */
static int64_t ahead_of(const df_window *w, size_t size)
{
    enum { CACHED = 1 << 20, LINE = 64 };
    int64_t pixel = w->c * (int64_t)size, row = w->in[1] * pixel;
    return w->dilation[0] == 1 && w->stride[0] == w->stride[1] && pixel > LINE && w->n * w->in[0] * row > CACHED ? w->stride[0] * row : 0;
}

typedef struct filling { const df_conv *conv; const depthwise *d; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const df_depthwise *g = &f->d->g;
    (void)err;
    df__pack_taps(f->conv->call->in[1].data, g->c, 1, (int64_t)g->rows * g->columns, f->conv->fused ? f->conv->fused->scale : NULL, out);
    return DF_OK;
}

static bool applies(const df_conv *conv)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    bool fits = w->space == 2 && !conv->transposed && conv->group == w->c && call->in[1].dims[0] == w->c && w->c >= DF_LANES_MOST && call->nhwc &&
                call->in[1].data && (!df__given(call, 2) || call->in[2].data) && df__lanes_know(conv->fused) && w->kernel[0] <= MAX_TAPS;
    for (int i = 0; i < 2; i++)
        fits = fits && w->kernel[i] <= INT16_MAX && w->stride[i] <= INT16_MAX && w->dilation[i] <= INT16_MAX && w->pad[i] <= INT16_MAX;
    return fits;
}

df_status df__conv_depthwise(const df_conv *conv, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    *out = NULL;
    if (!applies(conv))
        return DF_OK;
    depthwise *d = calloc(1, sizeof *d);
    if (!d)
        return df__no_memory(call->err, "kernel", sizeof *d);
    d->w = *w;
    d->fused = conv->fused;
    d->g = (df_depthwise){.w = w->in[1], .ow = w->out[1], .c = w->c, .rows = (int)w->kernel[0], .columns = (int)w->kernel[1], .stride = (int)w->stride[1],
                          .pad = (int)w->pad[1], .dilation = (int)w->dilation[1], .ahead = ahead_of(w, df__dtype_size(call->in[0].type))};
    int64_t taps = w->kernel[0] * w->kernel[1], rows = w->n * w->out[0];
    d->parts = rows * w->out[1] * w->c * taps / (DF_PART_ADDS / 2); /* as fast as memory is */
    d->parts = d->parts > 4 * call->threads ? 4 * call->threads : d->parts; /* several a thread: one may come late */
    d->parts = d->parts > rows ? rows : d->parts > MAX_PARTS ? MAX_PARTS : d->parts;
    d->parts = d->parts < 1 || call->threads == 1 ? 1 : d->parts;
    d->base = (df_kernel){.run = depthwise_run, .free = depthwise_free, .name = "depthwise"};
    df_pack_key key = df__weights_key(call, d->base.name, conv->fused ? conv->fused->scale : NULL, w->c);
    filling f = {conv, d};
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, (size_t)(taps * w->c) * sizeof(float), fill, &f, &d->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, w->c, &d->bias));
    d->g.weights = d->weights.data;
    *out = &d->base;
    d = NULL;
done:
    if (d)
        depthwise_free(&d->base);
    return st;
}
