/* op_attention.c - attention (Vaswani et al. 2017): softmax(scale q k) v for each matrix of a batch. The engine's own operator for what files spell as
 * two MatMuls around a Softmax (pass_attention.c). Inputs: q [.., n, d], k [.., d, m], v [.., m, e] to y [.., n, e]. Attributes: scale; q_turned and
 * k_turned, which lie [d, n] and [m, d]; turned: v lies [e, m], y is [e, n]. A few rows of scores at a time stay in the second cache: written down as
 * a whole they are what most of the time goes into. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernel.h"
#include "nn/pass_rewrite.h"

enum { ROWS = 64 /* of scores at a time */, MAX_PARTS = 64, LINE = 64 };

typedef struct attention {
    int64_t batches, n, m, d, e;
    float   scale;
    bool    q_turned, k_turned, turned;
} attention;

bool df__same_batches(const df_tensor *a, const df_tensor *b)
{
    return a->rank == b->rank && a->rank >= 2 && memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)(a->rank - 2)) == 0;
}

static df_status attention_of(const df_call *call, attention *a)
{
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    for (size_t i = 0; i < 3; i++)
        DF_TRY(df__call_types(call, i, (const df_dtype[]){DF_F32, 0}));
    const df_tensor *q = &call->in[0], *k = &call->in[1], *v = &call->in[2];
    *a = (attention){.batches = 1, .scale = df__node_float(call->node, "scale", 1), .q_turned = df__node_int(call->node, "q_turned", 0) != 0,
                     .k_turned = df__node_int(call->node, "k_turned", 0) != 0, .turned = df__node_int(call->node, "turned", 0) != 0};
    if (!df__same_batches(q, k) || !df__same_batches(q, v))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "attention over tensors of %d, %d and %d dimensions that do not match", q->rank, k->rank, v->rank));
    int last = q->rank - 1;
    for (int i = 0; i < last - 1; i++)
        a->batches *= q->dims[i];
    a->n = q->dims[last - !a->q_turned], a->d = q->dims[last - a->q_turned];
    a->m = k->dims[last - a->k_turned], a->e = v->dims[last - a->turned];
    if (k->dims[last - !a->k_turned] != a->d || v->dims[last - !a->turned] != a->m)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "queries of %lld numbers, keys of %lld; %lld keys, %lld values", (long long)a->d,
                             (long long)k->dims[last - !a->k_turned], (long long)a->m, (long long)v->dims[last - !a->turned]));
done:
    return st;
}

static df_status attention_infer(df_call *call)
{
    attention a;
    df_status st = attention_of(call, &a);
    if (st != DF_OK)
        return st;
    df_tensor *y = &call->out[0];
    *y = df__shape_like(&call->in[0]);
    y->dims[y->rank - 2] = a.turned ? a.e : a.n;
    y->dims[y->rank - 1] = a.turned ? a.n : a.e;
    st = df__call_check(call, y);
    return st == DF_OK ? df__call_work(call, a.batches * a.n * a.m, a.d + a.e) : st;
}

/* Element [i][j] of matrix b with `rows` rows and `columns` columns, which lies turned or not. */
static float at(const df_tensor *t, int64_t b, int64_t rows, int64_t columns, bool turned, int64_t i, int64_t j)
{
    return ((const float *)t->data)[b * rows * columns + (turned ? j * rows + i : i * columns + j)];
}

static df_status attention_run(const df_call *call)
{
    attention a;
    df_status st = attention_of(call, &a);
    if (st != DF_OK)
        return st;
    df_arena_mark mark = df__arena_mark(call->scratch);
    double *weight = df__arena_alloc(call->scratch, (size_t)(a.m + 1) * sizeof *weight);
    if (!weight)
        return df__no_memory(call->err, "weights of attention", (size_t)a.m * sizeof *weight);
    for (int64_t row = 0; row < a.batches * a.n; row++) {
        int64_t b = row / a.n, i = row % a.n;
        double top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < a.m; j++) {
            weight[j] = 0;
            for (int64_t c = 0; c < a.d; c++)
                weight[j] += (double)at(&call->in[0], b, a.n, a.d, a.q_turned, i, c) * (double)at(&call->in[1], b, a.d, a.m, a.k_turned, c, j);
            weight[j] *= (double)a.scale;
            top = weight[j] > top || isnan(weight[j]) ? weight[j] : top;
        }
        for (int64_t j = 0; j < a.m; j++)
            sum += weight[j] = exp(weight[j] - top);
        for (int64_t c = 0; c < a.e; c++) {
            double mean = 0;
            for (int64_t j = 0; j < a.m; j++)
                mean += weight[j] * (double)at(&call->in[2], b, a.m, a.e, a.turned, j, c);
            ((float *)call->out[0].data)[b * a.n * a.e + (a.turned ? c * a.n + i : i * a.e + c)] = (float)(mean / sum);
        }
    }
    df__arena_release(call->scratch, mark);
    return DF_OK;
}

