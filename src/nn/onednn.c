/* onednn.c - primitives of oneDNN. The only file that includes dnnl.h; written for the 2.x C API, whose types and calls that 3.x changed
 * (memory descriptors, operation descriptors, scales) are confined to the functions of the first part. */
#include "nn/onednn.h"

#include <float.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "nn/pack.h"

/* OpenMP's runtime, which oneDNN brings with it; no pragma of ours needs a compiler flag. */
int  omp_get_max_threads(void);
void omp_set_num_threads(int threads);

enum { MAX_ARGS = 6 + 2 * DF_MAX_POSTS };

/* ---- what differs between oneDNN 2.x and 3.x ---- */

typedef dnnl_memory_desc_t mem_desc;

static dnnl_engine_t  engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static char           identity[64];

static void engine_start(void)
{
    const dnnl_version_t *v = dnnl_version();
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
    snprintf(identity, sizeof identity, "oneDNN %d.%d.%d isa %x", v->major, v->minor, v->patch, (unsigned)dnnl_get_effective_cpu_isa());
}

static bool engine_ready(void)
{
    pthread_once(&engine_once, engine_start);
    return engine != NULL;
}

const char *df__dnn_identity(void)
{
    (void)engine_ready();
    return identity;
}

static bool has_isa(unsigned wanted) { return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted; }

bool df__dnn_has(df_num num)
{
    return has_isa(num == DF_NUM_F32 ? 0 : num == DF_NUM_BF16 ? dnnl_cpu_isa_avx512_core_bf16 : dnnl_cpu_isa_avx512_core_vnni);
}

size_t df__num_size(df_num num) { return num == DF_NUM_F32 ? 4 : num == DF_NUM_BF16 ? 2 : 1; }

static dnnl_data_type_t type_of(df_num num)
{
    static const dnnl_data_type_t types[] = {[DF_NUM_F32] = dnnl_f32, [DF_NUM_BF16] = dnnl_bf16, [DF_NUM_U8] = dnnl_u8, [DF_NUM_S8] = dnnl_s8};
    return types[num];
}

static dnnl_data_type_t weights_type(df_num src) { return src == DF_NUM_U8 ? dnnl_s8 : type_of(src); }

/* NULL strides: any layout that the kernel likes. */
static bool describe(mem_desc *md, int rank, const int64_t *dims, const int64_t *strides, dnnl_data_type_t type)
{
    dnnl_dims_t d = {0}, s = {0};
    memcpy(d, dims, (size_t)rank * sizeof *dims);
    if (!strides)
        return dnnl_memory_desc_init_by_tag(md, rank, d, type, dnnl_format_tag_any) == dnnl_success;
    memcpy(s, strides, (size_t)rank * sizeof *strides);
    return dnnl_memory_desc_init_by_strides(md, rank, d, type, s) == dnnl_success;
}

static mem_desc of_type(mem_desc md, df_num num)
{
    md.data_type = type_of(num);
    return md;
}

static mem_desc query(const_dnnl_primitive_desc_t pd, dnnl_query_t what) { return *dnnl_primitive_desc_query_md(pd, what, 0); }

typedef enum shape { CONV, DECONV, PRODUCT, BATCHED } shape;

typedef struct op_desc {
    shape       shape;
    bool        bias;
    mem_desc    src, weights, dst, bias_md;
    dnnl_dims_t stride, dilation, pad, pad_end;
    df_num      add[DF_MAX_POSTS];
} op_desc;

static dnnl_primitive_desc_t primitive_desc(const op_desc *c, const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t pd = NULL;
    const mem_desc *bias = c->bias ? &c->bias_md : NULL;
    union { dnnl_convolution_desc_t conv; dnnl_deconvolution_desc_t deconv; dnnl_inner_product_desc_t product; dnnl_matmul_desc_t matmul; } d;
    dnnl_status_t st = dnnl_unimplemented;
    switch (c->shape) {
    case CONV:
        st = dnnl_dilated_convolution_forward_desc_init(&d.conv, dnnl_forward_inference, dnnl_convolution_direct, &c->src, &c->weights, bias,
                                                        &c->dst, c->stride, c->dilation, c->pad, c->pad_end);
        break;
    case DECONV:
        st = dnnl_dilated_deconvolution_forward_desc_init(&d.deconv, dnnl_forward_inference, dnnl_deconvolution_direct, &c->src, &c->weights,
                                                          bias, &c->dst, c->stride, c->dilation, c->pad, c->pad_end);
        break;
    case PRODUCT: st = dnnl_inner_product_forward_desc_init(&d.product, dnnl_forward_inference, &c->src, &c->weights, bias, &c->dst); break;
    case BATCHED: st = dnnl_matmul_desc_init(&d.matmul, &c->src, &c->weights, NULL, &c->dst); break;
    }
    return st == dnnl_success && dnnl_primitive_desc_create(&pd, &d, attr, engine, NULL) == dnnl_success ? pd : NULL;
}

