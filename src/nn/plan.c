/* plan.c - lowers a program with known shapes: each step gets its layout, its inputs in that layout, and a kernel. */
#include "nn/plan.h"

#include <stdlib.h>
#include <string.h>

/* A value's slots: as the file has it, and channels last; -1 while there is none. */
typedef struct homes { int plain, nhwc; } homes;

typedef struct lower {
    df_plan    *plan;
    df_program *p;
    df_error   *err;
    homes      *of; /* by value */
    bool       *not_negative; /* by value: no number below 0 */
} lower;

static const df_node layout_node = {.op = "layout", .name = "", .domain = ""};

static bool grow(df_arena *arena, void **list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    size_t more = *cap ? 2 * *cap : 64;
    void *to = df__arena_alloc(arena, more * size);
    if (!to)
        return false;
    if (n)
        memcpy(to, *list, n * size);
    *list = to;
    *cap = more;
    return true;
}

static df_status no_memory(const lower *l, size_t bytes) { return df__no_memory(l->err, l->p->label, bytes); }

static df_status add_slot(lower *l, const df_tensor *t, int root, df_place place, int *out)
{
    df_plan *plan = l->plan;
    void *slots = plan->slots;
    if (!grow(&l->p->arena, &slots, plan->n_slots, &plan->cap_slots, sizeof *plan->slots))
        return no_memory(l, plan->cap_slots * sizeof *plan->slots);
    plan->slots = slots;
    *out = (int)plan->n_slots++;
    plan->slots[*out] = (df_slot){.t = *t, .root = root < 0 ? *out : root, .place = place, .first = (int)plan->n_steps, .last = (int)plan->n_steps};
    return DF_OK;
}

static df_status add_ref(lower *l, int slot)
{
    df_plan *plan = l->plan;
    void *refs = plan->refs;
    if (!grow(&l->p->arena, &refs, plan->n_refs, &plan->cap_refs, sizeof *plan->refs))
        return no_memory(l, plan->cap_refs * sizeof *plan->refs);
    plan->refs = refs;
    plan->refs[plan->n_refs++] = slot;
    return DF_OK;
}

static df_status add_step(lower *l, const df_op *op, const df_node *node, const int *in, size_t n_in, const int *out, size_t n_out, bool nhwc)
{
    df_status st = DF_OK;
    df_plan *plan = l->plan;
    void *steps = plan->steps;
    if (!grow(&l->p->arena, &steps, plan->n_steps, &plan->cap_steps, sizeof *plan->steps))
        DF_TRY(no_memory(l, plan->cap_steps * sizeof *plan->steps));
    plan->steps = steps;
    plan->steps[plan->n_steps] = (df_plan_step){
        .op = op, .node = node, .in = plan->n_refs, .n_in = n_in, .out = plan->n_refs + n_in, .n_out = n_out, .nhwc = nhwc, .value = -1};
    for (size_t i = 0; i < n_in + n_out; i++) {
        int slot = i < n_in ? in[i] : out[i - n_in];
        DF_TRY(add_ref(l, slot));
        if (slot >= 0)
            plan->slots[plan->slots[slot].root].last = (int)plan->n_steps;
    }
    plan->n_steps++;
done:
    return st;
}

/* ---- layouts ---- */

static df_tensor channels_last(const df_tensor *t)
{
    df_tensor y = *t;
    y.dims[1] = t->dims[2], y.dims[2] = t->dims[3], y.dims[3] = t->dims[1];
    return y;
}

static df_tensor channels_first(const df_tensor *t)
{
    df_tensor y = *t;
    y.dims[1] = t->dims[3], y.dims[2] = t->dims[1], y.dims[3] = t->dims[2];
    return y;
}

/* One channel or one pixel: both layouts are the same bytes. */
static bool same_bytes(const df_tensor *nhwc) { return nhwc->dims[3] == 1 || nhwc->dims[1] * nhwc->dims[2] == 1; }

