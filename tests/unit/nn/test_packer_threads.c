/* test_packer_threads.c - one net with a cache, many callers, each with shapes of its own: plans are made, pieces kept and files written side
 * by side. Run under the thread sanitizer too. */
#include <pthread.h>

#include "net_text.h"
#include "temp_dir.h"

enum { CALLERS = 6, SIZES = 3, OUTPUTS = 80, SIDE = 12 };

static df_net *net;
static float   pixels[SIZES * 3 * SIDE * SIDE];

static void open_net(const char *path)
{
    df_error err;
    df_graph *g;
    df_net_opts opts = {.precision = DF_PRECISION_STRICT, .cache = path, .model_hash = {1}};
    CHECK_OK(graph_of("x -1,3,-1,-1", "const w 16,3,3,3\nconst v 32,16,3,3\nconst f 32,80\nConv x,w > a | pads:1,1,1,1\nRelu a > b\n"
                                     "Conv b,v > c | pads:1,1,1,1\nGlobalAveragePool c > p\nFlatten p > q\nGemm q,f > y", "y", 13, &g, &err));
    CHECK_OK(df__net_new(g, &opts, &net, &err));
}

static df_status run_of(int64_t n, int threads, float *out)
{
    df_error err;
    df_arena scratch = {0};
    df_tensor y, x = {.type = DF_F32, .rank = 4, .dims = {n, 3, SIDE, SIDE}, .data = pixels};
    df_status st = df__net_run(net, &x, 1, &y, 1, threads, &scratch, &err);
    if (st == DF_OK)
        memcpy(out, y.data, OUTPUTS * sizeof *out);
    df__arena_free(&scratch);
    return st;
}

typedef struct caller { int number; size_t wrong; } caller;

static void *call(void *arg)
{
    caller *c = arg;
    for (int i = 0; i < 4 * SIZES; i++) {
        float out[OUTPUTS];
        c->wrong += run_of(1 + (c->number + i) % SIZES, 1 + i % 2, out) != DF_OK;
    }
    return NULL;
}

TEST(callers_of_many_shapes_share_one_cache)
{
    temp_dir d = temp_dir_new();
    char path[512];
    float first[SIZES][OUTPUTS], later[OUTPUTS];
    snprintf(path, sizeof path, "%s", temp_path(&d, "net"));
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = random_float() - 0.5f;
    for (int round = 0; round < 2; round++) { /* without a file, then with one */
        pthread_t id[CALLERS];
        caller callers[CALLERS];
        open_net(path);
        for (int i = 0; i < CALLERS; i++) {
            callers[i] = (caller){i, 0};
            CHECK(pthread_create(&id[i], NULL, call, &callers[i]) == 0);
        }
        for (int i = 0; i < CALLERS; i++) {
            pthread_join(id[i], NULL);
            assert_int_equal(callers[i].wrong, 0);
        }
        for (int n = 0; n < SIZES && round == 0; n++)
            CHECK(run_of(n + 1, 1, first[n]) == DF_OK);
        df__net_free(net);
    }
    open_net(path);
    for (int n = 0; n < SIZES; n++) {
        CHECK(run_of(n + 1, 1, later) == DF_OK);
        assert_memory_equal(first[n], later, sizeof later);
    }
    df__net_free(net);
    assert_int_equal(temp_count(d.path, ".part"), 0);
}
