/* op_unary.c - one number in, one number out: activations, arithmetic, rounding, tests. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

/* Parameters of an activation; what they are is said at each. */
typedef struct params { float a, b; } params;

typedef struct unary {
    const char *name;
    void (*f32)(const float *x, float *y, int64_t n, params p);
    void (*f64)(const double *x, double *y, int64_t n, params p); /* NULL: float32 alone */
    int64_t (*i64)(int64_t v);                                    /* NULL: no integers */
    const char *attr_a, *attr_b;
    float a, b; /* defaults */
} unary;

/* `e` in v, p; the same expression for both float types, with the function names of each. */
#define FLOATS(name, e32, e64)                                                          \
    DF_CLONES static void name##_f32(const float *x, float *y, int64_t n, params p)     \
    {                                                                                   \
        (void)p;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                               \
            float v = x[i];                                                             \
            y[i] = (e32);                                                               \
        }                                                                               \
    }                                                                                   \
    static void name##_f64(const double *x, double *y, int64_t n, params p)             \
    {                                                                                   \
        (void)p;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                               \
            double v = x[i];                                                            \
            y[i] = (e64);                                                               \
        }                                                                               \
    }

static float erf_gelu(float v) { return 0.5f * v * (1 + erff(v * 0.70710678f)); }
static float sigmoidf(float v) { return 1 / (1 + expf(-v)); }
static double sigmoid(double v) { return 1 / (1 + exp(-v)); }
static float clamp01(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }
static double clamp01d(double v) { return v < 0 ? 0 : v > 1 ? 1 : v; }
static float softplusf(float v) { return v > 20 ? v : log1pf(expf(v)); } /* past 20 the difference is below float's precision */
static double softplus(double v) { return v > 40 ? v : log1p(exp(v)); }

FLOATS(Abs, fabsf(v), fabs(v))
FLOATS(Neg, -v, -v)
FLOATS(Relu, v > 0 ? v : v != v ? v : 0, v > 0 ? v : v != v ? v : 0)
FLOATS(LeakyRelu, v < 0 ? p.a *v : v, v < 0 ? (double)p.a * v : v)
FLOATS(ThresholdedRelu, v > p.a ? v : 0, v > (double)p.a ? v : 0)
FLOATS(Elu, v < 0 ? p.a * (expf(v) - 1) : v, v < 0 ? (double)p.a * (exp(v) - 1) : v)
FLOATS(Celu, v < 0 ? p.a * (expf(v / p.a) - 1) : v, v < 0 ? (double)p.a * (exp(v / (double)p.a) - 1) : v)
FLOATS(Selu, v > 0 ? p.b * v : p.b * (p.a * expf(v) - p.a), v > 0 ? (double)p.b * v : (double)p.b * (double)p.a * (exp(v) - 1))
FLOATS(Sigmoid, sigmoidf(v), sigmoid(v))
FLOATS(HardSigmoid, clamp01(p.a *v + p.b), clamp01d((double)p.a * v + (double)p.b))
FLOATS(HardSwish, v *clamp01(v / 6 + 0.5f), v *clamp01d(v / 6 + 0.5))
FLOATS(Mish, v *tanhf(softplusf(v)), v *tanh(softplus(v)))
FLOATS(Softplus, softplusf(v), softplus(v))
FLOATS(Softsign, v / (1 + fabsf(v)), v / (1 + fabs(v)))
FLOATS(Tanh, tanhf(v), tanh(v))
FLOATS(Exp, expf(v), exp(v))
FLOATS(Log, logf(v), log(v))
FLOATS(Sqrt, sqrtf(v), sqrt(v))
FLOATS(Reciprocal, 1 / v, 1 / v)
FLOATS(Erf, erff(v), erf(v))
FLOATS(Floor, floorf(v), floor(v))
FLOATS(Ceil, ceilf(v), ceil(v))
FLOATS(Round, rintf(v), rint(v)) /* halves to even: the default rounding mode */
FLOATS(Sign, v > 0 ? 1 : v < 0 ? -1 : v, v > 0 ? 1 : v < 0 ? -1 : v)
FLOATS(Sin, sinf(v), sin(v))
FLOATS(Cos, cosf(v), cos(v))
FLOATS(Tan, tanf(v), tan(v))
FLOATS(Asin, asinf(v), asin(v))
FLOATS(Acos, acosf(v), acos(v))
FLOATS(Atan, atanf(v), atan(v))
FLOATS(Sinh, sinhf(v), sinh(v))
FLOATS(Cosh, coshf(v), cosh(v))
FLOATS(Asinh, asinhf(v), asinh(v))
FLOATS(Acosh, acoshf(v), acosh(v))
FLOATS(Atanh, atanhf(v), atanh(v))
FLOATS(GeluErf, erf_gelu(v), 0.5 * v * (1 + erf(v * 0.70710678118654752)))
/* 0.7978845608 = sqrt(2 / pi); Gelu of opset 20, approximate = "tanh" */
FLOATS(GeluTanh, 0.5f * v * (1 + tanhf(0.79788456f * (v + 0.044715f * v * v * v))),
       0.5 * v * (1 + tanh(0.79788456080286536 * (v + 0.044715 * v * v * v))))

