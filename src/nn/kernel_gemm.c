/* kernel_gemm.c - products with a constant matrix by oneDNN. Few rows: threads share out the columns, since reading the weights is all the
 * work; many rows: they share out the rows. */
#include <stdlib.h>
#include <string.h>

#include "nn/kernel.h"
#include "nn/lanes.h"

enum { MAX_PARTS = 64, FEW_ROWS = 32, LINE = 64 };

typedef struct part { df_prim *prim; int64_t src, dst, columns; df_weights_at weights; float *bias; } part;

typedef struct gemm {
    df_kernel       base;
    df_num          num;
    int64_t         rows, k, n;
    int             n_parts;
    bool            by_columns;
    part            parts[MAX_PARTS];
    size_t          converted, dense, scratch_each; /* a part's: its columns side by side, then oneDNN's own */
    const df_fused *fused;
    df_fused        own[MAX_PARTS]; /* posts whose slopes begin at the part's first column */
    bool            posts_after;
} gemm;

static void drop_parts(gemm *g)
{
    for (int i = 0; i < g->n_parts; i++) {
        df__prim_free(g->parts[i].prim);
        free(g->parts[i].weights.own);
        free(g->parts[i].bias);
    }
    g->n_parts = 0;
}

static void gemm_free(df_kernel *base)
{
    drop_parts((gemm *)base);
    free(base);
}

typedef struct work { const gemm *g; const df_call *call; const df_exec *exec; const void *src; df_mishaps met; } work;

static void run_part(void *arg, size_t i, int worker)
{
    work *w = arg;
    const part *p = &w->g->parts[i];
    const char *src = w->src;
    char *scratch = (char *)w->exec->scratch + w->g->converted + i * w->g->scratch_each;
    float *y = (float *)w->call->out[0].data + p->dst, *dense = (float *)(void *)scratch;
    df_prim_args args = {.src = src + (size_t)p->src * df__num_size(w->g->num), .weights = p->weights.data, .bias = p->bias,
                         .dst = w->g->dense ? dense : y, .scratch = scratch + w->g->dense};
    if (!args.weights) /* rows share the first part's */
        args.weights = w->g->parts[0].weights.data;
    if (!args.bias)
        args.bias = w->g->parts[0].bias;
    df__add_inputs(w->call, w->g->fused, p->dst, args.add);
    df_status st = df__prim_run(p->prim, &args, &w->met.err[worker]);
    if (st != DF_OK)
        w->met.st[worker] = st;
    for (int64_t r = 0; w->g->dense && r < w->g->rows; r++)
        memcpy(y + r * w->g->n, dense + r * p->columns, (size_t)p->columns * sizeof *y);
}

static df_status gemm_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const gemm *g = (const gemm *)base;
    work w = {.g = g, .call = call, .exec = exec, .src = call->in[0].data};
    if (g->num == DF_NUM_BF16) {
        df__lanes()->to_bf16(call->in[0].data, exec->scratch, g->rows * g->k);
        w.src = exec->scratch;
    }
    df_status st = df__run_parts(call, exec->threads, (size_t)g->n_parts, run_part, &w, &w.met);
    if (st == DF_OK && g->posts_after)
        df__fused_apply(call, g->fused, false);
    return st;
}

typedef struct filling { const df_gemm *shape; const df_prim *prim; const float *scale; int64_t first, count; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const df_gemm *s = f->shape;
    int64_t step_n = s->trans_b ? s->k : 1, step_k = s->trans_b ? 1 : s->n;
    const char *from = (const char *)s->weights->data + (size_t)(f->first * step_n) * sizeof(float);
    return df__prim_pack(f->prim, from, (const int64_t[]){step_n, step_k}, f->scale ? f->scale + f->first : NULL, f->count, out, err);
}

static df_status place(const df_call *call, const df_gemm *s, gemm *g, part *p, int64_t first, int64_t count, df_packer *packer)
{
    const float *scale = g->fused ? g->fused->scale : NULL;
    filling f = {s, p->prim, scale, first, count};
    df_pack_key key = df__weights_key(call, "gemm", scale, s->n);
    df__pack_key_add(&key, (int64_t[]){first, count, s->trans_b}, 3 * sizeof(int64_t)); /* one matrix may be read both ways */
    df__prim_layout(p->prim, &key);
    return df__weights_place(call, packer, NULL, &key, df__prim_weight_bytes(p->prim), fill, &f, &p->weights);
}

static bool takes(const df_fused *fused) /* columns may be cut: nothing in the posts has the whole output's shape */
{
    bool add = false;
    for (int i = 0; fused && i < fused->n_post; i++)
        add = add || fused->post[i].kind == DF_POST_ADD;
    return !add;
}

