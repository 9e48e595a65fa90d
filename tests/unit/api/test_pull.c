/* df_model_pull as a library call: what it tells, that it stops, its statuses, memory that fails. What a server can do to it is tried by
 * tests/cli/test_pull.py. */
#include <pthread.h>

#include "core/bytes.h"
#include "temp_dir.h"
#include "unit/nn/onnx_writer.h"

static df_error err;

/* A network of the row "DeepID": pictures of 47 x 55, 160 numbers. `dims` and `width` may be wrong. */
static df_bytes deepid(int64_t width, int64_t dims)
{
    static message g;
    static float w[3 * 200];
    g.len = 0;
    for (size_t i = 0; i < 3 * (size_t)dims; i++)
        w[i] = (float)i * 0.01f;
    message x = port("x", 4, (int64_t[]){-1, 55, width, 3}), y = port("y", 2, (int64_t[]){-1, dims});
    put_message(&g, 11, &x);
    put_message(&g, 12, &y);
    message m = node("ReduceMean", "mean", "x", "mean"), axes = {.len = 0}, keep = {.len = 0};
    put_text(&axes, 1, "axes");
    put_int(&axes, 8, 1);
    put_int(&axes, 8, 2);
    put_int(&axes, 20, 7);
    put_message(&m, 5, &axes);
    put_text(&keep, 1, "keepdims");
    put_int(&keep, 3, 0);
    put_int(&keep, 20, 2);
    put_message(&m, 5, &keep);
    put_message(&g, 1, &m);
    m = node("MatMul", "y", "mean w", "y");
    put_message(&g, 1, &m);
    message t = tensor_head("w", 1, 2, (int64_t[]){3, dims});
    put_bytes(&t, 9, w, 3 * (size_t)dims * sizeof *w);
    put_message(&g, 5, &t);
    return model(&g, 12);
}

typedef struct place { temp_dir dir; char from[256], file[256]; df_engine *df; } place;

static place begin(df_bytes net)
{
    place p = {.dir = temp_dir_new()};
    snprintf(p.from, sizeof p.from, "%s/net", p.dir.path);
    snprintf(p.file, sizeof p.file, "%s/weights/deepid_weights.onnx", p.dir.path);
    CHECK_OK(df__write_file(p.from, net.data, net.len, &err));
    df__bytes_free(&net);
    df_engine_opts o = df_engine_opts_default();
    o.weights_dir = temp_path(&p.dir, "weights");
    CHECK_OK(df_engine_new(&o, &p.df, &err));
    return p;
}

typedef struct heard { char steps[64]; size_t n, stop_at; } heard; /* a letter a new step */

static bool hear(void *user, const df_pull_progress *at)
{
    static const char letters[] = "wfuCRK";
    heard *h = user;
    assert_string_equal(at->name, "DeepID");
    if ((h->n == 0 || h->steps[h->n - 1] != letters[at->step]) && h->n < sizeof h->steps - 1)
        h->steps[h->n++] = letters[at->step];
    return h->stop_at == 0 || h->n < h->stop_at;
}

TEST(it_tells_each_step_and_the_second_call_that_it_is_there)
{
    place p = begin(deepid(47, 160));
    heard h = {.n = 0};
    df_pull_opts o = df_pull_opts_default();
    df_model_state state;
    o.from = p.from;
    o.each = hear;
    o.user = &h;
    CHECK_OK(df_model_pull(p.df, "deepid", &o, &err));
    assert_string_equal(h.steps, "CR");
    CHECK_OK(df_model_check(p.df, "DeepID", true, &state, NULL, 0, &err));
    assert_int_equal(state, DF_MODEL_READY);
    h = (heard){.n = 0};
    CHECK_OK(df_model_pull(p.df, "DeepID", &o, &err));
    assert_string_equal(h.steps, "K");
    df_engine_free(p.df);
}

TEST(it_stops_when_it_is_told_to_and_leaves_no_file)
{
    place p = begin(deepid(47, 160));
    heard h = {.stop_at = 1};
    df_pull_opts o = df_pull_opts_default();
    o.from = p.from;
    o.each = hear;
    o.user = &h;
    CHECK_STATUS(DF_E_IO, df_model_pull(p.df, "DeepID", &o, &err));
    CHECK_HAS(err.message, "stopped by the caller");
    CHECK(access(p.file, F_OK) != 0);
    df_engine_free(p.df);
}

