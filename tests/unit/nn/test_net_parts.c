/* test_net_parts.c - a batch in parts gives what the whole batch gives, on any number of threads; a network whose photos see each other is never cut. */
#include "net_text.h"
#include "nn/net_part.h"
#include "temp_dir.h"

enum { BATCH = 8, SIDE = 12, PIXELS = 3 * SIDE * SIDE };

static const char *const convolutions = "const w 16,3,3,3\nconst v 16,16,3,3\nconst f 16,20\nConv x,w > a | pads:1,1,1,1\nRelu a > b\nConv b,v > c | pads:1,1,1,1\n"
                                        "Add b,c > s\nGlobalAveragePool s > p\nFlatten p > q\nGemm q,f > y\n";
static df_error err;
static float pixels[BATCH * PIXELS];

static df_net *net_of(const char *inputs, const char *text, const char *outputs, const char *cache)
{
    df_net *net;
    df_graph *g;
    df_net_opts opts = {.precision = DF_PRECISION_FAST, .cache = cache, .model_hash = {1}};
    CHECK_OK(graph_of(inputs, text, outputs, 13, &g, &err));
    CHECK_OK(df__net_new(g, &opts, &net, &err));
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = 2 * random_float() - 1;
    return net;
}

/* What the network was found to do with a batch, as it is kept. */
static bool found_alone(df_net *net)
{
    df_pack_key key = df__pack_key_new("photos alone");
    return df__packer_number(net->packer, &key) == 1;
}

static df_tensor photos(int64_t first, int64_t n)
{
    return (df_tensor){.type = DF_F32, .rank = 4, .dims = {n, 3, SIDE, SIDE}, .data = pixels + first * PIXELS};
}

static void check_rows(const df_tensor *together, const df_tensor *alone, int64_t first)
{
    size_t bytes = df__tensor_bytes(alone);
    assert_memory_equal((const char *)together->data + (size_t)(first / alone->dims[0]) * bytes, alone->data, bytes);
}

TEST(parts_are_the_photos_alone_on_any_number_of_threads)
{
    temp_dir d = temp_dir_new();
    df_net *net = net_of("x -1,3,12,12", convolutions, "y,q", temp_path(&d, "cache"));
    df_tensor in = photos(0, BATCH);
    for (int64_t rows = 1; rows < BATCH; rows *= 2)
        for (int threads = 1; threads <= 5; threads += 2) { /* 5: too few parts of 2 and 4 to lie side by side */
            df_cached *c, *whole;
            df_tensor out[2], alone[2], few = photos(0, rows);
            df_arena results = {0};
            CHECK_OK(df__net_compile_parts(net, &in, threads, rows, &c, &err));
            CHECK_OK(df__net_compile_close(net, &few, 1, &whole, &err)); /* a run might take these in parts too */
            assert_non_null(c);
            CHECK_OK(df__cached_run(c, &in, 1, out, &results, &err));
            for (int k = 0; k < 2; k++) {
                assert_int_equal(2, out[k].rank);
                assert_int_equal(BATCH, out[k].dims[0]);
                assert_int_equal(k == 0 ? 20 : 16, out[k].dims[1]);
            }
            for (int64_t at = 0; at < BATCH; at += rows) {
                df_tensor part = photos(at, rows);
                CHECK_OK(df__cached_run(whole, &part, 1, alone, &results, &err));
                for (int k = 0; k < 2 && (rows == 1 || at == 0); k++)
                    check_rows(&out[k], &alone[k], at);
            }
            df__cached_free(whole);
            df__cached_free(c);
            df__arena_free(&results);
        }
    df__net_free(net);
}

