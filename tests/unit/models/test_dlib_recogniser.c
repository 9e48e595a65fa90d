#include "dlib_writer.h"
#include "models/dlib.h"
#include "weights.h"

static df_error err;

/* ---- a file with the network of dnn_face_recognition_ex.cpp, its weights told by their place ---- */

static float weight_of(size_t layer, size_t i) { return (float)((int)((layer * 31 + i * 7) % 64) - 32) / 64; }

static void put_floats(writer *w, int n)
{
    while (n-- > 0)
        put_float(w, 1);
}

static void put_state(writer *w)
{
    put_bool(w, true), put_bool(w, true), put_bool(w, false);
    for (int i = 0; i < 3; i++)
        put_tensor(w, 0, NULL);
}

typedef struct net_writer {
    writer *w;
    size_t  layer, channels;
} net_writer;

static void put_weights(net_writer *n, size_t count)
{
    float *v = malloc(count * sizeof *v);
    for (size_t i = 0; i < count; i++)
        v[i] = weight_of(n->layer, i);
    put_tensor(n->w, count, v);
    free(v);
    n->layer++;
}

/* con and the affine layer behind it. */
static void put_con(net_writer *n, size_t filters, int window, int stride)
{
    int pad = stride == 1 ? window / 2 : 0;
    bool first = n->layer == 0;
    put_text(n->w, "con_4");
    put_weights(n, filters * n->channels * (size_t)(window * window) + filters);
    put_int(n->w, (int64_t)filters);
    put_int(n->w, window), put_int(n->w, window), put_int(n->w, stride), put_int(n->w, stride), put_int(n->w, pad), put_int(n->w, pad);
    put_shape(n->w, 1, (int64_t)filters, (int64_t)n->channels, window, window);
    put_shape(n->w, 1, 1, (int64_t)filters, 1, 1);
    put_floats(n->w, 4);
    put_state(n->w);
    if (first)
        put_int(n->w, 1); /* expansion factor of the layer on the input */
    put_text(n->w, "affine_");
    put_weights(n, 2 * filters);
    put_shape(n->w, 1, 1, (int64_t)filters, 1, 1);
    put_shape(n->w, 1, 1, (int64_t)filters, 1, 1);
    put_int(n->w, 0);
    put_state(n->w);
    n->channels = filters;
}

static void put_plain(net_writer *n, const char *name)
{
    put_text(n->w, name);
    put_state(n->w);
}

static void put_pool(net_writer *n, const char *name, int window, int stride)
{
    put_text(n->w, name);
    put_int(n->w, window), put_int(n->w, window), put_int(n->w, stride), put_int(n->w, stride), put_int(n->w, 0), put_int(n->w, 0);
    put_state(n->w);
}

static void put_block(net_writer *n, size_t filters, bool down)
{
    put_con(n, filters, 3, down ? 2 : 1);
    put_plain(n, "relu_");
    put_con(n, filters, 3, 1);
    if (down)
        put_pool(n, "avg_pool_2", 2, 2);
    put_plain(n, "add_prev_");
    put_plain(n, "relu_");
}

/* Versions as they stand in the file, from the outermost layer in: 2 a layer, 1 a tag or skip. */
static void put_versions(writer *w)
{
    static const int outer_first[] = {1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}; /* which blocks halve the picture */
    put_int(w, 2), put_int(w, 2); /* fc, avg_pool_everything */
    for (size_t i = 0; i < sizeof outer_first / sizeof *outer_first; i++) {
        put_int(w, 2), put_int(w, 2); /* relu, add_prev */
        if (outer_first[i])
            put_int(w, 2), put_int(w, 1), put_int(w, 1); /* avg_pool, skip, tag2 */
        for (int k = 0; k < 5; k++)
            put_int(w, 2); /* affine, con, relu, affine, con */
        put_int(w, 1);     /* tag1 */
    }
    for (int k = 0; k < 3; k++)
        put_int(w, 2); /* max_pool, relu, affine */
    put_int(w, 3);     /* con on the input */
}

