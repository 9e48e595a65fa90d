/* op_norm.c - BatchNormalization, InstanceNormalization, LayerNormalization, GroupNormalization, LpNormalization. Sums
 * run in double precision. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

static const df_dtype f32_only[] = {DF_F32, 0};

/* Inputs `first`..`last` are vectors of n float32. */
static df_status check_vectors(const df_call *call, size_t first, size_t last, int64_t n)
{
    for (size_t i = first; i <= last; i++)
        if (df__given(call, i) && (call->in[i].type != DF_F32 || call->in[i].rank != 1 || call->in[i].dims[0] != n))
            return df__call_fail(call, DF_E_BAD_MODEL, "input %zu is not %lld float32", i, (long long)n);
    return DF_OK;
}

static df_status channels_of(const df_call *call, int *axis)
{
    const df_tensor *x = &call->in[0];
    df_status st = df__call_types(call, 0, f32_only);
    if (st == DF_OK && x->rank < 2)
        st = df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, needs 2 or more", x->rank);
    return st == DF_OK ? df__call_axis(call, 1, x->rank, axis) : st;
}

static void boxes(const df_tensor *x, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? outer : inner) *= i == axis ? 1 : x->dims[i];
}

/* ---- BatchNormalization ---- */

static df_status batch_infer(df_call *call)
{
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 5, 5));
    DF_TRY(channels_of(call, &axis));
    DF_TRY(check_vectors(call, 1, 4, call->in[0].dims[axis]));
    if (df__node_int(call->node, "training_mode", 0) != 0)
        DF_TRY(df__call_fail(call, DF_E_UNSUPPORTED, "training mode"));
    for (size_t i = 1; i < call->n_out; i++)
        if (df__wanted(call, i))
            DF_TRY(df__call_fail(call, DF_E_UNSUPPORTED, "output %zu, which only training has", i));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

DF_CLONES static void scale_rows(const float *x, float *y, const float *a, const float *b, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++)
            y[r * n + i] = x[r * n + i] * a[i] + b[i];
}

DF_CLONES static void scale_plane(const float *x, float *y, float a, float b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * a + b;
}

static df_status batch_run(const df_call *call)
{
    int axis = 0;
    int64_t outer, inner;
    const df_tensor *x = &call->in[0];
    df_status st = channels_of(call, &axis);
    if (st != DF_OK)
        return st;
    int64_t c = x->dims[axis];
    boxes(x, axis, &outer, &inner);
    float *a = df__arena_calloc(call->scratch, (size_t)c + 1, sizeof *a), *b = df__arena_calloc(call->scratch, (size_t)c + 1, sizeof *b);
    if (!a || !b)
        return df__no_memory(call->err, "batch normalisation", (size_t)c * sizeof *a);
    const float *gamma = call->in[1].data, *beta = call->in[2].data, *mean = call->in[3].data, *var = call->in[4].data;
    float eps = df__node_float(call->node, "epsilon", 1e-5f);
    for (int64_t i = 0; i < c; i++) {
        a[i] = gamma[i] / sqrtf(var[i] + eps);
        b[i] = beta[i] - mean[i] * a[i];
    }
    if (inner == 1)
        scale_rows(x->data, call->out[0].data, a, b, outer, c);
    for (int64_t o = 0; o < outer && inner != 1; o++)
        for (int64_t i = 0; i < c; i++)
            scale_plane((const float *)x->data + (o * c + i) * inner, (float *)call->out[0].data + (o * c + i) * inner, a[i], b[i], inner);
    return DF_OK;
}

/* ---- the moments of a run of numbers, and the run made mean 0, variance 1 ---- */

static void moments(const float *x, int64_t n, double *mean, double *variance)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    *mean = n ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *variance = n ? squares / (double)n : 0;
}

/* InstanceNormalization: one group a channel. GroupNormalization: num_groups, with scale and bias a channel (opset 21) or a group (18). */
static df_status group_infer(df_call *call)
{
    int axis = 0;
    bool instance = call->node->op[0] == 'I';
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    DF_TRY(channels_of(call, &axis));
    int64_t c = call->in[0].dims[1], groups = instance ? c : df__node_int(call->node, "num_groups", 0);
    if ((groups < 1 && c > 0) || (groups > 0 && c % groups != 0))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld channels in %lld groups", (long long)c, (long long)groups));
    DF_TRY(check_vectors(call, 1, 2, !instance && call->opset < 21 ? groups : c));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

static df_status group_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    int64_t n = x->dims[0], c = x->dims[1], inner = 1;
    bool instance = call->node->op[0] == 'I', by_group = !instance && call->opset < 21;
    int64_t groups = instance ? c : df__node_int(call->node, "num_groups", 1);
    const float *gamma = call->in[1].data, *beta = call->in[2].data;
    double eps = (double)df__node_float(call->node, "epsilon", 1e-5f);
    for (int i = 2; i < x->rank; i++)
        inner *= x->dims[i];
    for (int64_t g = 0; g < n * groups; g++) {
        int64_t each = c / groups, first = g % groups * each;
        const float *from = (const float *)x->data + g * each * inner;
        float *to = (float *)call->out[0].data + g * each * inner;
        double mean, variance;
        moments(from, each * inner, &mean, &variance);
        double scale = 1 / sqrt(variance + eps);
        for (int64_t i = 0; i < each; i++) {
            int64_t k = by_group ? g % groups : first + i;
            float a = (float)scale * gamma[k];
            scale_plane(from + i * inner, to + i * inner, a, beta[k] - (float)mean * a, inner);
        }
    }
    return DF_OK;
}

