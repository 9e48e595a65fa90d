/* op_unit.c - vectors along one axis made of length 1: the engine's own operator for what files spell with ReduceL2, Clip, Div and others
 * (pass_norms.c). y = x / (max(sqrt(max(sum x^2 + add, floor)), least) + plus), attributes all but axis 0 where absent. */
#include <math.h>

#include "core/simd.h"
#include "nn/pass_rewrite.h"

enum { LANES = 8 };

static df_status unit_infer(df_call *call)
{
    int axis;
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, (const df_dtype[]){DF_F32, 0});
    if (st == DF_OK)
        st = df__call_axis(call, df__node_int(call->node, "axis", -1), call->in[0].rank, &axis);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

static double sum_of_squares(const float *x, int64_t n, int64_t step)
{
    double lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % LANES] += (double)x[i * step] * (double)x[i * step];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

static df_status unit_run(const df_call *call)
{
    int axis;
    const df_tensor *t = &call->in[0];
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", -1), t->rank, &axis);
    if (st != DF_OK)
        return st;
    float add = df__node_float(call->node, "add", 0), least_square = df__node_float(call->node, "floor", 0);
    float least = df__node_float(call->node, "least", 0), plus = df__node_float(call->node, "plus", 0);
    int64_t outer = 1, inner = 1, n = t->dims[axis];
    for (int i = 0; i < t->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : t->dims[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < inner; k++) {
            const float *x = (const float *)t->data + o * n * inner + k;
            float *y = (float *)call->out[0].data + o * n * inner + k;
            float square = (float)sum_of_squares(x, n, inner) + add;
            float length = sqrtf(fmaxf(square, least_square));
            length = fmaxf(length, least) + plus;
            for (int64_t i = 0; i < n; i++)
                y[i * inner] = x[i * inner] / length;
        }
    return DF_OK;
}

const df_op df__op_unit = {.name = "unit length", .flags = DF_OP_AXIS | DF_OP_INPLACE, .infer = unit_infer, .run = unit_run};
