/* test_stack.c - layers that are computed together, row by row, answer as the same graph does operator by operator. */
#include "nn/net.h"
#include "pass_check.h"

/* Names of the kernels that a plan of the graph has, with spaces between them. */
static void kernels_of(df_net *net, const df_tensor *in, size_t n_in, char *out, size_t size)
{
    df_arena scratch = {0};
    df_layer *layers;
    size_t n = 0, used = 0;
    CHECK_OK(df__net_profile(net, in, n_in, 1, 1, &scratch, &layers, &n, &err));
    out[0] = '\0';
    for (size_t i = 0; i < n && used < size; i++)
        if (strstr(layers[i].kernel, "by rows"))
            used += (size_t)snprintf(out + used, size - used, "%d ", atoi(layers[i].kernel));
    df__arena_free(&scratch);
}

/* `stacks`: how many layers each has, in the order of the steps. */
static void check_stacks(const char *inputs, const char *text, const char *outputs, const char *stacks)
{
    df_graph *g;
    df_net *net;
    df_tensor in[4], expected[8], actual[8];
    df_arena results = {0};
    char names[256];
    CHECK_OK(graph_of(inputs, text, outputs, 13, &g, &err));
    size_t n_in = g->n_inputs, n_out = g->n_outputs;
    for (size_t i = 0; i < n_in; i++) {
        in[i] = g->inputs[i].shape;
        fill(&in[i]);
    }
    CHECK_OK(plain_run(g, in, expected, &results, &err));
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    kernels_of(net, in, n_in, names, sizeof names);
    assert_string_equal(stacks, names);
    void *first[8];
    for (int threads = 1; threads <= 4; threads++) {
        CHECK_OK(df__net_run(net, in, n_in, actual, n_out, threads, &results, &err));
        for (size_t i = 0; i < n_out; i++) {
            compare(&expected[i], &actual[i]);
            first[i] = threads == 1 ? actual[i].data : first[i];
            CHECK(memcmp(first[i], actual[i].data, df__tensor_bytes(&actual[i])) == 0);
        }
    }
    for (size_t i = 0; i < n_in; i++)
        free(in[i].data);
    df__arena_free(&results);
    df__net_free(net);
}

TEST(a_first_convolution_reads_the_planes_of_the_input)
{
    check_stacks("x 1,3,19,21", "const w 16,3,3,3\nconst b 16\nConv x,w,b > a | pads:1,1,1,1 strides:2,2\nRelu a > y", "y", "2 ");
    check_stacks("x 2,3,40,33", "const w 24,3,5,5\nconst s 24,1,1\nConv x,w > a | pads:1,1,2,2 strides:2,2\nPRelu a,s > y", "y", "2 ");
    check_stacks("x 2,3,12,13", "const w 16,3,1,1\nconst v 16,16,1,1\nConv x,w > a | pads:1,1,1,1\nConv a,v > y", "y", "3 "); /* a border of one pixel's window */
    check_stacks("x 1,3,12,13", "const w 16,3,1,1\nconst v 16,16,1,1\nConv x,w > a | pads:0,1,0,1 strides:2,2\nConv a,v > y", "y", "3 ");
    check_stacks("x 1,4,9,9", "const w 20,4,1,1\nConv x,w > a | pads:0,0,2,3\nMaxPool a > y | kernel_shape:2,2", "y", "3 ");
    check_stacks("x 1,1,17,9", "const w 37,1,4,2\nConv x,w > y | dilations:2,1 pads:3,0,3,1", "y", "");
    check_stacks("x 1,4,50,64", "const w 53,4,3,3\nConv x,w > a\nMaxPool a > y | kernel_shape:3,3 strides:2,2 pads:1,1,1,1", "y", "3 ");
}

TEST(of_all_numbers_of_channels_and_pixels)
{
    for (int c = 16; c <= 130; c += 19)
        for (int w = 1; w <= 24; w += 5) {
            char text[512], in[64];
            snprintf(in, sizeof in, "x 1,3,%d,%d", 60 - w, w);
            snprintf(text, sizeof text,
                     "const f %d,3,1,1\nconst u %d,%d,1,1\nconst v %d,1,3,3\nconst b %d\nConv x,f > a\nConv a,u > c\nRelu c > d\n"
                     "Conv d,v,b > y | group:%d pads:1,1,1,1", c, c, c, c, c, c);
            check_stacks(in, text, "y", c <= 128 ? "4 " : "2 ");
        }
}

