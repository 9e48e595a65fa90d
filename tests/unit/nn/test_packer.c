/* test_packer.c - pieces in memory and in the cache; nets that take their weights from it. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "net_text.h"
#include "nn/weight_cache.h"
#include "temp_dir.h"

static df_error err;
static const uint8_t mine[32] = {9};

static df_pack_key key_of(int i)
{
    df_pack_key key = df__pack_key_new("test");
    df__pack_key_add(&key, &i, sizeof i);
    return key;
}

static void *add(df_packer *p, int i, size_t bytes)
{
    df_pack_key key = key_of(i);
    void *room = df__packer_room(p, bytes);
    CHECK(room != NULL);
    memset(room, i, bytes);
    CHECK(df__packer_keep(p, &key, room, bytes));
    return room;
}

static const void *find(df_packer *p, int i, size_t bytes)
{
    df_pack_key key = key_of(i);
    return df__packer_find(p, &key, bytes);
}

static df_packer *packer_at(const char *path)
{
    df_packer *p;
    CHECK_OK(df__packer_new(&p, &err));
    if (path)
        CHECK_OK(df__packer_attach(p, path, mine, &err));
    return p;
}

TEST(pieces_are_found_by_name_and_size_and_the_first_of_a_name_stays)
{
    df_packer *p = packer_at(NULL);
    void *first = add(p, 1, 100);
    add(p, 2, 5000);
    CHECK(find(p, 1, 100) == first);
    CHECK(find(p, 1, 101) == NULL && find(p, 3, 100) == NULL);
    add(p, 1, 100);
    CHECK(find(p, 1, 100) == first);
    assert_int_equal((uintptr_t)find(p, 2, 5000) % 64, 0);
    CHECK(!df__packer_lasting(p));
    assert_int_equal(df__packer_unsaved(p, false), 0); /* nowhere to save them */
    CHECK_OK(df__packer_save(p, &err));
    df__packer_free(p);
}

TEST(saved_pieces_are_found_by_the_next_one)
{
    temp_dir d = temp_dir_new();
    df_packer *p = packer_at(temp_path(&d, "new/c"));
    CHECK(df__packer_lasting(p) && !df__packer_filled(p));
    add(p, 1, 8);
    add(p, 2, 100000);
    assert_int_equal(df__packer_unsaved(p, false), 2);
    assert_int_equal(df__packer_unsaved(p, true), 1);
    CHECK_OK(df__packer_save(p, &err));
    assert_int_equal(df__packer_unsaved(p, false), 0);
    df__packer_free(p);
    p = packer_at(temp_path(&d, "new/c"));
    CHECK(df__packer_filled(p));
    const uint8_t *small = find(p, 1, 8), *large = find(p, 2, 100000);
    CHECK(small && large && small[7] == 1 && large[99999] == 2);
    assert_int_equal(df__packer_unsaved(p, false), 0);
    df__packer_free(p);
}

/* What was tried and not taken fills no disk: small choices stay. */
TEST(a_draft_is_saved_once_it_is_found_again)
{
    temp_dir d = temp_dir_new();
    df_packer *p = packer_at(temp_path(&d, "c"));
    df__packer_draft(p, true);
    add(p, 1, 100000);
    add(p, 2, 100000);
    add(p, 3, 8);
    CHECK(find(p, 1, 100000) && find(p, 2, 100000)); /* while choices are tried it is one still */
    assert_int_equal(1, df__packer_unsaved(p, false));
    df__packer_draft(p, false);
    for (int i = 0; i < 2; i++)
        CHECK(find(p, 2, 100000) != NULL);
    assert_int_equal(2, df__packer_unsaved(p, false));
    add(p, 4, 100000);
    CHECK_OK(df__packer_save(p, &err));
    assert_int_equal(0, df__packer_unsaved(p, false));
    CHECK(find(p, 1, 100000) != NULL); /* saved later, then */
    assert_int_equal(1, df__packer_unsaved(p, true));
    df__packer_free(p);
    p = packer_at(temp_path(&d, "c"));
    CHECK(!find(p, 1, 100000) && find(p, 2, 100000) && find(p, 3, 8) && find(p, 4, 100000));
    df__packer_free(p);
}

static struct stat stat_of(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        fail_msg("%s is not there", path);
    return info;
}

