#include "dlib_writer.h"
#include "models/dlib_mmod.h"
#include "weights.h"

static df_error err;

/* ---- a file with the network of dnn_mmod_face_detection_ex.cpp, its weights told by their place ---- */

static const struct { int filters, side, stride; } convolutions[] = {{16, 5, 2}, {32, 5, 2}, {32, 5, 2}, {45, 5, 1}, {45, 5, 1}, {45, 5, 1}, {1, 9, 1}};
enum { CONVOLUTIONS = 7 };

static float weight_of(size_t layer, size_t i) { return (float)((int)((layer * 31 + i * 7) % 64) - 32) / 64; }

static void put_floats(writer *w, int n, float v)
{
    while (n-- > 0)
        put_float(w, v);
}

static void put_state(writer *w, bool first)
{
    put_bool(w, true), put_bool(w, true), put_bool(w, false);
    for (int i = 0; i < 3; i++)
        put_tensor(w, 0, NULL);
    if (first)
        put_int(w, 1); /* expansion factor of the layer on the input */
}

/* gamma, beta, mean, variance: by their place, the variance above 0 */
static float norm_of(int what, size_t layer, size_t i) { return what == 3 ? 1 + (float)((layer + i) % 8) / 8 : weight_of(layer + (size_t)what + 1, i); }

static void put_values(writer *w, size_t n, size_t layer, int from, int to)
{
    float v[128];
    for (int k = from; k < to; k++)
        for (size_t i = 0; i < n; i++)
            v[(size_t)(k - from) * n + i] = norm_of(k, layer, i);
    put_tensor(w, n * (size_t)(to - from), v);
}

static void put_norm(writer *w, const char *version, size_t n, size_t layer)
{
    put_text(w, version);
    put_values(w, n, layer, 0, 2);
    put_shape(w, 1, 1, (int64_t)n, 1, 1), put_shape(w, 1, 1, (int64_t)n, 1, 1);
    if (strcmp(version, "bn_con2") != 0) {
        put_int(w, 0);
        return;
    }
    put_tensor(w, 0, NULL), put_tensor(w, 0, NULL);
    put_values(w, n, layer, 2, 3), put_values(w, n, layer, 3, 4);
    put_int(w, 100000), put_int(w, 1000);
    put_floats(w, 4, 1);
    put_float(w, 0.125f); /* eps */
}

static writer network_of(const char *norm, const char *input)
{
    writer w = {0};
    put_int(&w, 1), put_text(&w, "loss_mmod_"), put_int(&w, 1);
    put_int(&w, 80), put_int(&w, 70);
    put_floats(&w, 2, 1), put_float(&w, 0.5f);  /* costs of training, overlap with the truth */
    put_float(&w, 0.25f), put_float(&w, 0.75f); /* overlap, covered */
    put_float(&w, 0.5f), put_float(&w, 1);
    for (int i = 0; i < 18; i++)
        put_int(&w, 2);
    put_int(&w, 3); /* the convolution on the input */
    put_text(&w, input);
    put_float(&w, 122.5f), put_float(&w, 117.25f), put_float(&w, 104.75f);
    if (strcmp(input, "input_rgb_image_pyramid2") == 0)
        put_int(&w, 10), put_int(&w, 11);
    size_t channels = 3;
    for (size_t k = 0; k < CONVOLUTIONS; k++) {
        int side = convolutions[k].side, pad = convolutions[k].stride == 1 ? side / 2 : 0;
        size_t filters = (size_t)convolutions[k].filters, n = filters * channels * (size_t)(side * side) + filters;
        float *v = malloc(n * sizeof *v);
        for (size_t i = 0; i < n; i++)
            v[i] = weight_of(k, i);
        put_text(&w, "con_4");
        put_tensor(&w, n, v);
        free(v);
        put_int(&w, convolutions[k].filters);
        put_int(&w, side), put_int(&w, side), put_int(&w, convolutions[k].stride), put_int(&w, convolutions[k].stride), put_int(&w, pad), put_int(&w, pad);
        put_shape(&w, 1, (int64_t)filters, (int64_t)channels, side, side), put_shape(&w, 1, 1, (int64_t)filters, 1, 1);
        put_floats(&w, 4, 1);
        put_state(&w, k == 0);
        channels = filters;
        if (k + 1 == CONVOLUTIONS)
            break;
        put_norm(&w, norm, filters, k);
        put_state(&w, false);
        put_text(&w, "relu_");
        put_state(&w, false);
    }
    return w;
}

static writer network(void) { return network_of("bn_con2", "input_rgb_image_pyramid"); }

static df_status parse(const uint8_t *data, size_t len, df_dlib_mmod *out)
{
    df_bytes file = {.data = (uint8_t *)(uintptr_t)data, .len = len};
    df_graph *g = NULL;
    df_status st = df__dlib_mmod_parse(&file, "mmod.dat", out, &g, &err);
    CHECK((st == DF_OK) == (g != NULL));
    df__graph_free(g);
    return st;
}

/* ---- what is read ---- */

