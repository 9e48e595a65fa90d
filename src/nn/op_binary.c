/* op_binary.c - two numbers in, one out, with NumPy's broadcasting: arithmetic, comparison, logic, bits; Where; Max, Min, Sum, Mean of any
 * number. Integers of every width are computed as 64 bits and wrap. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

/* One row: n results; the steps sa and sb are 0 (one number for all) or 1. */
typedef void (*row_f32)(const float *a, int64_t sa, const float *b, int64_t sb, float *r, int64_t n);
typedef void (*row_f64)(const double *a, int64_t sa, const double *b, int64_t sb, double *r, int64_t n);
typedef int64_t (*one_i64)(int64_t a, int64_t b);
typedef bool (*one_test)(double a, double b);

typedef struct binary {
    const char *name;
    row_f32     f32;
    row_f64     f64;
    one_i64     i64, u64; /* u64 NULL: as i64 */
} binary;

#define ROWS(T, clones, name, e)                                                                              \
    clones static void name(const T *a, int64_t sa, const T *b, int64_t sb, T *r, int64_t n)                  \
    {                                                                                                         \
        if (sa && sb) {                                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                                 \
                T x = a[i], y = b[i];                                                                         \
                r[i] = (e);                                                                                   \
            }                                                                                                 \
        } else if (sa) {                                                                                      \
            T y = *b;                                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                                 \
                T x = a[i];                                                                                   \
                r[i] = (e);                                                                                   \
            }                                                                                                 \
        } else {                                                                                              \
            T x = *a;                                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                                 \
                T y = b[sb * i];                                                                              \
                r[i] = (e);                                                                                   \
            }                                                                                                 \
        }                                                                                                     \
    }
