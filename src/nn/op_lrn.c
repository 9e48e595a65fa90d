/* op_lrn.c - LRN: each number over a power of the squares around it, in neighbouring channels (Krizhevsky et al. 2012, section 3.3). */
#include <math.h>

#include "core/simd.h"
#include "core/threads.h"
#include "nn/op.h"

enum { PIECE = 8 << 10 /* numbers */ };

typedef struct lrn {
    int64_t size, outer, c, inner; /* inner: numbers between neighbouring channels; 1 in channels last */
    float   alpha, beta, bias;     /* alpha: for a sum, not for a mean */
} lrn;

static df_status lrn_infer(df_call *call)
{
    int64_t size = df__node_int(call->node, "size", 0);
    df_status st = df__call_arity(call, 1, 1);
    if (st == DF_OK)
        st = df__call_types(call, 0, (const df_dtype[]){DF_F32, 0});
    if (st == DF_OK && call->in[0].rank < 2)
        st = df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, needs 2 or more", call->in[0].rank);
    if (st == DF_OK && (size < 1 || size > INT32_MAX))
        st = df__call_fail(call, DF_E_BAD_MODEL, "size %lld", (long long)size);
    if (st == DF_OK)
        st = df__call_work(call, df__tensor_count(&call->in[0]), size);
    if (st == DF_OK)
        call->out[0] = df__shape_like(&call->in[0]);
    return st;
}

DF_CLONES static void add_squares(float *sum, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i] * x[i];
}

/* The usual power is 3/4: two square roots. */
DF_CLONES static void divide_3_4(const float *x, const float *sum, float *y, int64_t n, float alpha, float bias)
{
    for (int64_t i = 0; i < n; i++) {
        float root = sqrtf(bias + alpha * sum[i]);
        y[i] = x[i] / (root * sqrtf(root));
    }
}

static void divide(const lrn *l, const float *x, const float *sum, float *y, int64_t n)
{
    if (l->beta == 0.75f && l->bias > 0 && l->alpha >= 0) {
        divide_3_4(x, sum, y, n, l->alpha, l->bias);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / powf(l->bias + l->alpha * sum[i], l->beta);
}

/* First and last neighbour of channel i. */
static void neighbours(const lrn *l, int64_t i, int64_t *first, int64_t *last)
{
    *first = i - (l->size - 1) / 2 < 0 ? 0 : i - (l->size - 1) / 2;
    *last = i + l->size / 2 > l->c - 1 ? l->c - 1 : i + l->size / 2;
}

typedef struct work {
    lrn          l;
    const float *x;
    float       *y, *sums; /* a row of `sums` for each worker */
    int64_t      piece;    /* pixels */
} work;

/* A pixel's channels side by side: the sums of all channels, shift by shift. */
static void rows(void *arg, size_t index, int worker)
{
    const work *w = arg;
    const lrn *l = &w->l;
    int64_t before = l->size / 2, after = (l->size - 1) / 2; /* a square is added to the sums `before` channels down, `after` up */
    int64_t first = (int64_t)index * w->piece, end = first + w->piece < l->outer ? first + w->piece : l->outer;
    float *sum = w->sums + worker * l->c;
    const float *x = w->x + first * l->c;
    float *y = w->y + first * l->c;
    for (int64_t o = first; o < end; o++, x += l->c, y += l->c) {
        for (int64_t i = 0; i < l->c; i++)
            sum[i] = 0;
        for (int64_t shift = -before; shift <= after; shift++) {
            int64_t to = shift > 0 ? shift : 0, from = shift < 0 ? -shift : 0, n = l->c - to - from;
            if (n > 0)
                add_squares(sum + to, x + from, n);
        }
        divide(l, x, sum, y, l->c);
    }
}

/* A channel of a photo. */
static void plane(void *arg, size_t index, int worker)
{
    const work *w = arg;
    const lrn *l = &w->l;
    int64_t photo = (int64_t)index / l->c, i = (int64_t)index % l->c, first, last;
    float *sum = w->sums + worker * l->inner;
    neighbours(l, i, &first, &last);
    for (int64_t k = 0; k < l->inner; k++)
        sum[k] = 0;
    for (int64_t j = first; j <= last; j++)
        add_squares(sum, w->x + (photo * l->c + j) * l->inner, l->inner);
    divide(l, w->x + (int64_t)index * l->inner, sum, w->y + (int64_t)index * l->inner, l->inner);
}

static df_status lrn_run(const df_call *call)
{
    const df_tensor *t = &call->in[0];
    bool last = call->nhwc && t->rank == 4;
    lrn l = {.size = df__node_int(call->node, "size", 1), .outer = t->dims[0], .c = t->dims[last ? 3 : 1], .inner = 1};
    l.alpha = df__node_float(call->node, "alpha", 1e-4f) / (float)l.size;
    l.beta = df__node_float(call->node, "beta", 0.75f);
    l.bias = df__node_float(call->node, "bias", 1);
    for (int i = last ? 1 : 2; i < t->rank - (last ? 1 : 0); i++)
        *(last ? &l.outer : &l.inner) *= t->dims[i];
    int64_t row = last ? l.c : l.inner, workers = call->threads > 1 ? call->threads : 1;
    work w = {.l = l, .x = t->data, .y = call->out[0].data, .piece = l.c > 0 ? PIECE / l.c + 1 : 1,
              .sums = df__arena_alloc(call->scratch, (size_t)(workers * row) * sizeof(float))};
    if (!w.sums)
        return df__no_memory(call->err, "LRN", (size_t)(workers * row) * sizeof(float));
    if (last)
        df__parallel_for((size_t)((l.outer + w.piece - 1) / w.piece), (int)workers, rows, &w);
    else
        df__parallel_for((size_t)(l.outer * l.c), (int)workers, plane, &w);
    return DF_OK;
}

const df_op df__op_LRN = {.name = "LRN", .flags = DF_OP_CHANNELS_LAST, .infer = lrn_infer, .run = lrn_run};
