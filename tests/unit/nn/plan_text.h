/* plan_text.h - a plan of a graph that is written as text (net_text.h), for an input of the shape of `in`. */
#ifndef DF_TEST_PLAN_TEXT_H
#define DF_TEST_PLAN_TEXT_H

#include "net_text.h"
#include "nn/plan.h"

/* Constants lie where the graph has them. *values: of the program, see df_spared; or NULL. */
static inline df_plan *text_plan(const df_graph *g, const df_tensor *in, df_packer *packer, const df_plan_opts *opts, size_t *values)
{
    df_error err;
    df_program p;
    df_plan *plan;
    bool open;
    CHECK_OK(df__program_build(g, &text_budget, &p, &err));
    p.values[p.inputs[0]].t = df__shape_like(in);
    CHECK_OK(df__pass_fold(&p, true, &open, &err));
    if (values)
        *values = p.n_values;
    CHECK_OK(df__plan_new(&p, opts, packer, &plan, &err));
    df__program_free(&p);
    return plan;
}

#endif
