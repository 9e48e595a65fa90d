/* kernel_check.h - one convolution or product made by hand, its answer in the operator's plain C, and a run of a kernel beside it. */
#ifndef DF_TEST_KERNEL_CHECK_H
#define DF_TEST_KERNEL_CHECK_H

#include "core/pages.h"
#include "nn/amx.h"
#include "nn/kernel.h"
#include "nn/lanes.h"
#include "test.h"

extern const df_op df__op_Conv, df__op_ConvTranspose, df__op_Gemm, df__op_MatMul;

/* What is 0 in stride, dilation and group stands for 1. Two spatial dims are channels last unless `first` says so. */
typedef struct shape {
    int64_t     n, c, k, in[3], kernel[3], pad[3], end[3], stride[3], dilation[3], group;
    const char *posts; /* names with spaces between them */
    bool        no_bias, affine, transposed, first;
    int         space; /* 0: two */
} shape;

typedef struct layer {
    df_node    node;
    df_attr    attrs[8];
    int64_t    lists[4][2 * DF_MAX_SPACE];
    df_tensor  in[3 + DF_MAX_POSTS], out;
    df_fused   fused;
    df_window  w;
    int64_t    group, count;
    df_arena   memory, scratch;
    df_packer *packer;
    df_budget  limits;
    df_call    call;
    df_error   err;
    float     *expected, *got;
} layer;

static uint32_t dice_state = 1;

/* -1 to 1, the same numbers in each run. */
static inline float dice(void)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (float)(int32_t)dice_state * (1 / 2147483648.0f);
}

