/* kernel_up.c - a transposed convolution whose windows do not overlap (stride = kernel, no padding): each pixel becomes a patch of its own, by one
 * product of matrices, in blocks that stay in the second cache. */
#include <stdlib.h>
#include <string.h>

#include "core/simd.h"
#include "nn/kernel.h"
#include "nn/lanes.h"
#include "nn/pack.h"

enum { BLOCK_BYTES = 400 << 10, LEAST = 32, LINE = 64 };

typedef struct up {
    df_kernel       base;
    df_num          num;
    df_window       w;
    int64_t         outs, taps, pixels, block, n_blocks, run, channels; /* numbers of a patch's row; what tails take for a pixel of it */
    df_prim        *full, *rest;
    size_t          src_bytes, dst_bytes, each; /* scratch of a worker: converted input, patches, oneDNN's */
    df_weights_at   weights;
    float          *bias;        /* run: repeated along a patch's row */
    const df_fused *fused;
    bool            depthwise;   /* a channel of its own for each: no product */
    bool            posts_after; /* the tails take whole vectors alone */
} up;

static void up_free(df_kernel *base)
{
    up *u = (up *)base;
    df__prim_free(u->full);
    df__prim_free(u->rest);
    free(u->weights.own);
    free(u->bias);
    free(u);
}

typedef struct work {
    const up      *u;
    const df_call *call;
    char          *scratch;
    df_mishaps     met;
} work;

DF_CLONES static void add_bias(const float *restrict x, const float *restrict bias, int64_t n, float *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + bias[i];
}

/* A patch lies [row][column][channel]; its rows are runs of the output. */
static void lay(const up *u, const float *patch, int64_t pixel, const df_call *call)
{
    const df_window *w = &u->w;
    int64_t each = w->in[0] * w->in[1], photo = pixel / each, row = pixel % each / w->in[1], column = pixel % w->in[1];
    for (int64_t a = 0; a < w->kernel[0]; a++) {
        int64_t to = ((photo * w->out[0] + row * w->kernel[0] + a) * w->out[1] + column * w->kernel[1]) * u->outs;
        if (!u->posts_after) {
            df_tail tail = df__tail_new(call, u->bias, u->fused, to);
            df__lanes()->scaled_tail[df__is_half(&call->out[0])](patch + a * u->run, u->run / u->channels, u->channels, 1, &tail, df__element(&call->out[0], to));
        } else if (u->bias) {
            add_bias(patch + a * u->run, u->bias, u->run, (float *)call->out[0].data + to);
        } else {
            memcpy((float *)call->out[0].data + to, patch + a * u->run, (size_t)u->run * sizeof(float));
        }
    }
}

DF_CLONES static void spread(const float *x, const float *weights, int64_t taps, int64_t channels, float *patch)
{
    for (int64_t t = 0; t < taps; t++)
        for (int64_t c = 0; c < channels; c++)
            patch[t * channels + c] = x[c] * weights[t * channels + c];
}

static void run_block(void *arg, size_t i, int worker)
{
    work *job = arg;
    const up *u = job->u;
    char *scratch = job->scratch + (size_t)worker * u->each;
    int64_t first = (int64_t)i * u->block, count = u->pixels - first < u->block ? u->pixels - first : u->block;
    const df_tensor *in = &job->call->in[0];
    const void *x = df__element(in, first * u->w.c);
    float *patches = (float *)(void *)(scratch + u->src_bytes);
    df_prim_args args = {.src = x, .weights = u->weights.data, .dst = patches, .scratch = scratch + u->src_bytes + u->dst_bytes};
    if (u->num == DF_NUM_BF16 && !df__is_half(in)) {
        df__lanes()->to_bf16(x, (uint16_t *)(void *)scratch, count * u->w.c);
        args.src = scratch;
    }
    df_status st = DF_OK;
    if (!u->depthwise)
        st = df__prim_run(count == u->block ? u->full : u->rest, &args, &job->met.err[worker]);
    for (int64_t p = 0; p < count && u->depthwise; p++)
        spread((const float *)x + p * u->w.c, u->weights.data, u->taps, u->w.c, patches + p * u->taps * u->outs);
    if (st != DF_OK)
        job->met.st[worker] = st;
    for (int64_t p = 0; p < count && st == DF_OK; p++)
        lay(u, patches + p * u->taps * u->outs, first + p, job->call);
}

