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
DF_CLONES static void transpose(const float *x, float *y, int64_t rows, int64_t columns)
{
    for (int64_t c = 0; c < columns; c += TILE)
        for (int64_t r = 0; r < rows; r += TILE) {
            int64_t r_end = r + TILE < rows ? r + TILE : rows, c_end = c + TILE < columns ? c + TILE : columns;
            for (int64_t i = c; i < c_end; i++)
                for (int64_t j = r; j < r_end; j++)
                    y[i * rows + j] = x[j * columns + i];
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
    for (int64_t n = 0; n < d[0]; n++) {
        const float *x = (const float *)call->in[0].data + n * d[1] * pixels;
        float *y = (float *)call->out[0].data + n * d[1] * pixels;
        if (d[1] == 3)
            interleave3(x, y, pixels);
        else
            transpose(x, y, d[1], pixels);
    }
    return DF_OK;
}

static df_status to_nchw_run(const df_call *call)
{
    const int64_t *d = call->in[0].dims;
    int64_t pixels = d[1] * d[2];
    for (int64_t n = 0; n < d[0]; n++)
        transpose((const float *)call->in[0].data + n * d[3] * pixels, (float *)call->out[0].data + n * d[3] * pixels, pixels, d[3]);
    return DF_OK;
}

const df_op df__op_to_nhwc = {.name = "to channels last", .infer = permute_infer, .run = to_nhwc_run};
const df_op df__op_to_nchw = {.name = "to channels first", .infer = permute_infer, .run = to_nchw_run};