/* Whatever the trial finds, the answers are close to each photo's own; once more from what was kept. */
TEST(a_batch_is_close_to_its_photos)
{
    temp_dir d = temp_dir_new();
    char path[512];
    snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
    for (int again = 0; again < 2; again++) {
        df_net *net = net_of("x -1,3,12,12", convolutions, "y", path);
        df_arena results = {0};
        df_tensor in = photos(0, BATCH), together, twice, alone;
        CHECK_OK(df__net_run(net, &in, 1, &together, 1, 1, &results, &err));
        CHECK_OK(df__net_run(net, &in, 1, &twice, 1, 3, &results, &err));
        assert_int_equal(BATCH, together.dims[0]);
        CHECK(found_alone(net));
        check_rows(&together, &twice, 0); /* threads do not change an answer */
        for (int64_t i = 0; i < BATCH; i++) {
            df_tensor one = photos(i, 1);
            double xx = 0, ee = 0;
            CHECK_OK(df__net_run(net, &one, 1, &alone, 1, 1, &results, &err));
            for (int64_t k = 0; k < 20; k++) {
                double x = (double)((float *)alone.data)[k], e = (double)((float *)together.data)[i * 20 + k] - x;
                xx += x * x, ee += e * e;
            }
            assert_true(ee <= 0.01 * 0.01 * xx);
        }
        df__arena_free(&results);
        df__net_free(net);
    }
}

/* Each of these mixes photos, or counts something else first: together the answer is the plain one's. */
static const struct { const char *text; const char *inputs; } mixed[] = {
    {"const f 432,20\nFlatten x > q\nGemm q,f > a\nSoftmax a > y | axis:0\n", "x -1,3,12,12"},
    {"const f 432,20\nFlatten x > q\nGemm q,f > a\nints i 0\nReduceMax a > m | axes:0 keepdims:1\nDiv a,m > y\n", "x -1,3,12,12"}, /* one direction, another length */
    {"const f 432,20\nFlatten x > q\nGemm q,f > a\nTranspose a > y | perm:1,0\n", "x -1,3,12,12"},
    {"const f 432,20\nFlatten x > q\nGemm q,f > a\nReduceMean a > y | axes:0 keepdims:0\n", "x -1,3,12,12"},
    {"const f 432,20\nFlatten x > q\nGemm q,f > a\nConcat a,a > y | axis:0\n", "x -1,3,12,12"},
    {"const f 432,20\nFlatten x > q\nGemm q,f > a\nints r -1,40\nReshape a,r > y\n", "x -1,3,12,12"},
    {"const f 432,20\nFlatten x > q\nGemm q,f > y\n", "x 8,3,12,12"}, /* a fixed batch */
};

TEST(photos_that_see_each_other_stay_together)
{
    for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++)
        for (int threads = 1; threads < 3; threads++) {
            temp_dir d = temp_dir_new();
            char path[512];
            snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
            for (int again = 0; again < 2; again++) {
                df_net *net = net_of(mixed[i].inputs, mixed[i].text, "y", path);
                df_graph *g;
                df_arena results = {0};
                df_tensor in = photos(0, BATCH), out, plain;
                df_cached *c;
                CHECK_OK(graph_of(mixed[i].inputs, mixed[i].text, "y", 13, &g, &err));
                CHECK_OK(plain_run(g, &in, &plain, &results, &err));
                CHECK_OK(df__net_compile_fastest(net, &in, threads, &c, &err));
                assert_null(c->part);
                CHECK(!found_alone(net));
                df__cached_free(c);
                CHECK_OK(df__net_run(net, &in, 1, &out, 1, threads, &results, &err));
                assert_int_equal(df__tensor_bytes(&plain), df__tensor_bytes(&out));
                for (int64_t k = 0; k < df__tensor_count(&out); k++)
                    CHECK_NEAR(((float *)plain.data)[k], ((float *)out.data)[k], 0.02 + 0.02 * fabs((double)((float *)plain.data)[k]));
                df__arena_free(&results);
                df__graph_free(g);
                df__net_free(net);
            }
        }
}

