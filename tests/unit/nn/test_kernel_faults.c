/* test_kernel_faults.c - what must not break a kernel: memory that is refused, numbers that are none, workers of any number, absurd sizes.
 * Loops go through the wrapper below (-Wl,--wrap). */
#include "kernel_check.h"

#include "core/threads.h"

/* The contract: worker lies in [0, threads), whatever n is. The least kind loop that keeps it gives the last number to everyone. */
static bool unkind;
void __real_df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg);
void __wrap_df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg);
void __wrap_df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg)
{
    if (!unkind)
        __real_df__parallel_for(n, threads, fn, arg);
    for (size_t i = n; unkind && i-- > 0;)
        fn(arg, i, threads > 1 ? threads - 1 : 0);
}

static const shape plain = {.n = 2, .c = 32, .k = 32, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu add", .affine = true};
static const shape large = {.n = 1, .c = 32, .k = 32, .in = {40, 31}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "relu"};
static const shape pixels = {.n = 2, .c = 64, .k = 4, .in = {14, 15}, .kernel = {1, 1}};
static const shape narrow = {.n = 2, .c = 32, .k = 10, .in = {14, 15}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu", .affine = true};
static const shape whole = {.n = 2, .c = 64, .k = 64, .in = {3, 3}, .kernel = {3, 3}, .posts = "prelu", .affine = true};

/* One that the way takes. */
static const shape *shape_for(way w, const shape *otherwise) { return w == W_DOTS || w == W_DOTS_BF16 || w == W_DOTS_S8 || w == W_DOTS_S16 ? &whole : w == W_FEW ? &pixels : otherwise; }

TEST(scratch_is_enough_for_the_last_worker)
{
    static const shape *const shapes[] = {&plain, &large, &whole, &pixels, &narrow};
    unkind = true;
    for (int i = 0; i < 5; i++) {
        layer l;
        layer_conv(&l, shapes[i]);
        for (int w = 0; w < W_WAYS; w++) {
            check_way(&l, (way)w, 8);
            check_way(&l, (way)w, 300);
        }
        layer_free(&l);
    }
    unkind = false;
}

/* ---- memory ---- */

enum { SCRATCH = 64 << 20 };

/* Compiles and runs with the n-th allocation refused, until none is. */
static void check_refusals(const shape *s, way w, bool trial)
{
    for (size_t n = 1;; n++) {
        layer l;
        df_kernel *k;
        layer_conv(&l, s);
        df__packer_free(l.packer);
        l.packer = NULL;
        df__arena_free(&l.scratch);
        df_error err = {0};
        l.call.threads = 3;
        l.call.err = &err;
        if (way_must(&l, w) == 0) {
            layer_free(&l);
            return;
        }
        CHECK_OK(df__packer_new(&l.packer, &err));
        void *scratch = df__pages_alloc(SCRATCH);
        assert_non_null(scratch);
        test_alloc_fail_at(n);
        df_status st = way_compile(&l, w, trial, &k);
        bool ran = st == DF_OK && k;
        if (ran) {
            df_exec exec = {.scratch = scratch, .threads = 3};
            CHECK(k->scratch_bytes <= SCRATCH);
            st = k->run(k, &l.call, &exec);
        }
        size_t made = test_alloc_count();
        test_alloc_fail_at(0);
        if (st != DF_OK) {
            assert_int_equal(DF_E_NO_MEMORY, st);
            CHECK(err.message[0] != '\0');
        }
        if (k)
            k->free(k);
        free(scratch);
        layer_free(&l);
        if (ran && st == DF_OK && made < n) /* none was refused */
            return;
        CHECK(n < 200);
    }
}

TEST(each_allocation_refused_in_turn)
{
    for (int w = 0; w < W_WAYS; w++) {
        check_refusals(shape_for((way)w, &plain), (way)w, false);
        check_refusals(shape_for((way)w, &large), (way)w, true);
        check_refusals(&narrow, (way)w, false);
    }
}

/* ---- numbers ---- */

/* The second photo's answer does not change with what is in the first. */
static void check_alone(way w, float bad, bool not_negative)
{
    layer l;
    df_kernel *k;
    df_error err = {0};
    layer_conv(&l, shape_for(w, &plain));
    l.call.threads = 2;
    l.call.err = &err;
    l.call.not_negative = not_negative;
    CHECK_OK(way_compile(&l, w, false, &k));
    if (k) {
        CHECK_OK(kernel_run(&l, k, 2, l.expected));
        for (int64_t i = 0; i < df__tensor_count(&l.in[0]) / 2; i += 5)
            ((float *)l.in[0].data)[i] = bad;
        CHECK_OK(kernel_run(&l, k, 2, l.got));
        CHECK(memcmp(l.expected + l.count / 2, l.got + l.count / 2, (size_t)(l.count / 2) * sizeof *l.got) == 0);
        k->free(k);
    }
    layer_free(&l);
}

TEST(a_photo_that_is_no_number_stays_alone)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-42f};
    for (int w = 0; w < W_WAYS; w++)
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            for (int sign = 0; sign < 2; sign++)
                check_alone((way)w, bad[i], sign);
}

