/* op.c - helpers that the operators share. */
#include "nn/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const df_dtype df__floats[] = {DF_F32, DF_F64, 0};
const df_dtype df__integers[] = {DF_U8, DF_I8, DF_U16, DF_I16, DF_I32, DF_I64, DF_U32, DF_U64, 0};
const df_dtype df__numbers[] = {DF_F32, DF_F64, DF_U8, DF_I8, DF_U16, DF_I16, DF_I32, DF_I64, DF_U32, DF_U64, 0};

bool df__given(const df_call *call, size_t i) { return i < call->n_in && call->in[i].type != 0; }

bool df__wanted(const df_call *call, size_t i) { return i < call->n_out && call->out[i].rank >= 0; }

df_status df__call_fail(const df_call *call, df_status status, const char *format, ...)
{
    char text[sizeof call->err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return df__fail(call->err, status, "%s", text);
}

df_status df__call_arity(const df_call *call, size_t least, size_t most)
{
    if (call->n_in < least || call->n_in > most || call->n_out < 1)
        return df__call_fail(call, DF_E_BAD_MODEL, "%zu inputs and %zu outputs, needs %zu to %zu inputs", call->n_in, call->n_out, least,
                             most);
    for (size_t i = 0; i < least; i++)
        if (!df__given(call, i))
            return df__call_fail(call, DF_E_BAD_MODEL, "input %zu is left out", i);
    return DF_OK;
}

df_status df__call_types(const df_call *call, size_t i, const df_dtype *types)
{
    if (!df__given(call, i))
        return DF_OK;
    for (const df_dtype *t = types; *t; t++)
        if (call->in[i].type == *t)
            return DF_OK;
    return df__call_fail(call, DF_E_UNSUPPORTED, "input %zu of type %s", i, df__dtype_name(call->in[i].type));
}

df_status df__call_axis(const df_call *call, int64_t axis, int rank, int *out)
{
    static const int channels_last[4] = {0, 3, 1, 2};
    if (axis < -rank || axis >= rank)
        return df__call_fail(call, DF_E_BAD_MODEL, "axis %lld of %d dimensions", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    if (call->nhwc && rank == 4)
        *out = channels_last[*out];
    return DF_OK;
}

df_status df__call_ints(const df_call *call, int input, const char *attr, int64_t *out, size_t most, size_t *n)
{
    *n = 0;
    if (input >= 0 && df__given(call, (size_t)input)) {
        const df_tensor *t = &call->in[input];
        int64_t count = df__tensor_count(t);
        if (t->type != DF_I64 && t->type != DF_I32)
            return df__call_fail(call, DF_E_BAD_MODEL, "input %d of type %s, needs integers", input, df__dtype_name(t->type));
        if (t->rank > 1 || count < 0 || (uint64_t)count > most)
            return df__call_fail(call, DF_E_BAD_MODEL, "input %d has %lld values, at most %zu are allowed", input, (long long)count, most);
        if (!t->data)
            return df__call_fail(call, DF_E_UNSUPPORTED, "input %d is not known before the run", input);
        *n = (size_t)count;
        for (size_t i = 0; i < *n; i++)
            out[i] = df__load_i64(t, (int64_t)i);
        return DF_OK;
    }
    const df_attr *a = attr ? df__node_attr(call->node, attr) : NULL;
    if (!a)
        return DF_OK;
    if (a->kind == DF_ATTR_INT) {
        out[0] = a->v.i;
        *n = 1;
        return DF_OK;
    }
    if (a->kind != DF_ATTR_INTS || a->n > most)
        return df__call_fail(call, DF_E_BAD_MODEL, "attribute %s has %zu values, at most %zu integers are allowed", attr, a->n, most);
    *n = a->n;
    if (a->n)
        memcpy(out, a->v.ints, a->n * sizeof *out);
    return DF_OK;
}

const char *df__call_string(const df_call *call, const char *attr, const char *otherwise)
{
    const df_attr *a = df__node_attr(call->node, attr);
    return a && a->kind == DF_ATTR_STRING ? a->v.s : otherwise;
}

df_tensor df__shape_like(const df_tensor *t)
{
    df_tensor s = *t;
    s.data = NULL;
    return s;
}

size_t df__tensor_bytes(const df_tensor *t) { return (size_t)df__tensor_count(t) * df__dtype_size(t->type); }

bool df__call_idle(const df_call *call)
{
    for (size_t i = 0; i < call->n_out; i++)
        if (df__wanted(call, i) && df__tensor_count(&call->out[i]) != 0)
            return false;
    return true;
}

df_status df__call_check(const df_call *call, const df_tensor *t)
{
    int64_t n = t->rank < 0 || t->rank > DF_MAX_RANK ? -1 : df__tensor_count(t);
    if (t->rank > DF_MAX_RANK)
        return df__call_fail(call, DF_E_LIMIT, "a tensor of %d dimensions, the limit is %d", t->rank, DF_MAX_RANK);
    if (n < 0)
        return df__call_fail(call, DF_E_BAD_MODEL, "a tensor whose size is not known or absurd");
    if (df__dtype_size(t->type) == 0)
        return df__call_fail(call, DF_E_BAD_MODEL, "a tensor of no type");
    if (n != 0 && (uint64_t)n > call->limits->bytes / df__dtype_size(t->type))
        return df__call_fail(call, DF_E_LIMIT, "a tensor of %lld elements, the limit is %zu bytes", (long long)n, call->limits->bytes);
    return DF_OK;
}

df_status df__call_work(const df_call *call, int64_t outputs, int64_t each)
{
    if (each > 0 && outputs > call->limits->work / each)
        return df__call_fail(call, DF_E_LIMIT, "%lld x %lld multiply-adds, the limit is %lld", (long long)outputs, (long long)each,
                             (long long)call->limits->work);
    return DF_OK;
}

df_status df__broadcast(const df_call *call, const df_tensor *a, const df_tensor *b, df_tensor *out)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dims[DF_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1)
            return df__call_fail(call, DF_E_BAD_MODEL, "dimension %d is %lld and %lld, which do not broadcast", i, (long long)da,
                                 (long long)db);
        dims[i] = da == 1 ? db : da;
    }
    out->rank = rank;
    memcpy(out->dims, dims, sizeof dims);
    return DF_OK;
}

