/* Small nets whose numbers are worked out by hand; the real SSD against OpenCV is in tests/golden. */
#include "models/caffe.h"
#include "weights.h"

static df_error err;

/* ---- writing a caffemodel ---- */

typedef struct model {
    uint8_t bytes[8192];
    size_t  len;
} model;

static void put_varint(model *m, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        m->bytes[m->len++] = (uint8_t)(v | 128);
    m->bytes[m->len++] = (uint8_t)v;
}

static void put_field(model *m, unsigned number, const void *data, size_t len)
{
    put_varint(m, number << 3 | 2);
    put_varint(m, len);
    memcpy(m->bytes + m->len, data, len);
    m->len += len;
}

/* A layer with one or two blobs of floats. v1: as V1LayerParameter. doubles: stored as such. */
typedef struct stored { const char *name; size_t n[3]; const float *v[3]; bool v1, doubles; } stored;

static void put_layer(model *m, const stored *s)
{
    static model layer, blob;
    layer.len = 0;
    put_field(&layer, s->v1 ? 4 : 1, s->name, strlen(s->name));
    for (int i = 0; i < 3 && s->n[i]; i++) {
        double d[64];
        blob.len = 0;
        for (size_t k = 0; k < s->n[i] && k < 64; k++)
            d[k] = (double)s->v[i][k];
        if (s->doubles)
            put_field(&blob, 8, d, s->n[i] * sizeof *d);
        else
            put_field(&blob, 5, s->v[i], s->n[i] * sizeof(float));
        put_field(&layer, s->v1 ? 6 : 7, blob.bytes, blob.len);
    }
    put_field(m, s->v1 ? 2 : 100, layer.bytes, layer.len);
}

static df_status parse(const char *text, const model *m, df_graph **g)
{
    df_bytes prototxt = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    df_bytes weights = {.data = m ? (uint8_t *)(uintptr_t)m->bytes : NULL, .len = m ? m->len : 0};
    df_status st = df__caffe_parse(&prototxt, &weights, "net", g, &err);
    CHECK((st == DF_OK) == (*g != NULL));
    return st;
}

static const df_node *node(const df_graph *g, const char *op)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].op, op) == 0)
            return &g->nodes[i];
    fail_msg("no %s in the graph", op);
    return NULL;
}

static void check_ints(const df_node *n, const char *name, size_t count, const int64_t *expected)
{
    const df_attr *a = df__node_attr(n, name);
    if (!a || a->kind != DF_ATTR_INTS || a->n != count)
        fail_msg("%s has no %zu numbers \"%s\"", n->op, count, name);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(a->v.ints[i], expected[i]);
}

static const float *floats(const df_graph *g, const char *name)
{
    const df_const *c = df__graph_const(g, name);
    if (!c)
        fail_msg("no constant %s", name);
    return c->tensor.data;
}

#define INPUT(c, h, w) "input: 'data' input_shape { dim: 1 dim: " #c " dim: " #h " dim: " #w " }\n"
#define LAYER(name, type, bottom, top) "layer { name: '" name "' type: '" type "' bottom: '" bottom "' top: '" top "' "

/* ---- layers ---- */

TEST(a_convolution_is_read)
{
    static const float w[2 * 3 * 3 * 2] = {1, 2, 3, [35] = 36}, b[2] = {0.5f, -0.5f};
    model m = {0};
    put_layer(&m, &(stored){.name = "c", .n = {36, 2}, .v = {w, b}});
    df_graph *g;
    CHECK_OK(parse(INPUT(3, 9, 9) LAYER("c", "Convolution", "data", "y")
                   "convolution_param { num_output: 2 kernel_h: 3 kernel_w: 2 stride: 2 pad_h: 1 pad_w: 0 dilation: 2 } }", &m, &g));
    const df_node *n = node(g, "Conv");
    check_ints(n, "kernel_shape", 2, (const int64_t[]){3, 2});
    check_ints(n, "strides", 2, (const int64_t[]){2, 2});
    check_ints(n, "pads", 4, (const int64_t[]){1, 0, 1, 0});
    check_ints(n, "dilations", 2, (const int64_t[]){2, 2});
    assert_int_equal(n->n_in, 3);
    assert_memory_equal(floats(g, n->in[1]), w, sizeof w);
    assert_memory_equal(floats(g, n->in[2]), b, sizeof b);
    assert_int_equal(g->n_outputs, 1); /* what no layer reads */
    assert_string_equal(g->outputs[0].name, "y");
    df__graph_free(g);
}

