/* op_index.c - elements taken from and put to places that another tensor names: GatherElements, GatherND, ScatterElements (and its older name
 * Scatter), ScatterND. */
#include <string.h>

#include "nn/op.h"

static df_status check_indices(const df_call *call)
{
    static const df_dtype types[] = {DF_I64, DF_I32, 0};
    return df__call_types(call, 1, types);
}

/* Index i of `ids`, from 0 to dim - 1; negative ones count from the end. */
static df_status index_at(const df_call *call, int64_t i, int64_t dim, int64_t *out)
{
    int64_t id = df__load_i64(&call->in[1], i);
    if (id < -dim || id >= dim)
        return df__call_fail(call, DF_E_BAD_MODEL, "index %lld of %lld", (long long)id, (long long)dim);
    *out = id < 0 ? id + dim : id;
    return DF_OK;
}

/* ---- what a new value does to the one that is there ---- */

typedef enum reduction { PUT, ADD, MUL, MAX, MIN } reduction;

static df_status reduction_of(const df_call *call, reduction *out)
{
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const char *said = df__call_string(call, "reduction", "none");
    for (int i = PUT; i <= MIN; i++)
        if (strcmp(said, names[i]) == 0) {
            *out = (reduction)i;
            return DF_OK;
        }
    return df__call_fail(call, DF_E_BAD_MODEL, "reduction \"%s\"", said);
}

static void combine(reduction how, df_tensor *y, int64_t to, const df_tensor *x, int64_t from)
{
    size_t size = df__dtype_size(y->type);
    bool larger = how > MUL && df__sort_key(x, from) > df__sort_key(y, to);
    if (how == PUT || (how == MAX && larger) || (how == MIN && !larger)) {
        memcpy((char *)y->data + (size_t)to * size, (const char *)x->data + (size_t)from * size, size);
    } else if (how <= MUL && df__is_float(y->type)) {
        double a = df__load_f64(y, to), b = df__load_f64(x, from);
        df__store_f64(y, to, how == ADD ? a + b : a * b);
    } else if (how <= MUL) {
        uint64_t a = (uint64_t)df__load_i64(y, to), b = (uint64_t)df__load_i64(x, from);
        df__store_i64(y, to, (int64_t)(how == ADD ? a + b : a * b));
    }
}

static df_status scatter_checks(df_call *call)
{
    reduction how;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    DF_TRY(check_indices(call));
    DF_TRY(reduction_of(call, &how));
    if (call->in[2].type != call->in[0].type)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "updates of type %s to %s", df__dtype_name(call->in[2].type), df__dtype_name(call->in[0].type)));
    call->out[0] = df__shape_like(&call->in[0]);
done:
    return st;
}

static void copy_data(const df_call *call)
{
    if (call->out[0].data != call->in[0].data && df__tensor_bytes(&call->out[0]) > 0)
        memcpy(call->out[0].data, call->in[0].data, df__tensor_bytes(&call->out[0]));
}

/* ---- GatherElements, ScatterElements: an index for each element of the output (or of the updates) ---- */

/* The tensor of indices lies in the corner of the data, but for the axis. */
static df_status elements_axis(const df_call *call, int *axis)
{
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    df_status st = DF_OK;
    if (ids->rank != x->rank || x->rank < 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "indices of %d dimensions for data of %d", ids->rank, x->rank));
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", 0), x->rank, axis));
    for (int i = 0; i < x->rank; i++)
        if (i != *axis && ids->dims[i] > x->dims[i])
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "dimension %d of the indices is %lld, of the data %lld", i, (long long)ids->dims[i],
                                 (long long)x->dims[i]));
done:
    return st;
}

static df_status gather_elements_infer(df_call *call)
{
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(check_indices(call));
    DF_TRY(elements_axis(call, &axis));
    call->out[0] = df__shape_like(&call->in[1]);
    call->out[0].type = call->in[0].type;
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status scatter_elements_infer(df_call *call)
{
    int axis = 0;
    const df_tensor *ids = &call->in[1], *updates = &call->in[2];
    df_status st = DF_OK;
    DF_TRY(scatter_checks(call));
    DF_TRY(elements_axis(call, &axis));
    if (updates->rank != ids->rank || memcmp(updates->dims, ids->dims, sizeof(int64_t) * (size_t)ids->rank) != 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "indices and updates of different shapes"));
done:
    return st;
}

/* Element of the data that index i at `at` names. */
static df_status element_of(const df_call *call, const int64_t *own, const int64_t *at, int axis, int64_t i, int64_t *out)
{
    const df_tensor *x = &call->in[0];
    int64_t id = 0;
    df_status st = index_at(call, i, x->dims[axis], &id);
    *out = id * own[axis];
    for (int d = 0; d < x->rank; d++)
        *out += d == axis ? 0 : at[d] * own[d];
    return st;
}

static df_status elements_run(const df_call *call)
{
    int axis = 0;
    int64_t own[DF_MAX_RANK], at[DF_MAX_RANK] = {0}, i = 0, element = 0;
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    bool scatter = call->node->op[0] == 'S';
    size_t size = df__dtype_size(x->type);
    reduction how = PUT;
    df_status st = DF_OK;
    DF_TRY(elements_axis(call, &axis));
    df__strides(x, own);
    if (scatter) {
        DF_TRY(reduction_of(call, &how));
        copy_data(call);
    }
    if (df__tensor_count(ids) == 0)
        goto done;
    do {
        DF_TRY(element_of(call, own, at, axis, i, &element));
        if (scatter)
            combine(how, &call->out[0], element, &call->in[2], i);
        else
            memcpy((char *)call->out[0].data + (size_t)i * size, (const char *)x->data + (size_t)element * size, size);
        i++;
    } while (df__next_index(at, ids->dims, ids->rank));
done:
    return st;
}

