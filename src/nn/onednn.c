/* onednn.c - primitives of oneDNN, 2.x or 3.x: what these do not share is in onednn_v2.c and onednn_v3.c. */
#include "nn/onednn_api.h"

#include <float.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenMP's runtime, which oneDNN brings with it; no pragma of ours needs a compiler flag. */
int  omp_get_max_threads(void);
void omp_set_num_threads(int threads);

enum { MAX_ARGS = 7 + DF_MAX_POSTS };

/* ---- the library ---- */

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
    return has_isa(num == DF_NUM_F32 ? 0 : num == DF_NUM_S16 ? dnnl_cpu_isa_avx2 : num == DF_NUM_BF16 ? dnnl_cpu_isa_avx512_core_bf16 : dnnl_cpu_isa_avx512_core_vnni);
}

bool df__dnn_has_amx(void) { return has_isa(dnnl_cpu_isa_avx512_core_amx); }

size_t df__num_size(df_num num) { return num == DF_NUM_F32 ? 4 : num == DF_NUM_BF16 || num == DF_NUM_S16 ? 2 : 1; }

static dnnl_data_type_t type_of(df_num num)
{
    static const dnnl_data_type_t types[] = {[DF_NUM_F32] = dnnl_f32, [DF_NUM_BF16] = dnnl_bf16, [DF_NUM_U8] = dnnl_u8, [DF_NUM_S8] = dnnl_s8};
    return types[num];
}

static dnnl_data_type_t weights_type(df_num src) { return src == DF_NUM_U8 ? dnnl_s8 : type_of(src); }

/* NULL strides: any layout that the kernel likes. */
static df_md describe(int rank, const int64_t *dims, const int64_t *strides, dnnl_data_type_t type)
{
    dnnl_dims_t d = {0}, s = {0};
    memcpy(d, dims, (size_t)rank * sizeof *dims);
    if (strides)
        memcpy(s, strides, (size_t)rank * sizeof *strides);
    return df__md_new(rank, d, strides ? s : NULL, type);
}

/* The usual layout of weights - one dimension, that of the output channels, in blocks of 16 or more - as pack.c wants it. */
static bool is_blocked(const df_md_look *from, const df_md_look *to, int channel, df_pack *p)
{
    if (to->type != dnnl_f32 || from->rank > DF_PACK_DIMS || to->blocks != 1 || to->block[0] % 16 != 0 || to->extra)
        return false;
    *p = (df_pack){.rank = from->rank, .blocked = (int)to->blocked[0], .block = to->block[0]};
    for (int i = 0; i < from->rank; i++) {
        p->dims[i] = from->dims[i];
        p->from[i] = from->strides[i];
        p->to[i] = to->strides[i];
        if (i != p->blocked && to->padded[i] != from->dims[i])
            return false;
    }
    /* Scales go with the channels: those of a group each, or of groups of one channel. */
    return p->blocked < p->rank - 1 && (p->blocked == channel || (p->blocked == 0 && from->dims[channel] == 1));
}

/* One primitive is made at a time: oneDNN 2.6 keeps a number of the blocking that it chooses a brgemm kernel by in a static variable, which
 * OpenVINO's copy made a thread's own (its pull request 14324). It is the likely cause of wrong sums seen, rarely, where two networks were
 * compiled at once; that has not been reproduced at will. Running primitives side by side is fine. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

typedef struct args { dnnl_exec_arg_t list[MAX_ARGS]; int n; bool failed; } args;

static void add_arg(args *a, int id, df_md_view md, const void *data)
{
    void *at;
    memcpy(&at, &data, sizeof at); /* oneDNN's memory has no const */
    dnnl_memory_t memory = NULL;
    if (a->failed || !md || dnnl_memory_create(&memory, md, engine, at) != dnnl_success)
        a->failed = true;
    else
        a->list[a->n++] = (dnnl_exec_arg_t){id, memory};
}