/* The same numbers in the other layout: another name, a constant made now, or a step. */
static df_status convert(lower *l, int from, bool to_nhwc, int *out)
{
    df_status st = DF_OK;
    const df_slot s = l->plan->slots[from];
    df_tensor t = to_nhwc ? channels_last(&s.t) : channels_first(&s.t);
    const df_op *op = to_nhwc ? &df__op_to_nhwc : &df__op_to_nchw;
    if (same_bytes(to_nhwc ? &t : &s.t) || df__tensor_count(&t) == 0) {
        DF_TRY(add_slot(l, &t, s.root, DF_PLACE_WORK, out));
        l->plan->slots[*out].offset = s.offset;
        return DF_OK;
    }
    if (l->plan->slots[s.root].place == DF_PLACE_CONST) {
        df_tensor in = s.t;
        t.data = df__arena_alloc(&l->p->arena, df__tensor_bytes(&t));
        void *aligned = (uintptr_t)in.data % df__dtype_size(t.type) ? df__arena_alloc(&l->p->arena, df__tensor_bytes(&t)) : in.data;
        if (!t.data || !aligned)
            DF_TRY(no_memory(l, df__tensor_bytes(&t)));
        if (aligned != in.data)
            memcpy(aligned, in.data, df__tensor_bytes(&t));
        in.data = aligned;
        op->run(&(df_call){.node = &layout_node, .in = &in, .n_in = 1, .out = &t, .n_out = 1});
        return add_slot(l, &t, -1, DF_PLACE_CONST, out);
    }
    DF_TRY(add_slot(l, &t, -1, DF_PLACE_WORK, out));
    DF_TRY(add_step(l, op, &layout_node, &from, 1, out, 1, false));
done:
    return st;
}

static df_status home(lower *l, int value, homes **out)
{
    value = df__value_root(l->p, value);
    *out = &l->of[value];
    const df_value *v = &l->p->values[value];
    if ((*out)->plain >= 0 || (*out)->nhwc >= 0)
        return DF_OK;
    if (!v->known)
        return df__fail(l->err, DF_E_INTERNAL, "%s: \"%s\" is read before it is made", l->p->label, v->name);
    return add_slot(l, &v->t, -1, DF_PLACE_CONST, &(*out)->plain);
}

static df_status plain_of(lower *l, int value, int *slot)
{
    homes *h;
    df_status st = home(l, value, &h);
    if (st == DF_OK && h->plain < 0)
        st = convert(l, h->nhwc, false, &h->plain);
    *slot = h->plain;
    return st;
}

static df_status nhwc_of(lower *l, int value, int *slot)
{
    homes *h;
    df_status st = home(l, value, &h);
    if (st == DF_OK && h->nhwc < 0)
        st = convert(l, h->plain, true, &h->nhwc);
    *slot = h->nhwc;
    return st;
}

/* A tensor of fewer than four dimensions that spreads over one of four, in channels last. */
static df_status spread_nhwc(lower *l, int value, int *slot)
{
    int plain = -1, wide = -1;
    df_status st = plain_of(l, value, &plain);
    if (st != DF_OK)
        return st;
    df_tensor t = l->plan->slots[plain].t;
    if (df__tensor_count(&t) == 1) {
        *slot = plain;
        return DF_OK;
    }
    for (int shift = 4 - t.rank, i = 3; i >= 0; i--)
        t.dims[i] = i < shift ? 1 : t.dims[i - shift];
    t.rank = 4;
    df_slot s = l->plan->slots[plain];
    st = add_slot(l, &t, s.root, DF_PLACE_WORK, &wide);
    if (st != DF_OK)
        return st;
    l->plan->slots[wide].offset = s.offset;
    return convert(l, wide, true, slot);
}

/* ---- steps ---- */

static const df_tensor *shape_of(const lower *l, int value) { return &l->p->values[df__value_root(l->p, value)].t; }