/* The usual layout of weights - one dimension, that of the output channels, in blocks of 16 or more - as pack.c wants it. */
static bool is_blocked(const mem_desc *from, const mem_desc *to, int channel, df_pack *p)
{
    const dnnl_blocking_desc_t *b = &to->format_desc.blocking;
    if (to->data_type != dnnl_f32 || from->ndims > DF_PACK_DIMS || to->format_kind != dnnl_blocked || b->inner_nblks != 1 ||
        b->inner_blks[0] % 16 != 0 || to->extra.flags != 0)
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

/* One primitive is made at a time: oneDNN 2.6 keeps a number of the blocking that it chooses a brgemm kernel by in a static variable, which
 * OpenVINO's copy made a thread's own (its pull request 14324). It is the likely cause of wrong sums seen, rarely, where two networks were
 * compiled at once; that has not been reproduced at will. Running primitives side by side is fine. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

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
    pthread_mutex_lock(&making);
    bool ok = dnnl_primitive_attr_create(&attr) == dnnl_success &&
              (!scale || dnnl_primitive_attr_set_output_scales(attr, n_scale, mask, scale) == dnnl_success) &&
              dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, attr) == dnnl_success &&
              dnnl_primitive_create(&prim, pd) == dnnl_success;
    pthread_mutex_unlock(&making);
    ok = ok && dnnl_memory_create(&src, from, engine, in) == dnnl_success && dnnl_memory_create(&dst, to, engine, out) == dnnl_success &&
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

/* ---- primitives ---- */

struct df_prim {
    dnnl_primitive_t prim;
    mem_desc         src, weights, dst, bias, scratch;
    bool             with_bias;
    int              channel;  /* dimension of the weights that scales go with: 3 stands for both of a grouped convolution */
    const df_fused  *fused;    /* NULL: no posts inside */
    df_num           add[DF_MAX_POSTS];
    const char      *name;
};

void df__prim_free(df_prim *p)
{
    if (!p)
        return;
    dnnl_primitive_destroy(p->prim);
    free(p);
}

size_t df__prim_weight_bytes(const df_prim *p) { return dnnl_memory_desc_get_size(&p->weights); }
size_t df__prim_scratch_bytes(const df_prim *p) { return (dnnl_memory_desc_get_size(&p->scratch) + 63) & ~(size_t)63; }
const char *df__prim_name(const df_prim *p) { return p->name; }
void df__prim_layout(const df_prim *p, df_pack_key *key) { df__pack_key_add(key, &p->weights, sizeof p->weights); }

static bool add_post(dnnl_post_ops_t ops, const df_post *post, const mem_desc *dst, df_num add)
{
    dnnl_alg_kind_t kind = dnnl_alg_kind_undef;
    float a = post->a, b = post->b;
    mem_desc other = of_type(*dst, add);
    switch (post->kind) {
    case DF_POST_ADD: /* below AVX2, the products of matrices of oneDNN 2.6 add wrong numbers where channels fill no vector */
        return (dst->dims[1] % 8 == 0 || has_isa(dnnl_cpu_isa_avx2)) && dnnl_post_ops_append_binary(ops, dnnl_binary_add, &other) == dnnl_success;
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

static bool attributes(const df_fused *fused, const op_desc *c, const float *scales, dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    *attr = NULL;
    bool ok = dnnl_primitive_attr_create(attr) == dnnl_success &&
              dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user) == dnnl_success &&
              (!scales || dnnl_primitive_attr_set_output_scales(*attr, c->dst.dims[1], 2, scales) == dnnl_success) &&
              dnnl_post_ops_create(&ops) == dnnl_success;
    for (int i = 0; ok && fused && i < fused->n_post; i++)
        ok = add_post(ops, &fused->post[i], &c->dst, c->add[i]);
    ok = ok && dnnl_primitive_attr_set_post_ops(*attr, ops) == dnnl_success;
    dnnl_post_ops_destroy(ops);
    return ok;
}

/* With the posts inside, else without. oneDNN's own slow reference ("ref...") counts as none. */
static dnnl_primitive_desc_t find(const op_desc *c, const df_fused *fused, const float *scales, bool *after, const char **name)
{
    dnnl_primitive_desc_t pd = NULL;
    int posts = fused ? fused->n_post : 0;
    for (int with = posts > 0; with >= 0 && !pd; with--) {
        dnnl_primitive_attr_t attr;
        if (attributes(with ? fused : NULL, c, scales, &attr))
            pd = primitive_desc(c, attr);
        dnnl_primitive_attr_destroy(attr);
        if (pd && (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, name) != dnnl_success || strncmp(*name, "ref", 3) == 0)) {
            dnnl_primitive_desc_destroy(pd);
            pd = NULL;
        }
        *after = pd && posts > 0 && !with;
    }
    return pd;
}

static df_status prim_new(const op_desc *c, const df_fused *fused, const float *scales, int channel, df_prim **out, bool *after, df_error *err)
{
    df_status st = DF_OK;
    const char *name = "";
    pthread_mutex_lock(&making);
    int before = one_thread();
    dnnl_primitive_desc_t pd = find(c, fused, scales, after, &name);
    df_prim *p = pd ? calloc(1, sizeof *p) : NULL;
    *out = NULL;
    if (!pd)
        goto done;
    if (!p)
        DF_TRY(df__no_memory(err, "primitive", sizeof *p));
    p->name = name; /* a string of oneDNN's own */
    p->src = query(pd, dnnl_query_src_md);
    p->dst = query(pd, dnnl_query_dst_md);
    p->weights = query(pd, dnnl_query_weights_md);
    p->scratch = query(pd, dnnl_query_scratchpad_md);
    p->bias = c->bias_md;
    p->with_bias = c->bias;
    p->channel = channel;
    memcpy(p->add, c->add, sizeof p->add);
    p->fused = *after || !fused || fused->n_post == 0 ? NULL : fused;
    if (dnnl_primitive_create(&p->prim, pd) != dnnl_success)
        DF_TRY(df__no_memory(err, "oneDNN's primitive", sizeof *p));
    *out = p;
    p = NULL;
done:
    threads_back(before);
    dnnl_primitive_desc_destroy(pd);
    df__prim_free(p);
    pthread_mutex_unlock(&making);
    return st;
}

df_status df__prim_conv(const df_conv_job *job, const df_prim *like, df_prim **out, bool *after, df_error *err)
{
    op_desc c = {.shape = job->transposed ? DECONV : CONV, .bias = job->bias};
    int rank = job->space + 2, g = job->group > 1; /* one more dimension in front */
    int64_t src[2 + DF_DNN_SPACE] = {job->n, job->c_in}, dst[2 + DF_DNN_SPACE] = {job->n, job->c_out};
    int64_t dims[3 + DF_DNN_SPACE] = {job->group}, steps[3 + DF_DNN_SPACE], taps = 1, in_each = job->c_in / job->group,
            out_each = job->c_out / job->group;
    *out = NULL;
    *after = false;
    if (!engine_ready())
        return DF_OK;
    for (int i = 0; i < job->space; i++) {
        src[2 + i] = job->in[i];
        dst[2 + i] = job->out[i];
        c.stride[i] = job->stride[i];
        c.dilation[i] = job->dilation[i] - 1;
        c.pad[i] = job->pad[i];
        c.pad_end[i] = job->pad_end[i];
        dims[g + 2 + i] = job->kernel[i];
        taps *= job->kernel[i];
    }
    dims[g] = out_each;
    dims[g + 1] = in_each;
    steps[0] = in_each * out_each * taps;
    steps[g] = job->transposed ? taps : in_each * taps;
    steps[g + 1] = job->transposed ? out_each * taps : taps;
    for (int64_t i = job->space - 1, s = 1; i >= 0; s *= job->kernel[i--])
        steps[g + 2 + i] = s;
    if (!describe(&c.src, rank, src, job->src_steps, type_of(job->src)) || !describe(&c.dst, rank, dst, job->dst_steps, type_of(job->dst)) ||
        !describe(&c.weights, rank + g, dims, job->plain_weights ? steps : NULL, weights_type(job->src)) ||
        !describe(&c.bias_md, 1, &job->c_out, (const int64_t[]){1}, dnnl_f32))
        return DF_OK;
    memcpy(c.add, job->add, sizeof c.add);
    if (like)
        c.weights = like->weights;
    return prim_new(&c, job->fused, job->scales, g ? 3 : 1, out, after, err);
}

df_status df__prim_product(const df_product_job *job, const df_prim *like, df_prim **out, bool *after, df_error *err)
{
    op_desc c = {.shape = PRODUCT, .bias = job->bias};
    const int64_t src[] = {job->m, job->k}, dst[] = {job->m, job->n}, weights[] = {job->n, job->k};
    *out = NULL;
    *after = false;
    if (!engine_ready() || !describe(&c.src, 2, src, (const int64_t[]){job->src_step, 1}, type_of(job->src)) ||
        !describe(&c.dst, 2, dst, (const int64_t[]){job->dst_step, 1}, dnnl_f32) || !describe(&c.weights, 2, weights, NULL, weights_type(job->src)) ||
        !describe(&c.bias_md, 1, &job->n, (const int64_t[]){1}, dnnl_f32))
        return DF_OK;
    if (like)
        c.weights = like->weights;
    return prim_new(&c, job->fused, NULL, 1, out, after, err);
}

df_status df__prim_batched(const df_batched_job *job, const df_prim *like, df_prim **out, df_error *err)
{
    op_desc c = {.shape = BATCHED};
    const int64_t batch = job->batch, m = job->m, k = job->k, n = job->n, plain[] = {k * n, n, 1};
    const int64_t src[] = {batch, m, k}, dst[] = {batch, m, n}, weights[] = {batch, k, n};
    bool after;
    *out = NULL;
    if (!engine_ready() || !describe(&c.src, 3, src, (const int64_t[]){m * k, k, 1}, type_of(job->src)) ||
        !describe(&c.dst, 3, dst, (const int64_t[]){m * n, n, 1}, dnnl_f32) ||
        !describe(&c.weights, 3, weights, job->plain_weights ? plain : NULL, type_of(job->src)))
        return DF_OK;
    if (like)
        c.weights = like->weights;
    return prim_new(&c, NULL, NULL, 0, out, &after, err);
}

bool df__prim_pack(const df_prim *p, const void *weights, const int64_t *steps, const float *scale, int64_t channels, void *out)
{
    mem_desc from;
    df_pack blocks;
    if (!describe(&from, p->weights.ndims, p->weights.dims, steps, dnnl_f32))
        return false;
    if (!scale && dnnl_memory_desc_equal(&from, &p->weights)) {
        memcpy(out, weights, dnnl_memory_desc_get_size(&from));
        return true;
    }
    if (!is_blocked(&from, &p->weights, p->channel == 3, &blocks)) {
        int before = one_thread(); /* OpenMP's own threads would spin beside ours, and do not survive a fork */
        bool done = reorder(&from, weights, &p->weights, out, scale, channels, p->channel);
        threads_back(before);
        return done;
    }
    blocks.scale = scale;
    df__pack_blocks(&blocks, weights, out);
    return true;
}

/* ---- runs ---- */

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

df_status df__prim_run(const df_prim *p, const df_prim_args *with, df_error *err)
{
    args a = {.n = 0};
    add_arg(&a, DNNL_ARG_SRC, &p->src, with->src);
    add_arg(&a, DNNL_ARG_WEIGHTS, &p->weights, with->weights);
    if (p->with_bias)
        add_arg(&a, DNNL_ARG_BIAS, &p->bias, with->bias);
    add_arg(&a, DNNL_ARG_DST, &p->dst, with->dst);
    add_arg(&a, DNNL_ARG_SCRATCHPAD, &p->scratch, with->scratch);
    for (int i = 0; p->fused && i < p->fused->n_post; i++) {
        const df_post *post = &p->fused->post[i];
        if (post->kind == DF_POST_ADD) {
            mem_desc other = of_type(p->dst, p->add[i]);
            add_arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1, &other, with->add[i]);
        } else if (post->kind == DF_POST_PRELU) {
            mem_desc slope;
            int64_t dims[DF_MAX_RANK] = {1, post->n_slope, 1, 1, 1, 1, 1, 1}, strides[DF_MAX_RANK] = {post->n_slope, 1, 1, 1, 1, 1, 1, 1};
            a.failed = a.failed || !describe(&slope, p->dst.ndims, dims, strides, dnnl_f32);
            add_arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_WEIGHTS, &slope, post->slope);
        }
    }
    dnnl_stream_t stream = NULL;
    int before = one_thread();
    bool ok = !a.failed && dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success &&
              dnnl_primitive_execute(p->prim, stream, a.n, a.list) == dnnl_success && dnnl_stream_wait(stream) == dnnl_success;
    threads_back(before);
    dnnl_stream_destroy(stream);
    for (int i = 0; i < a.n; i++)
        dnnl_memory_destroy(a.list[i].memory);
    if (!ok)
        return a.failed ? df__no_memory(err, "oneDNN's arguments", sizeof a) : df__fail(err, DF_E_INTERNAL, "oneDNN's %s failed", p->name);
    return DF_OK;
}