/* Runs it, and frees the arguments. */
static bool execute(dnnl_primitive_t prim, args *a)
{
    dnnl_stream_t stream = NULL;
    bool ok = !a->failed && dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success &&
              dnnl_primitive_execute(prim, stream, a->n, a->list) == dnnl_success && dnnl_stream_wait(stream) == dnnl_success;
    dnnl_stream_destroy(stream);
    for (int i = 0; i < a->n; i++)
        dnnl_memory_destroy(a->list[i].memory);
    return ok;
}

/* Copy `from` to the layout of `to`, each output channel times its scale. */
static bool reorder(df_md_view from, const void *data, df_md_view to, void *out, const float *scale, int64_t n_scale, int mask)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t prim = NULL;
    df_md list = NULL;
    args a = {.n = 0};
    int scales = 0;
    pthread_mutex_lock(&making);
    bool ok = dnnl_primitive_attr_create(&attr) == dnnl_success && (!scale || df__dnn_scale(attr, true, n_scale, mask, scale, &scales)) &&
              dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, attr) == dnnl_success &&
              dnnl_primitive_create(&prim, pd) == dnnl_success;
    pthread_mutex_unlock(&making);
    if (ok) {
        add_arg(&a, DNNL_ARG_FROM, from, data);
        add_arg(&a, DNNL_ARG_TO, to, out);
        if (scales) {
            list = describe(1, &n_scale, (const int64_t[]){1}, dnnl_f32);
            add_arg(&a, scales, list, scale);
        }
        ok = execute(prim, &a);
    }
    df__md_free(list);
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
    df_md            src, weights, dst, bias, scratch;
    df_md            add[DF_MAX_POSTS]; /* of posts with a tensor */
    bool             with_bias;
    int              channel;  /* dimension of the weights that scales go with: 3 stands for both of a grouped convolution */
    const df_fused  *fused;    /* NULL: no posts inside */
    df_md            scale_md;
    const float     *scales;
    int              scale_arg; /* 0: the primitive has them */
    const char      *name;
};

void df__prim_free(df_prim *p)
{
    if (!p)
        return;
    dnnl_primitive_destroy(p->prim);
    df_md made[] = {p->src, p->weights, p->dst, p->bias, p->scratch, p->scale_md};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        df__md_free(made[i]);
    for (int i = 0; i < DF_MAX_POSTS; i++)
        df__md_free(p->add[i]);
    free(p);
}

size_t df__prim_weight_bytes(const df_prim *p) { return dnnl_memory_desc_get_size(p->weights); }
size_t df__prim_scratch_bytes(const df_prim *p) { return (dnnl_memory_desc_get_size(p->scratch) + 63) & ~(size_t)63; }
const char *df__prim_name(const df_prim *p) { return p->name; }

void df__prim_layout(const df_prim *p, df_pack_key *key)
{
    df_md_look look = df__md_look(p->weights);
    const int64_t said[] = {look.type, look.rank, look.blocks, look.extra, (int64_t)dnnl_memory_desc_get_size(p->weights)};
    df__pack_key_add(key, said, sizeof said);
    df__pack_key_add(key, look.dims, (size_t)look.rank * sizeof *look.dims);
    df__pack_key_add(key, look.padded, (size_t)look.rank * sizeof *look.padded);
    if (look.blocks >= 0) {
        df__pack_key_add(key, look.strides, (size_t)look.rank * sizeof *look.strides);
        df__pack_key_add(key, look.block, (size_t)look.blocks * sizeof *look.block);
        df__pack_key_add(key, look.blocked, (size_t)look.blocks * sizeof *look.blocked);
    }
}

