/* op_shape.c - operators that speak of shapes or give the same numbers another shape: nothing is computed. */
#include <string.h>

#include "nn/half.h"
#include "nn/op.h"

/* ---- Shape, Size, ConstantOfShape, Range ---- */

static df_status shape_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 1);
    int64_t rank = call->in[0].rank, start = df__node_int(call->node, "start", 0), end = df__node_int(call->node, "end", rank);
    if (st != DF_OK)
        return st;
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    call->out[0] = (df_tensor){.type = DF_I64, .rank = 1, .dims = {end > start ? end - start : 0}};
    return DF_OK;
}

static df_status shape_run(const df_call *call)
{
    int64_t rank = call->in[0].rank, start = df__node_int(call->node, "start", 0), n = call->out[0].dims[0], *to = call->out[0].data;
    start = start < -rank ? 0 : start < 0 ? start + rank : start;
    for (int64_t i = 0; i < n; i++)
        to[i] = call->in[0].dims[start + i];
    return DF_OK;
}

static df_status size_infer(df_call *call)
{
    call->out[0] = (df_tensor){.type = DF_I64};
    return df__call_arity(call, 1, 1);
}

static df_status size_run(const df_call *call)
{
    *(int64_t *)call->out[0].data = df__tensor_count(&call->in[0]);
    return DF_OK;
}

static bool is_half(df_dtype type) { return type == DF_F16 || type == DF_BF16; } /* held as float32 */

static df_status constant_of_shape_infer(df_call *call)
{
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    const df_attr *value = df__node_attr(call->node, "value");
    if (value && (value->kind != DF_ATTR_TENSOR || df__tensor_count(&value->v.tensor) != 1 || !value->v.tensor.data))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "attribute value is not a tensor of one element"));
    call->out[0].type = value && !is_half(value->v.tensor.type) ? value->v.tensor.type : DF_F32;
    DF_TRY(df__call_ints(call, 0, NULL, call->out[0].dims, DF_MAX_RANK, &n));
    call->out[0].rank = (int)n;
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status constant_of_shape_run(const df_call *call)
{
    const df_attr *value = df__node_attr(call->node, "value");
    size_t size = df__dtype_size(call->out[0].type), n = df__tensor_bytes(&call->out[0]);
    char *to = call->out[0].data;
    float widened = 0;
    const void *one = value ? value->v.tensor.data : NULL;
    if (value && is_half(value->v.tensor.type)) {
        df__halves_to_f32(value->v.tensor.type, one, &widened, 1);
        one = &widened;
    }
    if (!value)
        memset(to, 0, n);
    for (size_t i = 0; value && i < n; i += size)
        memcpy(to + i, one, size);
    return DF_OK;
}

/* Elements of start, start + step, ...: ceil((limit - start) / step). */
static df_status range_infer(df_call *call)
{
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    for (size_t i = 0; i < 3; i++)
        if (call->in[i].type != call->in[0].type || df__tensor_count(&call->in[i]) != 1 || !call->in[i].data)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu is not one known %s", i, df__dtype_name(call->in[0].type)));
    DF_TRY(df__call_types(call, 0, df__numbers));
    double start = df__load_f64(&call->in[0], 0), limit = df__load_f64(&call->in[1], 0), step = df__load_f64(&call->in[2], 0);
    double n = (limit - start) / step;
    if (!(n < 0x1p40) || n != n)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a range of %g steps", n));
    int64_t count = n > 0 ? (int64_t)n : 0;
    call->out[0] = (df_tensor){.type = call->in[0].type, .rank = 1, .dims = {count + ((double)count < n)}};
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status range_run(const df_call *call)
{
    bool floats = df__is_float(call->out[0].type);
    int64_t n = call->out[0].dims[0];
    for (int64_t i = 0; i < n; i++) {
        if (floats)
            df__store_f64(&call->out[0], i, df__load_f64(&call->in[0], 0) + (double)i * df__load_f64(&call->in[2], 0));
        else
            df__store_i64(&call->out[0], i,
                          (int64_t)((uint64_t)df__load_i64(&call->in[0], 0) + (uint64_t)i * (uint64_t)df__load_i64(&call->in[2], 0)));
    }
    return DF_OK;
}

/* ---- the same bytes with other dims ---- */

static df_status copy_run(const df_call *call)
{
    size_t n = df__tensor_bytes(&call->out[0]);
    if (n && call->out[0].data != call->in[0].data)
        memcpy(call->out[0].data, call->in[0].data, n);
    return DF_OK;
}

static df_status identity_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

/* At inference nothing is dropped; the mask says so. */
static df_status dropout_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 3);
    if (st != DF_OK)
        return st;
    if (df__given(call, 2) && !call->in[2].data)
        return df__call_fail(call, DF_E_UNSUPPORTED, "training_mode is not known before the run");
    double ratio = df__given(call, 1) && call->in[1].data ? df__load_f64(&call->in[1], 0) : (double)df__node_float(call->node, "ratio", 0.5f);
    if (df__given(call, 2) && df__load_i64(&call->in[2], 0) != 0 && ratio != 0)
        return df__call_fail(call, DF_E_UNSUPPORTED, "training mode");
    call->out[0] = df__shape_like(&call->in[0]);
    if (df__wanted(call, 1)) {
        call->out[1] = df__shape_like(&call->in[0]);
        call->out[1].type = DF_BOOL;
    }
    return DF_OK;
}