/* Lies in channels last and in nothing else: worth following. */
static bool only_nhwc(const lower *l, int value)
{
    if (value < 0)
        return false;
    const homes *h = &l->of[df__value_root(l->p, value)];
    return h->plain < 0 && h->nhwc >= 0;
}

static bool of_rank_4(const lower *l, int value) { return value >= 0 && shape_of(l, value)->rank == 4 && shape_of(l, value)->type == DF_F32; }

static bool wants_nhwc(const lower *l, const df_step *s)
{
    if (s->n_in == 0 || s->n_out == 0)
        return false;
    bool any = false;
    for (size_t i = 0; i < s->n_in; i++)
        any = any || only_nhwc(l, s->in[i]);
    for (size_t i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0 && shape_of(l, s->out[i])->rank != 4)
            return false;
    if (s->op->flags & DF_OP_CHANNELS_LAST)
        return of_rank_4(l, s->in[0]) && (s->n_out < 2 || s->out[1] < 0);
    if (s->op->flags & DF_OP_ELEMENTWISE) {
        for (size_t i = 0; i < s->n_in; i++)
            if (s->in[i] >= 0 && shape_of(l, s->in[i])->rank > 4)
                return false;
        return any;
    }
    /* Before opset 13 Softmax took all axes behind one together, in the order of the file. */
    if ((s->op->flags & DF_OP_AXIS) && any)
        return l->p->opset >= 13 || !strstr(s->node->op, "max") || strncmp(s->node->op, "Reduce", 6) == 0;
    return false;
}

static df_status inputs_of(lower *l, const df_step *s, bool nhwc, int *in)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < s->n_in; i++) {
        in[i] = -1;
        if (s->in[i] < 0)
            continue;
        bool rank_4 = shape_of(l, s->in[i])->rank == 4;
        bool follows = nhwc && rank_4;
        if (s->op->flags & DF_OP_CHANNELS_LAST) { /* weights stay; what posts add has the output's layout */
            follows = nhwc && i == 0;
            for (int k = 0; nhwc && s->fused && k < s->fused->n_post; k++)
                follows = follows || (s->fused->post[k].kind == DF_POST_ADD && s->fused->post[k].input == i);
        }
        if (follows)
            DF_TRY(nhwc_of(l, s->in[i], &in[i]));
        else if (nhwc && !rank_4 && (s->op->flags & DF_OP_ELEMENTWISE))
            DF_TRY(spread_nhwc(l, s->in[i], &in[i]));
        else
            DF_TRY(plain_of(l, s->in[i], &in[i]));
    }
done:
    return st;
}

static bool perm_is(const df_step *s, const int64_t *perm)
{
    const df_attr *a = df__node_attr(s->node, "perm");
    return a && a->kind == DF_ATTR_INTS && a->n == 4 && memcmp(a->v.ints, perm, 4 * sizeof *perm) == 0;
}

/* Split and Slice that cut runs of the numbers: other names for them. */
static df_status cut_only(lower *l, const df_step *s, bool *done)
{
    size_t offset;
    int from = -1;
    df_status st = DF_OK;
    bool cuts = s->op == df__op_find("", "Split") || (s->op == df__op_find("", "Slice") && l->p->opset >= 10);
    if (!cuts || s->n_in < 1 || s->in[0] < 0 || only_nhwc(l, s->in[0]))
        return DF_OK;
    for (size_t i = 0; i < s->n_out; i++)
        if (s->out[i] < 0 || !df__leading_part(l->p, s, i, &offset))
            return DF_OK;
    DF_TRY(plain_of(l, s->in[0], &from));
    for (size_t i = 0; i < s->n_out; i++) {
        df__leading_part(l->p, s, i, &offset);
        df_tensor t = *shape_of(l, s->out[i]);
        t.data = NULL;
        const df_slot whole = l->plan->slots[from];
        DF_TRY(add_slot(l, &t, whole.root, DF_PLACE_WORK, &l->of[s->out[i]].plain));
        l->plan->slots[l->of[s->out[i]].plain].offset = whole.offset + offset;
    }
    *done = true;
done:
    return st;
}

