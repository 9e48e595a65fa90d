/* plan_half.c - which tensors lie in bfloat16: those that a step makes which can write it, for steps alone that can all read it. Half the bytes
 * between layers; the kernels' sums stay float32. Nothing is converted between steps: a tensor that one of its steps wants in float32 is
 * float32 for all, and the kernels on its other side take both. */
#include <string.h>

#include "nn/plan.h"

static int root_of(const df_plan *plan, int slot)
{
    while (plan->slots[slot].root != slot)
        slot = plan->slots[slot].root;
    return slot;
}

static bool tensor_may(const df_plan *plan, int slot)
{
    const df_slot *s = &plan->slots[slot];
    return s->root == slot && s->place == DF_PLACE_WORK && s->t.type == DF_F32 && s->t.rank == 4 && s->t.dims[1] * s->t.dims[2] > 1;
}

/* Resize computes new numbers in all modes but one. */
static bool only_moves(const df_node *node)
{
    const df_attr *mode = df__node_attr(node, "mode"), *where = df__node_attr(node, "coordinate_transformation_mode");
    return (!mode || (mode->kind == DF_ATTR_STRING && strcmp(mode->v.s, "nearest") == 0)) &&
           (!where || (where->kind == DF_ATTR_STRING && strncmp(where->v.s, "tf_crop", 7) != 0));
}

static bool step_may(const df_plan_step *s)
{
    return s->nhwc && ((s->op->flags & (DF_OP_HALVES | DF_OP_ROWS)) || ((s->op->flags & DF_OP_BITS) && only_moves(s->node)));
}

/* Numbers that are only moved are of one kind on both sides. True when something changed. */
static bool keep_alike(const df_plan *plan, const df_plan_step *s, bool *wide)
{
    bool any = false, changed = false;
    for (size_t i = 0; i < s->n_in + s->n_out; i++) {
        int slot = plan->refs[s->in + i];
        any = any || (slot >= 0 && wide[slot] && plan->slots[root_of(plan, slot)].t.type == DF_F32);
    }
    for (size_t i = 0; i < s->n_in + s->n_out && any; i++) {
        int slot = plan->refs[s->in + i];
        changed = changed || (slot >= 0 && !wide[slot]);
        if (slot >= 0)
            wide[slot] = true;
    }
    return changed;
}

size_t df__spared_bytes(size_t values) { return (DF_SPARE_KINDS * values + 7) / 8; }

void df__spare(uint8_t *bits, size_t bytes, int value, df_spare_kind kind)
{
    size_t bit = DF_SPARE_KINDS * (size_t)value + kind;
    if (value >= 0 && bit / 8 < bytes)
        bits[bit / 8] |= (uint8_t)(1 << bit % 8);
}

static bool is_spared(const df_spared *s, int value, df_spare_kind kind)
{
    size_t bit = DF_SPARE_KINDS * (size_t)value + kind;
    return value >= 0 && bit / 8 < s->bytes && s->bits[bit / 8] >> bit % 8 & 1;
}

void df__plan_spare(df_plan *plan, const df_spared *spared)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        plan->steps[i].spared = is_spared(spared, plan->steps[i].value, DF_SPARE_PRODUCT);
        plan->steps[i].wide = is_spared(spared, plan->steps[i].value, DF_SPARE_TENSOR);
        plan->steps[i].exact = is_spared(spared, plan->steps[i].value, DF_SPARE_KERNEL);
    }
}

df_status df__plan_halves(df_plan *plan, df_error *err)
{
    /* By slot: float32 after all. A slot that shares another one's bytes makes both so. */
    bool *wide = df__arena_calloc(&plan->program.arena, plan->n_slots + 1, sizeof *wide);
    if (!wide)
        return df__no_memory(err, plan->program.label, plan->n_slots);
    for (size_t i = 0; i < plan->n_slots; i++) {
        int root = root_of(plan, (int)i);
        if (!tensor_may(plan, (int)i))
            wide[i] = wide[root] = true;
    }
    for (size_t i = 0; i < plan->n_steps; i++) {
        const df_plan_step *s = &plan->steps[i];
        for (size_t k = 0; k < s->n_in + s->n_out; k++) {
            int slot = plan->refs[s->in + k];
            if (slot >= 0 && (!step_may(s) || (s->spared && plan->precision == DF_PRECISION_FAST) || (s->wide && k >= s->n_in)))
                wide[slot] = true;
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < plan->n_steps; i++)
            if (plan->steps[i].op->flags & DF_OP_BITS)
                changed = keep_alike(plan, &plan->steps[i], wide) || changed;
    }
    for (size_t i = 0; i < plan->n_slots; i++)
        if (!wide[i])
            plan->slots[i].t.type = DF_BF16;
    return DF_OK;
}
