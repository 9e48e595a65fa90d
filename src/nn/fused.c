/* fused.c - what the passes put behind a convolution or product, in plain C: where oneDNN cannot do it itself, and the reference for tests. */
#include <math.h>

#include "core/simd.h"
#include "nn/ir.h"

enum { VECTOR = 16 };

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

/* Slopes of channels side by side, repeated until they fill whole vectors: a pixel of 20 channels for itself is a short run. */
static bool apply_slopes(const df_call *call, const float *slopes, int64_t channels, float *y, int64_t total)
{
    int64_t times = 1;
    while (channels * times % VECTOR)
        times++;
    df_arena_mark mark = df__arena_mark(call->scratch);
    int64_t run = channels * times;
    float *repeated = df__arena_alloc(call->scratch, (size_t)run * sizeof *repeated);
    if (!repeated)
        return false;
    for (int64_t i = 0; i < run; i++)
        repeated[i] = slopes[i % channels];
    for (int64_t i = 0; i < total; i += run)
        slopes_run(y + i, total - i < run ? total - i : run, repeated);
    df__arena_release(call->scratch, mark);
    return true;
}

void df__fused_apply(const df_call *call, const df_fused *fused, bool with_affine)
{
    df_tensor *t = &call->out[0];
    int axis = t->rank < 2 ? 0 : t->rank == 2 || call->nhwc ? t->rank - 1 : 1;
    if (call->node->op[0] == 'M') /* MatMul: columns */
        axis = t->rank - 1;
    int64_t channels = t->rank ? t->dims[axis] : 1, inner = 1, total = df__tensor_count(t);
    for (int i = axis + 1; i < t->rank; i++)
        inner *= t->dims[i];
    if (total == 0)
        return;
    int64_t run = inner == 1 ? channels : inner, step = inner == 1; /* neighbours are channels, or pixels of one */
    for (int p = with_affine && (fused->scale || fused->shift) ? -1 : 0; p < fused->n_post; p++) {
        if (p >= 0 && fused->post[p].kind == DF_POST_ADD) {
            add_run(t->data, call->in[fused->post[p].input].data, total);
            continue;
        }
        if (p >= 0 && !(fused->post[p].kind == DF_POST_PRELU && fused->post[p].n_slope > 1)) { /* alike for all channels */
            apply_post(&fused->post[p], t->data, total, 0, 0);
            continue;
        }
        if (p >= 0 && step && total > channels && channels % VECTOR && apply_slopes(call, fused->post[p].slope, channels, t->data, total))
            continue;
        for (int64_t i = 0; i < total; i += run) {
            float *y = (float *)t->data + i;
            int64_t channel = step ? 0 : i / run % channels;
            if (p < 0)
                affine_run(y, run, fused->scale ? fused->scale + channel : NULL, fused->shift ? fused->shift + channel : NULL, step);
            else
                apply_post(&fused->post[p], y, run, channel, step);
        }
    }
}
