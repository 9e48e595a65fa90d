/* onednn.c - convolutions and products by oneDNN. The only file that includes dnnl.h; written for the 2.x C API, whose types and calls
 * that 3.x changed (memory descriptors, operation descriptors, scales) are confined to the functions of the first part. */
#include "nn/onednn.h"

#include <float.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "core/pages.h"
#include "nn/pack.h"

/* OpenMP's runtime, which oneDNN brings with it; no pragma of ours needs a compiler flag. */
int  omp_get_max_threads(void);
void omp_set_num_threads(int threads);

enum { MAX_ARGS = 6 + 2 * DF_MAX_POSTS };

/* ---- what differs between oneDNN 2.x and 3.x ---- */

typedef dnnl_memory_desc_t mem_desc;

static dnnl_engine_t  engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

static void engine_start(void)
{
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
}

static bool engine_ready(void)
{
    pthread_once(&engine_once, engine_start);
    return engine != NULL;
}

/* NULL strides: any layout that the kernel likes. */
static bool describe(mem_desc *md, int rank, const int64_t *dims, const int64_t *strides)
{
    dnnl_dims_t d = {0}, s = {0};
    memcpy(d, dims, (size_t)rank * sizeof *dims);
    if (!strides)
        return dnnl_memory_desc_init_by_tag(md, rank, d, dnnl_f32, dnnl_format_tag_any) == dnnl_success;
    memcpy(s, strides, (size_t)rank * sizeof *strides);
    return dnnl_memory_desc_init_by_strides(md, rank, d, dnnl_f32, s) == dnnl_success;
}

static mem_desc query(const_dnnl_primitive_desc_t pd, dnnl_query_t what) { return *dnnl_primitive_desc_query_md(pd, what, 0); }

typedef struct conv_desc {
    bool     transposed, bias;
    mem_desc src, weights, dst, bias_md;
    dnnl_dims_t stride, dilation, pad, pad_end;
} conv_desc;

static dnnl_primitive_desc_t conv_primitive(const conv_desc *c, const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t pd = NULL;
    const mem_desc *bias = c->bias ? &c->bias_md : NULL;
    if (c->transposed) {
        dnnl_deconvolution_desc_t d;
        if (dnnl_dilated_deconvolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_deconvolution_direct, &c->src, &c->weights, bias,
                                                         &c->dst, c->stride, c->dilation, c->pad, c->pad_end) != dnnl_success ||
            dnnl_primitive_desc_create(&pd, &d, attr, engine, NULL) != dnnl_success)
            return NULL;
        return pd;
    }
    dnnl_convolution_desc_t d;
    if (dnnl_dilated_convolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_convolution_direct, &c->src, &c->weights, bias, &c->dst,
                                                   c->stride, c->dilation, c->pad, c->pad_end) != dnnl_success ||
        dnnl_primitive_desc_create(&pd, &d, attr, engine, NULL) != dnnl_success)
        return NULL;
    return pd;
}

static dnnl_primitive_desc_t product_primitive(const conv_desc *c, const_dnnl_primitive_attr_t attr)
{
    dnnl_inner_product_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    if (dnnl_inner_product_forward_desc_init(&d, dnnl_forward_inference, &c->src, &c->weights, c->bias ? &c->bias_md : NULL, &c->dst) !=
            dnnl_success ||
        dnnl_primitive_desc_create(&pd, &d, attr, engine, NULL) != dnnl_success)
        return NULL;
    return pd;
}

/* The usual layout of weights - one dimension, that of the output channels, in blocks of 16 or more - as pack.c wants it. */
static bool is_blocked(const mem_desc *from, const mem_desc *to, int channel, df_pack *p)
{
    const dnnl_blocking_desc_t *b = &to->format_desc.blocking;
    if (from->ndims > DF_PACK_DIMS || to->format_kind != dnnl_blocked || b->inner_nblks != 1 || b->inner_blks[0] % 16 != 0 ||
        to->extra.flags != 0)
        return false;
    *p = (df_pack){.rank = from->ndims, .blocked = (int)b->inner_idxs[0], .block = b->inner_blks[0]};
    for (int i = 0; i < from->ndims; i++) {
        p->dims[i] = from->dims[i];
        p->from[i] = from->format_desc.blocking.strides[i];
        p->to[i] = b->strides[i];
        if (i != p->blocked && to->padded_dims[i] != from->dims[i])
            return false;
    }
    /* Scales go with the channels: those of a group each, or of groups of one channel. */
    return p->blocked < p->rank - 1 && (p->blocked == channel || (p->blocked == 0 && from->dims[channel] == 1));
}