static inline float *dice_array(layer *l, int64_t n, float scale, float offset)
{
    float *p = df__arena_alloc(&l->memory, (size_t)n * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = dice() * scale + offset;
    return p;
}

static inline void fill_tensor(layer *l, df_tensor *t, float scale)
{
    t->data = dice_array(l, df__tensor_count(t), scale, 0);
}

static inline void add_post(layer *l, const char *name, int64_t channels)
{
    static const struct { const char *name; df_post_kind kind; float a, b; } known[] = {
        {"relu", DF_POST_RELU, 0, 0}, {"leaky", DF_POST_RELU, 0.1f, 0}, {"clip", DF_POST_CLIP, -0.25f, 0.5f}, {"relu6", DF_POST_CLIP, 0, 6},
        {"sigmoid", DF_POST_SIGMOID, 0, 0}, {"tanh", DF_POST_TANH, 0, 0}, {"elu", DF_POST_ELU, 0.7f, 0}, {"hswish", DF_POST_HARD_SWISH, 0, 0},
        {"swish", DF_POST_SWISH, 0, 0}, {"mish", DF_POST_MISH, 0, 0}, {"gelu", DF_POST_GELU, 0, 0}, {"prelu", DF_POST_PRELU, 0, 0},
        {"prelu1", DF_POST_PRELU, 0, 0}, {"add", DF_POST_ADD, 0, 0}};
    size_t i = 0;
    while (i < sizeof known / sizeof *known && strcmp(known[i].name, name) != 0)
        i++;
    assert_true(i < sizeof known / sizeof *known && l->fused.n_post < DF_MAX_POSTS);
    df_post *p = &l->fused.post[l->fused.n_post++];
    *p = (df_post){.kind = known[i].kind, .a = known[i].a, .b = known[i].b};
    if (p->kind == DF_POST_PRELU) {
        p->n_slope = strcmp(name, "prelu") == 0 ? channels : 1;
        p->slope = dice_array(l, p->n_slope, 0.25f, 0.25f);
    } else if (p->kind == DF_POST_ADD) {
        p->input = l->call.n_in++;
        l->in[p->input] = l->out;
        fill_tensor(l, &l->in[p->input], 1);
    }
}

static inline void add_posts(layer *l, const char *posts, bool affine, int64_t channels)
{
    char all[64], *at;
    snprintf(all, sizeof all, "%s", posts ? posts : "");
    if (affine) {
        l->fused.scale = dice_array(l, channels, 0.5f, 1);
        l->fused.shift = dice_array(l, channels, 0.5f, 0);
    }
    for (char *name = strtok_r(all, " ", &at); name; name = strtok_r(NULL, " ", &at))
        add_post(l, name, channels);
}

static inline void layer_begin(layer *l, const char *op)
{
    *l = (layer){.node = {.op = op, .name = "tested", .domain = ""}, .limits = {.bytes = (size_t)1 << 30, .work = (int64_t)1 << 40}, .group = 1};
    df_error err;
    CHECK_OK(df__packer_new(&l->packer, &err));
    l->node.attrs = l->attrs;
    l->call = (df_call){.node = &l->node, .opset = 18, .in = l->in, .n_in = 3, .out = &l->out, .n_out = 1, .weights_id = 7, .threads = 1,
                        .precision = DF_PRECISION_INT8, .scratch = &l->scratch, .limits = &l->limits, .err = &l->err};
}

static inline void layer_free(layer *l)
{
    df__packer_free(l->packer);
    df__arena_free(&l->memory);
    df__arena_free(&l->scratch);
}

/* The answer of the operator's own plain C, then of df__fused_apply. */
static inline void layer_answer(layer *l, const df_op *op)
{
    l->count = df__tensor_count(&l->out);
    l->expected = df__arena_calloc(&l->memory, (size_t)l->count, sizeof *l->expected);
    l->got = df__arena_calloc(&l->memory, (size_t)l->count, sizeof *l->got);
    assert_true(l->expected && l->got);
    l->out.data = l->expected;
    df_error err = {0};
    l->call.err = &err;
    CHECK_OK(op->run(&l->call));
    df__fused_apply(&l->call, &l->fused, true);
    l->call.err = &l->err;
    l->out.data = l->got;
}

static inline void add_ints(layer *l, int list, const char *name, const int64_t *a, const int64_t *b, int space)
{
    int n = 0;
    for (int i = 0; i < space; i++)
        l->lists[list][n++] = a[i];
    for (int i = 0; b && i < space; i++)
        l->lists[list][n++] = b[i];
    l->attrs[l->node.n_attrs++] = (df_attr){.name = name, .kind = DF_ATTR_INTS, .n = (size_t)n, .v.ints = l->lists[list]};
}

static inline int64_t or_one(int64_t v) { return v ? v : 1; }

static inline const df_op *op_of(const shape *s) { return s->transposed ? &df__op_ConvTranspose : &df__op_Conv; }

static inline void layer_conv(layer *l, const shape *s)
{
    int space = s->space ? s->space : 2;
    int64_t stride[3], dilation[3], taps = 1;
    df_error err = {0};
    layer_begin(l, s->transposed ? "ConvTranspose" : "Conv");
    l->group = or_one(s->group);
    l->call.nhwc = space == 2 && !s->first;
    l->in[0] = (df_tensor){.type = DF_F32};
    df__space_dims(&l->call, &l->in[0], s->n, s->c, space, s->in);
    l->in[1] = (df_tensor){.type = DF_F32, .rank = space + 2, .dims = {s->k, s->c / l->group}};
    if (s->transposed)
        l->in[1].dims[0] = s->c, l->in[1].dims[1] = s->k / l->group;
    for (int i = 0; i < space; i++) {
        stride[i] = or_one(s->stride[i]);
        dilation[i] = or_one(s->dilation[i]);
        l->in[1].dims[2 + i] = s->kernel[i];
        taps *= s->kernel[i];
    }
    if (!s->no_bias)
        l->in[2] = (df_tensor){.type = DF_F32, .rank = 1, .dims = {s->k}};
    add_ints(l, 0, "pads", s->pad, s->end, space);
    add_ints(l, 1, "strides", stride, NULL, space);
    add_ints(l, 2, "dilations", dilation, NULL, space);
    l->attrs[l->node.n_attrs++] = (df_attr){.name = "group", .kind = DF_ATTR_INT, .v.i = l->group};
    l->call.err = &err;
    CHECK_OK(op_of(s)->infer(&l->call));
    if (!s->transposed)
        CHECK_OK(df__window(&l->call, l->in[1].dims + 2, &l->w));
    fill_tensor(l, &l->in[0], 1);
    fill_tensor(l, &l->in[1], 1 / sqrtf((float)(taps * s->c / l->group)));
    if (!s->no_bias)
        fill_tensor(l, &l->in[2], 0.5f);
    add_posts(l, s->posts, s->affine, s->k);
    layer_answer(l, op_of(s));
}

/* ---- the ways ---- */

typedef enum way { W_DIRECT, W_TAIL, W_WINO_2, W_WINO_4, W_DIRECT_BF16, W_TAIL_BF16, W_AMX, W_WINO_2_BF16, W_WINO_4_BF16, W_INT8, W_DOTS, W_DOTS_BF16, W_DEPTHWISE, W_AMX_PAIRS, W_DOTS_S8, W_FEW, W_PANELS, W_PANELS_BF16, W_PANELS_S16, W_WINO_2_S16, W_WINO_4_S16, W_DOTS_S16, W_WAYS } way;
static const char *const way_names[] = {"direct", "tail", "winograd 2", "winograd 4", "direct bf16", "tail bf16", "amx", "winograd 2 bf16",
                                        "winograd 4 bf16", "int8", "dots", "dots bf16", "depthwise", "amx pairs", "dots s8", "few outputs", "panels", "panels bf16", "panels int16", "winograd 2 int16", "winograd 4 int16", "dots int16"};

static inline bool is_whole(way w) { return w == W_PANELS_S16 || w == W_WINO_2_S16 || w == W_WINO_4_S16 || w == W_DOTS_S16; } /* numbers of 16 bits */

static inline bool is_eight(way w) { return w == W_INT8 || w == W_DOTS_S8; } /* bits */
static inline bool is_bf16(way w) { return w == W_DOTS_BF16 || w == W_PANELS_BF16 || (w >= W_DIRECT_BF16 && w <= W_WINO_4_BF16); }

static inline df_status way_compile(layer *l, way w, bool trial, df_kernel **out)
{
    df_trial timed = {0};
    df_conv conv = {.call = &l->call, .w = &l->w, .group = l->group, .fused = &l->fused, .packer = l->packer, .trial = trial ? &timed : NULL};
    df_num num = is_bf16(w) ? DF_NUM_BF16 : is_whole(w) ? DF_NUM_S16 : DF_NUM_F32;
    *out = NULL;
    if (w == W_DOTS_S16 && (!df__dnn_has(DF_NUM_S16) || df__dnn_has(DF_NUM_BF16))) /* another kernel would come out */
        return DF_OK;
    l->call.whole = is_whole(w);
    l->call.precision = is_eight(w) ? DF_PRECISION_INT8 : is_bf16(w) || is_whole(w) ? DF_PRECISION_FAST : DF_PRECISION_STRICT;
    switch (w) {
    case W_DIRECT: case W_DIRECT_BF16: return df__conv_direct(&conv, num, false, out);
    case W_TAIL: case W_TAIL_BF16: return df__conv_direct(&conv, num, true, out);
    case W_WINO_2: case W_WINO_2_BF16: case W_WINO_2_S16: return df__conv_winograd(&conv, 2, num, out);
    case W_WINO_4: case W_WINO_4_BF16: case W_WINO_4_S16: return df__conv_winograd(&conv, 4, num, out);
    case W_INT8: return df__conv_int8(&conv, out);
    case W_DOTS: case W_DOTS_BF16: case W_DOTS_S8: case W_DOTS_S16: return df__conv_dots(&conv, out);
    case W_DEPTHWISE: return df__conv_depthwise(&conv, out);
    case W_AMX: case W_AMX_PAIRS: return df__conv_amx(&conv, w == W_AMX_PAIRS, out);
    case W_PANELS: case W_PANELS_BF16: case W_PANELS_S16: return df__conv_panels(&conv, num, out);
    case W_FEW: return df__conv_few(&conv, out);
    case W_WAYS: break;
    }
    return DF_OK;
}

static inline bool has_add(const layer *l)
{
    bool any = false;
    for (int i = 0; i < l->fused.n_post; i++)
        any = any || l->fused.post[i].kind == DF_POST_ADD;
    return any;
}

static inline bool known_posts(const df_fused *f)
{
    bool known = true;
    for (int i = 0; i < f->n_post; i++)
        known = known && (f->post[i].kind == DF_POST_ADD || f->post[i].kind == DF_POST_RELU || f->post[i].kind == DF_POST_PRELU ||
                          f->post[i].kind == DF_POST_CLIP || f->post[i].kind == DF_POST_SIGMOID || f->post[i].kind == DF_POST_SWISH || f->post[i].kind == DF_POST_HARD_SWISH);
    return known;
}

/* Each number by itself. */
static inline bool bends_alone(const layer *l)
{
    bool alone = known_posts(&l->fused) && !has_add(l);
    for (int i = 0; i < l->fused.n_post; i++)
        alone = alone && l->fused.post[i].n_slope <= 1;
    return alone;
}

/* Where a way has to apply, and where it must not; -1: as oneDNN likes. */
static inline int way_must(const layer *l, way w)
{
    const df_window *s = &l->w;
    int64_t c = s->c, k = l->in[1].dims[0];
    bool nhwc = l->call.nhwc, tile = nhwc && l->group == 1, whole = tile && s->n <= 8 && k >= 4 && df__tensor_count(&l->in[1]) >= 1 << 14;
    bool few = tile && k <= 8 && c % 8 == 0 && c <= 128 && s->n * s->out[0] * s->out[1] >= 16 && bends_alone(l);
    for (int i = 0; i < 2; i++) {
        few = few && s->kernel[i] == 1 && s->stride[i] == 1 && s->pad[i] == 0 && s->pad_end[i] == 0;
        tile = tile && s->kernel[i] == 3 && s->stride[i] == 1 && s->dilation[i] == 1 && s->pad[i] <= 1 && s->pad_end[i] <= 1;
        whole = whole && s->out[i] == 1 && s->kernel[i] == s->in[i] && s->pad[i] == 0 && s->pad_end[i] == 0 && s->dilation[i] == 1;
    }
    bool by_16 = c % 16 == 0 && k % 16 == 0; /* as oneDNN's products of bfloat16 want it, which AMX has; ours: pairs */
    tile = tile && c >= 16 && k >= 16 && (!is_whole(w) || c % 2 == 0) && (!is_bf16(w) || (df__amx_has() ? by_16 : c % 2 == 0)) && known_posts(&l->fused);
    if ((is_bf16(w) && w != W_DOTS_BF16 && !df__dnn_has(DF_NUM_BF16)) || (is_whole(w) && !df__dnn_has(DF_NUM_S16)) || (w == W_DOTS_S16 && df__dnn_has(DF_NUM_BF16)))
        return 0;
    switch (w) {
    case W_DIRECT: return nhwc && l->group == 1 && c % 16 == 0 && k % 16 == 0 ? 1 : -1;
    case W_DIRECT_BF16: return !nhwc ? 0 : l->group == 1 && c % 16 == 0 && k % 16 == 0 ? 1 : -1;
    case W_TAIL: case W_TAIL_BF16: return nhwc && k % 16 == 0 && l->fused.n_post > 0 && known_posts(&l->fused) ? (l->group == 1 && c % 16 == 0 ? 1 : -1) : 0;
    case W_WINO_2: case W_WINO_4: case W_WINO_2_BF16: case W_WINO_4_BF16: case W_WINO_2_S16: case W_WINO_4_S16: return tile;
    case W_INT8: return df__dnn_has(DF_NUM_S8) && nhwc && l->group == 1 && c % 16 == 0 && k % 16 == 0 && known_posts(&l->fused);
    case W_DOTS: case W_DOTS_BF16: case W_DOTS_S8: case W_DOTS_S16: return whole;
    case W_DEPTHWISE: return nhwc && l->group == c && k == c && c >= 16 && known_posts(&l->fused);
    case W_AMX: case W_AMX_PAIRS: return df__amx_has() && nhwc && l->group == 1 && k >= 16 && c * (s->dilation[1] > 1 ? 1 : s->kernel[1]) >= 8 && known_posts(&l->fused);
    case W_PANELS: case W_PANELS_BF16: case W_PANELS_S16: return nhwc && l->group == 1 && !(is_bf16(w) && df__amx_has() && k > 16) && (k >= 16 || (k >= 8 && !has_add(l))) && (s->dilation[1] == 1 || s->kernel[1] == 1) && known_posts(&l->fused);
    case W_FEW: return few;
    case W_WAYS: break;
    }
    return -1;
}

/* ---- a run ---- */

enum { GUARD = 4096 };

/* Runs into `to`, in scratch memory of just the size that the kernel asked for: nothing behind it may change. */
static inline df_status kernel_run(layer *l, const df_kernel *k, int threads, float *to)
{
    uint8_t *scratch = df__pages_alloc(k->scratch_bytes + GUARD);
    assert_non_null(scratch);
    memset(scratch, 0xFF, k->scratch_bytes); /* NaN in every number: what is read before it is written shows */
    memset(scratch + k->scratch_bytes, 0x5A, GUARD);
    for (int64_t i = 0; i < l->count; i++)
        to[i] = NAN;
    l->out.data = to;
    df_exec exec = {.scratch = scratch, .threads = threads};
    df_status st = k->run(k, &l->call, &exec);
    l->out.data = l->got;
    for (int i = 0; i < GUARD; i++)
        if (scratch[k->scratch_bytes + (size_t)i] != 0x5A)
            fail_msg("%s: byte %d behind %zu of scratch was written", k->name, i, k->scratch_bytes);
    free(scratch);
    return st;
}

/* Largest difference, as a share of the largest value expected; 1e9 where one is no number. */
static inline double error_of(const float *expected, const float *got, int64_t n)
{
    double most = 0, off = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)expected[i] - (double)got[i]);
        most = fabs((double)expected[i]) > most ? fabs((double)expected[i]) : most;
        if (!(d < 1e30))
            return 1e9;
        off = d > off ? d : off;
    }
    return most > 0 ? off / most : off;
}