static writer network(void)
{
    writer w = {0};
    net_writer n = {&w, 0, 3};
    put_int(&w, 1);
    put_text(&w, "loss_metric_2");
    put_floats(&w, 2);
    put_versions(&w);
    put_text(&w, "input_rgb_image_sized");
    put_float(&w, 122.782f), put_float(&w, 117.001f), put_float(&w, 104.298f);
    put_int(&w, 150), put_int(&w, 150);
    put_con(&n, 32, 7, 2);
    put_plain(&n, "relu_");
    put_pool(&n, "max_pool_2", 3, 2);
    static const size_t filters[] = {32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256};
    for (size_t i = 0; i < 14; i++)
        put_block(&n, filters[i], i == 3 || i == 7 || i == 10 || i == 13);
    put_pool(&n, "avg_pool_2", 0, 1);
    put_text(&w, "fc_2");
    put_int(&w, 128), put_int(&w, 256);
    put_weights(&n, 256 * 128);
    put_shape(&w, 1, 256, 128, 1, 1);
    put_shape(&w, 1, 0, 0, 0, 0);
    put_int(&w, 1);
    put_floats(&w, 4);
    put_state(&w);
    return w;
}

static df_status parse(const uint8_t *data, size_t len)
{
    df_bytes file = {.data = (uint8_t *)(uintptr_t)data, .len = len};
    df_graph *g = NULL;
    df_status st = df__dlib_recogniser_parse(&file, "net.dat", &g, &err);
    CHECK((st == DF_OK) == (g != NULL));
    df__graph_free(g);
    return st;
}

static size_t count_op(const df_graph *g, const char *op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        n += strcmp(g->nodes[i].op, op) == 0;
    return n;
}

static const df_node *nth(const df_graph *g, const char *op, size_t index)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].op, op) == 0 && index-- == 0)
            return &g->nodes[i];
    fail_msg("no %s left", op);
    return NULL;
}

/* ---- what is read ---- */

TEST(the_graph_is_dlibs_network)
{
    writer w = network();
    df_bytes file = written(&w);
    df_graph *g;
    CHECK_OK(df__dlib_recogniser_parse(&file, "net.dat", &g, &err));
    assert_int_equal(count_op(g, "Conv"), 29);
    assert_int_equal(count_op(g, "Relu"), 29);
    assert_int_equal(count_op(g, "Add"), 14);
    assert_int_equal(count_op(g, "AveragePool"), 4);
    assert_int_equal(count_op(g, "MaxPool"), 1);
    assert_int_equal(count_op(g, "GlobalAveragePool"), 1);
    assert_int_equal(count_op(g, "Gemm"), 1);
    assert_int_equal(g->n_inputs, 1);
    assert_string_equal(g->inputs[0].name, "input");
    assert_int_equal(g->inputs[0].shape.dims[0], -1);
    assert_int_equal(g->inputs[0].shape.dims[3], 150);
    assert_int_equal(g->n_outputs, 1);
    assert_string_equal(g->outputs[0].name, "embedding");
    df__graph_free(g);
    free(w.data);
}

/* 150 -> 72 (7, stride 2) -> 35 (pool) -> 17 -> 8 -> 3 against 4 -> 1 against 2: sums are padded to the larger, at the end. */
TEST(sums_are_padded_with_zeros_behind)
{
    static const int64_t pads[5][8] = {
        {0, 0, 0, 0, 0, 32, 0, 0},  /* 32 channels of the shortcut to 64 */
        {0, 0, 0, 0, 0, 64, 0, 0},  /* 64 to 128 */
        {0, 0, 0, 0, 0, 128, 0, 0}, /* 128 to 256 */
        {0, 0, 0, 0, 0, 0, 1, 1},   /* 3 x 3 of that block to the shortcut's 4 x 4 */
        {0, 0, 0, 0, 0, 0, 1, 1},   /* 1 x 1 to 2 x 2 */
    };
    writer w = network();
    df_bytes file = written(&w);
    df_graph *g;
    CHECK_OK(df__dlib_recogniser_parse(&file, "net.dat", &g, &err));
    assert_int_equal(count_op(g, "Pad"), 5);
    for (size_t i = 0; i < 5; i++) {
        const df_const *c = df__graph_const(g, nth(g, "Pad", i)->in[1]);
        CHECK(c && c->tensor.type == DF_I64);
        assert_memory_equal(c->tensor.data, pads[i], sizeof pads[i]);
    }
    df__graph_free(g);
    free(w.data);
}

