/* op_integer.c - products of 8-bit integers, summed in 32 bits that wrap: MatMulInteger, ConvInteger, and QLinearMatMul, QLinearConv, which bring
 * the sums back to 8 bits. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

static const df_dtype bytes[] = {DF_U8, DF_I8, 0}, only_f32[] = {DF_F32, 0}, only_i32[] = {DF_I32, 0};
enum { PIXELS = 256 }; /* of a convolution, taken together */

/* sum[j] += a * b[j]; b is a byte without its zero point, so it fits 16 bits. */
DF_CLONES static void add_row(uint32_t *sum, int32_t a, const int16_t *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        sum[j] += (uint32_t)(a * b[j]); /* at most 255 * 255: no overflow in the product */
}

static int32_t wrapped(uint32_t v)
{
    int32_t s;
    memcpy(&s, &v, sizeof s);
    return s;
}

/* Where the inputs of an operator stand: QLinear has a scale and a zero point behind each tensor. */
typedef struct places { size_t b, zero_a, zero_b, scale_a, scale_b, scale_y, zero_y, bias; bool linear; } places;

static places places_of(const df_call *call)
{
    places p = {.b = 1, .zero_a = 2, .zero_b = 3};
    if (call->node->op[0] == 'Q')
        p = (places){.b = 3, .zero_a = 2, .zero_b = 5, .scale_a = 1, .scale_b = 4, .scale_y = 6, .zero_y = 7, .bias = 8, .linear = true};
    return p;
}

/* One value for all, or n of them. */
static df_status one_or_many(const df_call *call, size_t i, int64_t n, const df_dtype *types)
{
    df_status st = df__call_types(call, i, types);
    int64_t have = df__given(call, i) ? df__tensor_count(&call->in[i]) : 1;
    if (st == DF_OK && have != 1 && have != n)
        st = df__call_fail(call, DF_E_BAD_MODEL, "input %zu has %lld values, needs 1 or %lld", i, (long long)have, (long long)n);
    return st;
}

static df_status check_common(const df_call *call, const places *p, int64_t rows, int64_t columns)
{
    df_dtype ta[] = {call->in[0].type, 0}, tb[] = {call->in[p->b].type, 0};
    df_status st = DF_OK;
    DF_TRY(df__call_types(call, 0, bytes));
    DF_TRY(df__call_types(call, p->b, bytes));
    DF_TRY(one_or_many(call, p->zero_a, rows, ta));
    DF_TRY(one_or_many(call, p->zero_b, columns, tb));
    if (p->linear) {
        DF_TRY(one_or_many(call, p->scale_a, rows, only_f32));
        DF_TRY(one_or_many(call, p->scale_b, columns, only_f32));
        DF_TRY(one_or_many(call, p->scale_y, rows, only_f32));
        DF_TRY(one_or_many(call, p->zero_y, rows, bytes));
    }
done:
    return st;
}

static int32_t zero_at(const df_call *call, size_t i, int64_t at)
{
    return df__given(call, i) ? (int32_t)df__load_i64(&call->in[i], df__tensor_count(&call->in[i]) == 1 ? 0 : at) : 0;
}

static float scale_at(const df_call *call, size_t i, int64_t at)
{
    return ((const float *)call->in[i].data)[df__tensor_count(&call->in[i]) == 1 ? 0 : at];
}

static void store_byte(df_tensor *y, int64_t i, int32_t sum, float scale, int32_t zero)
{
    float v = rintf((float)sum * scale) + (float)zero, least = y->type == DF_U8 ? 0 : -128, most = y->type == DF_U8 ? 255 : 127;
    v = v > least ? v : least;
    df__store_i64(y, i, (int64_t)(v < most ? v : most));
}

/* ---- MatMulInteger, QLinearMatMul: NumPy's product, batches broadcast ---- */

static df_status matmul_infer(df_call *call)
{
    places where = places_of(call);
    df_product p;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, where.linear ? 8 : 2, where.linear ? 8 : 4));
    DF_TRY(df__product_of(call, where.b, &p));
    DF_TRY(check_common(call, &where, p.m, p.n));
    DF_TRY(df__product_infer(call, where.b, &p, where.linear ? call->in[7].type : DF_I32));
done:
    return st;
}

