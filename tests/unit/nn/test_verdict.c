/* test_verdict.c - the noise that decides about a plan's kernels has the range of the network's own pixels. */
#include "nn/plan.h"
#include "nn/verdict.h"

#include "net_text.h"

static const df_budget budget = {(size_t)1 << 30, (int64_t)1 << 40};
static df_error err;

/* The plan reads constants where the graph has them. */
static df_plan *plan_of(const char *text, const df_tensor *in, df_packer *packer, df_graph **graph)
{
    df_graph *g;
    df_program p;
    df_plan *plan;
    bool open;
    CHECK_OK(graph_of("x 1,64", text, "y", 13, &g, &err));
    CHECK_OK(df__program_build(g, &budget, &p, &err));
    p.values[p.inputs[0]].t = df__shape_like(in);
    CHECK_OK(df__pass_fold(&p, true, &open, &err));
    CHECK_OK(df__plan_new(&p, &(df_plan_opts){.precision = DF_PRECISION_STRICT, .advantage = 1, .threads = 1}, packer, &plan, &err));
    df__program_free(&p);
    *graph = g;
    return plan;
}

/* Numbers up to `top` and from `least` on: a plan that cuts at `limits` is told from one that does not only if the noise reaches beyond. */
static double cosine_for(float least, float top, const char *limits)
{
    float pixels[64] = {0};
    df_tensor in = {.type = DF_F32, .rank = 2, .dims = {1, 64}, .data = pixels};
    df_packer *packer;
    char text[200];
    double cosine = 0;
    pixels[3] = top, pixels[5] = least;
    CHECK_OK(df__packer_new(&packer, &err));
    snprintf(text, sizeof text, "%sClip x,low,high > y\n", limits);
    df_graph *graphs[2];
    df_plan *whole = plan_of("number low -100000\nnumber high 100000\nClip x,low,high > y\n", &in, packer, &graphs[0]);
    df_plan *cut = plan_of(text, &in, packer, &graphs[1]);
    df_yardstick yard;
    CHECK_OK(df__yardstick_make(whole, &in, 1, &yard, &err));
    CHECK_OK(df__yardstick_cosine(&yard, cut, &cosine, &err));
    df__yardstick_free(&yard);
    df__plan_free(whole);
    df__plan_free(cut);
    df__graph_free(graphs[0]);
    df__graph_free(graphs[1]);
    df__packer_free(packer);
    return cosine;
}

static void test_range_is_that_of_the_input(void **state)
{
    (void)state;
    static const char *const to_1 = "number low -1\nnumber high 1\n", *const to_200 = "number low 0\nnumber high 200\n";
    CHECK_NEAR(1, cosine_for(0, 0.9f, to_1), 1e-12);
    CHECK_NEAR(1, cosine_for(-1, 1, to_1), 1e-12);
    assert_true(cosine_for(0, 255, to_1) < 0.95);
    assert_true(cosine_for(0, 255, to_200) < 0.999);
    CHECK_NEAR(1, cosine_for(0, 100, to_200), 1e-12); /* noise of 0..128 */
    assert_true(cosine_for(-60, 100, to_200) < 0.999); /* and of -64..128 */
}

static void test_what_is_no_range(void **state)
{
    (void)state;
    static const char *const to_1 = "number low 0\nnumber high 1\n";
    CHECK_NEAR(1, cosine_for(0, 0, to_1), 1e-12); /* a black photo: 0..1 */
    CHECK_NEAR(1, cosine_for(0, INFINITY, to_1), 1e-12);
    CHECK_NEAR(1, cosine_for(NAN, 1, to_1), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_range_is_that_of_the_input), cmocka_unit_test(test_what_is_no_range)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
