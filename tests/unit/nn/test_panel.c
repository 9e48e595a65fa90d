/* test_panel.c - 16-bit whole numbers (panel.h): rows, weights, and that their sums never overflow. */
#include <math.h>

#include "kernel_check.h"
#include "nn/panel.h"
#include "plan_text.h"

static df_error err;

static const df_lanes *whole_lanes(void)
{
    return df__lanes_whole() ? df__lanes() : NULL; /* this processor has no such products */
}

static float of_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

TEST(rows_become_whole_numbers)
{
    enum { MOST = 5000 };
    static float x[MOST];
    static uint16_t half[MOST];
    static int16_t whole[MOST + 1];
    static const int64_t sizes[] = {1, 2, 15, 16, 17, 63, 64, 65, 130, 2048, 2049, MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && whole_lanes(); i++)
        for (int kind = 0; kind < 2; kind++) {
            int64_t n = sizes[i];
            float most = 0;
            for (int64_t k = 0; k < n; k++)
                x[k] = dice() * 37;
            x[n / 2] = -41;
            df__lanes()->to_bf16(x, half, n);
            for (int64_t k = 0; k < n; k++) {
                x[k] = kind ? of_bf16(half[k]) : x[k];
                most = fmaxf(most, fabsf(x[k]));
            }
            whole[n] = 0x5A5A;
            float worth = df__whole_row(kind ? (void *)half : x, kind, n, whole);
            CHECK_NEAR((double)(most / DF_WHOLE_MOST), (double)worth, 1e-9);
            for (int64_t k = 0; k < n; k++) {
                CHECK(abs(whole[k]) <= DF_WHOLE_MOST);
                CHECK_NEAR((double)x[k], (double)(worth * whole[k]), 0.505 * (double)worth); /* scale and product are rounded too: 3 parts in 2^24 of 16383 steps */
            }
            assert_int_equal(-DF_WHOLE_MOST, whole[n / 2]);
            assert_int_equal(0x5A5A, whole[n]);
        }
}

TEST(rows_that_have_no_scale)
{
    int16_t whole[40];
    for (int bad = 0; bad < 4 && whole_lanes(); bad++)
        for (int at = 0; at < 40; at += 13) {
            float x[40];
            for (int i = 0; i < 40; i++)
                x[i] = bad < 3 ? (float)i : 1e-36f;
            x[at] = bad == 0 ? NAN : bad == 1 ? -INFINITY : bad == 2 ? INFINITY : -2e-36f;
            float worth = df__whole_row(x, false, 40, whole);
            assert_int_equal(bad < 3, isnan(worth) != 0);
            for (int i = 0; i < 40; i++)
                CHECK(whole[i] == 0 && (bad < 3 || worth == 0));
        }
}

/* Of weights that are all the same, of which one is large, and by chance: each is off by half a step, and those that are summed as whole numbers stay below what the largest pixels allow. */
TEST(weights_leave_room_for_their_sums)
{
    enum { RUNS = 3, SEEN = 4 * DF_WHOLE_STEPS + 33, CHANNELS = 40 };
    static float plain[RUNS * SEEN * CHANNELS];
    for (int kind = 0; kind < 3 && whole_lanes(); kind++) {
        df_panels p = df__panels_of(DF_NUM_S16, RUNS, SEEN, CHANNELS);
        for (int64_t i = 0; i < RUNS * SEEN * CHANNELS; i++)
            plain[i] = kind == 0 ? -0.125f : kind == 1 ? (i % 997 == 0 ? 5.0f : 1e-3f) : dice();
        for (int64_t i = 0; i < RUNS * SEEN; i++)
            plain[i * CHANNELS + 7] = 0; /* a channel of none */
        void *packed = df__pages_alloc(df__panels_bytes(&p));
        assert_non_null(packed);
        df__panels_pack(&p, plain, packed);
        int64_t piece = df__whole_steps(p.run / 2);
        CHECK(piece <= DF_WHOLE_STEPS);
        for (int64_t column = 0; column < p.columns; column += DF_PANEL) {
            const void *at;
            df_panel g = df__panel_at(&p, packed, column, &at);
            const int16_t *w = at;
            for (int64_t j = 0; j < g.columns; j++) {
                int64_t channel = df__channel_of(CHANNELS, column + j);
                for (int64_t r = 0; r < RUNS; r++)
                    for (int64_t s = 0, sum = 0; s < g.steps; s++) {
                        sum = s % piece == 0 ? 0 : sum;
                        for (int64_t b = 0; b < 2; b++) {
                            int16_t whole = w[((r * g.steps + s) * g.columns + j) * 2 + b];
                            float true_one = s * 2 + b < SEEN ? plain[(r * SEEN + s * 2 + b) * CHANNELS + channel] : 0;
                            sum += abs(whole);
                            CHECK_NEAR((double)true_one, (double)(whole * g.column_worth[r * g.columns + j]), 0.505 * (double)g.column_worth[r * g.columns + j]);
                        }
                        CHECK(sum <= DF_WHOLE_SUM);
                    }
            }
        }
        free(packed);
    }
}