/* Copy `from` to the layout of `to`, each output channel times its scale. */
static bool reorder(const mem_desc *from, const void *data, const mem_desc *to, void *out, const float *scale, int64_t n_scale, int mask)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t prim = NULL;
    dnnl_memory_t src = NULL, dst = NULL;
    dnnl_stream_t stream = NULL;
    void *in;
    memcpy(&in, &data, sizeof in); /* oneDNN's memory has no const */
    bool ok = dnnl_primitive_attr_create(&attr) == dnnl_success &&
              (!scale || dnnl_primitive_attr_set_output_scales(attr, n_scale, mask, scale) == dnnl_success) &&
              dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, attr) == dnnl_success &&
              dnnl_primitive_create(&prim, pd) == dnnl_success && dnnl_memory_create(&src, from, engine, in) == dnnl_success &&
              dnnl_memory_create(&dst, to, engine, out) == dnnl_success &&
              dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, src}, {DNNL_ARG_TO, dst}};
    ok = ok && dnnl_primitive_execute(prim, stream, 2, args) == dnnl_success && dnnl_stream_wait(stream) == dnnl_success;
    dnnl_stream_destroy(stream);
    dnnl_memory_destroy(src);
    dnnl_memory_destroy(dst);
    dnnl_primitive_destroy(prim);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return ok;
}

/* ---- threads ---- */

/* Kernels run on the calling thread alone; the engine splits the work itself. Returns what it was. */
static int one_thread(void)
{
    int before = omp_get_max_threads();
    if (before != 1)
        omp_set_num_threads(1);
    return before;
}

static void threads_back(int before)
{
    if (before != 1)
        omp_set_num_threads(before);
}

/* A kernel and all that it needs at a run. */
typedef struct dnn_kernel {
    df_kernel        base;
    dnnl_primitive_t prim;
    mem_desc         src, weights, bias, dst, scratch;
    const void      *packed;      /* NULL: the weights come with the call */
    void            *own_weights; /* freed with the kernel */
    float           *own_bias;
    bool             with_bias;
    df_fused         fused;       /* posts, in the order of the primitive's */
    bool             posts_after; /* oneDNN has no kernel with them */
} dnn_kernel;

/* Weights that outlive the plan are packed once for all plans. */
static df_status pack(const df_call *call, dnn_kernel *k, const mem_desc *from, const float *scale, int64_t channels, int mask,
                      df_packer *packer)
{
    const void *data = call->in[1].data;
    if (!scale && dnnl_memory_desc_equal(from, &k->weights) && (uintptr_t)data % sizeof(float) == 0) {
        k->packed = data;
        return DF_OK;
    }
    size_t bytes = dnnl_memory_desc_get_size(&k->weights);
    bool shared = call->weights_id >= 0;
    df_pack_key key = df__pack_key_new("oneDNN");
    if (shared) {
        df__pack_key_add(&key, &call->weights_id, sizeof call->weights_id);
        df__pack_key_add(&key, &k->weights, sizeof k->weights);
        if (scale)
            df__pack_key_add(&key, scale, (size_t)channels * sizeof *scale);
        k->packed = df__packer_find(packer, &key, bytes);
        if (k->packed)
            return DF_OK;
    }
    void *out = shared ? df__packer_room(packer, bytes) : (k->own_weights = df__pages_alloc(bytes));
    df_pack blocks;
    if (!out)
        return df__no_memory(call->err, "packed weights", bytes);
    if (is_blocked(from, &k->weights, mask == 3, &blocks)) {
        blocks.scale = scale;
        df__pack_blocks(&blocks, data, out);
    } else if (!reorder(from, data, &k->weights, out, scale, channels, mask)) {
        return df__call_fail(call, DF_E_INTERNAL, "oneDNN cannot pack the weights");
    }
    k->packed = out;
    if (shared && !df__packer_keep(packer, &key, out, bytes))
        return df__no_memory(call->err, "packed weights", sizeof key);
    return DF_OK;
}

/* ---- kernels ---- */

