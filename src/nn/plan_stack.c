/* plan_stack.c - which steps of a plan become one, whose kernel computes their rows together (kernel_stack.h): a step and those that make what it
 * alone reads, and so on. Tensors of float32 only. Where there are products of bfloat16, layers one by one are often faster: net_close.c and net_way.c try both. */
#include <string.h>

#include "nn/kernel_stack.h"
#include "nn/plan.h"

typedef struct finding {
    df_plan  *plan;
    int      *readers; /* of a root */
    int      *maker;   /* of a slot: its step, or -1 */
    bool     *able, *margin; /* of a step: it can be a layer; it can be one behind another layer alone */
    int      *stack;   /* of a step: the one that it became part of, or -1 */
    df_error *err;
} finding;

static int root_of(const df_plan *plan, int slot)
{
    while (plan->slots[slot].root != slot)
        slot = plan->slots[slot].root;
    return slot;
}

/* The step that makes what this one alone reads as input i, if it can be a layer; else -1. */
static int layer_behind(const finding *f, const df_plan_step *s, size_t i)
{
    int slot = i < s->n_in ? f->plan->refs[s->in + i] : -1;
    if (slot < 0 || f->maker[slot] < 0 || f->readers[slot] != 1 || f->plan->slots[slot].root != slot || f->plan->slots[slot].place != DF_PLACE_WORK)
        return -1;
    return f->able[f->maker[slot]] ? f->maker[slot] : -1;
}

static df_status look(finding *f)
{
    df_status st = DF_OK;
    df_plan *plan = f->plan;
    df_arena scratch = {0};
    for (size_t i = 0; i < plan->n_slots; i++)
        f->maker[i] = -1;
    for (size_t i = 0; i < plan->program.main.n_outputs; i++)
        f->readers[root_of(plan, plan->outputs[i])]++;
    for (size_t i = 0; i < plan->n_steps; i++) {
        const df_plan_step *s = &plan->steps[i];
        f->stack[i] = -1;
        for (size_t k = 0; k < s->n_in + s->n_out; k++) {
            int slot = plan->refs[s->in + k];
            if (slot >= 0 && k < s->n_in)
                f->readers[root_of(plan, slot)]++;
            else if (slot >= 0)
                f->maker[slot] = (int)i;
        }
    }
    for (size_t i = 0; i < plan->n_steps; i++) { /* those that make what a step reads stand before it */
        const df_plan_step *s = &plan->steps[i];
        df_call call;
        DF_TRY(df__step_call(plan, s, &scratch, &call, f->err));
        f->able[i] = s->n_out == 1 && plan->refs[s->out] >= 0 && df__stack_takes(&call, s->op, s->fused, &f->margin[i]) &&
                     (!f->margin[i] || layer_behind(f, s, 0) >= 0);
        df__arena_reset(&scratch);
    }
done:
    df__arena_free(&scratch);
    return st;
}

/* ---- one stack ---- */

typedef struct stack {
    int            steps[DF_STACK_MOST], n; /* a layer before those that make what it reads */
    df_plan_member members[DF_STACK_MOST];  /* likewise */
    int            in[DF_STACK_MOST * (1 + DF_MAX_POSTS)], n_in; /* slots */
} stack;

static int input_of(stack *s, int slot)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i] == slot)
            return ~i;
    s->in[s->n_in] = slot;
    return ~s->n_in++;
}

static void add(finding *f, stack *s, int step);

/* Where input i of a step comes from: a layer that joins, or from without. */
static int source_of(finding *f, stack *s, const df_plan_step *step, size_t i)
{
    int behind = layer_behind(f, step, i), at = s->n;
    if (behind < 0 || s->n + 1 + f->margin[behind] > DF_STACK_MOST)
        return input_of(s, f->plan->refs[step->in + i]);
    add(f, s, behind);
    return at;
}

static void add(finding *f, stack *s, int step)
{
    int at = s->n++;
    s->steps[at] = step;
    s->members[at] = (df_plan_member){.step = f->plan->steps[step]};
    const df_fused *fused = s->members[at].step.fused;
    s->members[at].from = source_of(f, s, &s->members[at].step, 0);
    for (int p = 0; fused && p < fused->n_post; p++)
        if (fused->post[p].kind == DF_POST_ADD)
            s->members[at].add[p] = source_of(f, s, &s->members[at].step, fused->post[p].input);
}

static int turned(const stack *s, int from) { return from < 0 ? from : s->n - 1 - from; }