static inline double cosine(const float *a, const float *b, int64_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : aa == bb;
}

/* float32: sums of up to 10^4 products in another order, and Winograd's transforms, whose factors (4 x 4: up to 8 * 8) make more of each
 * rounding. bfloat16: 8 bits of mantissa on both sides, 2^-8 for one product, less for sums. 8 bits: a step is 1/127 of the largest value. */
static inline void check_close(const layer *l, const char *what, bool half, bool eight, double f32)
{
    double off = error_of(l->expected, l->got, l->count), cos = cosine(l->expected, l->got, l->count);
    bool good = eight ? cos >= 0.999 : half ? cos >= 0.9999 && off <= 0.02 : off <= f32;
    if (!good)
        fail_msg("%s: off by %.3g of the largest value, cosine %.6f", what, off, cos);
}

/* The same bits for one thread and for all that it was compiled for. */
static inline void check_threads(layer *l, const char *what, const df_kernel *k, int threads)
{
    df_error err = {0};
    float *alone = calloc((size_t)l->count + 1, sizeof *alone);
    assert_non_null(alone);
    l->call.err = &err;
    CHECK(k->name && strlen(k->name) > 0); /* lives as long as the kernel */
    CHECK_OK(kernel_run(l, k, threads, l->got));
    CHECK_OK(kernel_run(l, k, 1, alone));
    l->call.err = &l->err;
    if (memcmp(alone, l->got, (size_t)l->count * sizeof *alone) != 0)
        fail_msg("%s: one thread and %d differ", what, threads);
    free(alone);
}

