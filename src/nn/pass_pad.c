/* pass_pad.c - padding that stands on its own joins the convolution or pool behind it; padding by nothing goes. */
#include <math.h>
#include <string.h>

#include "nn/pass_rewrite.h"

/* What a Pad adds: pads of all dims, as ONNX orders them, and the value. */
typedef struct padding {
    int64_t pads[2 * DF_MAX_RANK];
    size_t  rank;
    float   value;
} padding;

static bool read_padding(const df_rewrite *r, const df_step *s, padding *out)
{
    const df_attr *attr = df__node_attr(s->node, "pads"), *mode = df__node_attr(s->node, "mode");
    const df_tensor *given = df__rewrite_constant(r, df__rewrite_input(r, s, 1)), *fill = df__rewrite_constant(r, df__rewrite_input(r, s, 2));
    if (!df__step_is(s, "Pad") || df__rewrite_input(r, s, 3) >= 0 || (mode && (mode->kind != DF_ATTR_STRING || strcmp(mode->v.s, "constant") != 0)))
        return false;
    int64_t n = given ? df__tensor_count(given) : attr && attr->kind == DF_ATTR_INTS ? (int64_t)attr->n : 0;
    if (n < 2 || n % 2 || n > 2 * DF_MAX_RANK || (given && given->type != DF_I64) || (df__rewrite_input(r, s, 2) >= 0 && !fill))
        return false;
    if (fill && (df__tensor_count(fill) != 1 || fill->type != DF_F32))
        return false;
    out->rank = (size_t)n / 2;
    out->value = fill ? df__rewrite_f32(fill, 0) : df__node_float(s->node, "value", 0);
    for (int64_t i = 0; i < n; i++)
        if (given)
            memcpy(&out->pads[i], (const char *)given->data + (size_t)i * sizeof *out->pads, sizeof *out->pads);
        else
            out->pads[i] = attr->v.ints[i];
    return true;
}

/* No number below 0: what a zero beside it does to a maximum, -infinity does too. */
static bool never_negative(const df_rewrite *r, int value)
{
    for (int i = 0; i < 4; i++) { /* a pool or a local response of such numbers has none either */
        const df_step *s = df__rewrite_maker(r, value);
        if (!s)
            return false;
        if (df__step_is(s, "Relu") || df__step_is(s, "Sigmoid") || df__step_is(s, "Abs"))
            return true;
        if (s->fused && s->fused->n_post) {
            const df_post *last = &s->fused->post[s->fused->n_post - 1];
            return (last->kind == DF_POST_RELU && last->a == 0) || last->kind == DF_POST_SIGMOID || (last->kind == DF_POST_CLIP && last->a >= 0);
        }
        bool response = df__step_is(s, "LRN") && df__node_float(s->node, "alpha", 1e-4f) >= 0 && df__node_float(s->node, "bias", 1) > 0;
        if (!df__step_is(s, "MaxPool") && !df__step_is(s, "AveragePool") && !response)
            return false;
        value = df__rewrite_input(r, s, 0);
    }
    return false;
}

