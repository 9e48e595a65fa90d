/* op_make.c - operators that make or mask matrices: EyeLike, OneHot, Trilu, Det; and those along one axis: CumSum, ReverseSequence. */
#include <math.h>
#include <string.h>

#include "nn/op.h"

/* ---- EyeLike ---- */

static df_status eye_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 1);
    if (st != DF_OK)
        return st;
    int64_t type = df__node_int(call->node, "dtype", (int64_t)call->in[0].type);
    if (call->in[0].rank != 2)
        return df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, needs 2", call->in[0].rank);
    if (type < 1 || type > DF_BF16 || df__dtype_size((df_dtype)type) == 0)
        return df__call_fail(call, DF_E_UNSUPPORTED, "data type %lld", (long long)type);
    call->out[0] = df__shape_like(&call->in[0]);
    call->out[0].type = type == DF_F16 || type == DF_BF16 ? DF_F32 : (df_dtype)type; /* half floats are held as float32 */
    return df__call_check(call, &call->out[0]);
}

static df_status eye_run(const df_call *call)
{
    int64_t rows = call->out[0].dims[0], columns = call->out[0].dims[1], k = df__node_int(call->node, "k", 0);
    memset(call->out[0].data, 0, df__tensor_bytes(&call->out[0]));
    if (k > columns || k < -rows)
        return DF_OK;
    for (int64_t i = k < 0 ? -k : 0; i < rows && i + k < columns; i++)
        df__store_i64(&call->out[0], i * columns + i + k, 1);
    return DF_OK;
}

/* ---- OneHot: the new axis holds values[1] where the index is, values[0] elsewhere ---- */

static df_status one_hot_axis(const df_call *call, int *axis, int64_t *depth)
{
    df_status st = DF_OK;
    if (df__tensor_count(&call->in[1]) != 1 || !call->in[1].data)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "depth is not one known number"));
    *depth = df__load_i64(&call->in[1], 0);
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", -1), call->in[0].rank + 1, axis));
done:
    return st;
}

static df_status one_hot_infer(df_call *call)
{
    int axis = 0;
    int64_t depth = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    DF_TRY(df__call_types(call, 0, df__numbers));
    DF_TRY(df__call_types(call, 1, df__numbers));
    DF_TRY(one_hot_axis(call, &axis, &depth));
    if (call->in[2].rank != 1 || call->in[2].dims[0] != 2 || depth < 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "depth %lld, and values of %d dimensions: needs two", (long long)depth, call->in[2].rank));
    if (call->in[0].rank + 1 > DF_MAX_RANK)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%d dimensions, the limit is %d", call->in[0].rank + 1, DF_MAX_RANK));
    call->out[0] = (df_tensor){.type = call->in[2].type, .rank = call->in[0].rank + 1};
    for (int i = 0; i < call->out[0].rank; i++)
        call->out[0].dims[i] = i == axis ? depth : call->in[0].dims[i - (i > axis)];
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status one_hot_run(const df_call *call)
{
    int axis = 0;
    int64_t depth = 0, outer = 1, inner = 1;
    df_status st = one_hot_axis(call, &axis, &depth);
    if (st != DF_OK)
        return st;
    size_t size = df__dtype_size(call->in[2].type);
    const char *values = call->in[2].data;
    for (int i = 0; i < call->in[0].rank; i++)
        *(i < axis ? &outer : &inner) *= call->in[0].dims[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t id = df__load_i64(&call->in[0], o * inner + i);
            id += id < 0 && id >= -depth ? depth : 0;
            for (int64_t d = 0; d < depth; d++)
                memcpy((char *)call->out[0].data + (size_t)((o * depth + d) * inner + i) * size, values + (d == id ? size : 0), size);
        }
    return DF_OK;
}

/* ---- Trilu: what lies below (or above) a diagonal becomes 0 ---- */

static df_status trilu_infer(df_call *call)
{
    static const df_dtype i64[] = {DF_I64, 0};
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 2));
    DF_TRY(df__call_types(call, 1, i64));
    if (call->in[0].rank < 2 || (df__given(call, 1) && df__tensor_count(&call->in[1]) != 1))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, needs 2 or more, and one number of a diagonal", call->in[0].rank));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

static df_status trilu_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1], k = df__given(call, 1) ? df__load_i64(&call->in[1], 0) : 0;
    bool upper = df__node_int(call->node, "upper", 1) != 0;
    size_t size = df__dtype_size(x->type);
    k = k < -rows ? -rows : k > columns ? columns : k;
    for (int64_t i = 0, n = df__tensor_count(x); i < n; i++) {
        int64_t row = i / columns % rows, column = i % columns;
        char *to = (char *)call->out[0].data + (size_t)i * size;
        if (upper ? column >= row + k : column <= row + k)
            memmove(to, (const char *)x->data + (size_t)i * size, size);
        else
            memset(to, 0, size);
    }
    return DF_OK;
}

/* ---- Det: by elimination, the largest of each column as its pivot ---- */

static df_status det_infer(df_call *call)
{
    const df_tensor *x = &call->in[0];
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(df__call_types(call, 0, df__floats));
    if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "matrices that are not square"));
    call->out[0] = df__shape_like(x);
    call->out[0].rank -= 2;
    DF_TRY(df__call_check(call, &call->out[0]));
    DF_TRY(df__call_work(call, df__tensor_count(x), x->dims[x->rank - 1]));
done:
    return st;
}

