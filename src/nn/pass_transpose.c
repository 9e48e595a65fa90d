/* pass_transpose.c - files of channels-last frameworks put a Transpose on both sides of each convolution. Here every Transpose to channels
 * last moves behind the steps that read it - sums, activations, Concat, reductions - until it meets one that turns back, and both go. What
 * follows a convolution then stands right behind it, where pass_fuse.c looks. */
#include <string.h>

#include "nn/pass_rewrite.h"

static const int64_t to_last[4] = {0, 2, 3, 1};

/* Who a value is the transpose of; from is -1 where it is none. */
typedef struct turned { int from, rank; int64_t perm[DF_MAX_RANK]; } turned;

typedef struct sink {
    df_rewrite r;
    turned    *of;  /* by value */
    df_step   *out; /* the steps in their new order */
    size_t     n_out;
} sink;

static const turned *last_of(const sink *s, int value)
{
    value = df__value_root(s->r.p, value);
    const turned *t = value < 0 ? NULL : &s->of[value];
    return t && t->from >= 0 && t->rank == 4 && memcmp(t->perm, to_last, sizeof to_last) == 0 ? t : NULL;
}

/* ---- Transpose of Transpose ---- */

static df_status set_perm(sink *s, df_step *step, int from, int rank, const int64_t *perm)
{
    df_attr attr = {.name = "perm", .kind = DF_ATTR_INTS, .n = (size_t)rank};
    int64_t *list = df__arena_alloc(&s->r.p->arena, (size_t)rank * sizeof *list);
    if (!list)
        return df__no_memory(s->r.err, s->r.p->label, sizeof *list);
    memcpy(list, perm, (size_t)rank * sizeof *list);
    attr.v.ints = list;
    return df__rewrite_step(&s->r, step, df__op_find("", "Transpose"), &from, 1, &attr, 1);
}

static df_status transpose(sink *s, df_step *step)
{
    df_status st = DF_OK;
    const df_attr *a = df__node_attr(step->node, "perm");
    int from = df__rewrite_input(&s->r, step, 0), to = step->n_out == 1 ? step->out[0] : -1;
    if (from < 0 || to < 0 || !a || a->kind != DF_ATTR_INTS || a->n > DF_MAX_RANK)
        goto keep;
    turned t = {.from = from, .rank = (int)a->n};
    bool same = true;
    const turned *before = s->of[from].from >= 0 && s->of[from].rank == t.rank ? &s->of[from] : NULL;
    for (int i = 0; i < t.rank; i++) {
        if (a->v.ints[i] < 0 || a->v.ints[i] >= t.rank)
            goto keep;
        t.perm[i] = before ? before->perm[a->v.ints[i]] : a->v.ints[i];
        same = same && t.perm[i] == i;
    }
    if (before) {
        t.from = before->from;
        if (same) {
            df__rewrite_same(&s->r, to, t.from);
            return DF_OK;
        }
        DF_TRY(set_perm(s, step, t.from, t.rank, t.perm));
    }
    s->of[to] = t;
keep:
    s->out[s->n_out++] = *step;
done:
    return st;
}

/* ---- constants in the other order ---- */

/* A constant of up to four dimensions as channels first; one value spreads in any order. -1: no memory. */
static int constant_first(sink *s, int value)
{
    const df_value *v = &s->r.p->values[value];
    df_tensor from = v->t, to = v->t;
    if (df__tensor_count(&from) == 1)
        return value;
    int64_t step[4], n = df__tensor_count(&from);
    size_t size = df__dtype_size(from.type);
    for (int i = 3, shift = 4 - from.rank; i >= 0; i--)
        from.dims[i] = i < shift ? 1 : from.dims[i - shift];
    from.rank = to.rank = 4;
    for (int i = 3, at = 1; i >= 0; i--) {
        step[i] = at;
        at *= (int)from.dims[i];
    }
    to.dims[0] = from.dims[0], to.dims[1] = from.dims[3], to.dims[2] = from.dims[1], to.dims[3] = from.dims[2];
    char *data = df__arena_alloc(&s->r.p->arena, (size_t)n * size), *at = data;
    if (!data)
        return -1;
    for (int64_t b = 0; b < to.dims[0]; b++)
        for (int64_t c = 0; c < to.dims[1]; c++)
            for (int64_t y = 0; y < to.dims[2]; y++)
                for (int64_t x = 0; x < to.dims[3]; x++, at += size)
                    memcpy(at, (const char *)from.data + (size_t)(b * step[0] + y * step[1] + x * step[2] + c) * size, size);
    to.data = data;
    return df__rewrite_value(&s->r, v->name, &to);
}