TEST(a_new_choice_does_not_write_the_weights_again)
{
    temp_dir d = temp_dir_new();
    df_packer *p = packer_at(temp_path(&d, "c"));
    add(p, 1, 8);
    add(p, 2, 100000);
    CHECK_OK(df__packer_save(p, &err));
    struct stat before = stat_of(temp_path(&d, "c"));
    add(p, 3, 8);
    CHECK_OK(df__packer_save(p, &err));
    struct stat after = stat_of(temp_path(&d, "c"));
    assert_int_equal(before.st_ino, after.st_ino);
    df__packer_free(p);
    p = packer_at(temp_path(&d, "c"));
    CHECK(find(p, 1, 8) && find(p, 2, 100000) && find(p, 3, 8));
    df__packer_free(p);
}

TEST(what_two_processes_add_comes_together)
{
    temp_dir d = temp_dir_new();
    df_packer *a = packer_at(temp_path(&d, "c")), *b = packer_at(temp_path(&d, "c"));
    add(a, 1, 5000);
    add(a, 3, 8);
    add(b, 2, 6000);
    add(b, 3, 8);
    CHECK_OK(df__packer_save(a, &err));
    CHECK_OK(df__packer_save(b, &err));
    df__packer_free(a);
    df__packer_free(b);
    a = packer_at(temp_path(&d, "c"));
    CHECK(find(a, 1, 5000) && find(a, 2, 6000) && find(a, 3, 8));
    add(a, 4, 7000); /* the old ones stay, out of the mapped file */
    CHECK_OK(df__packer_save(a, &err));
    df__packer_free(a);
    a = packer_at(temp_path(&d, "c"));
    CHECK(find(a, 1, 5000) && find(a, 2, 6000) && find(a, 4, 7000));
    df__packer_free(a);
}

TEST(where_nothing_can_be_written_there_is_no_cache)
{
    temp_dir d = temp_dir_new();
    CHECK(mkdir(temp_path(&d, "c"), 0700) == 0); /* a folder has the name: told once, then nothing more */
    df_packer *p = packer_at("/nowhere/deep/c");
    CHECK(!df__packer_lasting(p));
    df__packer_free(p);
    p = packer_at("/proc/self/c");
    add(p, 1, 5000);
    (void)df__packer_save(p, &err);
    CHECK(find(p, 1, 5000));
    df__packer_free(p);
    p = packer_at(temp_path(&d, "c"));
    add(p, 1, 5000);
    CHECK_STATUS(DF_E_IO, df__packer_save(p, &err));
    assert_int_equal(df__packer_unsaved(p, false), 0);
    CHECK_OK(df__packer_save(p, &err));
    CHECK(find(p, 1, 5000));
    df__packer_free(p);
}

/* ---- nets ---- */

static const char *const text = "const w 16,3,3,3\nconst v 16,16,3,3\nconst f 16,80\nconst s 16,1,1\nConv x,w > a | pads:1,1,1,1\nMul a,s > b\nRelu b > c\n"
                                "Conv c,v > d | pads:1,1,1,1\nAdd d,c > e\nMaxPool e > p | kernel_shape:2,2 strides:2,2\n"
                                "GlobalAveragePool p > g\nFlatten g > h\nGemm h,f > y";
enum { OUTPUTS = 80, SIDE = 12 };

static df_net *net_at(const char *path, uint8_t model)
{
    df_graph *g;
    df_net *net;
    df_net_opts opts = {.precision = DF_PRECISION_STRICT, .cache = path, .model_hash = {model}};
    CHECK_OK(graph_of("x -1,3,-1,-1", text, "y", 13, &g, &err));
    CHECK_OK(df__net_new(g, &opts, &net, &err));
    return net;
}

static df_status run(df_net *net, int64_t n, float *out, df_error *e)
{
    static float pixels[4 * 3 * SIDE * SIDE];
    df_arena scratch = {0};
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = (float)(i * 37 % 101) / 101.0f - 0.5f;
    df_tensor y, x = {.type = DF_F32, .rank = 4, .dims = {n, 3, SIDE, SIDE}, .data = pixels};
    df_status st = df__net_run(net, &x, 1, &y, 1, 1, &scratch, e);
    if (st == DF_OK)
        memcpy(out, y.data, OUTPUTS * sizeof *out);
    df__arena_free(&scratch);
    return st;
}

static void answer(const char *path, uint8_t model, int64_t n, float *out)
{
    df_net *net = net_at(path, model);
    CHECK_OK(run(net, n, out, &err));
    df__net_free(net);
}

static bool near(const float *a, const float *b)
{
    bool same = true;
    for (int i = 0; i < OUTPUTS; i++)
        same = same && fabsf(a[i] - b[i]) <= 1e-4f * (1 + fabsf(b[i])); /* another kernel sums in another order */
    return same;
}

