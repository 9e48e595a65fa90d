/* test_kernel_half.c - tensors of bfloat16: each way to compute a convolution, pools, and operators that know float32 alone, beside the same in
 * plain C on the same numbers. */
#include "kernel_check.h"
#include "nn/half.h"

extern const df_op df__op_MaxPool, df__op_AveragePool, df__op_Add, df__op_Clip, df__op_BatchNormalization, df__op_GlobalAveragePool;

enum { INPUT = 1, OUTPUT = 2, ADDED = 4, FORMS = 8 };

static void *halves_of(layer *l, const float *x, int64_t n)
{
    uint16_t *h = df__arena_alloc(&l->memory, (size_t)n * sizeof *h);
    assert_non_null(h);
    df__f32_to_halves(DF_BF16, x, h, n);
    return h;
}

/* Rounds the tensors named by `form`, in float32, and has the operator's plain C answer anew. */
static void round_inputs(layer *l, const df_op *op, int form)
{
    for (size_t i = 0; i < l->call.n_in; i++) {
        bool added = i > 2;
        if (!(form & (added ? ADDED : i == 0 ? INPUT : 0)))
            continue;
        int64_t n = df__tensor_count(&l->in[i]);
        df__halves_to_f32(DF_BF16, halves_of(l, l->in[i].data, n), l->in[i].data, n);
    }
    layer_answer(l, op);
}

/* The layer's call with bfloat16 in place of float32. */
static void halve(layer *l, int form, df_tensor *in, df_tensor *out)
{
    memcpy(in, l->in, sizeof l->in);
    *out = l->out;
    for (size_t i = 0; i < l->call.n_in; i++)
        if (form & (i > 2 ? ADDED : i == 0 ? INPUT : 0)) {
            in[i].type = DF_BF16;
            in[i].data = halves_of(l, l->in[i].data, df__tensor_count(&l->in[i]));
        }
    if (form & OUTPUT)
        out->type = DF_BF16;
    l->call.in = in;
    l->call.out = out;
}

static void whole(layer *l)
{
    l->call.in = l->in;
    l->call.out = &l->out;
}

/* Into l->got, in scratch memory of just the size that the kernel asked for; NaN wherever nothing is written. */
static void run_half(layer *l, const df_kernel *k, int threads, uint16_t *bits)
{
    uint8_t *scratch = df__pages_alloc(k->scratch_bytes + GUARD);
    df_error err = {0};
    assert_non_null(scratch);
    memset(scratch, 0xFF, k->scratch_bytes);
    memset(scratch + k->scratch_bytes, 0x5A, GUARD);
    memset(bits, 0xFF, (size_t)l->count * 4);
    l->call.out[0].data = bits;
    l->call.err = &err;
    CHECK_OK(k->run(k, &l->call, &(df_exec){scratch, threads}));
    for (int i = 0; i < GUARD; i++)
        CHECK(scratch[k->scratch_bytes + (size_t)i] == 0x5A);
    if (l->call.out[0].type == DF_BF16)
        df__halves_to_f32(DF_BF16, bits, l->got, l->count);
    else
        memcpy(l->got, bits, (size_t)l->count * 4);
    free(scratch);
}

static void check_half(layer *l, const char *what, const df_kernel *k, int threads, bool half, bool eight, double f32)
{
    uint16_t *one = malloc((size_t)l->count * 4 + 4), *all = malloc((size_t)l->count * 4 + 4);
    assert_true(one && all);
    run_half(l, k, 1, one);
    run_half(l, k, threads, all);
    CHECK(memcmp(one, all, (size_t)l->count * df__dtype_size(l->call.out[0].type)) == 0);
    check_close(l, what, half, eight, f32);
    free(one);
    free(all);
}

static void check_ways(const shape *s, int *applied)
{
    for (int form = 1; form < FORMS; form++) {
        layer l;
        df_tensor in[3 + DF_MAX_POSTS], out;
        layer_conv(&l, s);
        if ((form & ADDED) && !has_add(&l)) {
            layer_free(&l);
            continue;
        }
        round_inputs(&l, &df__op_Conv, form);
        halve(&l, form, in, &out);
        for (int w = 0; w <= W_WAYS; w++)
            for (int threads = 1; threads <= 3; threads += 2) {
                df_kernel *k = NULL;
                df_error err = {0};
                char what[256];
                name_case(what, sizeof what, &l, w < W_WAYS ? way_names[w] : "converted", threads);
                snprintf(what + strlen(what), sizeof what - strlen(what), ", form %d", form);
                l.call.threads = threads;
                l.call.err = &err;
                l.call.precision = DF_PRECISION_STRICT;
                if (w < W_WAYS)
                    CHECK_OK(way_compile(&l, (way)w, false, &k));
                else
                    CHECK_OK(df__half_compile(&l.call, &df__op_Conv, &l.fused, l.packer, &k));
                CHECK(k || w < W_WAYS);
                if (!k)
                    continue;
                applied[w]++;
                bool exact = (w == W_DIRECT || w == W_TAIL || w == W_WINO_2 || w == W_WINO_4 || w == W_DEPTHWISE || w == W_AMX_PAIRS || w == W_PANELS || (is_whole((way)w) && w != W_WINO_4_S16) || w == W_FEW) && !(form & OUTPUT);
                check_half(&l, what, k, threads, !exact, is_eight((way)w) || w == W_WINO_4_BF16, exactness((way)w));
                k->free(k);
            }
        whole(&l);
        layer_free(&l);
    }
}