static void kernel_free(df_kernel *base)
{
    dnn_kernel *k = (dnn_kernel *)base;
    dnnl_primitive_destroy(k->prim);
    free(k->own_weights);
    free(k->own_bias);
    free(k);
}

typedef struct args { dnnl_exec_arg_t list[MAX_ARGS]; int n; bool failed; } args;

static void add_arg(args *a, int id, const mem_desc *md, const void *data)
{
    void *at;
    memcpy(&at, &data, sizeof at);
    dnnl_memory_t memory = NULL;
    if (a->failed || dnnl_memory_create(&memory, md, engine, at) != dnnl_success)
        a->failed = true;
    else
        a->list[a->n++] = (dnnl_exec_arg_t){id, memory};
}

static df_status kernel_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const dnn_kernel *k = (const dnn_kernel *)base;
    args a = {.n = 0};
    add_arg(&a, DNNL_ARG_SRC, &k->src, call->in[0].data);
    add_arg(&a, DNNL_ARG_WEIGHTS, &k->weights, k->packed ? k->packed : call->in[1].data);
    if (k->with_bias)
        add_arg(&a, DNNL_ARG_BIAS, &k->bias, k->own_bias ? k->own_bias : call->in[2].data);
    add_arg(&a, DNNL_ARG_DST, &k->dst, call->out[0].data);
    if (base->scratch_bytes)
        add_arg(&a, DNNL_ARG_SCRATCHPAD, &k->scratch, exec->scratch);
    for (int i = 0; i < k->fused.n_post && !k->posts_after; i++) {
        const df_post *post = &k->fused.post[i];
        if (post->kind == DF_POST_ADD) {
            add_arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1, &k->dst, call->in[post->input].data);
        } else if (post->kind == DF_POST_PRELU) {
            mem_desc slope;
            int64_t dims[DF_MAX_RANK] = {1, post->n_slope, 1, 1, 1, 1, 1, 1}, strides[DF_MAX_RANK] = {post->n_slope, 1, 1, 1, 1, 1, 1, 1};
            a.failed = a.failed || !describe(&slope, k->dst.ndims, dims, strides);
            add_arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_WEIGHTS, &slope, post->slope);
        }
    }
    dnnl_stream_t stream = NULL;
    int before = one_thread();
    bool ok = !a.failed && dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success &&
              dnnl_primitive_execute(k->prim, stream, a.n, a.list) == dnnl_success && dnnl_stream_wait(stream) == dnnl_success;
    threads_back(before);
    dnnl_stream_destroy(stream);
    for (int i = 0; i < a.n; i++)
        dnnl_memory_destroy(a.list[i].memory);
    if (!ok)
        return a.failed ? df__no_memory(call->err, "oneDNN's arguments", sizeof a) : df__call_fail(call, DF_E_INTERNAL, "oneDNN failed");
    if (k->posts_after)
        df__fused_apply(call, &k->fused, false);
    return DF_OK;
}

static bool add_post(dnnl_post_ops_t ops, const df_post *post, const mem_desc *dst)
{
    dnnl_alg_kind_t kind = dnnl_alg_kind_undef;
    float a = post->a, b = post->b;
    switch (post->kind) {
    case DF_POST_ADD: return dnnl_post_ops_append_binary(ops, dnnl_binary_add, dst) == dnnl_success;
    case DF_POST_PRELU: return dnnl_post_ops_append_prelu(ops, post->n_slope > 1 ? 2 : 0) == dnnl_success;
    case DF_POST_RELU: kind = dnnl_eltwise_relu; break;
    case DF_POST_CLIP:
        kind = dnnl_eltwise_clip;
        a = a < -FLT_MAX ? -FLT_MAX : a;
        b = b > FLT_MAX ? FLT_MAX : b;
        break;
    case DF_POST_SIGMOID: kind = dnnl_eltwise_logistic; break;
    case DF_POST_TANH: kind = dnnl_eltwise_tanh; break;
    case DF_POST_ELU: kind = dnnl_eltwise_elu; break;
    case DF_POST_HARD_SWISH: kind = dnnl_eltwise_hardswish; break;
    case DF_POST_SWISH:
        kind = dnnl_eltwise_swish;
        a = 1;
        break;
    case DF_POST_MISH: kind = dnnl_eltwise_mish; break;
    case DF_POST_GELU: kind = dnnl_eltwise_gelu_erf; break;
    }
    return dnnl_post_ops_append_eltwise(ops, 1.0f, kind, a, b) == dnnl_success;
}

