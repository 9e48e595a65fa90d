/* plan_memory.c - bytes for every tensor of a plan: two whose lives do not touch may lie in the same place. */
#include <string.h>

#include "nn/plan.h"

enum { LINE = 64 };

/* A stretch that is free while the steps pass by, ordered by place. */
typedef struct gap { size_t at, size; } gap;

typedef struct heap {
    gap   *gaps;
    size_t n, end; /* the end of everything so far */
} heap;

static size_t bytes_of(const df_slot *s) { return (df__tensor_bytes(&s->t) + LINE - 1) & ~(size_t)(LINE - 1); }

/* The smallest gap that holds it, else the end. */
static size_t take(heap *h, size_t size)
{
    size_t best = h->n;
    for (size_t i = 0; i < h->n; i++)
        if (h->gaps[i].size >= size && (best == h->n || h->gaps[i].size < h->gaps[best].size))
            best = i;
    if (best == h->n) {
        if (h->n > 0 && h->gaps[h->n - 1].at + h->gaps[h->n - 1].size == h->end) { /* the last gap grows */
            size_t at = h->gaps[--h->n].at;
            h->end = at + size;
            return at;
        }
        size_t at = h->end;
        h->end += size;
        return at;
    }
    size_t at = h->gaps[best].at;
    h->gaps[best].at += size;
    h->gaps[best].size -= size;
    if (h->gaps[best].size == 0)
        memmove(&h->gaps[best], &h->gaps[best + 1], (--h->n - best) * sizeof *h->gaps);
    return at;
}

static void give_back(heap *h, size_t at, size_t size)
{
    size_t i = 0;
    while (i < h->n && h->gaps[i].at < at)
        i++;
    bool joins_left = i > 0 && h->gaps[i - 1].at + h->gaps[i - 1].size == at, joins_right = i < h->n && at + size == h->gaps[i].at;
    if (joins_left && joins_right) {
        h->gaps[i - 1].size += size + h->gaps[i].size;
        memmove(&h->gaps[i], &h->gaps[i + 1], (--h->n - i) * sizeof *h->gaps);
    } else if (joins_left) {
        h->gaps[i - 1].size += size;
    } else if (joins_right) {
        h->gaps[i].at = at;
        h->gaps[i].size += size;
    } else {
        memmove(&h->gaps[i + 1], &h->gaps[i], (h->n++ - i) * sizeof *h->gaps);
        h->gaps[i] = (gap){at, size};
    }
}

static int root_of(const df_plan *plan, int slot)
{
    while (plan->slots[slot].root != slot)
        slot = plan->slots[slot].root;
    return slot;
}

static bool is_added(const df_plan_step *s, size_t input)
{
    for (int p = 0; s->fused && p < s->fused->n_post; p++)
        if (s->fused->post[p].kind == DF_POST_ADD && s->fused->post[p].input == input)
            return true;
    return false;
}

/* An elementwise step may write where it reads: the output joins an input that ends there and has its size. So may some kernels where they add. */
static void share_in_place(df_plan *plan, size_t step)
{
    const df_plan_step *s = &plan->steps[step];
    int out = s->n_out ? plan->refs[s->out] : -1;
    bool adds = s->kernel && s->kernel->adds_in_place;
    if ((!(s->op->flags & DF_OP_INPLACE) && !adds) || s->n_out != 1 || out < 0)
        return;
    df_slot *y = &plan->slots[out];
    if (y->root != out || y->place != DF_PLACE_WORK)
        return;
    for (size_t i = 0; i < s->n_in; i++) {
        int in = plan->refs[s->in + i];
        if (in < 0 || (adds && !is_added(s, i)))
            continue;
        int root = root_of(plan, in);
        df_slot *x = &plan->slots[root];
        size_t bytes = df__tensor_bytes(&y->t);
        if (x->place != DF_PLACE_WORK || x->last != (int)step || plan->slots[in].offset != 0 || df__tensor_bytes(&x->t) != bytes ||
            df__tensor_bytes(&plan->slots[in].t) != bytes || plan->slots[in].t.type != y->t.type) /* as many bytes of other numbers would be read after they are written over */
            continue;
        bool twice = false; /* read through another ref too, spread or shifted */
        for (size_t k = 0; k < s->n_in; k++)
            twice = twice || (k != i && plan->refs[s->in + k] >= 0 && root_of(plan, plan->refs[s->in + k]) == root);
        if (twice)
            continue;
        x->last = y->last;
        y->root = root;
        return;
    }
}