#define PAIR(name, e32, e64)                \
    ROWS(float, DF_CLONES, name##_f32, e32) \
    ROWS(double, , name##_f64, e64)

/* Python's remainder (sign of the divisor) and C's; 0 where the divisor is 0, which no integer type can say better. */
static int64_t mod_floor(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return 0;
    int64_t m = a % b;
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}
static int64_t mod_c(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
static int64_t mod_u64(int64_t a, int64_t b) { return b == 0 ? 0 : (int64_t)((uint64_t)a % (uint64_t)b); }
static int64_t div_i64(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; }
static int64_t div_u64(int64_t a, int64_t b) { return b == 0 ? 0 : (int64_t)((uint64_t)a / (uint64_t)b); }
static int64_t add_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t sub_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t mul_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_u64(int64_t a, int64_t b) { return (uint64_t)a > (uint64_t)b ? a : b; }
static int64_t min_u64(int64_t a, int64_t b) { return (uint64_t)a < (uint64_t)b ? a : b; }
static int64_t and_i64(int64_t a, int64_t b) { return a & b; }
static int64_t or_i64(int64_t a, int64_t b) { return a | b; }
static int64_t xor_i64(int64_t a, int64_t b) { return a ^ b; }
static int64_t left_u64(int64_t a, int64_t b) { return (uint64_t)b > 63 ? 0 : (int64_t)((uint64_t)a << b); }
static int64_t right_u64(int64_t a, int64_t b) { return (uint64_t)b > 63 ? 0 : (int64_t)((uint64_t)a >> b); }
/* By squaring; a negative exponent leaves 0 but for 1 and -1. */
static int64_t pow_i64(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
    uint64_t r = 1, f = (uint64_t)a;
    for (uint64_t e = (uint64_t)b; e; e >>= 1, f *= f)
        if (e & 1)
            r *= f;
    return (int64_t)r;
}
static float mod_f32(float a, float b)
{
    float m = fmodf(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}
static double mod_f64(double a, double b)
{
    double m = fmod(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

PAIR(Add, x + y, x + y)
PAIR(Sub, x - y, x - y)
PAIR(Mul, x *y, x *y)
PAIR(Div, x / y, x / y)
PAIR(Max, x > y || x != x ? x : y, x > y || x != x ? x : y) /* NaN wins, as in NumPy */
PAIR(Min, x < y || x != x ? x : y, x < y || x != x ? x : y)
PAIR(Pow, powf(x, y), pow(x, y))
PAIR(ModFloor, mod_f32(x, y), mod_f64(x, y))
PAIR(ModC, fmodf(x, y), fmod(x, y))
PAIR(PRelu, x < 0 ? x *y : x, x < 0 ? x *y : x)

static const binary table[] = {
    {"Add", Add_f32, Add_f64, add_i64, NULL}, {"Sub", Sub_f32, Sub_f64, sub_i64, NULL}, {"Mul", Mul_f32, Mul_f64, mul_i64, NULL},
    {"Div", Div_f32, Div_f64, div_i64, div_u64}, {"Max", Max_f32, Max_f64, max_i64, max_u64}, {"Min", Min_f32, Min_f64, min_i64, min_u64},
    {"Pow", Pow_f32, Pow_f64, pow_i64, NULL}, {"PRelu", PRelu_f32, PRelu_f64, NULL, NULL}, {"Sum", Add_f32, Add_f64, NULL, NULL},
    {"Mean", Add_f32, Add_f64, NULL, NULL}, {"And", NULL, NULL, and_i64, NULL}, {"Or", NULL, NULL, or_i64, NULL},
    {"Xor", NULL, NULL, xor_i64, NULL}, {"BitwiseAnd", NULL, NULL, and_i64, NULL}, {"BitwiseOr", NULL, NULL, or_i64, NULL},
    {"BitwiseXor", NULL, NULL, xor_i64, NULL},
};
static const binary mod_python = {"Mod", ModFloor_f32, ModFloor_f64, mod_floor, mod_u64}, mod_fmod = {"Mod", ModC_f32, ModC_f64, mod_c, mod_u64};
static const binary shift_left = {"BitShift", NULL, NULL, left_u64, NULL}, shift_right = {"BitShift", NULL, NULL, right_u64, NULL};

static const binary *find(const df_call *call)
{
    const char *op = call->node->op;
    if (strcmp(op, "Mod") == 0)
        return df__node_int(call->node, "fmod", 0) ? &mod_fmod : &mod_python;
    if (strcmp(op, "BitShift") == 0)
        return strcmp(df__call_string(call, "direction", "LEFT"), "RIGHT") == 0 ? &shift_right : &shift_left;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, op) == 0)
            return &table[i];
    return &table[0];
}

/* ---- walking two tensors in step ---- */

typedef struct walk {
    int     rank;
    int64_t dims[DF_MAX_RANK], sa[DF_MAX_RANK], sb[DF_MAX_RANK]; /* steps are 0 where a dimension is spread */
} walk;

static void spread(const df_tensor *t, const df_tensor *out, int64_t *steps)
{
    int64_t own[DF_MAX_RANK];
    df__strides(t, own);
    for (int i = 0; i < out->rank; i++) {
        int j = i - (out->rank - t->rank);
        steps[i] = j < 0 || t->dims[j] == 1 ? 0 : own[j];
    }
}

/* Neighbouring dimensions that both tensors walk evenly become one, so that rows are long. */
static walk plan_walk(const df_tensor *a, const df_tensor *b, const df_tensor *out)
{
    walk w = {0};
    int64_t sa[DF_MAX_RANK], sb[DF_MAX_RANK];
    spread(a, out, sa);
    spread(b, out, sb);
    for (int i = 0; i < out->rank; i++) {
        if (out->dims[i] == 1)
            continue;
        int last = w.rank - 1;
        if (w.rank > 0 && w.sa[last] == sa[i] * out->dims[i] && w.sb[last] == sb[i] * out->dims[i]) {
            w.dims[last] *= out->dims[i];
            w.sa[last] = sa[i];
            w.sb[last] = sb[i];
        } else {
            w.dims[w.rank] = out->dims[i];
            w.sa[w.rank] = sa[i];
            w.sb[w.rank++] = sb[i];
        }
    }
    if (w.rank == 0) {
        w.rank = 1;
        w.dims[0] = 1;
    }
    return w;
}

/* The next row; false after the last. */
static bool next_row(const walk *w, int64_t *at, int64_t *ia, int64_t *ib)
{
    for (int i = w->rank - 2; i >= 0; i--) {
        *ia += w->sa[i];
        *ib += w->sb[i];
        if (++at[i] < w->dims[i])
            return true;
        *ia -= w->sa[i] * w->dims[i];
        *ib -= w->sb[i] * w->dims[i];
        at[i] = 0;
    }
    return false;
}

static void combine_ints(const binary *op, const df_tensor *a, int64_t ia, int64_t sa, const df_tensor *b, int64_t ib, int64_t sb, df_tensor *r,
                         int64_t to, int64_t n)
{
    one_i64 fn = a->type == DF_U64 && op->u64 ? op->u64 : op->i64;
    for (int64_t i = 0; i < n; i++)
        df__store_i64(r, to + i, fn(df__load_i64(a, ia + i * sa), df__load_i64(b, ib + i * sb)));
}

/* A base and an exponent of other types (Pow): through doubles. */
static void combine_mixed(const binary *op, const df_tensor *a, int64_t ia, int64_t sa, const df_tensor *b, int64_t ib, int64_t sb,
                          df_tensor *r, int64_t to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x = df__load_f64(a, ia + i * sa), y = df__load_f64(b, ib + i * sb), z;
        op->f64(&x, 1, &y, 1, &z, 1);
        df__store_f64(r, to + i, z);
    }
}

static void combine(const binary *op, const df_tensor *a, const df_tensor *b, df_tensor *r)
{
    int64_t at[DF_MAX_RANK] = {0}, ia = 0, ib = 0, to = 0;
    if (df__tensor_count(r) == 0)
        return;
    walk w = plan_walk(a, b, r);
    int64_t n = w.dims[w.rank - 1], sa = w.sa[w.rank - 1], sb = w.sb[w.rank - 1];
    do {
        if (a->type != b->type)
            combine_mixed(op, a, ia, sa, b, ib, sb, r, to, n);
        else if (r->type == DF_F32)
            op->f32((const float *)a->data + ia, sa, (const float *)b->data + ib, sb, (float *)r->data + to, n);
        else if (r->type == DF_F64)
            op->f64((const double *)a->data + ia, sa, (const double *)b->data + ib, sb, (double *)r->data + to, n);
        else
            combine_ints(op, a, ia, sa, b, ib, sb, r, to, n);
        to += n;
    } while (next_row(&w, at, &ia, &ib));
}

/* ---- arithmetic ---- */

static df_status arithmetic_infer(df_call *call)
{
    static const df_dtype boolean[] = {DF_BOOL, 0};
    const binary *op = find(call);
    bool pow = strcmp(call->node->op, "Pow") == 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    bool logic = strcmp(op->name, "And") == 0 || strcmp(op->name, "Or") == 0 || strcmp(op->name, "Xor") == 0;
    for (size_t i = 0; i < 2; i++)
        DF_TRY(df__call_types(call, i, logic ? boolean : !op->f32 ? df__integers : !op->i64 ? df__floats : df__numbers));
    if (!pow && call->in[0].type != call->in[1].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "types %s and %s", df__dtype_name(call->in[0].type), df__dtype_name(call->in[1].type)));
    call->out[0].type = call->in[0].type;
    DF_TRY(df__broadcast(call, &call->in[0], &call->in[1], &call->out[0]));
    if (strcmp(op->name, "PRelu") == 0) /* the slope spreads to the input, not the other way */
        for (int i = 0; i < call->out[0].rank; i++)
            if (call->out[0].rank != call->in[0].rank || call->out[0].dims[i] != call->in[0].dims[i])
                DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "the slope has more values than the input"));
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status arithmetic_run(const df_call *call)
{
    combine(find(call), &call->in[0], &call->in[1], &call->out[0]);
    return DF_OK;
}

/* ---- Max, Min, Sum, Mean: any number of inputs ---- */

static df_status many_infer(df_call *call)
{
    const binary *op = find(call);
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, SIZE_MAX));
    call->out[0] = df__shape_like(&call->in[0]);
    for (size_t i = 0; i < call->n_in; i++) {
        if (!df__given(call, i) || call->in[i].type != call->in[0].type)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu is not a %s", i, df__dtype_name(call->in[0].type)));
        DF_TRY(df__call_types(call, i, op->i64 ? df__numbers : df__floats));
        df_tensor so_far = call->out[0];
        DF_TRY(df__broadcast(call, &so_far, &call->in[i], &call->out[0]));
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status many_run(const df_call *call)
{
    const binary *op = find(call);
    df_tensor *y = &call->out[0];
    if (call->n_in == 1) {
        memmove(y->data, call->in[0].data, df__tensor_bytes(y));
        return DF_OK;
    }
    /* No two inputs need to fill the output's shape: the first is spread over it, the others join in place. */
    df_tensor zero = {.type = y->type, .rank = 0};
    uint64_t nothing = 0;
    zero.data = &nothing;
    static const binary copy = {"", Add_f32, Add_f64, add_i64, NULL};
    combine(&copy, &call->in[0], &zero, y);
    for (size_t i = 1; i < call->n_in; i++)
        combine(op, y, &call->in[i], y);
    if (strcmp(op->name, "Mean") == 0)
        for (int64_t i = 0, n = df__tensor_count(y); i < n; i++)
            df__store_f64(y, i, df__load_f64(y, i) / (double)call->n_in);
    return DF_OK;
}

/* ---- comparison ---- */

static bool eq(double a, double b) { return a == b; }
static bool gt(double a, double b) { return a > b; }
static bool ge(double a, double b) { return a >= b; }
static bool lt(double a, double b) { return a < b; }
static bool le(double a, double b) { return a <= b; }

/* Doubles hold every integer up to 2^53; 64-bit ones are compared as such. */
static int order_of(const df_tensor *a, int64_t i, const df_tensor *b, int64_t j)
{
    if (a->type == DF_U64) {
        uint64_t x = (uint64_t)df__load_i64(a, i), y = (uint64_t)df__load_i64(b, j);
        return (x > y) - (x < y);
    }
    int64_t x = df__load_i64(a, i), y = df__load_i64(b, j);
    return (x > y) - (x < y);
}

static df_status compare_infer(df_call *call)
{
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    if (call->in[0].type != call->in[1].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "types %s and %s", df__dtype_name(call->in[0].type), df__dtype_name(call->in[1].type)));
    call->out[0].type = DF_BOOL;
    DF_TRY(df__broadcast(call, &call->in[0], &call->in[1], &call->out[0]));
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status compare_run(const df_call *call)
{
    const char *op = call->node->op;
    one_test test = strcmp(op, "Equal") == 0 ? eq : strcmp(op, "Greater") == 0 ? gt : strcmp(op, "GreaterOrEqual") == 0 ? ge
                    : strcmp(op, "Less") == 0 ? lt : le;
    const df_tensor *a = &call->in[0], *b = &call->in[1];
    int64_t at[DF_MAX_RANK] = {0}, ia = 0, ib = 0;
    uint8_t *to = call->out[0].data;
    if (df__tensor_count(&call->out[0]) == 0)
        return DF_OK;
    walk w = plan_walk(a, b, &call->out[0]);
    int64_t n = w.dims[w.rank - 1], sa = w.sa[w.rank - 1], sb = w.sb[w.rank - 1];
    bool floats = df__is_float(a->type);
    do {
        for (int64_t i = 0; i < n; i++)
            *to++ = floats ? test(df__load_f64(a, ia + i * sa), df__load_f64(b, ib + i * sb))
                           : test(order_of(a, ia + i * sa, b, ib + i * sb), 0);
    } while (next_row(&w, at, &ia, &ib));
    return DF_OK;
}

/* ---- Where ---- */

static df_status where_infer(df_call *call)
{
    df_status st = DF_OK;
    df_tensor both = {0};
    DF_TRY(df__call_arity(call, 3, 3));
    if (call->in[0].type != DF_BOOL || call->in[1].type != call->in[2].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "types %s, %s and %s", df__dtype_name(call->in[0].type),
                             df__dtype_name(call->in[1].type), df__dtype_name(call->in[2].type)));
    call->out[0].type = call->in[1].type;
    DF_TRY(df__broadcast(call, &call->in[1], &call->in[2], &both));
    DF_TRY(df__broadcast(call, &both, &call->in[0], &call->out[0]));
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status where_run(const df_call *call)
{
    const df_tensor *c = &call->in[0], *x = &call->in[1], *y = &call->in[2];
    df_tensor *r = &call->out[0];
    int64_t sc[DF_MAX_RANK], sx[DF_MAX_RANK], sy[DF_MAX_RANK], at[DF_MAX_RANK] = {0};
    size_t size = df__dtype_size(r->type);
    spread(c, r, sc);
    spread(x, r, sx);
    spread(y, r, sy);
    for (int64_t i = 0, n = df__tensor_count(r); i < n; i++) {
        int64_t ic = 0, ix = 0, iy = 0;
        for (int d = 0; d < r->rank; d++) {
            ic += at[d] * sc[d];
            ix += at[d] * sx[d];
            iy += at[d] * sy[d];
        }
        bool yes = ((const uint8_t *)c->data)[ic] != 0;
        const char *from = yes ? (const char *)x->data + (size_t)ix * size : (const char *)y->data + (size_t)iy * size;
        memcpy((char *)r->data + (size_t)i * size, from, size);
        for (int d = r->rank - 1; d >= 0 && ++at[d] == r->dims[d]; d--)
            at[d] = 0;
    }
    return DF_OK;
}

enum { FREE = DF_OP_ELEMENTWISE | DF_OP_INPLACE | DF_OP_ROWS };
#define ARITHMETIC(op) const df_op df__op_##op = {.name = #op, .flags = FREE, .infer = arithmetic_infer, .run = arithmetic_run};
#define MANY(op) const df_op df__op_##op = {.name = #op, .flags = DF_OP_ELEMENTWISE | DF_OP_ROWS, .infer = many_infer, .run = many_run};
#define COMPARE(op) const df_op df__op_##op = {.name = #op, .flags = DF_OP_ELEMENTWISE, .infer = compare_infer, .run = compare_run};
ARITHMETIC(Add) ARITHMETIC(Sub) ARITHMETIC(Mul) ARITHMETIC(Div) ARITHMETIC(Pow) ARITHMETIC(Mod) ARITHMETIC(And) ARITHMETIC(Or)
ARITHMETIC(Xor) ARITHMETIC(BitShift) ARITHMETIC(BitwiseAnd) ARITHMETIC(BitwiseOr) ARITHMETIC(BitwiseXor) ARITHMETIC(PRelu)
MANY(Max) MANY(Min) MANY(Sum) MANY(Mean)
COMPARE(Equal) COMPARE(Greater) COMPARE(GreaterOrEqual) COMPARE(Less) COMPARE(LessOrEqual)
const df_op df__op_Where = {.name = "Where", .flags = DF_OP_ELEMENTWISE, .infer = where_infer, .run = where_run};
