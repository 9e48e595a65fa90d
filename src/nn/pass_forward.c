/* pass_forward.c - a factor and an addend a channel that stand before a convolution (batch normalisation first, as in the improved ResNet, or the
 * scale of the pixels) go into its weights and bias. The addend only where nothing is padded: the padding behind it is 0, before it it is not. */
#include <math.h>
#include <string.h>

#include "nn/pass_rewrite.h"

static const int64_t MOST = 1 << 20; /* weights: more are not copied for the sake of one cheap step */

/* x * a[c] + b[c] */
static bool line_of(const df_rewrite *r, const df_step *m, int64_t channels, int rank, float *a, float *b, int *x)
{
    *x = df__rewrite_input(r, m, 0);
    for (int64_t i = 0; i < channels; i++) {
        a[i] = 1;
        b[i] = 0;
    }
    if (df__step_is(m, "BatchNormalization") && m->n_in == 5) {
        const df_tensor *v[4];
        for (size_t k = 0; k < 4; k++) {
            v[k] = df__rewrite_constant(r, df__rewrite_input(r, m, k + 1));
            if (!v[k] || v[k]->type != DF_F32 || df__tensor_count(v[k]) != channels)
                return false;
        }
        for (int64_t i = 0; i < channels; i++) {
            a[i] = df__rewrite_f32(v[0], i) / sqrtf(df__rewrite_f32(v[3], i) + df__node_float(m->node, "epsilon", 1e-5f));
            b[i] = df__rewrite_f32(v[1], i) - df__rewrite_f32(v[2], i) * a[i];
        }
        return *x >= 0;
    }
    bool mul = df__step_is(m, "Mul"), div = df__step_is(m, "Div"), add = df__step_is(m, "Add"), sub = df__step_is(m, "Sub");
    for (size_t side = 0; side < 2 && m->n_in == 2 && (mul || div || add || sub); side++) {
        const df_tensor *c = df__rewrite_constant(r, df__rewrite_input(r, m, !side));
        if (!c || (side == 1 && (div || sub)) || !df__rewrite_by_channel(c, channels, rank, false, add || sub ? b : a))
            continue;
        for (int64_t i = 0; i < channels; i++) {
            a[i] = div ? 1 / a[i] : a[i];
            b[i] = sub ? -b[i] : b[i];
        }
        *x = df__rewrite_input(r, m, side);
        return *x >= 0 && !df__rewrite_constant(r, *x);
    }
    return false;
}

static bool pads_nothing(const df_step *s)
{
    const df_attr *pads = df__node_attr(s->node, "pads"), *kind = df__node_attr(s->node, "auto_pad");
    if (kind && (kind->kind != DF_ATTR_STRING || (strcmp(kind->v.s, "NOTSET") != 0 && strcmp(kind->v.s, "VALID") != 0)))
        return false;
    for (size_t i = 0; pads && i < pads->n; i++)
        if (pads->kind != DF_ATTR_INTS || pads->v.ints[i] != 0)
            return false;
    return true;
}

/* One factor for all channels goes behind the convolution as well as before it: the weights stay where they are in the file. */
static df_status put_behind(df_rewrite *r, df_step *s, int x, float factor, const df_tensor *bias, int64_t outputs)
{
    df_arena *arena = &r->p->arena;
    df_fused *fused = df__arena_calloc(arena, 1, sizeof *fused);
    float *scale = df__arena_alloc(arena, 2 * (size_t)outputs * sizeof *scale), *bias_before = scale ? scale + outputs : NULL;
    if (!fused || !scale)
        return df__no_memory(r->err, r->p->label, 2 * (size_t)outputs * sizeof *scale);
    if (s->fused)
        *fused = *s->fused;
    for (int64_t o = 0; o < outputs; o++) {
        scale[o] = factor * (fused->scale ? fused->scale[o] : 1);
        bias_before[o] = bias ? df__rewrite_f32(bias, o) / factor : 0;
    }
    fused->scale = scale;
    df_tensor bias_too = {.type = DF_F32, .rank = 1, .dims = {outputs}, .data = bias_before};
    int in[3] = {x, df__rewrite_input(r, s, 1), bias ? df__rewrite_value(r, "", &bias_too) : -1};
    df_status st = df__rewrite_step(r, s, s->op, in, bias ? 3 : 2, s->node->attrs, s->node->n_attrs);
    s->fused = fused;
    return st;
}

