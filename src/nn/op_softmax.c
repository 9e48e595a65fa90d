/* op_softmax.c - Softmax, LogSoftmax, Hardmax along one axis (opset 13) or over all from an axis on (before). */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "core/threads.h"
#include "nn/kernel.h"
#include "nn/lanes.h"
#include "nn/op.h"

/* Values that are normalised together: n of them, `step` apart; `outer` x `step` such groups. */
typedef struct groups { int64_t outer, n, step; } groups;

static df_status groups_of(const df_call *call, groups *g)
{
    const df_tensor *x = &call->in[0];
    int axis = 0;
    bool old = call->opset < 13;
    if (x->rank == 0) {
        *g = (groups){1, 1, 1};
        return DF_OK;
    }
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", old ? 1 : -1), x->rank, &axis);
    if (st != DF_OK)
        return st;
    *g = (groups){1, old ? 1 : x->dims[axis], 1};
    for (int i = 0; i < axis; i++)
        g->outer *= x->dims[i];
    for (int i = axis + !old; i < x->rank; i++)
        *(old ? &g->n : &g->step) *= x->dims[i];
    return DF_OK;
}

static df_status softmax_infer(df_call *call)
{
    groups g;
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, df__floats);
    if (st == DF_OK)
        st = groups_of(call, &g);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

enum { LANES = 16, WIDE = 4 * LANES, SIDE_BY_SIDE = 256, PIECE = 8 << 10 /* numbers */ };

/* y = exp(x - shift[i * step]) for numbers up to 0. Cephes' expf: x = n ln 2 + r, a polynomial of r, n into the exponent; 1 ulp or so. */
static inline __attribute__((always_inline)) void exp_of(const float *x, float *y, int64_t n, const float *shift, int64_t step)
{
    for (int64_t i = 0; i < n; i++) {
        float given = x[i] - shift[i * step], v = given < -87.3f ? -87.3f : given;
        float t = v * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: its low bits are n */
        float whole = t - 12582912.0f, r = v - whole * 0.693359375f + whole * 2.12194440e-4f;
        float p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r + 5.0000001201e-1f;
        uint32_t bits;
        float power;
        memcpy(&bits, &t, sizeof bits);
        bits = (bits + 127) << 23;
        memcpy(&power, &bits, sizeof power);
        y[i] = given < -87.3f ? 0 : (p * r * r + r + 1) * power;
    }
}

DF_CLONES static void exp_row(const float *x, float *y, int64_t n, float shift) { exp_of(x, y, n, &shift, 0); }
DF_CLONES static void exp_run(const float *x, float *y, int64_t n, const float *shift) { exp_of(x, y, n, shift, 1); }

/* Many lanes, so that one does not wait for the other; then halves of them meet. */
DF_CLONES static float largest(const float *x, int64_t n)
{
    float lane[WIDE], top = x[0];
    int64_t i = 0;
    for (int k = 0; k < WIDE; k++)
        lane[k] = top;
    for (; i + WIDE <= n; i += WIDE)
        for (int k = 0; k < WIDE; k++)
            lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (int half = WIDE / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            lane[k] = lane[k + half] > lane[k] ? lane[k + half] : lane[k];
    top = lane[0];
    for (; i < n; i++)
        top = x[i] > top ? x[i] : top;
    return top;
}

DF_CLONES static float sum_of(const float *x, int64_t n)
{
    float lane[WIDE] = {0}, sum;
    int64_t i = 0;
    for (; i + WIDE <= n; i += WIDE)
        for (int k = 0; k < WIDE; k++)
            lane[k] += x[i + k];
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += x[i + k];
    for (int half = WIDE / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            lane[k] += lane[k + half];
    sum = lane[0];
    for (; i < n; i++)
        sum += x[i];
    return sum;
}

DF_CLONES static void scale_row(float *y, int64_t n, float by)
{
    for (int64_t i = 0; i < n; i++)
        y[i] *= by;
}

DF_CLONES static void scale_run(float *y, int64_t n, const float *by)
{
    for (int64_t i = 0; i < n; i++)
        y[i] *= by[i];
}

float df__softmax_powers(float *x, int64_t n)
{
    exp_row(x, x, n, largest(x, n));
    return sum_of(x, n);
}

float df__softmax_powers_bf16(const float *x, int64_t n, uint16_t *y) { return df__lanes()->powers_bf16(x, n, largest(x, n), y); }

static void softmax_row(const float *x, float *y, int64_t n)
{
    exp_row(x, y, n, largest(x, n));
    scale_row(y, n, 1 / sum_of(y, n));
}

DF_CLONES static void raise_to(float *top, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        top[i] = x[i] > top[i] ? x[i] : top[i];
}

DF_CLONES static void add_to(float *sum, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i];
}

/* Groups that lie side by side: `many` of them, the next element of each `step` further on. */
static void softmax_beside(const float *x, float *y, int64_t n, int64_t step, int64_t many)
{
    float top[SIDE_BY_SIDE], sum[SIDE_BY_SIDE] = {0};
    memcpy(top, x, (size_t)many * sizeof *top);
    for (int64_t i = 1; i < n; i++)
        raise_to(top, x + i * step, many);
    for (int64_t i = 0; i < n; i++) {
        exp_run(x + i * step, y + i * step, many, top);
        add_to(sum, y + i * step, many);
    }
    for (int64_t k = 0; k < many; k++)
        sum[k] = 1 / sum[k];
    for (int64_t i = 0; i < n; i++)
        scale_run(y + i * step, many, sum);
}

/* The largest of each dense row, or one by its sum, for each of its numbers. The compiler makes vectors of it where n is a constant. */
static inline __attribute__((always_inline)) void tops_of(const float *x, int64_t n, int64_t rows, float *shift)
{
    for (int64_t r = 0; r < rows; r++) {
        float top = x[r * n];
        for (int64_t i = 1; i < n; i++)
            top = x[r * n + i] > top ? x[r * n + i] : top;
        for (int64_t i = 0; i < n; i++)
            shift[r * n + i] = top;
    }
}

static inline __attribute__((always_inline)) void shares_of(const float *y, int64_t n, int64_t rows, float *share)
{
    for (int64_t r = 0; r < rows; r++) {
        float sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += y[r * n + i];
        for (int64_t i = 0; i < n; i++)
            share[r * n + i] = 1 / sum;
    }
}

/* Dense rows of a few numbers each, as many together as fill `of_row`: what softmax_row would give, to the bit. Pairs are the most frequent: face or not. */
DF_CLONES static void softmax_short(const float *x, float *y, int64_t n, int64_t rows)
{
    float of_row[SIDE_BY_SIDE] = {0};
    if (n == 2)
        tops_of(x, 2, rows, of_row);
    else
        tops_of(x, n, rows, of_row);
    exp_run(x, y, rows * n, of_row);
    if (n == 2)
        shares_of(y, 2, rows, of_row);
    else
        shares_of(y, n, rows, of_row);
    scale_run(y, rows * n, of_row);
}

static void log_softmax_group(const float *x, float *y, int64_t n, int64_t step)
{
    float top = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        top = x[i * step] > top ? x[i * step] : top;
    for (int64_t i = 0; i < n; i++) {
        sum += expf(x[i * step] - top);
        y[i * step] = x[i * step] - top;
    }
    float shift = logf(sum);
    for (int64_t i = 0; i < n; i++)
        y[i * step] -= shift;
}

static void softmax_group_f64(const double *x, double *y, int64_t n, int64_t step, bool log_of)
{
    double top = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        top = fmax(top, x[i * step]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i * step] - top);
    for (int64_t i = 0; i < n; i++)
        y[i * step] = log_of ? x[i * step] - top - log(sum) : exp(x[i * step] - top) / sum;
}

