/* op_move.c - operators that move numbers without changing them: Transpose, Concat, Split, Slice, Gather, Tile, DepthToSpace, SpaceToDepth. */
#include <string.h>

#include "core/simd.h"
#include "core/threads.h"
#include "nn/op.h"

/* ---- Transpose ---- */

static df_status perm_of(const df_call *call, int64_t perm[DF_MAX_RANK])
{
    int rank = call->in[0].rank;
    size_t n = 0;
    bool seen[DF_MAX_RANK] = {false};
    df_status st = df__call_ints(call, -1, "perm", perm, DF_MAX_RANK, &n);
    if (st != DF_OK)
        return st;
    if (!df__node_attr(call->node, "perm"))
        for (n = 0; n < (size_t)rank; n++)
            perm[n] = rank - 1 - (int)n;
    bool good = n == (size_t)rank;
    for (size_t i = 0; good && i < n; i++) {
        good = perm[i] >= 0 && perm[i] < rank && !seen[perm[i]];
        if (good)
            seen[perm[i]] = true;
    }
    return good ? DF_OK : df__call_fail(call, DF_E_BAD_MODEL, "perm is no permutation of %d dimensions", rank);
}

static df_status transpose_infer(df_call *call)
{
    int64_t perm[DF_MAX_RANK];
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(perm_of(call, perm));
    call->out[0] = df__shape_like(&call->in[0]);
    for (int i = 0; i < call->out[0].rank; i++)
        call->out[0].dims[i] = call->in[0].dims[perm[i]];
done:
    return st;
}

static df_status transpose_run(const df_call *call)
{
    int64_t perm[DF_MAX_RANK], own[DF_MAX_RANK], from[DF_MAX_RANK], to[DF_MAX_RANK];
    df_status st = perm_of(call, perm);
    if (st != DF_OK)
        return st;
    df__strides(&call->in[0], own);
    df__strides(&call->out[0], to);
    for (int i = 0; i < call->in[0].rank; i++)
        from[i] = own[perm[i]];
    df__copy_box(df__dtype_size(call->in[0].type), call->in[0].rank, call->out[0].dims, call->out[0].data, to, call->in[0].data, from);
    return DF_OK;
}

/* ---- Concat ---- */

static df_status concat_infer(df_call *call)
{
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, SIZE_MAX));
    const df_tensor *x = &call->in[0];
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", INT64_MAX), x->rank, &axis));
    call->out[0] = df__shape_like(x);
    for (size_t i = 1; i < call->n_in; i++) {
        const df_tensor *t = &call->in[i];
        bool fits = df__given(call, i) && t->rank == x->rank && t->type == x->type;
        for (int d = 0; fits && d < x->rank; d++)
            fits = d == axis || t->dims[d] == x->dims[d];
        if (!fits)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu does not fit input 0 beside axis %d", i, axis));
        if (t->dims[axis] > INT64_MAX - call->out[0].dims[axis])
            DF_TRY(df__call_fail(call, DF_E_LIMIT, "the sum of the inputs is too large"));
        call->out[0].dims[axis] += t->dims[axis];
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

enum { PIECE = 64 << 10, SHORT = 256 };

/* `count` runs of n bytes, dense on one side; the rows of channels of a photo are too short for a call of memcpy each. */
DF_CLONES static void copy_runs(char *restrict to, size_t step, const char *restrict from, size_t n, int64_t count)
{
    for (int64_t i = 0; i < count; i++, to += step, from += n) {
        if (n < 16 || n > SHORT) {
            memcpy(to, from, n);
            continue;
        }
        size_t at = 0;
        for (; at + 16 <= n; at += 16)
            memcpy(to + at, from + at, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    }
}

typedef struct concat {
    const df_call *call;
    int            axis;
    int64_t        outer, inner, piece; /* rows; bytes of what lies behind the axis; rows of a piece */
} concat;

static void concat_piece(void *arg, size_t i, int worker)
{
    const concat *c = arg;
    const df_tensor *y = &c->call->out[0];
    int64_t first = (int64_t)i * c->piece, count = c->outer - first < c->piece ? c->outer - first : c->piece;
    size_t step = (size_t)(y->dims[c->axis] * c->inner);
    char *to = (char *)y->data + (size_t)first * step;
    (void)worker;
    for (size_t k = 0; k < c->call->n_in; k++) {
        size_t n = (size_t)(c->call->in[k].dims[c->axis] * c->inner);
        const char *from = (const char *)c->call->in[k].data + (size_t)first * n;
        if (n && to != from) /* one that was made in its place is there */
            copy_runs(to, step, from, n, count);
        to += n;
    }
}

static df_status concat_run(const df_call *call)
{
    concat c = {.call = call, .outer = 1, .inner = (int64_t)df__dtype_size(call->out[0].type)};
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", 0), call->in[0].rank, &c.axis);
    if (st != DF_OK)
        return st;
    const df_tensor *y = &call->out[0];
    for (int i = 0; i < y->rank; i++)
        *(i < c.axis ? &c.outer : &c.inner) *= i == c.axis ? 1 : y->dims[i];
    int64_t row = y->dims[c.axis] * c.inner;
    c.piece = row > 0 ? PIECE / row + 1 : c.outer;
    if (c.outer > 0 && row > 0)
        df__parallel_for((size_t)((c.outer + c.piece - 1) / c.piece), call->threads, concat_piece, &c);
    return DF_OK;
}

/* ---- Split ---- */

static df_status split_parts(const df_call *call, int axis, int64_t *parts)
{
    size_t n = 0;
    df_status st = df__call_ints(call, 1, "split", parts, DF_MAX_IN, &n);
    if (st != DF_OK)
        return st;
    int64_t total = call->in[0].dims[axis], sum = 0;
    if (n == 0) {
        int64_t each = (total + (int64_t)call->n_out - 1) / (int64_t)call->n_out;
        for (; n < call->n_out; n++) {
            parts[n] = each < total - sum ? each : total - sum;
            sum += parts[n];
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            if (parts[i] < 0 || parts[i] > total - sum)
                return df__call_fail(call, DF_E_BAD_MODEL, "part %zu of %lld", i, (long long)parts[i]);
            sum += parts[i];
        }
    }
    if (n != call->n_out || sum != total)
        return df__call_fail(call, DF_E_BAD_MODEL, "%zu parts of %lld for %zu outputs of %lld", n, (long long)sum, call->n_out, (long long)total);
    return DF_OK;
}

static df_status split_infer(df_call *call)
{
    int axis = 0;
    int64_t parts[DF_MAX_IN];
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 2));
    if (call->n_out > DF_MAX_IN)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%zu outputs, the limit is %d", call->n_out, DF_MAX_IN));
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", 0), call->in[0].rank, &axis));
    DF_TRY(split_parts(call, axis, parts));
    for (size_t i = 0; i < call->n_out; i++) {
        if (!df__wanted(call, i))
            continue;
        call->out[i] = df__shape_like(&call->in[0]);
        call->out[i].dims[axis] = parts[i];
    }
done:
    return st;
}

