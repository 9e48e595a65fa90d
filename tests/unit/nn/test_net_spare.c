/* test_net_spare.c - which layers of a net rounding costs most: what each is off by when it alone is rounded, and that those are spared first. */
#include <math.h>

#include "nn/net_spare.h"
#include "plan_text.h"
#include "said.h"
#include "temp_dir.h"

static df_error err;

/* The value that the step makes which has this name in the file. */
static bool is_spared(const df_plan *plan, const df_spared *s, const char *made, df_spare_kind kind)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].value >= 0 && strcmp(plan->steps[i].node->out[0], made) == 0) {
            size_t bit = DF_SPARE_KINDS * (size_t)plan->steps[i].value + kind;
            return s->bits[bit / 8] >> bit % 8 & 1;
        }
    fail_msg("no step makes %s", made);
    return false;
}

typedef struct bench { df_graph *g; df_tensor in; df_packer *packer; df_plan *exact, *fast; df_yardstick yard; size_t values; } bench;

static bench bench_of(const char *inputs, const char *text, df_precision precision)
{
    bench b = {0};
    CHECK_OK(graph_of(inputs, text, "y", 13, &b.g, &err));
    b.in = b.g->inputs[0].shape;
    fill(&b.in);
    CHECK_OK(df__packer_new(&b.packer, &err));
    df_plan_opts opts = {.precision = DF_PRECISION_STRICT, .advantage = 1, .halves = true, .stacks = DF_STACKS_NONE, .threads = 1};
    b.exact = text_plan(b.g, &b.in, b.packer, &opts, &b.values);
    opts.precision = precision;
    b.fast = text_plan(b.g, &b.in, b.packer, &opts, NULL);
    CHECK_OK(df__yardstick_make(b.exact, &b.in, 1, &b.yard, &err));
    return b;
}

static void bench_free(bench *b)
{
    df__yardstick_free(&b->yard);
    df__plan_free(b->exact);
    df__plan_free(b->fast);
    df__packer_free(b->packer);
    df__graph_free(b->g);
    free(b->in.data);
}

static const df_closeness least = {0.9999, 0.01};

/* The answer is a sum of two products, of which one counts for a thousandth: sparing it is worth a millionth. */
static const char *const a_sum = "const a 32,16,3,3\nconst b 32,16,3,3\nnumber k 0.001\nConv x,a > large\nConv x,b > other\nMul other,k > small\nAdd large,small > y";

TEST(the_dearest_is_spared_first)
{
    bench b = bench_of("x 1,16,20,20", a_sum, DF_PRECISION_FAST);
    df_sparing *s;
    df_spared spared;
    CHECK_OK(df__sparing_new(b.exact, b.fast, &b.yard, DF_PRECISION_FAST, least, b.values, &s, &err));
    size_t size = df__sparing_size(s);
    double all = df__sparing_left(s, 0);
    size_t dear = df__sparing_fewest(s, all * 1e-3); /* the large product, and its tensor */
    if (df__dnn_has(DF_NUM_BF16)) {
        CHECK(dear >= 1 && dear < size);
        CHECK(df__sparing_left(s, dear) < all * 1e-4 && df__sparing_left(s, dear) > all * 1e-8);
        CHECK(df__sparing_left(s, dear - 1) > all * 1e-3);
        assert_int_equal(0, df__sparing_fewest(s, all));
        assert_int_equal(size, df__sparing_fewest(s, -1));
        spared = df__sparing_take(s, dear);
        CHECK(is_spared(b.exact, &spared, "large", DF_SPARE_PRODUCT));
        CHECK(!is_spared(b.exact, &spared, "other", DF_SPARE_PRODUCT));
        spared = df__sparing_take(s, size);
        CHECK(is_spared(b.exact, &spared, "large", DF_SPARE_PRODUCT) && is_spared(b.exact, &spared, "other", DF_SPARE_PRODUCT));
        spared = df__sparing_take(s, 0);
        CHECK(!is_spared(b.exact, &spared, "large", DF_SPARE_PRODUCT));
    } else {
        assert_int_equal(0, size); /* no kernel rounds */
    }
    df__sparing_free(s);
    bench_free(&b);
}