static df_status dropout_run(const df_call *call)
{
    if (df__wanted(call, 1))
        memset(call->out[1].data, 1, df__tensor_bytes(&call->out[1]));
    return copy_run(call);
}

static df_status reshape_infer(df_call *call)
{
    df_status st = DF_OK;
    int64_t dims[DF_MAX_RANK], known = 1;
    size_t n = 0;
    int free_dim = -1;
    DF_TRY(df__call_arity(call, 1, 2));
    if (!df__given(call, 1) && !df__node_attr(call->node, "shape"))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "no shape"));
    DF_TRY(df__call_ints(call, 1, "shape", dims, DF_MAX_RANK, &n));
    const df_tensor *x = &call->in[0];
    int64_t count = df__tensor_count(x);
    bool zero_is_zero = df__node_int(call->node, "allowzero", 0) != 0;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] == 0 && !zero_is_zero) {
            if ((int)i >= x->rank)
                DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "dimension %zu is to be copied from an input of %d dimensions", i, x->rank));
            dims[i] = x->dims[i];
        }
        if (dims[i] == -1 && free_dim < 0)
            free_dim = (int)i;
        else if (dims[i] < 0 || (dims[i] != 0 && known > INT64_MAX / dims[i]))
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "dimension %zu is %lld", i, (long long)dims[i]));
        else
            known *= dims[i];
    }
    if (free_dim >= 0)
        dims[free_dim] = known ? count / known : 0;
    if (free_dim >= 0 ? (known ? count % known != 0 : count != 0) : count != known)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld elements do not fit a shape of %lld", (long long)count, (long long)known));
    call->out[0] = (df_tensor){.type = x->type, .rank = (int)n};
    memcpy(call->out[0].dims, dims, n * sizeof *dims);
done:
    return st;
}

static df_status flatten_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 1);
    const df_tensor *x = &call->in[0];
    int64_t axis = df__node_int(call->node, "axis", 1), before = 1, after = 1;
    if (st != DF_OK)
        return st;
    if (axis < -x->rank || axis > x->rank)
        return df__call_fail(call, DF_E_BAD_MODEL, "axis %lld of %d dimensions", (long long)axis, x->rank);
    axis += axis < 0 ? x->rank : 0;
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &before : &after) *= x->dims[i];
    call->out[0] = (df_tensor){.type = x->type, .rank = 2, .dims = {before, after}};
    return DF_OK;
}

/* Which dims of `rank` the node names; DF_E_BAD_MODEL when one is named twice or does not exist. */
static df_status axes_of(const df_call *call, int rank, bool *named, size_t *n)
{
    int64_t axes[DF_MAX_RANK];
    df_status st = df__call_ints(call, 1, "axes", axes, DF_MAX_RANK, n);
    for (size_t i = 0; i < *n && st == DF_OK; i++) {
        if (axes[i] < -rank || axes[i] >= rank || named[axes[i] + (axes[i] < 0 ? rank : 0)])
            return df__call_fail(call, DF_E_BAD_MODEL, "axis %lld of %d dimensions", (long long)axes[i], rank);
        named[axes[i] + (axes[i] < 0 ? rank : 0)] = true;
    }
    return st;
}

