/* test_networks.c - a whole network's raw outputs against ONNX Runtime's (tools/golden/network_outputs.py), where its weights are installed. */
#include "golden/golden.h"
#include "nn/net.h"
#include "nn/onnx.h"

static df_error err;

static bool open_net(df_net **out)
{
    df_bytes file;
    df_graph *g;
    char path[4096];
    const char *home = getenv("DEEPFACE_HOME") ? getenv("DEEPFACE_HOME") : getenv("HOME");
    snprintf(path, sizeof path, "%s/.deepface/weights/retinaface_mobilenet025.onnx", home ? home : "");
    if (df__map_file(path, (size_t)1 << 30, &file, &err) != DF_OK) {
        print_message("every test was skipped: %s\n", err.message);
        return false;
    }
    CHECK_OK(df__onnx_parse(&file, "retinaface_mobilenet025.onnx", NULL, &g, &err));
    CHECK_OK(df__net_new(g, NULL, out, &err));
    return true;
}

/* The generator of network_outputs.py. */
static float *pixels(size_t n)
{
    uint32_t state = 1;
    float *out = malloc(n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (float)(state >> 8) / 16777216.0f * 255.0f - 110.0f;
    }
    return out;
}

static size_t output_of(const df_net *net, const char *name)
{
    for (size_t i = 0; i < df__net_outputs(net); i++)
        if (strcmp(df__net_output(net, i)->name, name) == 0)
            return i;
    fail_msg("no output %s", name);
    return 0;
}

TEST(retinaface_equals_onnx_runtime)
{
    df_net *net;
    df_arena scratch = {0};
    df_tensor out[3];
    char shape[32] = "";
    float *data = NULL;
    size_t rows = 0;
    if (!open_net(&net))
        skip();
    golden g = golden_open("network_outputs.csv");
    while (golden_row(&g)) {
        if (strcmp(shape, g.fields[0]) != 0) { /* rows of one shape follow one another */
            int d[4];
            snprintf(shape, sizeof shape, "%s", g.fields[0]);
            assert_int_equal(sscanf(shape, "%dx%dx%dx%d", &d[0], &d[1], &d[2], &d[3]), 4);
            df_tensor in = {.type = DF_F32, .rank = 4, .dims = {d[0], d[1], d[2], d[3]}};
            df__arena_reset(&scratch);
            free(data);
            in.data = data = pixels((size_t)(d[0] * d[1] * d[2] * d[3]));
            CHECK_OK(df__net_run(net, &in, 1, out, 3, 1, &scratch, &err));
        }
        const df_tensor *t = &out[output_of(net, g.fields[1])];
        double expected = golden_number(&g, 3);
        CHECK_NEAR(expected, ((const float *)t->data)[(size_t)golden_number(&g, 2)], fmax(2e-4, 1e-4 * fabs(expected)));
        rows++;
    }
    assert_true(rows > 100);
    free(data);
    df__arena_free(&scratch);
    df__net_free(net);
}
