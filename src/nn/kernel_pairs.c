/* kernel_pairs.c - MatMul of two tensors that are both made by the run: as many products as the batch has, shared out among the threads. */
#include <stdlib.h>

#include "nn/kernel.h"

enum { MAX_PARTS = 64 };
static const int64_t least_work = 200000; /* multiply-adds of a part */

typedef struct part { df_prim *prim; int64_t first; } part;

typedef struct pairs {
    df_kernel base;
    int64_t   a, b, y; /* elements of a matrix */
    int       n_parts;
    size_t    scratch_each;
    part      parts[MAX_PARTS];
} pairs;

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
    int64_t first = p->parts[i].first;
    df_prim_args args = {.src = (const float *)w->call->in[0].data + first * p->a, .weights = (const float *)w->call->in[1].data + first * p->b,
                         .dst = (float *)w->call->out[0].data + first * p->y, .scratch = w->scratch + i * p->scratch_each};
    df_status st = df__prim_run(p->parts[i].prim, &args, &w->met.err[worker]);
    if (st != DF_OK)
        w->met.st[worker] = st;
}

static df_status pairs_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const pairs *p = (const pairs *)base;
    work w = {.p = p, .call = call, .scratch = exec->scratch};
    return df__run_parts(call, exec->threads, (size_t)p->n_parts, run_part, &w, &w.met);
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
    *p = (pairs){.a = m * k, .b = k * n, .y = m * n};
    int64_t parts = batch < call->threads ? batch : call->threads, each = m * k * n < least_work * 64 ? batch * (m * k * n) / least_work : batch;
    parts = parts < each ? parts : each;
    parts = parts < 1 ? 1 : parts > MAX_PARTS ? MAX_PARTS : parts;
    for (int64_t i = 0; i < parts; i++) {
        part *one = &p->parts[i];
        one->first = batch * i / parts;
        df_batched_job job = {batch * (i + 1) / parts - one->first, m, k, n, DF_NUM_F32, true};
        DF_TRY(df__prim_batched(&job, NULL, &one->prim, call->err));
        if (!one->prim)
            goto done;
        p->n_parts++;
        size_t bytes = df__prim_scratch_bytes(one->prim);
        p->scratch_each = bytes > p->scratch_each ? bytes : p->scratch_each;
    }
    p->base = (df_kernel){.run = pairs_run, .free = pairs_free, .scratch_bytes = p->scratch_each * (size_t)parts, .name = df__prim_name(p->parts[0].prim)};
    *out = &p->base;
    p = NULL;
done:
    if (p)
        pairs_free(&p->base);
    return st;
}