TEST(the_graph_is_dlibs_network)
{
    writer w = network();
    df_bytes file = written(&w);
    df_graph *g;
    df_dlib_mmod mmod;
    size_t relus = 0, n = 0;
    CHECK_OK(df__dlib_mmod_parse(&file, "mmod.dat", &mmod, &g, &err));
    CHECK(mmod.width == 80 && mmod.height == 70 && mmod.overlap == 0.25 && mmod.covered == 0.75);
    CHECK(mmod.mean[0] == 122.5f && mmod.mean[1] == 117.25f && mmod.mean[2] == 104.75f);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const df_node *node = &g->nodes[i];
        relus += strcmp(node->op, "Relu") == 0;
        if (strcmp(node->op, "Conv") != 0)
            continue;
        const df_attr *stride = df__node_attr(node, "strides"), *pads = df__node_attr(node, "pads");
        CHECK(n < CONVOLUTIONS && stride && pads && stride->v.ints[1] == convolutions[n].stride);
        CHECK(pads->v.ints[2] == (convolutions[n].stride == 1 ? convolutions[n].side / 2 : 0));
        n++;
    }
    CHECK(n == CONVOLUTIONS && relus == 6);
    CHECK(g->n_inputs == 1 && g->inputs[0].shape.dims[2] == -1 && g->n_outputs == 1);
    assert_string_equal(g->outputs[0].name, g->nodes[g->n_nodes - 1].out[0]);
    df__graph_free(g);
    free(w.data);
}

/* gamma' = gamma / sqrt(variance + eps), beta' = beta - gamma' mean; an affine layer has its gamma and beta. */
static void check_norm(const char *version)
{
    writer w = network_of(version, "input_rgb_image_pyramid2");
    df_bytes file = written(&w);
    df_graph *g;
    df_dlib_mmod mmod;
    bool trained = strcmp(version, "bn_con2") == 0;
    CHECK_OK(df__dlib_mmod_parse(&file, "mmod.dat", &mmod, &g, &err));
    const df_node *conv = &g->nodes[0];
    const float *weights = df__graph_const(g, conv->in[1])->tensor.data, *bias = df__graph_const(g, conv->in[2])->tensor.data;
    for (size_t f = 0; f < 16; f++) {
        double gamma = (double)norm_of(0, 0, f), beta = (double)norm_of(1, 0, f);
        if (trained) {
            gamma /= sqrt((double)norm_of(3, 0, f) + 0.125);
            beta -= gamma * (double)norm_of(2, 0, f);
        }
        CHECK_NEAR(gamma * (double)weight_of(0, f * 75 + 7), weights[f * 75 + 7], 1e-6);
        CHECK_NEAR(gamma * (double)weight_of(0, 16 * 75 + f) + beta, bias[f], 1e-6);
    }
    df__graph_free(g);
    free(w.data);
}

TEST(batch_norms_go_into_the_convolution_before_them)
{
    check_norm("bn_con2");
    check_norm("affine_");
}

TEST(the_real_file_is_read)
{
    df_bytes file;
    df_dlib_mmod mmod;
    if (!weights_map("mmod_human_face_detector.dat", &file))
        skip();
    CHECK_OK(parse(file.data, file.len, &mmod));
    CHECK(mmod.width == 80 && mmod.height == 80 && mmod.overlap < 0.5);
    df__bytes_free(&file);
}

/* ---- what is refused ---- */

TEST(a_file_cut_anywhere_is_refused)
{
    writer w = network();
    df_dlib_mmod mmod;
    size_t step = w.len / 150;
    for (size_t len = 0; len < w.len; len += len < 300 || w.len - len < 300 ? 1 : w.len - len < step + 300 ? w.len - len - 299 : step) {
        CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, len, &mmod));
        CHECK_HAS(err.message, "mmod.dat: byte");
    }
    put_int(&w, 0);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len, &mmod));
    CHECK_HAS(err.message, "bytes behind the end");
    free(w.data);
}

TEST(every_flipped_bit_of_the_head_is_read_or_refused)
{
    writer w = network();
    df_dlib_mmod mmod;
    for (size_t bit = 0; bit < 8 * 200; bit++) {
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        df_status st = parse(w.data, w.len, &mmod);
        CHECK(st == DF_OK || st == DF_E_BAD_MODEL);
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
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
    df_dlib_mmod mmod;
    writer w = network();
    find(&w, "loss_mmod_")[5] = 'M';
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len, &mmod));
    CHECK_HAS(err.message, "another layer, or version of it");
    free(w.data);
    w = network();
    find(&w, "bn_con2")[6] = '3';
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len, &mmod));
    CHECK_HAS(err.message, "another layer, or version of it");
    free(w.data);
    w = network();
    find(&w, "loss_mmod_")[13] = 0; /* a window of no width */
    CHECK_STATUS(DF_E_BAD_MODEL, parse(w.data, w.len, &mmod));
    CHECK_HAS(err.message, "out of its range");
    free(w.data);
}

TEST(every_allocation_may_fail)
{
    writer w = network();
    df_dlib_mmod mmod;
    test_alloc_fail_at(0);
    CHECK_OK(parse(w.data, w.len, &mmod));
    size_t n = test_alloc_count();
    CHECK(n >= 3);
    for (size_t i = 1; i <= n; i++) {
        test_alloc_fail_at(i);
        df_status st = parse(w.data, w.len, &mmod);
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    free(w.data);
}
