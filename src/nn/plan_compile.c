/* plan_compile.c - a kernel for every step of a lowered plan that has one for its shapes. */
#include <string.h>

#include "core/threads.h"
#include "nn/kernel.h"
#include "nn/kernel_stack.h"
#include "nn/plan.h"

enum { MAX_CREW = 8 /* threads that make kernels together */, FEW = 4 };

typedef struct making {
    df_plan   *plan;
    df_packer *packer;
    df_error  *err;
} making;

static df_tensor tensor_of(const df_plan *plan, int slot)
{
    if (slot < 0)
        return (df_tensor){.rank = -1};
    const df_slot *s = &plan->slots[slot], *root = &plan->slots[s->root];
    df_tensor t = s->t;
    t.data = root->place == DF_PLACE_CONST && root->t.data ? (char *)root->t.data + s->offset : NULL;
    return t;
}

/* Kernels of plain C read constants where they lie: aligned. */
static df_status align_constant(making *l, int slot)
{
    if (slot < 0)
        return DF_OK;
    df_slot *root = &l->plan->slots[l->plan->slots[slot].root];
    size_t size = df__dtype_size(root->t.type);
    if (root->place != DF_PLACE_CONST || (uintptr_t)root->t.data % size == 0)
        return DF_OK;
    size_t bytes = df__tensor_bytes(&root->t);
    void *to = df__arena_alloc(&l->plan->program.arena, bytes);
    if (!to)
        return df__no_memory(l->err, l->plan->program.label, bytes);
    memcpy(to, root->t.data, bytes);
    root->t.data = to;
    return DF_OK;
}

static bool sees_pixels(const df_plan_step *s, const df_tensor *in)
{
    return strcmp(s->node->op, "Conv") == 0 && s->n_in > 0 && in->rank == 4 && in->dims[s->nhwc ? 3 : 1] <= FEW;
}

df_status df__step_call(const df_plan *plan, const df_plan_step *s, df_arena *scratch, df_call *out, df_error *err)
{
    size_t n = s->n_in + s->n_out;
    df_tensor *tensors = df__arena_alloc(scratch, n * sizeof *tensors);
    if (!tensors)
        return df__no_memory(err, plan->program.label, n * sizeof *tensors);
    for (size_t i = 0; i < n; i++) {
        tensors[i] = tensor_of(plan, plan->refs[s->in + i]);
        if (i < s->n_in && tensors[i].rank < 0)
            tensors[i] = (df_tensor){0};
    }
    bool exact = s->exact || (plan->exact_pixels && sees_pixels(s, tensors)) || (s->spared && plan->precision == DF_PRECISION_FAST);
    *out = (df_call){.node = s->node, .opset = plan->program.opset, .in = tensors, .n_in = s->n_in, .out = tensors + s->n_in, .n_out = s->n_out,
                     .nhwc = s->nhwc, .weights_id = s->weights_id, .not_negative = s->not_negative,
                     .precision = s->spared && plan->precision == DF_PRECISION_INT8 ? DF_PRECISION_FAST : plan->precision,
                     .advantage = exact ? DF_ADVANTAGE_MOST : plan->advantage, .tiles = plan->tiles, .whole = plan->whole,
                     .threads = plan->threads, .scratch = scratch, .limits = &plan->program.limits, .err = err};
    return DF_OK;
}

static df_status compile_stack(const making *l, df_plan_step *s, const df_call *call, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_stack_layer layers[DF_STACK_MOST];
    for (int i = 0; i < s->n_members; i++) {
        const df_plan_member *m = &s->members[i];
        layers[i] = (df_stack_layer){.op = m->step.op, .fused = m->step.fused, .from = m->from};
        memcpy(layers[i].add, m->add, sizeof m->add);
        DF_TRY(df__step_call(l->plan, &m->step, scratch, &layers[i].call, err));
    }
    DF_TRY(df__stack_compile(call, layers, s->n_members, l->packer, &s->kernel));
done:
    return st;
}

static df_status compile_step(const making *l, df_plan_step *s, df_error *err)
{
    df_status st = DF_OK;
    df_arena scratch = {0};
    df_call call;
    if (!s->op->compile && !s->n_members && !l->plan->halves && l->plan->threads < 2 && !df__pixels_know(s->op))
        return DF_OK;
    DF_TRY(df__step_call(l->plan, s, &scratch, &call, err));
    if (s->n_members)
        DF_TRY(compile_stack(l, s, &call, &scratch, err));
    else if (s->op->compile)
        DF_TRY(s->op->compile(&call, s->fused, l->packer, &s->kernel));
    else if (!s->fused)
        DF_TRY(df__pixels_compile(&call, s->op, &s->kernel));
    bool shared = call.threads > 1 && (s->op->flags & DF_OP_ROWS) && s->n_out == 1; /* rows that threads can share out */
    if (!s->kernel && !(s->op->flags & DF_OP_BITS) && (shared || df__any_half(&call)))
        DF_TRY(df__half_compile(&call, s->op, s->fused, l->packer, &s->kernel));
done:
    if (st != DF_OK) {
        df_step step = {.node = s->node};
        df__step_blame(&l->plan->program, &step, err);
    }
    df__arena_free(&scratch);
    return st;
}

/* What one thread of compile_all met first. */
typedef struct mishap { df_status st; size_t step; df_error err; } mishap;
typedef struct crew { const making *l; mishap met[MAX_CREW]; } crew;

static void compile_one(void *arg, size_t i, int worker)
{
    crew *c = arg;
    mishap *m = &c->met[worker];
    df_error err = {0};
    df_status st = compile_step(c->l, &c->l->plan->steps[i], &err);
    if (st != DF_OK && (m->st == DF_OK || i < m->step))
        *m = (mishap){st, i, err};
}

/* Making kernels takes longer than a first run: all threads that the run may use take part. */
df_status df__plan_compile(df_plan *plan, df_packer *packer, df_error *err)
{
    making own = {plan, packer, err}, *l = &own;
    df_status st = DF_OK;
    crew *c = df__arena_calloc(&l->plan->program.arena, 1, sizeof *c);
    if (!c)
        return df__no_memory(l->err, l->plan->program.label, sizeof *c);
    c->l = l;
    df__parallel_for(plan->n_steps, plan->threads < MAX_CREW ? plan->threads : MAX_CREW, compile_one, c);
    const mishap *first = NULL;
    for (int i = 0; i < MAX_CREW; i++)
        if (c->met[i].st != DF_OK && (!first || c->met[i].step < first->step))
            first = &c->met[i];
    if (first) {
        if (l->err)
            *l->err = first->err;
        return first->st;
    }
    for (size_t i = 0; i < plan->n_steps; i++) {
        const df_plan_step *s = &plan->steps[i];
        if (s->kernel && s->kernel->scratch_bytes > plan->kernel_bytes)
            plan->kernel_bytes = s->kernel->scratch_bytes;
        for (size_t k = 0; k < s->n_in && !s->kernel; k++)
            DF_TRY(align_constant(l, plan->refs[s->in + k]));
    }
done:
    return st;
}