static df_status up_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const up *u = (const up *)base;
    df_arena_mark mark = df__arena_mark(call->scratch);
    work *job = df__arena_calloc(call->scratch, 1, sizeof *job);
    df_status st = DF_OK;
    if (!job)
        return df__no_memory(call->err, "kernel", sizeof *job);
    job->u = u;
    job->call = call;
    job->scratch = exec->scratch;
    st = df__run_parts(call, exec->threads, (size_t)u->n_blocks, run_block, job, &job->met);
    df__arena_release(call->scratch, mark);
    if (st == DF_OK && u->posts_after && u->fused)
        df__fused_apply(call, u->fused, false);
    return st;
}

/* ---- compilation ---- */

typedef struct filling { const df_conv *conv; const up *u; } filling;

/* [c][out][row][column] to [c][row][column][out], each output channel times its scale, then into oneDNN's layout. */
static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const up *u = f->u;
    const float *scale = f->conv->fused ? f->conv->fused->scale : NULL;
    const char *from = f->conv->call->in[1].data;
    int64_t width = u->taps * u->outs;
    if (u->depthwise) {
        df__pack_taps(from, u->outs, 1, u->taps, scale, out);
        return DF_OK;
    }
    float *plain = malloc((size_t)(u->w.c * width) * sizeof *plain);
    if (!plain)
        return df__no_memory(err, "weights", (size_t)(u->w.c * width) * sizeof *plain);
    for (int64_t c = 0; c < u->w.c; c++)
        for (int64_t o = 0; o < u->outs; o++)
            for (int64_t t = 0; t < u->taps; t++) {
                float v;
                memcpy(&v, from + (size_t)((c * u->outs + o) * u->taps + t) * sizeof v, sizeof v);
                plain[c * width + t * u->outs + o] = scale ? v * scale[o] : v;
            }
    df_status st = df__prim_pack(u->full, plain, (const int64_t[]){u->w.c * width, width, 1}, NULL, 0, out, err);
    free(plain);
    return st;
}

static bool applies(const df_conv *conv)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    bool apart = conv->transposed && w->space == 2 && call->nhwc && call->in[1].data && (!df__given(call, 2) || call->in[2].data) &&
                 (conv->group == 1 || (conv->group == w->c && call->in[1].dims[1] == 1));
    for (int i = 0; i < 2 && apart; i++)
        apart = w->kernel[i] == w->stride[i] && w->dilation[i] == 1 && w->pad[i] == 0 && w->out[i] == w->in[i] * w->kernel[i] && w->kernel[i] <= 16;
    return apart;
}

