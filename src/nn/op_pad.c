/* op_pad.c - Pad: constant, reflect, edge, wrap. */
#include <string.h>

#include "nn/op.h"

typedef struct pads { int64_t before[DF_MAX_RANK], after[DF_MAX_RANK]; } pads;

static df_status pads_of(const df_call *call, pads *p)
{
    const df_tensor *x = &call->in[0];
    int64_t list[2 * DF_MAX_RANK], axes[DF_MAX_RANK];
    size_t n = 0, n_axes = 0;
    df_status st = DF_OK;
    memset(p, 0, sizeof *p);
    DF_TRY(df__call_ints(call, 1, "pads", list, 2 * DF_MAX_RANK, &n));
    DF_TRY(df__call_ints(call, 3, NULL, axes, DF_MAX_RANK, &n_axes));
    if (!df__given(call, 3))
        for (n_axes = 0; n_axes < (size_t)x->rank; n_axes++)
            axes[n_axes] = (int64_t)n_axes;
    if (n != 2 * n_axes)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%zu pads for %zu axes", n, n_axes));
    for (size_t i = 0; i < n_axes; i++) {
        int axis = 0;
        DF_TRY(df__call_axis(call, axes[i], x->rank, &axis));
        p->before[axis] = list[i];
        p->after[axis] = list[n_axes + i];
        if (list[i] > INT32_MAX || list[i] < -INT32_MAX || list[n_axes + i] > INT32_MAX || list[n_axes + i] < -INT32_MAX)
            DF_TRY(df__call_fail(call, DF_E_LIMIT, "pads of %lld and %lld", (long long)list[i], (long long)list[n_axes + i]));
    }
done:
    return st;
}

static df_status pad_infer(df_call *call)
{
    pads p;
    df_status st = DF_OK;
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = df__call_string(call, "mode", "constant");
    bool known = false;
    DF_TRY(df__call_arity(call, 1, 4));
    for (int i = 0; i < 4; i++)
        known = known || strcmp(mode, modes[i]) == 0;
    if (!known)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "mode \"%s\"", mode));
    if (df__given(call, 2) && (call->in[2].type != call->in[0].type || df__tensor_count(&call->in[2]) != 1))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "the value to pad with is not one %s", df__dtype_name(call->in[0].type)));
    DF_TRY(pads_of(call, &p));
    call->out[0] = df__shape_like(&call->in[0]);
    for (int i = 0; i < call->out[0].rank; i++) {
        int64_t dim = call->in[0].dims[i];
        if (dim > INT32_MAX || dim + p.before[i] + p.after[i] < 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld and %lld around %lld", (long long)p.before[i], (long long)p.after[i], (long long)dim));
        call->out[0].dims[i] = dim + p.before[i] + p.after[i];
        if (mode[0] != 'c' && dim == 0 && call->out[0].dims[i] > 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "nothing to repeat along dimension %d", i));
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

/* Where output pixel i comes from; -1: from outside. */
static int64_t source_of(char mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == 'c')
        return -1;
    if (mode == 'e')
        return i < 0 ? 0 : n - 1;
    if (mode == 'w')
        return (i % n + n) % n;
    if (n == 1)
        return 0;
    int64_t period = 2 * (n - 1), at = (i % period + period) % period;
    return at < n ? at : period - at;
}

static void fill_with(char *to, const void *value, size_t size, int64_t n)
{
    for (int64_t i = 0; i < n; i++, to += size)
        memcpy(to, value, size);
}

/* Nothing is cut off and zeros are put around. */
static bool put_zeros(const df_tensor *x, const df_tensor *y, const pads *p)
{
    int64_t from[DF_MAX_RANK], to[DF_MAX_RANK], place = 0;
    size_t size = df__dtype_size(x->type);
    df__strides(x, from);
    df__strides(y, to);
    for (int d = 0; d < y->rank; d++) {
        if (p->before[d] < 0 || p->after[d] < 0)
            return false;
        place += p->before[d] * to[d];
    }
    memset(y->data, 0, df__tensor_bytes(y));
    df__copy_box(size, x->rank, x->dims, (char *)y->data + (size_t)place * size, to, x->data, from);
    return true;
}

/* The value to pad with, in the bits of the tensor's numbers. */
static uint64_t value_of(const df_call *call)
{
    uint64_t bits = 0;
    df_tensor value = {.type = call->in[0].type, .data = &bits};
    if (df__given(call, 2))
        memcpy(&bits, call->in[2].data, df__dtype_size(value.type));
    else
        df__store_f64(&value, 0, (double)df__node_float(call->node, "value", 0));
    return bits;
}

bool df__pad_behind(const df_call *call, int axis)
{
    pads p;
    for (size_t i = 1; i < 4; i++)
        if (df__given(call, i) && !call->in[i].data)
            return false;
    if (pads_of(call, &p) != DF_OK || df__call_string(call, "mode", "constant")[0] != 'c' || value_of(call) != 0)
        return false;
    for (int i = 0; i < call->in[0].rank; i++)
        if (p.before[i] != 0 || (i == axis ? p.after[i] < 0 : p.after[i] != 0))
            return false;
    return true;
}

static df_status pad_run(const df_call *call)
{
    pads p;
    df_status st = pads_of(call, &p);
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0];
    if (st != DF_OK || df__tensor_count(y) == 0)
        return st;
    char mode = df__call_string(call, "mode", "constant")[0];
    int64_t own[DF_MAX_RANK], at[DF_MAX_RANK] = {0};
    size_t size = df__dtype_size(x->type);
    uint64_t bits = value_of(call);
    if (mode == 'c' && bits == 0 && put_zeros(x, y, &p))
        return DF_OK;
    df__strides(x, own);
    int last = y->rank - 1;
    int64_t row = y->rank ? y->dims[last] : 1, rows = df__tensor_count(y) / row;
    bool whole = mode == 'c' && y->rank > 0 && p.before[last] >= 0 && p.after[last] >= 0;
    char *to = y->data;
    for (int64_t r = 0; r < rows; r++) {
        int64_t from = 0;
        bool outside = false;
        for (int d = 0; d < last; d++) {
            int64_t s = source_of(mode, at[d] - p.before[d], x->dims[d]);
            outside = outside || s < 0;
            from += s * own[d];
        }
        if (whole && !outside) { /* the value, the row, the value */
            int64_t middle = x->dims[last] * (int64_t)size;
            fill_with(to, &bits, size, p.before[last]);
            if (middle)
                memcpy(to + p.before[last] * (int64_t)size, (const char *)x->data + from * (int64_t)size, (size_t)middle);
            fill_with(to + p.before[last] * (int64_t)size + middle, &bits, size, p.after[last]);
            to += row * (int64_t)size;
        } else if (whole) {
            fill_with(to, &bits, size, row);
            to += row * (int64_t)size;
        }
        for (int64_t i = 0; i < row && !whole; i++, to += size) {
            int64_t s = y->rank ? source_of(mode, i - p.before[last], x->dims[last]) : 0;
            memcpy(to, outside || s < 0 ? (const char *)&bits : (const char *)x->data + (size_t)(from + s) * size, size);
        }
        for (int d = last - 1; d >= 0 && ++at[d] == y->dims[d]; d--)
            at[d] = 0;
    }
    return DF_OK;
}

const df_op df__op_Pad = {.name = "Pad", .flags = DF_OP_AXIS, .needs = 2 | 8, .infer = pad_infer, .run = pad_run};
