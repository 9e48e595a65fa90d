/* pass_norms.c - what files spell with powers, sums and roots: vectors made of length 1, local response normalisation, and a factor and an
 * addend a channel (batch normalisation taken apart). */
#include <math.h>
#include <string.h>

#include "nn/pass_rewrite.h"

/* The input of a two-sided operator that is one known number, and the other. */
static bool with_number(const df_rewrite *r, const df_step *s, float *k, int *x)
{
    for (size_t i = 0; i < 2 && s->n_in == 2; i++)
        if (df__rewrite_scalar(r, s, i, k)) {
            *x = df__rewrite_input(r, s, !i);
            return *x >= 0;
        }
    return false;
}

/* x * x, or x to the power of 2. */
static bool square_of(const df_rewrite *r, const df_step *s, int *x)
{
    float two;
    *x = df__rewrite_input(r, s, 0);
    return *x >= 0 && s->n_in == 2 &&
           ((df__step_is(s, "Mul") && df__rewrite_input(r, s, 1) == *x) || (df__step_is(s, "Pow") && df__rewrite_scalar(r, s, 1, &two) && two == 2));
}

/* ---- length 1 ---- */

typedef struct length {
    int     x;
    int64_t axis;
    float   add, floor, least, plus;
} length;

static bool one_axis(const df_rewrite *r, const df_step *s, int64_t *axis)
{
    const df_attr *a = df__node_attr(s->node, "axes");
    const df_tensor *t = df__rewrite_constant(r, df__rewrite_input(r, s, 1));
    if (df__node_int(s->node, "keepdims", 1) == 0 || (s->n_in > 1 && !t))
        return false;
    if (t && t->type == DF_I64 && df__tensor_count(t) == 1)
        memcpy(axis, t->data, sizeof *axis);
    else if (!t && a && a->kind == DF_ATTR_INTS && a->n == 1)
        *axis = a->v.ints[0];
    else
        return false;
    return true;
}

/* A lower bound: Clip without an upper one, or Max with a number. Does nothing where there is none. */
static int bounded(const df_rewrite *r, int value, float *bound)
{
    const df_step *s = df__rewrite_sole(r, value);
    int x = -1;
    float k, most = INFINITY;
    if (!s)
        return value;
    if (df__step_is(s, "Max") && with_number(r, s, &k, &x) && k > 0) {
        *bound = k;
        return x;
    }
    if (!df__step_is(s, "Clip"))
        return value;
    k = df__node_float(s->node, "min", -INFINITY);
    most = df__node_float(s->node, "max", INFINITY);
    if ((df__rewrite_input(r, s, 1) >= 0 && !df__rewrite_scalar(r, s, 1, &k)) || (df__rewrite_input(r, s, 2) >= 0 && !df__rewrite_scalar(r, s, 2, &most)) ||
        most < 3e38f || !(k > 0))
        return value;
    *bound = k;
    return df__rewrite_input(r, s, 0);
}

static int added(const df_rewrite *r, int value, float *addend)
{
    const df_step *s = df__rewrite_sole(r, value);
    int x = -1;
    float k;
    if (s && df__step_is(s, "Add") && with_number(r, s, &k, &x) && k >= 0) {
        *addend = k;
        return x;
    }
    return value;
}

/* Expand to the shape of x: x / it spreads it anyway. */
static int unspread(const df_rewrite *r, int value, int x)
{
    const df_step *s = df__rewrite_sole(r, value);
    if (!s || !df__step_is(s, "Expand"))
        return value;
    const df_step *shape = df__rewrite_maker(r, df__rewrite_input(r, s, 1));
    const df_value *v = &r->p->values[x], *e = &r->p->values[value];
    bool same = shape && df__step_is(shape, "Shape") && shape->node->n_attrs == 0 && df__rewrite_input(r, shape, 0) == x;
    if (r->shapes && v->t.rank == e->t.rank && memcmp(v->t.dims, e->t.dims, sizeof *v->t.dims * (size_t)v->t.rank) == 0)
        same = true;
    return same ? df__rewrite_input(r, s, 0) : value;
}

