/* pass_fold.c - runs everything whose inputs are known, and gives every other value its type and shape. With the shapes of the inputs set,
 * chains of Shape, Gather, Cast, Concat, ... end as constants here, each If opens, and so do Loop and Scan (pass_loop.c). With the inputs' data set too, this is an
 * interpreter: net.c runs graphs that way whose shapes depend on data. */
#include <string.h>

#include "nn/pass_fold.h"

enum { SPARE = 4 }; /* empty tensors behind the last: an operator may look at its first inputs before it counts them */

static bool room(df_fold *f, df_tensor **list, size_t *cap, size_t n)
{
    if (n <= *cap)
        return true;
    df_tensor *more = df__arena_calloc(&f->p->arena, 2 * n, sizeof *more);
    if (!more)
        return false;
    *list = more;
    *cap = 2 * n;
    return true;
}

static df_status keep(df_fold *f, const df_step *s)
{
    if (f->n_out == f->cap_out) {
        size_t cap = f->cap_out ? 2 * f->cap_out : 64;
        df_step *more = df__arena_calloc(&f->p->arena, cap, sizeof *more);
        if (!more)
            return df__no_memory(f->err, f->p->label, cap * sizeof *more);
        if (f->n_out)
            memcpy(more, f->out, f->n_out * sizeof *more);
        f->out = more;
        f->cap_out = cap;
    }
    f->out[f->n_out++] = *s;
    return DF_OK;
}

/* Kernels read numbers where they lie; a file need not have aligned them. */
static df_status align(df_fold *f, df_tensor *t)
{
    size_t size = df__dtype_size(t->type), bytes;
    if (!t->data || size == 0 || (uintptr_t)t->data % size == 0)
        return DF_OK;
    bytes = df__tensor_bytes(t);
    void *to = df__arena_alloc(&f->scratch, bytes);
    if (!to)
        return df__no_memory(f->err, f->p->label, bytes);
    memcpy(to, t->data, bytes);
    t->data = to;
    return DF_OK;
}

static df_status run_known(df_fold *f, df_call *call, const df_step *s)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < call->n_in; i++)
        DF_TRY(align(f, &f->in[i]));
    for (size_t i = 0; i < call->n_out; i++) {
        df_tensor *t = &f->to[i];
        if (t->rank < 0)
            continue;
        DF_TRY(df__call_check(call, t));
        size_t bytes = df__tensor_bytes(t);
        if (bytes > f->p->limits.bytes - f->bytes)
            DF_TRY(df__fail(f->err, DF_E_LIMIT, "the constants pass the limit of %zu bytes", f->p->limits.bytes));
        f->bytes += bytes;
        t->data = df__arena_alloc(&f->p->arena, bytes);
        if (!t->data)
            DF_TRY(df__no_memory(f->err, f->p->label, bytes));
    }
    if (df__call_idle(call))
        goto done;
    DF_TRY(s->op->run(call));
    if (s->fused)
        df__fused_apply(call, s->fused, true);
done:
    df__arena_reset(&f->scratch);
    return st;
}

/* Inputs of the step as tensors; what is known of each. */
static df_status gather(df_fold *f, const df_step *s, bool *known, bool *shaped)
{
    *known = *shaped = true;
    if (!room(f, &f->in, &f->cap_in, s->n_in + SPARE) || !room(f, &f->to, &f->cap_to, s->n_out + SPARE))
        return df__no_memory(f->err, f->p->label, (s->n_in + s->n_out) * sizeof *f->in);
    memset(f->in + s->n_in, 0, SPARE * sizeof *f->in);
    memset(f->to + s->n_out, 0, SPARE * sizeof *f->to);
    for (size_t i = 0; i < s->n_in; i++) {
        int v = df__value_root(f->p, s->in[i]);
        f->in[i] = (df_tensor){0};
        if (v < 0)
            continue;
        const df_value *value = &f->p->values[v];
        f->in[i] = value->t;
        if (!value->known)
            f->in[i].data = NULL;
        *known = *known && value->known;
        *shaped = *shaped && value->t.type != 0;
    }
    for (size_t i = 0; i < s->n_out; i++)
        f->to[i] = (df_tensor){.rank = s->out[i] < 0 ? -1 : 0};
    return DF_OK;
}

