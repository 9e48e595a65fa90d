/* The approximate indexes of a gallery: asked for and not there, built in the background, out of date, harmed, killed while they are built. Whatever
 * answers, the answer is complete as far as it says so. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "../store/store_test.h"
#include "core/bytes.h"
#include "gallery/indexes.h"
#include "temp_dir.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

enum { N = 1200, BATCH = 50 };

typedef struct shelf { temp_dir dir; char path[512]; void *store; df_vectors *v; df_indexes *x; uint32_t next; } shelf;

static void put(shelf *s, uint32_t n)
{
    static df_store_photo photos[BATCH];
    static df_store_face faces[BATCH];
    static float vectors[BATCH * STORE_DIMS];
    static char paths[BATCH][64];
    for (uint32_t done = 0; done < n; done += BATCH) {
        uint32_t m = n - done < BATCH ? n - done : BATCH;
        for (uint32_t i = 0; i < m; i++)
            photos[i] = store_test_photo(s->next++, NULL, 1, &faces[i], vectors + i * STORE_DIMS, paths[i]);
        CHECK_OK(ops->put(s->store, photos, m, &err));
    }
}

static void open_again(shelf *s, bool background)
{
    df__indexes_free(s->x);
    df__vectors_close(s->v);
    CHECK_OK(df__vectors_open(ops, s->store, s->path, true, &s->v, &err));
    CHECK_OK(df__indexes_new(s->v, s->path, true, background, 1, &s->x, &err));
}

static shelf *shelf_new(uint32_t n, bool background)
{
    shelf *s = calloc(1, sizeof *s);
    s->dir = temp_dir_new();
    snprintf(s->path, sizeof s->path, "%s/g.db", s->dir.path);
    CHECK_OK(ops->open(s->path, &store_test_key, DF_STORE_CREATE, &s->store, &err));
    put(s, n);
    open_again(s, background);
    CHECK_OK(df__vectors_catch_up(s->v, false, &err));
    return s;
}

static void shelf_free(shelf *s)
{
    df__indexes_free(s->x);
    df__vectors_close(s->v);
    ops->close(s->store);
    free(s);
}

/* The nearest face to that of photo `number`, which is its own: by whatever answers. */
static uint64_t ask(shelf *s, const char *what, double recall, uint32_t number, df_index_use *use, bool *exact)
{
    df_hit hit = {0};
    size_t found;
    float query[STORE_DIMS];
    store_test_vector(number * 10, query);
    CHECK_OK(df__vectors_begin(s->v, NULL, &err));
    df__indexes_choose(s->x, what, DF_COSINE, recall, 1, use);
    df__vectors_use(s->v, use->ann, use->effort);
    CHECK_OK(df__vectors_search(s->v, DF_COSINE, query, 1, 1, NULL, 1, &hit, &found, &err));
    *exact = df__vectors_exact(s->v);
    df__vectors_end(s->v);
    return found == 1 && hit.distance < 1e-9 ? hit.id : 0;
}

