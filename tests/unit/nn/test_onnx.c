/* test_onnx.c - the reader of .onnx files: what it keeps, what it refuses and how it says so. */
#include "nn/net.h"
#include "nn/onnx.h"
#include "onnx_writer.h"
#include "temp_dir.h"

static df_error err;

static df_status parse(const message *graph, df_graph **out)
{
    df_bytes file = model(graph, 13);
    return df__onnx_parse(&file, "test.onnx", NULL, out, &err);
}

static message raw_constant(void)
{
    message c = tensor_head("c", 1, 2, (int64_t[]){1, 2});
    put_bytes(&c, 9, (float[]){10, 20}, 8);
    return c;
}

TEST(a_model_becomes_a_graph_with_its_constants_in_place)
{
    message c = raw_constant(), g = add_graph(&c);
    df_bytes file = model(&g, 13);
    const uint8_t *begin = file.data, *end = begin + file.len;
    df_graph *graph;
    CHECK_OK(df__onnx_parse(&file, "test.onnx", NULL, &graph, &err));
    assert_int_equal(graph->opset, 13);
    assert_int_equal(graph->n_nodes, 1);
    assert_string_equal(graph->nodes[0].op, "Add");
    assert_string_equal(graph->nodes[0].in[1], "c");
    assert_int_equal(graph->n_inputs, 1);
    assert_string_equal(graph->outputs[0].name, "y");
    const uint8_t *data = graph->consts[0].tensor.data;
    assert_true(data > begin && data < end); /* not copied */
    float v[2];
    memcpy(v, data, 8);
    CHECK_NEAR(20, v[1], 0);
    df__graph_free(graph);
}

TEST(numbers_may_be_typed_instead_of_raw)
{
    message c = tensor_head("c", 1, 2, (int64_t[]){1, 2}), g;
    df_graph *graph;
    put_bytes(&c, 4, (float[]){10, 20}, 8); /* float_data, packed */
    g = add_graph(&c);
    CHECK_OK(parse(&g, &graph));
    CHECK_NEAR(20, ((float *)graph->consts[0].tensor.data)[1], 0);
    df__graph_free(graph);
    c = tensor_head("c", 7, 1, (int64_t[]){3});
    for (int i = 0; i < 3; i++)
        put_int(&c, 7, (uint64_t)(int64_t)(i - 1)); /* int64_data, one by one; -1 takes ten bytes */
    g = add_graph(&c);
    CHECK_OK(parse(&g, &graph));
    assert_int_equal(((int64_t *)graph->consts[0].tensor.data)[0], -1);
    assert_int_equal(((int64_t *)graph->consts[0].tensor.data)[2], 1);
    df__graph_free(graph);
}

TEST(an_initialiser_listed_as_an_input_is_no_input)
{
    message c = raw_constant(), g = add_graph(&c), again = port("c", 2, (int64_t[]){1, 2});
    df_graph *graph;
    put_message(&g, 11, &again);
    CHECK_OK(parse(&g, &graph));
    assert_int_equal(graph->n_inputs, 1);
    df__graph_free(graph);
}

TEST(a_tensor_cut_short_is_named_with_both_sizes)
{
    message c = tensor_head("c", 1, 2, (int64_t[]){1, 2}), g;
    df_graph *graph;
    put_bytes(&c, 9, (float[]){10}, 4);
    g = add_graph(&c);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(&g, &graph));
    CHECK_HAS(err.message, "tensor \"c\" has 4 bytes, needs 8");
    c = tensor_head("c", 1, 2, (int64_t[]){1, 2});
    put_bytes(&c, 4, (float[]){10}, 4);
    g = add_graph(&c);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(&g, &graph));
    CHECK_HAS(err.message, "tensor \"c\" has 1 of 2 values");
}

TEST(huge_dimensions_do_not_overflow)
{
    message c = tensor_head("c", 1, 3, (int64_t[]){INT64_MAX, INT64_MAX, 8}), g;
    df_graph *graph;
    put_bytes(&c, 9, (float[]){10}, 4);
    g = add_graph(&c);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(&g, &graph));
    CHECK_HAS(err.message, "\"c\"");
    c = tensor_head("c", 1, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
    g = add_graph(&c);
    CHECK_STATUS(DF_E_LIMIT, parse(&g, &graph));
}

TEST(an_unknown_data_type_and_an_old_operator_set_are_not_supported)
{
    message c = tensor_head("c", 8, 1, (int64_t[]){1}), g = add_graph(&c); /* strings */
    df_graph *graph;
    CHECK_STATUS(DF_E_UNSUPPORTED, parse(&g, &graph));
    CHECK_HAS(err.message, "\"c\"");
    c = raw_constant();
    g = add_graph(&c);
    df_bytes old = model(&g, 6);
    CHECK_STATUS(DF_E_UNSUPPORTED, df__onnx_parse(&old, "test.onnx", NULL, &graph, &err));
    CHECK_HAS(err.message, "operator set 6");
}