/* A promise that a photo keeps gives one more bit; one that it breaks makes its negative values 0, not large. */
TEST(negative_values_where_none_were_promised)
{
    for (int broken = 0; broken < 2; broken++) {
        layer l;
        df_kernel *k;
        df_error err = {0};
        layer_conv(&l, &plain);
        float *x = l.in[0].data;
        int64_t n = df__tensor_count(&l.in[0]);
        for (int64_t i = 0; i < n; i++)
            x[i] = x[i] > 0 ? x[i] : 0;
        layer_answer(&l, &df__op_Conv);
        for (int64_t i = 0; broken && i < n; i++)
            x[i] = x[i] > 0 ? x[i] : dice() - 1;
        l.call.err = &err;
        l.call.not_negative = true;
        CHECK_OK(way_compile(&l, W_INT8, false, &k));
        if (k) {
            CHECK_OK(kernel_run(&l, k, 1, l.got));
            check_close(&l, "unsigned", false, true, 0);
            k->free(k);
        }
        layer_free(&l);
    }
}

TEST(a_photo_of_zeros_gives_the_bias)
{
    for (int w = 0; w < W_WAYS; w++)
        for (int sign = 0; sign < 2; sign++) {
            layer l;
            df_kernel *k;
            df_error err = {0};
            layer_conv(&l, shape_for((way)w, &plain));
            memset(l.in[0].data, 0, df__tensor_bytes(&l.in[0]));
            layer_answer(&l, &df__op_Conv);
            l.call.err = &err;
            l.call.not_negative = sign;
            CHECK_OK(way_compile(&l, (way)w, false, &k));
            if (k) {
                CHECK_OK(kernel_run(&l, k, 1, l.got));
                CHECK(error_of(l.expected, l.got, l.count) < 1e-6);
                k->free(k);
            }
            layer_free(&l);
        }
}

/* ---- sizes ---- */

/* Steps, pads and gaps up to 2^31 pass the operator's checks where the sides fit: the answer is plain C's, or none. */
TEST(absurd_steps_and_pads)
{
    const int64_t huge = (int64_t)1 << 31;
    const shape table[] = {
        {.n = 1, .c = 16, .k = 16, .in = {5, 5}, .kernel = {3, 3}, .stride = {huge, huge}},
        {.n = 1, .c = 16, .k = 16, .in = {5, 5}, .kernel = {1, 1}, .dilation = {huge, huge}},
        {.n = 1, .c = 16, .k = 16, .in = {5, 5}, .kernel = {1, 1}, .pad = {huge, 0}, .end = {0, 0}, .stride = {huge, 1}},
        {.n = 1, .c = 16, .k = 16, .in = {5, 5}, .kernel = {2, 1}, .dilation = {huge, 1}, .pad = {huge, 0}, .stride = {huge, 1}},
        {.n = 1, .c = 16, .k = 16, .in = {5, 5}, .kernel = {1, 1}, .pad = {INT32_MAX, 0}, .end = {INT32_MAX, 0}, .stride = {INT32_MAX, 1}},
        {.n = 1, .c = 16, .k = 16, .in = {5, 5}, .kernel = {3, 3}, .pad = {1 << 29, 0}, .end = {1 << 28, 0}, .stride = {1 << 27, 1}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        layer l;
        layer_conv(&l, &table[i]);
        for (int w = 0; w < W_WAYS; w++) {
            df_kernel *k;
            df_error err = {0};
            l.call.threads = 3;
            l.call.err = &err;
            CHECK_OK(way_compile(&l, (way)w, false, &k));
            if (!k)
                continue;
            check_threads(&l, way_names[w], k, 3);
            check_close(&l, way_names[w], is_bf16((way)w), is_eight((way)w), 1e-5);
            k->free(k);
        }
        layer_free(&l);
    }
}
