/* test_network.c - networks of the caller's own: small ONNX files made here, and seeds of fuzz_onnx. */
#include <pthread.h>

#include "../nn/onnx_writer.h"
#include "temp_dir.h"

static df_error err;

static df_engine *engine_of(const char *precision, int threads)
{
    df_engine *df;
    df_engine_opts o = df_engine_opts_default();
    o.weights_dir = "/nowhere";
    o.threads = threads;
    o.precision = precision;
    setenv("DEEPFACE_CACHE", "off", 1);
    CHECK_OK(df_engine_new(&o, &df, &err));
    return df;
}

static const char *seed(const char *name)
{
    static _Thread_local char path[1024];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/onnx/%s.onnx", DF_SOURCE_DIR, name);
    return path;
}

/* A file of y = x + c, c = (10, 20). */
static const char *write_sum(void)
{
    temp_dir d = temp_dir_new();
    const char *path = temp_path(&d, "sum.onnx");
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    message c = tensor_head("c", 1, 2, (int64_t[]){1, 2});
    put_bytes(&c, 9, (float[]){10, 20}, 8);
    message g = add_graph(&c);
    df_bytes m = model(&g, 13);
    CHECK(fwrite(m.data, 1, m.len, f) == m.len && fclose(f) == 0);
    free(m.data);
    return path;
}

TEST(a_network_tells_its_ports_and_runs)
{
    const char *path = write_sum();
    df_engine *df = engine_of("strict", 1);
    df_network *net;
    df_tensors *out;
    CHECK_OK(df_network_open(df, path, NULL, &net, &err));
    const df_port *x = df_network_input(net, 0), *y = df_network_output(net, 0);
    assert_string_equal(x->name, "x");
    assert_int_equal(x->shape.type, DF_F32);
    CHECK(x->shape.rank == 2 && x->shape.dims[0] == 1 && x->shape.dims[1] == 2 && !x->shape.data);
    assert_string_equal(y->name, "y");
    CHECK(!df_network_input(net, 1) && !df_network_output(net, 1));
    assert_string_equal(df_network_precision(net), "strict");
    assert_int_equal(df_network_threads(net), 1);
    float values[] = {1, 2};
    df_tensor in = {.type = DF_F32, .rank = 2, .dims = {1, 2}, .data = values};
    CHECK_OK(df_network_run(net, &in, 1, &out, &err));
    assert_int_equal(df_tensors_count(out), 1);
    const df_tensor *t = df_tensors_at(out, 0);
    CHECK(t->type == DF_F32 && t->rank == 2 && t->dims[0] == 1 && t->dims[1] == 2);
    CHECK_NEAR(11, ((float *)t->data)[0], 0);
    CHECK_NEAR(22, ((float *)t->data)[1], 0);
    CHECK(!df_tensors_at(out, 1));
    CHECK(values[0] == 1 && values[1] == 2);
    df_tensors_free(out);
    df_network_free(net);
    df_engine_free(df);
}