/* Whether the value is the length of x along an axis. */
static bool length_of(const df_rewrite *r, int value, int x, length *out)
{
    *out = (length){.x = x};
    value = unspread(r, value, x);
    value = added(r, bounded(r, value, &out->least), &out->plus);
    if (out->plus > 0 && out->least == 0)
        value = bounded(r, value, &out->least);
    else if (out->plus > 0)
        return false; /* max(l + a, b), which the operator does not have */
    const df_step *s = df__rewrite_sole(r, value);
    if (!s)
        return false;
    if (df__step_is(s, "ReduceL2"))
        return df__rewrite_input(r, s, 0) == x && one_axis(r, s, &out->axis);
    float half;
    if (!df__step_is(s, "Sqrt") && !(df__step_is(s, "Pow") && df__rewrite_scalar(r, s, 1, &half) && half == 0.5f))
        return false;
    value = bounded(r, df__rewrite_input(r, s, 0), &out->floor);
    value = added(r, value, &out->add);
    s = df__rewrite_sole(r, value);
    if (s && df__step_is(s, "ReduceSumSquare"))
        return df__rewrite_input(r, s, 0) == x && one_axis(r, s, &out->axis);
    if (!s || !df__step_is(s, "ReduceSum") || !one_axis(r, s, &out->axis))
        return false;
    const df_step *square = df__rewrite_sole(r, df__rewrite_input(r, s, 0));
    int of = -1;
    return square && square_of(r, square, &of) && of == x;
}

static df_status make_unit(df_rewrite *r, df_step *s)
{
    length l;
    int x = df__rewrite_input(r, s, 0), by = df__rewrite_input(r, s, 1);
    bool found = false;
    if (s->n_in != 2 || x < 0 || by < 0)
        return DF_OK;
    if (df__step_is(s, "Div"))
        found = length_of(r, by, x, &l);
    for (int turn = 0; turn < 2 && !found && df__step_is(s, "Mul"); turn++) {
        const df_step *inverse = df__rewrite_sole(r, turn ? x : by);
        float one = 1;
        if (inverse && df__step_is(inverse, "Reciprocal"))
            found = length_of(r, df__rewrite_input(r, inverse, 0), turn ? by : x, &l);
        else if (inverse && df__step_is(inverse, "Div") && df__rewrite_scalar(r, inverse, 0, &one) && one == 1)
            found = length_of(r, df__rewrite_input(r, inverse, 1), turn ? by : x, &l);
    }
    if (!found)
        return DF_OK;
    df_attr attrs[] = {{.name = "axis", .kind = DF_ATTR_INT, .v.i = l.axis}, {.name = "add", .kind = DF_ATTR_FLOAT, .v.f = l.add},
                       {.name = "floor", .kind = DF_ATTR_FLOAT, .v.f = l.floor}, {.name = "least", .kind = DF_ATTR_FLOAT, .v.f = l.least},
                       {.name = "plus", .kind = DF_ATTR_FLOAT, .v.f = l.plus}};
    return df__rewrite_step(r, s, &df__op_unit, &l.x, 1, attrs, sizeof attrs / sizeof *attrs);
}

/* ---- local response: x / (k + alpha * mean of squares)^beta, the mean by a pool over channels that stand as rows ---- */

static int through_views(const df_rewrite *r, int value)
{
    for (int i = 0; i < 4; i++) {
        const df_step *s = df__rewrite_sole(r, value);
        if (!s || !(s->op->flags & DF_OP_VIEW))
            break;
        value = df__rewrite_input(r, s, 0);
    }
    return value;
}

static const int64_t *ints(const df_step *s, const char *name, size_t n)
{
    const df_attr *a = df__node_attr(s->node, name);
    return a && a->kind == DF_ATTR_INTS && a->n == n ? a->v.ints : NULL;
}