static bool fits(const sink *s, int value)
{
    const df_tensor *t = df__rewrite_constant(&s->r, value);
    return last_of(s, value) || (t && t->rank <= 4 && df__tensor_count(t) > 0 && df__tensor_count(t) < INT32_MAX);
}

/* ---- steps that a Transpose moves behind ---- */

static df_attr *with_ints(sink *s, const df_step *step, const char *name, size_t count, const int64_t *values, size_t *n)
{
    const char *without[] = {name, NULL};
    df_attr *attrs = df__rewrite_attrs(&s->r, step->node, without, 1, n);
    int64_t *list = attrs ? df__arena_alloc(&s->r.p->arena, count * sizeof *list) : NULL;
    if (!list)
        return NULL;
    memcpy(list, values, count * sizeof *list);
    attrs[(*n)++] = (df_attr){.name = name, .kind = DF_ATTR_INTS, .n = count, .v.ints = list};
    return attrs;
}

/* The step reads `in`, which is channels first, and makes a value of its own; behind it a Transpose makes what it made before. */
static df_status move(sink *s, df_step *step, const int *in, size_t n_in, const df_attr *attrs, size_t n_attrs)
{
    df_status st = DF_OK;
    df_program *p = s->r.p;
    int made = step->out[0];
    df_tensor t = p->values[made].t;
    if (t.type)
        t.dims[1] = p->values[made].t.dims[3], t.dims[2] = p->values[made].t.dims[1], t.dims[3] = p->values[made].t.dims[2];
    t.data = NULL;
    int first = df__rewrite_value(&s->r, p->values[made].name, &t);
    int *out = df__arena_alloc(&p->arena, 2 * sizeof *out);
    df_node *node = df__arena_calloc(&p->arena, 1, sizeof *node);
    df_attr *perm = df__arena_calloc(&p->arena, 1, sizeof *perm);
    if (first < 0 || !out || !node || !perm)
        DF_TRY(df__no_memory(s->r.err, p->label, sizeof *node));
    DF_TRY(df__rewrite_step(&s->r, step, step->op, in, n_in, attrs, n_attrs));
    out[0] = first, out[1] = made;
    step->out = out;
    s->out[s->n_out++] = *step;
    *perm = (df_attr){.name = "perm", .kind = DF_ATTR_INTS, .n = 4, .v.ints = to_last};
    *node = (df_node){.op = "Transpose", .name = step->node->name, .domain = "", .out = step->node->out, .n_out = step->node->n_out, .attrs = perm, .n_attrs = 1};
    s->out[s->n_out] = (df_step){.op = df__op_find("", "Transpose"), .node = node, .n_in = 1, .n_out = 1, .out = out + 1};
    s->out[s->n_out].in = df__arena_alloc(&p->arena, sizeof *out);
    if (!s->out[s->n_out].in)
        DF_TRY(df__no_memory(s->r.err, p->label, sizeof *out));
    s->out[s->n_out++].in[0] = first;
    s->of[first] = (turned){.from = -1};
    s->of[made] = (turned){.from = first, .rank = 4, .perm = {0, 2, 3, 1}};
done:
    return st;
}