static df_status make(const df_conv *conv, up *u)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    float *bias = NULL;
    size_t size = df__num_size(u->num);
    int64_t width = u->taps * u->outs, most = BLOCK_BYTES / (width * 4), last;
    most = most < LEAST ? LEAST : most;
    u->n_blocks = (u->pixels + most - 1) / most;
    if (u->n_blocks < call->threads && u->pixels >= LEAST * call->threads)
        u->n_blocks = call->threads;
    u->block = (u->pixels + u->n_blocks - 1) / u->n_blocks;
    u->n_blocks = (u->pixels + u->block - 1) / u->block;
    last = u->pixels - (u->n_blocks - 1) * u->block;
    if (!u->depthwise) {
        DF_TRY(df__prim_batched(&(df_batched_job){1, u->block, u->w.c, width, u->num, false}, NULL, &u->full, call->err));
        if (u->full && last != u->block)
            DF_TRY(df__prim_batched(&(df_batched_job){1, last, u->w.c, width, u->num, false}, u->full, &u->rest, call->err));
        if (!u->full || (last != u->block && !u->rest))
            return DF_OK;
    }
    u->src_bytes = u->num == DF_NUM_BF16 ? ((size_t)(u->block * u->w.c) * size + LINE - 1) & ~(size_t)(LINE - 1) : 0;
    u->dst_bytes = ((size_t)(u->block * width) * sizeof(float) + LINE - 1) & ~(size_t)(LINE - 1);
    size_t own = u->full ? df__prim_scratch_bytes(u->full) : 0, own_rest = u->rest ? df__prim_scratch_bytes(u->rest) : 0;
    u->each = u->src_bytes + u->dst_bytes + (own > own_rest ? own : own_rest);
    int64_t workers = call->threads < u->n_blocks ? call->threads : u->n_blocks;
    u->base = (df_kernel){.run = up_run, .free = up_free, .scratch_bytes = u->each * (size_t)(workers < DF_MAX_WORKERS ? workers : DF_MAX_WORKERS),
                          .name = u->num == DF_NUM_BF16 ? "patches bf16" : "patches f32", .rounds = u->num == DF_NUM_BF16};
    const float *scale = conv->fused ? conv->fused->scale : NULL;
    df_pack_key key = df__weights_key(call, u->base.name, scale, u->outs);
    if (u->full)
        df__prim_layout(u->full, &key);
    filling f = {conv, u};
    size_t bytes = u->full ? df__prim_weight_bytes(u->full) : (size_t)width * sizeof(float);
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, bytes, fill, &f, &u->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, u->outs, &bias));
    if (bias && !(u->bias = malloc((size_t)u->run * sizeof *u->bias)))
        DF_TRY(df__no_memory(call->err, "bias", (size_t)u->run * sizeof *u->bias));
    for (int64_t i = 0; bias && i < u->run; i++)
        u->bias[i] = bias[i % u->outs];
done:
    free(bias);
    return st;
}

/* A slope for each channel would have to be repeated too. */
static bool same_for_all(const df_fused *fused)
{
    bool same = true;
    for (int i = 0; fused && i < fused->n_post; i++)
        same = same && !(fused->post[i].kind == DF_POST_PRELU && fused->post[i].n_slope > 1);
    return same;
}

df_status df__conv_up(const df_conv *conv, df_kernel **out)
{
    *out = NULL;
    if (!applies(conv))
        return DF_OK;
    up *u = calloc(1, sizeof *u);
    if (!u)
        return df__no_memory(conv->call->err, "kernel", sizeof *u);
    bool depthwise = conv->group > 1;
    *u = (up){.num = !depthwise && df__half_products(conv->call) ? DF_NUM_BF16 : DF_NUM_F32, .w = *conv->w, .fused = conv->fused,
              .depthwise = depthwise, .outs = depthwise ? conv->w->c : conv->call->in[1].dims[1], .taps = conv->w->kernel[0] * conv->w->kernel[1],
              .pixels = conv->w->n * conv->w->in[0] * conv->w->in[1]};
    u->run = conv->w->kernel[1] * u->outs;
    u->channels = u->outs % DF_LANES_MOST ? u->run : u->outs; /* whole vectors alone: a whole row is one pixel to them where it must */
    u->posts_after = u->channels % DF_LANES_MOST != 0 || !df__lanes_know(conv->fused) || (u->channels > u->outs && !same_for_all(conv->fused));
    bool takes = !df__any_half(conv->call) || (!u->posts_after && (u->num == DF_NUM_BF16 || !df__is_half(&conv->call->in[0])));
    df_status st = takes ? make(conv, u) : DF_OK;
    if (st == DF_OK && u->weights.data)
        *out = &u->base;
    else
        up_free(&u->base);
    return st;
}
