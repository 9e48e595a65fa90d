/* op_pool.c - MaxPool, AveragePool, LpPool over windows. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/kernel_pool.h"

typedef enum kind { POOL_MAX, POOL_MEAN, POOL_LP } kind;

static kind kind_of(const df_call *call)
{
    return strcmp(call->node->op, "MaxPool") == 0 ? POOL_MAX : strcmp(call->node->op, "AveragePool") == 0 ? POOL_MEAN : POOL_LP;
}

static int64_t taps_of(const df_window *w)
{
    int64_t taps = 1;
    for (int i = 0; i < w->space; i++)
        taps = taps > INT64_MAX / w->kernel[i] ? INT64_MAX : taps * w->kernel[i];
    return taps;
}

static df_status pool_infer(df_call *call)
{
    static const df_dtype max_types[] = {DF_F32, DF_F64, DF_I8, DF_U8, 0};
    df_window w;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(df__call_types(call, 0, kind_of(call) == POOL_MAX ? max_types : df__floats));
    if (!df__node_attr(call->node, "kernel_shape"))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "no kernel_shape"));
    DF_TRY(df__window(call, NULL, &w));
    if (df__wanted(call, 1) && (kind_of(call) != POOL_MAX || call->nhwc))
        DF_TRY(df__call_fail(call, DF_E_UNSUPPORTED, "a second output"));
    for (size_t i = 0; i < call->n_out && i < 2; i++) {
        if (!df__wanted(call, i))
            continue;
        call->out[i].type = i == 0 ? call->in[0].type : DF_I64;
        df__space_dims(call, &call->out[i], w.n, w.c, w.space, w.out);
    }
    DF_TRY(df__call_check(call, &call->out[0]));
    DF_TRY(df__call_work(call, df__tensor_count(&call->out[0]), taps_of(&w)));
done:
    return st;
}

/* Taps of one window that lie inside the input: offsets in elements; the count that a mean divides by. */
typedef struct window_taps { int64_t first[DF_MAX_SPACE], n[DF_MAX_SPACE], padded; } window_taps;

static window_taps taps_at(const df_window *w, const int64_t *at)
{
    window_taps t = {.padded = 1};
    for (int i = 0; i < w->space; i++) {
        int64_t begin = at[i] * w->stride[i] - w->pad[i], d = w->dilation[i];
        int64_t skip = begin < 0 ? (-begin + d - 1) / d : 0;
        int64_t all = begin + (w->kernel[i] - 1) * d < w->in[i] ? w->kernel[i] : w->in[i] > begin ? (w->in[i] - 1 - begin) / d + 1 : 0;
        int64_t end = w->in[i] + w->pad_end[i]; /* a mean with count_include_pad counts padding, but not what ceil_mode hangs over */
        int64_t counted = begin + (w->kernel[i] - 1) * d < end ? w->kernel[i] : (end - 1 - begin) / d + 1;
        t.first[i] = begin + skip * d;
        t.n[i] = all > skip ? all - skip : 0;
        t.padded *= counted;
    }
    return t;
}

#define COMBINE(name, T, e)                                                                    \
    DF_CLONES static void name(T *acc, const T *x, int64_t step, int64_t n, float p)           \
    {                                                                                          \
        (void)p;                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                      \
            T v = x[i * step], a = acc[i];                                                     \
            acc[i] = (e);                                                                      \
        }                                                                                      \
    }
COMBINE(max_f32, float, v > a || v != v ? v : a)
COMBINE(sum_f32, float, a + v)
COMBINE(lp_f32, float, a + powf(fabsf(v), p))
COMBINE(max_f64, double, v > a || v != v ? v : a)
COMBINE(sum_f64, double, a + v)
COMBINE(lp_f64, double, a + pow(fabs(v), (double)p))
COMBINE(max_i8, int8_t, v > a ? v : a)
COMBINE(max_u8, uint8_t, v > a ? v : a)

enum { CHANNELS = 256 }; /* pooled side by side */
typedef union row { float f32[CHANNELS]; double f64[CHANNELS]; int8_t i8[CHANNELS]; uint8_t u8[CHANNELS]; } row;

static void begin_row(kind k, df_dtype type, row *r, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (type == DF_F32)
            r->f32[i] = k == POOL_MAX ? -INFINITY : 0;
        else if (type == DF_F64)
            r->f64[i] = k == POOL_MAX ? -INFINITY : 0;
        else if (type == DF_I8)
            r->i8[i] = INT8_MIN;
        else
            r->u8[i] = 0;
    }
}

static void take(kind k, df_dtype type, row *r, const char *x, int64_t step, int64_t n, float p)
{
    if (type == DF_F32)
        (k == POOL_MAX ? max_f32 : k == POOL_MEAN ? sum_f32 : lp_f32)(r->f32, (const float *)(const void *)x, step, n, p);
    else if (type == DF_F64)
        (k == POOL_MAX ? max_f64 : k == POOL_MEAN ? sum_f64 : lp_f64)(r->f64, (const double *)(const void *)x, step, n, p);
    else if (type == DF_I8)
        max_i8(r->i8, (const int8_t *)x, step, n, p);
    else
        max_u8(r->u8, (const uint8_t *)x, step, n, p);
}