/* Whether the padding may become a window's own; the pool or convolution pads with `value` itself. */
static bool may_join(const df_rewrite *r, const df_step *s, const df_step *pad, const padding *p)
{
    bool max = df__step_is(s, "MaxPool"), average = df__step_is(s, "AveragePool"), conv = df__step_is(s, "Conv");
    const df_attr *own = df__node_attr(s->node, "pads"), *kernel = df__node_attr(s->node, "kernel_shape"), *auto_pad = df__node_attr(s->node, "auto_pad");
    size_t space = p->rank - 2;
    if (!(max || average || conv) || p->rank < 3 || p->pads[0] || p->pads[1] || p->pads[p->rank] || p->pads[p->rank + 1])
        return false;
    if (auto_pad && (auto_pad->kind != DF_ATTR_STRING || (strcmp(auto_pad->v.s, "NOTSET") != 0 && strcmp(auto_pad->v.s, "VALID") != 0)))
        return false;
    if (own && (own->kind != DF_ATTR_INTS || own->n != 2 * space))
        return false;
    bool pads_itself = false;
    for (size_t i = 0; own && i < own->n; i++)
        pads_itself = pads_itself || own->v.ints[i] != 0;
    if (conv) {
        const df_tensor *w = df__rewrite_constant(r, df__rewrite_input(r, s, 1));
        return p->value == 0 && w && (size_t)w->rank == p->rank;
    }
    if (!kernel || kernel->kind != DF_ATTR_INTS || kernel->n != space || df__node_int(s->node, "ceil_mode", 0) != 0 || s->n_out != 1)
        return false;
    const df_attr *dilations = df__node_attr(s->node, "dilations");
    for (size_t i = 0; dilations && dilations->kind == DF_ATTR_INTS && i < dilations->n; i++)
        if (dilations->v.ints[i] != 1)
            return false;
    for (size_t i = 0; i < 2 * space; i++) /* every window sees a real pixel */
        if (p->pads[i < space ? i + 2 : i - space + p->rank + 2] + (own ? own->v.ints[i] : 0) >= kernel->v.ints[i % space])
            return false;
    if (average)
        return p->value == 0 && (!pads_itself || df__node_int(s->node, "count_include_pad", 0) != 0);
    if (pads_itself && p->value > -INFINITY) /* its own -infinity lies around the zeros */
        return false;
    return p->value == -INFINITY || p->value <= -3.4e38f || (p->value == 0 && never_negative(r, df__rewrite_input(r, pad, 0)));
}

static df_status join(df_rewrite *r, df_step *s)
{
    df_status st = DF_OK;
    padding p;
    df_step *pad = s->n_in > 0 ? df__rewrite_sole(r, df__rewrite_input(r, s, 0)) : NULL;
    if (!pad || !read_padding(r, pad, &p) || !may_join(r, s, pad, &p))
        return DF_OK;
    const df_attr *own = df__node_attr(s->node, "pads");
    size_t space = p.rank - 2, n;
    df_attr *attrs = df__rewrite_attrs(r, s->node, (const char *[]){"pads", "auto_pad", "count_include_pad", NULL}, 2, &n);
    int64_t *sum = df__arena_alloc(&r->p->arena, 2 * space * sizeof *sum);
    int *in = df__arena_alloc(&r->p->arena, s->n_in * sizeof *in);
    if (!attrs || !sum || !in)
        DF_TRY(df__no_memory(r->err, r->p->label, 2 * space * sizeof *sum));
    for (size_t i = 0; i < 2 * space; i++) {
        int64_t more = p.pads[i < space ? i + 2 : i - space + p.rank + 2];
        if (more < 0 || more > INT32_MAX || (own && (own->v.ints[i] > INT32_MAX || own->v.ints[i] < 0)))
            return DF_OK;
        sum[i] = more + (own ? own->v.ints[i] : 0);
    }
    attrs[n++] = (df_attr){.name = "pads", .kind = DF_ATTR_INTS, .n = 2 * space, .v.ints = sum};
    if (df__step_is(s, "AveragePool"))
        attrs[n++] = (df_attr){.name = "count_include_pad", .kind = DF_ATTR_INT, .v.i = 1};
    memcpy(in, s->in, s->n_in * sizeof *in);
    in[0] = df__rewrite_input(r, pad, 0);
    DF_TRY(df__rewrite_step(r, s, s->op, in, s->n_in, attrs, n));
done:
    return st;
}

df_status df__pass_pad(df_program *p, bool shapes, df_error *err)
{
    df_rewrite r;
    df_status st = DF_OK;
    DF_TRY(df__rewrite_begin(&r, p, shapes, 0, err));
    for (size_t i = 0; i < p->main.n_steps; i++) {
        df_step *s = &p->main.steps[i];
        padding pad;
        if (s->dead || !s->op)
            continue;
        if (df__step_is(s, "Pad") && read_padding(&r, s, &pad)) {
            bool nothing = true;
            for (size_t k = 0; k < 2 * pad.rank; k++)
                nothing = nothing && pad.pads[k] == 0;
            if (nothing && df__rewrite_input(&r, s, 0) >= 0)
                df__rewrite_same(&r, s->out[0], df__rewrite_input(&r, s, 0));
        }
        DF_TRY(join(&r, s));
    }
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}