static df_status split_run(const df_call *call)
{
    int axis = 0;
    int64_t parts[DF_MAX_IN];
    const df_tensor *x = &call->in[0];
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", 0), x->rank, &axis);
    if (st == DF_OK)
        st = split_parts(call, axis, parts);
    if (st != DF_OK)
        return st;
    int64_t outer = 1, inner = (int64_t)df__dtype_size(x->type);
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dims[i];
    const char *from = x->data;
    for (int64_t o = 0; o < outer; o++)
        for (size_t i = 0; i < call->n_out; i++) {
            size_t n = (size_t)(parts[i] * inner);
            if (n && df__wanted(call, i))
                memcpy((char *)call->out[i].data + (size_t)o * n, from, n);
            from += n;
        }
    return DF_OK;
}

/* ---- Slice ---- */

typedef struct slice { int64_t start[DF_MAX_RANK], step[DF_MAX_RANK], n[DF_MAX_RANK]; } slice;

static int64_t clamp(int64_t v, int64_t least, int64_t most) { return v < least ? least : v > most ? most : v; }

static df_status slice_of(const df_call *call, slice *s)
{
    const df_tensor *x = &call->in[0];
    int64_t starts[DF_MAX_RANK], ends[DF_MAX_RANK], axes[DF_MAX_RANK], steps[DF_MAX_RANK];
    size_t n = 0, n_ends = 0, n_axes = 0, n_steps = 0;
    df_status st = DF_OK;
    for (int i = 0; i < x->rank; i++)
        s->start[i] = 0, s->step[i] = 1, s->n[i] = x->dims[i];
    DF_TRY(df__call_ints(call, 1, "starts", starts, DF_MAX_RANK, &n));
    DF_TRY(df__call_ints(call, 2, "ends", ends, DF_MAX_RANK, &n_ends));
    DF_TRY(df__call_ints(call, 3, "axes", axes, DF_MAX_RANK, &n_axes));
    DF_TRY(df__call_ints(call, 4, NULL, steps, DF_MAX_RANK, &n_steps));
    if (n != n_ends || (n_axes && n_axes != n) || (n_steps && n_steps != n) || n > (size_t)x->rank)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%zu starts, %zu ends, %zu axes, %zu steps for %d dimensions", n, n_ends, n_axes, n_steps,
                             x->rank));
    for (size_t i = 0; i < n; i++) {
        int axis = 0;
        DF_TRY(df__call_axis(call, n_axes ? axes[i] : (int64_t)i, x->rank, &axis));
        int64_t dim = x->dims[axis], step = n_steps ? steps[i] : 1, start = starts[i], end = ends[i];
        if (step == 0 || step == INT64_MIN)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a step of %lld", (long long)step));
        start = clamp(start < 0 ? (start < -dim ? 0 : start + dim) : start, 0, step > 0 ? dim : dim - 1);
        end = end < 0 ? (end < -dim ? -1 : end + dim) : end;
        end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
        int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
        s->start[axis] = start;
        s->step[axis] = step;
        s->n[axis] = span <= 0 || start < 0 ? 0 : 1 + (span - 1) / stride;
    }
