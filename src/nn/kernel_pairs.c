/* kernel_pairs.c - MatMul of two tensors that are both made by the run: as many products as the batch has, shared out among the threads. Where answers
 * may round, of bfloat16: a few matrices at a time become that, then they are multiplied. */
#include <stdlib.h>

#include "nn/kernel.h"
#include "nn/lanes.h"

enum { MAX_PARTS = 64, LINE = 64, LEAST_HALF = 1 << 16 /* multiply-adds of a product */, ROUND_BYTES = 256 << 10 /* of bfloat16 at a time: they stay in the second cache */ };

typedef struct part { df_prim *prim; int64_t first, count, each; /* matrices of the part, and of a product of `prim` */ } part;

typedef struct pairs {
    df_kernel base;
    df_num    num;
    int64_t   a, b, y; /* elements of a matrix */
    int       n_parts;
    size_t    room_a, room_b, scratch_each; /* a part's: bfloat16 of both sides, then oneDNN's own */
    part      parts[MAX_PARTS];
} pairs;

df_num df__product_num(const df_call *call, int64_t m, int64_t k, int64_t n)
{
    return df__half_products(call) && m * k * n >= LEAST_HALF ? DF_NUM_BF16 : DF_NUM_F32;
}

static void pairs_free(df_kernel *base)
{
    pairs *p = (pairs *)base;
    for (int i = 0; i < p->n_parts; i++)
        df__prim_free(p->parts[i].prim);
    free(p);
}

typedef struct work { const pairs *p; const df_call *call; char *scratch; df_mishaps met; } work;

static void run_part(void *arg, size_t i, int worker)
{
    work *w = arg;
    const pairs *p = w->p;
    const part *own = &p->parts[i];
    char *scratch = w->scratch + i * p->scratch_each;
    for (int64_t at = own->first; at < own->first + own->count; at += own->each) {
        const float *a = (const float *)w->call->in[0].data + at * p->a, *b = (const float *)w->call->in[1].data + at * p->b;
        df_prim_args args = {.src = a, .weights = b, .dst = (float *)w->call->out[0].data + at * p->y, .scratch = scratch + p->room_a + p->room_b};
        if (p->num == DF_NUM_BF16) {
            df__lanes()->to_bf16(a, (uint16_t *)(void *)scratch, own->each * p->a);
            df__lanes()->to_bf16(b, (uint16_t *)(void *)(scratch + p->room_a), own->each * p->b);
            args.src = scratch, args.weights = scratch + p->room_a;
        }
        df_status st = df__prim_run(own->prim, &args, &w->met.err[worker]);
        if (st != DF_OK)
            w->met.st[worker] = st;
    }
}

static df_status pairs_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const pairs *p = (const pairs *)base;
    work w = {.p = p, .call = call, .scratch = exec->scratch};
    return df__run_parts(call, exec->threads, (size_t)p->n_parts, run_part, &w, &w.met);
}

static size_t lines(int64_t halves) { return ((size_t)halves * 2 + LINE - 1) & ~(size_t)(LINE - 1); }

/* As many matrices at a time as fit, a divisor of all of the part's. */
static int64_t at_a_time(const pairs *p, int64_t count)
{
    int64_t each = p->num == DF_NUM_BF16 ? ROUND_BYTES / 2 / (p->a + p->b) : count;
    for (each = each < 1 ? 1 : each > count ? count : each; count % each; each--) {}
    return each;
}

df_status df__pairs_compile(const df_call *call, int64_t batch, int64_t m, int64_t k, int64_t n, df_kernel **out)
{
    df_status st = DF_OK;
    *out = NULL;
    if (batch < 1 || m < 1 || k < 1 || n < 1 || m > INT32_MAX || k > INT32_MAX || n > INT32_MAX || m * k * n / m / k != n)
        return DF_OK;
    pairs *p = calloc(1, sizeof *p);
    if (!p)
        return df__no_memory(call->err, "kernel", sizeof *p);
    *p = (pairs){.num = df__product_num(call, m, k, n), .a = m * k, .b = k * n, .y = m * n};
    int64_t parts = df__parts(call, (double)batch * (double)(m * k * n), df__part_adds(p->num), batch < MAX_PARTS ? batch : MAX_PARTS);
    for (int64_t i = 0; i < parts; i++) {
        part *one = &p->parts[i];
        one->first = batch * i / parts;
        one->count = batch * (i + 1) / parts - one->first;
        one->each = at_a_time(p, one->count);
        df_batched_job job = {one->each, m, k, n, p->num, true};
        DF_TRY(df__prim_batched(&job, NULL, &one->prim, call->err));
        if (!one->prim)
            goto done;
        p->n_parts++;
        size_t bytes = df__prim_scratch_bytes(one->prim);
        p->scratch_each = bytes > p->scratch_each ? bytes : p->scratch_each;
        if (p->num == DF_NUM_BF16 && lines(one->each * p->a) > p->room_a)
            p->room_a = lines(one->each * p->a), p->room_b = lines(one->each * p->b);
    }
    p->scratch_each = (p->scratch_each + p->room_a + p->room_b + LINE - 1) & ~(size_t)(LINE - 1);
    p->base = (df_kernel){.run = pairs_run, .free = pairs_free, .scratch_bytes = p->scratch_each * (size_t)parts, .name = df__prim_name(p->parts[0].prim), .rounds = p->num != DF_NUM_F32};
    *out = &p->base;
    p = NULL;
done:
    if (p)
        pairs_free(&p->base);
    return st;
}