static df_status forward(df_rewrite *r, df_step *s)
{
    const df_step *m = df__rewrite_sole(r, df__rewrite_input(r, s, 0));
    const df_tensor *w = df__rewrite_constant(r, df__rewrite_input(r, s, 1));
    int old = df__rewrite_input(r, s, 2), x;
    const df_tensor *bias = df__rewrite_constant(r, old);
    int64_t groups = df__node_int(s->node, "group", 1), count = w ? df__tensor_count(w) : -1;
    if (!m || m->fused || !w || w->type != DF_F32 || w->rank < 3 || count < 1 || count > MOST || groups < 1 || groups > w->dims[0] || w->dims[0] % groups ||
        s->n_in > 3 || (old >= 0 && (!bias || bias->type != DF_F32 || df__tensor_count(bias) != w->dims[0])))
        return DF_OK;
    int64_t each = w->dims[1], channels = each * groups, outputs = w->dims[0], taps = count / outputs / each;
    if (channels > MOST)
        return DF_OK;
    df_arena *arena = &r->p->arena;
    float *a = df__arena_alloc(arena, 2 * (size_t)channels * sizeof *a), *b = a ? a + channels : NULL;
    if (!a)
        return df__no_memory(r->err, r->p->label, 2 * (size_t)channels * sizeof *a);
    if (!line_of(r, m, channels, w->rank, a, b, &x))
        return DF_OK;
    bool shifts = false, uniform = fabsf(a[0]) > 1e-6f && fabsf(a[0]) < 1e6f;
    for (int64_t i = 0; i < channels; i++) {
        shifts = shifts || b[i] != 0;
        uniform = uniform && a[i] == a[0];
    }
    if (uniform && !shifts)
        return put_behind(r, s, x, a[0], bias, outputs);
    if (shifts && !pads_nothing(s))
        return DF_OK;
    float *to = df__arena_alloc(arena, (size_t)count * sizeof *to), *sums = df__arena_alloc(arena, (size_t)outputs * sizeof *sums);
    if (!to || !sums)
        return df__no_memory(r->err, r->p->label, (size_t)count * sizeof *to);
    for (int64_t o = 0; o < outputs; o++) {
        double sum = bias ? (double)df__rewrite_f32(bias, o) : 0;
        for (int64_t c = 0; c < each; c++) {
            int64_t in = o / (outputs / groups) * each + c;
            const char *from = (const char *)w->data + (size_t)((o * each + c) * taps) * sizeof(float); /* may lie askew */
            float *row = to + (o * each + c) * taps, factor = a[in];
            memcpy(row, from, (size_t)taps * sizeof *row);
            for (int64_t k = 0; k < taps && shifts; k++)
                sum += (double)row[k] * (double)b[in];
            for (int64_t k = 0; k < taps; k++)
                row[k] *= factor;
        }
        sums[o] = (float)sum;
    }
    df_tensor weights = *w, bias_too = {.type = DF_F32, .rank = 1, .dims = {outputs}, .data = sums};
    weights.data = to;
    int in[3] = {x, df__rewrite_value(r, "", &weights), bias || shifts ? df__rewrite_value(r, "", &bias_too) : -1};
    df_fused *fused = s->fused;
    df_status st = df__rewrite_step(r, s, s->op, in, in[2] >= 0 ? 3 : 2, s->node->attrs, s->node->n_attrs);
    s->fused = fused;
    return st;
}

df_status df__pass_forward(df_program *p, df_error *err)
{
    df_rewrite r;
    df_status st = DF_OK;
    DF_TRY(df__rewrite_begin(&r, p, false, 4 * p->main.n_steps, err));
    for (size_t i = 0; i < p->main.n_steps; i++)
        for (int again = 0; again < 2 && df__step_is(&p->main.steps[i], "Conv"); again++) /* a factor, and an addend before it */
            DF_TRY(forward(&r, &p->main.steps[i]));
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}
