/* op_reduce.c - many numbers to one along axes: ReduceSum and its kin, ArgMax, ArgMin, GlobalAveragePool, GlobalMaxPool. Floats are summed in
 * double precision, so the order of the axes and the layout do not show. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

enum { BLOCK = 256 }; /* outputs that are reduced side by side */

typedef enum kind { SUM, MEAN, SQUARES, L1, L2, LOG_SUM, LOG_SUM_EXP, MAX, MIN, PROD } kind;
static const char *const kinds[] = {"ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
                                    "ReduceMax", "ReduceMin", "ReduceProd"};

static kind kind_of(const df_call *call)
{
    if (strcmp(call->node->op, "GlobalAveragePool") == 0)
        return MEAN;
    if (strcmp(call->node->op, "GlobalMaxPool") == 0)
        return MAX;
    for (int i = 0; i <= PROD; i++)
        if (strcmp(kinds[i], call->node->op) == 0)
            return (kind)i;
    return SUM;
}

/* The kept and the reduced dimensions, each with its strides in the input; innermost last. */
typedef struct plan {
    int     kept, gone;
    int64_t kept_dims[DF_MAX_RANK], kept_step[DF_MAX_RANK], gone_dims[DF_MAX_RANK], gone_step[DF_MAX_RANK];
    int64_t outputs, each;
} plan;

static void add_dim(int *n, int64_t *dims, int64_t *step, int64_t dim, int64_t stride)
{
    if (dim == 1)
        return;
    if (*n > 0 && step[*n - 1] == stride * dim) {
        dims[*n - 1] *= dim;
        step[*n - 1] = stride;
    } else {
        dims[*n] = dim;
        step[(*n)++] = stride;
    }
}

static plan plan_of(const df_tensor *x, const bool *gone)
{
    plan p = {.outputs = 1, .each = 1};
    int64_t own[DF_MAX_RANK];
    df__strides(x, own);
    for (int i = 0; i < x->rank; i++) {
        if (gone[i])
            add_dim(&p.gone, p.gone_dims, p.gone_step, x->dims[i], own[i]);
        else
            add_dim(&p.kept, p.kept_dims, p.kept_step, x->dims[i], own[i]);
        *(gone[i] ? &p.each : &p.outputs) *= x->dims[i];
    }
    return p;
}

/* Offset of the i-th index of a list of dims. */
static int64_t offset_of(int64_t i, int n, const int64_t *dims, const int64_t *step)
{
    int64_t offset = 0;
    for (int d = n - 1; d >= 0; d--) {
        offset += i % dims[d] * step[d];
        i /= dims[d];
    }
    return offset;
}

/* acc[i] takes x[i * sx] in, for n neighbours (side by side) or n values into one (`one`). `top`: what LogSumExp subtracts. */
#define ACCUMULATE(name, e)                                                                                              \
    DF_CLONES static void name(double *acc, bool one, const float *x, int64_t sx, int64_t n, const double *top)          \
    {                                                                                                                    \
        if (one) {                                                                                                       \
            double a = acc[0], t = top[0];                                                                               \
            (void)t;                                                                                                     \
            for (int64_t i = 0; i < n; i++) {                                                                            \
                double v = (double)x[i * sx];                                                                            \
                a = (e);                                                                                                 \
            }                                                                                                            \
            acc[0] = a;                                                                                                  \
        } else {                                                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                                            \
                double v = (double)x[i * sx], a = acc[i], t = top[i];                                                    \
                (void)t;                                                                                                 \
                acc[i] = (e);                                                                                            \
            }                                                                                                            \
        }                                                                                                                \
    }
ACCUMULATE(acc_sum, a + v)
ACCUMULATE(acc_squares, a + v * v)
ACCUMULATE(acc_abs, a + fabs(v))
ACCUMULATE(acc_exp, a + (t == v ? 1 : exp(v - t))) /* t == v also where both are infinite */
ACCUMULATE(acc_max, v > a || v != v ? v : a)
ACCUMULATE(acc_min, v < a || v != v ? v : a)
ACCUMULATE(acc_prod, a *v)

typedef void (*accumulate)(double *, bool, const float *, int64_t, int64_t, const double *);

static double begin(kind k) { return k == MAX ? -INFINITY : k == MIN ? INFINITY : k == PROD ? 1 : 0; }

static double finish(kind k, double a, double top, int64_t each)
{
    switch (k) {
    case MEAN: return a / (double)each;
    case L2: return sqrt(a);
    case LOG_SUM: return log(a);
    case LOG_SUM_EXP: return log(a) + top;
    default: return a;
    }
}

/* All values of `n` outputs that lie `stride` apart, the first at x. */
static void gather_f32(accumulate fn, const plan *p, const float *x, int64_t stride, int64_t n, double *acc, const double *top)
{
    int64_t inner = p->gone ? p->gone_dims[p->gone - 1] : 1, step = p->gone ? p->gone_step[p->gone - 1] : 0;
    int64_t rows = inner ? p->each / inner : 0;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + (p->gone ? offset_of(r, p->gone - 1, p->gone_dims, p->gone_step) : 0);
        if (n == 1)
            fn(acc, true, row, step, inner, top);
        else
            for (int64_t i = 0; i < inner; i++)
                fn(acc, false, row + i * step, stride, n, top);
    }
}