/* What layers are off by one by one adds up to what the plan is off by in which all of them round; of 8 bits that is more. */
TEST(errors_add_up)
{
    static const char *const text = "const a 64,64,3,3\nconst c 64,1,3,3\nConv x,a > x1\nConv x1,a > x2\nConv x2,c > x3 | group:64\nConv x3,a > x4\nConv x4,a > y";
    static const df_precision precisions[] = {DF_PRECISION_FAST, DF_PRECISION_INT8};
    double sums[2];
    for (int i = 0; i < 2; i++) {
        bench b = bench_of("x 1,64,24,24", text, precisions[i]);
        df_sparing *s;
        df_closeness found;
        CHECK_OK(df__sparing_new(b.exact, b.fast, &b.yard, precisions[i], least, b.values, &s, &err));
        sums[i] = df__sparing_left(s, 0);
        CHECK_OK(df__yardstick_measure(&b.yard, b.fast, &found, &err));
        double truth = df__closeness_share(found, least);
        if (df__dnn_has(precisions[i] == DF_PRECISION_FAST ? DF_NUM_BF16 : DF_NUM_S8))
            CHECK(truth > sums[i] / 2 && truth < sums[i] * 10); /* 3 and 4 times here: it is the worst of three noises, and tiles of Winograd's round twice */
        df__sparing_free(s);
        bench_free(&b);
    }
    if (df__dnn_has(DF_NUM_S8))
        CHECK(sums[1] > 4 * sums[0]);
}

/* A kernel that rounds nothing in the fast plan stays such a kernel, however its tensors lie: here that of each channel by itself, which has tensors of bfloat16. */
TEST(exact_kernels_are_spared)
{
    static const char *const text = "const a 64,64,3,3\nconst c 64,1,3,3\nConv x,a > x1\nConv x1,c > x2 | group:64\nConv x2,a > y";
    bench b = bench_of("x 1,64,24,24", text, DF_PRECISION_FAST);
    df_sparing *s;
    CHECK_OK(df__sparing_new(b.exact, b.fast, &b.yard, DF_PRECISION_FAST, least, b.values, &s, &err));
    for (int all = 0; all < 2; all++) {
        df_spared spared = df__sparing_take(s, all ? df__sparing_size(s) : 0);
        assert_int_equal(df__dnn_has(DF_NUM_BF16), is_spared(b.exact, &spared, "x2", DF_SPARE_KERNEL));
        CHECK(!is_spared(b.exact, &spared, "x1", DF_SPARE_KERNEL));
    }
    df__sparing_free(s);
    bench_free(&b);
}

/* Such a step gets a kernel that does not round, and its tensors stay what they are. */
TEST(a_spared_kernel_rounds_nothing)
{
    static const char *const text = "const a 64,64,3,3\nConv x,a > x1\nConv x1,a > x2\nConv x2,a > y";
    static const df_precision precisions[] = {DF_PRECISION_FAST, DF_PRECISION_INT8};
    for (int i = 0; i < 2; i++)
        for (int is = 0; is < 2; is++) {
            bench b = bench_of("x 1,64,40,40", text, precisions[i]);
            uint8_t bits[32] = {0};
            int middle = -1;
            for (size_t k = 0; k < b.fast->n_steps; k++)
                if (b.fast->steps[k].value >= 0 && strcmp(b.fast->steps[k].node->out[0], "x2") == 0)
                    middle = b.fast->steps[k].value;
            assert_true(middle >= 0 && df__spared_bytes((size_t)middle + 1) <= sizeof bits);
            if (is)
                df__spare(bits, sizeof bits, middle, DF_SPARE_KERNEL);
            df_plan_opts opts = {.precision = precisions[i], .advantage = 1, .halves = true, .threads = 1, .spared = {bits, sizeof bits}};
            df_plan *plan = text_plan(b.g, &b.in, b.packer, &opts, NULL);
            for (size_t k = 0; k < plan->n_steps; k++) {
                const df_plan_step *s = &plan->steps[k];
                assert_int_equal(is && s->value == middle, s->exact);
                if (s->value != middle || !df__dnn_has(DF_NUM_BF16))
                    continue;
                assert_int_equal(!is, s->kernel->rounds);
                assert_int_equal(DF_BF16, plan->slots[plan->refs[s->in]].t.type);
                assert_int_equal(DF_BF16, plan->slots[plan->refs[s->out]].t.type);
            }
            df__plan_free(plan);
            bench_free(&b);
        }
}

