/* pass_fuse.c - what follows a convolution or a product moves into it: batch norms, factors and biases into its scale and shift,
 * activations and sums into its posts. The patterns of the other passes are looked for first. */
#include <math.h>
#include <string.h>

#include "nn/pass_rewrite.h"

/* Convolutions and products with known weights take in what follows. */
static bool is_host(const df_rewrite *f, const df_step *s)
{
    bool gemm = df__step_is(s, "Gemm") || df__step_is(s, "MatMul");
    if (!df__step_is(s, "Conv") && !df__step_is(s, "ConvTranspose") && !gemm)
        return false;
    const df_tensor *weights = df__rewrite_constant(f, df__rewrite_input(f, s, 1));
    int c = s->n_in > 2 ? df__rewrite_input(f, s, 2) : -1;
    return weights && weights->type == DF_F32 && (c < 0 || df__rewrite_constant(f, c)) && (!gemm || weights->rank == 2);
}

static int64_t channels_of(const df_rewrite *f, const df_step *s)
{
    const df_tensor *w = df__rewrite_constant(f, df__rewrite_input(f, s, 1));
    if (df__step_is(s, "ConvTranspose"))
        return w->rank > 1 ? w->dims[1] * df__node_int(s->node, "group", 1) : 0;
    if (df__step_is(s, "MatMul"))
        return w->dims[1];
    if (df__step_is(s, "Gemm"))
        return df__node_int(s->node, "transB", 0) ? w->dims[0] : w->dims[1];
    return w->rank > 0 ? w->dims[0] : 0;
}

static df_fused *fused_of(df_rewrite *f, df_step *s)
{
    if (!s->fused)
        s->fused = df__arena_calloc(&f->p->arena, 1, sizeof *s->fused);
    return s->fused;
}

/* `by` becomes part of `host`: the host makes what `by` made. */
static void absorb(df_rewrite *f, df_step *host, df_step *by)
{
    int made = host->out[0];
    host->out[0] = by->out[0];
    f->maker[by->out[0]] = (int)(host - f->p->main.steps);
    f->maker[made] = -1;
    f->p->values[by->out[0]].t = f->p->values[by->out[0]].t.type ? f->p->values[by->out[0]].t : f->p->values[made].t;
    by->dead = true;
}

/* ---- scale and shift ---- */

static df_status affine(df_rewrite *f, df_step *host, int64_t n, const float *scale, const float *shift)
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

static df_status fuse_norm(df_rewrite *f, df_step *s)
{
    df_step *host = df__rewrite_sole(f, df__rewrite_input(f, s, 0));
    const df_tensor *v[4];
    if (!host || !is_host(f, host) || (host->fused && host->fused->n_post) || s->n_out != 1 || s->n_in != 5)
        return DF_OK;
    int64_t n = channels_of(f, host);
    for (size_t i = 0; i < 4; i++) {
        v[i] = df__rewrite_constant(f, df__rewrite_input(f, s, i + 1));
        if (!v[i] || v[i]->type != DF_F32 || df__tensor_count(v[i]) != n)
            return DF_OK;
    }
    float *scale = df__arena_alloc(&f->p->arena, 2 * (size_t)n * sizeof *scale), *shift = scale ? scale + n : NULL;
    if (!scale)
        return df__no_memory(f->err, f->p->label, 2 * (size_t)n * sizeof *scale);
    float eps = df__node_float(s->node, "epsilon", 1e-5f);
    for (int64_t i = 0; i < n; i++) {
        scale[i] = df__rewrite_f32(v[0], i) / sqrtf(df__rewrite_f32(v[3], i) + eps);
        shift[i] = df__rewrite_f32(v[1], i) - df__rewrite_f32(v[2], i) * scale[i];
    }
    df_status st = affine(f, host, n, scale, shift);
    if (st == DF_OK)
        absorb(f, host, s);
    return st;
}

static df_status fuse_factor(df_rewrite *f, df_step *s, size_t side)
{
    df_step *host = df__rewrite_sole(f, df__rewrite_input(f, s, side));
    const df_tensor *c = df__rewrite_constant(f, df__rewrite_input(f, s, !side));
    bool sub = df__step_is(s, "Sub"), div = df__step_is(s, "Div"), add = df__step_is(s, "Add") || sub;
    if (!host || !c || s->n_in != 2 || !is_host(f, host) || (host->fused && host->fused->n_post) || (side == 1 && (sub || div)))
        return DF_OK;
    bool product = df__step_is(host, "Gemm") || df__step_is(host, "MatMul");
    int rank = product ? 2 : df__rewrite_constant(f, df__rewrite_input(f, host, 1))->rank;
    int64_t n = channels_of(f, host);
    /* A product's operand may have more dimensions than two; a row of n spreads over it all the same. */
    if (n < 1 || (product && df__step_is(host, "MatMul") && c->rank > 1))
        return DF_OK;
    float *list = df__arena_alloc(&f->p->arena, (size_t)n * sizeof *list);
    if (!list)
        return df__no_memory(f->err, f->p->label, (size_t)n * sizeof *list);
    if (!df__rewrite_by_channel(c, n, rank, product, list))
        return DF_OK;
    for (int64_t i = 0; i < n; i++)
        list[i] = sub ? -list[i] : div ? 1 / list[i] : list[i];
    df_status st = affine(f, host, n, add ? NULL : list, add ? list : NULL);
    if (st == DF_OK)
        absorb(f, host, s);
    return st;
}

