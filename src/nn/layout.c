/* layout.c - between channels first, as files have it, and channels last, as the kernels like it. */
#include "core/simd.h"
#include "core/threads.h"
#include "nn/plan.h"

enum { TILE = 16, PIECE = 16 << 10 /* numbers that a thread takes at once */ };

/* Few channels: a pixel's values are gathered from as many planes. */
DF_CLONES static void interleave3(const float *x, float *y, int64_t plane, int64_t n)
{
    const float *r = x, *g = x + plane, *b = x + 2 * plane;
    for (int64_t i = 0; i < n; i++) {
        y[3 * i] = r[i];
        y[3 * i + 1] = g[i];
        y[3 * i + 2] = b[i];
    }
}

/* As df__turn_4(), in tiles that stay in the first cache. */
#define TURN(name, T)                                                                                               \
    DF_CLONES static void name(const T *x, int64_t sx, T *y, int64_t sy, int64_t rows, int64_t columns)             \
    {                                                                                                               \
        for (int64_t c = 0; c < columns; c += TILE)                                                                 \
            for (int64_t r = 0; r < rows; r += TILE) {                                                              \
                int64_t r_end = r + TILE < rows ? r + TILE : rows, c_end = c + TILE < columns ? c + TILE : columns; \
                for (int64_t i = c; i < c_end; i++)                                                                 \
                    for (int64_t j = r; j < r_end; j++)                                                             \
                        y[i * sy + j] = x[j * sx + i];                                                              \
            }                                                                                                       \
    }
TURN(turn_1, uint8_t)
TURN(turn_2, uint16_t)
TURN(turn_8, uint64_t)

/* Matrices of rows x columns that become columns x rows, in pieces along the longer side. */
typedef struct work { const df_tensor *x; char *y; int64_t rows, columns, piece, pieces; bool by_rows; } work;

static void turn_piece(void *arg, size_t index, int worker)
{
    const work *w = arg;
    int64_t first = (int64_t)index % w->pieces * w->piece, rows = w->rows, columns = w->columns, *side = w->by_rows ? &rows : &columns;
    int64_t at = (int64_t)index / w->pieces * rows * columns, from = at + first * (w->by_rows ? columns : 1), to = at + first * (w->by_rows ? 1 : rows);
    size_t size = df__dtype_size(w->x->type);
    const void *x = (const char *)w->x->data + (size_t)from * size;
    void *y = w->y + (size_t)to * size;
    (void)worker;
    *side = *side - first < w->piece ? *side - first : w->piece;
    if (size == 4 && w->rows == 3 && !w->by_rows)
        interleave3(x, y, w->columns, columns);
    else if (size == 4)
        df__turn_4(x, w->columns, y, w->rows, rows, columns);
    else if (size == 1)
        turn_1(x, w->columns, y, w->rows, rows, columns);
    else if (size == 2)
        turn_2(x, w->columns, y, w->rows, rows, columns);
    else
        turn_8(x, w->columns, y, w->rows, rows, columns);
}

static df_status turn(const df_call *call, int64_t rows, int64_t columns)
{
    work w = {.x = &call->in[0], .y = call->out[0].data, .rows = rows, .columns = columns, .by_rows = rows > columns};
    int64_t longer = w.by_rows ? rows : columns, shorter = w.by_rows ? columns : rows;
    w.piece = PIECE / shorter / TILE * TILE + TILE;
    w.pieces = (longer + w.piece - 1) / w.piece;
    df__parallel_for((size_t)(call->in[0].dims[0] * w.pieces), call->threads, turn_piece, &w);
    return DF_OK;
}

static df_status permute_infer(df_call *call)
{
    return df__call_fail(call, DF_E_INTERNAL, "a layout has no shape of its own");
}

/* The planner gives both tensors their dims in memory's order, and none that is 0. */
static df_status to_nhwc_run(const df_call *call)
{
    const int64_t *d = call->in[0].dims;
    return turn(call, d[1], d[2] * d[3]);
}

static df_status to_nchw_run(const df_call *call)
{
    const int64_t *d = call->in[0].dims;
    return turn(call, d[1] * d[2], d[3]);
}

const df_op df__op_to_nhwc = {.name = "to channels last", .infer = permute_infer, .run = to_nhwc_run};
const df_op df__op_to_nchw = {.name = "to channels first", .infer = permute_infer, .run = to_nchw_run};