static int64_t abs_i64(int64_t v) { return v < 0 ? (int64_t)(0 - (uint64_t)v) : v; }
static int64_t neg_i64(int64_t v) { return (int64_t)(0 - (uint64_t)v); }
static int64_t relu_i64(int64_t v) { return v > 0 ? v : 0; }
static int64_t sign_i64(int64_t v) { return (v > 0) - (v < 0); }

#define ROW(name) {#name, name##_f32, name##_f64, NULL, NULL, NULL, 0, 0}
#define ROW_INT(name, fn) {#name, name##_f32, name##_f64, fn, NULL, NULL, 0, 0}
#define ROW_A(name, a) {#name, name##_f32, name##_f64, NULL, "alpha", NULL, a, 0}
/* Defaults: the operators' pages of the ONNX standard. */
static const unary table[] = {
    ROW_INT(Abs, abs_i64), ROW_INT(Neg, neg_i64), ROW_INT(Relu, relu_i64), ROW_INT(Sign, sign_i64), ROW_A(LeakyRelu, 0.01f),
    ROW_A(ThresholdedRelu, 1.0f), ROW_A(Elu, 1.0f), ROW_A(Celu, 1.0f),
    {"Selu", Selu_f32, Selu_f64, NULL, "alpha", "gamma", 1.67326319217681884765625f, 1.05070102214813232421875f},
    {"HardSigmoid", HardSigmoid_f32, HardSigmoid_f64, NULL, "alpha", "beta", 0.2f, 0.5f},
    ROW(Sigmoid), ROW(HardSwish), ROW(Mish), ROW(Softplus), ROW(Softsign), ROW(Tanh), ROW(Exp), ROW(Log), ROW(Sqrt), ROW(Reciprocal),
    ROW(Erf), ROW(Floor), ROW(Ceil), ROW(Round), ROW(Sin), ROW(Cos), ROW(Tan), ROW(Asin), ROW(Acos), ROW(Atan), ROW(Sinh), ROW(Cosh),
    ROW(Asinh), ROW(Acosh), ROW(Atanh),
};
static const unary gelu_erf = ROW(GeluErf), gelu_tanh = ROW(GeluTanh);

static const unary *find(const df_call *call)
{
    const char *op = call->node->op;
    if (strcmp(op, "Gelu") == 0)
        return strcmp(df__call_string(call, "approximate", "none"), "tanh") == 0 ? &gelu_tanh : &gelu_erf;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, op) == 0)
            return &table[i];
    return NULL;
}

static df_status unary_infer(df_call *call)
{
    const unary *u = find(call);
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, u && u->i64 ? df__numbers : df__floats);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

static df_status unary_run(const df_call *call)
{
    const unary *u = find(call);
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0];
    int64_t n = df__tensor_count(x);
    params p = {u->attr_a ? df__node_float(call->node, u->attr_a, u->a) : 0, u->attr_b ? df__node_float(call->node, u->attr_b, u->b) : 0};
    if (x->type == DF_F32)
        u->f32(x->data, y->data, n, p);
    else if (x->type == DF_F64)
        u->f64(x->data, y->data, n, p);
    else
        for (int64_t i = 0; i < n; i++)
            df__store_i64(y, i, u->i64(df__load_i64(x, i)));
    return DF_OK;
}

#define UNARY(op) const df_op df__op_##op = {.name = #op, .flags = DF_OP_ELEMENTWISE | DF_OP_INPLACE | DF_OP_ROWS, .infer = unary_infer, .run = unary_run};
UNARY(Abs) UNARY(Neg) UNARY(Relu) UNARY(Sign) UNARY(LeakyRelu) UNARY(ThresholdedRelu) UNARY(Elu) UNARY(Celu) UNARY(Selu)
UNARY(HardSigmoid) UNARY(Sigmoid) UNARY(HardSwish) UNARY(Mish) UNARY(Softplus) UNARY(Softsign) UNARY(Tanh) UNARY(Exp) UNARY(Log)
UNARY(Sqrt) UNARY(Reciprocal) UNARY(Erf) UNARY(Floor) UNARY(Ceil) UNARY(Round) UNARY(Sin) UNARY(Cos) UNARY(Tan) UNARY(Asin)
UNARY(Acos) UNARY(Atan) UNARY(Sinh) UNARY(Cosh) UNARY(Asinh) UNARY(Acosh) UNARY(Atanh) UNARY(Gelu)

/* ---- Not, IsNaN, IsInf: booleans out; BitwiseNot ---- */