/* mean 6 / 2, var 8 / 2; the Scale behind it becomes gamma and beta. A layer in place makes a new value of its blob. */
TEST(batch_norm_and_scale_are_one_node)
{
    static const float mean[] = {6}, var[] = {8}, two[] = {2}, gamma[] = {3}, beta[] = {-1};
    model m = {0};
    put_layer(&m, &(stored){.name = "bn", .n = {1, 1, 1}, .v = {mean, var, two}});
    put_layer(&m, &(stored){.name = "sc", .n = {1, 1}, .v = {gamma, beta}});
    df_graph *g;
    CHECK_OK(parse(INPUT(1, 2, 2) LAYER("bn", "BatchNorm", "data", "y") "batch_norm_param { eps: 0.25 } }"
                   LAYER("sc", "Scale", "y", "y") "scale_param { bias_term: true } }" LAYER("r", "ReLU", "y", "y") "}", &m, &g));
    assert_int_equal(g->n_nodes, 3); /* norm, relu, and the output's name */
    const df_node *n = node(g, "BatchNormalization");
    assert_int_equal(n->n_in, 5);
    CHECK(*floats(g, n->in[1]) == 3 && *floats(g, n->in[2]) == -1 && *floats(g, n->in[3]) == 3 && *floats(g, n->in[4]) == 4);
    CHECK_NEAR(0.25, df__node_float(n, "epsilon", 0), 0);
    assert_string_equal(node(g, "Relu")->in[0], n->out[0]);
    assert_string_equal(g->outputs[0].name, "y");
    df__graph_free(g);

    /* Elsewhere a Scale stands alone. */
    CHECK_OK(parse(INPUT(1, 2, 2) LAYER("r", "ReLU", "data", "x") "}" LAYER("sc", "Scale", "x", "y") "scale_param { bias_term: true } }",
                   &m, &g));
    n = node(g, "BatchNormalization");
    CHECK(*floats(g, n->in[1]) == 3 && *floats(g, n->in[2]) == -1 && *floats(g, n->in[3]) == 0 && *floats(g, n->in[4]) == 1);
    CHECK_NEAR(0, df__node_float(n, "epsilon", 1), 0);
    df__graph_free(g);
}

/* Another layer reads the norm before it is scaled: both values are needed. */
TEST(a_scale_further_on_does_not_reach_back)
{
    static const float one[] = {1}, gamma[] = {3};
    model m = {0};
    put_layer(&m, &(stored){.name = "bn", .n = {1, 1, 1}, .v = {one, one, one}});
    put_layer(&m, &(stored){.name = "sc", .n = {1}, .v = {gamma}});
    df_graph *g;
    CHECK_OK(parse(INPUT(1, 2, 2) LAYER("bn", "BatchNorm", "data", "y") "}" LAYER("r", "ReLU", "y", "z") "}"
                   LAYER("sc", "Scale", "y", "y") "}", &m, &g));
    CHECK(*floats(g, node(g, "BatchNormalization")->in[1]) == 1);
    assert_int_equal(g->n_outputs, 2); /* y and z */
    df__graph_free(g);
}

/* 7 pixels, windows of 3 by 2: 0 2 4 fit; of 2 by 2: 0 2 4 6, the last with one pixel. Caffe rounds up. */
TEST(pooling_rounds_up)
{
    df_graph *g;
    CHECK_OK(parse(INPUT(1, 7, 7) LAYER("p", "Pooling", "data", "y") "pooling_param { kernel_size: 2 stride: 2 } }", NULL, &g));
    check_ints(node(g, "MaxPool"), "pads", 4, (const int64_t[]){0, 0, 1, 1});
    df__graph_free(g);
    CHECK_OK(parse(INPUT(1, 7, 7) LAYER("p", "Pooling", "data", "y") "pooling_param { kernel_size: 3 stride: 2 } }", NULL, &g));
    check_ints(node(g, "MaxPool"), "pads", 4, (const int64_t[]){0, 0, 0, 0});
    df__graph_free(g);
    /* 6 pixels and one around, 2 by 3: starts -1 2 5; 8 would begin outside. */
    CHECK_OK(parse(INPUT(1, 6, 6) LAYER("p", "Pooling", "data", "y")
                   "pooling_param { pool: AVE kernel_size: 2 stride: 3 pad: 1 } }", NULL, &g));
    const df_node *n = node(g, "AveragePool");
    check_ints(n, "pads", 4, (const int64_t[]){1, 1, 1, 1});
    assert_int_equal(df__node_int(n, "count_include_pad", 0), 1);
    df__graph_free(g);
    CHECK_STATUS(DF_E_UNSUPPORTED, parse(INPUT(1, 7, 7) LAYER("p", "Pooling", "data", "y")
                                         "pooling_param { pool: AVE kernel_size: 2 stride: 2 } }", NULL, &g));
    CHECK_OK(parse(INPUT(1, 7, 7) LAYER("p", "Pooling", "data", "y") "pooling_param { pool: AVE global_pooling: true } }", NULL, &g));
    (void)node(g, "GlobalAveragePool");
    df__graph_free(g);
}