static void finish_row(kind k, df_dtype type, const row *r, char *y, int64_t step, int64_t n, double divisor, float p)
{
    for (int64_t i = 0; i < n; i++) {
        if (type == DF_F32)
            ((float *)(void *)y)[i * step] = k == POOL_MAX ? r->f32[i] : k == POOL_MEAN ? r->f32[i] / (float)divisor : powf(r->f32[i], 1 / p);
        else if (type == DF_F64)
            ((double *)(void *)y)[i * step] =
                k == POOL_MAX ? r->f64[i] : k == POOL_MEAN ? r->f64[i] / divisor : pow(r->f64[i], 1 / (double)p);
        else
            ((uint8_t *)y)[i * step] = type == DF_I8 ? (uint8_t)r->i8[i] : r->u8[i];
    }
}

static bool count_up(int64_t *at, const int64_t *limits, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (++at[i] < limits[i])
            return true;
        at[i] = 0;
    }
    return false;
}

static bool any_zero(const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i] == 0)
            return true;
    return false;
}

static df_status pool_run(const df_call *call)
{
    df_window w;
    df_status st = df__window(call, NULL, &w);
    if (st != DF_OK || df__tensor_count(&call->out[0]) == 0)
        return st;
    kind k = kind_of(call);
    df_dtype type = call->in[0].type;
    int64_t size = (int64_t)df__dtype_size(type), sx[DF_MAX_RANK], sy[DF_MAX_RANK], at[DF_MAX_SPACE] = {0};
    float p = (float)df__node_int(call->node, "p", 2);
    bool with_pad = df__node_int(call->node, "count_include_pad", 0) != 0;
    df__space_strides(call, &call->in[0], sx);
    df__space_strides(call, &call->out[0], sy);
    do {
        window_taps t = taps_at(&w, at);
        int64_t inside = 1, to = 0;
        for (int i = 0; i < w.space; i++) {
            inside *= t.n[i];
            to += at[i] * sy[2 + i];
        }
        for (int64_t n = 0; n < w.n; n++)
            for (int64_t c = 0, many; c < w.c; c += many) {
                int64_t tap[DF_MAX_SPACE] = {0};
                row r;
                many = w.c - c < CHANNELS ? w.c - c : CHANNELS;
                begin_row(k, type, &r, many);
                if (!any_zero(t.n, w.space))
                    do {
                        int64_t from = n * sx[0] + c * sx[1];
                        for (int i = 0; i < w.space; i++)
                            from += (t.first[i] + tap[i] * w.dilation[i]) * sx[2 + i];
                        take(k, type, &r, (const char *)call->in[0].data + from * size, sx[1], many, p);
                    } while (count_up(tap, t.n, w.space));
                finish_row(k, type, &r, (char *)call->out[0].data + (n * sy[0] + c * sy[1] + to) * size, sy[1], many,
                           (double)(with_pad ? t.padded : inside), p);
            }
    } while (count_up(at, w.out, w.space));
    return DF_OK;
}

/* MaxPool's second output: where each maximum lies, as an index into the flat input. */
static df_status max_pool_run(const df_call *call)
{
    df_window w;
    int64_t sx[DF_MAX_RANK], at[DF_MAX_SPACE] = {0};
    df_status st = pool_run(call);
    if (st != DF_OK || !df__wanted(call, 1) || df__tensor_count(&call->out[1]) == 0)
        return st;
    st = df__window(call, NULL, &w);
    if (st != DF_OK)
        return st;
    const df_tensor *x = &call->in[0];
    bool column_major = df__node_int(call->node, "storage_order", 0) != 0;
    int64_t *y = call->out[1].data, planes = w.n * w.c, pixels = df__tensor_count(&call->out[1]) / planes;
    df__strides(x, sx);
    do {
        window_taps t = taps_at(&w, at);
        for (int64_t plane = 0; plane < planes; plane++) {
            int64_t best = -1, best_index = 0, tap[DF_MAX_SPACE] = {0};
            if (!any_zero(t.n, w.space))
                do {
                    int64_t from = plane * sx[1], index = plane * sx[1], step = 1;
                    for (int i = 0; i < w.space; i++)
                        from += (t.first[i] + tap[i] * w.dilation[i]) * sx[2 + i];
                    for (int i = 0; i < w.space; i++) {
                        index += (t.first[i] + tap[i] * w.dilation[i]) * step;
                        step *= w.in[i];
                    }
                    if (best < 0 || df__load_f64(x, from) > df__load_f64(x, best)) {
                        best = from;
                        best_index = column_major ? index : from;
                    }
                } while (count_up(tap, t.n, w.space));
            y[plane * pixels] = best_index;
        }
        y++;
    } while (count_up(at, w.out, w.space));
    return DF_OK;
}

static df_status max_pool_compile(const df_call *call, const struct df_fused *fused, df_packer *packer, df_kernel **out)
{
    (void)fused;
    (void)packer;
    return df__pool_compile(call, true, out);
}

static df_status mean_pool_compile(const df_call *call, const struct df_fused *fused, df_packer *packer, df_kernel **out)
{
    (void)fused;
    (void)packer;
    return df__pool_compile(call, false, out);
}

const df_op df__op_MaxPool = {
    .name = "MaxPool", .flags = DF_OP_CHANNELS_LAST | DF_OP_HALVES, .infer = pool_infer, .run = max_pool_run, .compile = max_pool_compile};
const df_op df__op_AveragePool = {
    .name = "AveragePool", .flags = DF_OP_CHANNELS_LAST | DF_OP_HALVES, .infer = pool_infer, .run = pool_run, .compile = mean_pool_compile};
const df_op df__op_LpPool = {.name = "LpPool", .flags = DF_OP_CHANNELS_LAST, .infer = pool_infer, .run = pool_run};