TEST(pointwise_and_depthwise_layers_and_pools_in_one)
{
    check_stacks("x 1,3,70,50",
                 "const a 16,3,3,3\nconst b 16,16,1,1\nconst c 16,1,3,3\nconst d 32,16,1,1\nconst e 32,1,3,3\nconst f 32,1,5,5\n"
                 "Conv x,a > x1 | pads:1,1,1,1 strides:2,2\nRelu x1 > x2\nConv x2,b > x3\nConv x3,c > x4 | group:16 pads:1,1,1,1\nRelu x4 > x5\n"
                 "MaxPool x5 > x6 | kernel_shape:2,2 strides:2,2\nConv x6,d > x7\nConv x7,e > x8 | group:32 pads:0,0,1,1 strides:2,2\n"
                 "LeakyRelu x8 > x9 | alpha:=0.2\nConv x9,f > y | group:32 pads:4,4,4,4 dilations:2,2", "y", "8 ");
}

TEST(sums_with_what_is_padded_or_pooled_beside)
{
    const char *text = "ints p 0,0,0,0,0,7,0,0\nconst f 20,3,1,1\nconst u 20,1,3,3\nconst v 27,20,1,1\nConv x,f > a\n"
                       "MaxPool a > m | kernel_shape:2,2 strides:2,2\nPad m,p > n\nConv a,u > b | group:20 pads:0,0,1,1 strides:2,2\nConv b,v > c\n"
                       "Add c,n > d\nRelu d > y";
    check_stacks("x 1,3,64,48", text, "y", "2 4 ");
    /* the sum's other side is read elsewhere too, or stands behind the channels */
    check_stacks("x 1,3,64,48", text, "y,n", "2 2 2 ");
    check_stacks("x 1,3,20,20", "const f 20,3,1,1\nconst u 20,1,3,3\nconst v 20,20,1,1\nConv x,f > a\nConv a,u > b | group:20 pads:1,1,1,1\n"
                                "Conv b,v > c\nAdd c,a > d\nClip d > e\nConv e,v > y", "y", "2 3 ");
}

TEST(more_layers_than_a_stack_holds)
{
    char text[4096] = "const f 16,3,3,3\nconst v 16,1,3,3\nConv x,f > a0 | pads:1,1,1,1\n";
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "Conv a%d,v > a%d | group:16 pads:1,1,1,1\n", i, i + 1);
    check_stacks("x 1,3,33,20", text, "a40", "10 32 ");
    /* the last place goes to no layer that would need one more */
    snprintf(text, sizeof text, "const f 16,3,3,3\nconst v 16,1,3,3\nConv x,f > a0 | pads:1,1,1,1\n");
    for (int i = 0; i < 31; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "Conv a%d,v > a%d | group:16 pads:1,1,1,1\n", i, i + 1);
    check_stacks("x 1,3,33,20", text, "a31", "2 31 ");
}

TEST(what_is_no_layer_of_a_stack)
{
    /* few channels, many weights, other groups, curves, weights that come with the call */
    check_stacks("x 1,3,9,9", "const f 15,3,1,1\nconst v 15,1,3,3\nConv x,f > a\nConv a,v > y | group:15", "y", "");
    check_stacks("x 1,160,9,9", "const f 160,160,1,1\nconst g 160,160,1,1\nConv x,f > a\nConv a,g > y", "y", "");
    check_stacks("x 1,32,9,9", "const f 32,2,3,3\nconst g 32,2,3,3\nConv x,f > a | group:16\nConv a,g > y | group:16", "y", "");
    check_stacks("x 1,3,9,9", "const f 32,3,1,1\nConv x,f > a\nTanh a > y", "y", "");
    check_stacks("x 1,3,9,9;w 32,3,1,1", "Conv x,w > a\nMaxPool a > y | kernel_shape:2,2", "y", "");
    /* windows that see nothing, and means */
    check_stacks("x 1,3,9,9", "const f 32,3,3,3\nConv x,f > a\nAveragePool a > y | kernel_shape:2,2", "y", "2 ");
}

/* A network that has to be close, and nobody to measure how close: layers by rows, their products of bfloat16 where that is fast. */
static const df_net_opts exacting = {.precision = DF_PRECISION_FAST, .least_cosine = 0.9998},
                         more_exacting = {.precision = DF_PRECISION_FAST, .least_cosine = 0.9998, .exact_weights = true};

static const char small_net[] = "const a 16,3,3,3\nconst b 16,16,1,1\nconst c 16,1,3,3\nconst d 16\nConv x,a > x1 | pads:1,1,1,1\nConv x1,b,d > x2\n"
                                "Conv x2,c > x3 | group:16 pads:1,1,1,1\nMaxPool x3 > y | kernel_shape:2,2 strides:2,2";