/* Clips of eight photos: two alone are none, and the trial that finds it fails no run. */
TEST(what_cannot_do_with_two_photos_stays_together)
{
    static const char *const texts[] = {"const f 432,512\nFlatten x > q\nGemm q,f > a\nints s -1,8,512\nReshape a,s > b\nReduceMean b > c | axes:1 keepdims:0\nExpand c,e > d\nReshape d,t > y\n",
                                        "const f 432,20\nFlatten x > q\nGemm q,f > a\nints s 8,20\nReshape a,s > y\n"};
    for (int i = 0; i < 2; i++) {
        temp_dir d = temp_dir_new();
        char text[512];
        snprintf(text, sizeof text, "ints e 8,512\nints t 8,512\n%s", texts[i]);
        df_net *net = net_of("x -1,3,12,12", text, "y", temp_path(&d, "cache"));
        df_arena results = {0};
        df_tensor in = photos(0, BATCH), out;
        CHECK_OK(df__net_run(net, &in, 1, &out, 1, 2, &results, &err));
        assert_int_equal(BATCH, out.dims[0]);
        CHECK(!found_alone(net));
        df__arena_free(&results);
        df__net_free(net);
    }
}

/* There is no noise of bytes: a mean over photos that are all alike would look like none. */
TEST(photos_of_bytes_stay_together)
{
    temp_dir d = temp_dir_new();
    df_net *net;
    df_graph *g;
    df_node *node;
    df_cached *c;
    uint8_t bytes[BATCH * 8] = {1, 2, 3};
    const df_tensor in = {.type = DF_U8, .rank = 2, .dims = {BATCH, 8}, .data = bytes};
    const df_net_opts opts = {.precision = DF_PRECISION_FAST, .cache = temp_path(&d, "cache"), .model_hash = {1}};
    CHECK_OK(df__graph_new("text", 13, &g, &err));
    CHECK_OK(df__graph_add_input(g, "x", DF_U8, 2, (int64_t[]){-1, 8}, &err));
    CHECK_OK(df__graph_add_node(g, "Cast", "cast", (const char *[]){"x", NULL}, (const char *[]){"f", NULL}, &node, &err));
    CHECK_OK(df__node_set_int(g, node, "to", 1, &err));
    CHECK_OK(df__graph_add_node(g, "ReduceMean", "mean", (const char *[]){"f", NULL}, (const char *[]){"m", NULL}, &node, &err));
    CHECK_OK(df__node_set_ints(g, node, "axes", 1, (int64_t[]){0}, &err));
    CHECK_OK(df__graph_add_node(g, "Sub", "sub", (const char *[]){"f", "m", NULL}, (const char *[]){"y", NULL}, &node, &err));
    CHECK_OK(df__graph_add_output(g, "y", &err));
    CHECK_OK(df__net_new(g, &opts, &net, &err));
    CHECK_OK(df__net_compile_fastest(net, &in, 2, &c, &err));
    CHECK(!c->part && !found_alone(net));
    df__cached_free(c);
    df__net_free(net);
}

TEST(each_allocation_of_a_batch_refused_in_turn)
{
    for (size_t n = 1;; n++) {
        temp_dir d = temp_dir_new();
        df_net *net = net_of("x -1,3,12,12", "const w 4,3,3,3\nConv x,w > y | pads:1,1,1,1\n", "y", temp_path(&d, "cache"));
        df_tensor in = photos(0, BATCH), out;
        df_arena results = {0};
        df_cached *c = NULL;
        test_alloc_fail_at(n);
        df_status st = df__net_compile_fastest(net, &in, 2, &c, &err);
        if (st == DF_OK) {
            df__cached_free(c);
            st = df__net_compile_parts(net, &in, 2, 4, &c, &err);
        }
        if (st == DF_OK && c)
            st = df__cached_run(c, &in, 1, &out, &results, &err);
        size_t made = test_alloc_count();
        test_alloc_fail_at(0);
        if (st != DF_OK)
            assert_int_equal(DF_E_NO_MEMORY, st);
        df__cached_free(c);
        df__arena_free(&results);
        df__net_free(net);
        if (made < n)
            return;
        CHECK(n < 4000);
    }
}
