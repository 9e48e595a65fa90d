/* op_place.c - numbers put to places of a picture: Col2Im, MaxUnpool, CenterCropPad. */
#include <string.h>

#include "nn/op.h"

/* ---- Col2Im: columns of windows, summed where they overlap ---- */

typedef struct columns { df_window w; int64_t taps, blocks; } columns;

static df_status col2im_list(const df_call *call, const char *attr, size_t n, int64_t otherwise, int64_t least, int64_t *out)
{
    size_t have = 0;
    df_status st = df__call_ints(call, -1, attr, out, 2 * DF_MAX_SPACE, &have);
    if (st == DF_OK && have != 0 && have != n)
        st = df__call_fail(call, DF_E_BAD_MODEL, "attribute %s has %zu values, needs %zu", attr, have, n);
    for (size_t i = 0; i < n && st == DF_OK; i++) {
        if (have == 0)
            out[i] = otherwise;
        if (out[i] < least || out[i] > INT32_MAX)
            st = df__call_fail(call, DF_E_BAD_MODEL, "attribute %s holds %lld", attr, (long long)out[i]);
    }
    return st;
}

static df_status columns_of(const df_call *call, columns *c)
{
    int64_t pads[2 * DF_MAX_SPACE], strides[2 * DF_MAX_SPACE], dilations[2 * DF_MAX_SPACE];
    size_t space = 0, n_block = 0;
    const df_tensor *x = &call->in[0];
    df_window *w = &c->w;
    df_status st = DF_OK;
    *c = (columns){.taps = 1, .blocks = 1};
    DF_TRY(df__call_ints(call, 1, NULL, w->out, DF_MAX_SPACE, &space));
    DF_TRY(df__call_ints(call, 2, NULL, w->kernel, DF_MAX_SPACE, &n_block));
    if (space < 1 || n_block != space || x->rank != 3)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "an image of %zu and blocks of %zu dimensions from an input of %d", space, n_block, x->rank));
    DF_TRY(col2im_list(call, "pads", 2 * space, 0, 0, pads));
    DF_TRY(col2im_list(call, "strides", space, 1, 1, strides));
    DF_TRY(col2im_list(call, "dilations", space, 1, 1, dilations));
    w->space = (int)space;
    w->n = x->dims[0];
    for (int i = 0; i < w->space; i++) {
        if (w->out[i] < 1 || w->kernel[i] < 1 || w->out[i] > INT32_MAX || w->kernel[i] > INT32_MAX)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "blocks of %lld in an image of %lld", (long long)w->kernel[i], (long long)w->out[i]));
        w->pad[i] = pads[i];
        w->stride[i] = strides[i];
        w->dilation[i] = dilations[i];
        int64_t room = w->out[i] + pads[i] + pads[w->space + i] - (w->kernel[i] - 1) * dilations[i] - 1;
        if (room < 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a block of %lld does not fit an image of %lld", (long long)w->kernel[i], (long long)w->out[i]));
        w->in[i] = room / strides[i] + 1; /* blocks along the dimension */
        if (c->taps > x->dims[1] / w->kernel[i] || c->blocks > x->dims[2] / w->in[i])
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld x %lld values are too few", (long long)x->dims[1], (long long)x->dims[2]));
        c->taps *= w->kernel[i];
        c->blocks *= w->in[i];
    }
    if (x->dims[1] % c->taps != 0 || c->blocks != x->dims[2])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld x %lld values for blocks of %lld, %lld of them", (long long)x->dims[1], (long long)x->dims[2],
                             (long long)c->taps, (long long)c->blocks));
    w->c = x->dims[1] / c->taps;
done:
    return st;
}

