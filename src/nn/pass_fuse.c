/* pass_fuse.c - what follows a convolution or a product moves into it: batch norms, factors and biases into its scale and shift,
 * activations and sums into its posts, padding before it into its own. */
#include <math.h>
#include <string.h>

#include "nn/ir.h"

typedef struct fuse {
    df_program *p;
    bool        shapes;
    df_error   *err;
    int        *maker;   /* step that makes a value, or -1 */
    int        *readers; /* how often a value is read */
} fuse;

static bool is_op(const df_step *s, const char *name)
{
    return !s->dead && s->op && s->node->domain[0] == '\0' && strcmp(s->node->op, name) == 0;
}

static int input(const fuse *f, const df_step *s, size_t i) { return i < s->n_in ? df__value_root(f->p, s->in[i]) : -1; }

static const df_tensor *constant(const fuse *f, int value)
{
    return value >= 0 && f->p->values[value].known ? &f->p->values[value].t : NULL;
}

/* The step that makes the value, if the value is read once and the step has no other outputs. */
static df_step *sole_maker(const fuse *f, int value)
{
    if (value < 0 || f->maker[value] < 0 || f->readers[value] != 1)
        return NULL;
    df_step *s = &f->p->main.steps[f->maker[value]];
    return s->dead || !s->op || s->n_out != 1 ? NULL : s;
}

/* Convolutions and products with known weights take in what follows. */
static bool is_host(const fuse *f, const df_step *s)
{
    bool gemm = is_op(s, "Gemm") || is_op(s, "MatMul");
    if (!is_op(s, "Conv") && !is_op(s, "ConvTranspose") && !gemm)
        return false;
    const df_tensor *weights = constant(f, input(f, s, 1));
    int c = s->n_in > 2 ? input(f, s, 2) : -1;
    return weights && weights->type == DF_F32 && (c < 0 || constant(f, c)) && (!gemm || weights->rank == 2);
}

static int64_t channels_of(const fuse *f, const df_step *s)
{
    const df_tensor *w = constant(f, input(f, s, 1));
    if (is_op(s, "ConvTranspose"))
        return w->rank > 1 ? w->dims[1] * df__node_int(s->node, "group", 1) : 0;
    if (is_op(s, "MatMul"))
        return w->dims[1];
    if (is_op(s, "Gemm"))
        return df__node_int(s->node, "transB", 0) ? w->dims[0] : w->dims[1];
    return w->rank > 0 ? w->dims[0] : 0;
}

static df_fused *fused_of(fuse *f, df_step *s)
{
    if (!s->fused)
        s->fused = df__arena_calloc(&f->p->arena, 1, sizeof *s->fused);
    return s->fused;
}

/* `by` becomes part of `host`: the host makes what `by` made. */
static void absorb(fuse *f, df_step *host, df_step *by)
{
    int made = host->out[0];
    host->out[0] = by->out[0];
    f->maker[by->out[0]] = (int)(host - f->p->main.steps);
    f->maker[made] = -1;
    f->p->values[by->out[0]].t = f->p->values[by->out[0]].t.type ? f->p->values[by->out[0]].t : f->p->values[made].t;
    by->dead = true;
}

static float at(const df_tensor *t, int64_t i) /* a constant may lie askew in its file */
{
    float v;
    memcpy(&v, (const char *)t->data + (size_t)i * sizeof v, sizeof v);
    return v;
}

/* ---- scale and shift ---- */

static df_status affine(fuse *f, df_step *host, int64_t n, const float *scale, const float *shift)
{
    df_fused *fused = fused_of(f, host);
    float *a = df__arena_calloc(&f->p->arena, (size_t)n, sizeof *a), *b = df__arena_calloc(&f->p->arena, (size_t)n, sizeof *b);
    if (!fused || !a || !b)
        return df__no_memory(f->err, f->p->label, (size_t)n * sizeof *a);
    for (int64_t i = 0; i < n; i++) {
        float m = scale ? scale[i] : 1;
        a[i] = (fused->scale ? fused->scale[i] : 1) * m;
        b[i] = (fused->shift ? fused->shift[i] : 0) * m + (shift ? shift[i] : 0);
    }
    if (scale || fused->scale)
        fused->scale = a;
    fused->shift = b;
    return DF_OK;
}

