/* op_matmul.c - MatMul and Gemm: the reference in plain C, and their hand-over to oneDNN. */
#include <string.h>

#include "core/simd.h"
#include "nn/kernel.h"
#include "nn/op.h"

static const df_dtype f32_only[] = {DF_F32, 0};

/* y[m, n] += a[m, k] b[k, n], rows of b side by side. */
DF_CLONES static void multiply(const float *a, int64_t sam, int64_t sak, const float *b, int64_t sbk, int64_t sbn, float *y, int64_t m, int64_t k,
                     int64_t n)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l++) {
            float v = a[i * sam + l * sak];
            if (sbn == 1)
                for (int64_t j = 0; j < n; j++)
                    y[i * n + j] += v * b[l * sbk + j];
            else
                for (int64_t j = 0; j < n; j++)
                    y[i * n + j] += v * b[l * sbk + j * sbn];
        }
}

/* ---- MatMul: NumPy's, batches broadcast ---- */

df_status df__product_of(const df_call *call, size_t b, df_product *p)
{
    df_tensor ab, bb, batch = {0};
    df_status st = DF_OK;
    *p = (df_product){.a = call->in[0], .b = call->in[b], .batches = 1};
    if (p->a.rank < 1 || p->b.rank < 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a product with a scalar"));
    if (p->a.rank == 1) /* a row */
        p->a.rank = 2, p->a.dims[1] = p->a.dims[0], p->a.dims[0] = 1;
    if (p->b.rank == 1) /* a column */
        p->b.rank = 2, p->b.dims[1] = 1;
    p->m = p->a.dims[p->a.rank - 2];
    p->k = p->a.dims[p->a.rank - 1];
    p->n = p->b.dims[p->b.rank - 1];
    if (p->b.dims[p->b.rank - 2] != p->k)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld columns times %lld rows", (long long)p->k, (long long)p->b.dims[p->b.rank - 2]));
    ab = p->a, bb = p->b;
    ab.rank -= 2, bb.rank -= 2;
    DF_TRY(df__broadcast(call, &ab, &bb, &batch));
    p->rank = batch.rank;
    memcpy(p->dims, batch.dims, sizeof p->dims);
    for (int i = 0; i < batch.rank; i++)
        p->batches *= batch.dims[i];
done:
    return st;
}

df_status df__product_infer(df_call *call, size_t b, const df_product *p, df_dtype type)
{
    df_tensor *y = &call->out[0];
    *y = (df_tensor){.type = type, .rank = p->rank};
    memcpy(y->dims, p->dims, sizeof y->dims);
    if (call->in[0].rank > 1)
        y->dims[y->rank++] = p->m;
    if (call->in[b].rank > 1)
        y->dims[y->rank++] = p->n;
    df_status st = df__call_check(call, y);
    return st == DF_OK ? df__call_work(call, df__tensor_count(y), p->k) : st;
}

static df_status matmul_infer(df_call *call)
{
    df_product p;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    for (size_t i = 0; i < 2; i++)
        DF_TRY(df__call_types(call, i, df__numbers));
    DF_TRY(df__product_of(call, 1, &p));
    if (call->in[0].type != call->in[1].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "types %s and %s", df__dtype_name(call->in[0].type), df__dtype_name(call->in[1].type)));
    DF_TRY(df__product_infer(call, 1, &p, call->in[0].type));
done:
    return st;
}

int64_t df__batch_offset(const int64_t *dims, int rank, const df_tensor *t, int64_t i)
{
    int64_t own[DF_MAX_RANK], offset = 0;
    df__strides(t, own);
    for (int d = rank - 1; d >= 0; d--) {
        int j = d - (rank - (t->rank - 2));
        if (j >= 0 && t->dims[j] != 1)
            offset += i % dims[d] * own[j];
        i /= dims[d];
    }
    return offset;
}

static void multiply_any(const df_tensor *a, int64_t ia, const df_tensor *b, int64_t ib, df_tensor *y, int64_t to, const df_product *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            uint64_t sum = 0;
            double fsum = 0;
            for (int64_t l = 0; l < p->k; l++) {
                if (a->type == DF_F64)
                    fsum += df__load_f64(a, ia + i * p->k + l) * df__load_f64(b, ib + l * p->n + j);
                else
                    sum += (uint64_t)df__load_i64(a, ia + i * p->k + l) * (uint64_t)df__load_i64(b, ib + l * p->n + j);
            }
            if (a->type == DF_F64)
                df__store_f64(y, to + i * p->n + j, fsum);
            else
                df__store_i64(y, to + i * p->n + j, (int64_t)sum);
        }
}

static df_status matmul_run(const df_call *call)
{
    df_product p;
    df_status st = df__product_of(call, 1, &p);
    if (st != DF_OK)
        return st;
    df_tensor *y = &call->out[0];
    memset(y->data, 0, df__tensor_bytes(y));
    for (int64_t i = 0; i < p.batches; i++) {
        int64_t ia = df__batch_offset(p.dims, p.rank, &p.a, i), ib = df__batch_offset(p.dims, p.rank, &p.b, i), to = i * p.m * p.n;
        if (y->type == DF_F32)
            multiply((const float *)p.a.data + ia, p.k, 1, (const float *)p.b.data + ib, p.n, 1, (float *)y->data + to, p.m, p.k, p.n);
        else
            multiply_any(&p.a, ia, &p.b, ib, y, to, &p);
    }
    return DF_OK;
}

