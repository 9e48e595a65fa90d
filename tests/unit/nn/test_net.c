/* test_net.c - checks at load and at run, plans for changing shapes, graphs whose shapes depend on data. */
#include "net_text.h"
#include "nn/half.h"

static df_error err;

static df_status load(const char *inputs, const char *text, const char *outputs, df_net **out)
{
    df_graph *g;
    CHECK_OK(graph_of(inputs, text, outputs, 13, &g, &err));
    return df__net_new(g, NULL, out, &err);
}

/* ---- graphs that make no sense: each error names the node ---- */

static void refused(df_status status, const char *inputs, const char *text, const char *part)
{
    df_net *net = NULL;
    CHECK_STATUS(status, load(inputs, text, "y", &net));
    assert_null(net);
    CHECK_HAS(err.message, "text: ");
    CHECK_HAS(err.message, part);
}

TEST(malformed_graphs_are_refused_at_load)
{
    refused(DF_E_BAD_MODEL, "x 1,2", "Add x,b > a\nRelu a > b\nRelu b > y", "(Add): is part of a cycle");
    refused(DF_E_BAD_MODEL, "x 1,2", "Relu y > y", "cycle");
    refused(DF_E_BAD_MODEL, "x 1,2", "Add x,nowhere > y", "node \"Add_0\" (Add): input \"nowhere\" is made nowhere");
    refused(DF_E_UNSUPPORTED, "x 1,2", "Relu x > a\nFancyNewThing a > y", "node \"FancyNewThing_1\" (FancyNewThing): operator FancyNewThing is not supported");
    refused(DF_E_BAD_MODEL, "x 1,2", "Relu x > a", "output \"y\" is made nowhere");
    refused(DF_E_BAD_MODEL, "x 1,2", "Relu x > y\nExp x > y", "\"y\" is made twice");
    refused(DF_E_BAD_MODEL, "x 1,2", "If x > y", "no then_branch");
}

TEST(constants_that_do_not_fit_are_refused_at_load)
{
    refused(DF_E_BAD_MODEL, "x 1,2", "const a 2,3\nconst b 2,2\nMatMul a,b > c\nAdd x,c > y", "node \"MatMul_0\" (MatMul): 3 columns times 2 rows");
    refused(DF_E_LIMIT, "x 1,2", "ints s 1000000,1000000\nConstantOfShape s > c\nAdd x,c > y", "node \"ConstantOfShape_0\" (ConstantOfShape)");
}

