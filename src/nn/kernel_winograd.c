/* kernel_winograd.c - 3 x 3 convolutions of stride 1 in tiles: transform, one product of matrices for each place of a tile, transform back.
 * A block of tiles, with the products of a panel of channels at a time, stays in the second cache. Blocks, and ranges of panels where there are
 * few tiles, are what threads share out. Where bfloat16 goes through AMX the products are oneDNN's, of all channels at once. Of 16-bit whole numbers each place of a
 * unit of tiles has a scale of its own: units are cut from photos, the same whatever the number of threads is. */
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "nn/amx.h"
#include "nn/kernel.h"
#include "nn/lanes.h"
#include "nn/panel.h"

enum { PANEL = DF_PANEL, UNIT = 14 /* tiles, at least */, LEAST_TILES = 28, MOST_TILES = 252, BLOCK_BYTES = 640 << 10, LINE = 64 };
enum { AMX_LEAST_TILES = 112, AMX_BLOCK_BYTES = 1200 << 10 };

typedef struct wino {
    df_kernel       base;
    int             m;
    df_num          num;
    df_panels       right;   /* a run of each place */
    df_wino         g;
    int64_t         places, tiles, block, n_blocks; /* block: units */
    int64_t         unit, units; /* tiles of one, and how many a photo has; but for whole numbers each tile is one */
    int64_t         ranges; /* of panels, that are done apart */
    df_prim        *full, *rest; /* oneDNN's products, for a whole block and for the last one where it is smaller; NULL: ours */
    size_t          v_bytes, m_bytes, each; /* scratch of a worker: tiles, products, and oneDNN's or what 1 is worth in each place and unit */
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

static int64_t tile_of(const wino *w, int64_t unit) { return unit / w->units * w->g.each + unit % w->units * w->unit; }

/* Units first .. first + count of all. */
typedef struct block { int64_t first, count; } block;

static block block_of(const wino *w, int64_t i)
{
    int64_t all = w->tiles / w->g.each * w->units, first = i * w->block;
    return (block){first, all - first < w->block ? all - first : w->block};
}

static int64_t tiles_of(const wino *w, const block *b) { return tile_of(w, b->first + b->count) - tile_of(w, b->first); }

/* Panels first .. after of the products of a block's tiles; `worth`: of the whole numbers of each unit and place. */
static void panels(const work *job, const block *b, const char *v, const float *worth, float *products, int64_t first, int64_t after)
{
    const wino *w = job->w;
    const df_lanes *lanes = df__lanes();
    const df_tensor *y = &job->call->out[0];
    int64_t step = w->g.c * (int64_t)df__num_size(w->num), tile = tile_of(w, b->first), count = tiles_of(w, b);
    bool whole = w->num == DF_NUM_S16;
    for (int64_t i = first; i < after; i++) {
        const void *weights, *tiles;
        df_panel g = df__panel_at(&w->right, w->weights.data, i * PANEL, &weights);
        const float *column_worth = g.column_worth;
        df_tiles of = {.first = tile, .count = count, .channel = i * PANEL, .channels = g.columns};
        g.step = step, g.runs = 1, g.x = &tiles;
        for (int64_t p = 0; p < w->places; p++)
            for (int64_t u = 0, from = 0, end; from < count; u++, from = end) {
                end = whole ? tile_of(w, b->first + u + 1) - tile : count;
                g.rows = end - from;
                tiles = v + (p * count + from) * step;
                g.run_worth = whole ? worth + u * w->places + p : NULL;
                g.column_worth = whole ? column_worth + p * g.columns : NULL;
                lanes->panel[df__lanes_num(w->num)](&g, (const char *)weights + p * g.steps * g.columns * 4, products + (p * count + from) * g.columns);
            }
        (w->m == 4 ? lanes->out_4 : lanes->out_2)[df__is_half(y)](&w->g, &of, products, &job->tail, y->data);
    }
}

/* Tiles of float32, place after place, become whole numbers where they lie. */
static void make_whole(const wino *w, const block *b, char *v, float *worth)
{
    int64_t tile = tile_of(w, b->first), count = tiles_of(w, b);
    for (int64_t p = 0; p < w->places; p++)
        for (int64_t u = 0, from = 0, end; u < b->count; u++, from = end) {
            end = tile_of(w, b->first + u + 1) - tile;
            int64_t at = (p * count + from) * w->g.c, n = (end - from) * w->g.c;
            worth[u * w->places + p] = df__whole_row((const float *)(const void *)v + at, false, n, (int16_t *)(void *)v + at);
        }
}

static void run_block(void *arg, size_t i, int worker)
{
    work *job = arg;
    const wino *w = job->w;
    const df_lanes *lanes = df__lanes();
    const df_tensor *x = &job->call->in[0], *y = &job->call->out[0];
    char *scratch = (char *)job->exec->scratch + (size_t)worker * w->each;
    float *products = (float *)(void *)(scratch + w->v_bytes), *worth = (float *)(void *)(scratch + w->v_bytes + w->m_bytes);
    const block b = block_of(w, (int64_t)i / w->ranges);
    int64_t range = (int64_t)i % w->ranges, first = tile_of(w, b.first), count = tiles_of(w, &b);
    (w->m == 4 ? lanes->in_4 : lanes->in_2)[df__is_half(x)][w->num == DF_NUM_BF16](&w->g, x->data, first, count, scratch);
    if (w->num == DF_NUM_S16)
        make_whole(w, &b, scratch, worth);
    if (!w->full) {
        int64_t n = df__panels_count(&w->right);
        panels(job, &b, scratch, worth, products, n * range / w->ranges, n * (range + 1) / w->ranges);
        return;
    }
    df_prim_args args = {.src = scratch, .weights = w->weights.data, .dst = products, .scratch = scratch + w->v_bytes + w->m_bytes};
    df_tiles all = {.first = first, .count = count, .channels = w->g.k};
    df_status st = df__prim_run(b.count == w->block ? w->full : w->rest, &args, &job->met.err[worker]);
    if (st != DF_OK)
        job->met.st[worker] = st;
    else
        (w->m == 4 ? lanes->out_4 : lanes->out_2)[df__is_half(y)](&w->g, &all, products, &job->tail, y->data);
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
    st = df__run_parts(call, exec->threads, (size_t)(w->n_blocks * w->ranges), run_block, job, &job->met);
    df__arena_release(call->scratch, mark);
    return st;
}

/* ---- compilation ---- */

/* Of a number of a tile when it is made. */
static size_t tile_size(df_num num) { return num == DF_NUM_BF16 ? sizeof(uint16_t) : sizeof(float); }

/* Blocks of equal size. An odd number of tiles keeps the places of a tile, which are written side by side, off one another's cache lines. */
static void cut(wino *w, int threads, bool amx)
{
    int64_t bytes = w->places * (w->g.c * (int64_t)tile_size(w->num) + (amx ? w->g.k : PANEL) * (int64_t)sizeof(float));
    int64_t fewest = amx ? AMX_LEAST_TILES : LEAST_TILES, most = (amx ? AMX_BLOCK_BYTES : BLOCK_BYTES) / bytes;
    int64_t all = w->tiles / w->g.each * w->units;
    most = most < fewest ? fewest : most > MOST_TILES ? MOST_TILES : most;
    most = most < w->unit ? 1 : most / w->unit;
    w->n_blocks = (all + most - 1) / most;
    int64_t least = w->tiles / LEAST_TILES; /* smaller blocks cost more than a second thread brings */
    if (w->n_blocks < threads)
        w->n_blocks = least < 1 ? 1 : least < threads ? least : threads;
    else if (w->n_blocks < 4 * threads)
        w->n_blocks = (w->n_blocks + threads - 1) / threads * threads;
    w->block = (all + w->n_blocks - 1) / w->n_blocks;
    if (w->n_blocks > 1 && w->block % 2 == 0)
        w->block++;
    w->n_blocks = (all + w->block - 1) / w->block;
    w->ranges = amx || w->n_blocks >= threads ? 1 : (threads + w->n_blocks - 1) / w->n_blocks; /* each transforms the tiles anew */
    int64_t n_panels = df__panels_count(&w->right);
    w->ranges = w->ranges > n_panels ? n_panels : w->ranges;
}

typedef struct filling { const df_conv *conv; const wino *w; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const wino *w = f->w;
    df_status st = DF_OK;
    int64_t c = w->g.c, k = w->g.k;
    size_t bytes = (size_t)(w->places * c * k) * sizeof(float);
    float *plain = df__pages_alloc(bytes);
    if (!plain)
        return df__no_memory(err, "tiles of weights", bytes);
    df__wino_weights(w->m, f->conv->call->in[1].data, k, c, f->conv->fused ? f->conv->fused->scale : NULL, plain);
    if (w->full)
        st = df__prim_pack(w->full, plain, (const int64_t[]){c * k, k, 1}, NULL, 0, out, err);
    else
        df__panels_pack(&w->right, plain, out);
    free(plain);
    return st;
}

static bool applies(const df_conv *conv, df_num num, bool amx)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    bool square = w->space == 2 && !conv->transposed && conv->group == 1;
    int64_t k = call->in[1].dims[0];
    for (int i = 0; i < 2 && square; i++)
        square = w->kernel[i] == 3 && w->stride[i] == 1 && w->dilation[i] == 1 && w->pad[i] <= 1 && w->pad_end[i] <= 1;
    if (!square || !call->nhwc || !call->in[1].data || (df__given(call, 2) && !call->in[2].data) || w->c > DF_WINO_CHANNELS || !df__dnn_has(num) || !df__lanes_know(conv->fused))
        return false;
    if (amx)
        return w->c % DF_LANES_MOST == 0 && k % DF_LANES_MOST == 0;
    return w->c >= DF_LANES_MOST && (num == DF_NUM_F32 || w->c % 2 == 0) && k >= DF_LANES_MOST && df__lanes()->panel[df__lanes_num(num)];
}

