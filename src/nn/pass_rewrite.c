/* pass_rewrite.c - the shared part of the passes that recognise patterns. */
#include "nn/pass_rewrite.h"

#include <string.h>

bool df__step_is(const df_step *s, const char *op)
{
    return !s->dead && s->op && s->node->domain[0] == '\0' && strcmp(s->node->op, op) == 0;
}

int df__rewrite_input(const df_rewrite *r, const df_step *s, size_t i) { return i < s->n_in ? df__value_root(r->p, s->in[i]) : -1; }

const df_tensor *df__rewrite_constant(const df_rewrite *r, int value)
{
    return value >= 0 && r->p->values[value].known ? &r->p->values[value].t : NULL;
}

float df__rewrite_f32(const df_tensor *t, int64_t i)
{
    float v;
    memcpy(&v, (const char *)t->data + (size_t)i * sizeof v, sizeof v);
    return v;
}

bool df__rewrite_scalar(const df_rewrite *r, const df_step *s, size_t i, float *out)
{
    const df_tensor *t = df__rewrite_constant(r, df__rewrite_input(r, s, i));
    if (!t || t->type != DF_F32 || df__tensor_count(t) != 1)
        return false;
    *out = df__rewrite_f32(t, 0);
    return true;
}

/* Values of a constant that is one number, or one number a channel of a tensor of `rank`; false when it is anything else. */
bool df__rewrite_by_channel(const df_tensor *t, int64_t channels, int rank, bool last, float *out)
{
    int64_t n = t && t->type == DF_F32 ? df__tensor_count(t) : -1;
    if (n != 1 && n != channels)
        return false;
    if (n != 1) {
        int axis = last ? t->rank - 1 : t->rank - (rank - 1); /* channels are dimension 1 of `rank` */
        if (axis < 0 || axis >= t->rank || t->dims[axis] != channels)
            return false;
    }
    if (t->rank > rank)
        return false;
    for (int64_t i = 0; i < channels; i++)
        out[i] = df__rewrite_f32(t, n == 1 ? 0 : i);
    return true;
}

df_step *df__rewrite_maker(const df_rewrite *r, int value)
{
    if (value < 0 || r->maker[value] < 0)
        return NULL;
    df_step *s = &r->p->main.steps[r->maker[value]];
    return s->dead || !s->op || s->n_out != 1 ? NULL : s;
}

df_step *df__rewrite_sole(const df_rewrite *r, int value) { return value >= 0 && r->readers[value] == 1 ? df__rewrite_maker(r, value) : NULL; }

df_step *df__rewrite_reader(const df_rewrite *r, const df_step *s)
{
    int v = df__value_root(r->p, s->out[0]);
    if (r->readers[v] != 1)
        return NULL;
    for (df_step *at = r->p->main.steps + (s - r->p->main.steps) + 1; at < r->p->main.steps + r->p->main.n_steps; at++)
        for (size_t i = 0; i < at->n_in && !at->dead; i++)
            if (df__rewrite_input(r, at, i) == v)
                return at->op && at->n_out == 1 ? at : NULL;
    return NULL;
}

df_status df__rewrite_begin(df_rewrite *r, df_program *p, bool shapes, size_t more, df_error *err)
{
    df_status st = df__pass_dead(p, err);
    const df_block *b = &p->main;
    if (st != DF_OK)
        return st;
    *r = (df_rewrite){.p = p, .shapes = shapes, .err = err, .room = p->n_values + more};
    r->maker = df__arena_alloc(&p->arena, r->room * sizeof *r->maker);
    r->readers = df__arena_calloc(&p->arena, r->room, sizeof *r->readers);
    df_value *values = more ? df__arena_alloc(&p->arena, r->room * sizeof *values) : p->values;
    if (!r->maker || !r->readers || !values)
        return df__no_memory(err, p->label, r->room * sizeof *values);
    if (more) {
        memcpy(values, p->values, p->n_values * sizeof *values);
        p->values = values;
    }
    for (size_t i = 0; i < r->room; i++)
        r->maker[i] = -1;
    for (size_t i = 0; i < b->n_outputs; i++)
        r->readers[df__value_root(p, b->outputs[i])] += 2;
    for (size_t i = 0; i < b->n_steps; i++) {
        const df_step *s = &b->steps[i];
        for (size_t k = 0; k < s->n_in + s->n_captured; k++) {
            int v = df__value_root(p, k < s->n_in ? s->in[k] : s->captured[k - s->n_in]);
            if (v >= 0)
                r->readers[v] += k < s->n_in ? 1 : 2;
        }
        for (size_t k = 0; k < s->n_out; k++)
            if (s->out[k] >= 0)
                r->maker[s->out[k]] = (int)i;
    }
    return DF_OK;
}