/* 4 x 2 cells on 8 x 4 pixels; the first cell's centre is (1, 1). Boxes: 2 x 2, sqrt(2 * 8) = 4, 2 sqrt(4) x 2 / sqrt(4), upright. */
TEST(prior_boxes_are_worked_out)
{
    df_graph *g;
    CHECK_OK(parse(INPUT(1, 4, 8) LAYER("p", "Pooling", "data", "map") "pooling_param { kernel_size: 2 stride: 2 } }"
                   "layer { name: 'b' type: 'PriorBox' bottom: 'map' bottom: 'data' top: 'box' prior_box_param {"
                   " min_size: 2 max_size: 8 aspect_ratio: 4 aspect_ratio: 1 variance: [0.1, 0.1, 0.2, 0.2] } }"
                   "layer { name: 'd' type: 'DetectionOutput' bottom: 'map' bottom: 'box' top: 'found' }", NULL, &g));
    assert_int_equal(g->n_outputs, 2);
    assert_string_equal(g->outputs[0].name, "map");
    assert_string_equal(g->outputs[1].name, "box");
    const df_node *n = node(g, "Identity");
    assert_string_equal(n->out[0], "box");
    const df_const *c = df__graph_const(g, n->in[0]);
    assert_int_equal(c->tensor.rank, 3);
    assert_int_equal(c->tensor.dims[2], 4 * 2 * 4 * 4);
    static const double first[4][4] = {{0, 0, 2, 2}, {-1, -1, 3, 3}, {-1, 0.5, 3, 1.5}, {0.5, -1, 1.5, 3}};
    const float *box = c->tensor.data;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            CHECK_NEAR(first[i][k] / (k % 2 ? 4 : 8), box[4 * i + k], 1e-7);
    CHECK_NEAR(2.0 / 8, box[16], 1e-7);  /* the second cell is 2 to the right */
    CHECK_NEAR(2.0 / 4, box[64 + 1], 1e-7); /* the second row 2 lower */
    for (int i = 0; i < 128; i++)
        CHECK_NEAR(i % 4 < 2 ? 0.1 : 0.2, box[128 + i], 1e-7);
    df__graph_free(g);
}

TEST(constants_are_joined_along_an_axis)
{
    df_graph *g;
    CHECK_OK(parse(INPUT(1, 4, 4) LAYER("p", "Pooling", "data", "map") "pooling_param { kernel_size: 4 } }"
                   "layer { name: 'a' type: 'PriorBox' bottom: 'map' bottom: 'data' top: 'a' prior_box_param { min_size: 2 } }"
                   "layer { name: 'b' type: 'PriorBox' bottom: 'map' bottom: 'data' top: 'b'"
                   " prior_box_param { min_size: 4 variance: 0.5 } }"
                   "layer { name: 'c' type: 'Concat' bottom: 'a' bottom: 'b' top: 'c' concat_param { axis: 2 } }"
                   LAYER("f", "Flatten", "c", "flat") "}", NULL, &g));
    const df_const *c = df__graph_const(g, node(g, "Identity")->in[0]);
    assert_int_equal(c->tensor.rank, 2);
    assert_int_equal(c->tensor.dims[1], 16);
    static const float all[16] = {0.25f, 0.25f, 0.75f, 0.75f, 0, 0, 1, 1, 0.1f, 0.1f, 0.1f, 0.1f, 0.5f, 0.5f, 0.5f, 0.5f};
    for (int i = 0; i < 16; i++)
        CHECK_NEAR(all[i], ((const float *)c->tensor.data)[i], 1e-7);
    df__graph_free(g);
}

