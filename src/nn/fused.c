/* fused.c - what the passes put behind a convolution or product, in plain C: where oneDNN cannot do it itself, and the reference for tests. */
#include <math.h>

#include "core/simd.h"
#include "core/threads.h"
#include "nn/half.h"
#include "nn/ir.h"

enum { VECTOR = 16, PIECE = 16 << 10 /* numbers */ };

static float sigmoid(float v) { return 1 / (1 + expf(-v)); }

DF_CLONES static void leaky_run(float *y, int64_t n, float slope)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < 0 ? y[i] * slope : y[i];
}

/* Neighbouring channels. */
DF_CLONES static void slopes_run(float *restrict y, int64_t n, const float *restrict slope)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < 0 ? y[i] * slope[i] : y[i];
}

DF_CLONES static void clip_run(float *y, int64_t n, float least, float most)
{
    for (int64_t i = 0; i < n; i++) {
        float v = y[i] < least ? least : y[i];
        y[i] = v > most ? most : v;
    }
}

/* A run of values of one channel (step 0) or of neighbouring channels (step 1). */
DF_CLONES static void affine_run(float *y, int64_t n, const float *scale, const float *shift, int64_t step)
{
    static const float one = 1, zero = 0;
    int64_t step_scale = scale ? step : 0, step_shift = shift ? step : 0;
    scale = scale ? scale : &one;
    shift = shift ? shift : &zero;
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] * scale[i * step_scale] + shift[i * step_shift];
}

DF_CLONES static void add_run(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* The n numbers of x from element `first` on. */
static void add_tensor(float *y, const df_tensor *x, int64_t first, int64_t n)
{
    float wide[256];
    if (x->type == DF_F32)
        add_run(y, (const float *)x->data + first, n);
    for (int64_t i = 0, count; i < n && x->type != DF_F32; i += count) {
        count = n - i < 256 ? n - i : 256;
        df__halves_to_f32(x->type, (const uint16_t *)x->data + first + i, wide, count);
        add_run(y + i, wide, count);
    }
}

static float curve(const df_post *post, float v)
{
    switch (post->kind) {
    case DF_POST_SIGMOID: return sigmoid(v);
    case DF_POST_TANH: return tanhf(v);
    case DF_POST_ELU: return v < 0 ? post->a * (expf(v) - 1) : v;
    case DF_POST_HARD_SWISH: return v * fminf(fmaxf(v / 6 + 0.5f, 0), 1);
    case DF_POST_SWISH: return v * sigmoid(v);
    case DF_POST_MISH: return v * tanhf(v > 20 ? v : log1pf(expf(v)));
    case DF_POST_GELU: return 0.5f * v * (1 + erff(v * 0.70710678f));
    default: return v;
    }
}

static void apply_post(const df_post *post, float *y, int64_t n, int64_t channel, int64_t step)
{
    switch (post->kind) {
    case DF_POST_RELU:
        leaky_run(y, n, post->a);
        break;
    case DF_POST_PRELU:
        if (post->n_slope > 1 && step)
            slopes_run(y, n, post->slope + channel);
        else
            leaky_run(y, n, post->slope[post->n_slope > 1 ? channel : 0]);
        break;
    case DF_POST_CLIP:
        clip_run(y, n, post->a, post->b);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = curve(post, y[i]);
    }
}

/* A tensor's values in pieces, each with all posts before the next. */
typedef struct finishing {
    const df_call  *call;
    const df_fused *fused;
    const float    *repeated[DF_MAX_POSTS]; /* slopes of `repeat` numbers; NULL: the post has none */
    int64_t         total, channels, run, repeat, piece; /* run: neighbours of one channel, or one pixel's channels */
    bool            beside, affine;                      /* neighbours are channels, not pixels of one */
} finishing;

static void finish_piece(void *arg, size_t index, int worker)
{
    const finishing *f = arg;
    int64_t first = (int64_t)index * f->piece, n = f->total - first < f->piece ? f->total - first : f->piece;
    float *y = (float *)f->call->out[0].data + first;
    (void)worker;
    for (int64_t i = 0; i < n && f->affine; i += f->run) {
        int64_t channel = f->beside ? 0 : (first + i) / f->run % f->channels;
        affine_run(y + i, f->run, f->fused->scale ? f->fused->scale + channel : NULL, f->fused->shift ? f->fused->shift + channel : NULL, f->beside);
    }
    for (int p = 0; p < f->fused->n_post; p++) {
        const df_post *post = &f->fused->post[p];
        if (post->kind == DF_POST_ADD)
            add_tensor(y, &f->call->in[post->input], first, n);
        else if (f->repeated[p])
            for (int64_t i = 0; i < n; i += f->repeat)
                slopes_run(y + i, n - i < f->repeat ? n - i : f->repeat, f->repeated[p]);
        else if (post->kind == DF_POST_PRELU && post->n_slope > 1)
            for (int64_t i = 0; i < n; i += f->run)
                apply_post(post, y + i, f->run, f->beside ? 0 : (first + i) / f->run % f->channels, f->beside);
        else
            apply_post(post, y, n, 0, 0);
    }
}

/* Slopes of channels side by side, repeated until they fill whole vectors: a pixel of 20 channels for itself is a short run. */
static void repeat_slopes(finishing *f)
{
    int64_t times = 1;
    while (f->channels * times % VECTOR)
        times++;
    f->repeat = f->channels * times;
    for (int p = 0; p < f->fused->n_post && times > 1; p++) {
        const df_post *post = &f->fused->post[p];
        float *to = post->kind == DF_POST_PRELU && post->n_slope > 1 ? df__arena_alloc(f->call->scratch, (size_t)f->repeat * sizeof *to) : NULL;
        for (int64_t i = 0; to && i < f->repeat; i++)
            to[i] = post->slope[i % f->channels];
        f->repeated[p] = to; /* without memory it goes pixel by pixel */
    }
}

void df__fused_apply(const df_call *call, const df_fused *fused, bool with_affine)
{
    const df_tensor *t = &call->out[0];
    int axis = t->rank < 2 ? 0 : t->rank == 2 || call->nhwc ? t->rank - 1 : 1;
    if (call->node->op[0] == 'M') /* MatMul: columns */
        axis = t->rank - 1;
    int64_t inner = 1;
    for (int i = axis + 1; i < t->rank; i++)
        inner *= t->dims[i];
    finishing f = {.call = call, .fused = fused, .total = df__tensor_count(t), .channels = t->rank ? t->dims[axis] : 1, .beside = inner == 1,
                   .affine = with_affine && (fused->scale || fused->shift)};
    if (f.total == 0)
        return;
    df_arena_mark mark = df__arena_mark(call->scratch);
    f.run = f.repeat = f.beside ? f.channels : inner;
    if (f.beside && f.total > f.channels)
        repeat_slopes(&f);
    int64_t least = f.repeat > f.run ? f.repeat : f.run;
    f.piece = (PIECE / least + 1) * least;
    df__parallel_for((size_t)((f.total + f.piece - 1) / f.piece), call->threads, finish_piece, &f);
    df__arena_release(call->scratch, mark);
}

bool df__fused_adds(const df_fused *fused)
{
    bool any = false;
    for (int i = 0; fused && i < fused->n_post; i++)
        any = any || fused->post[i].kind == DF_POST_ADD;
    return any;
}