static df_status test_infer(df_call *call)
{
    static const df_dtype boolean[] = {DF_BOOL, 0};
    bool is_not = strcmp(call->node->op, "Not") == 0, bits = strcmp(call->node->op, "BitwiseNot") == 0;
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, is_not ? boolean : bits ? df__integers : df__floats);
    if (st == DF_OK) {
        call->out[0] = df__shape_like(&call->in[0]);
        call->out[0].type = bits ? call->in[0].type : DF_BOOL;
    }
    return st;
}

static df_status not_run(const df_call *call)
{
    const uint8_t *x = call->in[0].data;
    uint8_t *y = call->out[0].data;
    for (int64_t i = 0, n = df__tensor_count(&call->in[0]); i < n; i++)
        y[i] = !x[i];
    return DF_OK;
}

static df_status bitwise_not_run(const df_call *call)
{
    for (int64_t i = 0, n = df__tensor_count(&call->in[0]); i < n; i++)
        df__store_i64(&call->out[0], i, ~df__load_i64(&call->in[0], i));
    return DF_OK;
}

static df_status is_nan_run(const df_call *call)
{
    uint8_t *y = call->out[0].data;
    for (int64_t i = 0, n = df__tensor_count(&call->in[0]); i < n; i++)
        y[i] = df__load_f64(&call->in[0], i) != df__load_f64(&call->in[0], i);
    return DF_OK;
}

static df_status is_inf_run(const df_call *call)
{
    bool positive = df__node_int(call->node, "detect_positive", 1) != 0, negative = df__node_int(call->node, "detect_negative", 1) != 0;
    uint8_t *y = call->out[0].data;
    for (int64_t i = 0, n = df__tensor_count(&call->in[0]); i < n; i++) {
        double v = df__load_f64(&call->in[0], i);
        y[i] = isinf(v) && (v > 0 ? positive : negative);
    }
    return DF_OK;
}

const df_op df__op_Not = {.name = "Not", .flags = DF_OP_ELEMENTWISE | DF_OP_INPLACE, .infer = test_infer, .run = not_run};
const df_op df__op_BitwiseNot = {
    .name = "BitwiseNot", .flags = DF_OP_ELEMENTWISE | DF_OP_INPLACE, .infer = test_infer, .run = bitwise_not_run};
const df_op df__op_IsNaN = {.name = "IsNaN", .flags = DF_OP_ELEMENTWISE, .infer = test_infer, .run = is_nan_run};
const df_op df__op_IsInf = {.name = "IsInf", .flags = DF_OP_ELEMENTWISE, .infer = test_infer, .run = is_inf_run};

/* ---- Clip: bounds as attributes (opset 6) or inputs (opset 11) ---- */

static df_status clip_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 3);
    if (st == DF_OK)
        st = df__call_types(call, 0, df__numbers);
    for (size_t i = 1; i < 3 && st == DF_OK; i++)
        if (df__given(call, i) && (call->in[i].type != call->in[0].type || df__tensor_count(&call->in[i]) != 1))
            st = df__call_fail(call, DF_E_BAD_MODEL, "bound %zu is not one %s", i, df__dtype_name(call->in[0].type));
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

DF_CLONES static void clip_f32(const float *x, float *y, int64_t n, float least, float most)
{
    for (int64_t i = 0; i < n; i++) {
        float v = x[i] < least ? least : x[i];
        y[i] = v > most ? most : v;
    }
}

static df_status clip_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    int64_t n = df__tensor_count(x);
    if (df__is_float(x->type)) {
        double least = df__given(call, 1) ? df__load_f64(&call->in[1], 0) : (double)df__node_float(call->node, "min", -INFINITY);
        double most = df__given(call, 2) ? df__load_f64(&call->in[2], 0) : (double)df__node_float(call->node, "max", INFINITY);
        if (x->type == DF_F32) {
            clip_f32(x->data, call->out[0].data, n, (float)least, (float)most);
            return DF_OK;
        }
        for (int64_t i = 0; i < n; i++)
            df__store_f64(&call->out[0], i, fmin(fmax(df__load_f64(x, i), least), most));
        return DF_OK;
    }
    bool is_u64 = x->type == DF_U64; /* compared as unsigned */
    for (int64_t i = 0; i < n; i++) {
        int64_t v = df__load_i64(x, i);
        int64_t least = df__given(call, 1) ? df__load_i64(&call->in[1], 0) : v, most = df__given(call, 2) ? df__load_i64(&call->in[2], 0) : 0;
        if (is_u64 ? (uint64_t)v < (uint64_t)least : v < least)
            v = least;
        if (df__given(call, 2) && (is_u64 ? (uint64_t)v > (uint64_t)most : v > most))
            v = most;
        df__store_i64(&call->out[0], i, v);
    }
    return DF_OK;
}

const df_op df__op_Clip = {.name = "Clip", .flags = DF_OP_ELEMENTWISE | DF_OP_INPLACE | DF_OP_ROWS, .infer = clip_infer, .run = clip_run};