/* The pool's input lies as [a, b, channels, ...] with a * b photos; its window covers `size` channels and nothing else. */
static bool pools_channels(const df_rewrite *r, const df_step *pool, const df_tensor *x, int64_t *size, int64_t pads[2])
{
    const df_tensor *in = &r->p->values[df__rewrite_input(r, pool, 0)].t, *out = &r->p->values[df__value_root(r->p, pool->out[0])].t;
    size_t space = in->rank > 2 ? (size_t)in->rank - 2 : 0;
    const int64_t *kernel = ints(pool, "kernel_shape", space), *own = ints(pool, "pads", 2 * space), *strides = ints(pool, "strides", space);
    if (space < 1 || !kernel || df__node_int(pool->node, "ceil_mode", 0) != 0 || df__node_attr(pool->node, "auto_pad") || df__node_attr(pool->node, "dilations"))
        return false;
    for (size_t i = 0; i < space; i++)
        if ((i > 0 && (kernel[i] != 1 || (own && (own[i] || own[i + space])))) || (strides ? strides[i] != 1 : false))
            return false;
    *size = kernel[0];
    pads[0] = own ? own[0] : 0, pads[1] = own ? own[space] : 0;
    if ((pads[0] || pads[1]) && df__node_int(pool->node, "count_include_pad", 0) == 0)
        return false;
    return out->rank == in->rank && out->dims[2] == x->dims[1] && out->dims[0] * out->dims[1] == x->dims[0] &&
           df__tensor_count(out) == df__tensor_count(x);
}

static df_status make_lrn(df_rewrite *r, df_step *s)
{
    float beta, bias, alpha = 1;
    int x = df__rewrite_input(r, s, 0), of = -1, value = -1;
    int64_t size, pads[2];
    const df_step *pow = df__rewrite_sole(r, df__rewrite_input(r, s, 1));
    if (!df__step_is(s, "Div") || s->n_in != 2 || x < 0 || r->p->values[x].t.rank < 3 || !pow || !df__step_is(pow, "Pow") || !df__rewrite_scalar(r, pow, 1, &beta))
        return DF_OK;
    const df_step *add = df__rewrite_sole(r, df__rewrite_input(r, pow, 0));
    if (!add || !df__step_is(add, "Add") || !with_number(r, add, &bias, &value))
        return DF_OK;
    const df_step *mul = df__rewrite_sole(r, value);
    if (mul && df__step_is(mul, "Mul") && !with_number(r, mul, &alpha, &value))
        return DF_OK;
    const df_step *pool = df__rewrite_sole(r, through_views(r, value));
    if (!pool || !df__step_is(pool, "AveragePool") || !pools_channels(r, pool, &r->p->values[x].t, &size, pads))
        return DF_OK;
    value = df__rewrite_input(r, pool, 0);
    const df_step *pad = df__rewrite_sole(r, value);
    if (pad && df__step_is(pad, "Pad")) {
        const df_tensor *list = df__rewrite_constant(r, df__rewrite_input(r, pad, 1)), *fill = df__rewrite_constant(r, df__rewrite_input(r, pad, 2));
        const df_attr *mode = df__node_attr(pad->node, "mode");
        int rank = r->p->values[value].t.rank;
        if (!list || list->type != DF_I64 || df__tensor_count(list) != 2 * rank || pad->n_in > 3 || (mode && (mode->kind != DF_ATTR_STRING || strcmp(mode->v.s, "constant") != 0)) ||
            (df__rewrite_input(r, pad, 2) >= 0 && (!fill || fill->type != DF_F32 || df__rewrite_f32(fill, 0) != 0)))
            return DF_OK;
        for (int i = 0; i < 2 * rank; i++) {
            int64_t n;
            memcpy(&n, (const char *)list->data + (size_t)i * sizeof n, sizeof n);
            if (i % rank == 2)
                pads[i / rank] += n;
            else if (n != 0)
                return DF_OK;
        }
        value = df__rewrite_input(r, pad, 0);
    }
    const df_step *square = df__rewrite_sole(r, through_views(r, value));
    if (size % 2 == 0 || pads[0] != size / 2 || pads[1] != size / 2 || !square || !square_of(r, square, &of) || of != x)
        return DF_OK; /* of an even window the odd one lies on the other side */
    df_attr attrs[] = {{.name = "size", .kind = DF_ATTR_INT, .v.i = size}, {.name = "alpha", .kind = DF_ATTR_FLOAT, .v.f = alpha},
                       {.name = "beta", .kind = DF_ATTR_FLOAT, .v.f = beta}, {.name = "bias", .kind = DF_ATTR_FLOAT, .v.f = bias}};
    return df__rewrite_step(r, s, df__op_find("", "LRN"), &x, 1, attrs, sizeof attrs / sizeof *attrs);
}