static void hardmax_group(const df_tensor *x, df_tensor *y, int64_t from, int64_t n, int64_t step)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (df__load_f64(x, from + i * step) > df__load_f64(x, from + best * step))
            best = i;
    for (int64_t i = 0; i < n; i++)
        df__store_f64(y, from + i * step, i == best);
}

typedef struct work { groups g; const float *x; float *y; int64_t piece; /* rows of a piece; where groups lie side by side, pieces of a row */ } work;

static void rows_piece(void *arg, size_t index, int worker)
{
    const work *w = arg;
    int64_t n = w->g.n, first = (int64_t)index * w->piece, end = first + w->piece < w->g.outer ? first + w->piece : w->g.outer;
    int64_t each = n < LANES ? SIDE_BY_SIDE / n : 1;
    (void)worker;
    for (int64_t o = first; o < end; o += each)
        if (n < LANES)
            softmax_short(w->x + o * n, w->y + o * n, n, end - o < each ? end - o : each);
        else
            softmax_row(w->x + o * n, w->y + o * n, n);
}

/* SIDE_BY_SIDE groups, or what is left of them. */
static void beside_piece(void *arg, size_t index, int worker)
{
    const work *w = arg;
    int64_t n = w->g.n, step = w->g.step, first = (int64_t)index % w->piece * SIDE_BY_SIDE, at = (int64_t)index / w->piece * n * step + first;
    (void)worker;
    softmax_beside(w->x + at, w->y + at, n, step, step - first < SIDE_BY_SIDE ? step - first : SIDE_BY_SIDE);
}

static void softmax_fast(const df_call *call, const groups *g)
{
    bool rows = g->step == 1;
    work w = {*g, call->in[0].data, call->out[0].data, rows ? PIECE / g->n + 1 : (g->step + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE};
    df__parallel_for((size_t)(rows ? (g->outer + w.piece - 1) / w.piece : g->outer * w.piece), call->threads, rows ? rows_piece : beside_piece, &w);
}

static df_status softmax_run(const df_call *call)
{
    groups g;
    const df_tensor *x = &call->in[0];
    df_status st = groups_of(call, &g);
    if (st != DF_OK || df__tensor_count(x) == 0)
        return st;
    bool log_of = strcmp(call->node->op, "LogSoftmax") == 0, hard = strcmp(call->node->op, "Hardmax") == 0;
    bool fast = x->type == DF_F32 && !log_of && !hard;
    if (fast)
        softmax_fast(call, &g);
    for (int64_t o = 0; o < g.outer && !fast; o++)
        for (int64_t i = 0; i < g.step; i++) {
            int64_t from = o * g.n * g.step + i;
            if (hard)
                hardmax_group(x, &call->out[0], from, g.n, g.step);
            else if (x->type == DF_F32)
                log_softmax_group((const float *)x->data + from, (float *)call->out[0].data + from, g.n, g.step);
            else
                softmax_group_f64((const double *)x->data + from, (double *)call->out[0].data + from, g.n, g.step, log_of);
        }
    return DF_OK;
}

const df_op df__op_Softmax = {.name = "Softmax", .flags = DF_OP_AXIS | DF_OP_INPLACE, .infer = softmax_infer, .run = softmax_run};
const df_op df__op_LogSoftmax = {.name = "LogSoftmax", .flags = DF_OP_AXIS | DF_OP_INPLACE, .infer = softmax_infer, .run = softmax_run};
const df_op df__op_Hardmax = {.name = "Hardmax", .flags = DF_OP_AXIS, .infer = softmax_infer, .run = softmax_run};