TEST(each_way_of_a_convolution)
{
    static const shape table[] = {
        {.n = 1, .c = 32, .k = 48, .in = {29, 23}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu add", .affine = true},
        {.n = 2, .c = 64, .k = 32, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add prelu"},
        {.n = 2, .c = 48, .k = 64, .in = {17, 13}, .kernel = {1, 1}, .posts = "clip", .no_bias = true},
        {.n = 1, .c = 16, .k = 32, .in = {21, 19}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "swish"},
        {.n = 1, .c = 3, .k = 16, .in = {31, 29}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "relu"},
        {.n = 1, .c = 17, .k = 19, .in = {13, 14}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu add"},
        {.n = 1, .c = 512, .k = 64, .in = {7, 7}, .kernel = {7, 7}, .affine = true},
        {.n = 2, .c = 32, .k = 4, .in = {17, 13}, .kernel = {1, 1}},
        {.n = 1, .c = 24, .k = 1, .in = {17, 13}, .kernel = {1, 1}, .posts = "sigmoid"},
        {.n = 1, .c = 72, .k = 7, .in = {5, 5}, .kernel = {1, 1}, .affine = true},
        {.n = 1, .c = 16, .k = 64, .in = {150, 141}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add prelu"},
        {.n = 1, .c = 231, .k = 128, .in = {10, 10}, .kernel = {1, 1}, .posts = "add"},
        {.n = 1, .c = 66, .k = 64, .group = 2, .in = {3, 10}, .kernel = {1, 1}, .posts = "add"},
        {.n = 1, .c = 231, .k = 128, .in = {3, 10}, .kernel = {1, 1}, .posts = "add relu"},
        {.n = 2, .c = 77, .k = 231, .in = {1, 1}, .kernel = {1, 1}, .posts = "add"},
    };
    int applied[W_WAYS + 1] = {0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_ways(&table[i], applied);
    for (int w = 0; w <= W_WAYS && df__dnn_has(DF_NUM_BF16); w++)
        if (w != W_DIRECT && w != W_DEPTHWISE && w != W_DOTS && w != W_DOTS_BF16 && w != W_DOTS_S16 && ((w != W_AMX && w != W_AMX_PAIRS) || df__amx_has()))
            CHECK(applied[w] > 0);
}

TEST(channels_each_by_themselves)
{
    static const shape table[] = {
        {.n = 2, .c = 32, .k = 32, .group = 32, .in = {29, 27}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "add prelu", .affine = true},
        {.n = 1, .c = 24, .k = 24, .group = 24, .in = {1, 1}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu"},
        {.n = 1, .c = 17, .k = 17, .group = 17, .in = {16, 15}, .kernel = {3, 3}, .pad = {0, 0}, .end = {1, 1}, .stride = {2, 2}, .posts = "clip"},
        {.n = 3, .c = 48, .k = 48, .group = 48, .in = {15, 14}, .kernel = {5, 5}, .pad = {2, 2}, .end = {2, 2}, .stride = {2, 2}, .posts = "prelu1"},
        {.n = 1, .c = 20, .k = 20, .group = 20, .in = {9, 33}, .kernel = {3, 3}, .pad = {2, 2}, .end = {2, 2}, .dilation = {2, 2}, .posts = "leaky", .no_bias = true},
        {.n = 1, .c = 16, .k = 16, .group = 16, .in = {7, 7}, .kernel = {7, 7}},
        {.n = 1, .c = 31, .k = 31, .group = 31, .in = {7, 7}, .kernel = {7, 7}, .posts = "add relu"},
        {.n = 1, .c = 16, .k = 16, .group = 16, .in = {6, 5}, .kernel = {1, 4}, .pad = {0, 9}, .end = {0, 2}, .stride = {1, 3}},
    };
    int applied[W_WAYS + 1] = {0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_ways(&table[i], applied);
    CHECK(applied[W_DEPTHWISE] > 0);
}

static int64_t draw(uint64_t *state, int64_t least, int64_t most) /* Knuth's MMIX generator */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return least + (int64_t)((*state >> 33) % (uint64_t)(most - least + 1));
}

/* Few rows and columns, as slices of a thread have them, and channels that fill no vector: where kernels have their tails. */
TEST(shapes_by_chance)
{
    static const char *const posts[] = {"", "add", "relu", "add relu", "clip", "prelu", "swish", "add clip", "leaky"};
    static const int64_t channels[] = {8, 13, 16, 17, 24, 27, 31, 32, 33, 48, 51, 63, 64, 72, 77, 96, 101, 115, 128, 231};
    uint64_t state = 17;
    int applied[W_WAYS + 1] = {0};
    for (int i = 0; i < 120; i++) {
        int64_t side = draw(&state, 0, 1) ? 1 : 3, stride = draw(&state, 0, 3) ? 1 : 2, most = draw(&state, 0, 3) ? 16 : 3;
        shape s = {.n = draw(&state, 1, 2), .c = channels[draw(&state, 0, 19)], .k = channels[draw(&state, 0, 19)], .in = {draw(&state, 1, most), draw(&state, 1, most)},
                   .stride = {stride, stride}, .posts = posts[draw(&state, 0, 8)]};
        if (draw(&state, 0, 3) == 0)
            s.group = s.k = s.c, side = 3;
        s.kernel[0] = s.kernel[1] = side;
        s.pad[0] = s.pad[1] = s.end[0] = s.end[1] = side / 2;
        check_ways(&s, applied);
    }
    for (int w = 0; w < W_WAYS && df__dnn_has(DF_NUM_BF16); w++)
        if (w == W_DIRECT_BF16 || w == W_TAIL_BF16 || w == W_DEPTHWISE || w == W_PANELS_BF16 || w == W_PANELS_S16 || w == W_WINO_2_S16 || w == W_INT8)
            CHECK(applied[w] > 0);
}

TEST(transposed_in_patches)
{
    static const shape table[] = {
        {.n = 2, .c = 32, .k = 16, .transposed = true, .in = {9, 11}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "relu", .affine = true},
        {.n = 1, .c = 24, .k = 24, .transposed = true, .in = {9, 7}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "clip add"},
        {.n = 1, .c = 32, .k = 16, .transposed = true, .in = {9, 7}, .kernel = {4, 4}, .stride = {2, 2}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu"},
        {.n = 1, .c = 32, .k = 32, .transposed = true, .group = 32, .in = {5, 5}, .kernel = {2, 2}, .stride = {2, 2}, .posts = "relu"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int form = 1; form < FORMS; form++) {
            layer l;
            df_tensor in[3 + DF_MAX_POSTS], out;
            df_kernel *k = NULL;
            df_error err = {0};
            layer_conv(&l, &table[i]);
            if (!(form & ADDED) || has_add(&l)) {
                round_inputs(&l, &df__op_ConvTranspose, form);
                halve(&l, form, in, &out);
                l.call.precision = DF_PRECISION_FAST;
                l.call.threads = 3;
                l.call.err = &err;
                CHECK_OK(df__op_ConvTranspose.compile(&l.call, &l.fused, l.packer, &k));
                if (!k)
                    CHECK_OK(df__half_compile(&l.call, &df__op_ConvTranspose, &l.fused, l.packer, &k));
                check_half(&l, k->name, k, 3, true, false, 0);
                k->free(k);
                whole(&l);
            }
            layer_free(&l);
        }
}

/* ---- operators of other kinds, on [2, 11, 13, 20] in channels last ---- */

static void of_channels(layer *l, const df_op *op, size_t n_in, int64_t out_h, int64_t out_w, int64_t channels)
{
    layer_begin(l, op->name);
    l->call.nhwc = true;
    l->call.n_in = n_in;
    l->in[0] = (df_tensor){.type = DF_F32, .rank = 4, .dims = {2, 11, 13, channels}};
    l->out = (df_tensor){.type = DF_F32, .rank = 4, .dims = {2, out_h, out_w, channels}};
    fill_tensor(l, &l->in[0], 1);
}

static void other(layer *l, const df_op *op, size_t n_in, int64_t out_h, int64_t out_w) { of_channels(l, op, n_in, out_h, out_w, 20); }

static void check_other(layer *l, const df_op *op)
{
    for (int form = 1; form < ADDED; form++)
        for (int threads = 1; threads <= 3; threads += 2) {
            df_tensor in[3 + DF_MAX_POSTS], out;
            df_kernel *k = NULL;
            df_error err = {0};
            whole(l);
            round_inputs(l, op, form);
            halve(l, form, in, &out);
            for (size_t i = 1; i < l->call.n_in && (form & INPUT) && in[i].rank == 4; i++) { /* what is added is of the same kind */
                in[i].type = DF_BF16;
                in[i].data = halves_of(l, l->in[i].data, df__tensor_count(&l->in[i]));
                df__halves_to_f32(DF_BF16, in[i].data, l->in[i].data, df__tensor_count(&l->in[i]));
            }
            whole(l);
            layer_answer(l, op);
            l->call.in = in;
            l->call.out = &out;
            l->call.threads = threads;
            l->call.precision = DF_PRECISION_FAST;
            l->call.err = &err;
            if (op->compile)
                CHECK_OK(op->compile(&l->call, NULL, l->packer, &k));
            if (!k)
                CHECK_OK(df__half_compile(&l->call, op, NULL, l->packer, &k));
            check_half(l, op->name, k, threads, (form & OUTPUT) != 0, false, 1e-6);
            k->free(k);
        }
    whole(l);
    layer_free(l);
}

TEST(pools)
{
    const df_op *ops[] = {&df__op_MaxPool, &df__op_AveragePool};
    static const int64_t channels[] = {1, 2, 10, 15, 16, 20};
    for (int i = 0; i < 2; i++)
        for (size_t c = 0; c < sizeof channels / sizeof *channels; c++)
            for (int64_t stride = 1; stride < 3; stride++) {
                layer l;
                of_channels(&l, ops[i], 1, (11 + 1 - 3) / stride + 1, (13 + 1 - 3) / stride + 1, channels[c]);
                add_ints(&l, 0, "kernel_shape", (int64_t[]){3, 3}, NULL, 2);
                add_ints(&l, 1, "strides", (int64_t[]){stride, stride}, NULL, 2);
                add_ints(&l, 2, "pads", (int64_t[]){1, 0}, (int64_t[]){0, 1}, 2);
                check_other(&l, ops[i]);
            }
    layer l;
    other(&l, &df__op_GlobalAveragePool, 1, 1, 1);
    check_other(&l, &df__op_GlobalAveragePool);
}

TEST(operators_that_go_row_by_row)
{
    layer l;
    other(&l, &df__op_Add, 2, 11, 13);
    l.in[1] = l.in[0];
    fill_tensor(&l, &l.in[1], 1);
    check_other(&l, &df__op_Add);
    other(&l, &df__op_Add, 2, 11, 13); /* spread over rows and columns */
    l.in[1] = (df_tensor){.type = DF_F32, .rank = 4, .dims = {2, 1, 1, 20}};
    fill_tensor(&l, &l.in[1], 1);
    check_other(&l, &df__op_Add);
    other(&l, &df__op_Add, 2, 11, 13); /* one number for all */
    l.in[1] = (df_tensor){.type = DF_F32, .rank = 0};
    fill_tensor(&l, &l.in[1], 1);
    check_other(&l, &df__op_Add);
    other(&l, &df__op_BatchNormalization, 5, 11, 13);
    for (int i = 1; i < 5; i++) {
        l.in[i] = (df_tensor){.type = DF_F32, .rank = 1, .dims = {20}};
        l.in[i].data = dice_array(&l, 20, 0.5f, 1);
    }
    check_other(&l, &df__op_BatchNormalization);
    other(&l, &df__op_Clip, 3, 11, 13);
    float ends[2] = {-0.4f, 0.6f};
    for (int i = 0; i < 2; i++)
        l.in[1 + i] = (df_tensor){.type = DF_F32, .rank = 0, .data = &ends[i]};
    check_other(&l, &df__op_Clip);
}

TEST(each_allocation_refused_in_turn)
{
    shape s = {.n = 1, .c = 32, .k = 32, .group = 32, .in = {9, 7}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu", .affine = true};
    for (int which = 0; which < 2; which++)
        for (size_t n = 1;; n++) {
            layer l;
            df_tensor in[3 + DF_MAX_POSTS], out;
            df_kernel *k = NULL;
            df_error err = {0};
            layer_conv(&l, &s);
            df__arena_free(&l.scratch);
            halve(&l, INPUT | OUTPUT, in, &out);
            uint8_t *scratch = df__pages_alloc(1 << 20);
            l.call.err = &err;
            l.call.precision = DF_PRECISION_FAST;
            out.data = l.got;
            test_alloc_fail_at(n);
            df_status st = which ? way_compile(&l, W_DEPTHWISE, false, &k) : df__half_compile(&l.call, &df__op_Conv, &l.fused, l.packer, &k);
            if (st == DF_OK && k)
                st = k->run(k, &l.call, &(df_exec){scratch, 1});
            size_t made = test_alloc_count();
            test_alloc_fail_at(0);
            if (st != DF_OK) {
                assert_int_equal(DF_E_NO_MEMORY, st);
                CHECK(err.message[0] != '\0');
            }
            if (k)
                k->free(k);
            free(scratch);
            whole(&l);
            layer_free(&l);
            if (made < n)
                break;
            CHECK(n < 1000);
        }
}
