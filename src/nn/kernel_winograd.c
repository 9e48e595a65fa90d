/* kernel_winograd.c - 3 x 3 convolutions of stride 1 in tiles: transform, one product of matrices for each place of a tile, transform back.
 * Blocks of tiles stay in the second cache, and are what threads share out. */
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "nn/kernel.h"
#include "nn/lanes.h"

enum { LEAST_TILES = 112, MOST_TILES = 255, LEAST_BLOCK = 20, BLOCK_BYTES = 1200 << 10, LINE = 64 };

typedef struct wino {
    df_kernel       base;
    int             m;
    df_num          num;
    df_wino         g;
    int64_t         tiles, block, n_blocks;
    df_prim        *full, *rest; /* for a whole block, and for the last one where it is smaller */
    size_t          v_bytes, m_bytes, each; /* scratch of a worker: tiles, products, oneDNN's */
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused;
} wino;

static void wino_free(df_kernel *base)
{
    wino *w = (wino *)base;
    df__prim_free(w->full);
    df__prim_free(w->rest);
    free(w->weights.own);
    free(w->bias);
    free(w);
}

/* ---- runs ---- */

typedef struct work { const wino *w; const df_call *call; const df_exec *exec; df_tail tail; df_mishaps met; } work;

static void run_block(void *arg, size_t i, int worker)
{
    work *job = arg;
    const wino *w = job->w;
    const df_lanes *lanes = df__lanes();
    const df_tensor *x = &job->call->in[0], *y = &job->call->out[0];
    char *scratch = (char *)job->exec->scratch + (size_t)worker * w->each;
    float *products = (float *)(void *)(scratch + w->v_bytes);
    int64_t first = (int64_t)i * w->block, count = w->tiles - first < w->block ? w->tiles - first : w->block;
    df_prim_args args = {.src = scratch, .weights = w->weights.data, .dst = products, .scratch = scratch + w->v_bytes + w->m_bytes};
    (w->m == 4 ? lanes->in_4 : lanes->in_2)[df__is_half(x)][w->num == DF_NUM_BF16](&w->g, x->data, first, count, scratch);
    df_status st = df__prim_run(count == w->block ? w->full : w->rest, &args, &job->met.err[worker]);
    if (st != DF_OK)
        job->met.st[worker] = st;
    else
        (w->m == 4 ? lanes->out_4 : lanes->out_2)[df__is_half(y)](&w->g, products, first, count, &job->tail, y->data);
}

static df_status wino_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const wino *w = (const wino *)base;
    df_arena_mark mark = df__arena_mark(call->scratch);
    work *job = df__arena_calloc(call->scratch, 1, sizeof *job);
    df_status st = DF_OK;
    if (!job)
        return df__no_memory(call->err, "kernel", sizeof *job);
    job->w = w;
    job->call = call;
    job->exec = exec;
    job->tail = df__tail_new(call, w->bias, w->fused, 0);
    st = df__run_parts(call, exec->threads, (size_t)w->n_blocks, run_block, job, &job->met);
    df__arena_release(call->scratch, mark);
    return st;
}

/* ---- compilation ---- */

/* Blocks of equal size. An odd number of tiles keeps the places of a tile, which are written side by side, off one another's cache lines. */
static void cut(wino *w, int threads)
{
    int64_t places = (w->m + 2) * (w->m + 2), bytes = places * (w->g.c * (int64_t)df__num_size(w->num) + w->g.k * 4);
    int64_t most = BLOCK_BYTES / bytes;
    most = most < LEAST_TILES ? LEAST_TILES : most > MOST_TILES ? MOST_TILES : most;
    w->n_blocks = (w->tiles + most - 1) / most;
    int64_t least = w->tiles / LEAST_BLOCK; /* smaller blocks cost more than a second thread brings */
    if (w->n_blocks < threads)
        w->n_blocks = least < 1 ? 1 : least < threads ? least : threads;
    else if (w->n_blocks < 4 * threads)
        w->n_blocks = (w->n_blocks + threads - 1) / threads * threads;
    w->block = (w->tiles + w->n_blocks - 1) / w->n_blocks;
    if (w->n_blocks > 1 && w->block % 2 == 0)
        w->block++;
    w->n_blocks = (w->tiles + w->block - 1) / w->block;
}