/* ---- a few rows of scores at a time ---- */

/* Products of one number of rows: scores, and what they weigh. */
typedef struct product { df_prim *scores, *values; } product;

typedef struct kernel {
    df_kernel base;
    attention a;
    df_num    num;
    int       parts;
    product   whole, rest; /* of ROWS rows, of those that are left */
    /* A worker's memory: q, k and v in the products' numbers and order; one of them in float32; scores, weights and results of a few rows; oneDNN's own. */
    size_t    q, k, v, plain, scores, weights, results, own, each;
} kernel;

static void kernel_free(df_kernel *base)
{
    kernel *k = (kernel *)base;
    df__prim_free(k->whole.scores);
    df__prim_free(k->whole.values);
    df__prim_free(k->rest.scores);
    df__prim_free(k->rest.values);
    free(k);
}

typedef struct work { const kernel *k; const df_call *call; char *scratch; df_mishaps met; } work;

/* A matrix of rows x columns into the products' numbers. */
static void take(const kernel *k, const float *x, bool turned, int64_t rows, int64_t columns, float scale, float *plain, void *to)
{
    int64_t count = rows * columns;
    if (turned) {
        df__turn_4(x, rows, plain, columns, columns, rows);
        x = plain;
    }
    for (int64_t i = 0; i < count && scale != 1; i++)
        plain[i] = x[i] * scale;
    if (scale != 1)
        x = plain;
    if (k->num == DF_NUM_BF16)
        df__lanes()->to_bf16(x, to, count);
    else
        memcpy(to, x, (size_t)count * sizeof *x);
}

static df_status some_rows(const kernel *k, const product *p, char *memory, int64_t first, int64_t rows, float *y, df_error *err)
{
    const attention *a = &k->a;
    size_t size = df__num_size(k->num);
    float *scores = (float *)(void *)(memory + k->scores), *results = (float *)(void *)(memory + k->results), sums[ROWS];
    void *weights = k->num == DF_NUM_BF16 ? (void *)(memory + k->weights) : (void *)scores;
    df_prim_args args = {.src = memory + k->q + (size_t)(first * a->d) * size, .weights = memory + k->k, .dst = scores, .scratch = memory + k->own};
    df_status st = df__prim_run(p->scores, &args, err);
    if (st != DF_OK)
        return st;
    for (int64_t i = 0; i < rows; i++)
        sums[i] = k->num == DF_NUM_BF16 ? df__softmax_powers_bf16(scores + i * a->m, a->m, (uint16_t *)weights + i * a->m) : df__softmax_powers(scores + i * a->m, a->m);
    args = (df_prim_args){.src = weights, .weights = memory + k->v, .dst = results, .scratch = memory + k->own};
    st = df__prim_run(p->values, &args, err);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < a->e; c++)
            results[i * a->e + c] /= sums[i];
    if (a->turned)
        df__turn_4(results, a->e, y + first, a->n, rows, a->e);
    else
        memcpy(y + first * a->e, results, (size_t)(rows * a->e) * sizeof *y);
    return st;
}

static void run_part(void *arg, size_t part, int worker)
{
    work *w = arg;
    const kernel *k = w->k;
    const attention *a = &k->a;
    char *memory = w->scratch + part * k->each;
    float *plain = (float *)(void *)(memory + k->plain);
    int64_t first = a->batches * (int64_t)part / k->parts, end = a->batches * ((int64_t)part + 1) / k->parts;
    for (int64_t b = first; b < end; b++) {
        const df_tensor *in = w->call->in;
        float *y = (float *)w->call->out[0].data + b * a->n * a->e;
        take(k, (const float *)in[0].data + b * a->n * a->d, a->q_turned, a->n, a->d, a->scale, plain, memory + k->q);
        take(k, (const float *)in[1].data + b * a->d * a->m, a->k_turned, a->d, a->m, 1, plain, memory + k->k);
        take(k, (const float *)in[2].data + b * a->m * a->e, a->turned, a->m, a->e, 1, plain, memory + k->v);
        for (int64_t i = 0; i < a->n; i += ROWS) {
            bool whole = i + ROWS <= a->n;
            df_status st = some_rows(k, whole ? &k->whole : &k->rest, memory, i, whole ? ROWS : a->n - i, y, &w->met.err[worker]);
            if (st != DF_OK)
                w->met.st[worker] = st;
        }
    }
}