/* ---- activations ---- */

/* clip(alpha x + beta) to 0..1: the line joins scale and shift, where no other post stands between. */
static bool hard_sigmoid(df_rewrite *f, const df_step *s, df_step *host, df_post *post)
{
    int64_t n = channels_of(f, host);
    float *line = n < 1 || (host->fused && host->fused->n_post) ? NULL : df__arena_alloc(&f->p->arena, 2 * (size_t)n * sizeof *line);
    if (!line)
        return false;
    for (int64_t i = 0; i < n; i++) {
        line[i] = df__node_float(s->node, "alpha", 0.2f);
        line[n + i] = df__node_float(s->node, "beta", 0.5f);
    }
    *post = (df_post){.kind = DF_POST_CLIP, .a = 0, .b = 1};
    return affine(f, host, n, line, line + n) == DF_OK;
}

/* The activation as a post; false when it is none that posts know. */
static bool post_of(df_rewrite *f, const df_step *s, df_step *host, df_post *post)
{
    *post = (df_post){0};
    if (df__step_is(s, "Relu"))
        post->kind = DF_POST_RELU;
    else if (df__step_is(s, "LeakyRelu"))
        *post = (df_post){.kind = DF_POST_RELU, .a = df__node_float(s->node, "alpha", 0.01f)};
    else if (df__step_is(s, "Sigmoid"))
        post->kind = DF_POST_SIGMOID;
    else if (df__step_is(s, "Tanh"))
        post->kind = DF_POST_TANH;
    else if (df__step_is(s, "Elu"))
        *post = (df_post){.kind = DF_POST_ELU, .a = df__node_float(s->node, "alpha", 1)};
    else if (df__step_is(s, "HardSwish"))
        post->kind = DF_POST_HARD_SWISH;
    else if (df__step_is(s, "Mish"))
        post->kind = DF_POST_MISH;
    else if (df__step_is(s, "Gelu") && !df__node_attr(s->node, "approximate"))
        post->kind = DF_POST_GELU;
    else if (df__step_is(s, "HardSigmoid"))
        return hard_sigmoid(f, s, host, post);
    else if (df__step_is(s, "Clip")) {
        *post = (df_post){.kind = DF_POST_CLIP, .a = df__node_float(s->node, "min", -INFINITY), .b = df__node_float(s->node, "max", INFINITY)};
        if ((df__rewrite_input(f, s, 1) >= 0 && !df__rewrite_scalar(f, s, 1, &post->a)) || (df__rewrite_input(f, s, 2) >= 0 && !df__rewrite_scalar(f, s, 2, &post->b)))
            return false;
    } else if (df__step_is(s, "PRelu")) {
        const df_tensor *t = df__rewrite_constant(f, df__rewrite_input(f, s, 1));
        int64_t channels = channels_of(f, host);
        int rank = df__rewrite_constant(f, df__rewrite_input(f, host, 1))->rank; /* weights have as many dimensions as what they make */
        float *slope = channels < 1 ? NULL : df__arena_alloc(&f->p->arena, (size_t)channels * sizeof *slope);
        if (!slope || !t || df__step_is(host, "MatMul") || df__step_is(host, "Gemm") || !df__rewrite_by_channel(t, channels, rank, false, slope))
            return false;
        *post = (df_post){.kind = DF_POST_PRELU, .slope = slope, .n_slope = channels};
    } else {
        return false;
    }
    return true;
}

static bool takes_post(const df_rewrite *f, const df_step *host) { return host && is_host(f, host) && !(host->fused && host->fused->n_post == DF_MAX_POSTS); }

static df_status add_post(df_rewrite *f, df_step *host, const df_post *post)
{
    df_fused *fused = fused_of(f, host);
    if (!fused)
        return df__no_memory(f->err, f->p->label, sizeof *fused);
    fused->post[fused->n_post++] = *post;
    return DF_OK;
}

/* What follows parts that lie side by side follows each of them, where that is the same for all channels. */
static df_status fuse_behind_parts(df_rewrite *f, df_step *concat, df_step *s)
{
    df_status st = DF_OK;
    df_post post;
    if ((!df__step_is(s, "Relu") && !df__step_is(s, "LeakyRelu") && !df__step_is(s, "Clip")) || !post_of(f, s, NULL, &post)) /* which ask no host */
        return DF_OK;
    for (size_t i = 0; i < concat->n_in; i++)
        if (!takes_post(f, df__rewrite_sole(f, df__rewrite_input(f, concat, i))))
            return DF_OK;
    for (size_t i = 0; i < concat->n_in; i++)
        DF_TRY(add_post(f, df__rewrite_sole(f, df__rewrite_input(f, concat, i)), &post));
    absorb(f, concat, s);
done:
    return st;
}

