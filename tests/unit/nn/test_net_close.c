/* test_net_close.c - what a net with a cache tries at its first run, what it keeps of it, and that the answer is as close as its precision says. */
#include <math.h>

#include "nn/verdict.h"
#include "plan_text.h"
#include "said.h"
#include "temp_dir.h"

static df_error err;

typedef struct trial { df_graph *g; df_tensor in, exact; df_arena results; } trial;

static trial trial_of(const char *inputs, const char *text)
{
    trial t = {0};
    CHECK_OK(graph_of(inputs, text, "y", 13, &t.g, &err));
    t.in = t.g->inputs[0].shape;
    fill(&t.in);
    CHECK_OK(plain_run(t.g, &t.in, &t.exact, &t.results, &err));
    df__graph_free(t.g);
    return t;
}

static void trial_free(trial *t)
{
    free(t->in.data);
    df__arena_free(&t->results);
}

static const df_budget *budget; /* NULL: the engine's own */

/* The answer of a new net, and how far it is off by its length. */
static float *answer(trial *t, const char *inputs, const char *text, df_precision precision, const char *cache, double *off)
{
    df_net *net;
    df_tensor out;
    double length, difference;
    const df_log log = {hear, NULL};
    const df_net_opts opts = {.precision = precision, .cache = cache, .model_hash = {1}, .log = &log, .limits = budget};
    said[0] = '\0';
    CHECK_OK(graph_of(inputs, text, "y", 13, &t->g, &err));
    CHECK_OK(df__net_new(t->g, &opts, &net, &err));
    CHECK_OK(df__net_run(net, &t->in, 1, &out, 1, 1, &t->results, &err));
    df__squares(t->exact.data, out.data, df__tensor_count(&out), &length, &difference);
    *off = sqrt(difference / length);
    df__net_free(net);
    return out.data;
}

/* What goes by rows is tried layer by layer too, in every precision whose products by rows are exact, once. */
TEST(layers_by_rows_are_tried_one_by_one)
{
    static const df_precision precisions[] = {DF_PRECISION_STRICT, DF_PRECISION_FAST, DF_PRECISION_INT8};
    static const double most[] = {1e-4, 0.1, 0.142};
    trial t = trial_of("x 1,3,24,24", FOUR_BY_ROWS);
    double off;
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        temp_dir d = temp_dir_new();
        char path[512];
        snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
        const float *first = answer(&t, "x 1,3,24,24", FOUR_BY_ROWS, precisions[i], path, &off);
        CHECK(off <= most[i]);
        CHECK(said_times("one by one") >= 1);
        const float *again = answer(&t, "x 1,3,24,24", FOUR_BY_ROWS, precisions[i], path, &off);
        CHECK(said_times("one by one") == 0); /* kept */
        assert_memory_equal(first, again, df__tensor_bytes(&t.exact));
        answer(&t, "x 1,3,24,24", FOUR_BY_ROWS, precisions[i], NULL, &off);
        assert_string_equal("", said); /* nowhere to keep it */
        CHECK(off <= most[i]);
    }
    trial_free(&t);
}

static const char *const four_layers = "const a 32,16,3,3\nconst b 32,32,3,3\nConv x,a > x1\nTanh x1 > x2\nConv x2,b > x3\nTanh x3 > x4\nConv x4,b > x5\nTanh x5 > x6\nConv x6,b > x7\nTanh x7 > y";

/* How far the answer of a plan, of whose first `spared` steps something is spared, is from `exact`. */
static double off_with(const df_graph *g, const df_tensor *in, const df_tensor *exact, df_spare_kind kind, size_t spared)
{
    df_packer *packer;
    df_tensor out;
    df_arena results = {0};
    double length, off;
    uint8_t bits[32] = {0};
    df_plan_opts opts = {.precision = DF_PRECISION_FAST, .advantage = 1, .threads = 1, .halves = true};
    CHECK_OK(df__packer_new(&packer, &err));
    df_plan *plan = text_plan(g, in, packer, &opts, NULL);
    for (size_t i = 0; i < spared && i < plan->n_steps; i++)
        df__spare(bits, sizeof bits, plan->steps[i].value, kind);
    df__plan_free(plan);
    opts.spared = (df_spared){bits, sizeof bits};
    plan = text_plan(g, in, packer, &opts, NULL);
    for (size_t i = 0; i < plan->n_steps; i++) {
        const df_plan_step *s = &plan->steps[i];
        bool is = s->value >= 0 && i < spared;
        df_dtype made = plan->slots[plan->refs[s->out]].t.type;
        assert_int_equal(is && kind == DF_SPARE_PRODUCT, s->spared);
        assert_int_equal(is && kind == DF_SPARE_TENSOR, s->wide);
        if (is || !df__dnn_has(DF_NUM_BF16)) /* it makes float32 */
            assert_int_equal(DF_F32, made);
    }
    CHECK_OK(df__plan_run(plan, in, &out, &results, NULL, &err));
    df__squares(exact->data, out.data, df__tensor_count(&out), &length, &off);
    df__arena_free(&results);
    df__plan_free(plan);
    df__packer_free(packer);
    return sqrt(off / length);
}