static df_status elementwise(sink *s, df_step *step, bool *moved)
{
    bool any = false;
    for (size_t i = 0; i < step->n_in; i++) {
        int v = df__rewrite_input(&s->r, step, i);
        if (v >= 0 && !fits(s, v))
            return DF_OK;
        any = any || last_of(s, v);
    }
    int *in = any ? df__arena_alloc(&s->r.p->arena, step->n_in * sizeof *in) : NULL;
    if (!any)
        return DF_OK;
    for (size_t i = 0; in && i < step->n_in; i++) {
        int v = df__rewrite_input(&s->r, step, i);
        const turned *t = last_of(s, v);
        in[i] = v < 0 ? -1 : t ? t->from : constant_first(s, v);
        if (in[i] < 0 && v >= 0)
            in = NULL;
    }
    if (!in)
        return df__no_memory(s->r.err, s->r.p->label, step->n_in * sizeof *in);
    *moved = true;
    return move(s, step, in, step->n_in, step->node->attrs, step->node->n_attrs);
}

static df_status concat(sink *s, df_step *step, bool *moved)
{
    int64_t axis = df__node_int(step->node, "axis", 0);
    int *in = df__arena_alloc(&s->r.p->arena, step->n_in * sizeof *in);
    size_t n;
    for (size_t i = 0; i < step->n_in; i++)
        if (!last_of(s, step->in[i]))
            return DF_OK;
    axis = axis < 0 ? axis + 4 : axis;
    if (axis < 0 || axis > 3)
        return DF_OK;
    for (size_t i = 0; in && i < step->n_in; i++)
        in[i] = last_of(s, step->in[i])->from;
    df_attr *attrs = in ? df__rewrite_attrs(&s->r, step->node, (const char *[]){"axis", NULL}, 1, &n) : NULL;
    if (!attrs)
        return df__no_memory(s->r.err, s->r.p->label, step->n_in * sizeof *in);
    attrs[n++] = (df_attr){.name = "axis", .kind = DF_ATTR_INT, .v.i = to_last[axis]};
    *moved = true;
    return move(s, step, in, step->n_in, attrs, n);
}

/* Integers of an attribute, or of the known input behind input 0; false when there are none. */
static bool ints_of(const sink *s, const df_step *step, const char *name, size_t most, int64_t *out, size_t *n)
{
    const df_attr *a = df__node_attr(step->node, name);
    const df_tensor *t = df__rewrite_constant(&s->r, df__rewrite_input(&s->r, step, 1));
    *n = t ? (size_t)df__tensor_count(t) : a && a->kind == DF_ATTR_INTS ? a->n : 0;
    if (*n == 0 || *n > most || (t && t->type != DF_I64))
        return false;
    for (size_t i = 0; i < *n; i++)
        if (t)
            memcpy(&out[i], (const char *)t->data + i * sizeof *out, sizeof *out);
        else
            out[i] = a->v.ints[i];
    return true;
}

/* The new integers go where the old ones were: an attribute, or an input. */
static df_status with_list(sink *s, df_step *step, int from, const char *name, size_t n, const int64_t *list, bool turns)
{
    size_t n_attrs = step->node->n_attrs, n_in = step->n_in;
    const df_attr *attrs = step->node->attrs;
    int *in = df__arena_alloc(&s->r.p->arena, (n_in + 1) * sizeof *in);
    if (!in)
        return df__no_memory(s->r.err, s->r.p->label, n_in * sizeof *in);
    memcpy(in, step->in, n_in * sizeof *in);
    in[0] = from;
    if (n_in > 1 && in[1] >= 0) {
        df_tensor t = {.type = DF_I64, .rank = 1, .dims = {(int64_t)n}, .data = df__arena_alloc(&s->r.p->arena, n * sizeof *list)};
        in[1] = t.data ? df__rewrite_value(&s->r, "", &t) : -1;
        if (in[1] < 0)
            return df__no_memory(s->r.err, s->r.p->label, n * sizeof *list);
        memcpy(t.data, list, n * sizeof *list);
    } else if (!(attrs = with_ints(s, step, name, n, list, &n_attrs))) {
        return df__no_memory(s->r.err, s->r.p->label, n * sizeof *list);
    }
    if (turns)
        return move(s, step, in, n_in, attrs, n_attrs);
    df_status st = df__rewrite_step(&s->r, step, step->op, in, n_in, attrs, n_attrs);
    s->out[s->n_out++] = *step;
    return st;
}

