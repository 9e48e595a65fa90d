/* test_verdict.c - the noise that decides about a plan's kernels has the range of the network's own pixels. */
#include "nn/verdict.h"
#include "plan_text.h"

static df_error err;

static df_plan *plan_of(const char *text, const df_tensor *in, df_packer *packer, df_graph **graph)
{
    CHECK_OK(graph_of("x 1,64", text, "y", 13, graph, &err));
    return text_plan(*graph, in, packer, &(df_plan_opts){.precision = DF_PRECISION_STRICT, .advantage = 1, .threads = 1}, NULL);
}

/* How close the second graph's answers come to the first one's. */
static df_closeness closeness(const char *exact, const char *other, const df_tensor *in)
{
    df_packer *packer;
    df_graph *graphs[2];
    df_yardstick yard;
    df_closeness found;
    CHECK_OK(df__packer_new(&packer, &err));
    df_plan *whole = plan_of(exact, in, packer, &graphs[0]);
    df_plan *cut = plan_of(other, in, packer, &graphs[1]);
    CHECK_OK(df__yardstick_make(whole, in, 1, &yard, &err));
    CHECK_OK(df__yardstick_measure(&yard, cut, &found, &err));
    df__yardstick_free(&yard);
    df__plan_free(whole);
    df__plan_free(cut);
    df__graph_free(graphs[0]);
    df__graph_free(graphs[1]);
    df__packer_free(packer);
    return found;
}

/* Numbers up to `top` and from `least` on: a plan that cuts at `limits` is told from one that does not only if the noise reaches beyond. */
static double cosine_for(float least, float top, const char *limits)
{
    float pixels[64] = {0};
    df_tensor in = {.type = DF_F32, .rank = 2, .dims = {1, 64}, .data = pixels};
    char text[200];
    pixels[3] = top, pixels[5] = least;
    snprintf(text, sizeof text, "%sClip x,low,high > y\n", limits);
    df_closeness found = closeness("number low -100000\nnumber high 100000\nClip x,low,high > y\n", text, &in);
    CHECK_NEAR(0, found.error, 0); /* there is no small output */
    return found.cosine;
}

TEST(range_is_that_of_the_input)
{
    static const char *const to_1 = "number low -1\nnumber high 1\n", *const to_200 = "number low 0\nnumber high 200\n";
    CHECK_NEAR(1, cosine_for(0, 0.9f, to_1), 1e-12);
    CHECK_NEAR(1, cosine_for(-1, 1, to_1), 1e-12);
    assert_true(cosine_for(0, 255, to_1) < 0.95);
    assert_true(cosine_for(0, 255, to_200) < 0.999);
    CHECK_NEAR(1, cosine_for(0, 100, to_200), 1e-12); /* noise of 0..112 */
    assert_true(cosine_for(-60, 100, to_200) < 0.999); /* and of -64..112 */
    CHECK_NEAR(1, cosine_for(-123, 151, "number low -128\nnumber high 160\n"), 1e-12); /* no further, or the mean drowns what is compared */
    assert_true(cosine_for(-123, 151, "number low -120\nnumber high 150\n") < 1 - 1e-6);
}

TEST(what_is_no_range)
{
    static const char *const to_1 = "number low 0\nnumber high 1\n";
    CHECK_NEAR(1, cosine_for(0, 0, to_1), 1e-12); /* a black photo: 0..1 */
    CHECK_NEAR(1, cosine_for(0, INFINITY, to_1), 1e-12);
    CHECK_NEAR(1, cosine_for(NAN, 1, to_1), 1e-12);
}

/* Three classes have next to no direction, and a single number none: what counts is how far they are off. */
TEST(few_numbers_have_an_error)
{
    static const struct { const char *exact, *other; double error; } cases[] = {
        {"const w 64,3\nMatMul x,w > y\n", "const w 64,3\nMatMul x,w > y\n", 0},
        {"const w 64,3\nMatMul x,w > y\n", "const w 64,3\nnumber k 1.25\nMatMul x,w > a\nMul a,k > y\n", 0.25},
        {"const w 64,1\nMatMul x,w > y\n", "const w 64,1\nMatMul x,w > a\nNeg a > y\n", 2},
        {"const w 64,15\nMatMul x,w > y\n", "const w 64,15\nnumber k 0\nMatMul x,w > a\nMul a,k > y\n", 1},
        {"const w 64,15\nMatMul x,w > y\n", "const w 64,15\nnumber k 0\nMatMul x,w > a\nDiv a,k > y\n", INFINITY},
        {"const w 64,15\nnumber k 0\nMatMul x,w > a\nDiv a,k > y\n", "const w 64,15\nMatMul x,w > y\n", 0}, /* the exact one broke: says nothing */
        {"const w 64,2\nnumber k 0\nMatMul x,w > a\nMul a,k > y\n", "const w 64,2\nnumber k 0\nMatMul x,w > a\nMul a,k > b\nExp b > y\n", 1.41421356}, /* of 0 the difference itself */
        {"const w 64,3\nMatMul x,w > a\nints s 3\nReshape a,s > y\n", "const w 64,3\nnumber k 1.25\nMatMul x,w > a\nMul a,k > b\nints s 3\nReshape b,s > y\n", 0.25},
        /* a list of anchors, not 32 photos of two numbers */
        {"const w 64,64\nMatMul x,w > a\nints s 32,2\nReshape a,s > y\n", "const w 64,64\nnumber k 1.25\nMatMul x,w > a\nMul a,k > b\nints s 32,2\nReshape b,s > y\n", 0}};
    float pixels[64] = {1};
    const df_tensor in = {.type = DF_F32, .rank = 2, .dims = {1, 64}, .data = pixels};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        df_closeness found = closeness(cases[i].exact, cases[i].other, &in);
        CHECK_NEAR(1, found.cosine, 1e-12);
        if (isinf(cases[i].error))
            assert_true(isinf(found.error));
        else
            CHECK_NEAR(cases[i].error, found.error, 1e-5);
    }
}
