/* run.c - one run of a plan in a workspace of its own. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pages.h"
#include "core/threads.h"
#include "nn/plan.h"

enum { MAX_IDLE = 64 }; /* workspaces kept for the next runs, as many as ran side by side */

static void workspace_free(df_workspace *w)
{
    if (!w)
        return;
    df__arena_free(&w->scratch);
    free(w->memory);
    free(w->tensors);
    free(w);
}

void df__plan_free(df_plan *plan)
{
    if (!plan)
        return;
    for (df_workspace *w = plan->idle, *next; w; w = next) {
        next = w->next;
        workspace_free(w);
    }
    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].kernel)
            plan->steps[i].kernel->free(plan->steps[i].kernel);
    if (plan->threads > 0)
        pthread_mutex_destroy(&plan->lock);
    df__program_free(&plan->program);
    free(plan);
}

/* Tensors of constants and of the workspace get their data once; those of inputs and outputs at each run. */
static df_workspace *workspace_new(df_plan *plan)
{
    df_workspace *w = calloc(1, sizeof *w);
    size_t bytes = plan->bytes + plan->kernel_bytes;
    if (!w)
        return NULL;
    w->memory = df__pages_alloc(bytes);
    w->tensors = calloc(plan->n_refs + 1, sizeof *w->tensors);
    if (!w->memory || !w->tensors) {
        workspace_free(w);
        return NULL;
    }
    for (size_t i = 0; i < plan->n_refs; i++) {
        if (plan->refs[i] < 0) {
            w->tensors[i] = (df_tensor){.rank = -1};
            continue;
        }
        const df_slot *s = &plan->slots[plan->refs[i]], *root = &plan->slots[s->root];
        w->tensors[i] = s->t;
        if (root->place == DF_PLACE_WORK)
            w->tensors[i].data = w->memory + root->at + s->offset;
        else if (root->place == DF_PLACE_CONST)
            w->tensors[i].data = (char *)root->t.data + s->offset;
    }
    return w;
}

static df_workspace *borrow(df_plan *plan)
{
    pthread_mutex_lock(&plan->lock);
    df_workspace *w = plan->idle;
    if (w) {
        plan->idle = w->next;
        plan->n_idle--;
    }
    pthread_mutex_unlock(&plan->lock);
    return w ? w : workspace_new(plan);
}

static void give_back(df_plan *plan, df_workspace *w)
{
    pthread_mutex_lock(&plan->lock);
    bool keep = plan->n_idle < MAX_IDLE;
    if (keep) {
        w->next = plan->idle;
        plan->idle = w;
        plan->n_idle++;
    }
    pthread_mutex_unlock(&plan->lock);
    if (!keep)
        workspace_free(w);
}

double df__plan_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static df_status run_step(df_plan *plan, df_workspace *w, size_t step, const df_watch *watch, df_error *err)
{
    df_status st = DF_OK;
    const df_plan_step *s = &plan->steps[step];
    df_call call = {.node = s->node, .opset = plan->program.opset, .in = w->tensors + s->in, .n_in = s->n_in, .out = w->tensors + s->out,
                    .n_out = s->n_out, .nhwc = s->nhwc, .threads = plan->threads, .scratch = &w->scratch, .limits = &plan->program.limits, .err = err};
    if (df__call_idle(&call))
        return DF_OK;
    df_exec exec = {.scratch = w->memory + plan->bytes, .threads = plan->threads};
    if (watch && watch->before)
        st = watch->before(watch->user, step, &call);
    if (st == DF_OK)
        st = s->kernel ? s->kernel->run(s->kernel, &call, &exec) : s->op->run(&call);
    if (st == DF_OK && !s->kernel && s->fused)
        df__fused_apply(&call, s->fused, true);
    if (st == DF_OK && watch && watch->after)
        watch->after(watch->user, step, &call);
    if (st != DF_OK)
        df__step_blame(&plan->program, &(df_step){.node = s->node}, err);
    df__arena_reset(&w->scratch);
    return st;
}

df_status df__plan_run(df_plan *plan, const df_tensor *in, df_tensor *out, df_arena *results, const df_watch *watch, df_error *err)
{
    df_status st = DF_OK;
    size_t n = plan->program.main.n_outputs;
    df_workspace *w = borrow(plan);
    if (!w)
        return df__no_memory(err, plan->program.label, plan->bytes + plan->kernel_bytes);
    bool kept = df__keep_core();
    for (size_t i = 0; i < n; i++) {
        out[i] = plan->slots[plan->outputs[i]].t;
        out[i].data = df__arena_alloc(results, df__tensor_bytes(&out[i]));
        if (!out[i].data)
            DF_TRY(df__no_memory(err, plan->program.label, df__tensor_bytes(&out[i])));
    }
    for (size_t i = 0; i < plan->n_refs; i++) {
        if (plan->refs[i] < 0)
            continue;
        const df_slot *s = &plan->slots[plan->refs[i]], *root = &plan->slots[s->root];
        if (root->place == DF_PLACE_INPUT)
            w->tensors[i].data = (char *)in[root->at].data + s->offset;
        else if (root->place == DF_PLACE_OUTPUT)
            w->tensors[i].data = (char *)out[root->at].data + s->offset;
    }
    for (size_t i = 0; i < plan->n_steps && st == DF_OK; i++)
        st = run_step(plan, w, i, watch, err);
    for (size_t i = 0; i < n && st == DF_OK; i++) {
        const df_slot *s = &plan->slots[plan->outputs[i]], *root = &plan->slots[s->root];
        size_t bytes = df__tensor_bytes(&out[i]);
        if (!plan->copied[i] && root->at == i)
            continue;
        const char *from = root->place == DF_PLACE_WORK ? (char *)w->memory + root->at : root->place == DF_PLACE_INPUT ? in[root->at].data
                           : root->place == DF_PLACE_CONST ? root->t.data : out[root->at].data;
        if (bytes)
            memcpy(out[i].data, from + s->offset, bytes);
    }
done:
    df__leave_core(kept);
    give_back(plan, w);
    return st;
}