/* With all products spared the answer is that of float32; with all tensors alone it is not, since products round what they read. */
TEST(what_is_spared_is_exact)
{
    df_arena results = {0};
    df_graph *g;
    df_packer *packer;
    CHECK_OK(graph_of("x 1,16,40,40", four_layers, "y", 13, &g, &err));
    df_tensor in = g->inputs[0].shape, exact;
    fill(&in);
    CHECK_OK(df__packer_new(&packer, &err));
    df_plan *plan = text_plan(g, &in, packer, &(df_plan_opts){.precision = DF_PRECISION_STRICT, .advantage = 1, .threads = 1}, NULL);
    CHECK_OK(df__plan_run(plan, &in, &exact, &results, NULL, &err));
    CHECK_NEAR(0, off_with(g, &in, &exact, DF_SPARE_PRODUCT, plan->n_steps), 1e-5);
    double none = off_with(g, &in, &exact, DF_SPARE_PRODUCT, 0), half = off_with(g, &in, &exact, DF_SPARE_PRODUCT, plan->n_steps / 2), tensors = off_with(g, &in, &exact, DF_SPARE_TENSOR, plan->n_steps);
    if (df__dnn_has(DF_NUM_BF16)) {
        CHECK(half > 1e-5 && half < none);
        CHECK(tensors > 1e-5 && tensors <= none * 1.2); /* as much as before, or less: products round what is not rounded already */
    }
    df__plan_free(plan);
    df__packer_free(packer);
    free(in.data);
    df__graph_free(g);
    df__arena_free(&results);
}

/* Layers one by one need more memory than by rows: that there is none is no reason to fail. */
TEST(what_is_tried_may_need_more_than_there_is)
{
    static const df_precision precisions[] = {DF_PRECISION_STRICT, DF_PRECISION_FAST, DF_PRECISION_INT8};
    trial t = trial_of("x 1,3,96,96", FOUR_BY_ROWS);
    for (size_t bytes = 800000; bytes <= 1100000; bytes += 50000)
        for (int i = 0; i < 3; i++) {
            temp_dir d = temp_dir_new();
            double off;
            const df_budget some = {.bytes = bytes, .work = (int64_t)1 << 40};
            budget = &some;
            answer(&t, "x 1,3,96,96", FOUR_BY_ROWS, precisions[i], temp_path(&d, "cache"), &off);
            CHECK(off < 0.142);
            budget = NULL;
        }
    trial_free(&t);
}

/* No layers by rows: in float32 there is nothing to try but kernels. */
TEST(where_nothing_goes_by_rows_strict_tries_nothing)
{
    temp_dir d = temp_dir_new();
    static const char *const text = "const a 32,3,1,1\nConv x,a > a1\nTanh a1 > y";
    trial t = trial_of("x 1,3,24,24", text);
    double off;
    answer(&t, "x 1,3,24,24", text, DF_PRECISION_STRICT, temp_path(&d, "cache"), &off);
    CHECK(said_times("one by one") == 0);
    CHECK(off <= 1e-4);
    trial_free(&t);
}

/* Small differences between large sums, which 8 bits lose: then what FAST may do is found as well, and kept if it is faster. */
TEST(eight_bits_that_are_too_coarse_are_not_slower_than_fast)
{
    static const char *const text = "const a 64,3,3,3\nconst b 64,64,3,3 positive\nconst c 64,64,3,3 positive\nnumber k 0.0005\nConv x,a > x1 | pads:1,1,1,1\nSigmoid x1 > x2\nConv x2,b > x3\n"
                                    "GlobalAveragePool x3 > m\nSub x3,m > x4\nMul x4,k > s4\nSigmoid s4 > x5\nConv x5,c > x6\nGlobalAveragePool x6 > m6\nSub x6,m6 > y";
    temp_dir d = temp_dir_new();
    char path[512];
    trial t = trial_of("x 1,3,30,30", text);
    double off;
    snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
    const float *first = answer(&t, "x 1,3,30,30", text, DF_PRECISION_INT8, path, &off);
    CHECK(off <= 0.142);
    if (df__dnn_has(DF_NUM_BF16))
        CHECK(said_times("with the photo seen exactly") >= 1 && said_times("with the dearest spared") > 0); /* products of two bytes, or of bfloat16, in all layers: too far off */
    if (said_times("with the photo seen exactly") > 0)
        assert_int_equal(1, said_times("as fast has it"));
    if (said_times("with the photo seen exactly, without whole numbers") > 0) /* those lose them too: a second try, after all was spared in vain */
        CHECK(said_times("with the dearest spared, without whole numbers") > 0);
    const float *again = answer(&t, "x 1,3,30,30", text, DF_PRECISION_INT8, path, &off);
    CHECK(said_times("of small outputs") == 0);
    assert_memory_equal(first, again, df__tensor_bytes(&t.exact));
    trial_free(&t);
}