static df_status squeeze_infer(df_call *call)
{
    bool named[DF_MAX_RANK] = {false};
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 2));
    const df_tensor *x = &call->in[0];
    DF_TRY(axes_of(call, x->rank, named, &n));
    call->out[0] = (df_tensor){.type = x->type};
    for (int i = 0; i < x->rank; i++) {
        bool drop = n ? named[i] : x->dims[i] == 1;
        if (drop && x->dims[i] != 1)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "dimension %d is %lld, not 1", i, (long long)x->dims[i]));
        if (!drop)
            call->out[0].dims[call->out[0].rank++] = x->dims[i];
    }
done:
    return st;
}

static df_status unsqueeze_infer(df_call *call)
{
    int64_t axes[DF_MAX_RANK];
    bool named[DF_MAX_RANK] = {false};
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 2));
    const df_tensor *x = &call->in[0];
    DF_TRY(df__call_ints(call, 1, "axes", axes, DF_MAX_RANK, &n));
    int rank = x->rank + (int)n, from = 0;
    if (rank > DF_MAX_RANK)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%d dimensions, the limit is %d", rank, DF_MAX_RANK));
    DF_TRY(axes_of(call, rank, named, &n));
    call->out[0] = (df_tensor){.type = x->type, .rank = rank};
    for (int i = 0; i < rank; i++)
        call->out[0].dims[i] = named[i] ? 1 : x->dims[from++];
done:
    return st;
}

/* ---- Expand: copies ---- */

static df_status expand_infer(df_call *call)
{
    df_status st = DF_OK;
    df_tensor shape = {.type = DF_F32};
    size_t n = 0;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_ints(call, 1, NULL, shape.dims, DF_MAX_RANK, &n));
    shape.rank = (int)n;
    for (size_t i = 0; i < n; i++)
        if (shape.dims[i] < 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "dimension %zu is %lld", i, (long long)shape.dims[i]));
    call->out[0].type = call->in[0].type;
    DF_TRY(df__broadcast(call, &call->in[0], &shape, &call->out[0]));
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status expand_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0];
    int64_t own[DF_MAX_RANK], step[DF_MAX_RANK] = {0}, at[DF_MAX_RANK] = {0};
    size_t size = df__dtype_size(x->type);
    df__strides(x, own);
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] != 1)
            step[i + y->rank - x->rank] = own[i];
    for (int64_t i = 0, n = df__tensor_count(y), from; i < n; i++) {
        from = 0;
        for (int d = 0; d < y->rank; d++)
            from += at[d] * step[d];
        memcpy((char *)y->data + (size_t)i * size, (const char *)x->data + (size_t)from * size, size);
        for (int d = y->rank - 1; d >= 0 && ++at[d] == y->dims[d]; d--)
            at[d] = 0;
    }
    return DF_OK;
}

const df_op df__op_Shape = {.name = "Shape", .infer = shape_infer, .run = shape_run};
const df_op df__op_Size = {.name = "Size", .infer = size_infer, .run = size_run};
const df_op df__op_ConstantOfShape = {
    .name = "ConstantOfShape", .needs = 1, .infer = constant_of_shape_infer, .run = constant_of_shape_run};
const df_op df__op_Range = {.name = "Range", .needs = 7, .infer = range_infer, .run = range_run};
const df_op df__op_Identity = {.name = "Identity", .flags = DF_OP_VIEW, .infer = identity_infer, .run = copy_run};
const df_op df__op_Dropout = {.name = "Dropout", .needs = 4, .infer = dropout_infer, .run = dropout_run};
const df_op df__op_Reshape = {.name = "Reshape", .flags = DF_OP_VIEW, .needs = 2, .infer = reshape_infer, .run = copy_run};
const df_op df__op_Flatten = {.name = "Flatten", .flags = DF_OP_VIEW, .infer = flatten_infer, .run = copy_run};
const df_op df__op_Squeeze = {.name = "Squeeze", .flags = DF_OP_VIEW, .needs = 2, .infer = squeeze_infer, .run = copy_run};
const df_op df__op_Unsqueeze = {.name = "Unsqueeze", .flags = DF_OP_VIEW, .needs = 2, .infer = unsqueeze_infer, .run = copy_run};
const df_op df__op_Expand = {.name = "Expand", .needs = 2, .infer = expand_infer, .run = expand_run};