TEST(what_does_not_fit_the_network_is_an_argument_error_that_names_it)
{
    const char *path = write_sum();
    df_engine *df = engine_of("fast", 1);
    df_network *net;
    df_tensors *out;
    df_layers *layers;
    CHECK_OK(df_network_open(df, path, NULL, &net, &err));
    float values[4] = {1};
    df_tensor good = {.type = DF_F32, .rank = 2, .dims = {1, 2}, .data = values}, in = good;
    in.dims[1] = 3;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &in, 1, &out, &err));
    CHECK(out == NULL);
    CHECK_HAS(err.message, "\"x\"");
    CHECK_HAS(err.message, "1x3");
    CHECK_HAS(err.message, "1x2");
    in = good, in.type = DF_U8;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &in, 1, &out, &err));
    in = good, in.type = (df_dtype)77;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &in, 1, &out, &err));
    in = good, in.rank = 1000;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &in, 1, &out, &err));
    CHECK_HAS(err.message, "rank 1000");
    in.rank = -1;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_profile(net, &in, 1, 1, &layers, &err));
    in = good, in.dims[0] = -1;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &in, 1, &out, &err));
    in = good, in.data = NULL;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &in, 1, &out, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &good, 0, &out, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, NULL, 1, &out, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(NULL, &good, 1, &out, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_run(net, &good, 1, NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_profile(net, &good, 1, 0, &layers, &err));
    CHECK(layers == NULL);
    CHECK_STATUS(DF_E_ARGUMENT, df_network_profile(net, &good, 1, 2000000, &layers, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_profile(net, &good, 1, 1, NULL, NULL));
    df_network_free(net);
    df_engine_free(df);
}

TEST(what_is_no_network_is_told)
{
    df_engine *df = engine_of(NULL, 0);
    df_network *net;
    CHECK_STATUS(DF_E_IO, df_network_open(df, "/nowhere/at/all.onnx", NULL, &net, &err));
    CHECK(net == NULL);
    CHECK_HAS(err.message, "/nowhere/at/all.onnx");
    CHECK_STATUS(DF_E_BAD_MODEL, df_network_open(df, DF_SOURCE_DIR "/README.md", NULL, &net, &err));
    CHECK_HAS(err.message, "README.md");
    CHECK_STATUS(DF_E_IO, df_network_open(df, "/tmp", NULL, &net, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_open(NULL, "x", NULL, &net, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_open(df, NULL, NULL, &net, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_network_open(df, "x", NULL, NULL, &err));
    df_network_opts o = df_network_opts_default();
    o.precision = "exact";
    CHECK_STATUS(DF_E_ARGUMENT, df_network_open(df, seed("conv"), &o, &net, &err));
    CHECK_HAS(err.message, "\"exact\" is none of: strict, fast, int8");
    o = df_network_opts_default();
    o.threads = -1;
    CHECK_STATUS(DF_E_ARGUMENT, df_network_open(df, seed("conv"), &o, &net, &err));
    memset(&o, 0, sizeof o);
    CHECK_STATUS(DF_E_ARGUMENT, df_network_open(df, seed("conv"), &o, &net, &err));
    CHECK_HAS(err.message, "df_network_opts_default");
    df_network_free(NULL);
    df_tensors_free(NULL);
    df_layers_free(NULL);
    CHECK(df_tensors_count(NULL) == 0 && !df_tensors_at(NULL, 0) && df_layers_count(NULL) == 0 && !df_layers_at(NULL, 0) && df_layers_peak(NULL) == 0);
    CHECK(!df_network_input(NULL, 0) && !df_network_output(NULL, 0) && !df_network_precision(NULL));
    df_engine_free(df);
}

TEST(options_of_a_network_go_before_those_of_its_engine)
{
    df_engine *df = engine_of("int8", 2);
    df_network *net;
    CHECK_OK(df_network_open(df, seed("conv"), NULL, &net, &err));
    assert_string_equal(df_network_precision(net), "int8");
    assert_int_equal(df_network_threads(net), 2);
    df_network_free(net);
    df_network_opts o = df_network_opts_default();
    o.precision = "Strict";
    o.threads = 3;
    CHECK_OK(df_network_open(df, seed("conv"), &o, &net, &err));
    assert_string_equal(df_network_precision(net), "strict");
    assert_int_equal(df_network_threads(net), 3);
    df_network_free(net);
    o.size = offsetof(df_network_opts, threads); /* an older caller, which has no such field */
    CHECK_OK(df_network_open(df, seed("conv"), &o, &net, &err));
    assert_int_equal(df_network_threads(net), 2);
    df_network_free(net);
    df_engine_free(df);
}

enum { N = 2, H = 9, W = 7, COUNT = N * 3 * H * W };

typedef struct caller { df_network *net; const df_tensor *in; df_tensors *out; df_status st; df_error err; } caller;

static void *call(void *arg)
{
    caller *c = arg;
    for (int i = 0; i < 20; i++) {
        df_tensors_free(c->out);
        c->st = df_network_run(c->net, c->in, 1, &c->out, &c->err);
    }
    return NULL;
}

TEST(threads_share_a_network_of_any_size_and_get_the_same_answer)
{
    df_engine *df = engine_of("fast", 2);
    df_network *net;
    df_tensors *alone;
    caller callers[3];
    pthread_t threads[3];
    float values[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)(i % 17) / 16;
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {N, 3, H, W}, .data = values};
    CHECK_OK(df_network_open(df, seed("conv"), NULL, &net, &err));
    CHECK(df_network_input(net, 0)->shape.dims[2] == -1);
    CHECK_OK(df_network_run(net, &in, 1, &alone, &err));
    const df_tensor *y = df_tensors_at(alone, 0);
    CHECK(y->rank == 4 && y->dims[0] == N && y->dims[1] == 4 && y->dims[2] == 5 && y->dims[3] == 4);
    for (int i = 0; i < 3; i++) {
        callers[i] = (caller){.net = net, .in = &in};
        CHECK(pthread_create(&threads[i], NULL, call, &callers[i]) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        err = callers[i].err;
        CHECK_OK(callers[i].st);
        assert_memory_equal(df_tensors_at(callers[i].out, 0)->data, y->data, sizeof(float) * N * 4 * 5 * 4);
        df_tensors_free(callers[i].out);
    }
    df_tensors_free(alone);
    df_network_free(net);
    df_engine_free(df);
}

TEST(numbers_need_no_more_than_the_alignment_of_their_type)
{
    df_engine *df = engine_of("fast", 1);
    df_network *net;
    df_tensors *whole, *shifted;
    static _Alignas(64) float room[COUNT + 1], values[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = room[i + 1] = (float)(i % 13) / 12;
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {N, 3, H, W}, .data = values};
    CHECK_OK(df_network_open(df, seed("conv"), NULL, &net, &err));
    CHECK_OK(df_network_run(net, &in, 1, &whole, &err));
    in.data = room + 1;
    CHECK_OK(df_network_run(net, &in, 1, &shifted, &err));
    assert_memory_equal(df_tensors_at(whole, 0)->data, df_tensors_at(shifted, 0)->data, sizeof(float) * N * 4 * 5 * 4);
    df_tensors_free(whole);
    df_tensors_free(shifted);
    df_network_free(net);
    df_engine_free(df);
}

TEST(a_profile_names_each_step_and_counts_its_arithmetic)
{
    df_engine *df = engine_of("strict", 1);
    df_network *net;
    df_layers *layers;
    static float values[3 * 32 * 32];
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {1, 3, 32, 32}, .data = values};
    CHECK_OK(df_network_open(df, seed("conv"), NULL, &net, &err));
    CHECK_OK(df_network_profile(net, &in, 1, 3, &layers, &err));
    CHECK(df_layers_count(layers) >= 1 && df_layers_peak(layers) > 1e8);
    bool found = false;
    for (size_t i = 0; i < df_layers_count(layers); i++) {
        const df_layer *l = df_layers_at(layers, i);
        CHECK(l->name[0] && l->op[0] && l->kernel[0] && l->seconds >= 0);
        if (strcmp(l->op, "Conv") == 0) {
            found = true;
            CHECK_NEAR(2.0 * 16 * 16 * 4 * 3 * 3 * 3, l->flops, 0); /* stride 2, 4 filters of 3 x 3 x 3 */
        }
    }
    CHECK(found && !df_layers_at(layers, df_layers_count(layers)));
    df_layers_free(layers);
    df_network_free(net);
    df_engine_free(df);
}

TEST(every_allocation_may_fail)
{
    const char *path = write_sum();
    df_engine *df = engine_of("fast", 1);
    float values[] = {1, 2};
    df_tensor in = {.type = DF_F32, .rank = 2, .dims = {1, 2}, .data = values};
    bool done = false;
    for (size_t n = 1; !done; n++) {
        df_network *net;
        df_tensors *out = NULL;
        df_layers *layers = NULL;
        CHECK(n < 2000);
        test_alloc_fail_at(n);
        df_status st = df_network_open(df, path, NULL, &net, &err);
        if (st == DF_OK)
            st = df_network_run(net, &in, 1, &out, &err);
        if (st == DF_OK)
            st = df_network_profile(net, &in, 1, 1, &layers, &err);
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
        if (st == DF_OK)
            CHECK_NEAR(22, ((float *)df_tensors_at(out, 0)->data)[1], 0);
        done = st == DF_OK;
        df_layers_free(layers);
        df_tensors_free(out);
        df_network_free(net);
    }
    df_engine_free(df);
}
