/* plan_sign.c - which values have no number below 0: 8-bit kernels then use the whole range for what is above. */
#include <string.h>

#include "nn/plan.h"

static bool one_of(const char *op, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(op, *names) == 0)
            return true;
    return false;
}

bool df__step_not_negative(const df_program *p, const df_step *s, const bool *not_negative)
{
    static const char *const always[] = {"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus", "Sqrt", NULL};
    static const char *const keep[] = {"AveragePool", "Concat", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "Reshape", "Slice",
                                       "Split", "Squeeze", "Transpose", "Unsqueeze", NULL};
    static const char *const both[] = {"Add", "Max", "Min", "Mul", NULL};
    const char *op = s->node->op;
    if (s->fused && s->fused->n_post) {
        const df_post *last = &s->fused->post[s->fused->n_post - 1];
        return (last->kind == DF_POST_RELU && last->a == 0) || last->kind == DF_POST_SIGMOID || (last->kind == DF_POST_CLIP && last->a >= 0);
    }
    if (s->fused || s->n_in == 0 || s->node->domain[0])
        return false;
    if (one_of(op, always))
        return true;
    bool all = one_of(op, both) || strcmp(op, "Concat") == 0;
    if (!all && !one_of(op, keep))
        return false;
    for (size_t i = 0; i < s->n_in && (all || i == 0); i++) {
        int v = df__value_root(p, s->in[i]);
        if (v < 0 || !not_negative[v])
            return false;
    }
    return true;
}
