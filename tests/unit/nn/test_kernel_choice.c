/* test_kernel_choice.c - the choice by trial: made once where it can be kept, the same for all layers of a shape, right whatever it is. */
#include "kernel_check.h"
#include "temp_dir.h"

static const uint8_t mine[32] = {1};

static void check_chosen(layer *l, df_precision p, int threads, const char **name)
{
    df_kernel *k = NULL;
    df_error err = {0};
    l->call.precision = p;
    l->call.threads = threads;
    l->call.err = &err;
    CHECK_OK(df__op_Conv.compile(&l->call, &l->fused, l->packer, &k));
    assert_non_null(k);
    check_threads(l, k->name, k, threads);
    check_close(l, k->name, p != DF_PRECISION_STRICT, p == DF_PRECISION_INT8, 1e-4);
    *name = k->name;
    k->free(k);
}

static const shape table[] = {
    {.n = 1, .c = 32, .k = 32, .in = {28, 28}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .posts = "prelu add", .affine = true},
    {.n = 1, .c = 32, .k = 48, .in = {14, 15}, .kernel = {1, 1}, .posts = "swish"},
    {.n = 3, .c = 16, .k = 16, .group = 16, .in = {9, 11}, .kernel = {3, 3}, .pad = {1, 1}, .end = {1, 1}, .stride = {2, 2}, .posts = "relu"},
    {.n = 1, .c = 17, .k = 7, .in = {9, 11}, .kernel = {3, 3}, .pad = {3, 3}, .end = {3, 3}},
};

TEST(a_trial_chooses_what_is_right)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int p = DF_PRECISION_STRICT; p <= DF_PRECISION_INT8; p++) {
            temp_dir d = temp_dir_new();
            layer l;
            df_error err = {0};
            const char *first, *again, *other;
            layer_conv(&l, &table[i]);
            CHECK_OK(df__packer_attach(l.packer, temp_path(&d, "cache"), mine, &err));
            check_chosen(&l, (df_precision)p, 2, &first);
            check_chosen(&l, (df_precision)p, 2, &again);
            check_chosen(&l, (df_precision)p, 1, &other); /* the choice does not depend on the number of threads */
            assert_string_equal(first, again);
            assert_string_equal(first, other);
            layer_free(&l);
        }
}

/* So that they can leave the caches before each run. */
TEST(a_trial_knows_the_weights)
{
    layer l;
    df_kernel *k = NULL;
    df_trial timed = {0};
    df_error err = {0};
    layer_conv(&l, &table[0]);
    df_conv conv = {.call = &l.call, .w = &l.w, .group = 1, .fused = &l.fused, .packer = l.packer, .trial = &timed};
    CHECK_OK(df__conv_winograd(&conv, 4, DF_NUM_F32, &k));
    assert_non_null(k);
    CHECK(timed.weights && timed.bytes == 36 * 32 * 32 * sizeof(float)); /* a matrix for each place of a tile */
    k->free(k);
    layer_free(&l);
}

/* Only what the trial itself needs: the rest of each way is in test_kernel_faults.c. */
TEST(each_allocation_of_a_trial_refused_in_turn)
{
    for (size_t n = 1;; n++) {
        temp_dir d = temp_dir_new();
        layer l;
        df_kernel *k = NULL;
        df_error err = {0};
        layer_conv(&l, &table[0]);
        df__arena_free(&l.scratch);
        l.out.data = NULL;
        void *input = l.in[0].data;
        l.in[0].data = NULL; /* as the planner has it */
        CHECK_OK(df__packer_attach(l.packer, temp_path(&d, "cache"), mine, &err));
        l.call.threads = 2;
        l.call.err = &err;
        test_alloc_fail_at(n);
        df_status st = df__op_Conv.compile(&l.call, &l.fused, l.packer, &k);
        size_t made = test_alloc_count();
        test_alloc_fail_at(0);
        if (st != DF_OK) {
            assert_int_equal(DF_E_NO_MEMORY, st);
            CHECK(err.message[0] != '\0' && !k);
        }
        if (k)
            k->free(k);
        l.in[0].data = input;
        layer_free(&l);
        if (made < n)
            return;
        CHECK(n < 2000);
    }
}