/* With its dims kept, or over all of space, where [n, c] is left either way. */
static df_status reduce(sink *s, df_step *step, bool *moved)
{
    const turned *t = last_of(s, step->in[0]);
    int64_t axes[4];
    size_t n;
    bool keep = df__node_int(step->node, "keepdims", 1) != 0, space = true;
    if (!t || step->n_in > 2 || !ints_of(s, step, "axes", 4, axes, &n))
        return DF_OK;
    for (size_t i = 0; i < n; i++) {
        axes[i] += axes[i] < 0 ? 4 : 0;
        if (axes[i] < 0 || axes[i] > 3)
            return DF_OK;
        axes[i] = to_last[axes[i]];
        space = space && axes[i] >= 2;
    }
    if (!keep && !(n == 2 && space && axes[0] != axes[1]))
        return DF_OK;
    *moved = true;
    return with_list(s, step, t->from, "axes", n, axes, keep);
}

static df_status pad(sink *s, df_step *step, bool *moved)
{
    const turned *t = last_of(s, step->in[0]);
    int64_t old[8], pads[8];
    size_t n;
    if (!t || df__rewrite_input(&s->r, step, 3) >= 0 || !ints_of(s, step, "pads", 8, old, &n) || n != 8)
        return DF_OK;
    for (int i = 0; i < 4; i++) {
        pads[to_last[i]] = old[i];
        pads[to_last[i] + 4] = old[i + 4];
    }
    *moved = true;
    return with_list(s, step, t->from, "pads", 8, pads, true);
}

static df_status sink_step(sink *s, df_step *step)
{
    df_status st = DF_OK;
    bool moved = false;
    if (step->op && step->node->domain[0] == '\0' && step->n_out == 1 && step->n_in > 0 && step->in[0] >= 0 && !step->fused) {
        if (df__step_is(step, "Transpose"))
            return transpose(s, step);
        if (step->op->flags & DF_OP_ELEMENTWISE)
            DF_TRY(elementwise(s, step, &moved));
        else if (df__step_is(step, "Concat"))
            DF_TRY(concat(s, step, &moved));
        else if (strncmp(step->node->op, "Reduce", 6) == 0)
            DF_TRY(reduce(s, step, &moved));
        else if (df__step_is(step, "Pad"))
            DF_TRY(pad(s, step, &moved));
    }
    if (!moved)
        s->out[s->n_out++] = *step;
done:
    return st;
}

df_status df__pass_transpose(df_program *p, bool shapes, df_error *err)
{
    sink s = {.n_out = 0};
    df_status st = DF_OK;
    size_t inputs = 0;
    bool any = false;
    for (size_t i = 0; i < p->main.n_steps; i++) {
        inputs += p->main.steps[i].n_in;
        any = any || df__step_is(&p->main.steps[i], "Transpose");
    }
    if (!any)
        return DF_OK;
    /* A step makes one value more, and one for each constant that it reads. */
    DF_TRY(df__rewrite_begin(&s.r, p, shapes, p->main.n_steps + inputs, err));
    s.of = df__arena_alloc(&p->arena, s.r.room * sizeof *s.of);
    s.out = df__arena_alloc(&p->arena, (2 * p->main.n_steps + 1) * sizeof *s.out);
    if (!s.of || !s.out)
        DF_TRY(df__no_memory(err, p->label, s.r.room * sizeof *s.of));
    for (size_t i = 0; i < s.r.room; i++)
        s.of[i].from = -1;
    for (size_t i = 0; i < p->main.n_steps; i++)
        if (!p->main.steps[i].dead)
            DF_TRY(sink_step(&s, &p->main.steps[i]));
    p->main.steps = s.out;
    p->main.n_steps = s.n_out;
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}
