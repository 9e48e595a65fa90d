/* op_quant.c - QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: numbers as integer = number / scale + zero point, with one scale for
 * all, one a slice of an axis, or one a block of it. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

static const df_dtype coarse[] = {DF_U8, DF_I8, DF_U16, DF_I16, 0};

typedef struct range { int32_t least, most; } range;

static range range_of(df_dtype type)
{
    return type == DF_U8 ? (range){0, 255} : type == DF_I8 ? (range){-128, 127} : type == DF_U16 ? (range){0, 65535} : (range){-32768, 32767};
}

/* Which scale element [o][a][i] of [outer][n][inner] has: number (o * blocks + a / block) * inner + i, or a, or 0. */
typedef struct grid { int64_t outer, n, inner, block; bool by_axis; } grid;

static df_status grid_of(const df_call *call, grid *g)
{
    const df_tensor *x = &call->in[0], *scale = &call->in[1];
    int64_t block = df__node_int(call->node, "block_size", 0);
    int axis = 0;
    df_status st = DF_OK;
    *g = (grid){df__tensor_count(x), 1, 1, 0, false};
    if (df__given(call, 2)) {
        bool same = call->in[2].rank == scale->rank;
        for (int i = 0; same && i < scale->rank; i++)
            same = call->in[2].dims[i] == scale->dims[i];
        if (!same && !(df__tensor_count(&call->in[2]) == 1 && df__tensor_count(scale) == 1))
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "scale and zero point of different shapes"));
    }
    if (df__tensor_count(scale) == 1 && scale->rank <= 1)
        return DF_OK;
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", 1), x->rank, &axis));
    g->outer = 1;
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &g->outer : &g->inner) *= i == axis ? 1 : x->dims[i];
    g->n = x->dims[axis];
    g->by_axis = block == 0;
    g->block = block;
    if (block < 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "block_size %lld", (long long)block));
    bool fits = scale->rank == (block ? x->rank : 1);
    for (int i = 0; fits && block && i < x->rank; i++)
        fits = scale->dims[i] == (i == axis ? (x->dims[i] ? 1 + (x->dims[i] - 1) / block : 0) : x->dims[i]);
    if (!fits || (!block && scale->dims[0] != g->n))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "scales of %d dimensions do not fit axis %d of %lld", scale->rank, axis, (long long)g->n));
done:
    return st;
}

/* Calls for runs of elements with one scale: run(call, first element, count, number of the scale). */
static void each_run(const df_call *call, const grid *g, void (*run)(const df_call *, int64_t, int64_t, int64_t))
{
    if (!g->by_axis && !g->block) {
        run(call, 0, g->outer, 0);
        return;
    }
    int64_t blocks = g->block && g->n ? 1 + (g->n - 1) / g->block : 0;
    for (int64_t o = 0; o < g->outer; o++)
        for (int64_t a = 0; a < g->n; a++) {
            int64_t at = (o * g->n + a) * g->inner;
            if (g->by_axis)
                run(call, at, g->inner, a);
            for (int64_t i = 0; g->block && i < g->inner; i++)
                run(call, at + i, 1, (o * blocks + a / g->block) * g->inner + i);
        }
}

/* ---- QuantizeLinear ---- */

static df_status quantize_infer(df_call *call)
{
    static const df_dtype numbers[] = {DF_F32, DF_I32, 0}, f32[] = {DF_F32, 0};
    grid g;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 3));
    DF_TRY(df__call_types(call, 0, numbers));
    DF_TRY(df__call_types(call, 1, f32));
    DF_TRY(df__call_types(call, 2, coarse));
    DF_TRY(grid_of(call, &g));
    int64_t said = df__node_int(call->node, "output_dtype", 0);
    call->out[0] = df__shape_like(&call->in[0]);
    call->out[0].type = df__given(call, 2) ? call->in[2].type : said == 0 ? DF_U8 : (df_dtype)said;
    bool known = false;
    for (const df_dtype *t = coarse; *t; t++)
        known = known || call->out[0].type == *t;
    if (!known)
        DF_TRY(df__call_fail(call, DF_E_UNSUPPORTED, "an output of data type %lld", (long long)said));
    if (said != 0 && said != (int64_t)call->out[0].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "output_dtype %lld with a zero point of %s", (long long)said, df__dtype_name(call->in[2].type)));
done:
    return st;
}

/* Rounds halves to even, clips; NaN becomes the least. */
#define QUANTIZE(T, name)                                                                                        \
    DF_CLONES static void name(const float *x, T *y, int64_t n, float scale, float zero, float least, float most) \
    {                                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                        \
            float v = rintf(x[i] / scale) + zero;                                                                \
            v = v > least ? v : least;                                                                           \
            y[i] = (T)(int32_t)(v < most ? v : most);                                                            \
        }                                                                                                        \
    }
QUANTIZE(uint8_t, quantize_u8)
QUANTIZE(int8_t, quantize_i8)
QUANTIZE(uint16_t, quantize_u16)
QUANTIZE(int16_t, quantize_i16)

static void quantize_row(const float *x, df_tensor *y, int64_t at, int64_t n, float scale, float zero)
{
    range r = range_of(y->type);
    float least = (float)r.least, most = (float)r.most;
    if (y->type == DF_U8)
        quantize_u8(x, (uint8_t *)y->data + at, n, scale, zero, least, most);
    else if (y->type == DF_I8)
        quantize_i8(x, (int8_t *)y->data + at, n, scale, zero, least, most);
    else if (y->type == DF_U16)
        quantize_u16(x, (uint16_t *)y->data + at, n, scale, zero, least, most);
    else
        quantize_i16(x, (int16_t *)y->data + at, n, scale, zero, least, most);
}

