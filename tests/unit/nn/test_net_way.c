/* test_net_way.c - a net keeps the way that it was found to go; a batch takes the faster of the two that were fastest with one photo, or the one that there is memory for. */
#include <math.h>

#include "net_text.h"
#include "nn/net_stage.h"
#include "nn/verdict.h"
#include "said.h"
#include "temp_dir.h"

static df_error err;
static const df_log heard = {hear, NULL};

/* Four layers that go by rows. */
static const char *const by_rows = "const a 16,3,3,3\nconst b 16,16,1,1\nconst c 16,1,3,3\nconst d 16\nConv x,a > x1 | pads:1,1,1,1\nConv x1,b,d > x2\n"
                                   "Conv x2,c > x3 | group:16 pads:1,1,1,1\nMaxPool x3 > y | kernel_shape:2,2 strides:2,2";

typedef struct batch { const char *inputs, *text; df_tensor in, exact; df_arena results; } batch;

static batch batch_of(const char *inputs, const char *text, int64_t photos)
{
    batch b = {.inputs = inputs, .text = text};
    df_graph *g;
    CHECK_OK(graph_of(inputs, text, "y", 13, &g, &err));
    b.in = g->inputs[0].shape;
    b.in.dims[0] = photos;
    fill(&b.in);
    CHECK_OK(plain_run(g, &b.in, &b.exact, &b.results, &err));
    df__graph_free(g);
    return b;
}

static void batch_free(batch *b)
{
    free(b->in.data);
    df__arena_free(&b->results);
}

static df_net *net_of(const batch *b, df_precision precision, const char *cache, const df_budget *budget)
{
    df_net *net;
    df_graph *g;
    const df_net_opts opts = {.precision = precision, .cache = cache, .model_hash = {1}, .log = &heard, .limits = budget};
    CHECK_OK(graph_of(b->inputs, b->text, "y", 13, &g, &err));
    CHECK_OK(df__net_new(g, &opts, &net, &err));
    said[0] = '\0';
    return net;
}

/* Makes a net believe that this is what was found. */
static void plant(df_net *net, int stage, int second)
{
    const df_pack_key key = df__pack_key_new("way of a net");
    df__packer_keep_number(net->packer, &key, stage + 256 * second);
}

static int planted_for(df_net *net, int64_t most)
{
    df_pack_key key = df__pack_key_new("stage of a batch");
    df__pack_key_add(&key, &most, sizeof most);
    return df__packer_number(net->packer, &key);
}

static double off(const batch *b, const df_tensor *out)
{
    double length, difference;
    df__squares(b->exact.data, out->data, df__tensor_count(out), &length, &difference);
    return sqrt(difference / length);
}

/* Found with one photo of the batch, and as close as one; the plan kept answers the same. */
TEST(a_way_is_found_with_one_photo)
{
    static const char *const text = "const a 32,16,3,3\nconst b 32,32,3,3\nConv x,a > x1\nTanh x1 > x2\nConv x2,b > x3\nTanh x3 > x4\nConv x4,b > y";
    for (int64_t photos = 4; photos >= 1; photos -= 3) {
        temp_dir d = temp_dir_new();
        char path[512];
        df_tensor out[2];
        batch b = batch_of("x -1,16,40,40", text, photos);
        snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
        for (int i = 0; i < 2; i++) {
            df_net *net = net_of(&b, DF_PRECISION_FAST, path, NULL);
            CHECK_OK(df__net_run(net, &b.in, 1, &out[i], 1, 1, &b.results, &err));
            assert_int_equal(photos, out[i].dims[0]);
            assert_int_equal(photos == 4 && i == 0, said_times("looked at with one photo of 4"));
            CHECK(off(&b, &out[i]) < 0.1); /* maps: a cosine of 0.995 */
            df__net_free(net);
        }
        assert_memory_equal(out[0].data, out[1].data, df__tensor_bytes(&out[0]));
        batch_free(&b);
    }
}

/* Of either order: what is faster for these photos is kept for up to the next power of two, and no other number. */
TEST(a_batch_is_timed_in_both_stages_once)
{
    enum { ROWS = DF_STAGE_EXACT, ALONE = DF_STAGE_EXACT | DF_STAGE_ALONE };
    for (int i = 0; i < 2; i++) {
        temp_dir d = temp_dir_new();
        char path[512];
        batch b = batch_of("x -1,3,24,24", by_rows, 7);
        df_tensor out, again, one = b.in;
        one.dims[0] = 1;
        snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
        df_net *net = net_of(&b, DF_PRECISION_STRICT, path, NULL);
        plant(net, i ? ROWS : ALONE, i ? ALONE : ROWS);
        CHECK_OK(df__net_run(net, &one, 1, &out, 1, 1, &b.results, &err));
        assert_int_equal(0, said_times("float32 throughout")); /* one photo goes the first */
        CHECK_OK(df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err));
        assert_int_equal(1, said_times("7 photos with float32 throughout"));
        assert_int_equal(i, said_times("7 photos with float32 throughout, one by one"));
        int kept = planted_for(net, 8);
        CHECK(kept == ROWS || kept == ALONE);
        assert_int_equal(-1, planted_for(net, 16));
        CHECK(off(&b, &out) <= 1e-4);
        df__net_free(net);
        net = net_of(&b, DF_PRECISION_STRICT, path, NULL);
        CHECK_OK(df__net_run(net, &b.in, 1, &again, 1, 1, &b.results, &err));
        assert_int_equal(0, said_times("float32 throughout"));
        assert_int_equal(kept, planted_for(net, 8));
        assert_memory_equal(out.data, again.data, df__tensor_bytes(&out));
        df__net_free(net);
        batch_free(&b);
    }
}