/* Values of a constant that is one number, or one number a channel of a tensor of `rank`; false when it is anything else. */
static bool by_channel(const df_tensor *t, int64_t channels, int rank, bool last, float *out)
{
    int64_t n = t && t->type == DF_F32 ? df__tensor_count(t) : -1;
    if (n != 1 && n != channels)
        return false;
    if (n != 1) {
        int axis = last ? t->rank - 1 : t->rank - (rank - 1); /* channels are dimension 1 of `rank` */
        if (axis < 0 || axis >= t->rank || t->dims[axis] != channels)
            return false;
    }
    if (t->rank > rank)
        return false;
    for (int64_t i = 0; i < channels; i++)
        out[i] = at(t, n == 1 ? 0 : i);
    return true;
}

static df_status fuse_norm(fuse *f, df_step *s)
{
    df_step *host = sole_maker(f, input(f, s, 0));
    const df_tensor *v[4];
    if (!host || !is_host(f, host) || (host->fused && host->fused->n_post) || s->n_out != 1 || s->n_in != 5)
        return DF_OK;
    int64_t n = channels_of(f, host);
    for (size_t i = 0; i < 4; i++) {
        v[i] = constant(f, input(f, s, i + 1));
        if (!v[i] || v[i]->type != DF_F32 || df__tensor_count(v[i]) != n)
            return DF_OK;
    }
    float *scale = df__arena_alloc(&f->p->arena, 2 * (size_t)n * sizeof *scale), *shift = scale ? scale + n : NULL;
    if (!scale)
        return df__no_memory(f->err, f->p->label, 2 * (size_t)n * sizeof *scale);
    float eps = df__node_float(s->node, "epsilon", 1e-5f);
    for (int64_t i = 0; i < n; i++) {
        scale[i] = at(v[0], i) / sqrtf(at(v[3], i) + eps);
        shift[i] = at(v[1], i) - at(v[2], i) * scale[i];
    }
    df_status st = affine(f, host, n, scale, shift);
    if (st == DF_OK)
        absorb(f, host, s);
    return st;
}

static df_status fuse_factor(fuse *f, df_step *s, size_t side)
{
    df_step *host = sole_maker(f, input(f, s, side));
    const df_tensor *c = constant(f, input(f, s, !side));
    bool sub = is_op(s, "Sub"), div = is_op(s, "Div"), add = is_op(s, "Add") || sub;
    if (!host || !c || s->n_in != 2 || !is_host(f, host) || (host->fused && host->fused->n_post) || (side == 1 && (sub || div)))
        return DF_OK;
    bool product = is_op(host, "Gemm") || is_op(host, "MatMul");
    int rank = product ? 2 : constant(f, input(f, host, 1))->rank;
    int64_t n = channels_of(f, host);
    /* A product's operand may have more dimensions than two; a row of n spreads over it all the same. */
    if (n < 1 || (product && is_op(host, "MatMul") && c->rank > 1))
        return DF_OK;
    float *list = df__arena_alloc(&f->p->arena, (size_t)n * sizeof *list);
    if (!list)
        return df__no_memory(f->err, f->p->label, (size_t)n * sizeof *list);
    if (!by_channel(c, n, rank, product, list))
        return DF_OK;
    for (int64_t i = 0; i < n; i++)
        list[i] = sub ? -list[i] : div ? 1 / list[i] : list[i];
    df_status st = affine(f, host, n, add ? NULL : list, add ? list : NULL);
    if (st == DF_OK)
        absorb(f, host, s);
    return st;
}

/* ---- activations ---- */

static bool scalar(const fuse *f, const df_step *s, size_t i, float *out)
{
    const df_tensor *t = constant(f, input(f, s, i));
    if (!t || t->type != DF_F32 || df__tensor_count(t) != 1)
        return false;
    *out = at(t, 0);
    return true;
}