static void reduce_f32(kind k, const plan *p, const float *x, float *y)
{
    static const accumulate fns[] = {acc_sum, acc_sum, acc_squares, acc_abs, acc_squares, acc_sum, acc_exp, acc_max, acc_min, acc_prod};
    double acc[BLOCK], top[BLOCK];
    int64_t run = p->kept ? p->kept_dims[p->kept - 1] : 1, stride = p->kept ? p->kept_step[p->kept - 1] : 0;
    bool side_by_side = stride == 1 && run > 1; /* else each output sums its own rows */
    for (int64_t i = 0, n; i < p->outputs; i += n) {
        n = 1;
        if (side_by_side) {
            n = run - i % run;
            n = n < BLOCK ? n : BLOCK;
        }
        const float *from = x + offset_of(i, p->kept, p->kept_dims, p->kept_step);
        for (int64_t j = 0; j < n; j++) {
            acc[j] = k == LOG_SUM_EXP ? -INFINITY : begin(k);
            top[j] = 0;
        }
        if (k == LOG_SUM_EXP) {
            gather_f32(acc_max, p, from, stride, n, acc, top);
            for (int64_t j = 0; j < n; j++) {
                top[j] = acc[j];
                acc[j] = 0;
            }
        }
        gather_f32(fns[k], p, from, stride, n, acc, top);
        for (int64_t j = 0; j < n; j++)
            y[i + j] = (float)finish(k, acc[j], top[j], p->each);
    }
}

static double step_f64(kind k, double a, double v, double t)
{
    switch (k) {
    case SQUARES:
    case L2: return a + v * v;
    case L1: return a + fabs(v);
    case LOG_SUM_EXP: return a + (v == t ? 1 : exp(v - t));
    case MAX: return v > a || v != v ? v : a;
    case MIN: return v < a || v != v ? v : a;
    case PROD: return a * v;
    default: return a + v;
    }
}

static int64_t step_i64(kind k, int64_t a, int64_t v)
{
    switch (k) {
    case SQUARES:
    case L2: return (int64_t)((uint64_t)a + (uint64_t)v * (uint64_t)v);
    case L1: return (int64_t)((uint64_t)a + (v < 0 ? 0 - (uint64_t)v : (uint64_t)v));
    case MAX: return v > a ? v : a;
    case MIN: return v < a ? v : a;
    case PROD: return (int64_t)((uint64_t)a * (uint64_t)v);
    default: return (int64_t)((uint64_t)a + (uint64_t)v);
    }
}

/* Doubles and integers, one number at a time. */
static void reduce_any(kind k, const plan *p, const df_tensor *x, df_tensor *y)
{
    bool floats = df__is_float(x->type);
    for (int64_t i = 0; i < p->outputs; i++) {
        int64_t from = offset_of(i, p->kept, p->kept_dims, p->kept_step);
        double a = begin(k), top = -INFINITY;
        int64_t b = k == MAX ? INT64_MIN : k == MIN ? INT64_MAX : k == PROD;
        if (k == LOG_SUM_EXP)
            for (int64_t j = 0; j < p->each; j++)
                top = fmax(top, df__load_f64(x, from + offset_of(j, p->gone, p->gone_dims, p->gone_step)));
        for (int64_t j = 0; j < p->each; j++) {
            int64_t at = from + offset_of(j, p->gone, p->gone_dims, p->gone_step);
            if (floats || k == LOG_SUM_EXP)
                a = step_f64(k, a, df__load_f64(x, at), top);
            else
                b = step_i64(k, b, df__load_i64(x, at));
        }
        if (floats || k == LOG_SUM_EXP)
            df__store_f64(y, i, finish(k, a, top, p->each));
        else if (k == L2 || k == LOG_SUM)
            df__store_f64(y, i, finish(k, (double)b, 0, p->each));
        else
            df__store_i64(y, i, k == MEAN ? (p->each ? b / p->each : 0) : b);
    }
}

/* Which axes go, in the layout of the call. */
static df_status axes_of(const df_call *call, bool *gone)
{
    int rank = call->in[0].rank;
    int64_t axes[DF_MAX_RANK];
    size_t n = 0;
    memset(gone, 0, DF_MAX_RANK * sizeof *gone);
    if (strncmp(call->node->op, "Global", 6) == 0) {
        for (int i = 2; i < rank; i++)
            gone[call->nhwc ? i - 1 : i] = true;
        return DF_OK;
    }
    df_status st = df__call_ints(call, 1, "axes", axes, DF_MAX_RANK, &n);
    if (st != DF_OK)
        return st;
    bool none = n == 0 && df__node_int(call->node, "noop_with_empty_axes", 0) != 0;
    for (int i = 0; i < rank && n == 0; i++)
        gone[i] = !none;
    for (size_t i = 0; i < n && st == DF_OK; i++) {
        int axis = 0;
        st = df__call_axis(call, axes[i], rank, &axis);
        if (st == DF_OK)
            gone[axis] = true;
    }
    return st;
}