/* Layers one by one keep whole tensors between them; by rows a few rows. */
TEST(a_batch_takes_the_stage_that_there_is_memory_for)
{
    enum { ROWS = DF_STAGE_EXACT, ALONE = DF_STAGE_EXACT | DF_STAGE_ALONE };
    batch b = batch_of("x -1,3,96,96", by_rows, 4);
    bool by_rows_only = false, neither = false;
    for (size_t bytes = (size_t)8 << 20; bytes > df__tensor_bytes(&b.in); bytes -= bytes / 8) {
        const df_budget some = {.bytes = bytes, .work = (int64_t)1 << 40};
        df_status st[2];
        int kept = -1;
        for (int two = 0; two < 2; two++) {
            temp_dir d = temp_dir_new();
            df_tensor out;
            df_net *net = net_of(&b, DF_PRECISION_STRICT, temp_path(&d, "cache"), &some);
            plant(net, ALONE, two ? ROWS : DF_STAGES);
            st[two] = df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err);
            CHECK(st[two] == DF_OK || st[two] == DF_E_LIMIT);
            if (st[two] == DF_OK)
                CHECK(off(&b, &out) <= 1e-4);
            kept = planted_for(net, 4);
            df__net_free(net);
        }
        CHECK(st[0] != DF_OK || st[1] == DF_OK);
        if (st[0] != DF_OK && st[1] == DF_OK)
            by_rows_only = true, assert_int_equal(ROWS, kept);
        neither = neither || st[1] != DF_OK;
    }
    CHECK(by_rows_only && neither);
    batch_free(&b);
}

/* In INT8 the stage that FAST goes spares layers of its own; each is found again by another net. */
TEST(what_is_spared_is_kept_for_each_stage)
{
    static const int stages[] = {DF_STAGE_SPARING, DF_STAGE_SPARING_ROWS, DF_STAGE_SPARING | DF_STAGE_AS_FAST, DF_STAGE_SPARING_ROWS | DF_STAGE_AS_FAST};
    enum { N = sizeof stages / sizeof *stages };
    temp_dir d = temp_dir_new();
    char path[512];
    batch b = batch_of("x -1,3,24,24", by_rows, 1);
    uint8_t bits[N][64];
    snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
    df_net *net = net_of(&b, DF_PRECISION_INT8, path, NULL);
    size_t bytes = df__spared_bytes(net->program.n_values);
    assert_true(bytes <= sizeof *bits);
    for (int i = 0; i < N; i++) {
        memset(bits[i], 17 + i, bytes);
        CHECK(!df__stage_known(net, stages[i]));
        *df__stage_spared(net, stages[i]) = (df_spared){bits[i], bytes};
        CHECK(df__stage_keep_spared(net, stages[i]));
    }
    df__net_free(net);
    net = net_of(&b, DF_PRECISION_INT8, path, NULL);
    for (int i = 0; i < N; i++) {
        CHECK(df__stage_known(net, stages[i] | DF_STAGE_ALONE));
        assert_int_equal(bytes, df__stage_spared(net, stages[i])->bytes);
        assert_memory_equal(bits[i], df__stage_spared(net, stages[i])->bits, bytes);
    }
    CHECK(!df__stage_known(net, -1) && !df__stage_known(net, DF_STAGES));
    df__net_free(net);
    batch_free(&b);
}

TEST(each_allocation_refused_in_turn)
{
    batch b = batch_of("x -1,3,12,12", by_rows, 2);
    bool whole = false;
    for (size_t n = 1; !whole; n++) {
        temp_dir d = temp_dir_new();
        df_tensor out;
        df_net *net = net_of(&b, DF_PRECISION_STRICT, temp_path(&d, "cache"), NULL);
        plant(net, DF_STAGE_EXACT, DF_STAGE_EXACT | DF_STAGE_ALONE);
        test_alloc_fail_at(n);
        df_status st = df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err);
        whole = test_alloc_count() < n;
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
        CHECK(!whole || st == DF_OK);
        df__net_free(net);
    }
    batch_free(&b);
}