/* The activation as a post; false when it is none that posts know. */
static bool post_of(fuse *f, const df_step *s, const df_step *host, df_post *post)
{
    *post = (df_post){0};
    if (is_op(s, "Relu"))
        post->kind = DF_POST_RELU;
    else if (is_op(s, "LeakyRelu"))
        *post = (df_post){.kind = DF_POST_RELU, .a = df__node_float(s->node, "alpha", 0.01f)};
    else if (is_op(s, "Sigmoid"))
        post->kind = DF_POST_SIGMOID;
    else if (is_op(s, "Tanh"))
        post->kind = DF_POST_TANH;
    else if (is_op(s, "Elu"))
        *post = (df_post){.kind = DF_POST_ELU, .a = df__node_float(s->node, "alpha", 1)};
    else if (is_op(s, "HardSwish"))
        post->kind = DF_POST_HARD_SWISH;
    else if (is_op(s, "Mish"))
        post->kind = DF_POST_MISH;
    else if (is_op(s, "Gelu") && !df__node_attr(s->node, "approximate"))
        post->kind = DF_POST_GELU;
    else if (is_op(s, "Clip")) {
        *post = (df_post){.kind = DF_POST_CLIP, .a = df__node_float(s->node, "min", -INFINITY), .b = df__node_float(s->node, "max", INFINITY)};
        if ((input(f, s, 1) >= 0 && !scalar(f, s, 1, &post->a)) || (input(f, s, 2) >= 0 && !scalar(f, s, 2, &post->b)))
            return false;
    } else if (is_op(s, "PRelu")) {
        const df_tensor *t = constant(f, input(f, s, 1));
        int64_t channels = channels_of(f, host);
        int rank = constant(f, input(f, host, 1))->rank; /* weights have as many dimensions as what they make */
        float *slope = channels < 1 ? NULL : df__arena_alloc(&f->p->arena, (size_t)channels * sizeof *slope);
        if (!slope || !t || is_op(host, "MatMul") || is_op(host, "Gemm") || !by_channel(t, channels, rank, false, slope))
            return false;
        *post = (df_post){.kind = DF_POST_PRELU, .slope = slope, .n_slope = channels};
    } else {
        return false;
    }
    return true;
}

static df_status fuse_activation(fuse *f, df_step *s)
{
    df_step *host = s->n_in > 0 && s->n_out == 1 ? sole_maker(f, input(f, s, 0)) : NULL;
    df_post post;
    if (!host || !is_host(f, host) || (host->fused && host->fused->n_post == DF_MAX_POSTS) || !post_of(f, s, host, &post))
        return DF_OK;
    df_fused *fused = fused_of(f, host);
    if (!fused)
        return df__no_memory(f->err, f->p->label, sizeof *fused);
    fused->post[fused->n_post++] = post;
    absorb(f, host, s);
    return DF_OK;
}

/* x * sigmoid(x) behind a convolution: two readers of one value. */
static df_status fuse_swish(fuse *f, df_step *s)
{
    for (size_t side = 0; side < 2 && s->n_in == 2; side++) {
        int x = input(f, s, side), y = input(f, s, !side);
        df_step *gate = sole_maker(f, y);
        if (!gate || !is_op(gate, "Sigmoid") || input(f, gate, 0) != x || x < 0 || f->readers[x] != 2 || f->maker[x] < 0)
            continue;
        df_step *host = &f->p->main.steps[f->maker[x]];
        if (!is_host(f, host) || host->n_out != 1 || (host->fused && host->fused->n_post == DF_MAX_POSTS))
            continue;
        df_fused *fused = fused_of(f, host);
        if (!fused)
            return df__no_memory(f->err, f->p->label, sizeof *fused);
        fused->post[fused->n_post++] = (df_post){.kind = DF_POST_SWISH};
        gate->dead = true;
        absorb(f, host, s);
        return DF_OK;
    }
    return DF_OK;
}

/* ---- sums: the later of two convolutions adds the other operand ---- */

static bool same_shape(const df_tensor *a, const df_tensor *b)
{
    return a->type == b->type && a->type != 0 && a->rank == b->rank && memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) == 0;
}

static df_status fuse_sum(fuse *f, df_step *s)
{
    int a = input(f, s, 0), b = input(f, s, 1);
    if (!f->shapes || s->n_in != 2 || a < 0 || b < 0 || a == b || !same_shape(&f->p->values[a].t, &f->p->values[b].t))
        return DF_OK;
    if (f->p->values[a].known || f->p->values[b].known)
        return DF_OK;
    for (int turn = 0; turn < 2; turn++) {
        int mine = turn ? a : b, other = turn ? b : a;
        df_step *host = sole_maker(f, mine);
        if (!host || !is_op(host, "Conv") || !is_host(f, host) || f->maker[other] > f->maker[mine] || f->p->values[mine].t.rank != 4)
            continue;
        if (host->fused && host->fused->n_post == DF_MAX_POSTS)
            continue;
        df_fused *fused = fused_of(f, host);
        int *in = df__arena_calloc(&f->p->arena, host->n_in + 2, sizeof *in);
        if (!fused || !in)
            return df__no_memory(f->err, f->p->label, sizeof *fused);
        memcpy(in, host->in, host->n_in * sizeof *in);
        if (host->n_in == 2)
            in[host->n_in++] = -1; /* no bias */
        in[host->n_in] = other;
        host->in = in;
        fused->post[fused->n_post++] = (df_post){.kind = DF_POST_ADD, .input = host->n_in++};
        absorb(f, host, s);
        return DF_OK;
    }
    return DF_OK;
}