TEST(another_network_is_refused)
{
    const struct { int64_t width, dims; const char *text; } wrong[] = {{55, 160, "47 x 55"}, {47, 128, "160"}};
    for (size_t i = 0; i < 2; i++) {
        place p = begin(deepid(wrong[i].width, wrong[i].dims));
        df_pull_opts o = df_pull_opts_default();
        o.from = p.from;
        CHECK_STATUS(DF_E_BAD_MODEL, df_model_pull(p.df, "DeepID", &o, &err));
        CHECK_HAS(err.message, wrong[i].text);
        CHECK(access(p.file, F_OK) != 0);
        df_engine_free(p.df);
    }
}

TEST(wrong_arguments_are_named)
{
    place p = begin(deepid(47, 160));
    df_pull_opts o = df_pull_opts_default();
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(NULL, "DeepID", NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(p.df, NULL, NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(p.df, "nobody", NULL, &err));
    CHECK_HAS(err.message, "nobody");
    CHECK_STATUS(DF_E_NO_MODEL, df_model_pull(p.df, "retinaface", NULL, &err));
    CHECK_HAS(err.message, "make weights-demo");
    o.retries = 101;
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(p.df, "DeepID", &o, &err));
    CHECK_HAS(err.message, "retries: 101");
    o = df_pull_opts_default();
    o.stall = 0;
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(p.df, "DeepID", &o, &err));
    CHECK_HAS(err.message, "stall: 0");
    o = df_pull_opts_default();
    o.from = "";
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(p.df, "DeepID", &o, &err));
    o = df_pull_opts_default();
    o.size = 0;
    CHECK_STATUS(DF_E_ARGUMENT, df_model_pull(p.df, "DeepID", &o, &err));
    CHECK_HAS(err.message, "df_pull_opts_default");
    df_engine_free(p.df);
}

TEST(addresses_and_sizes_are_told)
{
    bool rough = true;
    assert_string_equal(df_model_url("Dlib", 0), "https://dlib.net/files/dlib_face_recognition_resnet_model_v1.dat.bz2");
    CHECK(df_model_url("Dlib", 1) == NULL && df_model_url("retinaface", 0) == NULL && df_model_url("nobody", 0) == NULL);
    CHECK(df_model_url("arcface", 1) != NULL && df_model_url("arcface", 2) == NULL);
    assert_int_equal(df_model_bytes("Dlib", &rough), 22466066);
    CHECK(!rough && df_model_bytes("nobody", NULL) == 0 && df_model_bytes("ArcFace", &rough) > 0 && rough);
}

static void *pull_deepid(void *user)
{
    place *p = user;
    df_error mine;
    df_pull_opts o = df_pull_opts_default();
    o.from = p->from;
    return df_model_pull(p->df, "DeepID", &o, &mine) == DF_OK ? p : NULL;
}

/* Some begin when others are at the end: who finds nothing and then nobody to wait for looks again. */
TEST(threads_of_one_process_wait_for_each_other_too)
{
    enum { THREADS = 8, ROUNDS = 20 };
    pthread_t threads[THREADS];
    for (int round = 0; round < ROUNDS; round++) {
        place p = begin(deepid(47, 160));
        for (int i = 0; i < THREADS; i++) {
            nanosleep(&(struct timespec){.tv_nsec = round * i * 20000}, NULL);
            CHECK(pthread_create(&threads[i], NULL, pull_deepid, &p) == 0);
        }
        for (int i = 0; i < THREADS; i++) {
            void *good = NULL;
            pthread_join(threads[i], &good);
            CHECK(good != NULL);
        }
        assert_int_equal(temp_count(temp_path(&p.dir, "weights"), ""), 2); /* the file and its record */
        df_engine_free(p.df);
    }
}

TEST(every_allocation_may_fail)
{
    size_t failed = 0;
    for (size_t i = 1;; i++) {
        place p = begin(deepid(47, 160));
        df_pull_opts o = df_pull_opts_default();
        o.from = p.from;
        test_alloc_fail_at(i);
        df_status st = df_model_pull(p.df, "DeepID", &o, &err);
        bool over = test_alloc_count() < i;
        test_alloc_fail_at(0);
        if (st != DF_OK) {
            CHECK_STATUS(DF_E_NO_MEMORY, st);
            CHECK(access(p.file, F_OK) != 0);
            failed++;
            CHECK_OK(df_model_pull(p.df, "DeepID", &o, &err)); /* the next call finds nothing in its way */
        }
        CHECK(access(p.file, F_OK) == 0);
        df_engine_free(p.df);
        if (over)
            break;
    }
    CHECK(failed >= 15); /* 20 without a cache folder */
}