static df_status matmul_run(const df_call *call)
{
    places where = places_of(call);
    df_product p;
    df_status st = df__product_of(call, where.b, &p);
    if (st != DF_OK)
        return st;
    int16_t *b = df__arena_calloc(call->scratch, (size_t)(p.k * p.n) + 1, sizeof *b);
    uint32_t *sum = df__arena_calloc(call->scratch, (size_t)p.n + 1, sizeof *sum);
    if (!b || !sum)
        return df__no_memory(call->err, "integer product", (size_t)(p.k * p.n) * sizeof *b);
    for (int64_t i = 0; i < p.batches; i++) {
        int64_t at_a = df__batch_offset(p.dims, p.rank, &p.a, i), at_b = df__batch_offset(p.dims, p.rank, &p.b, i);
        for (int64_t j = 0; j < p.k * p.n; j++)
            b[j] = (int16_t)(df__load_i64(&p.b, at_b + j) - zero_at(call, where.zero_b, j % p.n));
        for (int64_t r = 0; r < p.m; r++) {
            int32_t zero = zero_at(call, where.zero_a, r);
            memset(sum, 0, (size_t)p.n * sizeof *sum);
            for (int64_t l = 0; l < p.k; l++)
                add_row(sum, (int32_t)df__load_i64(&p.a, at_a + r * p.k + l) - zero, b + l * p.n, p.n);
            for (int64_t j = 0; j < p.n; j++) {
                int64_t to = (i * p.m + r) * p.n + j;
                if (where.linear)
                    store_byte(&call->out[0], to, wrapped(sum[j]),
                               scale_at(call, where.scale_a, r) * scale_at(call, where.scale_b, j) / scale_at(call, where.scale_y, r),
                               zero_at(call, where.zero_y, r));
                else
                    ((int32_t *)call->out[0].data)[to] = wrapped(sum[j]);
            }
        }
    }
    return DF_OK;
}

/* ---- ConvInteger, QLinearConv ---- */

typedef struct conv { df_window w; int64_t groups, in_each, out_each, taps, pixels; } conv;

static df_status conv_of(const df_call *call, const places *where, conv *c)
{
    const df_tensor *w = &call->in[where->b];
    df_status st = DF_OK;
    if (call->in[0].rank < 3 || w->rank != call->in[0].rank)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "weights of %d dimensions for an input of %d", w->rank, call->in[0].rank));
    DF_TRY(df__window(call, w->dims + 2, &c->w));
    c->groups = df__node_int(call->node, "group", 1);
    if (c->groups < 1 || w->dims[0] % c->groups != 0 || c->w.c % c->groups != 0 || c->w.c / c->groups != w->dims[1])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld channels and %lld x %lld weights in %lld groups", (long long)c->w.c, (long long)w->dims[0],
                             (long long)w->dims[1], (long long)c->groups));
    c->in_each = w->dims[1];
    c->out_each = w->dims[0] / c->groups;
    c->taps = c->pixels = 1;
    for (int i = 0; i < c->w.space; i++) {
        c->taps *= c->w.kernel[i]; /* at most the weights' elements */
        if (c->w.out[i] != 0 && c->pixels > INT64_MAX / c->w.out[i])
            DF_TRY(df__call_fail(call, DF_E_LIMIT, "too many pixels"));
        c->pixels *= c->w.out[i];
    }
done:
    return st;
}

static df_status conv_infer(df_call *call)
{
    places where = places_of(call);
    conv c;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, where.linear ? 8 : 2, where.linear ? 9 : 4));
    DF_TRY(conv_of(call, &where, &c));
    DF_TRY(check_common(call, &where, 1, c.groups * c.out_each));
    if (where.linear) {
        DF_TRY(df__call_types(call, where.bias, only_i32));
        if (df__given(call, where.bias) && df__tensor_count(&call->in[where.bias]) != c.groups * c.out_each)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a bias of %lld values for %lld channels",
                                 (long long)df__tensor_count(&call->in[where.bias]), (long long)(c.groups * c.out_each)));
    }
    call->out[0].type = where.linear ? call->in[where.zero_y].type : DF_I32;
    df__space_dims(call, &call->out[0], c.w.n, c.groups * c.out_each, c.w.space, c.w.out);
    DF_TRY(df__call_check(call, &call->out[0]));
    DF_TRY(df__call_work(call, df__tensor_count(&call->out[0]), c.in_each * c.taps));
    if (c.in_each * c.taps > (int64_t)(call->limits->bytes / (PIXELS * sizeof(int16_t))))
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "a sum of %lld products", (long long)(c.in_each * c.taps)));
done:
    return st;
}