static double cosine(const df_tensor *a, const df_tensor *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < df__tensor_count(a); i++) {
        double x = (double)((const float *)a->data)[i], y = (double)((const float *)b->data)[i];
        ab += x * y, aa += x * x, bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

static void check_cosine(const char *inputs, const char *text, const char *stacks, const df_net_opts *opts, double least)
{
    df_graph *g;
    df_net *net;
    df_tensor in, expected, actual;
    df_arena results = {0};
    char names[64];
    CHECK_OK(graph_of(inputs, text, "y", 13, &g, &err));
    in = g->inputs[0].shape;
    fill(&in);
    CHECK_OK(plain_run(g, &in, &expected, &results, &err));
    CHECK_OK(df__net_new(g, opts, &net, &err));
    kernels_of(net, &in, 1, names, sizeof names);
    assert_string_equal(stacks, names);
    void *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        CHECK_OK(df__net_run(net, &in, 1, &actual, 1, threads, &results, &err));
        CHECK(cosine(&expected, &actual) >= least);
        first = first ? first : actual.data;
        CHECK(memcmp(first, actual.data, df__tensor_bytes(&actual)) == 0);
    }
    free(in.data);
    df__arena_free(&results);
    df__net_free(net);
}

/* Three layers of bfloat16 products: 0.99998 and more. */
static void check_close(const char *inputs, const char *text, const char *stacks) { check_cosine(inputs, text, stacks, &exacting, 0.9999); }

TEST(exact_weights_are_closer)
{
    check_cosine("x 1,3,24,24", small_net, "5 ", &more_exacting, 1 - 1e-9); /* a small product: pairs, 16 bits a number */
    check_cosine("x 1,3,150,150", small_net, "5 ", &more_exacting, 1 - 5e-6); /* a large one: inputs round by up to 2^-9, by 1e-3 as a rule, whose square is halved in a cosine */
}

TEST(a_network_that_has_to_be_close_goes_by_rows)
{
    check_close("x 1,3,24,24", small_net, "5 ");
    check_close("x 2,3,70,51", "const a 24,3,5,5\nconst b 28,24,1,1\nconst c 28,1,5,5\nconst d 28,28,1,1\nConv x,a > x1 | pads:1,1,2,2 strides:2,2\nRelu x1 > x2\n"
                               "Conv x2,b > x3\nConv x3,c > x4 | group:28 pads:2,2,2,2\nConv x4,d > x5\nAdd x5,x3 > x6\nRelu x6 > y", "3 2 ");
    /* windows that are too wide for a step of pairs, and a row of few pixels */
    check_close("x 1,3,40,9", "const a 16,3,7,7\nconst b 100,16,1,1\nConv x,a > x1 | pads:3,3,3,3\nConv x1,b > y", "3 ");
}

/* Two layers read the pixels, which then lie outside of both stacks, channels last: float32, not the pairs of a ring. */
TEST(pixels_that_more_than_one_layer_reads)
{
    check_close("x 1,3,24,20", "const a 16,3,1,1\nconst b 32,16,1,1\nconst c 16,3,1,1\nconst d 32,16,1,1\nConv x,a > x1\nConv x1,b > x2\nConv x,c > x3\nConv x3,d > x4\n"
                               "Concat x2,x4 > y | axis:1", "2 2 ");
}

static void check_failing_allocations(const df_net_opts *opts)
{
    df_graph *g;
    df_tensor in, out;
    bool all = false;
    CHECK_OK(graph_of("x 1,3,24,24", small_net, "y", 13, &g, &err));
    in = g->inputs[0].shape;
    fill(&in);
    df__graph_free(g);
    for (size_t n = 1; !all; n++) {
        df_net *net = NULL;
        df_arena results = {0};
        CHECK_OK(graph_of("x 1,3,24,24", small_net, "y", 13, &g, &err));
        test_alloc_fail_at(n);
        df_status st = df__net_new(g, opts, &net, &err);
        if (st == DF_OK)
            st = df__net_run(net, &in, 1, &out, 1, 1, &results, &err);
        all = test_alloc_count() < n;
        test_alloc_fail_at(0);
        if (st != (all ? DF_OK : DF_E_NO_MEMORY) && st != DF_OK)
            fail_msg("allocation %zu: %s: %s", n, df_status_text(st), err.message);
        df__net_free(net);
        df__arena_free(&results);
    }
    free(in.data);
}

TEST(each_failing_allocation_is_reported_and_leaks_nothing)
{
    check_failing_allocations(NULL);
    check_failing_allocations(&exacting);
}