/* gamma (w x + b) + beta = (gamma w) x + (gamma b + beta) */
TEST(affine_layers_go_into_the_convolution_before_them)
{
    writer w = network();
    df_bytes file = written(&w);
    df_graph *g;
    CHECK_OK(df__dlib_recogniser_parse(&file, "net.dat", &g, &err));
    static const struct { size_t conv, filters, each; } looked_at[] = {{0, 32, 3 * 49}, {1, 32, 32 * 9}, {28, 256, 256 * 9}};
    for (size_t i = 0; i < 3; i++) {
        const df_node *conv = nth(g, "Conv", looked_at[i].conv);
        const float *weights = df__graph_const(g, conv->in[1])->tensor.data, *bias = df__graph_const(g, conv->in[2])->tensor.data;
        size_t layer = 2 * looked_at[i].conv, filters = looked_at[i].filters, each = looked_at[i].each;
        assert_int_equal(df__tensor_count(&df__graph_const(g, conv->in[1])->tensor), filters * each);
        for (size_t f = 0; f < filters; f++) {
            float gamma = weight_of(layer + 1, f), beta = weight_of(layer + 1, filters + f);
            CHECK_NEAR(gamma * weight_of(layer, f * each + 5), weights[f * each + 5], 1e-7);
            CHECK_NEAR(gamma * weight_of(layer, filters * each + f) + beta, bias[f], 1e-7);
        }
    }
    df__graph_free(g);
    free(w.data);
}

/* ---- what is refused ---- */

TEST(a_file_cut_anywhere_is_refused)
{
    writer w = network();
    size_t step = w.len / 150;
    for (size_t len = 0; len < w.len; len += len < 600 || w.len - len < 300 ? 1 : w.len - len < step + 300 ? w.len - len - 299 : step) {
        CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, len));
        CHECK_HAS(err.message, "net.dat: byte");
    }
    put_int(&w, 0);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len));
    CHECK_HAS(err.message, "bytes behind the end");
    free(w.data);
}

/* Every bit of the head up to the first weights, then of the last layer behind its own. */
TEST(every_flipped_bit_of_the_structure_is_read_or_refused)
{
    writer w = network();
    size_t head = 400, tail = 120;
    for (size_t i = 0; i < 8 * (head + tail); i++) {
        size_t bit = i < 8 * head ? i : 8 * (w.len - tail) + i - 8 * head;
        if (i >= 8 * head && i % 5) /* a parse up to the tail takes milliseconds */
            continue;
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        df_status st = parse(w.data, w.len);
        CHECK(st == DF_OK || st == DF_E_BAD_MODEL);
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(w.data);
}

TEST(every_allocation_may_fail)
{
    writer w = network();
    test_alloc_fail_at(0);
    CHECK_OK(parse(w.data, w.len));
    size_t n = test_alloc_count();
    CHECK(n >= 3);
    for (size_t i = 1; i <= n; i++) {
        test_alloc_fail_at(i);
        df_status st = parse(w.data, w.len);
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    free(w.data);
}

static uint8_t *find(const writer *w, const char *text)
{
    for (size_t i = 0; i + strlen(text) <= w->len; i++)
        if (memcmp(w->data + i, text, strlen(text)) == 0)
            return w->data + i;
    fail_msg("no %s in the file", text);
    return NULL;
}

TEST(another_network_is_refused)
{
    writer w = network();
    uint8_t *at = find(&w, "max_pool_2");
    at[9] = '1';
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len));
    CHECK_HAS(err.message, "another layer, or version of it");
    at[9] = '2', at[11] = 5; /* window of 5 rows */
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len));
    CHECK_HAS(err.message, "out of its range");
    free(w.data);
}

/* The first convolution's tensor claims 2^31 weights, then as many as the file holds, but not as many as the layer has. */
TEST(tensors_of_another_size_are_refused)
{
    writer w = network();
    uint8_t *count = find(&w, "con_4") + 5 + 2; /* behind the name, the version of the tensor */
    assert_int_equal(count[0], 2);              /* 4736 in two bytes */
    count[1]++;
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len));
    free(w.data);
    w = (writer){0};
    put_text(&w, "con_4");
    put_shape(&w, 2, INT32_MAX, INT32_MAX, 1, 1);
    writer whole = network();
    size_t at = (size_t)(find(&whole, "con_4") - whole.data) - 2;
    whole.len = at;
    put_bytes(&whole, w.data, w.len);
    for (int i = 0; i < 5000; i++)
        put_int(&whole, 1);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(whole.data, whole.len));
    CHECK_HAS(err.message, "larger than the rest");
    free(w.data), free(whole.data);
}

TEST(the_real_file_is_read)
{
    df_bytes file;
    df_graph *g;
    if (!weights_map("dlib_face_recognition_resnet_model_v1.dat", &file))
        skip();
    assert_int_equal(file.len, 22466066);
    CHECK_OK(df__dlib_recogniser_parse(&file, "dlib", &g, &err));
    assert_int_equal(count_op(g, "Conv"), 29);
    df__graph_free(g), df__bytes_free(&file);
}