/* ---- padding before a convolution ---- */

static df_status fuse_pad(fuse *f, df_step *s)
{
    df_step *pad = s->n_in > 1 ? sole_maker(f, input(f, s, 0)) : NULL;
    int64_t list[2 * DF_MAX_RANK], sum[2 * DF_MAX_SPACE], value = 0;
    const df_attr *own = df__node_attr(s->node, "pads"), *attr = pad ? df__node_attr(pad->node, "pads") : NULL;
    const df_attr *mode = pad ? df__node_attr(pad->node, "mode") : NULL, *auto_pad = df__node_attr(s->node, "auto_pad");
    if (!pad || !is_op(pad, "Pad") || input(f, pad, 3) >= 0 || (mode && strcmp(mode->v.s, "constant") != 0) ||
        (auto_pad && strcmp(auto_pad->v.s, "NOTSET") != 0 && strcmp(auto_pad->v.s, "VALID") != 0))
        return DF_OK;
    const df_tensor *given = constant(f, input(f, pad, 1)), *fill = constant(f, input(f, pad, 2)), *w = constant(f, input(f, s, 1));
    size_t n = given ? (size_t)df__tensor_count(given) : attr && attr->kind == DF_ATTR_INTS ? attr->n : 0;
    if (!w || w->rank < 3 || n != 2 * (size_t)w->rank || (given && given->type != DF_I64) || (input(f, pad, 2) >= 0 && !fill))
        return DF_OK;
    if (fill && df__tensor_count(fill) == 1)
        memcpy(&value, fill->data, df__dtype_size(fill->type) < 8 ? df__dtype_size(fill->type) : 8);
    if (value != 0 || df__node_float(pad->node, "value", 0) != 0)
        return DF_OK;
    for (size_t i = 0; i < n; i++)
        list[i] = given ? df__load_i64(given, (int64_t)i) : attr->v.ints[i];
    size_t rank = (size_t)w->rank, space = rank - 2;
    if (list[0] || list[1] || list[rank] || list[rank + 1] || (own && (own->kind != DF_ATTR_INTS || own->n != 2 * space)))
        return DF_OK;
    for (size_t i = 0; i < 2 * space; i++) {
        int64_t more = list[i < space ? i + 2 : i - space + rank + 2];
        if (more < 0 || more > INT32_MAX || (own && own->v.ints[i] > INT32_MAX))
            return DF_OK;
        sum[i] = more + (own ? own->v.ints[i] : 0);
    }
    df_node *node = df__arena_alloc(&f->p->arena, sizeof *node);
    df_attr *attrs = df__arena_calloc(&f->p->arena, s->node->n_attrs + 1, sizeof *attrs);
    int64_t *pads = df__arena_alloc(&f->p->arena, sizeof sum);
    if (!node || !attrs || !pads)
        return df__no_memory(f->err, f->p->label, sizeof *node);
    memcpy(pads, sum, sizeof sum);
    *node = *s->node;
    node->attrs = attrs;
    node->n_attrs = 0;
    attrs[node->n_attrs++] = (df_attr){.name = "pads", .kind = DF_ATTR_INTS, .n = 2 * space, .v.ints = pads};
    for (size_t i = 0; i < s->node->n_attrs; i++)
        if (strcmp(s->node->attrs[i].name, "pads") != 0 && strcmp(s->node->attrs[i].name, "auto_pad") != 0)
            attrs[node->n_attrs++] = s->node->attrs[i];
    s->node = node;
    s->in[0] = pad->in[0];
    pad->dead = true;
    return DF_OK;
}

/* ---- PReLU as TensorFlow's converter spells it: relu(x) + (-slope) * relu(-x) ---- */