static bool attributes(const df_fused *fused, const mem_desc *dst, dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    *attr = NULL;
    bool ok = dnnl_primitive_attr_create(attr) == dnnl_success &&
              dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user) == dnnl_success &&
              dnnl_post_ops_create(&ops) == dnnl_success;
    for (int i = 0; ok && fused && i < fused->n_post; i++)
        ok = add_post(ops, &fused->post[i], dst);
    ok = ok && dnnl_primitive_attr_set_post_ops(*attr, ops) == dnnl_success;
    dnnl_post_ops_destroy(ops);
    return ok;
}

typedef dnnl_primitive_desc_t (*make_primitive)(const conv_desc *c, const_dnnl_primitive_attr_t attr);

/* A primitive with the posts inside, else one without. oneDNN's own slow reference ("ref...") counts as none. */
static dnnl_primitive_desc_t choose(make_primitive make, const conv_desc *c, const df_fused *fused, bool *posts_after)
{
    dnnl_primitive_desc_t pd = NULL;
    int posts = fused ? fused->n_post : 0;
    for (int with = posts > 0; with >= 0 && !pd; with--) {
        dnnl_primitive_attr_t attr;
        if (attributes(with ? fused : NULL, &c->dst, &attr))
            pd = make(c, attr);
        dnnl_primitive_attr_destroy(attr);
        const char *name = "";
        if (pd && dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) == dnnl_success && strncmp(name, "ref", 3) == 0) {
            dnnl_primitive_desc_destroy(pd);
            pd = NULL;
        }
        *posts_after = pd && posts > 0 && !with;
    }
    return pd;
}

/* bias * scale + shift, a channel each. */
static df_status fold_bias(const df_call *call, const df_tensor *bias, const df_fused *fused, int64_t channels, dnn_kernel *k)
{
    const float *scale = fused ? fused->scale : NULL, *shift = fused ? fused->shift : NULL;
    if (!k->with_bias || (bias && !bias->data))
        return DF_OK;
    k->own_bias = malloc((size_t)channels * sizeof(float));
    if (!k->own_bias)
        return df__no_memory(call->err, "bias", (size_t)channels * sizeof(float));
    for (int64_t i = 0; i < channels; i++) {
        float b = 0;
        if (bias)
            memcpy(&b, (const char *)bias->data + (size_t)i * sizeof b, sizeof b);
        k->own_bias[i] = b * (scale ? scale[i] : 1) + (shift ? shift[i] : 0);
    }
    return DF_OK;
}

typedef struct weights_layout { mem_desc plain; int64_t channels; int mask; const df_tensor *bias; } weights_layout;

static df_status build(const df_call *call, make_primitive make, conv_desc *c, const weights_layout *w, const df_fused *fused, df_packer *packer,
                       df_kernel **out)
{
    df_status st = DF_OK;
    dnnl_primitive_desc_t pd = NULL;
    dnn_kernel *k = calloc(1, sizeof *k);
    if (!k)
        return df__no_memory(call->err, "kernel", sizeof *k);
    k->base = (df_kernel){.run = kernel_run, .free = kernel_free, .name = "oneDNN"};
    int before = one_thread();
    pd = choose(make, c, fused, &k->posts_after);
    threads_back(before);
    if (!pd) /* the reference does it */
        goto done;
    const char *name = NULL;
    if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) == dnnl_success && name)
        k->base.name = name; /* a string of oneDNN's own, as long as the program lives */
    k->src = query(pd, dnnl_query_src_md);
    k->dst = query(pd, dnnl_query_dst_md);
    k->weights = query(pd, dnnl_query_weights_md);
    k->scratch = query(pd, dnnl_query_scratchpad_md);
    k->bias = c->bias_md;
    k->with_bias = c->bias;
    k->base.scratch_bytes = dnnl_memory_desc_get_size(&k->scratch);
    if (fused)
        k->fused = *fused;
    if (dnnl_primitive_create(&k->prim, pd) != dnnl_success)
        DF_TRY(df__no_memory(call->err, "oneDNN's primitive", sizeof *k));
    if (call->in[1].data)
        DF_TRY(pack(call, k, &w->plain, fused ? fused->scale : NULL, w->channels, w->mask, packer));
    DF_TRY(fold_bias(call, w->bias, fused, w->channels, k));
    *out = &k->base;
    k = NULL;
