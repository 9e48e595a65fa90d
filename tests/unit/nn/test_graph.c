/* test_graph.c - building a graph by hand. */
#include "nn/graph.h"
#include "test.h"

static df_error err;

static df_status build(df_graph **out)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_node *node;
    float *w;
    *out = NULL;
    if ((st = df__graph_new("hand", 13, &g, &err)) != DF_OK ||
        (st = df__graph_add_input(g, "x", DF_F32, 2, (int64_t[]){-5, 3}, &err)) != DF_OK ||
        (st = df__graph_add_f32(g, "w", 2, (int64_t[]){3, 2}, &w, &err)) != DF_OK)
        goto done;
    for (int i = 0; i < 6; i++)
        w[i] = (float)i;
    for (int i = 0; i < 40; i++) { /* past the first list's room */
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        if ((st = df__graph_add_i64(g, name, 2, (int64_t[]){i, -i}, &err)) != DF_OK)
            goto done;
    }
    if ((st = df__graph_add_node(g, "Gemm", "fc", (const char *[]){"x", "w", NULL}, (const char *[]){"y", NULL}, &node, &err)) != DF_OK ||
        (st = df__node_set_float(g, node, "alpha", 2, &err)) != DF_OK || (st = df__node_set_int(g, node, "transB", 0, &err)) != DF_OK ||
        (st = df__node_set_float(g, node, "alpha", 3, &err)) != DF_OK || (st = df__node_set_string(g, node, "note", "abc", &err)) != DF_OK ||
        (st = df__node_set_ints(g, node, "list", 3, (int64_t[]){1, 2, 3}, &err)) != DF_OK || (st = df__graph_add_output(g, "y", &err)) != DF_OK)
        goto done;
    *out = g;
    g = NULL;
done:
    df__graph_free(g);
    return st;
}

TEST(what_is_added_is_there)
{
    df_graph *g;
    CHECK_OK(build(&g));
    assert_int_equal(g->inputs[0].shape.dims[0], -1); /* any negative means unknown */
    assert_int_equal(g->n_consts, 41);
    assert_int_equal(((int64_t *)df__graph_const(g, "s39")->tensor.data)[1], -39);
    assert_null(df__graph_const(g, "absent"));
    const df_node *n = &g->nodes[0];
    CHECK_NEAR(3, df__node_float(n, "alpha", 0), 0); /* the later value */
    assert_int_equal(n->n_attrs, 4);
    assert_int_equal(df__node_int(n, "transB", 7), 0);
    assert_int_equal(df__node_int(n, "absent", 7), 7);
    assert_int_equal(df__node_int(n, "alpha", 7), 7); /* of another kind */
    assert_string_equal(df__node_attr(n, "note")->v.s, "abc");
    assert_int_equal(df__node_attr(n, "list")->v.ints[2], 3);
    df__graph_free(g);
}

TEST(limits_are_kept)
{
    df_graph *g;
    float *data;
    CHECK_OK(df__graph_new("hand", 13, &g, &err));
    CHECK_STATUS(DF_E_LIMIT, df__graph_add_f32(g, "huge", 2, (int64_t[]){1 << 20, 1 << 20}, &data, &err));
    CHECK_HAS(err.message, "huge");
    CHECK_STATUS(DF_E_LIMIT, df__graph_add_f32(g, "huge", 2, (int64_t[]){INT64_MAX, 4}, &data, &err));
    CHECK_STATUS(DF_E_LIMIT, df__graph_add_input(g, "deep", DF_F32, 9, (int64_t[9]){0}, &err));
    CHECK_OK(df__graph_add_f32(g, "none", 1, (int64_t[]){0}, &data, &err));
    df__graph_free(g);
    df__graph_free(NULL);
}

TEST(counts_and_names_of_types)
{
    df_tensor t = {.type = DF_F32, .rank = 3, .dims = {2, 3, 4}};
    assert_int_equal(df__tensor_count(&t), 24);
    t.dims[1] = -1;
    assert_int_equal(df__tensor_count(&t), -1);
    t = (df_tensor){.type = DF_F32, .rank = 2, .dims = {INT64_MAX, 2}};
    assert_int_equal(df__tensor_count(&t), -1);
    assert_int_equal(df__tensor_count(&(df_tensor){.type = DF_F32}), 1);
    assert_int_equal(df__dtype_size(DF_BF16), 2);
    assert_int_equal(df__dtype_size((df_dtype)99), 0);
    assert_string_equal(df__dtype_name(DF_I64), "int64");
    assert_string_equal(df__dtype_name((df_dtype)0), "unknown");
}

TEST(each_failing_allocation_is_reported_and_leaks_nothing)
{
    df_status st = DF_E_NO_MEMORY;
    size_t n = 1;
    for (; st == DF_E_NO_MEMORY && n < 100; n++) {
        df_graph *g = NULL;
        test_alloc_fail_at(n);
        st = build(&g);
        test_alloc_fail_at(0);
        df__graph_free(g);
    }
    assert_int_equal(st, DF_OK);
    assert_true(n > 2);
}
