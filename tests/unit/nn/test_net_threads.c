/* test_net_threads.c - one net, many callers: the same answer to the last bit. Run under the thread sanitizer too. */
#include <pthread.h>

#include "net_text.h"

enum { CALLERS = 8, ROUNDS = 20, SIDES = 3 };

static df_net *net;
static float   pixels[3 * 24 * 24];
static float   expected[SIDES][10];

static df_status run_at(int side, float *out)
{
    df_error err;
    df_arena scratch = {0};
    df_tensor y, x = {.type = DF_F32, .rank = 4, .dims = {1, 3, 8 * (side + 1), 8 * (side + 1)}, .data = pixels};
    df_status st = df__net_run(net, &x, 1, &y, 1, 1, &scratch, &err);
    if (st == DF_OK)
        memcpy(out, y.data, 10 * sizeof *out);
    df__arena_free(&scratch);
    return st;
}

static void *call(void *arg)
{
    size_t *wrong = arg;
    for (int i = 0; i < ROUNDS; i++)
        for (int side = 0; side < SIDES; side++) {
            float out[10];
            *wrong += run_at(side, out) != DF_OK || memcmp(out, expected[side], sizeof out) != 0;
        }
    return NULL;
}

static void make(void)
{
    df_error err;
    df_graph *g;
    CHECK_OK(graph_of("x 1,3,-1,-1", "const w 16,3,3,3\nconst v 16,16,3,3\nconst f 16,10\nconst s 16,1,1\nConv x,w > a | pads:1,1,1,1\nMul a,s > b\nRelu b > c\n"
                                     "Conv c,v > d | pads:1,1,1,1\nAdd d,c > e\nMaxPool e > p | kernel_shape:2,2 strides:2,2\nGlobalAveragePool p > g\n"
                                     "Flatten g > h\nGemm h,f > y", "y", 13, &g, &err));
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = 2 * random_float() - 1;
}

static void all_at_once(void)
{
    pthread_t id[CALLERS];
    size_t wrong[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&id[i], NULL, call, &wrong[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(id[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

TEST(many_callers_get_the_answer_of_one)
{
    make();
    for (int side = 0; side < SIDES; side++)
        assert_int_equal(run_at(side, expected[side]), DF_OK);
    all_at_once();
    df__net_free(net);
}

TEST(many_callers_may_be_the_first)
{
    float first[10];
    make();
    df_net *warm = net;
    for (int side = 0; side < SIDES; side++)
        assert_int_equal(run_at(side, expected[side]), DF_OK);
    make(); /* a fresh net: all compile at the same time */
    all_at_once();
    assert_int_equal(run_at(0, first), DF_OK);
    assert_memory_equal(first, expected[0], sizeof first);
    df__net_free(net);
    df__net_free(warm);
}