/* Row l of `columns` has the input under tap l, one value an output pixel, the zero point taken off; padding is 0. */
static void gather_columns(const df_call *call, const conv *c, int64_t plane, int64_t first, int64_t n, int32_t zero, int16_t *columns)
{
    int64_t area = 1, own[DF_MAX_RANK];
    for (int i = 0; i < c->w.space; i++)
        area *= c->w.in[i];
    df__strides(&call->in[0], own);
    for (int64_t l = 0; l < c->in_each * c->taps; l++) {
        int64_t tap[DF_MAX_SPACE], rest = l % c->taps;
        for (int i = c->w.space - 1; i >= 0; rest /= c->w.kernel[i--])
            tap[i] = rest % c->w.kernel[i] * c->w.dilation[i] - c->w.pad[i];
        for (int64_t p = 0; p < n; p++) {
            int64_t from = (plane + l / c->taps) * area, at = first + p;
            bool inside = true;
            for (int i = c->w.space - 1; i >= 0; at /= c->w.out[i--]) {
                int64_t x = at % c->w.out[i] * c->w.stride[i] + tap[i];
                inside = inside && x >= 0 && x < c->w.in[i];
                from += x * own[2 + i];
            }
            columns[l * n + p] = (int16_t)(inside ? df__load_i64(&call->in[0], from) - zero : 0);
        }
    }
}

static void conv_pixels(const df_call *call, const places *where, const conv *c, int64_t image, int64_t group, int64_t first, int64_t n,
                        const int16_t *columns)
{
    const df_tensor *weights = &call->in[where->b];
    uint32_t sum[PIXELS];
    int64_t k = c->in_each * c->taps;
    for (int64_t o = 0; o < c->out_each; o++) {
        int64_t channel = group * c->out_each + o, to = (image * c->groups * c->out_each + channel) * c->pixels + first;
        int32_t zero = zero_at(call, where->zero_b, channel);
        uint32_t bias = where->linear && df__given(call, where->bias) ? (uint32_t)((const int32_t *)call->in[where->bias].data)[channel] : 0;
        for (int64_t p = 0; p < n; p++)
            sum[p] = bias;
        for (int64_t l = 0; l < k; l++)
            add_row(sum, (int32_t)df__load_i64(weights, channel * k + l) - zero, columns + l * n, n);
        if (!where->linear) {
            memcpy((int32_t *)call->out[0].data + to, sum, (size_t)n * sizeof *sum);
            continue;
        }
        float scale = scale_at(call, where->scale_a, 0) * scale_at(call, where->scale_b, channel) / scale_at(call, where->scale_y, 0);
        for (int64_t p = 0; p < n; p++)
            store_byte(&call->out[0], to + p, wrapped(sum[p]), scale, zero_at(call, where->zero_y, 0));
    }
}

static df_status conv_run(const df_call *call)
{
    places where = places_of(call);
    conv c;
    df_status st = conv_of(call, &where, &c);
    if (st != DF_OK)
        return st;
    size_t size = (size_t)(c.in_each * c.taps) * PIXELS * sizeof(int16_t);
    int16_t *columns = df__arena_alloc(call->scratch, size);
    if (!columns)
        return df__no_memory(call->err, "integer convolution", size);
    for (int64_t image = 0; image < c.w.n; image++)
        for (int64_t group = 0; group < c.groups; group++)
            for (int64_t first = 0; first < c.pixels; first += PIXELS) {
                int64_t n = c.pixels - first < PIXELS ? c.pixels - first : PIXELS;
                gather_columns(call, &c, image * c.w.c + group * c.in_each, first, n, zero_at(call, where.zero_a, 0), columns);
                conv_pixels(call, &where, &c, image, group, first, n, columns);
            }
    return DF_OK;
}

const df_op df__op_MatMulInteger = {.name = "MatMulInteger", .infer = matmul_infer, .run = matmul_run};
const df_op df__op_QLinearMatMul = {.name = "QLinearMatMul", .infer = matmul_infer, .run = matmul_run};
const df_op df__op_ConvInteger = {.name = "ConvInteger", .infer = conv_infer, .run = conv_run};
const df_op df__op_QLinearConv = {.name = "QLinearConv", .infer = conv_infer, .run = conv_run};
