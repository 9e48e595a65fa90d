/* pass_loop.c - Loop and Scan, opened: a copy of the body for each iteration, one behind the other, as far as the number of iterations is known -
 * by the shapes of the inputs, else by the run itself, which then goes step by step (pass_fold.c). */
#include "nn/pass_fold.h"

#include <string.h>

#include "nn/ir.h"

enum { MOST_STEPS = 1 << 18 /* of all copies */, MOST_ITERATIONS = 1 << 16, MOST_VALUES = 1 << 20 };

/* ---- one more copy of a body ---- */

static void renumber(int *list, size_t n, int first, int end, int shift)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] >= first && list[i] < end)
            list[i] += shift;
}

static void renumber_block(df_block *b, int first, int end, int shift)
{
    renumber(b->inputs, b->n_inputs, first, end, shift);
    renumber(b->outputs, b->n_outputs, first, end, shift);
    b->first += shift;
    b->end += shift;
    for (size_t i = 0; i < b->n_steps; i++) {
        df_step *s = &b->steps[i];
        renumber(s->in, s->n_in, first, end, shift);
        renumber(s->out, s->n_out, first, end, shift);
        renumber(s->captured, s->n_captured, first, end, shift);
        for (int k = 0; k < 2 && s->branch[k]; k++)
            renumber_block(s->branch[k], first, end, shift);
    }
}

/* Values of its own for the copy: behind all there are. */
static df_status copy_body(df_fold *f, const df_block *body, df_block *out)
{
    df_program *p = f->p;
    int first = body->first, end = body->end, shift = (int)p->n_values - first;
    size_t n = (size_t)(end - first);
    f->copied += body->n_steps + 1;
    if (f->copied > MOST_STEPS || p->n_values + n > MOST_VALUES)
        return df__fail(f->err, DF_E_LIMIT, "its iterations come to more than %d steps", MOST_STEPS);
    if (p->n_values + n > f->cap_values) {
        size_t cap = 2 * (p->n_values + n);
        df_value *more = df__arena_alloc(&p->arena, cap * sizeof *more);
        if (!more)
            return df__no_memory(f->err, p->label, cap * sizeof *more);
        memcpy(more, p->values, p->n_values * sizeof *more);
        p->values = more;
        f->cap_values = cap;
    }
    for (int i = first; i < end; i++) {
        df_value v = p->values[i];
        v.same_as += v.same_as >= first && v.same_as < end ? shift : 0;
        p->values[i + shift] = v;
    }
    p->n_values += n;
    if (!df__block_copy(&p->arena, body, out))
        return df__no_memory(f->err, p->label, body->n_steps * sizeof *out->steps);
    renumber_block(out, first, end, shift);
    return DF_OK;
}

/* ---- pieces ---- */

static void bind(df_fold *f, int input, int value) { f->p->values[input].same_as = df__value_root(f->p, value); }

static df_status bind_known(df_fold *f, int input, df_dtype type, int64_t number)
{
    int64_t *at = df__arena_alloc(&f->p->arena, sizeof *at);
    if (!at)
        return df__no_memory(f->err, f->p->label, sizeof *at);
    df_value *v = &f->p->values[input];
    v->t = (df_tensor){.type = type, .data = at};
    v->known = true;
    df__store_i64(&v->t, 0, number);
    return DF_OK;
}

/* The one number of a value. *known: it is there. */
static df_status number_of(df_fold *f, int value, df_dtype type, const char *what, int64_t *out, bool *known)
{
    const df_value *v = &f->p->values[df__value_root(f->p, value)];
    *known = v->known;
    if (!v->known)
        return DF_OK;
    if (v->t.type != type || df__tensor_count(&v->t) != 1)
        return df__fail(f->err, DF_E_BAD_MODEL, "the %s is not one %s", what, df__dtype_name(type));
    df_tensor one = v->t;
    int64_t room = 0;
    memcpy(&room, v->t.data, df__dtype_size(type));
    one.data = &room;
    *out = df__load_i64(&one, 0);
    return DF_OK;
}

/* A step of our own with two integer attributes. */
static df_status make_step(df_fold *f, const df_step *s, const df_op *op, int64_t axis, int64_t index, int *in, size_t n_in, int *out)
{
    df_node *node = df__arena_calloc(&f->p->arena, 1, sizeof *node);
    df_attr *attrs = df__arena_calloc(&f->p->arena, 2, sizeof *attrs);
    if (!node || !attrs)
        return df__no_memory(f->err, f->p->label, sizeof *node);
    attrs[0] = (df_attr){.name = "axis", .kind = DF_ATTR_INT, .v.i = axis};
    attrs[1] = (df_attr){.name = "index", .kind = DF_ATTR_INT, .v.i = index};
    *node = (df_node){.op = op->name, .name = s->node->name, .domain = "", .out = s->node->out, .n_out = s->node->n_out, .attrs = attrs, .n_attrs = 2};
    df_step step = {.op = op, .node = node, .in = in, .n_in = n_in, .out = out, .n_out = 1};
    return df__fold_step(f, &step);
}