static df_status fuse_prelu(fuse *f, df_step *s)
{
    for (size_t side = 0; side < 2 && s->n_in == 2; side++) {
        df_step *pos = sole_maker(f, input(f, s, side)), *mul = sole_maker(f, input(f, s, !side));
        if (!pos || !mul || !is_op(pos, "Relu") || !is_op(mul, "Mul") || mul->n_in != 2)
            continue;
        for (size_t k = 0; k < 2; k++) {
            const df_tensor *c = constant(f, input(f, mul, k));
            df_step *relu = sole_maker(f, input(f, mul, !k)), *neg = relu && is_op(relu, "Relu") ? sole_maker(f, input(f, relu, 0)) : NULL;
            int x = input(f, pos, 0);
            if (!c || c->type != DF_F32 || !neg || !is_op(neg, "Neg") || x < 0 || input(f, neg, 0) != x || f->p->n_values == 0)
                continue;
            df_node *node = df__arena_calloc(&f->p->arena, 1, sizeof *node);
            int *in = df__arena_calloc(&f->p->arena, 2, sizeof *in);
            int64_t n = df__tensor_count(c);
            float *slope = df__arena_alloc(&f->p->arena, (size_t)n * sizeof *slope);
            if (!node || !in || !slope)
                return df__no_memory(f->err, f->p->label, (size_t)n * sizeof *slope);
            for (int64_t i = 0; i < n; i++)
                slope[i] = -at(c, i);
            /* The product's value is free now: it becomes the slope. */
            in[0] = x;
            in[1] = mul->out[0];
            df_value *v = &f->p->values[in[1]];
            v->t = *c;
            v->t.data = slope;
            v->known = v->shared = true;
            f->maker[in[1]] = -1;
            *node = (df_node){.op = "PRelu", .name = s->node->name, .domain = "", .out = s->node->out, .n_out = s->node->n_out};
            s->node = node;
            s->op = df__op_find("", "PRelu");
            s->in = in;
            pos->dead = mul->dead = relu->dead = neg->dead = true;
            f->readers[x]--;
            return DF_OK;
        }
    }
    return DF_OK;
}

/* ---- all of them, in the order of the steps ---- */

static df_status count(fuse *f)
{
    const df_block *b = &f->p->main;
    f->maker = df__arena_alloc(&f->p->arena, f->p->n_values * sizeof *f->maker);
    f->readers = df__arena_calloc(&f->p->arena, f->p->n_values, sizeof *f->readers);
    if (!f->maker || !f->readers)
        return df__no_memory(f->err, f->p->label, 2 * f->p->n_values * sizeof *f->maker);
    for (size_t i = 0; i < f->p->n_values; i++)
        f->maker[i] = -1;
    for (size_t i = 0; i < b->n_outputs; i++)
        f->readers[df__value_root(f->p, b->outputs[i])] += 2; /* is read by the caller, and must stay */
    for (size_t i = 0; i < b->n_steps; i++) {
        const df_step *s = &b->steps[i];
        for (size_t k = 0; k < s->n_in + s->n_captured; k++) {
            int v = df__value_root(f->p, k < s->n_in ? s->in[k] : s->captured[k - s->n_in]);
            if (v >= 0)
                f->readers[v] += k < s->n_in ? 1 : 2;
        }
        for (size_t k = 0; k < s->n_out; k++)
            if (s->out[k] >= 0)
                f->maker[s->out[k]] = (int)i;
    }
    return DF_OK;
}

df_status df__pass_fuse(df_program *p, bool shapes, df_error *err)
{
    fuse f = {.p = p, .shapes = shapes, .err = err};
    df_status st = df__pass_dead(p, err);
    if (st == DF_OK)
        st = count(&f);
    for (size_t i = 0; i < p->main.n_steps && st == DF_OK; i++) {
        df_step *s = &p->main.steps[i];
        if (s->dead || !s->op)
            continue;
        if (is_op(s, "Add"))
            DF_TRY(fuse_prelu(&f, s));
        if (is_op(s, "BatchNormalization"))
            DF_TRY(fuse_norm(&f, s));
        for (size_t side = 0; side < 2; side++)
            if (is_op(s, "Mul") || is_op(s, "Add") || is_op(s, "Sub") || is_op(s, "Div"))
                DF_TRY(fuse_factor(&f, s, side));
        if (is_op(s, "Mul"))
            DF_TRY(fuse_swish(&f, s));
        if (is_op(s, "Add"))
            DF_TRY(fuse_sum(&f, s));
        if (is_op(s, "Conv"))
            DF_TRY(fuse_pad(&f, s));
        if (!s->dead)
            DF_TRY(fuse_activation(&f, s));
    }
    if (st == DF_OK)
        st = df__pass_dead(p, err);
done:
    return st;
}
