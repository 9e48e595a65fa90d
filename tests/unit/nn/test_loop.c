/* test_loop.c - Loop and Scan: iterations that the shapes tell and those that the data tell, inside one another, to their limits. */
#include "nn/net.h"
#include "nn/onnx.h"
#include "test.h"

enum { MOST = 8 };

typedef struct nets { df_graph *outer, *body[MOST]; int n; } nets;

static df_graph *graph(const char *label)
{
    df_graph *g;
    df_error err;
    CHECK_OK(df__graph_new(label, 16, &g, &err));
    return g;
}

static void port(df_graph *g, const char *name, df_dtype type, int rank, int64_t a, int64_t b)
{
    df_error err;
    CHECK_OK(df__graph_add_input(g, name, type, rank, (int64_t[]){a, b}, &err));
}

static df_node *node(df_graph *g, const char *op, const char *in, const char *out)
{
    char text[2][128];
    const char *list[2][12];
    df_error err;
    df_node *made;
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        char *save;
        snprintf(text[i], sizeof text[i], "%s", i ? out : in);
        for (char *p = strtok_r(text[i], " ", &save); p; p = strtok_r(NULL, " ", &save))
            list[i][n++] = strcmp(p, "_") == 0 ? "" : p;
        list[i][n] = NULL;
    }
    CHECK_OK(df__graph_add_node(g, op, op, list[0], list[1], &made, &err));
    return made;
}

static void outputs(df_graph *g, const char *names)
{
    char text[128], *save;
    df_error err;
    snprintf(text, sizeof text, "%s", names);
    for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save))
        CHECK_OK(df__graph_add_output(g, p, &err));
}

/* The attribute `body`; the graph lives as long as the test's. */
static void give_body(df_graph *g, df_node *n, df_graph *body)
{
    df_error err;
    CHECK_OK(df__node_set_int(g, n, "body", 0, &err));
    for (size_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, "body") == 0) {
            n->attrs[i].kind = DF_ATTR_GRAPH;
            n->attrs[i].v.graph = body;
        }
}

static void number(df_graph *g, const char *name, float v)
{
    df_error err;
    float *data;
    CHECK_OK(df__graph_add_f32(g, name, 0, NULL, &data, &err));
    *data = v;
}

/* v = v * 2 + x for as long as v is below the limit; what v was each time is collected. */
static df_graph *doubling(float limit)
{
    df_graph *b = graph("body");
    port(b, "i", DF_I64, 0, 0, 0);
    port(b, "c", DF_BOOL, 0, 0, 0);
    port(b, "v", DF_F32, 1, 2, 0);
    number(b, "two", 2);
    number(b, "limit", limit);
    node(b, "Mul", "v two", "doubled");
    node(b, "Add", "doubled x", "next");
    df_error err;
    df_node *n = node(b, "ReduceMax", "next", "largest");
    CHECK_OK(df__node_set_int(b, n, "keepdims", 0, &err));
    node(b, "Less", "largest limit", "go");
    node(b, "Identity", "v", "was");
    outputs(b, "go next was");
    return b;
}

static df_status run(df_graph *g, const float *x, int64_t n, df_tensor *out, size_t n_out, df_arena *scratch, df_error *err)
{
    df_net *net;
    df_tensor in = {.type = DF_F32, .rank = 1, .dims = {n}};
    memcpy(&in.data, &x, sizeof x);
    df_status st = df__net_new(g, NULL, &net, err);
    if (st != DF_OK)
        return st;
    st = df__net_run(net, &in, 1, out, n_out, 1, scratch, err);
    df__net_free(net);
    return st;
}

static df_graph *looped(df_graph *body, int64_t turns)
{
    df_graph *g = graph("looped");
    df_error err;
    port(g, "x", DF_F32, 1, 2, 0);
    if (turns >= 0)
        CHECK_OK(df__graph_add_const(g, "M", &(df_tensor){.type = DF_I64, .data = memcpy(df__arena_alloc(&g->arena, 8), &turns, 8)}, &err));
    give_body(g, node(g, "Loop", turns >= 0 ? "M _ x" : "_ _ x", "last all"), body);
    outputs(g, "last all");
    return g;
}

/* In plain C. */
static int64_t expect(const float *x, int64_t turns, float limit, float *v, float *all)
{
    int64_t n = 0;
    memcpy(v, x, 2 * sizeof *v);
    for (bool go = true; go && n != turns; n++) {
        memcpy(all + 2 * n, v, 2 * sizeof *v);
        for (int i = 0; i < 2; i++)
            v[i] = v[i] * 2 + x[i];
        go = (v[0] > v[1] ? v[0] : v[1]) < limit;
    }
    return n;
}

TEST(iterations_by_number_and_by_data)
{
    static const float x[] = {1, -0.5f};
    static const struct { int64_t turns; float limit; } table[] = {{5, 1e9f}, {100, 60}, {-1, 1000}, {1, 0}, {0, 5}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        df_graph *body = doubling(table[i].limit);
        df_tensor out[2];
        df_arena scratch = {0};
        df_error err;
        float v[2], all[200];
        int64_t n = expect(x, table[i].turns, table[i].limit, v, all);
        df_status st = run(looped(body, table[i].turns), x, 2, out, 2, &scratch, &err);
        if (n == 0) { /* what a body makes that never ran has no shape here */
            assert_int_equal(DF_E_UNSUPPORTED, st);
            CHECK(strstr(err.message, "\"Loop\" (Loop)") && strstr(err.message, "no iteration"));
        } else {
            CHECK(st == DF_OK && out[0].rank == 1 && out[1].rank == 2 && out[1].dims[0] == n && out[1].dims[1] == 2);
            CHECK(memcmp(out[0].data, v, sizeof v) == 0 && memcmp(out[1].data, all, (size_t)(2 * n) * sizeof *all) == 0);
        }
        df__arena_free(&scratch);
        df__graph_free(body);
    }
}