/* What the iterations made, side by side along a new dimension; without one, empty in the shape that the body declares. */
static df_status collect(df_fold *f, const df_step *s, size_t body_output, int64_t axis, int *list, size_t n, int *out)
{
    if (*out < 0)
        return DF_OK;
    if (n > 0)
        return make_step(f, s, &df__op_stack, axis, 0, list, n, out);
    const df_attr *body = df__node_attr(s->node, "body");
    df_tensor t = body->v.graph->outputs[body_output].shape;
    if (t.rank < 0 || t.rank >= DF_MAX_RANK || axis < -t.rank - 1 || axis > t.rank || df__dtype_size(t.type) == 0)
        return df__fail(f->err, DF_E_UNSUPPORTED, "no iteration, and output %zu of the body declares no shape", body_output);
    int at = (int)(axis < 0 ? axis + t.rank + 1 : axis);
    memmove(t.dims + at + 1, t.dims + at, (size_t)(t.rank - at) * sizeof *t.dims);
    t.rank++;
    t.dims[at] = 0;
    for (int i = 0; i < t.rank; i++)
        t.dims[i] = t.dims[i] < 0 ? 0 : t.dims[i];
    t.type = t.type == DF_F16 || t.type == DF_BF16 ? DF_F32 : t.type;
    t.data = df__arena_alloc(&f->p->arena, 1);
    if (!t.data)
        return df__no_memory(f->err, f->p->label, 1);
    f->p->values[*out].t = t;
    f->p->values[*out].known = true;
    return DF_OK;
}

/* ---- iterations ---- */

/* The state between iterations, and what they made: a list for each output that is collected. */
typedef struct turns {
    size_t n_state, n_collect, n, cap;
    int   *state, *made; /* made: [iteration][output] */
} turns;

static df_status turns_new(df_fold *f, turns *t)
{
    t->state = df__arena_calloc(&f->p->arena, t->n_state + 1, sizeof *t->state);
    return t->state ? DF_OK : df__no_memory(f->err, f->p->label, t->n_state);
}

/* The outputs of a body that was folded: state first, from its output `first` on. */
static df_status take_outputs(df_fold *f, turns *t, const df_block *done, size_t first)
{
    if ((t->n + 1) * t->n_collect > t->cap) {
        size_t cap = 2 * (t->n + 1) * t->n_collect;
        int *more = df__arena_alloc(&f->p->arena, cap * sizeof *more);
        if (!more)
            return df__no_memory(f->err, f->p->label, cap * sizeof *more);
        if (t->n)
            memcpy(more, t->made, t->n * t->n_collect * sizeof *more);
        t->made = more;
        t->cap = cap;
    }
    for (size_t i = 0; i < t->n_state; i++)
        t->state[i] = df__value_root(f->p, done->outputs[first + i]);
    for (size_t i = 0; i < t->n_collect; i++)
        t->made[t->n * t->n_collect + i] = df__value_root(f->p, done->outputs[first + t->n_state + i]);
    t->n++;
    return DF_OK;
}

/* Where the attribute lists a number for output or input i; else `otherwise`. */
static int64_t listed(const df_node *node, const char *attr, size_t i, int64_t otherwise)
{
    const df_attr *a = df__node_attr(node, attr);
    return a && a->kind == DF_ATTR_INTS && i < a->n ? a->v.ints[i] : otherwise;
}

static df_status finish(df_fold *f, const df_step *s, turns *t, size_t body_first, bool scan)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < s->n_out && i < t->n_state; i++)
        if (s->out[i] >= 0)
            bind(f, s->out[i], t->state[i]);
    for (size_t c = 0; c < t->n_collect && t->n_state + c < s->n_out && st == DF_OK; c++) {
        int *list = df__arena_alloc(&f->p->arena, (t->n + 1) * sizeof *list);
        if (!list)
            return df__no_memory(f->err, f->p->label, t->n * sizeof *list);
        bool back = scan && listed(s->node, "scan_output_directions", c, 0) == 1;
        for (size_t i = 0; i < t->n; i++)
            list[back ? t->n - 1 - i : i] = t->made[i * t->n_collect + c];
        st = collect(f, s, body_first + t->n_state + c, scan ? listed(s->node, "scan_output_axes", c, 0) : 0, list, t->n, &s->out[t->n_state + c]);
    }
    return st;
}