static void check_shape(const df_graph *g, const df_node *n, size_t rank, const int64_t *dims)
{
    const df_const *c = df__graph_const(g, n->in[1]);
    CHECK(c && c->tensor.type == DF_I64 && c->tensor.dims[0] == (int64_t)rank);
    assert_memory_equal(c->tensor.data, dims, rank * sizeof *dims);
}

TEST(shapes_are_followed)
{
    df_graph *g;
    CHECK_OK(parse(INPUT(4, 2, 3) LAYER("p", "Permute", "data", "a") "permute_param { order: 0 order: 2 order: 3 } }"
                   LAYER("f", "Flatten", "a", "b") "flatten_param { axis: 1 end_axis: 2 } }", NULL, &g));
    check_ints(node(g, "Transpose"), "perm", 4, (const int64_t[]){0, 2, 3, 1});
    check_shape(g, node(g, "Reshape"), 3, (const int64_t[]){1, 6, 4});
    df__graph_free(g);
    CHECK_OK(parse(INPUT(4, 2, 3) LAYER("r", "Reshape", "data", "a") "reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }"
                   LAYER("s", "Softmax", "a", "b") "softmax_param { axis: -1 } }", NULL, &g));
    check_shape(g, node(g, "Reshape"), 3, (const int64_t[]){1, 12, 2});
    assert_int_equal(df__node_int(node(g, "Softmax"), "axis", 9), 2);
    df__graph_free(g);
}

TEST(the_rest_of_the_layers_are_read)
{
    static const float w[] = {1, 2, 3, 4}, b[] = {5, 6}, scale[] = {20, 30};
    model m = {0};
    put_layer(&m, &(stored){.name = "ip", .n = {4, 2}, .v = {w, b}, .v1 = true, .doubles = true});
    put_layer(&m, &(stored){.name = "n", .n = {2}, .v = {scale}});
    df_graph *g;
    CHECK_OK(parse("layer { name: 'i' type: 'Input' top: 'data' input_param { shape { dim: 1 dim: 2 dim: 1 dim: 1 } } }"
                   "layer { name: 'l' type: 'Loss' bottom: 'data' top: 'l' include { phase: TRAIN } }"
                   "layer { name: 's' type: 'Split' bottom: 'data' top: 's1' top: 's2' }"
                   LAYER("r", "ReLU", "s1", "r") "relu_param { negative_slope: 0.5 } }"
                   LAYER("n", "Normalize", "s2", "n") "norm_param { across_spatial: false channel_shared: false } }"
                   "layer { name: 'e' type: 'Eltwise' bottom: 'r' bottom: 'n' bottom: 'data' top: 'e' eltwise_param { operation: PROD } }"
                   "layer { name: 'c' type: 'Concat' bottom: 'e' bottom: 'n' top: 'c' concat_param { axis: 0 } }"
                   LAYER("ip", "InnerProduct", "c", "ip") "inner_product_param { num_output: 2 } }", &m, &g));
    CHECK_NEAR(0.5, df__node_float(node(g, "LeakyRelu"), "alpha", 0), 0);
    CHECK(floats(g, "n:scale")[1] == 30);
    assert_int_equal(df__node_int(node(g, "Concat"), "axis", 9), 0);
    const df_node *gemm = node(g, "Gemm");
    assert_int_equal(df__node_int(gemm, "transB", 0), 1);
    assert_memory_equal(floats(g, gemm->in[1]), w, sizeof w);
    assert_memory_equal(floats(g, gemm->in[2]), b, sizeof b);
    size_t muls = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        muls += strcmp(g->nodes[i].op, "Mul") == 0;
    assert_int_equal(muls, 4); /* two of three factors, two of Normalize */
    df__graph_free(g);
}

/* ---- what is refused ---- */