TEST(a_net_answers_the_same_bits_when_its_weights_come_from_the_cache)
{
    temp_dir d = temp_dir_new();
    char path[512];
    float plain[OUTPUTS], first[OUTPUTS], later[OUTPUTS];
    snprintf(path, sizeof path, "%s", temp_path(&d, "net"));
    answer(NULL, 1, 1, plain);
    assert_int_equal(temp_count(d.path, ""), 0);
    answer(path, 1, 1, first);
    struct stat made = stat_of(path);
    CHECK(near(first, plain));
    for (int i = 0; i < 3; i++) {
        answer(path, 1, 1, later);
        assert_memory_equal(first, later, sizeof first);
    }
    struct stat after = stat_of(path);
    assert_int_equal(made.st_ino, after.st_ino); /* nothing new: not written again */
    answer(path, 1, 3, later);
    CHECK(near(later, plain));
    answer(path, 1, 1, later);
    assert_memory_equal(first, later, sizeof first);
}

TEST(another_model_or_a_damaged_file_makes_a_new_cache)
{
    temp_dir d = temp_dir_new();
    char path[512];
    float first[OUTPUTS], later[OUTPUTS];
    snprintf(path, sizeof path, "%s", temp_path(&d, "net"));
    answer(path, 1, 1, first);
    struct stat made = stat_of(path);
    answer(path, 2, 1, later);
    struct stat after = stat_of(path);
    CHECK(made.st_ino != after.st_ino || made.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
    CHECK(near(later, first));
    CHECK(truncate(path, 200) == 0);
    answer(path, 2, 1, later);
    CHECK(stat_of(path).st_size > 200); /* how much is kept depends on what was faster this time */
    CHECK(near(later, first));
}

TEST(nowhere_to_write_changes_no_answer)
{
    temp_dir d = temp_dir_new();
    float plain[OUTPUTS], out[OUTPUTS];
    struct rlimit before, small;
    answer(NULL, 1, 1, plain);
    answer("/nowhere/deep/net", 1, 1, out);
    assert_memory_equal(plain, out, sizeof out);
    CHECK(mkdir(temp_path(&d, "net"), 0700) == 0);
    answer(temp_path(&d, "net"), 1, 1, out);
    CHECK(near(out, plain));
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = (struct rlimit){100, before.rlim_max};
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    answer(temp_path(&d, "full"), 1, 1, out);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, old);
    CHECK(near(out, plain));
    CHECK(access(temp_path(&d, "full"), F_OK) != 0);
}

TEST(four_processes_that_load_one_net_at_once_share_one_cache)
{
    temp_dir d = temp_dir_new();
    char path[512];
    float plain[OUTPUTS], out[OUTPUTS], again[OUTPUTS];
    pid_t child[4];
    snprintf(path, sizeof path, "%s", temp_path(&d, "net"));
    for (int i = 0; i < 4; i++)
        if ((child[i] = fork()) == 0) {
            df_net *net = net_at(path, 1);
            bool good = run(net, 1 + i % 2, out, &err) == DF_OK;
            df__net_free(net);
            _exit(good ? 0 : 1);
        }
    for (int i = 0; i < 4; i++) {
        int how;
        CHECK(waitpid(child[i], &how, 0) == child[i]);
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    }
    assert_int_equal(temp_count(d.path, ".part"), 0);
    answer(NULL, 1, 1, plain);
    answer(path, 1, 1, out);
    answer(path, 1, 1, again);
    assert_memory_equal(out, again, sizeof out);
    CHECK(near(out, plain));
}

/* Nothing leaks, nothing crashes, and a cache that was half made is no cache. */
TEST(every_allocation_may_fail)
{
    temp_dir d = temp_dir_new();
    char path[512];
    float plain[OUTPUTS], out[OUTPUTS];
    bool done = false;
    snprintf(path, sizeof path, "%s", temp_path(&d, "net"));
    answer(NULL, 1, 1, plain);
    for (size_t n = 1; !done; n++) {
        df_graph *g;
        df_net *net = NULL;
        df_net_opts opts = {.cache = path, .model_hash = {1}};
        CHECK_OK(graph_of("x -1,3,-1,-1", text, "y", 13, &g, &err));
        test_alloc_fail_at(n);
        df_status st = df__net_new(g, &opts, &net, &err);
        if (st == DF_OK)
            st = run(net, 1, out, &err);
        df__net_free(net);
        done = test_alloc_count() < n;
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
        if (st == DF_OK)
            CHECK(near(out, plain));
        if (n % 2)
            unlink(path); /* once with a file to read, once without */
    }
    assert_int_equal(temp_count(d.path, ".part"), 0);
}