/* oneDNN's products of a block. */
static df_status make_products(wino *w, df_error *err)
{
    int64_t last = w->tiles - (w->n_blocks - 1) * w->block;
    df_status st = df__prim_batched(&(df_batched_job){w->places, w->block, w->g.c, w->g.k, w->num, false}, NULL, &w->full, err);
    if (st == DF_OK && w->full && last != w->block)
        st = df__prim_batched(&(df_batched_job){w->places, last, w->g.c, w->g.k, w->num, false}, w->full, &w->rest, err);
    if (st == DF_OK && last != w->block && !w->rest) {
        df__prim_free(w->full);
        w->full = NULL;
    }
    return st;
}

df_status df__conv_winograd(const df_conv *conv, int m, df_num num, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    const df_window *s = conv->w;
    static const char *const names[2][DF_LANES_NUMS] = {{"winograd 2x2 f32", "winograd 2x2 bf16", "winograd 2x2 int16"}, {"winograd 4x4 f32", "winograd 4x4 bf16", "winograd 4x4 int16"}};
    bool amx = num == DF_NUM_BF16 && df__amx_has();
    *out = NULL;
    if (!applies(conv, num, amx))
        return DF_OK;
    wino *w = calloc(1, sizeof *w);
    if (!w)
        return df__no_memory(call->err, "kernel", sizeof *w);
    *w = (wino){.m = m, .num = num, .fused = conv->fused, .places = (m + 2) * (m + 2),
                .g = {.h = s->in[0], .w = s->in[1], .c = s->c, .oh = s->out[0], .ow = s->out[1], .k = call->in[1].dims[0],
                      .pad_y = s->pad[0], .pad_x = s->pad[1], .across = (s->out[1] + m - 1) / m}};
    w->g.each = w->g.across * ((s->out[0] + m - 1) / m);
    w->tiles = s->n * w->g.each;
    int64_t unit = (UNIT + df__lanes()->panel_rows - 1) / df__lanes()->panel_rows * df__lanes()->panel_rows;
    w->units = num == DF_NUM_S16 ? (w->g.each + unit - 1) / unit : w->g.each;
    w->unit = (w->g.each + w->units - 1) / w->units;
    w->units = (w->g.each + w->unit - 1) / w->unit;
    w->right = df__panels_of(num, w->places, w->g.c, w->g.k);
    cut(w, call->threads, amx);
    if (amx) {
        DF_TRY(make_products(w, call->err));
        if (!w->full)
            goto done;
    }
    w->v_bytes = ((size_t)(w->places * w->block * w->unit * w->g.c) * tile_size(num) + LINE - 1) & ~(size_t)(LINE - 1);
    w->m_bytes = (size_t)(w->places * w->block * w->unit * (amx ? w->g.k : PANEL)) * sizeof(float);
    size_t own = w->full ? df__prim_scratch_bytes(w->full) : 0, own_rest = w->rest ? df__prim_scratch_bytes(w->rest) : 0;
    size_t worths = num == DF_NUM_S16 ? (size_t)(w->places * w->block) * sizeof(float) : 0;
    w->each = w->v_bytes + w->m_bytes + (own > own_rest ? own : own_rest) + (worths + LINE - 1) / LINE * LINE;
    int64_t parts = w->n_blocks * w->ranges, workers = call->threads < parts ? call->threads : parts;
    w->base = (df_kernel){.run = wino_run, .free = wino_free, .scratch_bytes = w->each * (size_t)(workers < DF_MAX_WORKERS ? workers : DF_MAX_WORKERS),
                          .name = names[m == 4][df__lanes_num(num)], .rounds = num == DF_NUM_BF16 || (num == DF_NUM_S16 && m == 4), .adds_in_place = w->g.k % DF_LANES_MOST == 0 /* else some channels are made twice */};
    const float *scale = conv->fused ? conv->fused->scale : NULL;
    df_pack_key key = df__weights_key(call, w->base.name, scale, w->g.k);
    if (amx)
        df__prim_layout(w->full, &key);
    size_t bytes = amx ? df__prim_weight_bytes(w->full) : df__panels_bytes(&w->right);
    filling f = {conv, w};
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, bytes, fill, &f, &w->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, w->g.k, &w->bias));
    *out = &w->base;
    w = NULL;
done:
    if (w)
        wino_free(&w->base);
    return st;
}
