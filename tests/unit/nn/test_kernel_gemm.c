/* test_kernel_gemm.c - products with a constant matrix, by columns, by rows and by dots, beside the operator's plain C. */
#include "kernel_check.h"

static void layer_gemm(layer *l, int64_t m, int64_t k, int64_t n, bool trans_b, bool bias, const char *posts, bool affine)
{
    df_error err = {0};
    layer_begin(l, "Gemm");
    l->in[0] = (df_tensor){.type = DF_F32, .rank = 2, .dims = {m, k}};
    l->in[1] = (df_tensor){.type = DF_F32, .rank = 2, .dims = {trans_b ? n : k, trans_b ? k : n}};
    if (bias)
        l->in[2] = (df_tensor){.type = DF_F32, .rank = 1, .dims = {n}};
    l->attrs[l->node.n_attrs++] = (df_attr){.name = "transB", .kind = DF_ATTR_INT, .v.i = trans_b};
    l->call.err = &err;
    CHECK_OK(df__op_Gemm.infer(&l->call));
    fill_tensor(l, &l->in[0], 1);
    fill_tensor(l, &l->in[1], 1 / sqrtf((float)k));
    if (bias)
        fill_tensor(l, &l->in[2], 0.5f);
    add_posts(l, posts, affine, n);
    l->call.n_in = 3; /* the operator takes no more; posts read past it */
    layer_answer(l, &df__op_Gemm);
}

static void gemm_way(layer *l, df_precision precision, int threads, bool trans_b, df_kernel **k)
{
    df_error err = {0};
    const df_tensor *b = &l->in[1];
    df_gemm g = {.m = l->in[0].dims[0], .k = l->in[0].dims[1], .n = b->dims[!trans_b], .trans_b = trans_b, .weights = b,
                 .bias = l->in[2].type ? &l->in[2] : NULL, .alpha = 1, .beta = 1};
    l->call.precision = precision;
    l->call.threads = threads;
    l->call.err = &err;
    CHECK_OK(df__gemm_compile(&l->call, &g, &l->fused, l->packer, k));
    l->call.err = &l->err;
}

static void check_gemm(layer *l, bool trans_b)
{
    static const int counts[] = {1, 2, 3, 8};
    for (size_t t = 0; t < sizeof counts / sizeof *counts; t++)
        for (int p = DF_PRECISION_STRICT; p <= DF_PRECISION_FAST; p++) {
            char what[128];
            df_kernel *k;
            snprintf(what, sizeof what, "%lld x %lld x %lld, transB %d, precision %d, %d threads, %d posts", (long long)l->in[0].dims[0],
                     (long long)l->in[0].dims[1], (long long)l->out.dims[1], trans_b, p, counts[t], l->fused.n_post);
            gemm_way(l, (df_precision)p, counts[t], trans_b, &k);
            if (!k)
                fail_msg("%s: no kernel", what);
            check_threads(l, what, k, counts[t]);
            check_close(l, what, p != DF_PRECISION_STRICT, false, 1e-5);
            k->free(k);
        }
}

