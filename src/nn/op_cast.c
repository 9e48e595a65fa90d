/* op_cast.c - Cast and CastLike. The engine holds half floats as float32 (net.c), so a cast to them is one to float32 here; values are
 * rounded to half precision where they leave the network. */
#include <string.h>

#include "nn/op.h"

static df_status cast_infer(df_call *call)
{
    bool like = strcmp(call->node->op, "CastLike") == 0;
    df_status st = df__call_arity(call, like ? 2 : 1, like ? 2 : 1);
    if (st != DF_OK)
        return st;
    int64_t to = like ? (int64_t)call->in[1].type : df__node_int(call->node, "to", 0);
    if (to < 1 || to > DF_BF16 || df__dtype_size((df_dtype)to) == 0)
        return df__call_fail(call, DF_E_UNSUPPORTED, "a cast to data type %lld", (long long)to);
    call->out[0] = df__shape_like(&call->in[0]);
    call->out[0].type = to == DF_F16 || to == DF_BF16 ? DF_F32 : (df_dtype)to;
    return DF_OK;
}

static df_status cast_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0];
    int64_t n = df__tensor_count(x);
    if (x->type == y->type) {
        if (n && y->data != x->data)
            memcpy(y->data, x->data, df__tensor_bytes(y));
        return DF_OK;
    }
    bool through_floats = df__is_float(x->type) || df__is_float(y->type);
    for (int64_t i = 0; i < n; i++) {
        if (!through_floats)
            df__store_i64(y, i, df__load_i64(x, i));
        else if (df__is_float(y->type) || y->type == DF_BOOL || y->type == DF_U64)
            df__store_f64(y, i, df__load_f64(x, i));
        else
            df__store_i64(y, i, df__load_i64(x, i));
    }
    return DF_OK;
}

const df_op df__op_Cast = {.name = "Cast", .flags = DF_OP_ELEMENTWISE, .infer = cast_infer, .run = cast_run};
const df_op df__op_CastLike = {.name = "CastLike", .infer = cast_infer, .run = cast_run};