static inline void name_case(char *to, size_t size, const layer *l, const char *way_name, int threads)
{
    const df_window *w = &l->w;
    int n = snprintf(to, size, "%s, %d threads, %lld x %lldx%lld, %lld to %lld channels, window %lldx%lld, %d posts", way_name, threads, (long long)l->in[0].dims[0],
                     (long long)w->in[0], (long long)w->in[1], (long long)w->c, (long long)l->in[1].dims[0], (long long)w->kernel[0],
                     (long long)w->kernel[1], l->fused.n_post);
    for (int i = 0; i < l->fused.n_post && n > 0 && (size_t)n < size; i++)
        n += snprintf(to + n, size - (size_t)n, " %d", (int)l->fused.post[i].kind);
}

/* Pairs of bfloat16 hold 16 bits. Whole numbers: steps of 1 / 16383 of the largest of a row, and of the weights 1 / 32767 or what their sum allows, each off by half of one at most. */
static inline double exactness(way w) { return w == W_WINO_2_S16 ? 2e-3 : w == W_DOTS_S16 ? 1e-4 : is_whole(w) ? 1e-3 : w == W_WINO_4 ? 1e-4 : w == W_AMX_PAIRS ? 2e-5 : 1e-5; }

/* Returns whether the way applied. */
static inline bool check_way(layer *l, way w, int threads)
{
    char what[256];
    df_kernel *k;
    df_error err = {0};
    int must = way_must(l, w);
    name_case(what, sizeof what, l, way_names[w], threads);
    l->call.threads = threads;
    l->call.err = &err;
    CHECK_OK(way_compile(l, w, false, &k));
    if (must >= 0 && must != (k != NULL))
        fail_msg("%s: %s", what, k ? "applies" : "does not apply");
    if (!k)
        return false;
    check_threads(l, what, k, threads);
    /* Winograd's tiles of 4 x 4 in bfloat16 are for the precision of 8 bits, and as exact; of whole numbers they round as bfloat16 does. */
    check_close(l, what, (is_bf16(w) && df__dnn_has(DF_NUM_BF16)) || w == W_WINO_4_S16, is_eight(w) || w == W_WINO_4_BF16, exactness(w));
    k->free(k);
    return true;
}

#endif