TEST(every_cut_of_a_model_is_refused_or_read_without_harm)
{
    message c = raw_constant(), g = add_graph(&c);
    df_bytes whole = model(&g, 13);
    for (size_t n = 0; n < whole.len; n++) {
        df_graph *graph;
        df_bytes part = {malloc(n ? n : 1), n, false};
        memcpy(part.data, whole.data, n);
        if (df__onnx_parse(&part, "test.onnx", NULL, &graph, &err) == DF_OK)
            df__graph_free(graph);
    }
    df__bytes_free(&whole);
}

/* A graph in an attribute of a node in a graph, and so on. */
TEST(graphs_nested_without_end_meet_a_limit)
{
    df_graph *graph;
    message g = {.len = 0};
    for (int i = 0; i < 200; i++) {
        message attr = {.len = 0}, n = node("If", "deep", "x", "y"), outer = {.len = 0};
        put_text(&attr, 1, "then_branch");
        put_message(&attr, 6, &g);
        put_int(&attr, 20, 5);
        put_message(&n, 5, &attr);
        put_message(&outer, 1, &n);
        g = outer;
    }
    df_status st = parse(&g, &graph);
    assert_true(st == DF_E_LIMIT || st == DF_E_BAD_MODEL);
    CHECK_HAS(err.message, "test.onnx");
}

/* ---- data in another file ---- */

static df_status external(const char *location, const char *offset, const char *dir, df_graph **out)
{
    static const char *const keys[] = {"location", "offset"};
    const char *values[] = {location, offset};
    message c = tensor_head("c", 1, 2, (int64_t[]){1, 2});
    for (int i = 0; i < 2; i++) {
        message entry = {.len = 0};
        put_text(&entry, 1, keys[i]);
        put_text(&entry, 2, values[i]);
        put_message(&c, 13, &entry);
    }
    put_int(&c, 14, 1);
    message g = add_graph(&c);
    df_bytes file = model(&g, 13);
    return df__onnx_parse(&file, "test.onnx", dir, out, &err);
}

static temp_dir folder_of_weights(void)
{
    temp_dir d = temp_dir_new();
    FILE *f = fopen(temp_path(&d, "weights.bin"), "wb");
    fwrite((float[]){1, 2, 3, 4}, 4, 4, f);
    fclose(f);
    return d;
}

TEST(external_data_are_mapped_from_the_models_folder)
{
    df_graph *graph;
    temp_dir d = folder_of_weights();
    CHECK_OK(external("weights.bin", "8", d.path, &graph));
    float v[2];
    memcpy(v, graph->consts[0].tensor.data, sizeof v);
    CHECK_NEAR(3, v[0], 0);
    df__graph_free(graph);
    CHECK_STATUS(DF_E_BAD_MODEL, external("weights.bin", "12", d.path, &graph)); /* 8 bytes at 12 of 16 */
    CHECK_HAS(err.message, "\"c\" of 8 bytes at 12 of weights.bin, which has 16");
    CHECK_STATUS(DF_E_BAD_MODEL, external("weights.bin", "-8", d.path, &graph));
    CHECK_STATUS(DF_E_IO, external("absent.bin", "0", d.path, &graph));
    CHECK_HAS(err.message, "tensor \"c\"");
}

TEST(external_data_cannot_leave_the_folder)
{
    static const char *const outside[] = {"../weights.bin", "/etc/passwd", "a/../../weights.bin", "..", ""};
    df_graph *graph;
    temp_dir d = folder_of_weights();
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        CHECK_STATUS(DF_E_BAD_MODEL, external(outside[i], "0", d.path, &graph));
    CHECK_STATUS(DF_E_BAD_MODEL, external("weights.bin", "0", NULL, &graph));
    CHECK_HAS(err.message, "not allowed");
    assert_int_equal(symlink("/etc/passwd", temp_path(&d, "link.bin")), 0);
    CHECK_STATUS(DF_E_BAD_MODEL, external("link.bin", "0", d.path, &graph));
    CHECK_HAS(err.message, "link");
}

TEST(each_failing_allocation_is_reported_and_leaks_nothing)
{
    message c = raw_constant(), g = add_graph(&c);
    df_status st = DF_E_NO_MEMORY;
    size_t n = 1;
    for (; st == DF_E_NO_MEMORY && n < 1000; n++) {
        df_graph *graph = NULL;
        df_bytes file = model(&g, 13);
        test_alloc_fail_at(n);
        st = df__onnx_parse(&file, "test.onnx", NULL, &graph, &err);
        test_alloc_fail_at(0);
        df__graph_free(graph);
    }
    assert_int_equal(st, DF_OK);
    assert_true(n > 2);
}