static df_status open_loop(df_fold *f, const df_step *s)
{
    df_status st = DF_OK;
    const df_block *body = s->branch[0];
    int64_t most = INT64_MAX, go = 1;
    bool known = true;
    turns t = {.n_state = body->n_inputs - 2, .n_collect = body->n_outputs - 1 - (body->n_inputs - 2)};
    if (s->n_in > 0 && s->in[0] >= 0)
        DF_TRY(number_of(f, s->in[0], DF_I64, "number of iterations", &most, &known));
    if (known && s->n_in > 1 && s->in[1] >= 0)
        DF_TRY(number_of(f, s->in[1], DF_BOOL, "condition", &go, &known));
    if (!known)
        goto unknown;
    DF_TRY(turns_new(f, &t));
    for (size_t i = 0; i < t.n_state; i++)
        t.state[i] = df__value_root(f->p, s->in[2 + i]);
    while (go && (int64_t)t.n < most) {
        df_block copy;
        if (t.n == MOST_ITERATIONS)
            DF_TRY(df__fail(f->err, DF_E_LIMIT, "more than %d iterations", MOST_ITERATIONS));
        DF_TRY(copy_body(f, body, &copy));
        DF_TRY(bind_known(f, copy.inputs[0], DF_I64, (int64_t)t.n));
        DF_TRY(bind_known(f, copy.inputs[1], DF_BOOL, 1));
        for (size_t i = 0; i < t.n_state; i++)
            bind(f, copy.inputs[2 + i], t.state[i]);
        st = df__fold_block(f, &copy);
        if (st != DF_OK || *f->open)
            return st;
        DF_TRY(number_of(f, copy.outputs[0], DF_BOOL, "condition", &go, &known));
        if (!known)
            goto unknown;
        DF_TRY(take_outputs(f, &t, &copy, 1));
    }
    DF_TRY(finish(f, s, &t, 1, false));
    goto done;
unknown:
    *f->open = true;
done:
    return st;
}

static df_status open_scan(df_fold *f, const df_step *s)
{
    df_status st = DF_OK;
    const df_block *body = s->branch[0];
    size_t n_scan = (size_t)df__node_int(s->node, "num_scan_inputs", 1);
    turns t = {.n_state = s->n_in - n_scan, .n_collect = body->n_outputs - (s->n_in - n_scan)};
    int64_t turns_in_all = -1;
    DF_TRY(turns_new(f, &t));
    for (size_t i = 0; i < t.n_state; i++)
        t.state[i] = df__value_root(f->p, s->in[i]);
    for (size_t i = 0; i < n_scan; i++) {
        const df_tensor *x = &f->p->values[df__value_root(f->p, s->in[t.n_state + i])].t;
        int64_t axis = listed(s->node, "scan_input_axes", i, 0);
        if (x->type == 0) {
            *f->open = true;
            return DF_OK;
        }
        if (axis < -x->rank || axis >= x->rank)
            DF_TRY(df__fail(f->err, DF_E_BAD_MODEL, "axis %lld of an input of %d dimensions", (long long)axis, x->rank));
        int64_t length = x->dims[axis < 0 ? axis + x->rank : axis];
        if (turns_in_all >= 0 && length != turns_in_all)
            DF_TRY(df__fail(f->err, DF_E_BAD_MODEL, "inputs of %lld and %lld iterations", (long long)turns_in_all, (long long)length));
        turns_in_all = length;
    }
    if (turns_in_all > MOST_ITERATIONS)
        DF_TRY(df__fail(f->err, DF_E_LIMIT, "%lld iterations, the limit is %d", (long long)turns_in_all, MOST_ITERATIONS));
    while ((int64_t)t.n < turns_in_all) {
        df_block copy;
        DF_TRY(copy_body(f, body, &copy));
        for (size_t i = 0; i < t.n_state; i++)
            bind(f, copy.inputs[i], t.state[i]);
        for (size_t i = 0; i < n_scan; i++) {
            bool back = listed(s->node, "scan_input_directions", i, 0) == 1;
            int64_t index = back ? turns_in_all - 1 - (int64_t)t.n : (int64_t)t.n;
            DF_TRY(make_step(f, s, &df__op_pick, listed(s->node, "scan_input_axes", i, 0), index, &s->in[t.n_state + i], 1, &copy.inputs[t.n_state + i]));
        }
        st = *f->open ? DF_OK : df__fold_block(f, &copy);
        if (st != DF_OK || *f->open)
            return st;
        DF_TRY(take_outputs(f, &t, &copy, 0));
    }
    DF_TRY(finish(f, s, &t, 0, true));
done:
    return st;
}

df_status df__open_loop(df_fold *f, const df_step *s)
{
    df_status st = s->node->op[0] == 'S' ? open_scan(f, s) : open_loop(f, s);
    if (st != DF_OK)
        df__step_blame(f->p, s, f->err);
    return st;
}