done:
    return st;
}

static df_status slice_infer(df_call *call)
{
    slice s;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 5));
    DF_TRY(slice_of(call, &s));
    call->out[0] = df__shape_like(&call->in[0]);
    memcpy(call->out[0].dims, s.n, sizeof(int64_t) * (size_t)call->out[0].rank);
done:
    return st;
}

static df_status slice_run(const df_call *call)
{
    slice s;
    df_status st = slice_of(call, &s);
    if (st != DF_OK || df__tensor_count(&call->out[0]) == 0)
        return st;
    const df_tensor *x = &call->in[0];
    int64_t own[DF_MAX_RANK], from[DF_MAX_RANK], to[DF_MAX_RANK], offset = 0;
    size_t size = df__dtype_size(x->type);
    df__strides(x, own);
    df__strides(&call->out[0], to);
    for (int i = 0; i < x->rank; i++) {
        offset += s.start[i] * own[i];
        from[i] = s.n[i] == 1 ? 0 : s.step[i] * own[i];
    }
    df__copy_box(size, x->rank, s.n, call->out[0].data, to, (const char *)x->data + offset * (int64_t)size, from);
    return DF_OK;
}

/* ---- Gather ---- */

static df_status gather_infer(df_call *call)
{
    int axis = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    if (ids->type != DF_I64 && ids->type != DF_I32)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "indices of type %s", df__dtype_name(ids->type)));
    DF_TRY(df__call_axis(call, df__node_int(call->node, "axis", 0), x->rank, &axis));
    df_tensor *y = &call->out[0];
    *y = (df_tensor){.type = x->type, .rank = x->rank - 1 + ids->rank};
    if (y->rank > DF_MAX_RANK)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%d dimensions, the limit is %d", y->rank, DF_MAX_RANK));
    int n = 0;
    for (int i = 0; i < axis; i++)
        y->dims[n++] = x->dims[i];
    for (int i = 0; i < ids->rank; i++)
        y->dims[n++] = ids->dims[i];
    for (int i = axis + 1; i < x->rank; i++)
        y->dims[n++] = x->dims[i];
    DF_TRY(df__call_check(call, y));
done:
    return st;
}

static df_status gather_run(const df_call *call)
{
    int axis = 0;
    const df_tensor *x = &call->in[0], *ids = &call->in[1];
    df_status st = df__call_axis(call, df__node_int(call->node, "axis", 0), x->rank, &axis);
    if (st != DF_OK)
        return st;
    int64_t outer = 1, inner = (int64_t)df__dtype_size(x->type), n = df__tensor_count(ids), dim = x->dims[axis];
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dims[i];
    char *to = call->out[0].data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++, to += inner) {
            int64_t id = df__load_i64(ids, i);
            if (id < -dim || id >= dim)
                return df__call_fail(call, DF_E_BAD_MODEL, "index %lld of %lld", (long long)id, (long long)dim);
            if (inner)
                memcpy(to, (const char *)x->data + (o * dim + id + (id < 0 ? dim : 0)) * inner, (size_t)inner);
        }
    return DF_OK;
}

/* ---- Tile ---- */

static df_status tile_infer(df_call *call)
{
    int64_t repeats[DF_MAX_RANK];
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_ints(call, 1, NULL, repeats, DF_MAX_RANK, &n));
    if (n != (size_t)call->in[0].rank)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%zu repeats for %d dimensions", n, call->in[0].rank));
    call->out[0] = df__shape_like(&call->in[0]);
    for (size_t i = 0; i < n; i++) {
        if (repeats[i] < 0 || (repeats[i] != 0 && call->in[0].dims[i] > INT64_MAX / repeats[i]))
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld repeats", (long long)repeats[i]));
        call->out[0].dims[i] *= repeats[i];
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status tile_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    df_tensor *y = &call->out[0];
    int64_t own[DF_MAX_RANK], at[DF_MAX_RANK] = {0};
    size_t size = df__dtype_size(x->type);
    df__strides(x, own);
    for (int64_t i = 0, n = df__tensor_count(y); i < n; i++) {
        int64_t from = 0;
        for (int d = 0; d < y->rank; d++)
            from += at[d] % x->dims[d] * own[d];
        memcpy((char *)y->data + (size_t)i * size, (const char *)x->data + (size_t)from * size, size);
        for (int d = y->rank - 1; d >= 0 && ++at[d] == y->dims[d]; d--)
            at[d] = 0;
    }
    return DF_OK;
}