static bool add_post(dnnl_post_ops_t ops, const df_post *post, df_md_view add, int64_t channels)
{
    dnnl_alg_kind_t kind = dnnl_alg_kind_undef;
    float a = post->a, b = post->b;
    switch (post->kind) {
    case DF_POST_ADD: /* below AVX2, the products of matrices of oneDNN 2.6 add wrong numbers where channels fill no vector */
        return (channels % 8 == 0 || has_isa(dnnl_cpu_isa_avx2)) && dnnl_post_ops_append_binary(ops, dnnl_binary_add, add) == dnnl_success;
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
    return df__dnn_eltwise(ops, kind, a, b);
}

static bool attributes(const df_fused *fused, const df_prim_job *c, const float *scales, int *scale_arg, dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    *attr = NULL;
    bool ok = dnnl_primitive_attr_create(attr) == dnnl_success &&
              dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user) == dnnl_success &&
              (!scales || df__dnn_scale(*attr, false, c->channels, 1, scales, scale_arg)) &&
              dnnl_post_ops_create(&ops) == dnnl_success;
    for (int i = 0; ok && fused && i < fused->n_post; i++)
        ok = add_post(ops, &fused->post[i], c->add[i], c->channels);
    ok = ok && dnnl_primitive_attr_set_post_ops(*attr, ops) == dnnl_success;
    dnnl_post_ops_destroy(ops);
    return ok;
}

/* oneDNN's own slow reference ("ref...") counts as none. Three kinds of oneDNN 2.6 give wrong sums: what adds a tensor as a product of matrices, below AVX-512, or by
 * channels each by themselves to one pixel in all; windows of one pixel, in bfloat16, over an odd number of channels (231 at 30 or 60 pixels are off by six times the largest). */
static bool usable(const char *name, const df_prim_job *c, const df_fused *fused)
{
    bool adds = df__fused_adds(fused), wrong = (adds && strstr(name, "gemm:jit")) || (adds && c->one_pixel && strstr(name, "_dw")) || (c->odd && strncmp(name, "jit_bf16_1x1", 12) == 0);
    return strncmp(name, "ref", 3) != 0 && !wrong;
}

/* With the posts inside, else without. */
static dnnl_primitive_desc_t find(const df_prim_job *c, const df_fused *fused, const float *scales, int *scale_arg, bool *after, const char **name)
{
    dnnl_primitive_desc_t pd = NULL;
    int posts = fused ? fused->n_post : 0;
    for (int with = posts > 0; with >= 0 && !pd; with--) {
        dnnl_primitive_attr_t attr;
        if (attributes(with ? fused : NULL, c, scales, scale_arg, &attr))
            pd = df__dnn_describe(engine, c, attr);
        dnnl_primitive_attr_destroy(attr);
        if (pd && (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, name) != dnnl_success || !usable(*name, c, with ? fused : NULL))) {
            dnnl_primitive_desc_destroy(pd);
            pd = NULL;
        }
        *after = pd && posts > 0 && !with;
    }
    return pd;
}

static df_md query(const_dnnl_primitive_desc_t pd, dnnl_query_t what) { return df__md_copy(dnnl_primitive_desc_query_md(pd, what, 0)); }

/* Takes the descriptors of `c`, also on failure. */
static df_status prim_new(df_prim_job *c, const df_fused *fused, const float *scales, int channel, df_prim **out, bool *after, df_error *err)
{
    df_status st = DF_OK;
    int scale_arg = 0;
    const char *name = "";
    pthread_mutex_lock(&making);
    int before = one_thread();
    dnnl_primitive_desc_t pd = find(c, fused, scales, &scale_arg, after, &name);
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
    p->with_bias = c->bias;
    p->channel = channel;
    p->scales = scales;
    p->scale_arg = scale_arg;
    if (scale_arg)
        p->scale_md = describe(1, &c->channels, (const int64_t[]){1}, dnnl_f32);
    p->fused = *after || !fused || fused->n_post == 0 ? NULL : fused;
    if (!p->src || !p->dst || !p->weights || !p->scratch || (scale_arg && !p->scale_md) || dnnl_primitive_create(&p->prim, pd) != dnnl_success)
        DF_TRY(df__no_memory(err, "oneDNN's primitive", sizeof *p));
    p->bias = c->bias_md;
    c->bias_md = NULL;
    memcpy(p->add, c->add, sizeof p->add);
    memset(c->add, 0, sizeof c->add);
    *out = p;
    p = NULL;
done:
    threads_back(before);
    dnnl_primitive_desc_destroy(pd);
    df__prim_free(p);
    pthread_mutex_unlock(&making);
    return st;
}