static double determinant(double *m, int64_t n)
{
    double det = 1;
    for (int64_t c = 0; c < n; c++) {
        int64_t pivot = c;
        for (int64_t r = c + 1; r < n; r++)
            pivot = fabs(m[r * n + c]) > fabs(m[pivot * n + c]) ? r : pivot;
        det *= m[pivot * n + c] * (pivot == c ? 1 : -1);
        if (det == 0)
            return 0;
        for (int64_t k = 0; k < n; k++) {
            double v = m[c * n + k];
            m[c * n + k] = m[pivot * n + k];
            m[pivot * n + k] = v;
        }
        for (int64_t r = c + 1; r < n; r++) {
            double factor = m[r * n + c] / m[c * n + c];
            for (int64_t k = c; k < n; k++)
                m[r * n + k] -= factor * m[c * n + k];
        }
    }
    return det;
}

static df_status det_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    int64_t n = x->dims[x->rank - 1];
    double *m = df__arena_calloc(call->scratch, (size_t)(n * n) + 1, sizeof *m);
    if (!m)
        return df__no_memory(call->err, "Det", (size_t)(n * n) * sizeof *m);
    for (int64_t i = 0, many = df__tensor_count(&call->out[0]); i < many; i++) {
        for (int64_t k = 0; k < n * n; k++)
            m[k] = df__load_f64(x, i * n * n + k);
        df__store_f64(&call->out[0], i, determinant(m, n));
    }
    return DF_OK;
}

/* ---- CumSum ---- */

static df_status cumsum_infer(df_call *call)
{
    static const df_dtype indices[] = {DF_I64, DF_I32, 0};
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_types(call, 0, df__numbers));
    DF_TRY(df__call_types(call, 1, indices));
    if (df__tensor_count(&call->in[1]) != 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "axis is not one number"));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

static df_status cumsum_run(const df_call *call)
{
    int axis = 0;
    int64_t outer = 1, inner = 1;
    const df_tensor *x = &call->in[0];
    df_status st = df__call_axis(call, df__load_i64(&call->in[1], 0), x->rank, &axis);
    if (st != DF_OK)
        return st;
    bool exclusive = df__node_int(call->node, "exclusive", 0) != 0, reverse = df__node_int(call->node, "reverse", 0) != 0;
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dims[i];
    int64_t n = x->dims[axis];
    for (int64_t r = 0; r < outer * inner; r++) {
        int64_t base = r / inner * n * inner + r % inner;
        double sum = 0;
        uint64_t whole = 0; /* integers wrap */
        for (int64_t k = 0; k < n; k++) {
            int64_t i = base + (reverse ? n - 1 - k : k) * inner;
            double before = sum;
            uint64_t whole_before = whole;
            if (df__is_float(x->type)) {
                sum += df__load_f64(x, i);
                df__store_f64(&call->out[0], i, exclusive ? before : sum);
            } else {
                whole += (uint64_t)df__load_i64(x, i);
                df__store_i64(&call->out[0], i, (int64_t)(exclusive ? whole_before : whole));
            }
        }
    }
    return DF_OK;
}

/* ---- ReverseSequence: the first few steps of each batch entry, backwards ---- */

static df_status reverse_axes(const df_call *call, int64_t *time, int64_t *batch)
{
    *time = df__node_int(call->node, "time_axis", 0);
    *batch = df__node_int(call->node, "batch_axis", 1);
    if (*time < 0 || *time > 1 || *batch < 0 || *batch > 1 || *time == *batch || call->in[0].rank < 2)
        return df__call_fail(call, DF_E_BAD_MODEL, "time axis %lld and batch axis %lld of %d dimensions", (long long)*time, (long long)*batch,
                             call->in[0].rank);
    return DF_OK;
}

static df_status reverse_infer(df_call *call)
{
    static const df_dtype i64[] = {DF_I64, 0};
    int64_t time, batch;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_types(call, 1, i64));
    DF_TRY(reverse_axes(call, &time, &batch));
    if (call->in[1].rank != 1 || call->in[1].dims[0] != call->in[0].dims[batch])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "lengths do not fit a batch of %lld", (long long)call->in[0].dims[batch]));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

static df_status reverse_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    int64_t time, batch, own[DF_MAX_RANK];
    df_status st = reverse_axes(call, &time, &batch);
    if (st != DF_OK)
        return st;
    df__strides(x, own);
    size_t row = (size_t)own[1] * df__dtype_size(x->type);
    for (int64_t b = 0; b < x->dims[batch]; b++) {
        int64_t n = df__load_i64(&call->in[1], b);
        if (n < 0 || n > x->dims[time])
            return df__call_fail(call, DF_E_BAD_MODEL, "%lld of %lld steps", (long long)n, (long long)x->dims[time]);
        for (int64_t t = 0; t < x->dims[time] && row > 0; t++) {
            int64_t from = t < n ? n - 1 - t : t;
            size_t width = df__dtype_size(x->type);
            memcpy((char *)call->out[0].data + (size_t)(b * own[batch] + t * own[time]) * width,
                   (const char *)x->data + (size_t)(b * own[batch] + from * own[time]) * width, row);
        }
    }
    return DF_OK;
}

const df_op df__op_EyeLike = {.name = "EyeLike", .infer = eye_infer, .run = eye_run};
const df_op df__op_OneHot = {.name = "OneHot", .needs = 2, .infer = one_hot_infer, .run = one_hot_run};
const df_op df__op_Trilu = {.name = "Trilu", .flags = DF_OP_INPLACE, .infer = trilu_infer, .run = trilu_run};
const df_op df__op_Det = {.name = "Det", .infer = det_infer, .run = det_run};
const df_op df__op_CumSum = {.name = "CumSum", .infer = cumsum_infer, .run = cumsum_run};
const df_op df__op_ReverseSequence = {.name = "ReverseSequence", .infer = reverse_infer, .run = reverse_run};