/* ---- GatherND, ScatterND: the last dimension of the indices is a tuple, each naming a slice ---- */

/* `tuples` tuples of n indices, `batches` of them sharing the first dims with the data; each names `slice` elements. */
typedef struct tuples { int n, batch_dims; int64_t batches, each, slice; } tuples;

static df_status tuples_of(const df_call *call, tuples *t)
{
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    int64_t batch = df__node_int(call->node, "batch_dims", 0);
    df_status st = DF_OK;
    *t = (tuples){.batches = 1, .each = 1, .slice = 1};
    if (x->rank < 1 || ids->rank < 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "data or indices without dimensions"));
    int64_t n = ids->dims[ids->rank - 1];
    if (batch < 0 || batch >= ids->rank || batch > x->rank || n < 0 || n > x->rank - batch)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "tuples of %lld behind %lld batch dimensions for data of %d dimensions", (long long)n,
                             (long long)batch, x->rank));
    t->n = (int)n;
    t->batch_dims = (int)batch;
    for (int i = 0; i < ids->rank - 1; i++)
        *(i < t->batch_dims ? &t->batches : &t->each) *= ids->dims[i];
    for (int i = 0; i < t->batch_dims; i++)
        if (ids->dims[i] != x->dims[i])
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "batch dimension %d is %lld and %lld", i, (long long)x->dims[i], (long long)ids->dims[i]));
    for (int i = t->batch_dims + t->n; i < x->rank; i++)
        t->slice *= x->dims[i];
done:
    return st;
}

/* First element of the slice that tuple i names. */
static df_status slice_of(const df_call *call, const tuples *t, const int64_t *own, int64_t i, int64_t *out)
{
    const df_tensor *x = &call->in[0];
    int64_t id = 0;
    *out = t->batch_dims ? i / t->each * own[t->batch_dims - 1] : 0;
    for (int k = 0; k < t->n; k++) {
        df_status st = index_at(call, i * t->n + k, x->dims[t->batch_dims + k], &id);
        if (st != DF_OK)
            return st;
        *out += id * own[t->batch_dims + k];
    }
    return DF_OK;
}

/* dims of the indices without the last, then those of a slice */
static df_status tuples_dims(const df_call *call, const tuples *t, df_tensor *y)
{
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    int tail = x->rank - t->batch_dims - t->n, rank = ids->rank - 1 + tail;
    if (rank > DF_MAX_RANK)
        return df__call_fail(call, DF_E_LIMIT, "%d dimensions, the limit is %d", rank, DF_MAX_RANK);
    *y = (df_tensor){.type = x->type, .rank = rank};
    for (int i = 0; i < rank; i++)
        y->dims[i] = i < ids->rank - 1 ? ids->dims[i] : x->dims[x->rank - rank + i];
    return df__call_check(call, y);
}

static df_status gather_nd_infer(df_call *call)
{
    tuples t;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(check_indices(call));
    DF_TRY(tuples_of(call, &t));
    DF_TRY(tuples_dims(call, &t, &call->out[0]));
done:
    return st;
}

static df_status scatter_nd_infer(df_call *call)
{
    tuples t;
    df_tensor needed;
    df_status st = DF_OK;
    DF_TRY(scatter_checks(call));
    DF_TRY(tuples_of(call, &t));
    DF_TRY(tuples_dims(call, &t, &needed));
    if (call->in[2].rank != needed.rank || memcmp(call->in[2].dims, needed.dims, sizeof(int64_t) * (size_t)needed.rank) != 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "updates of %lld elements for slots of %lld", (long long)df__tensor_count(&call->in[2]),
                             (long long)df__tensor_count(&needed)));
done:
    return st;
}

static df_status nd_run(const df_call *call)
{
    tuples t;
    int64_t own[DF_MAX_RANK], from = 0;
    size_t size = df__dtype_size(call->in[0].type);
    bool scatter = call->node->op[0] == 'S';
    reduction how = PUT;
    df_status st = DF_OK;
    DF_TRY(tuples_of(call, &t));
    df__strides(&call->in[0], own);
    if (scatter) {
        DF_TRY(reduction_of(call, &how));
        copy_data(call);
    }
    for (int64_t i = 0; t.slice > 0 && i < t.batches * t.each; i++) {
        DF_TRY(slice_of(call, &t, own, i, &from));
        if (!scatter)
            memcpy((char *)call->out[0].data + (size_t)(i * t.slice) * size, (const char *)call->in[0].data + (size_t)from * size,
                   (size_t)t.slice * size);
        for (int64_t k = 0; scatter && k < t.slice; k++)
            combine(how, &call->out[0], from + k, &call->in[2], i * t.slice + k);
    }
done:
    return st;
}

const df_op df__op_GatherElements = {.name = "GatherElements", .infer = gather_elements_infer, .run = elements_run};
const df_op df__op_ScatterElements = {.name = "ScatterElements", .infer = scatter_elements_infer, .run = elements_run};
const df_op df__op_Scatter = {.name = "Scatter", .infer = scatter_elements_infer, .run = elements_run};
const df_op df__op_GatherND = {.name = "GatherND", .infer = gather_nd_infer, .run = nd_run};
const df_op df__op_ScatterND = {.name = "ScatterND", .infer = scatter_nd_infer, .run = nd_run};