static void job_free(df_prim_job *c, bool own_weights)
{
    df_md made[] = {c->src, c->dst, c->bias_md, own_weights ? c->weights : NULL};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        df__md_free(made[i]);
    for (int i = 0; i < DF_MAX_POSTS; i++)
        df__md_free(c->add[i]);
}

/* Of the tensors of posts: what is added has the shape of the result, slopes one number a channel. */
static bool describe_posts(df_prim_job *c, const df_conv_job *job, int rank, const int64_t *dst)
{
    for (int i = 0; job->fused && i < job->fused->n_post; i++) {
        const df_post *post = &job->fused->post[i];
        const int64_t dims[2 + DF_DNN_SPACE] = {1, post->n_slope, 1, 1, 1}, steps[2 + DF_DNN_SPACE] = {post->n_slope, 1, 1, 1, 1};
        if (post->kind == DF_POST_ADD)
            c->add[i] = describe(rank, dst, job->dst_steps, type_of(job->add[i]));
        else if (post->kind == DF_POST_PRELU)
            c->add[i] = describe(rank, dims, steps, dnnl_f32);
        else
            continue;
        if (!c->add[i])
            return false;
    }
    return true;
}

df_status df__prim_conv(const df_conv_job *job, const df_prim *like, df_prim **out, bool *after, df_error *err)
{
    df_status st = DF_OK;
    df_prim_job c = {.shape = job->transposed ? DF_SHAPE_DECONV : DF_SHAPE_CONV, .bias = job->bias, .channels = job->c_out, .odd = job->c_in / job->group % 2 != 0, .one_pixel = job->n == 1};
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
        c.one_pixel = c.one_pixel && job->out[i] == 1;
    }
    dims[g] = out_each;
    dims[g + 1] = in_each;
    steps[0] = in_each * out_each * taps;
    steps[g] = job->transposed ? taps : in_each * taps;
    steps[g + 1] = job->transposed ? out_each * taps : taps;
    for (int64_t i = job->space - 1, s = 1; i >= 0; s *= job->kernel[i--])
        steps[g + 2 + i] = s;
    c.src = describe(rank, src, job->src_steps, type_of(job->src));
    c.dst = describe(rank, dst, job->dst_steps, type_of(job->dst));
    c.weights = like ? like->weights : describe(rank + g, dims, job->plain_weights ? steps : NULL, weights_type(job->src));
    c.bias_md = describe(1, &job->c_out, (const int64_t[]){1}, dnnl_f32);
    if (c.src && c.dst && c.weights && c.bias_md && describe_posts(&c, job, rank, dst))
        st = prim_new(&c, job->fused, job->scales, g ? 3 : 1, out, after, err);
    job_free(&c, !like);
    return st;
}

df_status df__prim_product(const df_product_job *job, const df_prim *like, df_prim **out, bool *after, df_error *err)
{
    df_status st = DF_OK;
    df_prim_job c = {.shape = DF_SHAPE_PRODUCT, .bias = job->bias, .channels = job->n};
    const int64_t src[] = {job->m, job->k}, dst[] = {job->m, job->n}, weights[] = {job->n, job->k};
    const df_conv_job posts = {.fused = job->fused, .dst_steps = {job->dst_step, 1}, .add = {DF_NUM_F32}};
    *out = NULL;
    *after = false;
    if (!engine_ready())
        return DF_OK;
    c.src = describe(2, src, (const int64_t[]){job->src_step, 1}, type_of(job->src));
    c.dst = describe(2, dst, (const int64_t[]){job->dst_step, 1}, dnnl_f32);
    c.weights = like ? like->weights : describe(2, weights, NULL, weights_type(job->src));
    c.bias_md = describe(1, &job->n, (const int64_t[]){1}, dnnl_f32);
    if (c.src && c.dst && c.weights && c.bias_md && describe_posts(&c, &posts, 2, dst))
        st = prim_new(&c, job->fused, NULL, 1, out, after, err);
    job_free(&c, !like);
    return st;
}