static void reduced_dims(const df_call *call, const bool *gone, bool keep, df_tensor *y)
{
    const df_tensor *x = &call->in[0];
    y->rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!gone[i] || keep)
            y->dims[y->rank++] = gone[i] ? 1 : x->dims[i];
}

static df_status reduce_infer(df_call *call)
{
    static const df_dtype with_bool[] = {DF_F32, DF_F64, DF_U8, DF_I8, DF_U16, DF_I16, DF_I32, DF_I64, DF_U32, DF_U64, DF_BOOL, 0};
    bool gone[DF_MAX_RANK], global = strncmp(call->node->op, "Global", 6) == 0;
    kind k = kind_of(call);
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 2));
    DF_TRY(df__call_types(call, 0, global ? df__floats : k == MAX || k == MIN ? with_bool : df__numbers));
    DF_TRY(axes_of(call, gone));
    call->out[0].type = call->in[0].type;
    reduced_dims(call, gone, global || df__node_int(call->node, "keepdims", 1) != 0, &call->out[0]);
    DF_TRY(df__call_work(call, df__tensor_count(&call->in[0]), 1));
done:
    return st;
}

static df_status reduce_run(const df_call *call)
{
    bool gone[DF_MAX_RANK];
    df_status st = axes_of(call, gone);
    if (st != DF_OK)
        return st;
    plan p = plan_of(&call->in[0], gone);
    if (call->in[0].type == DF_F32)
        reduce_f32(kind_of(call), &p, call->in[0].data, call->out[0].data);
    else
        reduce_any(kind_of(call), &p, &call->in[0], &call->out[0]);
    return DF_OK;
}

/* ---- ArgMax, ArgMin ---- */

static df_status arg_infer(df_call *call)
{
    bool gone[DF_MAX_RANK] = {false};
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(df__call_types(call, 0, df__numbers));
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", 0), call->in[0].rank, &axis));
    if (call->in[0].dims[axis] == 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "axis %d is empty", axis));
    gone[axis] = true;
    call->out[0].type = DF_I64;
    reduced_dims(call, gone, df__node_int(call->node, "keepdims", 1) != 0, &call->out[0]);
done:
    return st;
}

static df_status arg_run(const df_call *call)
{
    bool gone[DF_MAX_RANK] = {false};
    int axis = 0;
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", 0), call->in[0].rank, &axis);
    if (st != DF_OK)
        return st;
    gone[axis] = true;
    const df_tensor *x = &call->in[0];
    plan p = plan_of(x, gone);
    bool most = strcmp(call->node->op, "ArgMax") == 0, last = df__node_int(call->node, "select_last_index", 0) != 0;
    bool floats = df__is_float(x->type);
    int64_t *y = call->out[0].data;
    for (int64_t i = 0; i < p.outputs; i++) {
        int64_t from = offset_of(i, p.kept, p.kept_dims, p.kept_step), best = 0, step = p.gone ? p.gone_step[0] : 0;
        for (int64_t j = 1; j < p.each; j++) {
            int64_t a = from + j * step, b = from + best * step;
            bool above, equal;
            if (floats) {
                above = most ? df__load_f64(x, a) > df__load_f64(x, b) : df__load_f64(x, a) < df__load_f64(x, b);
                equal = df__load_f64(x, a) == df__load_f64(x, b);
            } else {
                above = most ? df__load_i64(x, a) > df__load_i64(x, b) : df__load_i64(x, a) < df__load_i64(x, b);
                equal = df__load_i64(x, a) == df__load_i64(x, b);
            }
            if (above || (last && equal))
                best = j;
        }
        y[i] = best;
    }
    return DF_OK;
}

#define REDUCE(op) const df_op df__op_##op = {.name = #op, .flags = DF_OP_AXIS, .needs = 2, .infer = reduce_infer, .run = reduce_run};
REDUCE(ReduceSum) REDUCE(ReduceMean) REDUCE(ReduceSumSquare) REDUCE(ReduceL1) REDUCE(ReduceL2) REDUCE(ReduceLogSum)
REDUCE(ReduceLogSumExp) REDUCE(ReduceMax) REDUCE(ReduceMin) REDUCE(ReduceProd)
const df_op df__op_GlobalAveragePool = {
    .name = "GlobalAveragePool", .flags = DF_OP_CHANNELS_LAST | DF_OP_HALVES, .infer = reduce_infer, .run = reduce_run};
const df_op df__op_GlobalMaxPool = {.name = "GlobalMaxPool", .flags = DF_OP_CHANNELS_LAST | DF_OP_HALVES, .infer = reduce_infer, .run = reduce_run};
const df_op df__op_ArgMax = {.name = "ArgMax", .flags = DF_OP_AXIS, .infer = arg_infer, .run = arg_run};
const df_op df__op_ArgMin = {.name = "ArgMin", .flags = DF_OP_AXIS, .infer = arg_infer, .run = arg_run};