static void refused_at_run(df_status status, const char *inputs, const char *text, const char *part)
{
    df_net *net;
    df_tensor in[4], out;
    df_arena scratch = {0};
    CHECK_OK(load(inputs, text, "y", &net));
    size_t n = df__net_inputs(net);
    for (size_t i = 0; i < n; i++) {
        in[i] = df__net_input(net, i)->shape;
        fill(&in[i]);
    }
    for (int again = 0; again < 2; again++) {
        CHECK_STATUS(status, df__net_run(net, in, n, &out, 1, 1, &scratch, &err));
        CHECK_HAS(err.message, part);
    }
    for (size_t i = 0; i < n; i++)
        free(in[i].data);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(shapes_that_do_not_fit_name_the_node)
{
    refused_at_run(DF_E_BAD_MODEL, "x 1,3,8,8", "const w 4,5,3,3\nConv x,w > y", "text: node \"Conv_0\" (Conv): weights for 5 channels a group, the input has 3");
    refused_at_run(DF_E_BAD_MODEL, "x 1,3,8,8", "const w 4,3,9,9\nConv x,w > y", "(Conv): a window of 9 over 8 pixels");
    refused_at_run(DF_E_BAD_MODEL, "x 1,3,8,8", "const w 4,3,3,3\nconst b 5\nConv x,w,b > y", "(Conv): a bias of 5 values for 4 channels");
    refused_at_run(DF_E_BAD_MODEL, "x 1,3,8,8", "const w 4,3,3,3\nConv x,w > y | strides:0,1", "(Conv): attribute strides holds 0");
    refused_at_run(DF_E_BAD_MODEL, "x 1,3,8,8", "const w 4,3,3,3\nConv x,w > y | pads:-1,0,0,0", "(Conv): attribute pads");
    refused_at_run(DF_E_BAD_MODEL, "x 1,3,8,8", "const w 4,3,3,3\nConv x,w > y | group:0", "(Conv): 0 groups");
    refused_at_run(DF_E_BAD_MODEL, "x 2,3;z 2,4", "Add x,z > y", "(Add): dimension 1 is 3 and 4, which do not broadcast");
    refused_at_run(DF_E_BAD_MODEL, "x 2,3", "ints s 4,2\nReshape x,s > y", "(Reshape): 6 elements do not fit a shape of 8");
    refused_at_run(DF_E_BAD_MODEL, "x 2,3;z 2,4", "Concat x,z > y | axis:0", "(Concat): input 1 does not fit input 0");
    refused_at_run(DF_E_BAD_MODEL, "x 2,3", "Softmax x > y | axis:5", "(Softmax): axis 5 of 2 dimensions");
    refused_at_run(DF_E_BAD_MODEL, "x 2,3", "Transpose x > y | perm:0,0", "(Transpose): perm is no permutation");
    refused_at_run(DF_E_BAD_MODEL, "x 2,3", "ints i 3\nGather x,i > y", "(Gather): index 3 of 2");
    refused_at_run(DF_E_LIMIT, "x 1,1", "ints s 9000000000,1\nExpand x,s > y", "(Expand): a tensor of 9000000000 elements");
    refused_at_run(DF_E_LIMIT, "x 1,1", "ints p 0,0,2000000000,2000000000\nPad x,p > y", "(Pad): a tensor of");
    refused_at_run(DF_E_BAD_MODEL, "x 1,3", "Relu x,x,x > y", "(Relu): 3 inputs and 1 outputs, needs 1 to 1");
}

TEST(too_much_work_is_refused)
{
    df_graph *g;
    df_net *net;
    df_arena scratch = {0};
    df_tensor in, out;
    static const df_budget small = {1 << 20, 1000};
    CHECK_OK(graph_of("x 1,3,8,8", "const w 4,3,3,3\nConv x,w > y", "y", 13, &g, &err));
    CHECK_OK(df__net_new(g, &(df_net_opts){.limits = &small}, &net, &err));
    in = df__net_input(net, 0)->shape;
    fill(&in);
    CHECK_STATUS(DF_E_LIMIT, df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    CHECK_HAS(err.message, "(Conv): 144 x 27 multiply-adds, the limit is 1000");
    free(in.data);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(inputs_are_checked_against_what_the_network_declares)
{
    df_net *net;
    float data[64] = {0};
    df_arena scratch = {0};
    df_tensor out, in = {.type = DF_F32, .rank = 2, .dims = {2, 4}, .data = data};
    CHECK_OK(load("x -1,3", "Relu x > y", "y", &net));
    CHECK_STATUS(DF_E_ARGUMENT, df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    CHECK_HAS(err.message, "input \"x\" is float32 2x4, the network takes float32 -1x3");
    in.dims[1] = 3;
    in.type = DF_I64;
    CHECK_STATUS(DF_E_ARGUMENT, df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    in.type = DF_F32;
    in.dims[0] = -2;
    CHECK_STATUS(DF_E_ARGUMENT, df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    in.dims[0] = 2;
    CHECK_STATUS(DF_E_ARGUMENT, df__net_run(net, &in, 1, &out, 1, 0, &scratch, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__net_run(net, &in, 0, &out, 1, 1, &scratch, &err));
    in.data = NULL;
    CHECK_STATUS(DF_E_ARGUMENT, df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    in.data = data;
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    assert_int_equal(out.dims[0], 2);
    df__arena_free(&scratch);
    df__net_free(net);
    df__net_free(NULL);
}

TEST(nodes_may_come_in_any_order)
{
    df_net *net;
    df_arena scratch = {0};
    df_tensor in = {.type = DF_F32, .rank = 1, .dims = {2}, .data = (float[]){-1, 2}}, out;
    CHECK_OK(load("x 2", "Neg c > y\nAbs b > c\nAdd a,a > b\nRelu x > a", "y", &net));
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    CHECK_NEAR(-4, ((float *)out.data)[1], 0);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(shapes_may_change_from_run_to_run)
{
    df_net *net;
    df_arena scratch = {0};
    float data[40 * 40];
    for (int i = 0; i < 1600; i++)
        data[i] = (float)i;
    CHECK_OK(load("x 1,1,-1,-1", "const w 1,1,1,1 positive\nConv x,w > a\nReduceSum a > y | keepdims:0", "y", &net));
    float w = 0;
    for (int round = 0; round < 3; round++)
        for (int side = 1; side <= 20; side++) { /* more than are kept */
            df_tensor out, in = {.type = DF_F32, .rank = 4, .dims = {1, 1, side, 2 * side}, .data = data};
            double n = 2.0 * side * side;
            CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
            assert_int_equal(out.rank, 0);
            if (w == 0)
                w = *(float *)out.data / 1; /* 0 + 1 times the weight */
            CHECK_NEAR(n * (n - 1) / 2 * (double)w, *(float *)out.data, 1e-5 * n * n);
            df__arena_reset(&scratch);
        }
    df__arena_free(&scratch);
    df__net_free(net);
}

/* Reshape to a shape that is computed from the numbers: no plan can know it. */
TEST(shapes_that_depend_on_data_are_found_step_by_step)
{
    df_net *net;
    df_arena scratch = {0};
    df_tensor out, in = {.type = DF_F32, .rank = 1, .dims = {6}, .data = (float[]){0, 1, 2, 3, 4, 5}};
    CHECK_OK(load("x 6", "ints two 2\nints m -1\nReduceMax x > top | axes:0 keepdims:1\nCast top > t | to:7\nSub t,two > r\nConcat r,m > s | axis:0\nReshape x,s > y",
                  "y", &net));
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    assert_int_equal(out.dims[0], 3); /* 5 - 2 */
    assert_int_equal(out.dims[1], 2);
    ((float *)in.data)[5] = 8;
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    assert_int_equal(out.dims[0], 6);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(half_floats_are_widened_and_narrowed_at_the_door)
{
    df_graph *g;
    df_net *net;
    df_node *node;
    df_arena scratch = {0};
    uint16_t half[3];
    df_tensor out, in = {.type = DF_F16, .rank = 1, .dims = {3}, .data = half};
    df__f32_to_halves(DF_F16, (float[]){1, -2, 0.5f}, half, 3);
    CHECK_OK(df__graph_new("half", 13, &g, &err));
    CHECK_OK(df__graph_add_input(g, "x", DF_F16, 1, (int64_t[]){3}, &err));
    CHECK_OK(df__graph_add_const(g, "c", &(df_tensor){.type = DF_F16, .rank = 1, .dims = {3}, .data = half}, &err));
    CHECK_OK(df__graph_add_node(g, "Mul", "square", (const char *[]){"x", "c", NULL}, (const char *[]){"y", NULL}, &node, &err));
    CHECK_OK(df__graph_add_output(g, "y", &err));
    g->outputs[0].shape.type = DF_F16;
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    assert_int_equal(out.type, DF_F16);
    float y[3];
    df__halves_to_f32(DF_F16, out.data, y, 3);
    CHECK_NEAR(4, y[1], 0);
    CHECK_NEAR(0.25, y[2], 0);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(weights_may_lie_askew)
{
    static unsigned char bytes[4 * 3 * 9 * 4 + 3];
    df_graph *g;
    df_net *net;
    df_node *node;
    df_arena scratch = {0};
    float x[3 * 25];
    df_tensor out, in = {.type = DF_F32, .rank = 4, .dims = {1, 3, 5, 5}, .data = x};
    for (int i = 0; i < 75; i++)
        x[i] = 1;
    for (int i = 0; i < 108; i++)
        memcpy(bytes + 3 + 4 * i, &(float){(float)(i % 27)}, 4);
    CHECK_OK(df__graph_new("askew", 13, &g, &err));
    CHECK_OK(df__graph_add_input(g, "x", DF_F32, 4, in.dims, &err));
    CHECK_OK(df__graph_add_const(g, "w", &(df_tensor){.type = DF_F32, .rank = 4, .dims = {4, 3, 3, 3}, .data = bytes + 3}, &err));
    CHECK_OK(df__graph_add_node(g, "Conv", "c", (const char *[]){"x", "w", NULL}, (const char *[]){"y", NULL}, &node, &err));
    CHECK_OK(df__graph_add_output(g, "y", &err));
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    CHECK_NEAR(26 * 27 / 2, ((float *)out.data)[0], 1e-4); /* 0 + 1 + ... + 26 */
    df__arena_free(&scratch);
    df__net_free(net);
}

/* ---- every allocation failing in turn ---- */

static df_status walk(void *arg, df_error *why)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_net *net = NULL;
    df_arena scratch = {0};
    float data[3 * 64] = {0};
    df_tensor out[2], in = {.type = DF_F32, .rank = 4, .dims = {1, 3, 8, 8}, .data = data};
    static const char *text = "const w 8,3,3,3\nconst v 8,8,3,3\nconst s 8,1,1\nints z 1,8,12,12\nconst f 8,4\n"
                              "Conv x,w > a | pads:1,1,1,1\nMul a,s > b\nRelu b > c\nConv c,v > d | pads:1,1,1,1\nAdd d,b > e\nResize e,_,_,z > r\n"
                              "MaxPool r > m | kernel_shape:2,2\nConcat m,m > k | axis:1\nSplit k > k1,k2 | axis:1\nGlobalAveragePool k1 > p\nFlatten p > q\n"
                              "Gemm q,f > y\nTranspose k2 > t | perm:1,0,3,2\nSoftmax t > u";
    (void)arg;
    DF_TRY(graph_of("x 1,3,-1,-1", text, "y,u", 13, &g, why));
    st = df__net_new(g, NULL, &net, why);
    g = NULL;
    if (st != DF_OK)
        goto done;
    DF_TRY(df__net_run(net, &in, 1, out, 2, 1, &scratch, why));
done:
    df__graph_free(g);
    df__arena_free(&scratch);
    df__net_free(net);
    return st;
}

TEST(each_failing_allocation_is_reported_and_leaks_nothing)
{
    assert_true(test_alloc_each(walk, NULL) > 10); /* those that only make things faster may fail unseen */
}
