/* op_loop.c - what Loop and Scan become beside their bodies (pass_loop.c): tensors laid side by side along a new dimension, and one taken out. */
#include <string.h>

#include "nn/op.h"

/* The attribute `axis` of a tensor of so many dimensions. */
static df_status axis_of(const df_call *call, int rank, int *axis)
{
    int64_t a = df__node_int(call->node, "axis", 0);
    if (a < -rank || a >= rank)
        return df__call_fail(call, DF_E_BAD_MODEL, "axis %lld of %d dimensions", (long long)a, rank);
    *axis = (int)(a < 0 ? a + rank : a);
    return DF_OK;
}

/* Bytes of a run behind the axis, and how many such runs there are. */
static void runs(const df_tensor *t, int axis, int64_t *outer, size_t *inner)
{
    *outer = 1;
    *inner = df__dtype_size(t->type);
    for (int i = 0; i < t->rank; i++)
        if (i < axis)
            *outer *= t->dims[i];
        else
            *inner *= (size_t)t->dims[i];
}

static df_status stack_infer(df_call *call)
{
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, SIZE_MAX));
    const df_tensor *x = &call->in[0];
    if (x->rank == DF_MAX_RANK)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "tensors of %d dimensions side by side, the limit is %d", x->rank, DF_MAX_RANK));
    DF_TRY(axis_of(call, x->rank + 1, &axis));
    for (size_t i = 1; i < call->n_in; i++)
        if (call->in[i].type != x->type || call->in[i].rank != x->rank || memcmp(call->in[i].dims, x->dims, (size_t)x->rank * sizeof *x->dims) != 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "iteration %zu makes a tensor of another shape or type than the first", i));
    df_tensor *y = &call->out[0];
    *y = df__shape_like(x);
    y->rank++;
    memmove(y->dims + axis + 1, x->dims + axis, (size_t)(x->rank - axis) * sizeof *x->dims);
    y->dims[axis] = (int64_t)call->n_in;
    DF_TRY(df__call_check(call, y));
done:
    return st;
}

static df_status stack_run(const df_call *call)
{
    int axis = 0;
    int64_t outer;
    size_t inner;
    df_status st = axis_of(call, call->in[0].rank + 1, &axis);
    runs(&call->in[0], axis, &outer, &inner);
    char *to = call->out[0].data;
    for (int64_t o = 0; o < outer && st == DF_OK && inner > 0; o++)
        for (size_t i = 0; i < call->n_in; i++, to += inner)
            memcpy(to, (const char *)call->in[i].data + (size_t)o * inner, inner);
    return st;
}

static df_status pick_infer(df_call *call)
{
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    const df_tensor *x = &call->in[0];
    DF_TRY(axis_of(call, x->rank, &axis));
    int64_t index = df__node_int(call->node, "index", 0);
    if (index < 0 || index >= x->dims[axis])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "index %lld of %lld", (long long)index, (long long)x->dims[axis]));
    df_tensor *y = &call->out[0];
    *y = df__shape_like(x);
    y->rank--;
    memmove(y->dims + axis, x->dims + axis + 1, (size_t)(y->rank - axis) * sizeof *x->dims);
    DF_TRY(df__call_check(call, y));
done:
    return st;
}

static df_status pick_run(const df_call *call)
{
    int axis = 0;
    int64_t outer;
    size_t inner;
    const df_tensor *x = &call->in[0];
    df_status st = axis_of(call, x->rank, &axis);
    if (st != DF_OK)
        return st;
    runs(&call->out[0], axis, &outer, &inner);
    const char *from = (const char *)x->data + (size_t)df__node_int(call->node, "index", 0) * inner;
    for (int64_t o = 0; o < outer && inner > 0; o++)
        memcpy((char *)call->out[0].data + (size_t)o * inner, from + (size_t)(o * x->dims[axis]) * inner, inner);
    return DF_OK;
}

const df_op df__op_stack = {.name = "stack", .infer = stack_infer, .run = stack_run};
const df_op df__op_pick = {.name = "pick", .infer = pick_infer, .run = pick_run};