/* The largest pixels by weights of one sign: what would overflow if anything did. */
TEST(the_largest_sums_are_right)
{
    static const shape table[] = {
        {.n = 1, .c = 256, .k = 48, .in = {5, 9}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}},
        {.n = 1, .c = 1030, .k = 32, .in = {4, 4}, .kernel = {1, 1}},
        {.n = 2, .c = 64, .k = 64, .in = {9, 12}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}},
    };
    static const way ways[] = {W_PANELS_S16, W_WINO_2_S16, W_WINO_4_S16};
    for (size_t i = 0; i < 3 * 3 && whole_lanes(); i++) {
        layer l;
        df_kernel *k;
        layer_conv(&l, &table[i / 3]);
        for (int t = 0; t < 2; t++)
            for (int64_t j = 0; j < df__tensor_count(&l.in[t]); j++)
                ((float *)l.in[t].data)[j] = t == 0 ? 1000.0f : -0.5f;
        layer_answer(&l, &df__op_Conv);
        CHECK_OK(way_compile(&l, ways[i % 3], false, &k));
        assert_true(k || (i / 3 == 1 && i % 3 > 0));
        if (k) {
            CHECK_OK(kernel_run(&l, k, 1, l.got));
            check_close(&l, k->name, false, false, 1e-3);
            k->free(k);
        }
        layer_free(&l);
    }
}

/* No answer is made up of a pixel that is none: the windows that see its row are no numbers, the others are what they were. */
TEST(what_is_not_finite_is_seen)
{
    shape s = {.n = 1, .c = 32, .k = 32, .in = {9, 8}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}};
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3 && whole_lanes(); i++) {
        layer l;
        df_kernel *k;
        layer_conv(&l, &s);
        ((float *)l.in[0].data)[(4 * 8 + 3) * 32 + 5] = bad[i];
        CHECK_OK(way_compile(&l, W_PANELS_S16, false, &k));
        assert_non_null(k);
        CHECK_OK(kernel_run(&l, k, 1, l.got));
        for (int64_t j = 0; j < l.count; j++) {
            int64_t row = j / (8 * 32);
            CHECK((isnan(l.got[j]) != 0) == (row >= 3 && row <= 5));
        }
        k->free(k);
        layer_free(&l);
    }
}

TEST(weights_that_are_not_finite_are_seen)
{
    shape s = {.n = 1, .c = 32, .k = 48, .in = {9, 8}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}};
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    static const way ways[] = {W_PANELS_S16, W_WINO_2_S16, W_WINO_4_S16};
    for (int i = 0; i < 4 * 3 && whole_lanes(); i++) {
        layer l;
        df_kernel *k;
        layer_conv(&l, &s);
        float *w = l.in[1].data;
        for (int64_t j = 0; j < 32 * 9; j++)
            w[5 * 32 * 9 + j] = j == 103 || bad[i / 3] == 3e38f ? bad[i / 3] : w[5 * 32 * 9 + j]; /* in the middle of a window; many that are large have no sum */
        CHECK_OK(way_compile(&l, ways[i % 3], false, &k));
        assert_non_null(k);
        CHECK_OK(kernel_run(&l, k, 1, l.got));
        for (int64_t j = 0; j < l.count; j++)
            CHECK((isnan(l.got[j]) != 0) == (j % 48 == 5));
        k->free(k);
        layer_free(&l);
    }
}

/* A matrix whose columns have a scale each: one that is not finite makes its own products no number, one of zeros its own 0. */
TEST(columns_of_a_matrix_have_a_scale_each)
{
    shape s = {.n = 2, .c = 64, .k = 64, .in = {3, 3}, .kernel = {3, 3}};
    static const float bad[] = {NAN, INFINITY, -INFINITY, 0};
    for (int i = 0; i < 4; i++) {
        layer l;
        df_kernel *k;
        layer_conv(&l, &s);
        float *w = l.in[1].data;
        for (int64_t j = 0; j < 64 * 9; j++) {
            w[5 * 64 * 9 + j] = bad[i] == 0 || j == 100 ? bad[i] : w[5 * 64 * 9 + j];
            w[6 * 64 * 9 + j] *= 1e-20f, w[7 * 64 * 9 + j] *= 1e20f;
        }
        layer_answer(&l, &df__op_Conv);
        CHECK_OK(way_compile(&l, W_DOTS_S16, false, &k));
        for (int64_t j = 0; k && j < l.count; j++) {
            if (j == 0)
                CHECK_OK(kernel_run(&l, k, 1, l.got));
            if (j % 64 == 5)
                CHECK(bad[i] == 0 ? l.got[j] == l.expected[j] : isnan(l.got[j]) != 0);
            else
                CHECK_NEAR((double)l.expected[j], (double)l.got[j], 1e-4 * (j % 64 == 6 ? 1e-20 : j % 64 == 7 ? 1e20 : 1) * 24); /* 576 weights, each off by half of 1 / 32767 of the largest */
        }
        if (k)
            k->free(k);
        layer_free(&l);
    }
}