/* ---- x * a + b, a number a channel: batch normalisation again, one step instead of two ---- */

/* A constant that spreads over channels of [n, c, h, w] alone, as a list. */
static int channel_list(df_rewrite *r, int value)
{
    const df_tensor *t = df__rewrite_constant(r, value);
    int axis = t ? t->rank - 3 : -1;
    if (!t || t->type != DF_F32 || axis < 0 || t->rank > 4 || t->dims[axis] < 2 || df__tensor_count(t) != t->dims[axis])
        return -1;
    df_tensor list = {.type = DF_F32, .rank = 1, .dims = {t->dims[axis]}, .data = t->data};
    return df__rewrite_value(r, "", &list);
}

static int filled_list(df_rewrite *r, int64_t n, float with)
{
    df_tensor list = {.type = DF_F32, .rank = 1, .dims = {n}, .data = df__arena_alloc(&r->p->arena, (size_t)n * sizeof(float))};
    for (int64_t i = 0; list.data && i < n; i++)
        ((float *)list.data)[i] = with;
    return list.data ? df__rewrite_value(r, "", &list) : -1;
}

static df_status make_batch_norm(df_rewrite *r, df_step *s)
{
    for (size_t i = 0; i < 2 && s->n_in == 2; i++) {
        int b = df__rewrite_input(r, s, i);
        const df_step *mul = df__rewrite_sole(r, df__rewrite_input(r, s, !i));
        if (!df__rewrite_constant(r, b) || !mul || !df__step_is(mul, "Mul") || mul->n_in != 2)
            continue;
        for (size_t k = 0; k < 2; k++) {
            int a = df__rewrite_input(r, mul, k), x = df__rewrite_input(r, mul, !k);
            const df_value *v = x >= 0 ? &r->p->values[x] : NULL;
            if (!df__rewrite_constant(r, a) || !v || v->known || v->t.rank != 4 || v->t.type != DF_F32)
                continue;
            int in[5] = {x, channel_list(r, a), channel_list(r, b), -1, -1};
            int64_t n = v->t.dims[1];
            if (in[1] < 0 || in[2] < 0 || r->p->values[in[1]].t.dims[0] != n || r->p->values[in[2]].t.dims[0] != n)
                continue;
            in[3] = filled_list(r, n, 0);
            in[4] = filled_list(r, n, 1);
            if (in[3] < 0 || in[4] < 0)
                return df__no_memory(r->err, r->p->label, (size_t)n * sizeof(float));
            df_attr eps = {.name = "epsilon", .kind = DF_ATTR_FLOAT, .v.f = 0};
            return df__rewrite_step(r, s, df__op_find("", "BatchNormalization"), in, 5, &eps, 1);
        }
    }
    return DF_OK;
}

/* Behind the other fusions, which would rather have the factor in a convolution. */
df_status df__pass_batch_norms(df_program *p, df_error *err)
{
    df_rewrite r;
    df_status st = DF_OK;
    DF_TRY(df__rewrite_begin(&r, p, true, 4 * p->main.n_steps, err));
    for (size_t i = 0; i < p->main.n_steps; i++)
        if (df__step_is(&p->main.steps[i], "Add") && !p->main.steps[i].fused)
            DF_TRY(make_batch_norm(&r, &p->main.steps[i]));
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}

df_status df__pass_norms(df_program *p, bool shapes, df_error *err)
{
    df_rewrite r;
    df_status st = DF_OK;
    DF_TRY(df__rewrite_begin(&r, p, shapes, 0, err));
    for (size_t i = 0; i < p->main.n_steps; i++) {
        df_step *s = &p->main.steps[i];
        if (!df__step_is(s, "Div") && !df__step_is(s, "Mul"))
            continue;
        if (shapes)
            DF_TRY(make_lrn(&r, s));
        if (df__step_is(s, "Div") || df__step_is(s, "Mul"))
            DF_TRY(make_unit(&r, s));
    }
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}
