/* kernel_amx.c - convolutions over all channels in AMX's matrix registers (amx_conv.h). A run is cut into parts, some photos or some rows of one, that threads
 * take side by side: each is staged in bfloat16 with its borders, multiplied, and its sums get their bias and posts as they come.
 *
 * Rows that a stride skips are sorted out when the photo is staged: there is a plane of rows for each remainder, so that rows of outputs see rows of a plane. Channels are staged
 * in chunks of 32, a photo of its own each, so that what a register is loaded from lies side by side; where that takes more steps the numbers that a window sees of a row are
 * joined instead. Sums are made for whole rows of a plane, those beyond the outputs too, and these are left. */
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/amx.h"
#include "nn/amx_conv.h"
#include "nn/kernel.h"
#include "nn/pack.h"

enum { LINE = 64, MAX_PLANES = 4, MAX_TAPS = 64, MAX_EXTENT = 1 << 24, MAX_STAGED = 1 << 26 /* numbers */, LEAST_INPUTS = 8, LEAST_BYTES = 512 << 10, MOST_BYTES = 1 << 20, LARGE = 4 << 20 /* bytes */ };

typedef struct amx {
    df_kernel       base;
    df_amx_conv     g;
    df_window       w;
    int             planes;
    int64_t         remainders[MAX_PLANES]; /* of the rows of each plane, from the first window's top on */
    int64_t         width, pitch;    /* staged pixels of a row, outputs for them */
    int64_t         every;           /* pixels from one that is staged to the next: those that no window sees are left out */
    int64_t         reach;           /* rows of a plane beyond those of outputs */
    int64_t         photos, rows;    /* of a part */
    int64_t         slices, parts;   /* of a photo; in all */
    int64_t         staged;          /* numbers of a photo of a part */
    int64_t         rest;            /* where what the numbers lack is staged, or 0 */
    bool            joined;          /* a step reads on into the next pixel */
    int64_t         chunk, chunks, chunk_apart; /* channels of a pixel that lie side by side, how many times, numbers from one of those to the next */
    bool            as_they_are;     /* bfloat16 that needs no staging */
    size_t          scratch_each;
    df_amx_step    *step;
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused;
} amx;

static void amx_free(df_kernel *base)
{
    amx *k = (amx *)base;
    free(k->weights.own);
    free(k->bias);
    free(k->step);
    free(k);
}

/* ---- runs ---- */

typedef struct work { const amx *k; const df_call *call; char *scratch; } work;

static void zeros(const amx *k, uint16_t *to, int64_t pixels)
{
    size_t bytes = (size_t)(pixels * k->chunk) * sizeof *to;
    for (int64_t i = 0; i < k->chunks; i++, to += k->chunk_apart) {
        memset(to, 0, bytes);
        if (k->rest)
            memset(to + k->rest, 0, bytes);
    }
}

static void stage_row(const amx *k, const df_tensor *x, int64_t photo, int64_t y, uint16_t *to)
{
    const df_window *w = &k->w;
    int64_t left = w->pad[1] < k->width ? w->pad[1] : k->width, there = (w->in[1] + k->every - 1) / k->every, n = there < k->width - left ? there : k->width - left;
    if (y < 0 || y >= w->in[0]) {
        zeros(k, to, k->width);
        return;
    }
    zeros(k, to, left);
    const void *from = df__element(x, (photo * w->in[0] + y) * w->in[1] * w->c);
    if (k->chunk != w->c)
        df__amx_conv_sort(from, df__is_half(x), n, k->every, w->c, to + left * k->chunk, k->chunk_apart, k->rest);
    else
        df__amx_conv_stage(from, df__is_half(x), n * w->c, to + left * w->c, k->rest);
    zeros(k, to + (left + n) * k->chunk, k->width - left - n);
}

/* What so many rows of outputs from `first` on see. The last window reads on, times 0. */
static void stage(const amx *k, const df_tensor *x, int64_t photo, int64_t first, int64_t rows, uint16_t *to)
{
    const df_window *w = &k->w;
    int64_t line = k->width * k->chunk, high = k->rows + k->reach;
    for (int i = 0; i < k->planes; i++) {
        for (int64_t r = 0; r < rows + k->reach; r++)
            stage_row(k, x, photo, (first + r) * w->stride[0] + k->remainders[i] - w->pad[0], to + (i * high + r) * line);
        zeros(k, to + (i * high + rows + k->reach) * line, (DF_AMX_DEPTH + k->chunk - 1) / k->chunk);
    }
}