static df_status add_part(const df_call *call, const df_gemm *s, gemm *g, int64_t first, int64_t count, bool bias)
{
    df_status st = DF_OK;
    part *p = &g->parts[g->n_parts];
    df_fused *own = &g->own[g->n_parts];
    bool after = false;
    if (g->fused)
        *own = *g->fused;
    for (int i = 0; g->by_columns && i < own->n_post; i++)
        if (own->post[i].n_slope > 1) {
            own->post[i].slope += first;
            own->post[i].n_slope = count;
        }
    df_product_job job = {.m = g->by_columns ? s->m : count, .k = s->k, .n = g->by_columns ? count : s->n, .src_step = s->k, .dst_step = g->by_columns ? count : s->n,
                          .src = g->num, .bias = bias, .fused = g->fused ? own : NULL};
    *p = (part){.src = g->by_columns ? 0 : first * s->k, .dst = g->by_columns ? first : first * s->n, .columns = g->by_columns ? count : s->n};
    DF_TRY(df__prim_product(&job, g->by_columns || g->n_parts == 0 ? NULL : g->parts[0].prim, &p->prim, &after, call->err));
    if (p->prim && g->n_parts > 0 && after != g->posts_after) { /* some parts would get the posts twice */
        df__prim_free(p->prim);
        p->prim = NULL;
    }
    if (!p->prim)
        return DF_OK;
    g->n_parts++;
    g->posts_after = after;
done:
    return st;
}

/* Fewer than `parts`: oneDNN has no kernel for one of them that takes the weights as the first one's does. */
static df_status cut(const df_call *call, const df_gemm *s, gemm *g, int64_t along, int64_t parts, bool bias)
{
    df_status st = DF_OK;
    drop_parts(g);
    for (int64_t i = 0; i < parts && st == DF_OK && g->n_parts == i; i++) {
        int64_t first = along * i / parts, end = along * (i + 1) / parts;
        if (g->by_columns) {
            first *= LINE;
            end = i + 1 < parts ? end * LINE : s->n;
        }
        st = add_part(call, s, g, first, end - first, bias);
    }
    return st;
}

static df_status biases(const df_call *call, const df_gemm *s, gemm *g)
{
    float *all = NULL;
    df_status st = df__bias_new(call, s->bias, g->fused, s->n, &all);
    if (st != DF_OK || !all)
        return st;
    if (!g->by_columns) {
        g->parts[0].bias = all;
        return DF_OK;
    }
    for (int i = 0; i < g->n_parts && st == DF_OK; i++) {
        int64_t end = i + 1 < g->n_parts ? g->parts[i + 1].dst : s->n;
        size_t bytes = (size_t)(end - g->parts[i].dst) * sizeof *all;
        g->parts[i].bias = malloc(bytes);
        if (g->parts[i].bias)
            memcpy(g->parts[i].bias, all + g->parts[i].dst, bytes);
        else
            st = df__no_memory(call->err, "bias", bytes);
    }
    free(all);
    return st;
}

df_status df__gemm_compile(const df_call *call, const df_gemm *s, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_status st = DF_OK;
    bool bias = s->bias || (fused && fused->shift);
    *out = NULL;
    if (s->m > INT32_MAX || s->k > INT32_MAX || s->n > INT32_MAX)
        return DF_OK;
    df_dots_job few = {.m = s->m, .k = s->k, .n = s->n, .step_n = s->trans_b ? s->k : 1, .dims = {1, 1, s->k},
                       .steps = {0, 0, s->trans_b ? 1 : s->n}, .matrix = s->weights->data, .bias = s->bias};
    st = df__dots(call, &few, fused, packer, NULL, out);
    if (st != DF_OK || *out)
        return st;
    gemm *g = calloc(1, sizeof *g);
    if (!g)
        return df__no_memory(call->err, "kernel", sizeof *g);
    g->num = df__half_products(call) && s->k * s->n >= 1 << 14 ? DF_NUM_BF16 : DF_NUM_F32;
    g->rows = s->m;
    g->k = s->k;
    g->n = s->n;
    g->fused = fused;
    g->by_columns = s->m <= FEW_ROWS && takes(fused);
    int64_t along = g->by_columns ? s->n / LINE : s->m;
    int64_t parts = df__parts(call, (double)s->m * (double)s->k * (double)s->n, df__part_adds(g->num), along < MAX_PARTS ? along : MAX_PARTS);
    for (; parts > 0; parts /= 2) {
        DF_TRY(cut(call, s, g, along, parts, bias));
        if (g->n_parts == parts)
            break;
    }
    if (parts == 0) /* plain C does it */
        goto done;
    for (int i = 0; i < (g->by_columns ? g->n_parts : 1); i++) {
        part *p = &g->parts[i];
        DF_TRY(place(call, s, g, p, g->by_columns ? p->dst : 0, p->columns, packer));
    }
    DF_TRY(biases(call, s, g));
    for (int i = 0; i < g->n_parts; i++) {
        size_t bytes = df__prim_scratch_bytes(g->parts[i].prim);
        g->scratch_each = bytes > g->scratch_each ? bytes : g->scratch_each;
        /* oneDNN's best products in float32 write whole rows alone. */
        size_t dense = g->by_columns && g->n_parts > 1 ? ((size_t)(s->m * g->parts[i].columns) * sizeof(float) + LINE - 1) & ~(size_t)(LINE - 1) : 0;
        g->dense = dense > g->dense ? dense : g->dense;
    }
    g->scratch_each += g->dense;
    g->converted = g->num == DF_NUM_BF16 ? ((size_t)(s->m * s->k) * 2 + LINE - 1) & ~(size_t)(LINE - 1) : 0;
    g->base = (df_kernel){.run = gemm_run, .free = gemm_free, .scratch_bytes = g->converted + g->scratch_each * (size_t)g->n_parts,
                          .name = df__prim_name(g->parts[0].prim), .rounds = g->num != DF_NUM_F32};
    *out = &g->base;
    g = NULL;
done:
    if (g)
        gemm_free(&g->base);
    return st;
}