TEST(broken_nets_are_refused_with_layer_and_line)
{
    static const float w[] = {1, 2, 3, 4};
    static const struct { df_status status; const char *text, *why; } broken[] = {
        {DF_E_BAD_MODEL, "", "without outputs"},
        {DF_E_BAD_MODEL, "input: 'data'", "without a shape"},
        {DF_E_BAD_MODEL, "input: 'a' input: 'a' input_dim: [1, 1, 1, 1, 1, 1, 1, 1]", "given twice"},
        {DF_E_BAD_MODEL, INPUT(1, 1, 99999999), "not a whole number from 1"},
        {DF_E_UNSUPPORTED, INPUT(1, 1, 1) "layers { }", "before 2015"},
        {DF_E_UNSUPPORTED, INPUT(1, 1, 1) LAYER("x", "LSTM", "data", "y") "}", "net: line 2: LSTM layer \"x\": this type"},
        {DF_E_UNSUPPORTED, INPUT(1, 1, 1) LAYER("x", "ReLU", "data", "y") "include { stage: 'a' } }", "rule"},
        {DF_E_BAD_MODEL, INPUT(1, 1, 1) LAYER("x", "ReLU", "nowhere", "y") "}", "bottom \"nowhere\" comes from no layer"},
        {DF_E_BAD_MODEL, INPUT(1, 1, 1) "layer { name: 'x' type: 'ReLU' bottom: 'data' }", "0 tops"},
        {DF_E_BAD_MODEL, INPUT(1, 1, 1) "layer { name: 'x' type: 'Eltwise' bottom: 'data' top: 'y' }", "1 bottoms"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Convolution", "data", "y") "}", "kernel_size is missing"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Convolution", "data", "y") "convolution_param { num_output: 1 kernel_size: 5 } }",
         "larger than its input"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Convolution", "data", "y") "convolution_param { num_output: 1 kernel_size: 2 } }",
         "no layer of this name"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("w", "Convolution", "data", "y") "convolution_param { num_output: 1 kernel_size: 2 } }",
         "has 1 blobs for it, number 2 is due"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("w", "Convolution", "data", "y") "convolution_param { num_output: 1 kernel_size: 3 } }",
         "blob 0 has 4 numbers, 9 are due"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("w", "Convolution", "data", "y")
         "convolution_param { num_output: 1 kernel_size: 2 bias_term: false } }" LAYER("w", "Convolution", "data", "z")
         "convolution_param { num_output: 1 kernel_size: 2 bias_term: false } }", "its weights belong to the layer of line 2"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Convolution", "data", "y") "convolution_param { bias_term: 7 } }", "neither true"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Convolution", "data", "y") "convolution_param { num_output: 1.5 } }", "whole number"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "ReLU", "data", "y") "relu_param { negative_slope: much } }", "much is not a number"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Pooling", "data", "y") "pooling_param { kernel_size: 5 } }", "windows of 5 on 4"},
        {DF_E_UNSUPPORTED, INPUT(1, 4, 4) LAYER("x", "Pooling", "data", "y") "pooling_param { pool: STOCHASTIC } }", "STOCHASTIC"},
        {DF_E_UNSUPPORTED, INPUT(1, 4, 4) LAYER("x", "Normalize", "data", "y") "}", "across_spatial"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Permute", "data", "y") "permute_param { order: 1 order: 1 } }", "comes twice"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Permute", "data", "y") "permute_param { order: 4 } }", "whole number"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Reshape", "data", "y") "reshape_param { shape { dim: 3 dim: -1 } } }", "do not fit"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Reshape", "data", "y") "reshape_param { shape { dim: -1 dim: -1 } } }", "dim: -1"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) LAYER("x", "Softmax", "data", "y") "softmax_param { axis: 4 } }", "outside the 4 dimensions"},
        {DF_E_BAD_MODEL, INPUT(1, 4, 4) "layer { name: 'x' type: 'PriorBox' bottom: 'data' bottom: 'data' top: 'y' }", "0 of min_size"},
        {DF_E_LIMIT, INPUT(1, 10000, 10000) "layer { name: 'x' type: 'PriorBox' bottom: 'data' bottom: 'data' top: 'y' "
         "prior_box_param { min_size: 1 } }", "cells"},
        {DF_E_UNSUPPORTED, INPUT(1, 4, 4) "layer { name: 'x' type: 'DetectionOutput' bottom: 'data' top: 'y' }", "is an input"},
    };
    model m = {0};
    put_layer(&m, &(stored){.name = "w", .n = {4}, .v = {w}});
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        df_graph *g;
        CHECK_STATUS(broken[i].status, parse(broken[i].text, &m, &g));
        CHECK_HAS(err.message, broken[i].why);
    }
}

