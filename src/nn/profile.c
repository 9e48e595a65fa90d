/* profile.c - what a step of a plan takes, and the step as people see it: its names, and the arithmetic that the file asks for. */
#include <string.h>

#include "nn/plan.h"

static const df_tensor *tensor_of(const df_plan *plan, const df_plan_step *s, bool output, size_t i)
{
    if (i >= (output ? s->n_out : s->n_in))
        return NULL;
    int ref = plan->refs[(output ? s->out : s->in) + i];
    return ref < 0 ? NULL : &plan->slots[ref].t;
}

/* Multiply-adds of a convolution or a product. Weights keep the file's dims, tensors may lie as [n,h,w,c]: counts do not care. */
static double multiply_adds(const df_plan *plan, const df_plan_step *s)
{
    const df_tensor *x = tensor_of(plan, s, false, 0), *w = tensor_of(plan, s, false, 1), *y = tensor_of(plan, s, true, 0);
    const char *op = s->op->name;
    bool conv = strcmp(op, "Conv") == 0, spread = strcmp(op, "ConvTranspose") == 0, gemm = strcmp(op, "Gemm") == 0;
    if (!x || !w || !y || x->rank < 1 || w->rank < 1)
        return 0;
    if (conv || spread) { /* each output has taken, each input has given, that many */
        double n = (double)df__tensor_count(conv ? y : x);
        for (int i = 1; i < w->rank; i++)
            n *= (double)w->dims[i];
        return n;
    }
    if (!gemm && strcmp(op, "MatMul") != 0)
        return 0;
    bool turned = gemm && x->rank == 2 && df__node_int(s->node, "transA", 0);
    return (double)df__tensor_count(y) * (double)x->dims[turned ? 0 : x->rank - 1];
}

static const char *copy(df_arena *scratch, const char *text)
{
    size_t size = strlen(text) + 1;
    char *to = df__arena_alloc(scratch, size);
    return to ? memcpy(to, text, size) : NULL;
}

static df_status start(void *user, size_t step, df_call *call)
{
    df_stopwatch *s = user;
    (void)step, (void)call;
    s->begun = df__plan_clock();
    return DF_OK;
}

static void stop(void *user, size_t step, const df_call *call)
{
    const df_stopwatch *s = user;
    double took = df__plan_clock() - s->begun;
    (void)call;
    if (!(s->seconds[step] > 0) || took < s->seconds[step])
        s->seconds[step] = took;
}

df_watch df__stopwatch(df_stopwatch *s) { return (df_watch){s, start, stop}; }

df_status df__step_layer(const df_plan *plan, const df_plan_step *step, double seconds, df_arena *scratch, df_layer *out, df_error *err)
{
    const df_node *node = step->node;
    const char *made = node->n_out > 0 && node->out[0] && *node->out[0] ? node->out[0] : step->op->name; /* steps of our own have no node in the file */
    const char *name = node->name && *node->name ? node->name : made;
    double adds = step->n_members ? 0 : multiply_adds(plan, step);
    for (int i = 0; i < step->n_members; i++)
        adds += multiply_adds(plan, &step->members[i].step);
    *out = (df_layer){.seconds = seconds, .flops = 2 * adds};
    out->name = copy(scratch, name);
    out->op = copy(scratch, step->op->name);
    out->kernel = copy(scratch, step->kernel ? step->kernel->name : "plain");
    return out->name && out->op && out->kernel ? DF_OK : df__no_memory(err, "names of layers", strlen(name));
}