/* ---- LayerNormalization: over all axes from one on ---- */

static df_status layer_infer(df_call *call)
{
    int axis = 0;
    const df_tensor *x = &call->in[0];
    df_tensor tail = {.type = DF_F32}, both = {0};
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 3));
    for (size_t i = 0; i < 3; i++)
        DF_TRY(df__call_types(call, i, f32_only));
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", -1), x->rank, &axis));
    for (int i = axis; i < x->rank; i++)
        tail.dims[tail.rank++] = x->dims[i];
    for (size_t i = 1; i < 3; i++) {
        if (!df__given(call, i))
            continue;
        DF_TRY(df__broadcast(call, &tail, &call->in[i], &both));
        if (both.rank != tail.rank || memcmp(both.dims, tail.dims, sizeof(int64_t) * (size_t)tail.rank) != 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu has more values than what is normalised", i));
    }
    for (size_t i = 0; i < call->n_out && i < 3; i++) {
        if (!df__wanted(call, i))
            continue;
        call->out[i] = df__shape_like(x);
        for (int d = axis; i > 0 && d < x->rank; d++)
            call->out[i].dims[d] = 1;
    }
done:
    return st;
}

/* Element i of a tensor that is spread over `tail` (dims of x from `axis` on). */
static float spread_at(const df_tensor *t, const df_tensor *x, int axis, int64_t i)
{
    int64_t own[DF_MAX_RANK], at = 0;
    df__strides(t, own);
    for (int d = x->rank - 1; d >= axis; d--) {
        int j = d - (x->rank - t->rank);
        if (j >= 0 && t->dims[j] != 1)
            at += i % x->dims[d] * own[j];
        i /= x->dims[d];
    }
    return ((const float *)t->data)[at];
}

static df_status layer_run(const df_call *call)
{
    int axis = 0;
    const df_tensor *x = &call->in[0];
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", -1), x->rank, &axis);
    if (st != DF_OK)
        return st;
    int64_t rows = 1, n = 1;
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &rows : &n) *= x->dims[i];
    double eps = (double)df__node_float(call->node, "epsilon", 1e-5f);
    bool dense = df__tensor_count(&call->in[1]) == n && (!df__given(call, 2) || df__tensor_count(&call->in[2]) == n);
    const float *gamma = call->in[1].data, *beta = df__given(call, 2) ? call->in[2].data : NULL;
    for (int64_t r = 0; r < rows; r++) {
        const float *from = (const float *)x->data + r * n;
        float *to = (float *)call->out[0].data + r * n;
        double mean, variance;
        moments(from, n, &mean, &variance);
        double scale = 1 / sqrt(variance + eps);
        for (int64_t i = 0; i < n; i++) {
            float a = dense ? gamma[i] : spread_at(&call->in[1], x, axis, i);
            float b = !beta ? 0 : dense ? beta[i] : spread_at(&call->in[2], x, axis, i);
            to[i] = (float)(((double)from[i] - mean) * scale) * a + b;
        }
        if (df__wanted(call, 1))
            ((float *)call->out[1].data)[r] = (float)mean;
        if (df__wanted(call, 2))
            ((float *)call->out[2].data)[r] = (float)scale;
    }
    return DF_OK;
}

/* ---- LpNormalization ---- */

static df_status lp_infer(df_call *call)
{
    int axis = 0;
    int64_t p = df__node_int(call->node, "p", 2);
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, f32_only);
    if (st == DF_OK && p != 1 && p != 2)
        st = df__call_fail(call, DF_E_BAD_MODEL, "p is %lld, not 1 or 2", (long long)p);
    if (st == DF_OK)
        st = df__call_axis(call, df__node_int(call->node, "axis", -1), call->in[0].rank, &axis);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

static df_status lp_run(const df_call *call)
{
    int axis = 0;
    int64_t outer, inner, p = df__node_int(call->node, "p", 2);
    const df_tensor *t = &call->in[0];
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", -1), t->rank, &axis);
    if (st != DF_OK)
        return st;
    boxes(t, axis, &outer, &inner);
    int64_t n = t->dims[axis];
    for (int64_t i = 0; i < outer * inner; i++) {
        const float *x = (const float *)t->data + i / inner * n * inner + i % inner;
        float *y = (float *)call->out[0].data + i / inner * n * inner + i % inner;
        double sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += p == 1 ? fabs((double)x[j * inner]) : (double)x[j * inner] * (double)x[j * inner];
        float scale = (float)(sum == 0 ? 0 : 1 / (p == 1 ? sum : sqrt(sum)));
        for (int64_t j = 0; j < n; j++)
            y[j * inner] = x[j * inner] * scale;
    }
    return DF_OK;
}

const df_op df__op_BatchNormalization = {
    .name = "BatchNormalization", .flags = DF_OP_CHANNELS_LAST | DF_OP_INPLACE | DF_OP_ROWS, .infer = batch_infer, .run = batch_run};
const df_op df__op_InstanceNormalization = {.name = "InstanceNormalization", .infer = group_infer, .run = group_run};
const df_op df__op_GroupNormalization = {.name = "GroupNormalization", .infer = group_infer, .run = group_run};
const df_op df__op_LayerNormalization = {.name = "LayerNormalization", .infer = layer_infer, .run = layer_run};
const df_op df__op_LpNormalization = {.name = "LpNormalization", .infer = lp_infer, .run = lp_run};