TEST(products_of_every_size)
{
    static const struct { int64_t m, k, n; const char *posts; bool no_bias, affine; } table[] = {
        {1, 512, 128, "relu", false, true}, {1, 1, 1, NULL, false, false},      {2, 3, 5, "prelu", false, true},   {1, 4096, 3, "clip", true, true},
        {3, 33, 500, "prelu1", true, true}, {8, 257, 129, "add relu", false, true}, {9, 257, 129, "prelu", false, true}, {16, 512, 512, "prelu", false, true},
        {31, 700, 333, "relu", true, false}, {33, 300, 100, "add", false, true}, {100, 64, 65, "prelu add", false, true}, {16, 100, 700, "swish", false, false},
        {13, 450, 318, "relu add", false, true}, {32, 100, 700, "relu add", false, false}, {7, 20, 2000, "gelu", false, true}, {65, 70, 1, NULL, false, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int trans = 0; trans < 2; trans++) {
            layer l;
            layer_gemm(&l, table[i].m, table[i].k, table[i].n, trans, !table[i].no_bias, table[i].posts, table[i].affine);
            check_gemm(&l, trans);
            layer_free(&l);
        }
}

/* Two nodes may read one square matrix, one of them transposed: what was packed for the first is not the second's. */
TEST(one_matrix_read_both_ways)
{
    for (int64_t m = 1; m <= 40; m += 13) {
        layer l[2];
        for (int trans = 0; trans < 2; trans++)
            layer_gemm(&l[trans], m, 256, 256, trans, false, NULL, false);
        memcpy(l[1].in[1].data, l[0].in[1].data, 256 * 256 * sizeof(float));
        df__packer_free(l[1].packer);
        l[1].packer = l[0].packer;
        l[1].out.data = l[1].expected;
        df_error err = {0};
        l[1].call.err = &err;
        CHECK_OK(df__op_Gemm.run(&l[1].call));
        check_gemm(&l[0], false);
        check_gemm(&l[1], true);
        check_gemm(&l[0], false);
        l[1].packer = NULL;
        layer_free(&l[0]);
        layer_free(&l[1]);
    }
}

/* Their numbers in the packer tell weights of one layer apart by all that was multiplied into them. */
TEST(scales_are_part_of_the_name)
{
    layer l;
    float other[64], *first;
    layer_gemm(&l, 2, 300, 64, true, false, NULL, true);
    check_gemm(&l, true);
    first = l.expected;
    for (int i = 0; i < 64; i++)
        other[i] = 3 * l.fused.scale[i];
    l.fused.scale = other;
    layer_answer(&l, &df__op_Gemm);
    CHECK(error_of(first, l.expected, l.count) > 0.1);
    check_gemm(&l, true);
    layer_free(&l);
}

/* Both sides made by the run: batches, small ones in float32 throughout, more than are rounded at a time. */
TEST(products_of_two_tensors)
{
    static const struct { int64_t batch, m, k, n; } table[] = {{1, 1, 1, 1}, {3, 7, 5, 9}, {8, 100, 32, 100}, {7, 33, 70, 65}, {40, 100, 100, 32}, {2, 300, 500, 200}, {13, 64, 64, 17}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        layer l;
        df_error err = {0};
        layer_begin(&l, "MatMul");
        l.call.n_in = 2;
        l.in[0] = (df_tensor){.type = DF_F32, .rank = 3, .dims = {table[i].batch, table[i].m, table[i].k}};
        l.in[1] = (df_tensor){.type = DF_F32, .rank = 3, .dims = {table[i].batch, table[i].k, table[i].n}};
        l.call.err = &err;
        CHECK_OK(df__op_MatMul.infer(&l.call));
        fill_tensor(&l, &l.in[0], 1);
        fill_tensor(&l, &l.in[1], 1 / sqrtf((float)table[i].k));
        layer_answer(&l, &df__op_MatMul);
        for (int threads = 1; threads <= 3; threads++)
            for (int p = DF_PRECISION_STRICT; p <= DF_PRECISION_FAST; p++) {
                char what[128];
                df_kernel *k;
                l.call.precision = (df_precision)p;
                l.call.threads = threads;
                CHECK_OK(df__pairs_compile(&l.call, table[i].batch, table[i].m, table[i].k, table[i].n, &k));
                assert_non_null(k);
                snprintf(what, sizeof what, "product %zu, precision %d, %d threads", i, p, threads);
                check_threads(&l, what, k, threads);
                check_close(&l, what, p != DF_PRECISION_STRICT, false, 1e-5);
                k->free(k);
            }
        layer_free(&l);
    }
}

TEST(a_row_that_is_no_number_stays_alone)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    for (int64_t m = 2; m <= 40; m += 19)
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
            for (int p = DF_PRECISION_STRICT; p <= DF_PRECISION_FAST; p++) {
                layer l;
                df_kernel *k;
                df_error err = {0};
                layer_gemm(&l, m, 300, 130, true, true, "relu", true);
                gemm_way(&l, (df_precision)p, 3, true, &k);
                assert_non_null(k);
                l.call.err = &err;
                CHECK_OK(kernel_run(&l, k, 3, l.got));
                float *clean = dice_array(&l, l.count, 0, 0);
                memcpy(clean, l.got, (size_t)l.count * sizeof *clean);
                for (int i = 0; i < 300; i += 7)
                    ((float *)l.in[0].data)[i] = bad[b];
                CHECK_OK(kernel_run(&l, k, 3, l.got));
                CHECK(memcmp(clean + 130, l.got + 130, (size_t)(l.count - 130) * sizeof *clean) == 0);
                k->free(k);
                layer_free(&l);
            }
}

/* Sizes that no memory holds: no kernel, and no arithmetic that overflows. */
TEST(sizes_past_all_memory)
{
    static const int64_t sizes[][3] = {{INT64_MAX, 1, 1}, {1, (int64_t)1 << 40, 4}, {1, 64, (int64_t)1 << 31}, {(int64_t)1 << 62, (int64_t)1 << 62, (int64_t)1 << 62}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        layer l;
        df_error err = {0};
        df_kernel *k = NULL;
        layer_gemm(&l, 1, 64, 64, true, false, NULL, false);
        df_gemm g = {.m = sizes[i][0], .k = sizes[i][1], .n = sizes[i][2], .trans_b = true, .weights = &l.in[1], .alpha = 1};
        l.call.err = &err;
        l.call.threads = 8;
        CHECK_OK(df__gemm_compile(&l.call, &g, NULL, l.packer, &k));
        CHECK(!k);
        layer_free(&l);
    }
}

TEST(a_scalar_bias_of_one_column)
{
    layer l;
    df_error err = {0};
    df_kernel *k = NULL;
    layer_gemm(&l, 3, 64, 1, true, true, NULL, false);
    l.in[2].rank = 0;
    layer_answer(&l, &df__op_Gemm);
    l.call.err = &err;
    CHECK_OK(df__op_Gemm.compile(&l.call, NULL, l.packer, &k));
    if (k) {
        check_threads(&l, "scalar bias", k, 1);
        check_close(&l, "scalar bias", false, false, 1e-5);
        k->free(k);
    }
    layer_free(&l);
}