/* Until the background has brought the index. */
static void wait_for(shelf *s, const char *what, df_index_use *use)
{
    bool exact;
    for (int i = 0; i < 2000; i++) {
        CHECK(ask(s, what, 0.9, 7, use, &exact) == 8);
        if (use->ann)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("no index: %s", use->why);
}

static bool there(void)
{
    df_status st = df__ann_can("hnsw", &err);
    if (st == DF_E_UNSUPPORTED)
        CHECK_HAS(err.message, "libhnswlib-dev");
    return st == DF_OK;
}

TEST(a_search_answers_exactly_until_the_background_has_built_an_index)
{
    df_index_use use;
    bool exact;
    if (!there())
        skip();
    shelf *s = shelf_new(N, true);
    CHECK(ask(s, "flat", 0.9, 3, &use, &exact) == 4 && exact && !*use.why);
    CHECK(ask(s, "hnsw:M=8", 0.9, 3, &use, &exact) == 4 && exact && !use.ann);
    CHECK_HAS(use.why, "no index hnsw:M=8 is there: it is being built in the background");
    wait_for(s, "hnsw:M=8", &use);
    assert_string_equal(use.name, "hnsw:M=8");
    CHECK(ask(s, "hnsw", 0.9, 100, &use, &exact) == 101 && !exact && use.ann);
    CHECK_HAS(use.why, "recall 0.900 at effort");
    CHECK(ask(s, "hnsw", 1.01, 100, &use, &exact) == 101 && exact);
    CHECK_HAS(use.why, "is asked for");
    CHECK(ask(s, "hnsw:M=12", 0.9, 100, &use, &exact) == 101 && exact);
    CHECK_HAS(use.why, "was built as hnsw:M=8");
    shelf_free(s); /* while it is being built anew, perhaps */
}

TEST(faces_that_came_or_went_since_are_honoured)
{
    df_index_use use;
    bool exact;
    uint64_t gone[] = {13, 20};
    if (!there())
        skip();
    shelf *s = shelf_new(N, false);
    CHECK_OK(df__indexes_build(s->x, "hnsw", DF_COSINE, NULL, NULL, &err));
    CHECK(ask(s, "hnsw", 0.9, 9, &use, &exact) == 10 && !exact);
    put(s, 5);
    CHECK(ask(s, "hnsw", 0.9, N + 2, &use, &exact) == N + 3); /* in no matrix yet */
    put(s, 600);
    CHECK(ask(s, "hnsw", 0.9, N + 2, &use, &exact) == N + 3); /* in the matrix, in no index */
    CHECK(ask(s, "hnsw", 0.9, N + 603, &use, &exact) == N + 604 && use.ann);
    CHECK_OK(ops->remove(s->store, gone, 2, &err));
    CHECK(ask(s, "hnsw", 0.9, 12, &use, &exact) == 0 && use.ann);
    CHECK(ask(s, "hnsw", 0.9, 19, &use, &exact) == 0);
    CHECK(ask(s, "hnsw", 0.9, 20, &use, &exact) == 21);
    df_ann_head head;
    const char *name;
    char stale[DF_INDEX_WHY];
    size_t listed = 0;
    CHECK_OK(df__vectors_begin(s->v, NULL, &err));
    for (size_t i = 0; df__indexes_at(s->x, i, &name, &head, stale) || name; i++)
        listed += name && strstr(name, "g.db-hnsw") && head.rows == N && !*stale && strcmp(head.what, "hnsw") == 0;
    df__vectors_end(s->v);
    CHECK(listed > 0);
    CHECK_OK(df__vectors_catch_up(s->v, true, &err)); /* rows have other numbers now */
    CHECK(ask(s, "hnsw", 0.9, 20, &use, &exact) == 21 && exact && !use.ann);
    CHECK_HAS(use.why, "stale");
    open_again(s, true);
    wait_for(s, "hnsw", &use);
    CHECK(ask(s, "hnsw", 0.9, 20, &use, &exact) == 21 && !exact);
    shelf_free(s);
}

static void cut(const char *path) { CHECK(truncate(path, 100) == 0); }
static void empty(const char *path) { CHECK(truncate(path, 0) == 0); }
static void overwrite(const char *path) { CHECK_OK(df__write_file(path, "something else altogether", 25, &err)); }

TEST(a_harmed_index_is_answered_exactly_and_built_anew)
{
    static void (*const harms[])(const char *) = {cut, empty, overwrite};
    df_index_use use;
    bool exact;
    if (!there())
        skip();
    for (int i = 0; i < 6; i++) {
        shelf *s = shelf_new(N, true);
        CHECK_OK(df__indexes_build(s->x, "hnsw", DF_COSINE, NULL, NULL, &err));
        if (i < 3)
            harms[i](temp_path(&s->dir, "g.db-hnsw"));
        else {
            df_ann_head head;
            CHECK_OK(df__ann_head_read(temp_path(&s->dir, "g.db-hnsw"), &head, &err));
            char *data = df__ann_data_path(temp_path(&s->dir, "g.db-hnsw"), head.number);
            harms[i - 3](data);
            free(data);
        }
        CHECK(ask(s, "hnsw", 0.9, 100, &use, &exact) == 101 && exact && !use.ann);
        CHECK_HAS(use.why, "g.db-hnsw");
        wait_for(s, "hnsw", &use);
        CHECK(ask(s, "hnsw", 0.9, 100, &use, &exact) == 101 && !exact);
        shelf_free(s);
    }
}

TEST(auto_takes_what_is_quickest_and_says_why)
{
    df_index_use use;
    bool exact;
    shelf *s = shelf_new(N, false);
    CHECK(ask(s, "auto", 0.9, 100, &use, &exact) == 101 && exact);
    CHECK_HAS(use.why, "1200 rows");
    CHECK_STATUS(DF_E_ARGUMENT, df__indexes_build(s->x, "auto", DF_COSINE, NULL, NULL, &err));
    CHECK_HAS(err.message, "nothing is built");
    CHECK_STATUS(DF_E_ARGUMENT, df__indexes_build(s->x, "flat", DF_COSINE, NULL, NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__indexes_build(s->x, "scann", DF_COSINE, NULL, NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__indexes_drop(s->x, "scann", DF_COSINE, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__indexes_drop(s->x, "hnsw", DF_COSINE, &err));
    if (there()) {
        CHECK_OK(df__indexes_build(s->x, "hnsw", DF_EUCLIDEAN, NULL, NULL, &err));
        CHECK(temp_count(s->dir.path, "g.db-hnsw-euclidean") == 2);
        CHECK_OK(df__indexes_drop(s->x, "hnsw", DF_EUCLIDEAN, &err));
        CHECK(temp_count(s->dir.path, "g.db-hnsw") == 0);
    }
    shelf_free(s);
}

TEST(an_empty_gallery_has_no_index)
{
    shelf *s = shelf_new(0, false);
    if (there()) {
        CHECK_STATUS(DF_E_ARGUMENT, df__indexes_build(s->x, "hnsw", DF_COSINE, NULL, NULL, &err));
        CHECK_HAS(err.message, "holds no faces");
    }
    shelf_free(s);
}

/* A child builds one index after another and is killed at a random moment; then there is a whole one, or none, and the next build leaves nothing else. */
TEST(nothing_half_is_left_by_a_kill)
{
    const char *asked = getenv("DF_KILL_ROUNDS");
    int rounds = asked ? atoi(asked) / 2 : 30, whole = 0;
    df_index_use use;
    bool exact;
    if (!there())
        skip();
    shelf *s = shelf_new(N / 2, false);
    struct timespec begun, ended; /* kills are spread over two builds of this machine, as busy as it is */
    clock_gettime(CLOCK_MONOTONIC, &begun);
    CHECK_OK(df__indexes_build(s->x, "hnsw:M=8", DF_COSINE, NULL, NULL, &err));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    CHECK_OK(df__indexes_drop(s->x, "hnsw", DF_COSINE, &err));
    double build_ns = 1e9 * (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec);
    for (int round = 0; round < rounds; round++) {
        int status = 0;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            df_matrix *m;
            char matrix[600], index[600];
            snprintf(matrix, sizeof matrix, "%s-vectors", s->path), snprintf(index, sizeof index, "%s-hnsw", s->path);
            char pipeline[300];
            snprintf(pipeline, sizeof pipeline, "%s: %s", ops->uid(s->store), store_test_key.pipeline);
            if (df__matrix_open(matrix, STORE_DIMS, pipeline, false, &m, NULL) != DF_OK)
                _exit(2);
            while (df__ann_build(m, DF_COSINE, "hnsw:M=8", 1, NULL, NULL, index, NULL) == DF_OK) { }
            _exit(3);
        }
        long pause = (long)(build_ns * 2 * (round * 37 % 100 + 1) / 100);
        nanosleep(&(struct timespec){.tv_sec = pause / 1000000000, .tv_nsec = pause % 1000000000}, NULL);
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
        if (!WIFSIGNALED(status)) fail_msg("the child ended by itself: %d", WEXITSTATUS(status));
        CHECK(ask(s, "hnsw", 0.9, 100, &use, &exact) == 101);
        CHECK(use.ann || strstr(use.why, "no index hnsw is there"));
        whole += use.ann != NULL;
    }
    CHECK(rounds < 10 || whole > 0);
    CHECK_OK(df__indexes_build(s->x, "hnsw", DF_COSINE, NULL, NULL, &err));
    assert_int_equal(temp_count(s->dir.path, "g.db-hnsw"), 2);
    shelf_free(s);
}
