/* test_kernel_conv.c - each way to compute a convolution beside the operator's plain C: shapes, posts, threads. */
#include "kernel_check.h"

static const int thread_counts[] = {1, 2, 3, 8};

static void check_all(const shape *s, size_t n)
{
    int applied[W_WAYS] = {0};
    for (size_t i = 0; i < n; i++) {
        layer l;
        layer_conv(&l, &s[i]);
        for (int w = 0; w < W_WAYS; w++)
            for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++)
                applied[w] += check_way(&l, (way)w, thread_counts[t]);
        layer_free(&l);
    }
    CHECK(applied[W_DIRECT] > 0);
}
#define CHECK_ALL(table) check_all(table, sizeof table / sizeof *table)

TEST(windows_of_every_kind)
{
    static const shape table[] = {
        {.n = 1, .c = 16, .k = 16, .in = {1, 1}, .kernel = {1, 1}},
        {.n = 1, .c = 16, .k = 32, .in = {1, 1}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu"},
        {.n = 3, .c = 32, .k = 16, .in = {2, 1}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu", .affine = true},
        {.n = 2, .c = 48, .k = 64, .in = {17, 13}, .kernel = {1, 1}, .posts = "clip", .no_bias = true},
        {.n = 1, .c = 32, .k = 48, .in = {29, 23}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu add"},
        {.n = 1, .c = 32, .k = 32, .in = {9, 31}, .kernel = {3, 3}, .pad = {0, 1}, .end = {1, 0}, .posts = "add relu", .affine = true},
        {.n = 1, .c = 64, .k = 16, .in = {31, 30}, .kernel = {3, 3}, .posts = "leaky", .no_bias = true, .affine = true},
        {.n = 2, .c = 16, .k = 32, .in = {21, 19}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "prelu"},
        {.n = 1, .c = 16, .k = 32, .in = {20, 22}, .kernel = {3, 3}, .pad = {0, 0}, .end = {1, 1}, .stride = {2, 2}, .posts = "relu"},
        {.n = 1, .c = 32, .k = 32, .in = {19, 18}, .kernel = {3, 3}, .pad = {2, 2}, .end = {2, 2}, .dilation = {2, 2}, .posts = "relu"},
        {.n = 1, .c = 16, .k = 16, .in = {15, 22}, .kernel = {5, 5}, .pad = {2, 2}, .end = {2, 2}, .posts = "relu6"},
        {.n = 1, .c = 16, .k = 32, .in = {33, 30}, .kernel = {7, 7}, .pad = {3, 3}, .end = {3, 3}, .stride = {2, 2}, .posts = "relu"},
        {.n = 2, .c = 32, .k = 16, .in = {12, 17}, .kernel = {1, 5}, .pad = {0, 2}, .end = {0, 2}, .posts = "relu"},
        {.n = 2, .c = 32, .k = 16, .in = {12, 17}, .kernel = {7, 1}, .pad = {3, 0}, .end = {3, 0}, .affine = true},
        {.n = 1, .c = 16, .k = 16, .in = {24, 11}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {1, 2}, .posts = "relu"},
    };
    CHECK_ALL(table);
}

/* Rows of outputs that are cut among photos and parts, planes of rows for a stride, windows that read past their row. */
TEST(photos_in_matrix_registers)
{
    static const shape table[] = {
        {.n = 9, .c = 64, .k = 80, .in = {7, 7}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add relu"},
        {.n = 2, .c = 3, .k = 32, .in = {40, 61}, .kernel = {7, 7}, .pad = {3, 3}, .end = {3, 3}, .stride = {2, 2}, .posts = "relu clip"},
        {.n = 1, .c = 28, .k = 28, .in = {33, 35}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add prelu"},
        {.n = 1, .c = 24, .k = 17, .in = {19, 20}, .kernel = {3, 3}, .pad = {2, 4}, .end = {2, 4}, .stride = {1, 3}, .dilation = {1, 2}, .posts = "relu add"},
        {.n = 1, .c = 8, .k = 33, .in = {25, 25}, .kernel = {5, 3}, .pad = {4, 0}, .end = {4, 2}, .stride = {3, 1}, .dilation = {2, 1}, .posts = "clip"},
        {.n = 1, .c = 32, .k = 48, .in = {400, 300}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "relu"},
        {.n = 3, .c = 96, .k = 16, .in = {2, 3}, .kernel = {1, 1}, .posts = "add"},
        {.n = 2, .c = 64, .k = 48, .in = {15, 13}, .kernel = {1, 1}, .stride = {2, 2}, .posts = "relu"},
        {.n = 1, .c = 40, .k = 32, .in = {9, 31}, .kernel = {3, 1}, .pad = {1, 0}, .end = {1, 0}, .stride = {1, 3}, .posts = "prelu add"},
        {.n = 1, .c = 96, .k = 64, .in = {20, 19}, .kernel = {3, 3}, .pad = {2, 2}, .end = {2, 2}, .dilation = {1, 2}, .posts = "relu add"},
        {.n = 1, .c = 256, .k = 256, .in = {12, 14}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add clip"}, /* more weights than stay in a cache */
    };
    CHECK_ALL(table);
}

/* The answer where it is added equals the one beside it. True where the way can. */
static bool check_in_place(layer *l, way w, int threads)
{
    df_kernel *k;
    df_error err = {0};
    size_t bytes = (size_t)l->count * sizeof(float), input = l->fused.post[0].kind == DF_POST_ADD ? l->fused.post[0].input : l->fused.post[1].input;
    void *added = l->in[input].data;
    l->call.threads = threads;
    l->call.err = &err;
    CHECK_OK(way_compile(l, w, false, &k));
    bool can = k && k->adds_in_place;
    if (can) {
        float *same = malloc(bytes);
        uint8_t *scratch = df__pages_alloc(k->scratch_bytes + 1);
        assert_true(same && scratch);
        CHECK_OK(kernel_run(l, k, threads, l->got));
        memcpy(same, added, bytes);
        l->in[input].data = l->out.data = same;
        CHECK_OK(k->run(k, &l->call, &(df_exec){.scratch = scratch, .threads = threads}));
        CHECK(memcmp(same, l->got, bytes) == 0);
        l->in[input].data = added;
        l->out.data = l->got;
        free(scratch);
        free(same);
    }
    if (k)
        k->free(k);
    return can;
}

TEST(sums_are_added_in_place)
{
    static const shape table[] = {
        {.n = 3, .c = 64, .k = 48, .in = {13, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add relu"},
        {.n = 1, .c = 64, .k = 64, .in = {150, 141}, .kernel = {1, 1}, .posts = "prelu add"}, /* too large for a cache */
        {.n = 1, .c = 256, .k = 272, .in = {14, 14}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add swish"},
        {.n = 1, .c = 28, .k = 28, .in = {20, 21}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add relu"}, /* blocks of channels overlap */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int can = 0;
        layer l;
        layer_conv(&l, &table[i]);
        for (int w = 0; w < W_WAYS; w++)
            for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++)
                can += check_in_place(&l, (way)w, thread_counts[t]);
        CHECK(can > 0 || table[i].k % DF_LANES_MOST != 0);
        layer_free(&l);
    }
}

TEST(channels_that_fill_no_vector)
{
    static const shape table[] = {
        {.n = 1, .c = 3, .k = 16, .in = {31, 29}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "relu"},
        {.n = 2, .c = 1, .k = 7, .in = {30, 29}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu"},
        {.n = 1, .c = 17, .k = 19, .in = {13, 14}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu add"},
        {.n = 1, .c = 24, .k = 40, .in = {14, 13}, .kernel = {1, 1}, .posts = "add"},
        {.n = 1, .c = 28, .k = 28, .in = {19, 22}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add relu"},
        {.n = 3, .c = 56, .k = 88, .in = {20, 17}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu"},
        {.n = 1, .c = 130, .k = 70, .in = {7, 6}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "clip add", .affine = true}, /* few tiles: threads take channels */
        {.n = 1, .c = 512, .k = 136, .in = {7, 7}, .kernel = {1, 1}, .posts = "swish"}, /* more weights than pixels: threads take panels */
        {.n = 2, .c = 96, .k = 130, .in = {6, 5}, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .end = {1, 1}, .posts = "add swish"},
        {.n = 1, .c = 16, .k = 18, .in = {14, 13}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .affine = true},
        {.n = 1, .c = 10, .k = 16, .in = {14, 13}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu"},
    };
    CHECK_ALL(table);
}

/* One to eight outputs; blocks of pixels that reach back, parts of threads; what does not fit. */
TEST(few_outputs)
{
    static const shape table[] = {
        {.n = 1, .c = 32, .k = 1, .in = {4, 4}, .kernel = {1, 1}},
        {.n = 1, .c = 8, .k = 2, .in = {29, 23}, .kernel = {1, 1}, .no_bias = true},
        {.n = 3, .c = 32, .k = 3, .in = {13, 7}, .kernel = {1, 1}, .affine = true},
        {.n = 1, .c = 32, .k = 4, .in = {131, 133}, .kernel = {1, 1}},
        {.n = 1, .c = 56, .k = 5, .in = {17, 1}, .kernel = {1, 1}, .affine = true, .no_bias = true},
        {.n = 2, .c = 64, .k = 7, .in = {19, 18}, .kernel = {1, 1}},
        {.n = 1, .c = 128, .k = 8, .in = {65, 63}, .kernel = {1, 1}},
        {.n = 1, .c = 32, .k = 4, .in = {5, 3}, .kernel = {1, 1}},
        {.n = 1, .c = 32, .k = 9, .in = {9, 9}, .kernel = {1, 1}},
        {.n = 1, .c = 20, .k = 4, .in = {9, 9}, .kernel = {1, 1}},
        {.n = 1, .c = 16, .k = 4, .in = {9, 9}, .kernel = {1, 1}, .stride = {2, 2}},
        {.n = 1, .c = 16, .k = 4, .in = {9, 9}, .kernel = {1, 1}, .posts = "relu"},
        {.n = 1, .c = 24, .k = 1, .in = {160, 121}, .kernel = {1, 1}, .posts = "sigmoid"},
        {.n = 2, .c = 64, .k = 5, .in = {23, 11}, .kernel = {1, 1}, .posts = "clip", .affine = true},
        {.n = 1, .c = 32, .k = 3, .in = {7, 5}, .kernel = {1, 1}, .posts = "prelu"}, /* a slope a channel does not go together */
        {.n = 1, .c = 32, .k = 2, .in = {9, 5}, .kernel = {1, 1}, .posts = "relu add"},
        {.n = 1, .c = 40, .k = 6, .in = {13, 5}, .kernel = {1, 1}, .posts = "prelu1"},
        {.n = 1, .c = 16, .k = 2, .in = {16, 5}, .kernel = {1, 1}, .posts = "clip sigmoid"},
        {.n = 3, .c = 8, .k = 1, .in = {5, 7}, .kernel = {1, 1}, .posts = "hswish", .no_bias = true},
        {.n = 1, .c = 24, .k = 3, .in = {8, 7}, .kernel = {1, 1}, .posts = "swish"},
        {.n = 1, .c = 24, .k = 3, .in = {8, 7}, .kernel = {1, 1}, .posts = "tanh"},
    };
    CHECK_ALL(table);
}

TEST(groups_and_depthwise)
{
    static const shape table[] = {
        {.n = 1, .c = 32, .k = 32, .group = 32, .in = {29, 27}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu", .affine = true},
        {.n = 3, .c = 48, .k = 48, .group = 48, .in = {15, 14}, .kernel = {5, 5}, .pad = {2, 2}, .end = {2, 2}, .stride = {2, 2}, .posts = "prelu"},
        {.n = 1, .c = 17, .k = 17, .group = 17, .in = {15, 14}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu", .affine = true},
        {.n = 1, .c = 96, .k = 96, .group = 96, .in = {67, 85}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "clip"}, /* rows are asked for ahead */
        {.n = 3, .c = 40, .k = 40, .group = 40, .in = {60, 71}, .kernel = {5, 5}, .pad = {2, 2}, .end = {2, 2}, .posts = "relu"},
        {.n = 9, .c = 64, .k = 64, .group = 64, .in = {90, 7}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu"},
        {.n = 1, .c = 48, .k = 48, .group = 48, .in = {131, 61}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 1}},
        {.n = 2, .c = 32, .k = 64, .group = 2, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add relu", .affine = true},
        {.n = 1, .c = 16, .k = 32, .group = 16, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu", .affine = true},
        {.n = 1, .c = 12, .k = 18, .group = 3, .in = {14, 15}, .kernel = {1, 1}, .posts = "relu", .affine = true},
    };
    CHECK_ALL(table);
}

TEST(pads_wider_than_the_window)
{
    static const shape table[] = {
        {.n = 1, .c = 16, .k = 16, .in = {40, 33}, .kernel = {1, 1}, .pad = {5, 0}, .end = {5, 0}, .posts = "relu"},
        {.n = 1, .c = 64, .k = 64, .in = {7, 60}, .kernel = {3, 3}, .pad = {9, 1}, .end = {1, 1}, .posts = "prelu"},
        {.n = 1, .c = 64, .k = 64, .in = {7, 60}, .kernel = {3, 3}, .pad = {1, 1}, .end = {9, 7}, .posts = "prelu"},
        {.n = 2, .c = 32, .k = 32, .in = {1, 40}, .kernel = {3, 3}, .pad = {4, 1}, .end = {4, 1}, .stride = {2, 1}, .posts = "relu"},
    };
    CHECK_ALL(table);
}

TEST(batches)
{
    static const shape table[] = {
        {.n = 16, .c = 32, .k = 32, .in = {14, 13}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu", .affine = true},
        {.n = 16, .c = 16, .k = 32, .in = {7, 7}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "add"},
        {.n = 5, .c = 64, .k = 32, .in = {9, 9}, .kernel = {1, 1}, .posts = "relu add"},
    };
    CHECK_ALL(table);
}

/* Slices of photos are cut when tensors are past 4 MB: the first and last of them have pads of their own. */
TEST(slices_of_large_photos)
{
    static const shape table[] = {
        {.n = 1, .c = 16, .k = 64, .in = {150, 141}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add prelu"},
        {.n = 2, .c = 16, .k = 64, .in = {301, 100}, .kernel = {3, 3}, .pad = {1, 1}, .end = {0, 1}, .stride = {2, 1}, .posts = "relu"},
    };
    CHECK_ALL(table);
}

TEST(posts_alone_and_together)
{
    static const char *const posts[] = {"relu", "leaky", "clip", "sigmoid", "tanh", "elu", "hswish", "swish", "mish", "gelu", "prelu", "prelu1", "add",
                                        "relu add", "add relu", "prelu add", "add prelu", "add clip", "clip add leaky", "swish add", "add swish",
                                        "add add", "relu add prelu clip", "prelu1 add add relu"};
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++)
        for (int form = 0; form < 4; form++) {
            shape s = {.n = 2, .c = 32, .k = 32, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = posts[i], .no_bias = form & 1,
                       .affine = form >> 1};
            layer l;
            layer_conv(&l, &s);
            for (int w = 0; w < W_WAYS; w++)
                check_way(&l, (way)w, 2);
            layer_free(&l);
        }
}

TEST(a_window_as_large_as_the_photo)
{
    static const shape table[] = {
        {.n = 1, .c = 512, .k = 64, .in = {7, 7}, .kernel = {7, 7}, .affine = true},
        {.n = 3, .c = 17, .k = 131, .in = {5, 3}, .kernel = {5, 3}, .posts = "prelu"},
        {.n = 8, .c = 40, .k = 70, .in = {3, 3}, .kernel = {3, 3}, .posts = "add relu", .no_bias = true},
        {.n = 9, .c = 40, .k = 70, .in = {3, 3}, .kernel = {3, 3}, .posts = "swish"},
        {.n = 2, .c = 2000, .k = 130, .in = {1, 1}, .kernel = {1, 1}, .posts = "gelu"},
        {.n = 2, .c = 40, .k = 70, .in = {3, 3}, .kernel = {3, 3}, .stride = {2, 2}},
    };
    CHECK_ALL(table);
}

/* ---- through the operator: other ranks, other layouts, ConvTranspose ---- */

static void check_compiled(layer *l, const df_op *op, df_precision precision, int threads, bool needed)
{
    df_kernel *k = NULL;
    df_error err = {0};
    char what[64];
    snprintf(what, sizeof what, "%s, precision %d, %d threads", op->name, (int)precision, threads);
    l->call.precision = precision;
    l->call.threads = threads;
    l->call.err = &err;
    CHECK_OK(op->compile(&l->call, &l->fused, l->packer, &k));
    CHECK(k || !needed);
    if (!k)
        return;
    check_threads(l, what, k, threads);
    bool exact = precision == DF_PRECISION_STRICT;
    check_close(l, what, !exact, precision == DF_PRECISION_INT8, 1e-4);
    k->free(k);
}

TEST(ranks_layouts_and_transposed)
{
    static const shape table[] = {
        {.n = 2, .c = 16, .k = 32, .space = 1, .in = {41}, .kernel = {5}, .pad = {2}, .end = {2}, .posts = "relu", .affine = true},
        {.n = 1, .c = 16, .k = 16, .space = 3, .in = {7, 8, 9}, .kernel = {3, 3, 3}, .pad = {1, 1, 1}, .end = {1, 1, 1}, .posts = "prelu"},
        {.n = 2, .c = 3, .k = 16, .first = true, .in = {19, 23}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add relu"},
        {.n = 1, .c = 32, .k = 32, .first = true, .in = {29, 23}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu", .affine = true},
        {.n = 2, .c = 32, .k = 32, .first = true, .in = {1, 1}, .kernel = {1, 1}, .posts = "prelu add"},
        {.n = 1, .c = 16, .k = 32, .transposed = true, .in = {9, 11}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "relu", .affine = true},
        {.n = 2, .c = 32, .k = 16, .transposed = true, .in = {9, 11}, .kernel = {4, 4}, .stride = {2, 2}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu"},
        {.n = 3, .c = 32, .k = 32, .transposed = true, .group = 32, .in = {9, 11}, .kernel = {4, 4}, .stride = {2, 2}, .pad = {1, 1}, .end = {1, 1}, .affine = true},
        {.n = 1, .c = 16, .k = 16, .transposed = true, .first = true, .in = {9, 11}, .kernel = {3, 3}, .posts = "swish add"},
        {.n = 1, .c = 16, .k = 16, .transposed = true, .space = 1, .in = {9}, .kernel = {3}, .stride = {3}, .posts = "relu"},
        {.n = 2, .c = 24, .k = 24, .transposed = true, .in = {41, 37}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "clip add", .affine = true},
        {.n = 1, .c = 64, .k = 64, .transposed = true, .in = {40, 40}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "add prelu"},
        {.n = 3, .c = 24, .k = 24, .transposed = true, .group = 24, .in = {20, 7}, .kernel = {2, 3}, .stride = {2, 3}, .posts = "relu", .affine = true},
        {.n = 1, .c = 32, .k = 32, .transposed = true, .group = 32, .in = {5, 5}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "swish"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        layer l;
        layer_conv(&l, &table[i]);
        for (int threads = 1; threads < 4; threads++)
            for (int p = DF_PRECISION_STRICT; p <= DF_PRECISION_INT8; p++)
                check_compiled(&l, op_of(&table[i]), (df_precision)p, threads, false);
        layer_free(&l);
    }
}

TEST(by_rule_for_each_precision)
{
    static const shape table[] = {
        {.n = 1, .c = 64, .k = 64, .in = {28, 28}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu"},
        {.n = 1, .c = 64, .k = 64, .in = {14, 14}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu"},
        {.n = 1, .c = 64, .k = 64, .in = {28, 28}, .kernel = {1, 1}, .posts = "relu"},
        {.n = 16, .c = 32, .k = 32, .in = {4, 4}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "swish"},
        {.n = 1, .c = 512, .k = 64, .in = {4, 4}, .kernel = {4, 4}},
        {.n = 1, .c = 3, .k = 64, .in = {28, 28}, .kernel = {3, 3}, .posts = "prelu"},
        {.n = 2, .c = 32, .k = 4, .in = {28, 28}, .kernel = {1, 1}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        layer l;
        layer_conv(&l, &table[i]);
        for (int threads = 1; threads < 4; threads += 2)
            for (int p = DF_PRECISION_STRICT; p <= DF_PRECISION_INT8; p++)
                check_compiled(&l, &df__op_Conv, (df_precision)p, threads, true);
        layer_free(&l);
    }
}

TEST(weights_or_bias_that_come_with_the_run)
{
    for (int which = 1; which <= 2; which++)
        for (int first = 0; first < 2; first++) {
            shape s = {.n = 2, .c = 16, .k = 32, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu", .first = first};
            layer l;
            df_kernel *k = NULL;
            df_error err = {0};
            layer_conv(&l, &s);
            void *later = l.in[which].data;
            l.in[which].data = NULL;
            l.call.weights_id = -1;
            l.call.threads = 2;
            l.call.err = &err;
            CHECK_OK(df__op_Conv.compile(&l.call, &l.fused, l.packer, &k));
            l.in[which].data = later;
            if (k) {
                check_threads(&l, "weights of the run", k, 2);
                check_close(&l, "weights of the run", which == 2, false, 1e-5);
                k->free(k);
            }
            layer_free(&l);
        }
}