df_status df__prim_batched(const df_batched_job *job, const df_prim *like, df_prim **out, df_error *err)
{
    df_status st = DF_OK;
    df_prim_job c = {.shape = DF_SHAPE_BATCHED};
    const int64_t batch = job->batch, m = job->m, k = job->k, n = job->n, plain[] = {k * n, n, 1};
    const int64_t src[] = {batch, m, k}, dst[] = {batch, m, n}, weights[] = {batch, k, n};
    bool after;
    *out = NULL;
    if (!engine_ready())
        return DF_OK;
    c.src = describe(3, src, (const int64_t[]){m * k, k, 1}, type_of(job->src));
    c.dst = describe(3, dst, (const int64_t[]){m * n, n, 1}, dnnl_f32);
    c.weights = like ? like->weights : describe(3, weights, job->plain_weights ? plain : NULL, type_of(job->src));
    if (c.src && c.dst && c.weights)
        st = prim_new(&c, NULL, NULL, 0, out, &after, err);
    job_free(&c, !like);
    return st;
}

df_status df__prim_pack(const df_prim *p, const void *weights, const int64_t *steps, const float *scale, int64_t channels, void *out, df_error *err)
{
    df_status st = DF_OK;
    df_md_look to = df__md_look(p->weights), plain;
    df_md from = describe(to.rank, to.dims, steps, dnnl_f32);
    df_pack blocks;
    if (!from)
        return df__no_memory(err, "layout of weights", sizeof blocks);
    plain = df__md_look(from);
    if (!scale && dnnl_memory_desc_equal(from, p->weights)) {
        memcpy(out, weights, dnnl_memory_desc_get_size(from));
    } else if (is_blocked(&plain, &to, p->channel == 3, &blocks)) {
        blocks.scale = scale;
        df__pack_blocks(&blocks, weights, out);
    } else {
        int before = one_thread(); /* OpenMP's own threads would spin beside ours, and do not survive a fork */
        if (!reorder(from, weights, p->weights, out, scale, channels, p->channel))
            st = df__fail(err, DF_E_INTERNAL, "oneDNN's %s: its weights cannot be packed", p->name);
        threads_back(before);
    }
    df__md_free(from);
    return st;
}

df_status df__prim_run(const df_prim *p, const df_prim_args *with, df_error *err)
{
    args a = {.n = 0};
    add_arg(&a, DNNL_ARG_SRC, p->src, with->src);
    add_arg(&a, DNNL_ARG_WEIGHTS, p->weights, with->weights);
    if (p->with_bias)
        add_arg(&a, DNNL_ARG_BIAS, p->bias, with->bias);
    add_arg(&a, DNNL_ARG_DST, p->dst, with->dst);
    add_arg(&a, DNNL_ARG_SCRATCHPAD, p->scratch, with->scratch);
    if (p->scale_arg)
        add_arg(&a, p->scale_arg, p->scale_md, p->scales);
    for (int i = 0; p->fused && i < p->fused->n_post; i++) {
        const df_post *post = &p->fused->post[i];
        if (post->kind == DF_POST_ADD)
            add_arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1, p->add[i], with->add[i]);
        else if (post->kind == DF_POST_PRELU)
            add_arg(&a, DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_WEIGHTS, p->add[i], post->slope);
    }
    int before = one_thread();
    bool failed = a.failed, ok = execute(p->prim, &a);
    threads_back(before);
    if (!ok)
        return failed ? df__no_memory(err, "oneDNN's arguments", sizeof a) : df__fail(err, DF_E_INTERNAL, "oneDNN's %s failed", p->name);
    return DF_OK;
}