#define EACH_TYPE(X)                                                                                                            \
    X(DF_F32, float) X(DF_F64, double) X(DF_U8, uint8_t) X(DF_I8, int8_t) X(DF_U16, uint16_t) X(DF_I16, int16_t)                \
    X(DF_I32, int32_t) X(DF_I64, int64_t) X(DF_U32, uint32_t) X(DF_U64, uint64_t)

/* A float outside int64 has no value as one; it becomes the nearest. */
static int64_t cut(double v)
{
    return v != v ? 0 : v >= 0x1p63 ? INT64_MAX : v <= -0x1p63 ? INT64_MIN : (int64_t)v;
}

int64_t df__load_i64(const df_tensor *t, int64_t i)
{
    switch (t->type) {
    case DF_F32: return cut((double)((const float *)t->data)[i]);
    case DF_F64: return cut(((const double *)t->data)[i]);
    case DF_BOOL: return ((const uint8_t *)t->data)[i] != 0;
    case DF_U8: return ((const uint8_t *)t->data)[i];
    case DF_I8: return ((const int8_t *)t->data)[i];
    case DF_U16: return ((const uint16_t *)t->data)[i];
    case DF_I16: return ((const int16_t *)t->data)[i];
    case DF_I32: return ((const int32_t *)t->data)[i];
    case DF_U32: return ((const uint32_t *)t->data)[i];
    case DF_I64: return ((const int64_t *)t->data)[i];
    case DF_U64: return (int64_t)((const uint64_t *)t->data)[i];
    case DF_F16:
    case DF_BF16: break;
    }
    return 0;
}

double df__load_f64(const df_tensor *t, int64_t i)
{
    if (t->type == DF_F32)
        return (double)((const float *)t->data)[i];
    if (t->type == DF_F64)
        return ((const double *)t->data)[i];
    if (t->type == DF_U64)
        return (double)((const uint64_t *)t->data)[i];
    return (double)df__load_i64(t, i);
}

void df__store_i64(df_tensor *t, int64_t i, int64_t v)
{
    switch (t->type) {
#define STORE(type, T)             \
    case type:                     \
        ((T *)t->data)[i] = (T)v;  \
        break;
        EACH_TYPE(STORE)
    case DF_BOOL:
        ((uint8_t *)t->data)[i] = v != 0;
        break;
    case DF_F16:
    case DF_BF16: break;
    }
}

void df__store_f64(df_tensor *t, int64_t i, double v)
{
    if (t->type == DF_F32)
        ((float *)t->data)[i] = (float)v;
    else if (t->type == DF_F64)
        ((double *)t->data)[i] = v;
    else if (t->type == DF_BOOL)
        ((uint8_t *)t->data)[i] = v != 0;
    else if (t->type == DF_U64)
        ((uint64_t *)t->data)[i] = v >= 0x1p64 ? UINT64_MAX : v > 0 ? (uint64_t)v : (uint64_t)cut(v);
    else
        df__store_i64(t, i, cut(v));
}

void df__strides(const df_tensor *t, int64_t strides[DF_MAX_RANK])
{
    int64_t s = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = s;
        s *= t->dims[i];
    }
}
