/* layout.c - between channels first, as files have it, and channels last, as the kernels like it. */
#include "core/simd.h"
#include "nn/plan.h"

enum { TILE = 16 };

/* Few channels: a pixel's values are gathered from as many planes. */
DF_CLONES static void interleave3(const float *x, float *y, int64_t n)
{
    const float *r = x, *g = x + n, *b = x + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        y[3 * i] = r[i];
        y[3 * i + 1] = g[i];
        y[3 * i + 2] = b[i];
    }
}

/* y[columns][rows] = x[rows][columns], in tiles that stay in the first cache. */
#define TRANSPOSE(name, T)                                                                                          \
    DF_CLONES static void name(const T *x, T *y, int64_t rows, int64_t columns)                                     \
    {                                                                                                               \
        for (int64_t c = 0; c < columns; c += TILE)                                                                 \
            for (int64_t r = 0; r < rows; r += TILE) {                                                              \
                int64_t r_end = r + TILE < rows ? r + TILE : rows, c_end = c + TILE < columns ? c + TILE : columns; \
                for (int64_t i = c; i < c_end; i++)                                                                 \
                    for (int64_t j = r; j < r_end; j++)                                                             \
                        y[i * rows + j] = x[j * columns + i];                                                       \
            }                                                                                                       \
    }
TRANSPOSE(transpose_1, uint8_t)
TRANSPOSE(transpose_2, uint16_t)
TRANSPOSE(transpose_8, uint64_t)

/* One after another: `n` matrices of elements of `size` bytes. */
static void transpose(size_t size, const void *x, void *y, int64_t n, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i * rows * columns;
        if (size == 1)
            transpose_1((const uint8_t *)x + at, (uint8_t *)y + at, rows, columns);
        else if (size == 2)
            transpose_2((const uint16_t *)x + at, (uint16_t *)y + at, rows, columns);
        else if (size == 4)
            df__turn_4((const float *)x + at, columns, (float *)y + at, rows, rows, columns);
        else
            transpose_8((const uint64_t *)x + at, (uint64_t *)y + at, rows, columns);
    }
}

static df_status permute_infer(df_call *call)
{
    return df__call_fail(call, DF_E_INTERNAL, "a layout has no shape of its own");
}

/* The planner gives both tensors their dims in memory's order. */
static df_status to_nhwc_run(const df_call *call)
{
    const int64_t *d = call->in[0].dims;
    int64_t pixels = d[2] * d[3];
    if (d[1] != 3 || call->in[0].type != DF_F32)
        transpose(df__dtype_size(call->in[0].type), call->in[0].data, call->out[0].data, d[0], d[1], pixels);
    else
        for (int64_t n = 0; n < d[0]; n++)
            interleave3((const float *)call->in[0].data + 3 * n * pixels, (float *)call->out[0].data + 3 * n * pixels, pixels);
    return DF_OK;
}

static df_status to_nchw_run(const df_call *call)
{
    const int64_t *d = call->in[0].dims;
    transpose(df__dtype_size(call->in[0].type), call->in[0].data, call->out[0].data, d[0], d[1] * d[2], d[3]);
    return DF_OK;
}

const df_op df__op_to_nhwc = {.name = "to channels last", .infer = permute_infer, .run = to_nhwc_run};
const df_op df__op_to_nchw = {.name = "to channels first", .infer = permute_infer, .run = to_nchw_run};