done:
    dnnl_primitive_desc_destroy(pd);
    if (k)
        kernel_free(&k->base);
    return st;
}

df_status df__dnn_conv(const df_call *call, const df_window *w, int64_t group, bool transposed, const df_fused *fused, df_packer *packer,
                       df_kernel **out)
{
    const df_tensor *x = &call->in[0], *k = &call->in[1], *y = &call->out[0];
    conv_desc c = {.transposed = transposed};
    weights_layout layout = {.bias = df__given(call, 2) ? &call->in[2] : NULL};
    int rank = w->space + 2;
    *out = NULL;
    if (!engine_ready() || w->space > 3)
        return DF_OK;
    int64_t outs = transposed ? k->dims[1] * group : k->dims[0], taps = 1;
    int64_t src[DF_MAX_RANK], dst[DF_MAX_RANK], src_steps[DF_MAX_RANK], dst_steps[DF_MAX_RANK];
    int64_t dims[DF_MAX_RANK + 1], steps[DF_MAX_RANK + 1];
    df__space_strides(call, x, src_steps);
    df__space_strides(call, y, dst_steps);
    src[0] = dst[0] = w->n;
    src[1] = w->c;
    dst[1] = outs;
    for (int i = 0; i < w->space; i++) {
        src[2 + i] = w->in[i];
        dst[2 + i] = w->out[i];
        taps *= w->kernel[i];
        c.stride[i] = w->stride[i];
        c.dilation[i] = w->dilation[i] - 1;
        c.pad[i] = w->pad[i];
        /* What the window really reaches: pads may be larger than the last step needs, and smaller than an output padding. */
        int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        c.pad_end[i] = transposed ? (w->in[i] - 1) * w->stride[i] + span - w->out[i] - w->pad[i] : w->pad_end[i];
        if (src[2 + i] > INT32_MAX || dst[2 + i] > INT32_MAX || w->kernel[i] > INT32_MAX)
            return DF_OK;
    }
    int g = group > 1; /* one more dimension in front */
    int64_t in_each = w->c / group, out_each = outs / group;
    dims[0] = group;
    steps[0] = in_each * out_each * taps;
    dims[g] = out_each;
    dims[g + 1] = in_each;
    steps[g] = transposed ? taps : in_each * taps;
    steps[g + 1] = transposed ? out_each * taps : taps;
    for (int i = w->space - 1, s = 1; i >= 0; i--) {
        dims[g + 2 + i] = w->kernel[i];
        steps[g + 2 + i] = s;
        s *= (int)w->kernel[i];
    }
    c.bias = layout.bias || (fused && fused->shift);
    layout.channels = outs;
    layout.mask = g ? 3 : 1;
    if (taps > INT32_MAX || !describe(&c.src, rank, src, src_steps) || !describe(&c.dst, rank, dst, dst_steps) ||
        !describe(&layout.plain, rank + g, dims, steps) || !describe(&c.weights, rank + g, dims, k->data ? NULL : steps) ||
        !describe(&c.bias_md, 1, &outs, (const int64_t[]){1}))
        return DF_OK;
    return build(call, conv_primitive, &c, &layout, fused, packer, out);
}

df_status df__dnn_gemm(const df_call *call, const df_gemm *g, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    conv_desc c = {.bias = g->bias || (fused && fused->shift)};
    weights_layout layout = {.channels = g->n, .mask = 1, .bias = g->bias};
    *out = NULL;
    if (!engine_ready() || g->m > INT32_MAX || g->k > INT32_MAX || g->n > INT32_MAX)
        return DF_OK;
    const int64_t src[] = {g->m, g->k}, dst[] = {g->m, g->n}, weights[] = {g->n, g->k};
    const int64_t src_steps[] = {g->k, 1}, dst_steps[] = {g->n, 1}, steps[] = {g->trans_b ? g->k : 1, g->trans_b ? 1 : g->n};
    if (!describe(&c.src, 2, src, src_steps) || !describe(&c.dst, 2, dst, dst_steps) || !describe(&layout.plain, 2, weights, steps) ||
        !describe(&c.weights, 2, weights, NULL) || !describe(&c.bias_md, 1, &g->n, (const int64_t[]){1}))
        return DF_OK;
    return build(call, product_primitive, &c, &layout, fused, packer, out);
}