/* ---- DepthToSpace, SpaceToDepth: channels to blocks of pixels and back ---- */

static df_status block_of(const df_call *call, int64_t *block)
{
    *block = df__node_int(call->node, "blocksize", 0);
    if (call->in[0].rank != 4)
        return df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, needs 4", call->in[0].rank);
    if (*block < 1 || *block > INT32_MAX)
        return df__call_fail(call, DF_E_BAD_MODEL, "blocksize %lld", (long long)*block);
    return DF_OK;
}

static df_status depth_to_space_infer(df_call *call)
{
    int64_t b = 1;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(block_of(call, &b));
    const int64_t *d = call->in[0].dims;
    if (d[1] % (b * b) != 0 || d[2] > INT64_MAX / b || d[3] > INT64_MAX / b)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld channels to blocks of %lld x %lld", (long long)d[1], (long long)b, (long long)b));
    call->out[0] = (df_tensor){.type = call->in[0].type, .rank = 4, .dims = {d[0], d[1] / (b * b), d[2] * b, d[3] * b}};
done:
    return st;
}

static df_status depth_to_space_run(const df_call *call)
{
    int64_t b = df__node_int(call->node, "blocksize", 1), n = call->out[0].dims[0], c = call->out[0].dims[1];
    int64_t h = call->in[0].dims[2], w = call->in[0].dims[3], plane = h * w;
    bool crd = strcmp(df__call_string(call, "mode", "DCR"), "CRD") == 0;
    int64_t dims[6] = {n, c, h, b, w, b};
    int64_t to[6] = {c * plane * b * b, plane * b * b, b * w * b, w * b, b, 1};
    int64_t channel = crd ? b * b : 1, across = crd ? 1 : c;
    int64_t from[6] = {c * plane * b * b, channel * plane, w, across * b * plane, 1, across * plane};
    df__copy_box(df__dtype_size(call->in[0].type), 6, dims, call->out[0].data, to, call->in[0].data, from);
    return DF_OK;
}

static df_status space_to_depth_infer(df_call *call)
{
    int64_t b = 1;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, 1));
    DF_TRY(block_of(call, &b));
    const int64_t *d = call->in[0].dims;
    if (d[2] % b != 0 || d[3] % b != 0 || d[1] > INT64_MAX / (b * b))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld x %lld pixels in blocks of %lld", (long long)d[2], (long long)d[3], (long long)b));
    call->out[0] = (df_tensor){.type = call->in[0].type, .rank = 4, .dims = {d[0], d[1] * b * b, d[2] / b, d[3] / b}};
done:
    return st;
}

static df_status space_to_depth_run(const df_call *call)
{
    int64_t b = df__node_int(call->node, "blocksize", 1), n = call->in[0].dims[0], c = call->in[0].dims[1];
    int64_t h = call->out[0].dims[2], w = call->out[0].dims[3], plane = h * w;
    int64_t dims[6] = {n, b, b, c, h, w};
    int64_t to[6] = {c * b * b * plane, b * c * plane, c * plane, plane, w, 1};
    int64_t from[6] = {c * b * b * plane, w * b, 1, b * b * plane, b * w * b, b};
    df__copy_box(df__dtype_size(call->in[0].type), 6, dims, call->out[0].data, to, call->in[0].data, from);
    return DF_OK;
}

const df_op df__op_Transpose = {.name = "Transpose", .infer = transpose_infer, .run = transpose_run};
const df_op df__op_Concat = {.name = "Concat", .flags = DF_OP_AXIS | DF_OP_BITS, .infer = concat_infer, .run = concat_run};
const df_op df__op_Split = {.name = "Split", .flags = DF_OP_AXIS | DF_OP_BITS, .needs = 2, .infer = split_infer, .run = split_run};
const df_op df__op_Slice = {.name = "Slice", .flags = DF_OP_AXIS | DF_OP_BITS, .needs = 2 | 4 | 8 | 16, .infer = slice_infer, .run = slice_run};
const df_op df__op_Gather = {.name = "Gather", .infer = gather_infer, .run = gather_run};
const df_op df__op_Tile = {.name = "Tile", .needs = 2, .infer = tile_infer, .run = tile_run};
const df_op df__op_DepthToSpace = {.name = "DepthToSpace", .infer = depth_to_space_infer, .run = depth_to_space_run};
const df_op df__op_SpaceToDepth = {.name = "SpaceToDepth", .infer = space_to_depth_infer, .run = space_to_depth_run};