static df_status col2im_infer(df_call *call)
{
    columns c;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    DF_TRY(df__call_types(call, 0, df__numbers));
    DF_TRY(columns_of(call, &c));
    call->out[0].type = call->in[0].type;
    if (c.w.space > DF_MAX_SPACE)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%d spatial dimensions, the limit is %d", c.w.space, DF_MAX_SPACE));
    df__space_dims(call, &call->out[0], c.w.n, c.w.c, c.w.space, c.w.out);
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static void add_to(df_tensor *y, int64_t to, const df_tensor *x, int64_t from)
{
    if (df__is_float(y->type))
        df__store_f64(y, to, df__load_f64(y, to) + df__load_f64(x, from));
    else
        df__store_i64(y, to, (int64_t)((uint64_t)df__load_i64(y, to) + (uint64_t)df__load_i64(x, from)));
}

static df_status col2im_run(const df_call *call)
{
    columns c;
    df_tensor *y = &call->out[0];
    df_status st = columns_of(call, &c);
    if (st != DF_OK)
        return st;
    int64_t to[DF_MAX_RANK], from = 0;
    df__strides(y, to);
    memset(y->data, 0, df__tensor_bytes(y));
    for (int64_t plane = 0; plane < c.w.n * c.w.c; plane++) {
        int64_t tap[DF_MAX_SPACE] = {0};
        do {
            int64_t block[DF_MAX_SPACE] = {0};
            do {
                int64_t at = plane * to[1];
                bool inside = true;
                for (int i = 0; i < c.w.space; i++) {
                    int64_t p = block[i] * c.w.stride[i] + tap[i] * c.w.dilation[i] - c.w.pad[i];
                    inside = inside && p >= 0 && p < c.w.out[i];
                    at += p * to[2 + i];
                }
                if (inside)
                    add_to(y, at, &call->in[0], from);
                from++;
            } while (df__next_index(block, c.w.in, c.w.space));
        } while (df__next_index(tap, c.w.kernel, c.w.space));
    }
    return DF_OK;
}

/* ---- MaxUnpool: the maxima back to where MaxPool found them ---- */

/* dims of the tensor that the indices count in. */
static df_status unpooled_dims(const df_call *call, int64_t *dims)
{
    const df_tensor *x = &call->in[0];
    int64_t kernel[DF_MAX_SPACE], stride[2 * DF_MAX_SPACE], pads[2 * DF_MAX_SPACE];
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_ints(call, -1, "kernel_shape", kernel, DF_MAX_SPACE, &n));
    if (x->rank < 3 || n != (size_t)x->rank - 2)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "kernel_shape of %zu values for an input of %d dimensions", n, x->rank));
    DF_TRY(col2im_list(call, "strides", n, 1, 1, stride));
    DF_TRY(col2im_list(call, "pads", 2 * n, 0, 0, pads));
    dims[0] = x->dims[0], dims[1] = x->dims[1];
    for (size_t i = 0; i < n; i++) {
        int64_t in = x->dims[2 + i];
        if (in < 1 || in > INT32_MAX || kernel[i] < 1 || kernel[i] > INT32_MAX)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "windows of %lld over %lld", (long long)kernel[i], (long long)in));
        dims[2 + i] = (in - 1) * stride[i] + kernel[i] - pads[i] - pads[n + i];
    }
done:
    return st;
}

static df_status unpool_infer(df_call *call)
{
    static const df_dtype i64[] = {DF_I64, 0};
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    df_tensor counted = df__shape_like(x);
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 3));
    DF_TRY(df__call_types(call, 0, df__floats));
    DF_TRY(df__call_types(call, 1, i64));
    DF_TRY(unpooled_dims(call, counted.dims));
    DF_TRY(df__call_check(call, &counted));
    if (ids->rank != x->rank || memcmp(ids->dims, x->dims, sizeof(int64_t) * (size_t)x->rank) != 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "indices of another shape than the values"));
    call->out[0] = counted;
    if (df__given(call, 2)) {
        DF_TRY(df__call_ints(call, 2, NULL, call->out[0].dims, DF_MAX_RANK, &n));
        if (n != (size_t)x->rank)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "an output shape of %zu dimensions for an input of %d", n, x->rank));
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

