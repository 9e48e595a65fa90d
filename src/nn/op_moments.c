/* op_moments.c - MeanVarianceNormalization over any axes, GlobalLpPool, Shrink. */
#include <math.h>
#include <string.h>

#include "nn/op.h"

/* ---- MeanVarianceNormalization ---- */

static df_status mvn_axes(const df_call *call, bool *gone)
{
    static const int64_t otherwise[] = {0, 2, 3};
    int64_t axes[DF_MAX_RANK];
    size_t n = 0;
    df_status st = DF_OK;
    memset(gone, 0, DF_MAX_RANK * sizeof *gone);
    DF_TRY(df__call_ints(call, -1, "axes", axes, DF_MAX_RANK, &n));
    if (!df__node_attr(call->node, "axes"))
        memcpy(axes, otherwise, sizeof otherwise), n = 3;
    for (size_t i = 0; i < n; i++) {
        int axis = 0;
        DF_TRY(df__call_axis(call, axes[i], call->in[0].rank, &axis));
        gone[axis] = true;
    }
done:
    return st;
}

static df_status mvn_infer(df_call *call)
{
    bool gone[DF_MAX_RANK];
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(df__call_types(call, 0, df__floats));
    DF_TRY(mvn_axes(call, gone));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

static df_status mvn_run(const df_call *call)
{
    bool gone[DF_MAX_RANK];
    const df_tensor *x = &call->in[0];
    int64_t at[DF_MAX_RANK] = {0}, step[DF_MAX_RANK], groups = 1, all = df__tensor_count(x), i = 0;
    df_status st = mvn_axes(call, gone);
    if (st != DF_OK)
        return st;
    for (int d = x->rank - 1; d >= 0; d--) { /* the number of the group that an element belongs to */
        step[d] = gone[d] ? 0 : groups;
        groups *= gone[d] ? 1 : x->dims[d];
    }
    double *sum = df__arena_calloc(call->scratch, (size_t)groups, sizeof *sum), *squares = df__arena_calloc(call->scratch, (size_t)groups, sizeof *sum);
    if (!sum || !squares)
        return df__no_memory(call->err, "MeanVarianceNormalization", (size_t)groups * sizeof *sum);
    double each = (double)(all / groups);
    for (int pass = 0; pass < 3; pass++) {
        i = 0;
        do {
            int64_t g = 0;
            for (int d = 0; d < x->rank; d++)
                g += at[d] * step[d];
            double v = df__load_f64(x, i) - (pass ? sum[g] / each : 0);
            if (pass == 0)
                sum[g] += v;
            else if (pass == 1)
                squares[g] += v * v;
            else
                df__store_f64(&call->out[0], i, v / (sqrt(squares[g] / each) + 1e-9)); /* epsilon of the standard's function */
            i++;
        } while (df__next_index(at, x->dims, x->rank));
    }
    return DF_OK;
}

/* ---- GlobalLpPool ---- */

static df_status global_infer(df_call *call)
{
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(df__call_types(call, 0, df__floats));
    if (call->in[0].rank < 3 || df__node_int(call->node, "p", 2) < 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, p %lld", call->in[0].rank, (long long)df__node_int(call->node, "p", 2)));
    call->out[0] = df__shape_like(&call->in[0]);
    for (int i = 2; i < call->out[0].rank; i++)
        call->out[0].dims[i] = 1;
done:
    return st;
}

static df_status global_run(const df_call *call)
{
    int64_t planes = df__tensor_count(&call->out[0]), area = df__tensor_count(&call->in[0]) / planes;
    double p = (double)df__node_int(call->node, "p", 2);
    for (int64_t i = 0; i < planes; i++) {
        double sum = 0;
        for (int64_t k = 0; k < area; k++)
            sum += pow(fabs(df__load_f64(&call->in[0], i * area + k)), p);
        df__store_f64(&call->out[0], i, pow(sum, 1 / p));
    }
    return DF_OK;
}

/* ---- Shrink: towards 0 by `bias`, and to 0 within `lambd` of it ---- */

static df_status shrink_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, df__numbers);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

static df_status shrink_run(const df_call *call)
{
    double bias = (double)df__node_float(call->node, "bias", 0), lambda = (double)df__node_float(call->node, "lambd", 0.5f);
    for (int64_t i = 0, n = df__tensor_count(&call->in[0]); i < n; i++) {
        double v = df__load_f64(&call->in[0], i);
        df__store_f64(&call->out[0], i, v < -lambda ? v + bias : v > lambda ? v - bias : 0);
    }
    return DF_OK;
}

const df_op df__op_MeanVarianceNormalization = {.name = "MeanVarianceNormalization", .flags = DF_OP_AXIS, .infer = mvn_infer, .run = mvn_run};
const df_op df__op_GlobalLpPool = {.name = "GlobalLpPool", .infer = global_infer, .run = global_run};
const df_op df__op_Shrink = {.name = "Shrink", .flags = DF_OP_ELEMENTWISE | DF_OP_INPLACE, .infer = shrink_infer, .run = shrink_run};