/* A Concat along the outermost dimension that is not 1 lays its inputs one behind the other: each is made there in the first place. */
static void share_concat(df_plan *plan, size_t step)
{
    const df_plan_step *s = &plan->steps[step];
    int64_t axis = df__node_int(s->node, "axis", 0);
    if (s->op != df__op_find("", "Concat") || s->n_out != 1 || plan->refs[s->out] < 0 || (s->nhwc && axis != 0))
        return;
    df_slot *y = &plan->slots[plan->refs[s->out]];
    axis += axis < 0 ? y->t.rank : 0;
    if (y->root != plan->refs[s->out] || (y->place != DF_PLACE_WORK && y->place != DF_PLACE_OUTPUT) || axis < 0 || axis >= y->t.rank)
        return;
    for (int i = 0; i < axis; i++)
        if (y->t.dims[i] != 1)
            return;
    size_t offset = 0;
    for (size_t i = 0; i < s->n_in; i++) {
        int in = plan->refs[s->in + i];
        if (in < 0)
            return;
        size_t bytes = df__tensor_bytes(&plan->slots[in].t);
        int root = root_of(plan, in);
        df_slot *x = &plan->slots[root];
        bool whole = plan->slots[in].offset == 0 && df__tensor_bytes(&x->t) == bytes;
        for (int at = in; at != root; at = plan->slots[at].root)
            whole = whole && plan->slots[at].offset == 0;
        if (x->place == DF_PLACE_WORK && whole && bytes > 0 && root != y->root) {
            x->root = y->root;
            x->offset = offset;
            y->first = x->first < y->first ? x->first : y->first;
            y->last = x->last > y->last ? x->last : y->last;
        }
        offset += bytes;
    }
}

/* Every slot knows its owner and its distance from it. */
static void flatten(df_plan *plan)
{
    for (size_t i = 0; i < plan->n_slots; i++) {
        df_slot *s = &plan->slots[i];
        while (plan->slots[s->root].root != s->root) {
            s->offset += plan->slots[s->root].offset;
            s->root = plan->slots[s->root].root;
        }
    }
}

static df_status too_large(const df_plan *plan, df_error *err)
{
    return df__fail(err, DF_E_LIMIT, "%s: the tensors of a run need more than %zu bytes", plan->program.label, plan->program.limits.bytes);
}

df_status df__plan_fits(const df_plan *plan, df_error *err)
{
    for (size_t i = 0; i < plan->n_slots; i++)
        if (plan->slots[i].place == DF_PLACE_WORK && df__tensor_bytes(&plan->slots[i].t) > plan->program.limits.bytes)
            return too_large(plan, err);
    return DF_OK;
}

df_status df__plan_memory(df_plan *plan, df_error *err)
{
    heap h = {0};
    df_status st = DF_OK;
    size_t limit = plan->program.limits.bytes;
    h.gaps = df__arena_alloc(&plan->program.arena, (plan->n_slots + 1) * sizeof *h.gaps);
    /* Roots by the step that makes them and by the step that reads them last, as lists through `next`. */
    int *begins = df__arena_alloc(&plan->program.arena, (plan->n_steps + 1) * sizeof *begins), *begins_next, *ends, *ends_next;
    ends = df__arena_alloc(&plan->program.arena, (plan->n_steps + 1) * sizeof *ends);
    begins_next = df__arena_alloc(&plan->program.arena, (plan->n_slots + 1) * sizeof *begins_next);
    ends_next = df__arena_alloc(&plan->program.arena, (plan->n_slots + 1) * sizeof *ends_next);
    if (!h.gaps || !begins || !ends || !begins_next || !ends_next)
        DF_TRY(df__no_memory(err, plan->program.label, plan->n_slots * sizeof *h.gaps));
    for (size_t i = 0; i < plan->n_steps; i++) /* first: a part that is read later keeps the whole from being written over */
        share_concat(plan, i);
    for (size_t i = 0; i < plan->n_steps; i++)
        share_in_place(plan, i);
    flatten(plan);
    for (size_t i = 0; i <= plan->n_steps; i++)
        begins[i] = ends[i] = -1;
    for (size_t i = 0; i < plan->n_slots; i++) {
        df_slot *s = &plan->slots[i];
        if (s->root != (int)i || s->place != DF_PLACE_WORK)
            continue;
        begins_next[i] = begins[s->first];
        begins[s->first] = (int)i;
        ends_next[i] = ends[s->last];
        ends[s->last] = (int)i;
    }
    for (size_t step = 0; step <= plan->n_steps; step++) {
        for (int i = begins[step]; i >= 0; i = begins_next[i])
            plan->slots[i].at = take(&h, bytes_of(&plan->slots[i]));
        for (int i = ends[step]; i >= 0; i = ends_next[i])
            if (bytes_of(&plan->slots[i]) > 0)
                give_back(&h, plan->slots[i].at, bytes_of(&plan->slots[i]));
        if (h.end > limit)
            DF_TRY(too_large(plan, err));
    }
    plan->bytes = h.end;
done:
    return st;
}