/* The step of the first layer found becomes the whole. */
static df_status make(finding *f, const stack *s)
{
    df_plan *plan = f->plan;
    df_plan_member *members = df__arena_alloc(&plan->program.arena, (size_t)s->n * sizeof *members);
    if (!members)
        return df__no_memory(f->err, plan->program.label, (size_t)s->n * sizeof *members);
    for (int i = 0; i < s->n; i++) {
        df_plan_member *m = &members[s->n - 1 - i];
        *m = s->members[i];
        m->from = turned(s, m->from);
        for (int p = 0; p < DF_MAX_POSTS; p++)
            m->add[p] = turned(s, m->add[p]);
        f->stack[s->steps[i]] = s->steps[0];
        if (i > 0)
            plan->slots[plan->refs[m->step.out]].place = DF_PLACE_NONE;
    }
    df_plan_step *whole = &plan->steps[s->steps[0]];
    int out = plan->refs[whole->out];
    plan->n_stacked += (size_t)s->n;
    whole->members = members;
    whole->n_members = s->n;
    whole->fused = NULL;
    whole->in = plan->n_refs;
    whole->n_in = (size_t)s->n_in;
    whole->out = plan->n_refs + whole->n_in;
    for (int i = 0; i < s->n_in; i++)
        plan->refs[plan->n_refs++] = s->in[i];
    plan->refs[plan->n_refs++] = out;
    return DF_OK;
}

static df_status find(finding *f)
{
    df_status st = DF_OK;
    stack *s = df__arena_alloc(&f->plan->program.arena, sizeof *s);
    if (!s)
        return df__no_memory(f->err, f->plan->program.label, sizeof *s);
    for (size_t i = f->plan->n_steps; i-- > 0;) {
        if (!f->able[i] || f->stack[i] >= 0)
            continue;
        s->n = s->n_in = 0;
        add(f, s, (int)i);
        if (s->n > 1)
            DF_TRY(make(f, s));
    }
done:
    return st;
}

/* Steps that have become part of others go; slots count the steps anew. */
static df_status close_up(finding *f)
{
    df_plan *plan = f->plan;
    int *now = df__arena_alloc(&plan->program.arena, (plan->n_steps + 1) * sizeof *now);
    size_t n = 0;
    if (!now)
        return df__no_memory(f->err, plan->program.label, (plan->n_steps + 1) * sizeof *now);
    for (size_t i = 0; i < plan->n_steps; i++)
        if (f->stack[i] < 0 || f->stack[i] == (int)i) {
            now[i] = (int)n;
            plan->steps[n++] = plan->steps[i];
        }
    for (size_t i = 0; i < plan->n_steps; i++)
        if (f->stack[i] >= 0)
            now[i] = now[f->stack[i]];
    now[plan->n_steps] = (int)n;
    plan->n_steps = n;
    for (size_t i = 0; i < plan->n_slots; i++) {
        plan->slots[i].first = now[plan->slots[i].first];
        plan->slots[i].last = now[plan->slots[i].last];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < plan->steps[i].n_in; k++) {
            int slot = plan->refs[plan->steps[i].in + k];
            df_slot *root = slot >= 0 ? &plan->slots[root_of(plan, slot)] : NULL;
            if (root && root->last < (int)i)
                root->last = (int)i;
        }
    return DF_OK;
}

df_status df__plan_stacks(df_plan *plan, df_error *err)
{
    df_status st = DF_OK;
    df_arena *arena = &plan->program.arena;
    finding f = {.plan = plan, .err = err};
    size_t more = 2 * plan->n_refs + plan->n_steps + 1;
    if (plan->stacks == DF_STACKS_NONE)
        return DF_OK;
    if (plan->stacks == DF_STACKS_OF_F32 && plan->precision != DF_PRECISION_STRICT && plan->advantage < DF_ADVANTAGE_MOST && df__dnn_has(DF_NUM_BF16))
        return DF_OK;
    int *refs = df__arena_alloc(arena, more * sizeof *refs);
    f.readers = df__arena_calloc(arena, plan->n_slots + 1, sizeof *f.readers);
    f.maker = df__arena_alloc(arena, (plan->n_slots + 1) * sizeof *f.maker);
    f.able = df__arena_calloc(arena, plan->n_steps + 1, sizeof *f.able);
    f.margin = df__arena_calloc(arena, plan->n_steps + 1, sizeof *f.margin);
    f.stack = df__arena_alloc(arena, (plan->n_steps + 1) * sizeof *f.stack);
    if (!refs || !f.readers || !f.maker || !f.able || !f.margin || !f.stack)
        return df__no_memory(err, plan->program.label, more * sizeof *refs);
    if (plan->n_refs)
        memcpy(refs, plan->refs, plan->n_refs * sizeof *refs);
    plan->refs = refs;
    plan->cap_refs = more;
    DF_TRY(look(&f));
    DF_TRY(find(&f));
    DF_TRY(close_up(&f));
done:
    return st;
}
