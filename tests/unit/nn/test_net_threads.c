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

/* ---- nets made side by side ---- */

enum { NETS = 10, TRIES = 6, SIDE = 14, MOST = 64 };

typedef struct made { int channels; df_graph *graph; df_status st; float out[MOST]; } made;

/* A convolution of its own shape, then the mean of each channel. */
static made described(int channels, int kernel)
{
    made m = {.channels = channels};
    char text[256];
    df_error err;
    random_state = 1; /* the same weights each time */
    snprintf(text, sizeof text, "const w 64,%d,%d,%d\nConv x,w > a | strides:2,2\nGlobalAveragePool a > p\nFlatten p > y", channels, kernel, kernel);
    CHECK_OK(graph_of("x 1,-1,-1,-1", text, "y", 13, &m.graph, &err));
    return m;
}

static void *make_and_run(void *arg)
{
    made *m = arg;
    df_error err;
    df_net *own = NULL;
    df_arena scratch = {0};
    df_tensor y, x = {.type = DF_F32, .rank = 4, .dims = {1, m->channels, SIDE, SIDE}};
    const df_net_opts opts = {.precision = DF_PRECISION_FAST};
    float *in = df__arena_alloc(&scratch, (size_t)(m->channels * SIDE * SIDE) * sizeof *in);
    for (int i = 0; i < m->channels * SIDE * SIDE; i++)
        in[i] = (float)(i * 7 % 113) / 113;
    x.data = in;
    m->st = df__net_new(m->graph, &opts, &own, &err);
    if (m->st == DF_OK)
        m->st = df__net_run(own, &x, 1, &y, 1, 1, &scratch, &err);
    if (m->st == DF_OK)
        memcpy(m->out, y.data, sizeof m->out);
    df__net_free(own);
    df__arena_free(&scratch);
    return NULL;
}

/* What src/nn/onednn.c makes one at a time. The fault that it guards against is rare: it did not show here without the lock either. */
TEST(nets_made_side_by_side_are_those_made_alone)
{
    static const int channels[] = {48, 80, 144, 208, 336};
    static made alone[NETS], beside[NETS];
    for (int i = 0; i < NETS; i++) {
        alone[i] = described(channels[i % 5], i < 5 ? 1 : 3);
        make_and_run(&alone[i]);
        assert_int_equal(alone[i].st, DF_OK);
    }
    for (int t = 0; t < TRIES; t++) {
        pthread_t id[NETS];
        for (int i = 0; i < NETS; i++)
            beside[i] = described(channels[i % 5], i < 5 ? 1 : 3);
        for (int i = 0; i < NETS; i++)
            assert_int_equal(pthread_create(&id[i], NULL, make_and_run, &beside[i]), 0);
        for (int i = 0; i < NETS; i++) {
            pthread_join(id[i], NULL);
            assert_int_equal(beside[i].st, DF_OK);
            assert_memory_equal(beside[i].out, alone[i].out, sizeof alone[i].out);
        }
    }
}
