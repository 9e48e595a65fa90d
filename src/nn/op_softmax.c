/* op_softmax.c - Softmax, LogSoftmax, Hardmax along one axis (opset 13) or over all from an axis on (before). */
#include <math.h>
#include <string.h>

#include "nn/op.h"

/* Values that are normalised together: n of them, `step` apart; `outer` x `step` such groups. */
typedef struct groups { int64_t outer, n, step; } groups;

static df_status groups_of(const df_call *call, groups *g)
{
    const df_tensor *x = &call->in[0];
    int axis = 0;
    bool old = call->opset < 13;
    if (x->rank == 0) {
        *g = (groups){1, 1, 1};
        return DF_OK;
    }
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", old ? 1 : -1), x->rank, &axis);
    if (st != DF_OK)
        return st;
    *g = (groups){1, old ? 1 : x->dims[axis], 1};
    for (int i = 0; i < axis; i++)
        g->outer *= x->dims[i];
    for (int i = axis + !old; i < x->rank; i++)
        *(old ? &g->n : &g->step) *= x->dims[i];
    return DF_OK;
}

static df_status softmax_infer(df_call *call)
{
    groups g;
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, df__floats);
    if (st == DF_OK)
        st = groups_of(call, &g);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

static void softmax_group(const float *x, float *y, int64_t n, int64_t step, bool log_of)
{
    float top = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        top = x[i * step] > top ? x[i * step] : top;
    for (int64_t i = 0; i < n; i++) {
        float e = expf(x[i * step] - top);
        y[i * step] = log_of ? x[i * step] - top : e;
        sum += e;
    }
    float shift = log_of ? logf(sum) : 0, scale = 1 / sum;
    for (int64_t i = 0; i < n; i++)
        y[i * step] = log_of ? y[i * step] - shift : y[i * step] * scale;
}

static void softmax_group_f64(const double *x, double *y, int64_t n, int64_t step, bool log_of)
{
    double top = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        top = fmax(top, x[i * step]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i * step] - top);
    for (int64_t i = 0; i < n; i++)
        y[i * step] = log_of ? x[i * step] - top - log(sum) : exp(x[i * step] - top) / sum;
}

static void hardmax_group(const df_tensor *x, df_tensor *y, int64_t from, int64_t n, int64_t step)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (df__load_f64(x, from + i * step) > df__load_f64(x, from + best * step))
            best = i;
    for (int64_t i = 0; i < n; i++)
        df__store_f64(y, from + i * step, i == best);
}

static df_status softmax_run(const df_call *call)
{
    groups g;
    const df_tensor *x = &call->in[0];
    df_status st = groups_of(call, &g);
    if (st != DF_OK || df__tensor_count(x) == 0)
        return st;
    bool log_of = strcmp(call->node->op, "LogSoftmax") == 0, hard = strcmp(call->node->op, "Hardmax") == 0;
    for (int64_t o = 0; o < g.outer; o++)
        for (int64_t i = 0; i < g.step; i++) {
            int64_t from = o * g.n * g.step + i;
            if (hard)
                hardmax_group(x, &call->out[0], from, g.n, g.step);
            else if (x->type == DF_F32)
                softmax_group((const float *)x->data + from, (float *)call->out[0].data + from, g.n, g.step, log_of);
            else
                softmax_group_f64((const double *)x->data + from, (double *)call->out[0].data + from, g.n, g.step, log_of);
        }
    return DF_OK;
}

const df_op df__op_Softmax = {.name = "Softmax", .flags = DF_OP_AXIS | DF_OP_INPLACE, .infer = softmax_infer, .run = softmax_run};
const df_op df__op_LogSoftmax = {.name = "LogSoftmax", .flags = DF_OP_AXIS | DF_OP_INPLACE, .infer = softmax_infer, .run = softmax_run};
const df_op df__op_Hardmax = {.name = "Hardmax", .flags = DF_OP_AXIS, .infer = softmax_infer, .run = softmax_run};