static const char small_net[] = INPUT(2, 4, 4)
    LAYER("c", "Convolution", "data", "c") "convolution_param { num_output: 2 kernel_size: 1 } }"
    LAYER("bn", "BatchNorm", "c", "c") "}" LAYER("sc", "Scale", "c", "c") "}"
    "layer { name: 'b' type: 'PriorBox' bottom: 'c' bottom: 'data' top: 'box' prior_box_param { min_size: 2 } }"
    "layer { name: 'd' type: 'DetectionOutput' bottom: 'c' bottom: 'box' top: 'found' }";

static model small_model(void)
{
    static const float v[] = {1, 2, 3, 4}, one[] = {1};
    model m = {0};
    put_layer(&m, &(stored){.name = "c", .n = {4, 2}, .v = {v, v}});
    put_layer(&m, &(stored){.name = "bn", .n = {2, 2, 1}, .v = {v, v, one}});
    put_layer(&m, &(stored){.name = "sc", .n = {2}, .v = {v}});
    return m;
}

TEST(a_torn_caffemodel_is_refused)
{
    model m = small_model();
    df_graph *g;
    CHECK_OK(parse(small_net, &m, &g));
    df__graph_free(g);
    size_t whole = m.len;
    for (m.len = 0; m.len < whole; m.len++)
        CHECK_STATUS(DF_E_BAD_MODEL, parse(small_net, &m, &g));
}

TEST(a_torn_prototxt_is_refused_or_a_shorter_net)
{
    model m = small_model();
    df_graph *g;
    char text[sizeof small_net];
    for (size_t n = 0; n + 1 < sizeof small_net; n++) {
        memcpy(text, small_net, n);
        text[n] = '\0';
        df_status st = parse(text, &m, &g);
        CHECK(st == DF_OK || st == DF_E_BAD_MODEL || st == DF_E_UNSUPPORTED);
        df__graph_free(g);
    }
}

TEST(every_flipped_bit_of_the_caffemodel_is_read_or_refused)
{
    model m = small_model();
    for (size_t bit = 0; bit < 8 * m.len; bit++) {
        df_graph *g;
        m.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        df_status st = parse(small_net, &m, &g);
        CHECK(st == DF_OK || st == DF_E_BAD_MODEL);
        df__graph_free(g);
        m.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(every_allocation_may_fail)
{
    static char text[40000];
    model m = small_model();
    df_graph *g;
    size_t len = 0;
    /* Layers without weights make the lists and chunks grow. */
    len += (size_t)snprintf(text, sizeof text, "%.*s", (int)(strstr(small_net, "layer { name: 'b'") - small_net), small_net);
    for (int i = 0; i < 150; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, LAYER("r%d", "ReLU", "c", "c") "}\n", i);
    test_alloc_fail_at(0);
    CHECK_OK(parse(text, &m, &g));
    df__graph_free(g);
    size_t n = test_alloc_count();
    CHECK(n >= 4);
    for (size_t i = 1; i <= n; i++) {
        test_alloc_fail_at(i);
        df_status st = parse(text, &m, &g);
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
}

TEST(the_real_ssd_is_read)
{
    df_bytes prototxt, weights;
    df_graph *g;
    if (!weights_map("deploy.prototxt", &prototxt) || !weights_map("res10_300x300_ssd_iter_140000.caffemodel", &weights))
        skip();
    CHECK_OK(df__caffe_parse(&prototxt, &weights, "ssd", &g, &err));
    assert_int_equal(g->n_outputs, 3);
    assert_string_equal(g->outputs[0].name, "mbox_loc");
    assert_string_equal(g->outputs[1].name, "mbox_conf_flatten");
    assert_string_equal(g->outputs[2].name, "mbox_priorbox");
    /* Boxes a cell times cells, by the strides of deploy.prototxt: 4 (38^2 + 5^2 + 5^2) + 6 (19^2 + 10^2 + 5^2). */
    const df_const *priors = df__graph_const(g, node(g, "Identity")->in[0]);
    assert_int_equal(priors->tensor.dims[2], 4 * (4 * (38 * 38 + 25 + 25) + 6 * (19 * 19 + 100 + 25)));
    df__graph_free(g), df__bytes_free(&prototxt), df__bytes_free(&weights);
}