/* Another name for bytes that are there: views, and transposes between the two layouts. */
static df_status rename_only(lower *l, const df_step *s, bool *done)
{
    static const int64_t last[4] = {0, 2, 3, 1}, first[4] = {0, 3, 1, 2};
    bool transpose = s->op == df__op_find("", "Transpose");
    int from = -1;
    df_status st = DF_OK;
    *done = false;
    if (s->n_in < 1 || s->in[0] < 0 || s->n_out < 1 || s->out[0] < 0)
        return DF_OK;
    homes *to = &l->of[s->out[0]];
    if (transpose && perm_is(s, last) && only_nhwc(l, s->in[0])) {
        from = l->of[df__value_root(l->p, s->in[0])].nhwc;
    } else if (transpose && perm_is(s, first) && of_rank_4(l, s->in[0])) {
        DF_TRY(plain_of(l, s->in[0], &from));
    } else if (s->op->flags & DF_OP_VIEW) {
        DF_TRY(plain_of(l, s->in[0], &from));
    } else {
        return DF_OK;
    }
    df_slot slot = l->plan->slots[from];
    df_tensor t = *shape_of(l, s->out[0]);
    bool nhwc = transpose && perm_is(s, first);
    if (nhwc)
        t = channels_last(&t);
    t.data = NULL;
    DF_TRY(add_slot(l, &t, slot.root, DF_PLACE_WORK, nhwc ? &to->nhwc : &to->plain));
    l->plan->slots[nhwc ? to->nhwc : to->plain].offset = slot.offset;
    *done = true;
done:
    return st;
}