/* Layers by rows have them too, where they may: as close to the same layers in float32 as their numbers are. */
static void run_rows(df_precision precision, bool whole, const char *inputs, const char *text, float *to, int64_t n)
{
    df_graph *g;
    df_packer *packer;
    df_arena results = {0};
    df_tensor out;
    CHECK_OK(graph_of(inputs, text, "y", 13, &g, &err));
    random_state = 3;
    df_tensor in = g->inputs[0].shape;
    fill(&in);
    CHECK_OK(df__packer_new(&packer, &err));
    df_plan_opts opts = {.precision = precision, .advantage = 1, .whole = whole, .stacks = DF_STACKS_MOSTLY, .threads = 2};
    df_plan *plan = text_plan(g, &in, packer, &opts, NULL);
    assert_non_null(plan);
    CHECK(plan->n_stacked >= 3);
    CHECK_OK(df__plan_run(plan, &in, &out, &results, NULL, &err));
    assert_int_equal(n, df__tensor_count(&out));
    memcpy(to, out.data, (size_t)n * sizeof *to);
    df__plan_free(plan);
    df__packer_free(packer);
    df__graph_free(g);
    df__arena_free(&results);
    free(in.data);
}

TEST(layers_by_rows_of_whole_numbers)
{
    enum { N = 48 * 30 * 70 };
    static float exact[N], got[N];
    static const char text[] = "const f 32,3,3,3\nconst u 64,32,1,1\nconst v 64,1,3,3\nconst w 48,64,1,1\nconst b 48\nconst s 48,1,1\nConv x,f > a | pads:1,1,1,1 strides:2,2\nRelu a > c\n"
                               "Conv c,u > d\nConv d,v > e | group:64 pads:1,1,1,1\nConv e,w,b > h\nPRelu h,s > y";
    run_rows(DF_PRECISION_FAST, false, "x 1,3,60,140", text, exact, N);
    run_rows(DF_PRECISION_FAST, true, "x 1,3,60,140", text, got, N);
    bool differ = memcmp(exact, got, sizeof exact) != 0;
    CHECK(error_of(exact, got, N) <= (df__amx_has() ? 0.02 : 1e-3)); /* with AMX rows are of bfloat16 */
    if (whole_lanes() && !df__amx_has())
        CHECK(differ);
    run_rows(DF_PRECISION_STRICT, false, "x 1,3,60,140", text, exact, N);
    run_rows(DF_PRECISION_STRICT, true, "x 1,3,60,140", text, got, N);
    CHECK(memcmp(exact, got, sizeof exact) == 0); /* never in STRICT */
}

/* Scales belong to rows, and to units of tiles, that are cut from photos alone: the number of threads changes no bit, nor do other photos of the batch. */
TEST(scales_do_not_depend_on_threads_or_other_photos)
{
    static const shape table[] = {
        {.n = 3, .c = 64, .k = 48, .in = {61, 50}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}},
        {.n = 3, .c = 64, .k = 48, .in = {29, 30}, .kernel = {1, 1}},
    };
    static const way ways[] = {W_PANELS_S16, W_WINO_2_S16, W_WINO_4_S16};
    for (size_t i = 0; i < 2 * 3 && whole_lanes(); i++)
        for (int threads = 1; threads <= 7; threads += 3) {
            layer l, one;
            df_kernel *k, *alone;
            shape single = table[i / 3];
            single.n = 1;
            dice_state = 5;
            layer_conv(&l, &table[i / 3]);
            layer_conv(&one, &single);
            for (int t = 1; t < 3; t++)
                memcpy(one.in[t].data, l.in[t].data, df__tensor_bytes(&l.in[t]));
            one.call.threads = 1;
            l.call.threads = threads;
            CHECK_OK(way_compile(&one, ways[i % 3], false, &alone));
            CHECK_OK(way_compile(&l, ways[i % 3], false, &k));
            assert_true((k && alone) || (i / 3 == 1 && i % 3 > 0));
            for (int64_t photo = 0; photo < 3 && k; photo++) {
                int64_t count = df__tensor_count(&one.in[0]);
                memcpy(one.in[0].data, (float *)l.in[0].data + photo * count, (size_t)count * sizeof(float));
                CHECK_OK(kernel_run(&one, alone, 1, one.got));
                CHECK_OK(kernel_run(&l, k, threads, l.got));
                CHECK(memcmp(one.got, l.got + photo * one.count, (size_t)one.count * sizeof(float)) == 0);
            }
            if (k)
                k->free(k), alone->free(alone);
            layer_free(&l);
            layer_free(&one);
        }
}