typedef struct filling { const df_conv *conv; const wino *w; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const wino *w = f->w;
    int64_t places = (w->m + 2) * (w->m + 2), c = w->g.c, k = w->g.k;
    size_t bytes = (size_t)(places * c * k) * sizeof(float);
    float *plain = df__pages_alloc(bytes);
    if (!plain)
        return df__no_memory(err, "tiles of weights", bytes);
    df__wino_weights(w->m, f->conv->call->in[1].data, k, c, f->conv->fused ? f->conv->fused->scale : NULL, plain);
    df_status st = df__prim_pack(w->full, plain, (const int64_t[]){c * k, k, 1}, NULL, 0, out, err);
    free(plain);
    return st;
}

static bool applies(const df_conv *conv, df_num num)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    bool square = w->space == 2 && !conv->transposed && conv->group == 1;
    for (int i = 0; i < 2 && square; i++)
        square = w->kernel[i] == 3 && w->stride[i] == 1 && w->dilation[i] == 1 && w->pad[i] <= 1 && w->pad_end[i] <= 1;
    return square && call->nhwc && call->in[1].data && (!df__given(call, 2) || call->in[2].data) && w->c % DF_LANES_MOST == 0 && w->c <= DF_WINO_CHANNELS &&
           call->in[1].dims[0] % DF_LANES_MOST == 0 && df__dnn_has(num) && df__lanes_know(conv->fused);
}

df_status df__conv_winograd(const df_conv *conv, int m, df_num num, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    const df_window *s = conv->w;
    static const char *const names[2][2] = {{"winograd 2x2 f32", "winograd 2x2 bf16"}, {"winograd 4x4 f32", "winograd 4x4 bf16"}};
    *out = NULL;
    if (!applies(conv, num))
        return DF_OK;
    wino *w = calloc(1, sizeof *w);
    if (!w)
        return df__no_memory(call->err, "kernel", sizeof *w);
    *w = (wino){.m = m, .num = num, .fused = conv->fused,
                .g = {.h = s->in[0], .w = s->in[1], .c = s->c, .oh = s->out[0], .ow = s->out[1], .k = call->in[1].dims[0],
                      .pad_y = s->pad[0], .pad_x = s->pad[1], .across = (s->out[1] + m - 1) / m}};
    w->g.each = w->g.across * ((s->out[0] + m - 1) / m);
    w->tiles = s->n * w->g.each;
    int64_t places = (m + 2) * (m + 2), last;
    cut(w, call->threads);
    last = w->tiles - (w->n_blocks - 1) * w->block;
    DF_TRY(df__prim_batched(&(df_batched_job){places, w->block, w->g.c, w->g.k, num, false}, NULL, &w->full, call->err));
    if (w->full && last != w->block)
        DF_TRY(df__prim_batched(&(df_batched_job){places, last, w->g.c, w->g.k, num, false}, w->full, &w->rest, call->err));
    if (!w->full || (last != w->block && !w->rest))
        goto done;
    w->v_bytes = ((size_t)(places * w->block * w->g.c) * df__num_size(num) + LINE - 1) & ~(size_t)(LINE - 1);
    w->m_bytes = (size_t)(places * w->block * w->g.k) * sizeof(float);
    size_t own = df__prim_scratch_bytes(w->full), own_rest = w->rest ? df__prim_scratch_bytes(w->rest) : 0;
    w->each = w->v_bytes + w->m_bytes + (own > own_rest ? own : own_rest);
    int64_t workers = call->threads < w->n_blocks ? call->threads : w->n_blocks;
    w->base = (df_kernel){.run = wino_run, .free = wino_free, .scratch_bytes = w->each * (size_t)(workers < DF_MAX_WORKERS ? workers : DF_MAX_WORKERS),
                          .name = names[m == 4][num == DF_NUM_BF16]};
    const float *scale = conv->fused ? conv->fused->scale : NULL;
    df_pack_key key = df__weights_key(call, w->base.name, scale, w->g.k);
    df__prim_layout(w->full, &key);
    filling f = {conv, w};
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, df__prim_weight_bytes(w->full), fill, &f, &w->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, w->g.k, &w->bias));
    *out = &w->base;
    w = NULL;
done:
    if (w)
        wino_free(&w->base);
    return st;
}