static df_status kernel_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    work w = {.k = (const kernel *)base, .call = call, .scratch = exec->scratch};
    return df__run_parts(call, exec->threads, (size_t)w.k->parts, run_part, &w, &w.met);
}

/* ---- compilation ---- */

/* False where oneDNN has none. */
static df_status products_of(kernel *k, int64_t rows, product *p, bool *there, df_error *err)
{
    df_status st = DF_OK;
    const attention *a = &k->a;
    *there = true;
    if (rows == 0)
        return DF_OK;
    DF_TRY(df__prim_batched(&(df_batched_job){1, rows, a->d, a->m, k->num, true}, NULL, &p->scores, err));
    DF_TRY(df__prim_batched(&(df_batched_job){1, rows, a->m, a->e, k->num, true}, NULL, &p->values, err));
    *there = p->scores && p->values;
    for (int i = 0; i < 2 && *there; i++) {
        size_t own = df__prim_scratch_bytes(i ? p->values : p->scores);
        k->each = own > k->each ? own : k->each;
    }
done:
    return st;
}

static size_t room(kernel *k, int64_t numbers, size_t size)
{
    size_t begin = k->each;
    k->each += ((size_t)numbers * size + LINE - 1) & ~(size_t)(LINE - 1);
    return begin;
}

static int64_t most_of(int64_t a, int64_t b, int64_t c) { return a > b ? (a > c ? a : c) : b > c ? b : c; }

static df_status attention_compile(const df_call *call, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_status st = DF_OK;
    attention a;
    bool there = false;
    kernel *k = NULL;
    (void)packer;
    *out = NULL;
    DF_TRY(attention_of(call, &a));
    if (fused || df__tensor_count(&call->out[0]) < 1 || a.m < 1 || a.d < 1 || a.n > INT32_MAX || a.m > INT32_MAX || a.d > INT32_MAX || a.e > INT32_MAX)
        goto done;
    k = calloc(1, sizeof *k);
    if (!k)
        DF_TRY(df__no_memory(call->err, "kernel", sizeof *k));
    k->a = a;
    int64_t rows = a.n < ROWS ? a.n : ROWS;
    k->num = df__product_num(call, rows, a.d, a.m);
    size_t size = df__num_size(k->num);
    DF_TRY(products_of(k, a.n / ROWS ? ROWS : 0, &k->whole, &there, call->err));
    if (there)
        DF_TRY(products_of(k, a.n % ROWS, &k->rest, &there, call->err));
    if (!there)
        goto done;
    k->each = (k->each + LINE - 1) & ~(size_t)(LINE - 1); /* oneDNN's lies at the beginning */
    k->q = room(k, a.n * a.d, size);
    k->k = room(k, a.d * a.m, size);
    k->v = room(k, a.m * a.e, size);
    k->plain = room(k, most_of(a.n * a.d, a.d * a.m, a.m * a.e), sizeof(float));
    k->scores = room(k, rows * a.m, sizeof(float));
    k->weights = room(k, rows * a.m, size);
    k->results = room(k, rows * a.e, sizeof(float));
    int64_t parts = call->threads < a.batches ? call->threads : a.batches;
    k->parts = parts < 1 ? 1 : parts > MAX_PARTS ? MAX_PARTS : (int)parts;
    k->base = (df_kernel){.run = kernel_run, .free = kernel_free, .scratch_bytes = k->each * (size_t)k->parts, .name = k->num == DF_NUM_BF16 ? "attention bf16" : "attention f32",
                          .rounds = k->num == DF_NUM_BF16};
    *out = &k->base;
    k = NULL;
done:
    if (k)
        kernel_free(&k->base);
    return st;
}

const df_op df__op_attention = {.name = "attention", .infer = attention_infer, .run = attention_run, .compile = attention_compile};