/* A larger output_shape has the tensor that the indices count in as its first corner, as the standard's reference has it. */
static df_status unpool_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0], counted = df__shape_like(x);
    int64_t to[DF_MAX_RANK];
    size_t size = df__dtype_size(x->type);
    df_status st = unpooled_dims(call, counted.dims);
    if (st != DF_OK)
        return st;
    df__strides(y, to);
    memset(y->data, 0, df__tensor_bytes(y));
    int64_t all = df__tensor_count(&counted);
    for (int64_t i = 0, n = df__tensor_count(x); i < n; i++) {
        int64_t id = ((const int64_t *)call->in[1].data)[i], rest = id, at = 0;
        bool inside = id >= 0 && id < all;
        for (int d = x->rank - 1; d >= 0 && inside; d--) {
            int64_t along = rest % counted.dims[d];
            inside = along < y->dims[d];
            at += along * to[d];
            rest /= counted.dims[d];
        }
        if (!inside)
            return df__call_fail(call, DF_E_BAD_MODEL, "index %lld of %lld", (long long)id, (long long)all);
        memcpy((char *)y->data + (size_t)at * size, (const char *)x->data + (size_t)i * size, size);
    }
    return DF_OK;
}

/* ---- CenterCropPad ---- */

static df_status center_infer(df_call *call)
{
    int64_t dims[DF_MAX_RANK], axes[DF_MAX_RANK];
    size_t n = 0, n_axes = 0;
    const df_tensor *x = &call->in[0];
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_ints(call, 1, NULL, dims, DF_MAX_RANK, &n));
    DF_TRY(df__call_ints(call, -1, "axes", axes, DF_MAX_RANK, &n_axes));
    if (!df__node_attr(call->node, "axes"))
        for (n_axes = 0; n_axes < (size_t)x->rank; n_axes++)
            axes[n_axes] = (int64_t)n_axes;
    if (n != n_axes)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%zu dimensions for %zu axes", n, n_axes));
    call->out[0] = df__shape_like(x);
    for (size_t i = 0; i < n; i++) {
        int axis = 0;
        DF_TRY(df__call_axis(call, axes[i], x->rank, &axis));
        call->out[0].dims[axis] = dims[i];
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status center_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0];
    int64_t own[DF_MAX_RANK], to[DF_MAX_RANK], at[DF_MAX_RANK] = {0}, dims[DF_MAX_RANK], from = 0, first = 0;
    size_t size = df__dtype_size(x->type);
    memset(y->data, 0, df__tensor_bytes(y));
    df__strides(x, own);
    df__strides(y, to);
    for (int i = 0; i < x->rank; i++) {
        int64_t crop = x->dims[i] - y->dims[i];
        dims[i] = crop > 0 ? y->dims[i] : x->dims[i];
        if (dims[i] == 0)
            return DF_OK;
        from += (crop > 0 ? crop / 2 : 0) * own[i];
        first += (crop < 0 ? -crop / 2 : 0) * to[i];
    }
    do {
        int64_t a = from, b = first;
        for (int i = 0; i < x->rank; i++) {
            a += at[i] * own[i];
            b += at[i] * to[i];
        }
        memcpy((char *)y->data + (size_t)b * size, (const char *)x->data + (size_t)a * size, size);
    } while (df__next_index(at, dims, x->rank));
    return DF_OK;
}

const df_op df__op_Col2Im = {.name = "Col2Im", .needs = 2 | 4, .infer = col2im_infer, .run = col2im_run};
const df_op df__op_MaxUnpool = {.name = "MaxUnpool", .needs = 4, .infer = unpool_infer, .run = unpool_run};
const df_op df__op_CenterCropPad = {.name = "CenterCropPad", .flags = DF_OP_AXIS, .needs = 2, .infer = center_infer, .run = center_run};