static void quantize_run_of(const df_call *call, int64_t at, int64_t n, int64_t s)
{
    const df_tensor *x = &call->in[0];
    float scale = ((const float *)call->in[1].data)[s], zero = df__given(call, 2) ? (float)df__load_i64(&call->in[2], s) : 0;
    if (x->type == DF_F32) {
        quantize_row((const float *)x->data + at, &call->out[0], at, n, scale, zero);
        return;
    }
    for (int64_t i = at; i < at + n; i++) {
        float v = (float)((const int32_t *)x->data)[i];
        quantize_row(&v, &call->out[0], i, 1, scale, zero);
    }
}

static df_status quantize_run(const df_call *call)
{
    grid g;
    df_status st = grid_of(call, &g);
    if (st == DF_OK)
        each_run(call, &g, quantize_run_of);
    return st;
}

/* ---- DequantizeLinear ---- */

static df_status dequantize_infer(df_call *call)
{
    static const df_dtype integers[] = {DF_U8, DF_I8, DF_U16, DF_I16, DF_I32, 0}, f32[] = {DF_F32, 0};
    grid g;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 3));
    DF_TRY(df__call_types(call, 0, integers));
    DF_TRY(df__call_types(call, 1, f32));
    if (df__given(call, 2) && call->in[2].type != call->in[0].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%s with a zero point of %s", df__dtype_name(call->in[0].type), df__dtype_name(call->in[2].type)));
    DF_TRY(grid_of(call, &g));
    call->out[0] = df__shape_like(&call->in[0]);
    call->out[0].type = DF_F32;
done:
    return st;
}

#define DEQUANTIZE(T, name)                                                                 \
    DF_CLONES static void name(const T *x, float *y, int64_t n, float scale, int32_t zero)  \
    {                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                     \
            y[i] = (float)((int32_t)x[i] - zero) * scale;                                   \
    }
DEQUANTIZE(uint8_t, dequantize_u8)
DEQUANTIZE(int8_t, dequantize_i8)
DEQUANTIZE(uint16_t, dequantize_u16)
DEQUANTIZE(int16_t, dequantize_i16)

static void dequantize_run_of(const df_call *call, int64_t at, int64_t n, int64_t s)
{
    const df_tensor *x = &call->in[0];
    float scale = ((const float *)call->in[1].data)[s], *y = (float *)call->out[0].data + at;
    int64_t zero = df__given(call, 2) ? df__load_i64(&call->in[2], s) : 0;
    if (x->type == DF_U8)
        dequantize_u8((const uint8_t *)x->data + at, y, n, scale, (int32_t)zero);
    else if (x->type == DF_I8)
        dequantize_i8((const int8_t *)x->data + at, y, n, scale, (int32_t)zero);
    else if (x->type == DF_U16)
        dequantize_u16((const uint16_t *)x->data + at, y, n, scale, (int32_t)zero);
    else if (x->type == DF_I16)
        dequantize_i16((const int16_t *)x->data + at, y, n, scale, (int32_t)zero);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = (float)((int64_t)((const int32_t *)x->data)[at + i] - zero) * scale;
}

static df_status dequantize_run(const df_call *call)
{
    grid g;
    df_status st = grid_of(call, &g);
    if (st == DF_OK)
        each_run(call, &g, dequantize_run_of);
    return st;
}

/* ---- DynamicQuantizeLinear: the range of the values, 0 in it, over 0..255 ---- */

static df_status dynamic_infer(df_call *call)
{
    static const df_dtype f32[] = {DF_F32, 0};
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, f32);
    if (st != DF_OK)
        return st;
    for (size_t i = 0; i < 3 && i < call->n_out; i++)
        if (df__wanted(call, i)) {
            call->out[i] = i == 0 ? df__shape_like(&call->in[0]) : (df_tensor){0};
            call->out[i].type = i == 1 ? DF_F32 : DF_U8;
        }
    return DF_OK;
}

static df_status dynamic_run(const df_call *call)
{
    const float *x = call->in[0].data;
    float least = 0, most = 0;
    int64_t n = df__tensor_count(&call->in[0]);
    for (int64_t i = 0; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    float scale = most == least ? 1 : (most - least) / 255, zero = rintf(fminf(255, fmaxf(0, -least / scale)));
    if (df__wanted(call, 0))
        quantize_row(x, &call->out[0], 0, n, scale, zero);
    if (df__wanted(call, 1))
        *(float *)call->out[1].data = scale;
    if (df__wanted(call, 2))
        *(uint8_t *)call->out[2].data = (uint8_t)zero;
    return DF_OK;
}

const df_op df__op_QuantizeLinear = {.name = "QuantizeLinear", .flags = DF_OP_AXIS, .infer = quantize_infer, .run = quantize_run};
const df_op df__op_DequantizeLinear = {.name = "DequantizeLinear", .flags = DF_OP_AXIS, .infer = dequantize_infer, .run = dequantize_run};
const df_op df__op_DynamicQuantizeLinear = {.name = "DynamicQuantizeLinear", .infer = dynamic_infer, .run = dynamic_run};
