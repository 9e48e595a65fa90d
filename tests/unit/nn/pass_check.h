/* pass_check.h - a graph as text, run with all passes, against the same graph run plainly, operator by operator; and how many steps are left. */
#ifndef DF_TEST_PASS_CHECK_H
#define DF_TEST_PASS_CHECK_H

#include "net_text.h"

static df_error err;

/* Largest difference allowed, as a share of the largest value: sums of a few hundred products in another order. */
static const double TOLERANCE = 2e-5;

/* Steps that remain of a graph whose inputs have these shapes. */
static inline size_t steps_left(const df_graph *g, const df_tensor *in)
{
    df_program p;
    bool open;
    CHECK_OK(df__program_build(g, &text_budget, &p, &err));
    CHECK_OK(df__pass_fold(&p, false, &open, &err));
    CHECK_OK(df__pass_fuse(&p, false, &err));
    for (size_t i = 0; i < p.n_inputs; i++)
        p.values[p.inputs[i]].t = df__shape_like(&in[i]);
    CHECK_OK(df__pass_fold(&p, true, &open, &err));
    CHECK_OK(df__pass_fuse(&p, true, &err));
    size_t n = p.main.n_steps;
    df__program_free(&p);
    return n;
}

static inline void compare(const df_tensor *expected, const df_tensor *actual)
{
    double top = 1e-3;
    assert_int_equal(expected->rank, actual->rank);
    for (int i = 0; i < expected->rank; i++)
        assert_int_equal(expected->dims[i], actual->dims[i]);
    for (int64_t i = 0; i < df__tensor_count(expected); i++)
        top = fmax(top, fabs(df__load_f64(expected, i)));
    for (int64_t i = 0; i < df__tensor_count(expected); i++)
        CHECK_NEAR(df__load_f64(expected, i), df__load_f64(actual, i), TOLERANCE * top);
}

static inline void check_opset(const char *inputs, const char *text, const char *outputs, size_t steps, int64_t opset)
{
    df_graph *g;
    df_net *net;
    df_tensor in[4], expected[8], actual[8];
    df_arena results = {0};
    CHECK_OK(graph_of(inputs, text, outputs, opset, &g, &err));
    size_t n_in = g->n_inputs, n_out = g->n_outputs;
    for (size_t i = 0; i < n_in; i++) {
        in[i] = g->inputs[i].shape;
        fill(&in[i]);
    }
    CHECK_OK(plain_run(g, in, expected, &results, &err));
    size_t left = steps_left(g, in);
    if (left != steps)
        fail_msg("%zu steps are left, expected %zu, of\n%s", left, steps, text);
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    for (int threads = 1; threads <= 2; threads++) {
        CHECK_OK(df__net_run(net, in, n_in, actual, n_out, threads, &results, &err));
        for (size_t i = 0; i < n_out; i++)
            compare(&expected[i], &actual[i]);
    }
    for (size_t i = 0; i < n_in; i++)
        free(in[i].data);
    df__arena_free(&results);
    df__net_free(net);
}

static inline void check(const char *inputs, const char *text, const char *outputs, size_t steps) { check_opset(inputs, text, outputs, steps, 13); }

#endif