/* What will be read when this part is done, or of it what is not near yet. */
static void look_ahead(const amx *k, const df_tensor *x, int64_t photo, int64_t first, int64_t photos, int64_t rows, df_amx_out *out)
{
    const df_window *w = &k->w;
    int64_t line = w->in[1] * w->c, all = w->n * w->in[0] * line, from = (photo * w->in[0] + first * w->stride[0]) * line;
    int64_t n = k->photos > 1 ? photos * w->in[0] * line : rows * w->stride[0] * line;
    from += k->as_they_are ? 4 * DF_AMX_SIDE * w->c : n;
    n = from + n < all ? n : all - from;
    if (n > 0) {
        out->ahead = df__element(x, from);
        out->ahead_lines = n * (df__is_half(x) ? 2 : 4) / LINE;
    }
}

static void run_part(void *arg, size_t i, int worker)
{
    const work *job = arg;
    const amx *k = job->k;
    const df_window *w = &k->w;
    const df_tensor *x = &job->call->in[0];
    int64_t photo = (int64_t)i / k->slices * k->photos, slice = (int64_t)i % k->slices, first = slice * k->rows;
    int64_t rows = w->out[0] - first < k->rows ? w->out[0] - first : k->rows, photos = w->n - photo < k->photos ? w->n - photo : k->photos;
    int64_t pixels = (rows - 1) * k->pitch + w->out[1], x_apart = k->staged, y_apart = w->out[0] * w->out[1] * k->g.co;
    uint16_t *staged = (uint16_t *)(void *)(job->scratch + (size_t)worker * k->scratch_each);
    df_tail tail = df__tail_new(job->call, k->bias, k->fused, 0);
    df_tensor *y = &job->call->out[0];
    df_amx_out out = {.y = y->data, .half = df__is_half(y), .tail = &tail, .width = w->out[1], .pitch = k->pitch, .first = photo * y_apart + first * w->out[1] * k->g.co, .apart = y_apart};
    int configured = 0;
    out.past = df__tensor_bytes(y) > LARGE && k->g.co % DF_AMX_DEPTH == 0 && (uintptr_t)y->data % LINE == 0;
    for (int p = 0; k->fused && p < k->fused->n_post; p++)
        out.past = out.past && tail.add[p] != y->data; /* which is read anyway */
    if (k->as_they_are) {
        x_apart = w->in[0] * w->in[1] * w->c;
        staged = df__element(x, photo * x_apart + first * w->in[1] * w->c);
    }
    for (int64_t p = 0; p < photos && !k->as_they_are; p++)
        stage(k, x, photo + p, first, rows, staged + p * k->staged);
    look_ahead(k, x, photo, first, photos, rows, &out);
    df__amx_conv(&k->g, staged, k->rest, photos, x_apart, pixels, &out, &configured);
    df__amx_end(&configured);
}

static df_status amx_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const amx *k = (const amx *)base;
    work job = {k, call, exec->scratch};
    int workers = exec->threads < DF_MAX_WORKERS ? exec->threads : DF_MAX_WORKERS;
    df__parallel_for((size_t)k->parts, k->parts < workers ? (int)k->parts : workers, run_part, &job);
    return DF_OK;
}

/* ---- compilation ---- */

static bool applies(const df_conv *conv, bool exact)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    bool fits = df__amx_has() && w->space == 2 && !conv->transposed && conv->group == 1 && call->nhwc && call->in[1].data && (!df__given(call, 2) || call->in[2].data) &&
                call->in[1].dims[0] >= DF_LANES_MOST && df__lanes_know(conv->fused) && w->n > 0 && !(exact && df__is_half(&call->in[0]));
    for (int i = 0; i < 2; i++)
        fits = fits && w->kernel[i] <= MAX_TAPS && w->stride[i] <= MAX_EXTENT && w->in[i] > 0 && w->out[i] > 0 && w->in[i] <= MAX_EXTENT && w->pad[i] <= MAX_EXTENT &&
               w->dilation[i] <= MAX_EXTENT;
    return fits;
}