int df__rewrite_value(df_rewrite *r, const char *name, const df_tensor *t)
{
    if (r->p->n_values == r->room)
        return -1;
    int v = (int)r->p->n_values++;
    r->p->values[v] = (df_value){.name = name, .t = *t, .known = t->data != NULL, .shared = t->data != NULL && !r->shapes, .same_as = -1};
    r->readers[v] = 0;
    r->maker[v] = -1;
    return v;
}

enum { DEEP = 16 }; /* patterns are shallow; a step further off keeps its count, and only df__pass_dead takes it */

/* One reader less. A step that nobody reads is no longer run; what it read has one reader less in turn. */
static void unread(df_rewrite *r, int value, int depth)
{
    if (value < 0 || --r->readers[value] > 0 || r->maker[value] < 0)
        return;
    df_step *s = &r->p->main.steps[r->maker[value]];
    for (size_t k = 0; k < s->n_out; k++)
        if (s->out[k] >= 0 && r->readers[df__value_root(r->p, s->out[k])] > 0)
            return;
    if (s->dead || !s->op || depth == DEEP)
        return;
    s->dead = true;
    for (size_t k = 0; k < s->n_in; k++)
        unread(r, df__value_root(r->p, s->in[k]), depth + 1);
}

df_status df__rewrite_step(df_rewrite *r, df_step *s, const df_op *op, const int *in, size_t n_in, const df_attr *attrs, size_t n_attrs)
{
    df_arena *arena = &r->p->arena;
    df_node *node = df__arena_calloc(arena, 1, sizeof *node);
    df_attr *own = df__arena_calloc(arena, n_attrs, sizeof *own);
    int *list = in ? df__arena_alloc(arena, n_in * sizeof *list) : s->in;
    if (!node || !own || !list)
        return df__no_memory(r->err, r->p->label, sizeof *node);
    if (n_attrs)
        memcpy(own, attrs, n_attrs * sizeof *own);
    *node = (df_node){.op = op->name, .name = s->node->name, .domain = "", .out = s->node->out, .n_out = s->node->n_out, .attrs = own, .n_attrs = n_attrs};
    s->node = node;
    s->op = op;
    if (!in)
        return DF_OK;
    memcpy(list, in, n_in * sizeof *list);
    for (size_t i = 0; i < n_in; i++)
        if (list[i] >= 0)
            r->readers[df__value_root(r->p, list[i])]++;
    int *old = s->in;
    size_t n_old = s->n_in;
    s->in = list;
    s->n_in = n_in;
    for (size_t i = 0; i < n_old; i++)
        unread(r, df__value_root(r->p, old[i]), 0);
    return DF_OK;
}

void df__rewrite_same(df_rewrite *r, int value, int other)
{
    df_step *s = df__rewrite_maker(r, value);
    r->readers[other] += r->readers[value];
    r->readers[value] = 0;
    r->p->values[value].same_as = other;
    if (s) {
        s->dead = true;
        for (size_t k = 0; k < s->n_in; k++)
            unread(r, df__value_root(r->p, s->in[k]), 0);
    }
}

df_attr *df__rewrite_attrs(df_rewrite *r, const df_node *node, const char *const *without, size_t more, size_t *n)
{
    df_attr *list = df__arena_calloc(&r->p->arena, node->n_attrs + more, sizeof *list);
    *n = 0;
    if (!list) {
        df__no_memory(r->err, r->p->label, (node->n_attrs + more) * sizeof *list);
        return NULL;
    }
    for (size_t i = 0; i < node->n_attrs; i++) {
        bool out = false;
        for (size_t k = 0; without[k]; k++)
            out = out || strcmp(node->attrs[i].name, without[k]) == 0;
        if (!out)
            list[(*n)++] = node->attrs[i];
    }
    return list;
}

df_status df__rewrite_each(df_program *p, const char *op, df_status (*make)(df_rewrite *r, df_step *s), df_error *err)
{
    df_rewrite r;
    df_status st = DF_OK;
    bool any = false;
    for (size_t i = 0; i < p->main.n_steps; i++)
        any = any || df__step_is(&p->main.steps[i], op);
    if (!any)
        return DF_OK;
    DF_TRY(df__rewrite_begin(&r, p, true, 0, err));
    for (size_t i = 0; i < p->main.n_steps; i++)
        if (df__step_is(&p->main.steps[i], op))
            DF_TRY(make(&r, &p->main.steps[i]));
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}