static df_status fuse_activation(df_rewrite *f, df_step *s)
{
    df_step *host = s->n_in > 0 && s->n_out == 1 ? df__rewrite_sole(f, df__rewrite_input(f, s, 0)) : NULL;
    df_post post;
    if (host && df__step_is(host, "Concat"))
        return fuse_behind_parts(f, host, s);
    if (!takes_post(f, host) || !post_of(f, s, host, &post))
        return DF_OK;
    df_status st = add_post(f, host, &post);
    if (st == DF_OK)
        absorb(f, host, s);
    return st;
}

/* x * sigmoid(x) behind a convolution: two readers of one value. */
static df_status fuse_swish(df_rewrite *f, df_step *s)
{
    for (size_t side = 0; side < 2 && s->n_in == 2; side++) {
        int x = df__rewrite_input(f, s, side), y = df__rewrite_input(f, s, !side);
        df_step *gate = df__rewrite_sole(f, y);
        if (!gate || !df__step_is(gate, "Sigmoid") || df__rewrite_input(f, gate, 0) != x || x < 0 || f->readers[x] != 2 || f->maker[x] < 0)
            continue;
        df_step *host = &f->p->main.steps[f->maker[x]];
        if (!takes_post(f, host) || host->n_out != 1)
            continue;
        df_status st = add_post(f, host, &(df_post){.kind = DF_POST_SWISH});
        if (st != DF_OK)
            return st;
        gate->dead = true;
        absorb(f, host, s);
        return DF_OK;
    }
    return DF_OK;
}

/* ---- sums: a convolution adds the other operand, the later of two, or one that waits until that is there ---- */

static bool same_shape(const df_tensor *a, const df_tensor *b)
{
    return a->type == b->type && a->type != 0 && a->rank == b->rank && memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) == 0;
}

static df_status fuse_sum(df_rewrite *f, df_step *s)
{
    int a = df__rewrite_input(f, s, 0), b = df__rewrite_input(f, s, 1);
    if (!f->shapes || s->n_in != 2 || a < 0 || b < 0 || a == b || !same_shape(&f->p->values[a].t, &f->p->values[b].t))
        return DF_OK;
    if (f->p->values[a].known || f->p->values[b].known)
        return DF_OK;
    for (int turn = 0; turn < 4; turn++) {
        int mine = turn % 2 ? a : b, other = turn % 2 ? b : a;
        df_step *host = df__rewrite_sole(f, mine);
        bool waits = f->maker[other] > f->maker[mine];
        if (!takes_post(f, host) || !df__step_is(host, "Conv") || (waits && turn < 2) || f->p->values[mine].t.rank != 4)
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
        if (waits) { /* in the place of the sum */
            *s = *host;
            f->maker[s->out[0]] = (int)(s - f->p->main.steps);
            host->dead = true;
        }
        return DF_OK;
    }
    return DF_OK;
}

/* ---- all of them, in the order of the steps ---- */

df_status df__pass_fuse(df_program *p, bool shapes, df_error *err)
{
    df_rewrite f;
    df_status st = DF_OK;
    DF_TRY(df__pass_transpose(p, shapes, err));
    DF_TRY(df__pass_spelled(p, shapes, err));
    DF_TRY(df__pass_norms(p, shapes, err));
    if (shapes) {
        DF_TRY(df__pass_local(p, err));
        DF_TRY(df__pass_attention(p, err));
    }
    DF_TRY(df__pass_pad(p, shapes, err));
    DF_TRY(df__rewrite_begin(&f, p, shapes, 0, err));
    for (size_t i = 0; i < p->main.n_steps; i++) {
        df_step *s = &p->main.steps[i];
        if (s->dead || !s->op)
            continue;
        if (df__step_is(s, "BatchNormalization"))
            DF_TRY(fuse_norm(&f, s));
        for (size_t side = 0; side < 2; side++)
            if (df__step_is(s, "Mul") || df__step_is(s, "Add") || df__step_is(s, "Sub") || df__step_is(s, "Div"))
                DF_TRY(fuse_factor(&f, s, side));
        if (df__step_is(s, "Mul"))
            DF_TRY(fuse_swish(&f, s));
        if (df__step_is(s, "Add"))
            DF_TRY(fuse_sum(&f, s));
        if (!s->dead)
            DF_TRY(fuse_activation(&f, s));
    }
    DF_TRY(shapes ? df__pass_batch_norms(p, err) : df__pass_forward(p, err));
done:
    return st;
}