/* Each matrix of one side meets one of the other: nothing is spread. */
static bool one_to_one(const df_product *p)
{
    int64_t a = 1, b = 1;
    for (int i = 0; i < p->a.rank - 2; i++)
        a *= p->a.dims[i];
    for (int i = 0; i < p->b.rank - 2; i++)
        b *= p->b.dims[i];
    return a == p->batches && b == p->batches;
}

/* A constant matrix on the right: all batches of the left are rows of one matrix. */
static df_status matmul_compile(const df_call *call, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_product p;
    df_status st = df__product_of(call, 1, &p);
    if (st == DF_OK && call->in[0].type == DF_F32 && !call->in[1].data && one_to_one(&p) && df__tensor_count(&call->out[0]) > 0 && p.k > 0)
        return df__pairs_compile(call, p.batches, p.m, p.k, p.n, out);
    if (st != DF_OK || call->in[0].type != DF_F32 || !call->in[1].data || p.b.rank != 2 || p.k == 0 || df__tensor_count(&call->out[0]) == 0)
        return st;
    df_gemm g = {.m = p.batches * p.m, .k = p.k, .n = p.n, .weights = &call->in[1], .alpha = 1};
    return df__gemm_compile(call, &g, fused, packer, out);
}

/* ---- Gemm: alpha a' b' + beta c ---- */

static df_status gemm_of(const df_call *call, df_gemm *g)
{
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 3));
    for (size_t i = 0; i < 3; i++)
        DF_TRY(df__call_types(call, i, f32_only));
    const df_tensor *a = &call->in[0], *b = &call->in[1];
    if (a->rank != 2 || b->rank != 2)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "inputs of %d and %d dimensions, needs 2", a->rank, b->rank));
    bool ta = df__node_int(call->node, "transA", 0) != 0, tb = df__node_int(call->node, "transB", 0) != 0;
    *g = (df_gemm){.m = a->dims[ta], .k = a->dims[!ta], .n = b->dims[!tb], .trans_a = ta, .trans_b = tb, .weights = b,
                   .alpha = df__node_float(call->node, "alpha", 1), .beta = df__node_float(call->node, "beta", 1)};
    if (b->dims[tb] != g->k)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld columns times %lld rows", (long long)g->k, (long long)b->dims[tb]));
    if (df__given(call, 2)) {
        df_tensor y = {.type = DF_F32, .rank = 2, .dims = {g->m, g->n}}, both = {0};
        g->bias = &call->in[2];
        DF_TRY(df__broadcast(call, &y, g->bias, &both));
        if (both.rank != 2 || both.dims[0] != g->m || both.dims[1] != g->n)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "the third input does not spread to %lld x %lld", (long long)g->m, (long long)g->n));
    }
done:
    return st;
}

static df_status gemm_infer(df_call *call)
{
    df_gemm g;
    df_status st = gemm_of(call, &g);
    if (st != DF_OK)
        return st;
    call->out[0] = (df_tensor){.type = DF_F32, .rank = 2, .dims = {g.m, g.n}};
    st = df__call_check(call, &call->out[0]);
    return st != DF_OK ? st : df__call_work(call, df__tensor_count(&call->out[0]), g.k);
}

static df_status gemm_run(const df_call *call)
{
    df_gemm g;
    df_status st = gemm_of(call, &g);
    if (st != DF_OK)
        return st;
    float *y = call->out[0].data;
    memset(y, 0, df__tensor_bytes(&call->out[0]));
    multiply(call->in[0].data, g.trans_a ? 1 : g.k, g.trans_a ? g.m : 1, call->in[1].data, g.trans_b ? 1 : g.n, g.trans_b ? g.k : 1, y, g.m, g.k,
             g.n);
    const float *c = g.bias ? g.bias->data : NULL;
    int rank = g.bias ? g.bias->rank : 0;
    int64_t sm = rank == 2 && g.bias->dims[0] != 1 ? g.bias->dims[1] : 0, sn = rank > 0 && g.bias->dims[rank - 1] != 1;
    for (int64_t i = 0; i < g.m; i++)
        for (int64_t j = 0; j < g.n; j++)
            y[i * g.n + j] = g.alpha * y[i * g.n + j] + (c ? g.beta * c[i * sm + j * sn] : 0);
    return DF_OK;
}

/* oneDNN's inner product takes one bias a column and no factors but 1. */
static df_status gemm_compile(const df_call *call, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_gemm g;
    df_status st = gemm_of(call, &g);
    if (st != DF_OK || !g.weights->data || g.trans_a || g.k == 0 || df__tensor_count(&call->out[0]) == 0 || g.alpha != 1)
        return st;
    if (g.bias && (!g.bias->data || g.beta != 1 || g.bias->rank < 1 || df__tensor_count(g.bias) != g.n || g.bias->dims[g.bias->rank - 1] != g.n))
        return DF_OK;
    return df__gemm_compile(call, &g, fused, packer, out);
}

const df_op df__op_MatMul = {.name = "MatMul", .infer = matmul_infer, .run = matmul_run, .compile = matmul_compile};
const df_op df__op_Gemm = {.name = "Gemm", .infer = gemm_infer, .run = gemm_run, .compile = gemm_compile};