/* Some two seconds for all, but never so many at once that fewer than sixteen are left to choose from: what is spared whole costs its whole time. */
TEST(neighbours_are_tried_together_in_large_networks)
{
    static const struct { size_t n; double seconds; size_t many; } known[] = {{0, 0, 1}, {10, 1e9, 1}, {31, 1e9, 1}, {32, 1e9, 2}, {100, 1.9, 1}, {100, 6.5, 4}, {100, 60, 6}, {160, 60, 10}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(known[i].many, df__sparing_at_once(known[i].n, known[i].seconds));
}

TEST(each_allocation_refused_in_turn)
{
    bench b = bench_of("x 1,16,20,20", a_sum, DF_PRECISION_FAST);
    bool whole = false;
    for (size_t n = 1; !whole; n++) {
        df_sparing *s;
        test_alloc_fail_at(n);
        df_status st = df__sparing_new(b.exact, b.fast, &b.yard, DF_PRECISION_FAST, least, b.values, &s, &err);
        whole = test_alloc_count() < n;
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
        CHECK(!whole || st == DF_OK);
        df__sparing_free(s);
    }
    bench_free(&b);
}

/* ---- in a net ---- */

/* One layer behind whose sums little is left once their mean is off; the others may round. */
static const char *const one_dear = "const a 64,3,3,3\nconst b 64,64,3,3 positive\nconst c 64,64,3,3\nconst v 128,64\nConv x,a > x1\nSigmoid x1 > s1\nConv s1,b > x2\nGlobalAveragePool x2 > m\nSub x2,m > x3\n"
                                    "Sigmoid x3 > s3\nConv s3,c > x4\nTanh x4 > t4\nConv t4,c > x5\nTanh x5 > t5\nConv t5,c > x6\nGlobalAveragePool x6 > p\nFlatten p > f\nGemm f,v > y | transB:1";

TEST(a_net_spares_what_it_has_to_and_keeps_it)
{
    temp_dir d = temp_dir_new();
    char path[512];
    df_graph *g;
    df_tensor exact, out[2];
    df_arena results = {0};
    const df_log log = {hear, NULL};
    snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
    CHECK_OK(graph_of("x 1,3,40,40", one_dear, "y", 13, &g, &err));
    df_tensor in = g->inputs[0].shape;
    fill(&in);
    CHECK_OK(plain_run(g, &in, &exact, &results, &err));
    df__graph_free(g);
    for (int i = 0; i < 2; i++) {
        df_net *net;
        const df_net_opts opts = {.precision = DF_PRECISION_FAST, .cache = path, .model_hash = {1}, .log = &log};
        said[0] = '\0';
        CHECK_OK(graph_of("x 1,3,40,40", one_dear, "y", 13, &g, &err));
        CHECK_OK(df__net_new(g, &opts, &net, &err));
        CHECK_OK(df__net_run(net, &in, 1, &out[i], 1, 1, &results, &err));
        df__net_free(net);
        double length, off;
        df__squares(exact.data, out[i].data, df__tensor_count(&exact), &length, &off);
        CHECK(off / length < 2 * (1 - 0.9999)); /* the square of the angle whose cosine is promised */
        CHECK((said_times("spared") == 0) == (i == 1 || !df__dnn_has(DF_NUM_BF16))); /* kept */
    }
    assert_memory_equal(out[0].data, out[1].data, df__tensor_bytes(&exact));
    free(in.data);
    df__arena_free(&results);
}