/* An output that may take over the bytes of an input nobody reads later is not decided here but in plan_memory.c. */
static df_status lower_step(lower *l, const df_step *s)
{
    bool done = false, positive = df__step_not_negative(l->p, s, l->not_negative);
    for (size_t i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            l->not_negative[s->out[i]] = positive;
    df_status st = rename_only(l, s, &done);
    if (st == DF_OK && !done)
        st = cut_only(l, s, &done);
    if (st != DF_OK || done)
        return st;
    bool nhwc = wants_nhwc(l, s);
    df_arena scratch = {0};
    int *in = df__arena_alloc(&scratch, (s->n_in + s->n_out) * sizeof *in), *out = in ? in + s->n_in : NULL;
    if (!in)
        DF_TRY(no_memory(l, (s->n_in + s->n_out) * sizeof *in));
    DF_TRY(inputs_of(l, s, nhwc, in));
    for (size_t i = 0; i < s->n_out; i++) {
        out[i] = -1;
        if (s->out[i] < 0)
            continue;
        df_tensor t = *shape_of(l, s->out[i]);
        t.data = NULL;
        homes *h = &l->of[s->out[i]];
        if (nhwc)
            t = channels_last(&t);
        DF_TRY(add_slot(l, &t, -1, DF_PLACE_WORK, nhwc ? &h->nhwc : &h->plain));
        out[i] = nhwc ? h->nhwc : h->plain;
    }
    DF_TRY(add_step(l, s->op, s->node, in, s->n_in, out, s->n_out, nhwc));
    df_plan_step *made = &l->plan->steps[l->plan->n_steps - 1];
    made->fused = s->fused;
    made->value = s->n_out > 0 ? s->out[0] : -1;
    made->not_negative = s->n_in > 0 && s->in[0] >= 0 && l->not_negative[df__value_root(l->p, s->in[0])];
    int weights = s->n_in > 1 && s->in[1] >= 0 ? df__value_root(l->p, s->in[1]) : -1;
    made->weights_id = weights >= 0 && l->p->values[weights].shared ? weights : -1;
done:
    df__arena_free(&scratch);
    return st;
}

static df_status finish_outputs(lower *l)
{
    df_status st = DF_OK;
    df_plan *plan = l->plan;
    size_t n = l->p->main.n_outputs;
    plan->outputs = df__arena_calloc(&l->p->arena, n, sizeof *plan->outputs);
    plan->copied = df__arena_calloc(&l->p->arena, n, sizeof *plan->copied);
    if (!plan->outputs || !plan->copied)
        DF_TRY(no_memory(l, n * sizeof *plan->outputs));
    for (size_t i = 0; i < n; i++)
        DF_TRY(plain_of(l, l->p->main.outputs[i], &plan->outputs[i]));
    for (size_t i = 0; i < n; i++) {
        df_slot *s = &plan->slots[plan->outputs[i]], *root = &plan->slots[s->root];
        root->last = (int)plan->n_steps;
        plan->copied[i] = root->place != DF_PLACE_WORK || s->offset != 0 || df__tensor_bytes(&s->t) != df__tensor_bytes(&root->t);
        if (!plan->copied[i]) {
            root->place = DF_PLACE_OUTPUT;
            root->at = i;
        }
    }
done:
    return st;
}

df_status df__plan_new(df_program *program, const df_plan_opts *opts, df_packer *packer, df_plan **out, df_error *err)
{
    df_status st = DF_OK;
    bool locked = false;
    size_t steps;
    *out = NULL;
    df_plan *plan = calloc(1, sizeof *plan);
    lower l = {.plan = plan, .err = err};
    if (!plan) {
        st = df__no_memory(err, program->label, sizeof *plan);
        df__program_free(program);
        return st;
    }
    plan->program = *program;
    *program = (df_program){0};
    l.p = &plan->program;
    plan->threads = opts->threads;
    plan->precision = opts->precision;
    plan->advantage = opts->advantage;
    plan->tiles = opts->tiles;
    plan->whole = opts->whole && opts->precision != DF_PRECISION_STRICT;
    plan->exact_pixels = opts->exact_pixels;
    plan->stacks = opts->stacks;
    plan->halves = opts->halves && opts->precision != DF_PRECISION_STRICT && df__dnn_has(DF_NUM_BF16);
    if (pthread_mutex_init(&plan->lock, NULL) != 0)
        DF_TRY(no_memory(&l, sizeof plan->lock));
    locked = true;
    l.of = df__arena_alloc(&l.p->arena, l.p->n_values * sizeof *l.of);
    l.not_negative = df__arena_calloc(&l.p->arena, l.p->n_values, sizeof *l.not_negative);
    if (!l.of || !l.not_negative)
        DF_TRY(no_memory(&l, l.p->n_values * sizeof *l.of));
    for (size_t i = 0; i < l.p->n_values; i++)
        l.of[i] = (homes){-1, -1};
    for (size_t i = 0; i < l.p->n_inputs; i++) {
        int v = l.p->inputs[i];
        DF_TRY(add_slot(&l, &l.p->values[v].t, -1, DF_PLACE_INPUT, &l.of[v].plain));
        plan->slots[l.of[v].plain].at = i;
    }
    for (size_t i = 0; i < l.p->main.n_steps; i++)
        DF_TRY(lower_step(&l, &l.p->main.steps[i]));
    DF_TRY(finish_outputs(&l));
    df__plan_spare(plan, &opts->spared);
    if (plan->halves)
        DF_TRY(df__plan_halves(plan, err));
    steps = plan->n_steps;
    DF_TRY(df__plan_stacks(plan, err));
    if (opts->stacks == DF_STACKS_MOSTLY && plan->n_stacked * 3 <= steps) {
        df__plan_free(plan);
        return DF_OK;
    }
    DF_TRY(df__plan_fits(plan, err));
    DF_TRY(df__plan_compile(plan, packer, err));
    DF_TRY(df__plan_memory(plan, err));
    plan->kernel_bytes = (plan->kernel_bytes + 63) & ~(size_t)63;
    *out = plan;
done:
    if (st != DF_OK) {
        if (!locked)
            plan->threads = 0;
        df__plan_free(plan);
    }
    return st;
}
