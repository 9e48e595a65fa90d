/* ir.c - programs: copying, freeing, naming a step, finding dead ones. */
#include "nn/ir.h"

#include <string.h>

void df__program_free(df_program *p)
{
    df__arena_free(&p->arena);
    *p = (df_program){0};
}

int df__value_root(const df_program *p, int value)
{
    while (value >= 0 && p->values[value].same_as >= 0)
        value = p->values[value].same_as;
    return value;
}

void df__step_blame(const df_program *p, const df_step *step, df_error *err)
{
    const char *name = step->node->name;
    if (!name[0] && step->node->n_out > 0) /* nodes need no name; what they make has one */
        name = step->node->out[0];
    df__prefix(err, "%s: node \"%s\" (%s)", p->label, name, step->node->op);
}

static bool copy_list(df_arena *arena, int **list, size_t n)
{
    int *to = df__arena_alloc(arena, n * sizeof *to);
    if (to && n)
        memcpy(to, *list, n * sizeof *to);
    *list = to;
    return to != NULL;
}

bool df__block_copy(df_arena *arena, const df_block *from, df_block *out)
{
    *out = *from;
    out->steps = df__arena_calloc(arena, from->n_steps, sizeof *out->steps);
    if (!out->steps || !copy_list(arena, &out->outputs, from->n_outputs) || !copy_list(arena, &out->inputs, from->n_inputs))
        return false;
    for (size_t i = 0; i < from->n_steps; i++) {
        df_step *s = &out->steps[i];
        *s = from->steps[i];
        if (!copy_list(arena, &s->in, s->n_in) || !copy_list(arena, &s->out, s->n_out) || !copy_list(arena, &s->captured, s->n_captured))
            return false;
        for (int k = 0; k < 2 && s->branch[k]; k++) {
            const df_block *branch = s->branch[k];
            s->branch[k] = df__arena_calloc(arena, 1, sizeof *branch);
            if (!s->branch[k] || !df__block_copy(arena, branch, s->branch[k]))
                return false;
        }
        if (s->fused) {
            df_fused *fused = df__arena_alloc(arena, sizeof *fused);
            if (!fused)
                return false;
            *fused = *s->fused;
            s->fused = fused;
        }
    }
    return true;
}

df_status df__program_copy(const df_program *from, df_program *out, df_error *err)
{
    *out = *from;
    out->arena = (df_arena){0};
    out->values = df__arena_calloc(&out->arena, from->n_values, sizeof *out->values);
    if (!out->values || !copy_list(&out->arena, &out->inputs, from->n_inputs) || !df__block_copy(&out->arena, &from->main, &out->main)) {
        df__program_free(out);
        return df__no_memory(err, from->label, from->n_values * sizeof *out->values);
    }
    memcpy(out->values, from->values, from->n_values * sizeof *out->values);
    return DF_OK;
}

df_status df__pass_dead(df_program *p, df_error *err)
{
    df_arena_mark mark = df__arena_mark(&p->arena);
    bool *read = df__arena_calloc(&p->arena, p->n_values, sizeof *read);
    if (!read)
        return df__no_memory(err, p->label, p->n_values);
    for (size_t i = 0; i < p->main.n_outputs; i++)
        read[df__value_root(p, p->main.outputs[i])] = true;
    size_t alive = 0;
    for (size_t i = p->main.n_steps; i-- > 0;) {
        df_step *s = &p->main.steps[i];
        bool wanted = false;
        for (size_t k = 0; k < s->n_out; k++) {
            int v = df__value_root(p, s->out[k]);
            wanted = wanted || (v >= 0 && read[v]);
        }
        s->dead = s->dead || !wanted;
        if (s->dead)
            continue;
        for (size_t k = 0; k < s->n_in + s->n_captured; k++) {
            int v = df__value_root(p, k < s->n_in ? s->in[k] : s->captured[k - s->n_in]);
            if (v >= 0)
                read[v] = true;
        }
    }
    for (size_t i = 0; i < p->main.n_steps; i++)
        if (!p->main.steps[i].dead)
            p->main.steps[alive++] = p->main.steps[i];
    p->main.n_steps = alive;
    df__arena_release(&p->arena, mark);
    return DF_OK;
}