static int plane_of(amx *k, int64_t remainder)
{
    for (int i = 0; i < k->planes; i++)
        if (k->remainders[i] == remainder)
            return i;
    if (k->planes == MAX_PLANES)
        return -1;
    k->remainders[k->planes] = remainder;
    return k->planes++;
}

static int64_t chunks_of(int64_t n) { return df__amx_depth(n) / DF_AMX_DEPTH; }

/* How the photo is staged, but for the number of rows. False where there is no room for its rows. */
static bool lay_out(amx *k)
{
    const df_window *w = &k->w;
    int64_t seen = (w->kernel[1] - 1) * w->dilation[1] + 1, stride = w->stride[1]; /* pixels of a row */
    bool point = w->kernel[0] * w->kernel[1] == 1 && w->c % DF_AMX_DEPTH == 0 && w->stride[1] == 1; /* which may need no staging */
    k->joined = w->dilation[1] == 1 && chunks_of(w->kernel[1] * w->c) < w->kernel[1] * chunks_of(w->c);
    k->chunk = k->joined || point ? w->c : DF_AMX_DEPTH;
    k->chunks = k->joined || point ? 1 : chunks_of(w->c);
    k->every = w->kernel[1] == 1 && w->pad[1] == 0 && k->chunk != w->c ? stride : 1;
    stride /= k->every;
    k->g.apart = stride * k->chunk;
    k->reach = (w->kernel[0] - 1) * w->dilation[0] / w->stride[0];
    k->pitch = ((w->out[1] - 1) * stride + seen + stride - 1) / stride;
    k->width = k->pitch * stride;
    for (int64_t i = 0; i < w->kernel[0]; i++)
        if (plane_of(k, i * w->dilation[0] % w->stride[0]) < 0)
            return false;
    return w->kernel[0] * w->kernel[1] <= MAX_TAPS && w->c <= MAX_EXTENT / MAX_TAPS && w->kernel[1] * w->c >= LEAST_INPUTS;
}

/* A row's pixels take turns, so that bands that overlap are still in the first cache. */
static df_status list_steps(amx *k, df_error *err)
{
    const df_window *w = &k->w;
    int64_t columns = k->joined ? 1 : w->kernel[1], inputs = k->joined ? w->kernel[1] * w->c : w->c, apart = k->chunks > 1 ? k->chunk_apart : DF_AMX_DEPTH;
    size_t bytes = (size_t)(w->kernel[0] * columns * chunks_of(inputs)) * sizeof *k->step;
    df_amx_step *to = k->step = malloc(bytes);
    if (!to)
        return df__no_memory(err, "steps", bytes);
    for (int64_t row = 0; row < w->kernel[0]; row++)
        for (int64_t c = 0; c < inputs; c += DF_AMX_DEPTH)
            for (int64_t column = 0; column < columns; column++, to++) {
                int64_t y = row * w->dilation[0], plane = plane_of(k, y % w->stride[0]) * (k->rows + k->reach) + y / w->stride[0];
                to->offset = (int32_t)(c / DF_AMX_DEPTH * apart + (plane * k->width + column * w->dilation[1]) * k->chunk);
                to->first = (int32_t)((row * w->kernel[1] + column) * w->c + c);
                to->inputs = (int32_t)(inputs - c < DF_AMX_DEPTH ? inputs - c : DF_AMX_DEPTH);
            }
    k->g.step = k->step;
    k->g.steps = to - k->step;
    return DF_OK;
}

static int64_t lines(int64_t numbers) { return (numbers + LINE / 2 - 1) / (LINE / 2) * (LINE / 2); }

