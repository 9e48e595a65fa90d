/* kernel_few.c - a 1 x 1 convolution to up to eight outputs, by loops of our own (lanes_few.h): the photo is read once, and that is all the time it takes.
 * What bends each number by itself, as a score's sigmoid, does so afterwards. Threads take ranges of pixels. */
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/half.h"
#include "nn/kernel.h"

enum { MOST_CHANNELS = 128, STEP = 8, MAX_PARTS = 64 };

typedef struct few {
    df_kernel       base;
    df_few          g;
    int64_t         pixels, outs, parts;
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused; /* bends of each number by itself; NULL: none */
} few;

static void few_free(df_kernel *base)
{
    few *f = (few *)base;
    free(f->weights.own);
    free(f->bias);
    free(f);
}

typedef struct work { const few *f; const df_call *call; } work;

/* n numbers, as pixels of a vector of channels. */
static void bend(const df_fused *fused, float *y, int64_t n)
{
    const df_tail tail = {.fused = fused};
    int64_t left = n % DF_LANES_MOST, whole = n - left;
    float some[DF_LANES_MOST] = {0};
    df__lanes()->row_tail(y, 0, whole / DF_LANES_MOST, DF_LANES_MOST, &tail);
    if (left == 0)
        return;
    memcpy(some, y + whole, (size_t)left * sizeof *y);
    df__lanes()->row_tail(some, 0, 1, DF_LANES_MOST, &tail);
    memcpy(y + whole, some, (size_t)left * sizeof *y);
}

static void run_part(void *arg, size_t part, int worker)
{
    const work *job = arg;
    const few *f = job->f;
    const df_tensor *x = &job->call->in[0], *y = &job->call->out[0];
    int64_t first = f->pixels * (int64_t)part / f->parts, end = f->pixels * ((int64_t)part + 1) / f->parts;
    (void)worker;
    df__lanes()->few[df__is_half(x)][df__is_half(y)](&f->g, df__element(x, first * f->g.ci), end - first, df__element(y, first * f->g.co));
    if (f->fused)
        bend(f->fused, df__element(y, first * f->g.co), (end - first) * f->g.co);
}

static df_status few_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    work job = {(const few *)base, call};
    df__parallel_for((size_t)job.f->parts, exec->threads, run_part, &job);
    return DF_OK;
}

/* ---- compilation ---- */

typedef struct filling { const df_conv *conv; const few *f; } filling;

/* As df_few has it. */
static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *a = arg;
    const few *f = a->f;
    const char *w = a->conv->call->in[1].data; /* need not be aligned */
    const float *scale = a->conv->fused ? a->conv->fused->scale : NULL;
    int64_t ci = f->g.ci, all = ci * f->outs;
    float *plain = out;
    uint16_t *first = (uint16_t *)(void *)(plain + all), *rest = first + all;
    (void)err;
    memset(out, 0, (size_t)all * 2 * sizeof *plain);
    for (int64_t o = 0; o < f->g.co; o++)
        for (int64_t c = 0; c < ci; c++) {
            float v, rounded;
            memcpy(&v, w + (size_t)(o * ci + c) * sizeof v, sizeof v);
            v *= scale ? scale[o] : 1;
            int64_t at = (c / STEP * f->outs + o) * STEP + c % STEP;
            plain[(c / 4 * f->outs + o) * 4 + c % 4] = v;
            df__f32_to_halves(DF_BF16, &v, first + at, 1);
            df__halves_to_f32(DF_BF16, first + at, &rounded, 1);
            v -= rounded;
            df__f32_to_halves(DF_BF16, &v, rest + at, 1);
        }
    return DF_OK;
}

static int64_t pixels_of(const df_window *w)
{
    int64_t pixels = w->n;
    for (int i = 0; i < w->space; i++)
        pixels *= w->out[i];
    return pixels;
}

/* Bends of each number by itself, of outputs of float32. */
static bool bends(const df_fused *fused, const df_tensor *y)
{
    bool all = y->type == DF_F32 && df__lanes_know(fused) && !df__fused_adds(fused);
    for (int i = 0; i < fused->n_post; i++)
        all = all && fused->post[i].n_slope <= 1;
    return all;
}

bool df__conv_few_applies(const df_conv *conv)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    bool fits = conv->group == 1 && !conv->transposed && call->nhwc && call->in[1].data && call->in[1].type == DF_F32 && (!df__given(call, 2) || call->in[2].data) &&
                call->in[1].dims[0] <= DF_FEW_MOST && w->c % STEP == 0 && w->c <= MOST_CHANNELS && (!conv->fused || conv->fused->n_post == 0 || bends(conv->fused, &call->out[0])) && pixels_of(w) >= DF_LANES_MOST;
    for (int i = 0; i < w->space; i++)
        fits = fits && w->kernel[i] == 1 && w->stride[i] == 1 && w->pad[i] == 0 && w->pad_end[i] == 0;
    return fits;
}

df_status df__conv_few(const df_conv *conv, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    *out = NULL;
    if (!df__conv_few_applies(conv))
        return DF_OK;
    few *f = calloc(1, sizeof *f);
    if (!f)
        return df__no_memory(call->err, "kernel", sizeof *f);
    f->g = (df_few){.ci = conv->w->c, .co = call->in[1].dims[0]};
    f->outs = f->g.co <= DF_FEW_MOST / 2 ? DF_FEW_MOST / 2 : DF_FEW_MOST;
    f->pixels = pixels_of(conv->w);
    f->parts = df__parts(call, (double)(f->pixels * f->g.ci), DF_PART_NUMBERS, MAX_PARTS);
    f->base = (df_kernel){.run = few_run, .free = few_free, .name = "few outputs"};
    if (conv->fused && conv->fused->n_post > 0)
        f->fused = conv->fused;
    int64_t all = f->g.ci * f->outs;
    df_pack_key key = df__weights_key(call, f->base.name, conv->fused ? conv->fused->scale : NULL, f->g.co);
    filling a = {conv, f};
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, (size_t)all * 2 * sizeof(float), fill, &a, &f->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, f->g.co, &f->bias));
    f->g.weights = f->weights.data;
    f->g.halves = (const uint16_t *)(const void *)(f->g.weights + all);
    f->g.bias = f->bias;
    *out = &f->base;
    f = NULL;
done:
    if (f)
        few_free(&f->base);
    return st;
}