TEST(a_loop_in_a_loop)
{
    static const float x[] = {1, 2};
    df_graph *inner = graph("inner"), *body = graph("body");
    df_error err;
    int64_t three = 3;
    port(inner, "j", DF_I64, 0, 0, 0);
    port(inner, "d", DF_BOOL, 0, 0, 0);
    port(inner, "w", DF_F32, 1, 2, 0);
    node(inner, "Add", "w v", "w2"); /* v: of the outer body */
    node(inner, "Identity", "d", "d2");
    outputs(inner, "d2 w2");
    port(body, "i", DF_I64, 0, 0, 0);
    port(body, "c", DF_BOOL, 0, 0, 0);
    port(body, "v", DF_F32, 1, 2, 0);
    CHECK_OK(df__graph_add_const(body, "three", &(df_tensor){.type = DF_I64, .data = &three}, &err));
    give_body(body, node(body, "Loop", "three _ x", "sum"), inner); /* x + 3 v */
    node(body, "Identity", "c", "c2");
    node(body, "Identity", "sum", "also");
    outputs(body, "c2 sum also");
    df_tensor out[2];
    df_arena scratch = {0};
    CHECK_OK(run(looped(body, 4), x, 2, out, 2, &scratch, &err));
    float v = 1;
    for (int i = 0; i < 4; i++) {
        v = 1 + 3 * v;
        CHECK_NEAR(v, ((float *)out[1].data)[2 * i], 0);
        CHECK_NEAR(2 * v, ((float *)out[1].data)[2 * i + 1], 0);
    }
    CHECK_NEAR(v, ((float *)out[0].data)[0], 0);
    df__arena_free(&scratch);
    df__graph_free(body);
    df__graph_free(inner);
}

/* Sums along the second dimension, from its end; the sums lie along the last dimension of the output. */
TEST(a_scan_backwards)
{
    static const float x[] = {1, 2, 3, 4, 5, 6};
    df_graph *g = graph("scan"), *body = graph("body");
    df_error err;
    int64_t shape[] = {2, 3};
    port(body, "s", DF_F32, 1, 2, 0);
    port(body, "part", DF_F32, 1, 2, 0);
    node(body, "Add", "s part", "t");
    node(body, "Identity", "t", "each");
    outputs(body, "t each");
    port(g, "x", DF_F32, 1, 6, 0);
    CHECK_OK(df__graph_add_const(g, "shape", &(df_tensor){.type = DF_I64, .rank = 1, .dims = {2}, .data = shape}, &err));
    float *zero;
    CHECK_OK(df__graph_add_f32(g, "zero", 1, (int64_t[]){2}, &zero, &err));
    zero[0] = zero[1] = 0;
    node(g, "Reshape", "x shape", "m");
    df_node *n = node(g, "Scan", "zero m", "total sums");
    give_body(g, n, body);
    n = &g->nodes[g->n_nodes - 1];
    CHECK_OK(df__node_set_int(g, n, "num_scan_inputs", 1, &err));
    CHECK_OK(df__node_set_ints(g, n, "scan_input_axes", 1, (int64_t[]){1}, &err));
    CHECK_OK(df__node_set_ints(g, n, "scan_input_directions", 1, (int64_t[]){1}, &err));
    CHECK_OK(df__node_set_ints(g, n, "scan_output_axes", 1, (int64_t[]){-1}, &err));
    outputs(g, "total sums");
    df_tensor out[2];
    df_arena scratch = {0};
    static const float expected[] = {3, 5, 6, 6, 11, 15};
    CHECK_OK(run(g, x, 6, out, 2, &scratch, &err));
    CHECK(out[1].rank == 2 && out[1].dims[0] == 2 && out[1].dims[1] == 3);
    CHECK(memcmp(out[1].data, expected, sizeof expected) == 0);
    CHECK(((float *)out[0].data)[0] == 6 && ((float *)out[0].data)[1] == 15);
    df__arena_free(&scratch);
    df__graph_free(body);
}

TEST(what_never_ends_and_what_does_not_fit_is_refused)
{
    static const float x[] = {0, 0};
    df_tensor out[2];
    df_arena scratch = {0};
    df_error err;
    df_graph *body = doubling(1), *g;
    assert_int_equal(DF_E_LIMIT, run(looped(body, -1), x, 2, out, 2, &scratch, &err)); /* 0 stays below 1 */
    CHECK(strstr(err.message, "node \"Loop\" (Loop)"));
    assert_int_equal(DF_E_LIMIT, run(looped(body, INT64_MAX), x, 2, out, 2, &scratch, &err));
    g = looped(body, 3);
    body->n_outputs = 1;
    assert_int_equal(DF_E_BAD_MODEL, run(g, x, 2, out, 2, &scratch, &err));
    CHECK(strstr(err.message, "a body of 3 inputs and 1 outputs"));
    body->n_outputs = 3;
    df__arena_free(&scratch);
    df__graph_free(body);
}

TEST(each_allocation_refused_in_turn)
{
    static const float x[] = {1, 1};
    for (size_t n = 1;; n++) {
        df_graph *body = doubling(20), *g = looped(body, 10);
        df_tensor out[2];
        df_arena scratch = {0};
        df_error err = {0};
        test_alloc_fail_at(n);
        df_status st = run(g, x, 2, out, 2, &scratch, &err);
        size_t made = test_alloc_count();
        test_alloc_fail_at(0);
        if (st != DF_OK)
            assert_int_equal(DF_E_NO_MEMORY, st);
        df__arena_free(&scratch);
        df__graph_free(body);
        if (made < n)
            break;
        CHECK(n < 2000);
    }
}
