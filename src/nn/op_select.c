/* op_select.c - operators whose output is as long as the data say: NonZero, Compress, Unique. */
#include <string.h>

#include "nn/op.h"

static bool is_zero(const df_tensor *t, int64_t i)
{
    return df__is_float(t->type) ? df__load_f64(t, i) == 0 : df__load_i64(t, i) == 0;
}

/* ---- NonZero: where, one column an element ---- */

static df_status nonzero_infer(df_call *call)
{
    df_status st = df__call_arity(call, 1, 1);
    if (st != DF_OK)
        return st;
    const df_tensor *x = &call->in[0];
    int64_t found = 0;
    for (int64_t i = 0, n = df__tensor_count(x); i < n; i++)
        found += !is_zero(x, i);
    call->out[0] = (df_tensor){.type = DF_I64, .rank = 2, .dims = {x->rank, found}};
    return df__call_check(call, &call->out[0]);
}

static df_status nonzero_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    int64_t at[DF_MAX_RANK] = {0}, *y = call->out[0].data, found = call->out[0].dims[1], i = 0, to = 0;
    do {
        if (is_zero(x, i++))
            continue;
        for (int d = 0; d < x->rank; d++)
            y[d * found + to] = at[d];
        to++;
    } while (df__next_index(at, x->dims, x->rank));
    return DF_OK;
}

/* ---- slices along an axis, or single elements where there is none ---- */

typedef struct slices { int axis; int64_t outer, n, inner; } slices;

static df_status slices_of(const df_call *call, slices *s)
{
    const df_tensor *x = &call->in[0];
    *s = (slices){-1, 1, df__tensor_count(x), 1};
    if (!df__node_attr(call->node, "axis"))
        return DF_OK;
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", 0), x->rank, &s->axis);
    if (st != DF_OK)
        return st;
    s->n = x->dims[s->axis];
    for (int i = 0; i < x->rank; i++)
        *(i < s->axis ? &s->outer : &s->inner) *= i == s->axis ? 1 : x->dims[i];
    return DF_OK;
}

static df_tensor chosen_shape(const df_call *call, const slices *s, int64_t n)
{
    df_tensor y = {.type = call->in[0].type, .rank = 1, .dims = {n}};
    if (s->axis >= 0) {
        y = df__shape_like(&call->in[0]);
        y.dims[s->axis] = n;
    }
    return y;
}

/* Slice `from` of the input becomes slice `to` of the n of the output. */
static void copy_slice(const df_call *call, const slices *s, int64_t from, int64_t to, int64_t n)
{
    size_t row = (size_t)s->inner * df__dtype_size(call->in[0].type);
    for (int64_t o = 0; o < s->outer && row > 0; o++)
        memcpy((char *)call->out[0].data + (size_t)(o * n + to) * row, (const char *)call->in[0].data + (size_t)(o * s->n + from) * row, row);
}

/* ---- Compress ---- */

static df_status compress_infer(df_call *call)
{
    static const df_dtype boolean[] = {DF_BOOL, 0};
    slices s;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_types(call, 1, boolean));
    DF_TRY(slices_of(call, &s));
    int64_t n = df__tensor_count(&call->in[1]), chosen = 0;
    if (call->in[1].rank != 1 || n > s.n)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a condition of %lld values for %lld slices", (long long)n, (long long)s.n));
    for (int64_t i = 0; i < n; i++)
        chosen += ((const uint8_t *)call->in[1].data)[i] != 0;
    call->out[0] = chosen_shape(call, &s, chosen);
done:
    return st;
}

static df_status compress_run(const df_call *call)
{
    slices s;
    df_status st = slices_of(call, &s);
    if (st != DF_OK)
        return st;
    int64_t chosen = call->out[0].dims[s.axis < 0 ? 0 : s.axis], to = 0;
    for (int64_t i = 0; i < call->in[1].dims[0]; i++)
        if (((const uint8_t *)call->in[1].data)[i] != 0)
            copy_slice(call, &s, i, to++, chosen);
    return DF_OK;
}

/* ---- Unique ---- */

/* Of each of n slices: the first equal one, and the number of its group in the order of the output. */
typedef struct groups { int64_t n, *first, *count, *of; } groups;

static df_status groups_of(const df_call *call, const slices *s, groups *g)
{
    const df_tensor *x = &call->in[0];
    int64_t width = s->outer * s->inner, n = s->n;
    size_t total = (size_t)df__tensor_count(x) + 1, each = (size_t)n + 1;
    int64_t *keys = df__arena_calloc(call->scratch, total, sizeof *keys), *lists = df__arena_calloc(call->scratch, each, 7 * sizeof *lists);
    *g = (groups){0};
    if (!keys || !lists)
        return df__no_memory(call->err, "Unique", total * sizeof *keys);
    int64_t *order = lists, *spare = order + n, *leader = spare + n, *rank = leader + n;
    g->first = rank + n;
    g->count = g->first + n;
    g->of = g->count + n;
    for (int64_t i = 0; i < n; i++) {
        order[i] = i;
        for (int64_t k = 0; k < width; k++)
            keys[i * width + k] = df__sort_key(x, (k / s->inner * n + i) * s->inner + k % s->inner);
    }
    df__sort_rows(keys, width, order, n, spare);
    for (int64_t i = 0; i < n; i++) { /* stable: the first of equal rows is the earliest */
        bool same = i > 0 && memcmp(keys + order[i] * width, keys + order[i - 1] * width, (size_t)width * sizeof *keys) == 0;
        leader[order[i]] = same ? leader[order[i - 1]] : order[i];
    }
    bool sorted = df__node_int(call->node, "sorted", 1) != 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = sorted ? order[i] : i;
        if (leader[row] == row) {
            rank[row] = g->n;
            g->first[g->n++] = row;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        g->of[i] = rank[leader[i]];
        g->count[g->of[i]]++;
    }
    return DF_OK;
}

static df_status unique_infer(df_call *call)
{
    slices s;
    groups g;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(slices_of(call, &s));
    DF_TRY(groups_of(call, &s, &g));
    for (size_t i = 0; i < 4 && i < call->n_out; i++)
        if (df__wanted(call, i))
            call->out[i] = i == 0 ? chosen_shape(call, &s, g.n) : (df_tensor){.type = DF_I64, .rank = 1, .dims = {i == 2 ? s.n : g.n}};
done:
    return st;
}

static df_status unique_run(const df_call *call)
{
    slices s;
    groups g;
    df_status st = DF_OK;
    DF_TRY(slices_of(call, &s));
    DF_TRY(groups_of(call, &s, &g));
    const int64_t *lists[] = {NULL, g.first, g.of, g.count};
    for (int64_t i = 0; i < g.n && df__wanted(call, 0); i++)
        copy_slice(call, &s, g.first[i], i, g.n);
    for (size_t i = 1; i < 4; i++)
        if (df__wanted(call, i) && df__tensor_bytes(&call->out[i]) > 0)
            memcpy(call->out[i].data, lists[i], df__tensor_bytes(&call->out[i]));
done:
    return st;
}

const df_op df__op_NonZero = {.name = "NonZero", .needs = 1, .infer = nonzero_infer, .run = nonzero_run};
const df_op df__op_Compress = {.name = "Compress", .needs = 2, .infer = compress_infer, .run = compress_run};
const df_op df__op_Unique = {.name = "Unique", .needs = 1, .infer = unique_infer, .run = unique_run};
