/* op_sort.c - numbers of every type as integers that sort like them, a stable merge sort of rows of such keys, and TopK. */
#include <string.h>

#include "nn/op.h"

int64_t df__sort_key(const df_tensor *t, int64_t i)
{
    if (t->type == DF_U64)
        return (int64_t)(((const uint64_t *)t->data)[i] ^ (uint64_t)1 << 63);
    if (!df__is_float(t->type))
        return df__load_i64(t, i);
    double v = df__load_f64(t, i);
    int64_t bits;
    if (v != v)
        return INT64_MAX;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof bits);
    return bits >= 0 ? bits : bits ^ INT64_MAX; /* IEEE 754: sign and magnitude */
}

static bool above(const int64_t *a, const int64_t *b, int64_t width)
{
    for (int64_t i = 0; i < width; i++)
        if (a[i] != b[i])
            return a[i] > b[i];
    return false;
}

void df__sort_rows(const int64_t *keys, int64_t width, int64_t *order, int64_t n, int64_t *spare)
{
    int64_t *from = order, *to = spare;
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t i = 0; i < n; i += 2 * run) {
            int64_t a = i, middle = i + run < n ? i + run : n, b = middle, end = i + 2 * run < n ? i + 2 * run : n;
            for (int64_t k = i; k < end; k++) {
                bool second = a == middle || (b < end && above(keys + from[a] * width, keys + from[b] * width, width));
                to[k] = second ? from[b++] : from[a++];
            }
        }
        int64_t *t = from;
        from = to;
        to = t;
    }
    if (from != order && n > 0)
        memcpy(order, from, (size_t)n * sizeof *order);
}

/* ---- TopK: k as an attribute (opset 1) or an input (opset 10) ---- */

static df_status top_of(const df_call *call, int *axis, int64_t *k)
{
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", -1), call->in[0].rank, axis));
    DF_TRY(df__call_ints(call, 1, "k", k, 1, &n));
    if (n != 1 || *k < 0 || *k > call->in[0].dims[*axis])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "the first %lld of %lld", n == 1 ? (long long)*k : -1, (long long)call->in[0].dims[*axis]));
done:
    return st;
}

static df_status top_infer(df_call *call)
{
    int axis = 0;
    int64_t k = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 2));
    DF_TRY(df__call_types(call, 0, df__numbers));
    DF_TRY(top_of(call, &axis, &k));
    for (size_t i = 0; i < 2 && i < call->n_out; i++) {
        if (!df__wanted(call, i))
            continue;
        call->out[i] = df__shape_like(&call->in[0]);
        call->out[i].dims[axis] = k;
        call->out[i].type = i ? DF_I64 : call->in[0].type;
    }
done:
    return st;
}

static df_status top_run(const df_call *call)
{
    int axis = 0;
    int64_t k = 0, outer = 1, inner = 1;
    const df_tensor *x = &call->in[0];
    size_t size = df__dtype_size(x->type);
    df_status st = top_of(call, &axis, &k);
    if (st != DF_OK)
        return st;
    int64_t n = x->dims[axis];
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dims[i];
    int64_t *keys = df__arena_calloc(call->scratch, (size_t)n + 1, 3 * sizeof *keys), *order = keys + n, *spare = order + n;
    if (!keys)
        return df__no_memory(call->err, "TopK", (size_t)n * 3 * sizeof *keys);
    bool largest = df__node_int(call->node, "largest", 1) != 0;
    for (int64_t r = 0; r < outer * inner; r++) {
        int64_t from = r / inner * n * inner + r % inner, to = r / inner * k * inner + r % inner;
        for (int64_t i = 0; i < n; i++) {
            int64_t key = df__sort_key(x, from + i * inner);
            keys[i] = largest ? ~key : key;
            order[i] = i;
        }
        df__sort_rows(keys, 1, order, n, spare);
        for (int64_t i = 0; i < k; i++, to += inner) {
            if (df__wanted(call, 0))
                memcpy((char *)call->out[0].data + (size_t)to * size, (const char *)x->data + (size_t)(from + order[i] * inner) * size, size);
            if (df__wanted(call, 1))
                ((int64_t *)call->out[1].data)[to] = order[i];
        }
    }
    return DF_OK;
}

const df_op df__op_TopK = {.name = "TopK", .flags = DF_OP_AXIS, .needs = 2, .infer = top_infer, .run = top_run};