/* Rows or photos of a part: what is staged stays in the second cache, and is large beside the weights, which each part reads. */
static void cut(amx *k, const df_call *call)
{
    const df_window *w = &k->w;
    int64_t inputs = w->kernel[0] * w->kernel[1] * w->c, weights = inputs * k->g.co * (k->g.exact ? 4 : 2), most = weights < LEAST_BYTES ? LEAST_BYTES : weights < MOST_BYTES ? weights : MOST_BYTES;
    int64_t row = k->width * k->chunk * k->chunks * k->planes * (k->g.exact ? 4 : 2);
    double adds = (double)w->n * (double)(w->out[0] * w->out[1]) * (double)inputs * (double)k->g.co;
    int64_t shares = df__parts(call, adds, df__part_adds(DF_NUM_BF16), w->n * w->out[0]);
    k->rows = most / row < 1 ? 1 : most / row < w->out[0] ? most / row : w->out[0];
    k->photos = k->rows == w->out[0] ? most / (row * w->out[0]) : 1;
    k->photos = k->photos < 1 ? 1 : k->photos < w->n ? k->photos : w->n;
    if (shares > 1 && w->n >= shares) {
        int64_t each = w->n / shares;
        k->photos = k->photos < each ? k->photos : each;
    } else if (shares > 1) {
        int64_t slices = (shares + w->n - 1) / w->n, had = (w->out[0] + k->rows - 1) / k->rows;
        slices = had > slices ? (had + shares - 1) / shares * shares : slices;
        slices = slices > w->out[0] ? w->out[0] : slices;
        k->rows = (w->out[0] + slices - 1) / slices;
        k->photos = 1;
    }
    k->slices = (w->out[0] + k->rows - 1) / k->rows;
    k->parts = (w->n + k->photos - 1) / k->photos * k->slices;
}

typedef struct filling { const df_conv *conv; const amx *k; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const df_amx_conv *g = &f->k->g;
    int64_t taps = f->k->w.kernel[0] * f->k->w.kernel[1];
    size_t n = (size_t)(taps * f->k->w.c * g->co);
    float *plain = malloc(n * sizeof *plain);
    if (!plain)
        return df__no_memory(err, "weights", n * sizeof *plain);
    df__pack_taps(f->conv->call->in[1].data, g->co, f->k->w.c, taps, f->conv->fused ? f->conv->fused->scale : NULL, plain);
    df__amx_conv_pack(g, plain, out);
    free(plain);
    return DF_OK;
}

df_status df__conv_amx(const df_conv *conv, bool exact, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    *out = NULL;
    if (!applies(conv, exact))
        return DF_OK;
    amx *k = calloc(1, sizeof *k);
    if (!k)
        return df__no_memory(call->err, "kernel", sizeof *k);
    k->w = *conv->w;
    k->fused = conv->fused;
    k->g.co = call->in[1].dims[0];
    k->g.exact = exact;
    if (!lay_out(k))
        goto done;
    cut(k, call);
    k->chunk_apart = k->planes * (k->rows + k->reach) * k->width * k->chunk + lines(DF_AMX_SIDE * k->g.apart);
    if (k->chunk_apart > MAX_STAGED / k->chunks / k->photos)
        goto done;
    DF_TRY(list_steps(k, call->err));
    bool plain = k->planes == 1 && k->w.kernel[0] * k->w.kernel[1] == 1 && k->pitch == k->w.in[1] && k->w.out[0] == k->w.in[0] && k->w.pad[0] + k->w.pad[1] == 0;
    int64_t last = (k->w.out[0] - (k->slices - 1) * k->rows - 1) * k->pitch + k->w.out[1]; /* outputs of a photo's last part */
    k->as_they_are = plain && df__is_half(&call->in[0]) && k->w.c % DF_AMX_DEPTH == 0 && last >= DF_AMX_SIDE;
    k->staged = lines(k->chunks * k->chunk_apart + 2 * DF_AMX_DEPTH);
    k->rest = exact ? k->photos * k->staged : 0;
    k->scratch_each = (size_t)(k->as_they_are ? 0 : k->photos * k->staged * (exact ? 2 : 1)) * sizeof(uint16_t);
    int64_t workers = call->threads < k->parts ? call->threads : k->parts;
    workers = workers < DF_MAX_WORKERS ? workers : DF_MAX_WORKERS;
    k->base = (df_kernel){.run = amx_run, .free = amx_free, .scratch_bytes = k->scratch_each * (size_t)workers, .adds_in_place = k->g.co % DF_AMX_SIDE == 0 /* else some channels are made twice */, .name = exact ? "amx bf16 pairs" : "amx bf16",
                          .rounds = !exact};
    filling f = {conv, k};
    df_pack_key key = df__weights_key(call, k->base.name, conv->fused ? conv->fused->scale : NULL, k->g.co);
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, df__amx_conv_weights(&k->g), fill, &f, &k->weights));
    k->g.weights = k->weights.data;
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, k->g.co, &k->bias));
    *out = &k->base;
    k = NULL;
done:
    if (k)
        amx_free(&k->base);
    return st;
}