static bool is_op(const df_step *s, const char *name) { return s->node->domain[0] == '\0' && strcmp(s->node->op, name) == 0; }

static bool is_copy(const df_step *s)
{
    if (is_op(s, "Dropout")) /* without training mode and a mask */
        return (s->n_in < 3 || s->in[2] < 0) && (s->n_out < 2 || s->out[1] < 0);
    return is_op(s, "Identity");
}

static df_status open_if(df_fold *f, const df_step *s)
{
    int v = df__value_root(f->p, s->in[0]);
    const df_value *condition = &f->p->values[v];
    if (!condition->known) {
        *f->open = *f->open || f->shapes;
        return keep(f, s);
    }
    if (condition->t.type != DF_BOOL || df__tensor_count(&condition->t) != 1) {
        df__fail(f->err, DF_E_BAD_MODEL, "the condition is not one bool");
        df__step_blame(f->p, s, f->err);
        return DF_E_BAD_MODEL;
    }
    const df_block *branch = s->branch[*(const uint8_t *)condition->t.data ? 0 : 1];
    df_status st = df__fold_block(f, branch);
    for (size_t i = 0; i < s->n_out && st == DF_OK; i++)
        if (s->out[i] >= 0)
            f->p->values[s->out[i]].same_as = branch->outputs[i];
    return st;
}

df_status df__fold_step(df_fold *f, const df_step *s)
{
    bool known, shaped, needs = false;
    df_status st = DF_OK;
    if (!s->op && is_op(s, "If"))
        return open_if(f, s);
    if (!s->op)
        return f->shapes ? df__open_loop(f, s) : keep(f, s);
    DF_TRY(gather(f, s, &known, &shaped));
    if (is_copy(s) && s->n_in > 0 && s->in[0] >= 0 && s->n_out > 0 && s->out[0] >= 0) {
        f->p->values[s->out[0]].same_as = df__value_root(f->p, s->in[0]);
        return DF_OK;
    }
    bool shape_alone = is_op(s, "Shape") || is_op(s, "Size");
    for (size_t i = 0; i < s->n_in && i < 32; i++)
        needs = needs || ((s->op->needs >> i & 1) && f->in[i].type != 0 && !f->in[i].data);
    if (!f->shapes && !known)
        return keep(f, s);
    if (needs || !shaped) { /* without the data nothing more can be said, here or behind */
        *f->open = true;
        return keep(f, s);
    }
    df_call call = {.node = s->node, .opset = f->p->opset, .in = f->in, .n_in = s->n_in, .out = f->to, .n_out = s->n_out,
                    .scratch = &f->scratch, .limits = &f->p->limits, .err = f->err};
    st = df__op_infer(s->op, &call);
    for (size_t i = 0; i < s->n_out && st == DF_OK; i++)
        if (s->out[i] >= 0 && df__dtype_size(f->to[i].type) == 0)
            st = df__fail(f->err, DF_E_BAD_MODEL, "output %zu, which the operator does not have", i);
    if (st == DF_OK && (known || shape_alone))
        st = run_known(f, &call, s);
    if (st != DF_OK) {
        df__step_blame(f->p, s, f->err);
        goto done;
    }
    for (size_t i = 0; i < s->n_out; i++) {
        if (s->out[i] < 0)
            continue;
        df_value *v = &f->p->values[s->out[i]];
        v->t = f->to[i];
        v->known = known || shape_alone;
        v->shared = v->known && !f->shapes;
    }
    if (!known && !shape_alone)
        st = keep(f, s);
done:
    return st;
}

df_status df__fold_block(df_fold *f, const df_block *block)
{
    for (size_t i = 0; i < block->n_steps; i++) {
        df_status st = df__fold_step(f, &block->steps[i]);
        if (st != DF_OK || (*f->open && f->shapes))
            return st;
    }
    return DF_OK;
}

df_status df__pass_fold(df_program *p, bool shapes, bool *open, df_error *err)
{
    df_fold f = {.p = p, .shapes = shapes, .open = open, .err = err, .cap_values = p->n_values};
    *open = false;
    df_status st = df__fold_block(&f, &p->main);
    if (st == DF_OK) {
        p->main.steps = f.out;
        p->main.n_steps = f.n_out;
    }
    df__arena_free(&f.scratch);
    return st;
}
