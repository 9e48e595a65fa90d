/* test_ann.c - approximate indexes: measured answers, filters, removed and later rows, files that are refused before the library sees them. */
#include "core/bytes.h"
#include "index/ann.h"
#include "index/ann_file.h"
#include "vectors.h"

static df_error err;
enum { DIMS = 16, N = 4000, K = 10 };

static const char *const kinds[] = {"hnsw:M=12,ef=80", "faiss:IVF16,Flat", "faiss:HNSW12", "faiss:HNSW12,SQ8", "faiss:Flat", "faiss:IVF16,PQ8x4", "annoy:trees=20", "nmslib:M=12,ef=80"};

typedef struct gallery { temp_dir dir; df_matrix *m; float rows[N * DIMS]; uint64_t ids[N]; bool alive[N]; } gallery;

/* Five photos of each person. */
static gallery *gallery_new(size_t n)
{
    gallery *g = calloc(1, sizeof *g);
    g->dir = temp_dir_new();
    random_rows(g->rows, N, DIMS);
    for (size_t i = 0; i < N; i++) {
        g->ids[i] = 10 + 2 * i, g->alive[i] = i < n;
        for (size_t j = 0; i % 5 && j < DIMS; j++)
            g->rows[i * DIMS + j] = g->rows[i / 5 * 5 * DIMS + j] + 0.3f * g->rows[i * DIMS + j];
    }
    CHECK_OK(df__matrix_open(temp_path(&g->dir, "m"), DIMS, "pipe", true, &g->m, &err));
    CHECK_OK(df__matrix_append(g->m, g->ids, g->rows, n, 1, &err));
    return g;
}

static void gallery_free(gallery *g)
{
    df__matrix_free(g->m);
    free(g);
}

static bool built_in(const char *what)
{
    df_status st = df__ann_can(what, &err);
    if (st == DF_E_UNSUPPORTED)
        CHECK_HAS(err.message, "it needs");
    else
        CHECK_OK(st);
    return st == DF_OK;
}

static df_status search(gallery *g, df_ann *a, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, double effort,
                        int threads, df_hit *hits, size_t *found, df_error *why)
{
    size_t exact;
    df_status st = df__ann_search(a, g->m, metric, queries, n, k, filter, effort, threads, hits, found, &exact, why);
    CHECK(exact <= n);
    return st;
}

/* Part of the exact answer that was found; what was found is measured right, in order, and allowed. */
static double recall(gallery *g, df_ann *a, df_metric metric, const df_filter *filter, const bool *allowed, size_t k)
{
    size_t same = 0, all = 0;
    for (size_t q = 0; q < 40; q++) {
        float query[DIMS];
        bool keep[N];
        df_hit hits[200];
        size_t found;
        for (size_t j = 0; j < DIMS; j++)
            query[j] = g->rows[random_below(N) * DIMS + j] * 0.2f + g->rows[q * 31 * DIMS + j];
        for (size_t i = 0; i < N; i++)
            keep[i] = g->alive[i] && (!allowed || allowed[i]);
        brute right = brute_force(metric, query, g->rows, g->ids, keep, N, DIMS);
        size_t most = right.n < k ? right.n : k;
        CHECK_OK(search(g, a, metric, query, 1, k, filter, 200, 1, hits, &found, &err));
        assert_int_equal(found, most);
        for (size_t i = 0; i < found; i++) {
            double d;
            size_t row = (size_t)(hits[i].id - 10) / 2;
            CHECK(row < N && g->ids[row] == hits[i].id && keep[row]);
            CHECK(df__distance(metric, query, g->rows + row * DIMS, DIMS, &d, NULL) == DF_OK && d == hits[i].distance);
            CHECK(i == 0 || brute_order(&hits[i - 1], &hits[i]) < 0);
            for (size_t j = 0; j < most; j++)
                same += right.hits[j].id == hits[i].id;
        }
        all += most;
        free(right.hits);
    }
    return all ? (double)same / (double)all : 1;
}

TEST(what_is_found_is_measured_right_whatever_the_library)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!built_in(kinds[k]))
            continue;
        for (int metric = 0; metric < DF_METRICS; metric++) {
            gallery *g = gallery_new(N);
            df_ann *a;
            CHECK_OK(df__ann_build(g->m, (df_metric)metric, kinds[k], 2, NULL, NULL, temp_path(&g->dir, "i"), &err));
            CHECK_OK(df__ann_open(temp_path(&g->dir, "i"), g->m, (df_metric)metric, &a, &err));
            double r = recall(g, a, (df_metric)metric, NULL, NULL, K);
            if (r < 0.8)
                fail_msg("%s, %s: recall %.3f", kinds[k], df__metric_name((df_metric)metric), r);
            df__ann_close(a);
            gallery_free(g);
        }
    }
}

TEST(filters_removed_and_later_rows_are_honoured_by_all)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!built_in(kinds[k]))
            continue;
        gallery *g = gallery_new(N / 2);
        df_ann *a;
        bool allowed[N];
        uint64_t list[N], gone[N];
        size_t n = 0, n_gone = 0;
        CHECK_OK(df__ann_build(g->m, DF_COSINE, kinds[k], 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
        CHECK_OK(df__ann_open(temp_path(&g->dir, "i"), g->m, DF_COSINE, &a, &err));
        CHECK_OK(df__matrix_append(g->m, g->ids + N / 2, g->rows + N / 2 * DIMS, N / 2, 2, &err));
        for (size_t i = N / 2; i < N; i++)
            g->alive[i] = true;
        assert_int_equal(df__matrix_info(g->m).rows - df__ann_head(a)->rows, N / 2);
        CHECK(recall(g, a, DF_COSINE, NULL, NULL, K) > 0.8);
        for (size_t i = 0; i < N; i++)
            if (i % 3 == 0)
                g->alive[i] = false, gone[n_gone++] = g->ids[i];
        CHECK_OK(df__matrix_remove(g->m, gone, n_gone, 3, &err));
        CHECK(recall(g, a, DF_COSINE, NULL, NULL, K) > 0.8);
        const double widths[] = {0, 0.001, 0.05, 0.2, 0.6};
        for (size_t w = 0; w < 5; w++) {
            n = 0;
            for (size_t i = 0; i < N; i++)
                if ((allowed[i] = random_unit() < widths[w]))
                    list[n++] = g->ids[i];
            df_filter f = {.ids = list, .n = n};
            CHECK(recall(g, a, DF_COSINE, &f, allowed, K) > 0.8);
            CHECK(recall(g, a, DF_COSINE, &f, allowed, 150) > 0.6);
        }
        CHECK_OK(df__matrix_compact(g->m, &err)); /* rows have other numbers now */
        float query[DIMS] = {1};
        df_hit hit;
        size_t found;
        CHECK_STATUS(DF_E_STORE, search(g, a, DF_COSINE, query, 1, 1, NULL, 0, 1, &hit, &found, &err));
        CHECK_HAS(err.message, "stale");
        df__ann_close(a);
        CHECK_STATUS(DF_E_STORE, df__ann_open(temp_path(&g->dir, "i"), g->m, DF_COSINE, &a, &err));
        CHECK_HAS(err.message, "stale");
        gallery_free(g);
    }
}

TEST(a_batch_on_threads_is_each_query_alone)
{
    static const char *const graphs[] = {"hnsw", "faiss:HNSW12"};
    for (size_t k = 0; k < 2; k++) {
        if (!built_in(graphs[k]))
            continue;
        gallery *g = gallery_new(N);
        df_ann *a;
        df_hit one[K], many[50 * K];
        size_t found[50], alone;
        CHECK_OK(df__ann_build(g->m, DF_EUCLIDEAN, graphs[k], 2, NULL, NULL, temp_path(&g->dir, "i"), &err));
        CHECK_OK(df__ann_open(temp_path(&g->dir, "i"), g->m, DF_EUCLIDEAN, &a, &err));
        CHECK_OK(search(g, a, DF_EUCLIDEAN, g->rows, 50, K, NULL, 40, 4, many, found, &err));
        for (size_t q = 0; q < 50; q++) {
            CHECK_OK(search(g, a, DF_EUCLIDEAN, g->rows + q * DIMS, 1, K, NULL, 40, 1, one, &alone, &err));
            assert_int_equal(found[q], alone);
            for (size_t i = 0; i < alone; i++)
                CHECK(one[i].id == many[q * K + i].id && one[i].distance == many[q * K + i].distance);
        }
        for (size_t q = 0; q < 600; q++) { /* what a search of one neighbourhood leaves marked means nothing 256 searches of another later */
            size_t at = q % 256 ? 40 : 3;
            CHECK_OK(search(g, a, DF_EUCLIDEAN, g->rows + at * DIMS, 1, 1, NULL, 40, 1, one, &alone, &err));
            CHECK(alone == 1 && one[0].id == many[at * K].id);
        }
        df__ann_close(a);
        gallery_free(g);
    }
}

static void refused(gallery *g, const char *part)
{
    df_ann *a;
    CHECK_STATUS(DF_E_STORE, df__ann_open(temp_path(&g->dir, "i"), g->m, DF_COSINE, &a, &err));
    CHECK_HAS(err.message, part);
    assert_null(a);
}

TEST(truncated_foreign_and_damaged_files_are_refused)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!built_in(kinds[k]))
            continue;
        gallery *g = gallery_new(N / 4);
        df_ann *a;
        df_ann_head head;
        df_bytes data, mine;
        const char *path = temp_path(&g->dir, "i");
        CHECK_STATUS(DF_E_IO, df__ann_open(path, g->m, DF_COSINE, &a, &err));
        CHECK_OK(df__ann_build(g->m, DF_COSINE, kinds[k], 1, NULL, NULL, path, &err));
        CHECK_OK(df__ann_build(g->m, DF_COSINE, kinds[k], 1, NULL, NULL, temp_path(&g->dir, "i"), &err)); /* takes the first one's place */
        assert_int_equal(temp_count(g->dir.path, "i"), 2);
        CHECK_OK(df__ann_head_read(temp_path(&g->dir, "i"), &head, &err));
        char *file = df__ann_data_path(temp_path(&g->dir, "i"), head.number);
        CHECK_OK(df__read_file(file, 1 << 26, &data, &err));
        CHECK_OK(df__read_file(temp_path(&g->dir, "i"), 1 << 20, &mine, &err));
        CHECK_OK(df__write_file(file, data.data, data.len - 1, &err));
        refused(g, "truncated");
        data.data[data.len / 2] ^= 4;
        CHECK_OK(df__write_file(file, data.data, data.len, &err));
        refused(g, "checksum");
        data.data[data.len / 2] ^= 4;
        CHECK(unlink(file) == 0);
        refused(g, "not there");
        CHECK_OK(df__write_file(file, data.data, data.len, &err));
        for (size_t i = 0; i < mine.len; i += 3) {
            mine.data[i] ^= 1;
            CHECK_OK(df__write_file(temp_path(&g->dir, "i"), mine.data, mine.len, &err));
            refused(g, "");
            mine.data[i] ^= 1;
        }
        CHECK_OK(df__write_file(temp_path(&g->dir, "i"), mine.data, mine.len - 1, &err));
        refused(g, "not the head");
        CHECK_OK(df__write_file(temp_path(&g->dir, "i"), mine.data, mine.len, &err));
        CHECK_STATUS(DF_E_STORE, df__ann_open(temp_path(&g->dir, "i"), g->m, DF_EUCLIDEAN, &a, &err));
        CHECK_HAS(err.message, "another metric");
        CHECK_OK(df__ann_open(temp_path(&g->dir, "i"), g->m, DF_COSINE, &a, &err));
        df__ann_close(a);
        df__bytes_free(&data), df__bytes_free(&mine), free(file);
        gallery_free(g);
    }
}

TEST(names_that_are_none_and_libraries_that_are_not_there)
{
    CHECK_STATUS(DF_E_ARGUMENT, df__ann_can("scann", &err));
    CHECK_HAS(err.message, "hnsw");
    CHECK_STATUS(DF_E_ARGUMENT, df__ann_can("", &err));
    char *set = getenv("DEEPFACE_MODULES");
    CHECK(set != NULL);
    char *long_name = malloc(400);
    memset(long_name, 'x', 399), long_name[399] = '\0';
    CHECK_STATUS(DF_E_ARGUMENT, df__ann_can(long_name, &err));
    free(long_name);
    if (df__ann_can("faiss:nonsense", &err) == DF_OK) {
        gallery *g = gallery_new(100);
        CHECK_STATUS(DF_E_ARGUMENT, df__ann_build(g->m, DF_COSINE, "faiss:nonsense", 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
        CHECK(strncmp(err.message, "index faiss:nonsense: ", 22) == 0 && !strstr(err.message, "Error in") && !strstr(err.message, ".cpp"));
        assert_int_equal(temp_count(g->dir.path, "i"), 0);
        gallery_free(g);
    }
}

TEST(parameters_that_a_library_has_not_or_that_are_beyond_their_bounds)
{
    static const char *const wrong[] = {"hnsw:M=0", "hnsw:M=97", "hnsw:N=16", "hnsw:M=16,ef=x", "hnsw:M=16,ef=", "hnsw:M=16,", "hnsw:M=-16", "hnsw:M", "hnsw:M=16 ,ef=100",
                                        "hnsw:M=99999999999999999999", "hnsw:MM=16", "annoy:trees=0", "annoy:50", "annoy:trees=1001", "nmslib:M=3", "nmslib:ef=1e3"};
    static const char *const right[] = {"hnsw:M=4,ef=8", "hnsw:ef=2000", "hnsw:", "annoy:trees=1", "nmslib:ef=100,M=96"};
    gallery *g = gallery_new(100);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (built_in(wrong[i])) {
            CHECK_STATUS(DF_E_ARGUMENT, df__ann_build(g->m, DF_COSINE, wrong[i], 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
            CHECK_HAS(err.message, wrong[i][0] == 'a' ? "\" is none of trees=1..1000" : "\" is none of M=4..96, ef=8..2000");
            assert_int_equal(temp_count(g->dir.path, "i"), 0);
        }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (built_in(right[i]))
            CHECK_OK(df__ann_build(g->m, DF_COSINE, right[i], 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
    gallery_free(g);
}

static bool stop_at_once(void *user, size_t done, size_t all)
{
    *(size_t *)user = done;
    return all == 0;
}

TEST(a_build_can_be_stopped_and_leaves_nothing)
{
    size_t done = 0;
    if (!built_in("hnsw"))
        skip();
    gallery *g = gallery_new(N);
    CHECK_STATUS(DF_E_STOPPED, df__ann_build(g->m, DF_COSINE, "hnsw", 1, stop_at_once, &done, temp_path(&g->dir, "i"), &err));
    CHECK_HAS(err.message, "stopped");
    CHECK(done > 0);
    assert_int_equal(temp_count(g->dir.path, "i"), 0);
    gallery_free(g);
}

TEST(any_metric_but_euclidean_serves_for_the_others)
{
    gallery *g = gallery_new(N);
    df_ann *a;
    if (built_in("hnsw")) {
        CHECK_OK(df__ann_build(g->m, DF_ANGULAR, "hnsw", 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
        CHECK_OK(df__ann_open(temp_path(&g->dir, "i"), g->m, DF_EUCLIDEAN_L2, &a, &err));
        CHECK(recall(g, a, DF_EUCLIDEAN_L2, NULL, NULL, K) > 0.9);
        CHECK(recall(g, a, DF_COSINE, NULL, NULL, K) > 0.9);
        df_hit hit;
        size_t found;
        CHECK_STATUS(DF_E_ARGUMENT, search(g, a, DF_EUCLIDEAN, g->rows, 1, 1, NULL, 0, 1, &hit, &found, &err));
        df__ann_close(a);
    }
    gallery_free(g);
}

/* What the index says of itself holds for other queries of the same kind. */
TEST(an_effort_brings_the_recall_that_was_measured)
{
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        if (!built_in(kinds[kind]))
            continue;
        gallery *g = gallery_new(N);
        df_ann *a;
        double effort, share, before = 0;
        CHECK_OK(df__ann_build(g->m, DF_COSINE, kinds[kind], 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
        CHECK_OK(df__ann_open(temp_path(&g->dir, "i"), g->m, DF_COSINE, &a, &err));
        CHECK(df__ann_head(a)->n_points > 0);
        const double asked[] = {0.5, 0.8, 0.9, 0.95};
        for (size_t i = 0; i < 4 && df__ann_effort(df__ann_head(a), asked[i], &effort, &share); i++) {
            size_t same = 0, exact;
            CHECK(effort >= before && share > 0);
            before = effort;
            for (size_t row = 3; row < N; row += 37) { /* not those that it was measured with */
                df_hit hits[K], right[K];
                size_t n, m;
                CHECK_OK(df__flat_search(g->m, DF_COSINE, g->rows + row * DIMS, 1, K, NULL, 1, right, &m, &err));
                CHECK_OK(df__ann_search(a, g->m, DF_COSINE, g->rows + row * DIMS, 1, K, NULL, effort, 1, hits, &n, &exact, &err));
                for (size_t j = 0; j < m; j++)
                    for (size_t l = 0; l < n; l++)
                        same += right[j].id == hits[l].id;
            }
            double found = (double)same / (((N - 4) / 37 + 1) * K);
            if (found < asked[i] - 0.05)
                fail_msg("%s: recall %.3f at effort %g, where %.2f was asked for", kinds[kind], found, effort, asked[i]);
        }
        CHECK(!df__ann_effort(df__ann_head(a), 1.01, &effort, &share));
        df__ann_close(a);
        gallery_free(g);
    }
}

TEST(what_a_killed_builder_left_goes_with_the_next_one_and_two_do_not_build_at_once)
{
    if (!built_in("hnsw"))
        skip();
    gallery *g = gallery_new(N / 4);
    char file[700];
    int fd, second;
    CHECK_OK(df__ann_build(g->m, DF_COSINE, "hnsw", 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
    const char *const left[] = {"i.0123456789abcdef", "i.0123456789abcdef.tmp", "i.77-0.part", "i.lock"}, *const others[] = {"i.csv", "j.0123456789abcdef"};
    for (size_t i = 0; i < 6; i++) {
        snprintf(file, sizeof file, "%s/%s", g->dir.path, i < 4 ? left[i] : others[i - 4]);
        CHECK_OK(df__write_file(file, "x", 1, &err));
    }
    CHECK_OK(df__ann_build(g->m, DF_COSINE, "hnsw", 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
    assert_int_equal(temp_count(g->dir.path, "i"), 3); /* head, data, i.csv */
    assert_int_equal(temp_count(g->dir.path, "j"), 1);
    CHECK_OK(df__ann_lock(temp_path(&g->dir, "i"), &fd, &err));
    CHECK(fd >= 0);
    CHECK_OK(df__ann_lock(temp_path(&g->dir, "i"), &second, &err));
    assert_int_equal(second, -1);
    CHECK_STATUS(DF_E_STORE, df__ann_build(g->m, DF_COSINE, "hnsw", 1, NULL, NULL, temp_path(&g->dir, "i"), &err));
    CHECK_HAS(err.message, "another process");
    CHECK_STATUS(DF_E_STORE, df__ann_drop(temp_path(&g->dir, "i"), &err));
    df__ann_unlock(temp_path(&g->dir, "i"), fd);
    CHECK_OK(df__ann_drop(temp_path(&g->dir, "i"), &err));
    assert_int_equal(temp_count(g->dir.path, "i"), 1);
    gallery_free(g);
}

TEST(auto_says_why)
{
    char why[400] = "";
    assert_string_equal(df__ann_auto(1000, 128, 0.9, 1, why, sizeof why), "flat");
    CHECK_HAS(why, "1000 rows");
    assert_string_equal(df__ann_auto(1000000, 128, 0.9, 64, why, sizeof why), "flat");
    CHECK_HAS(why, "64 queries");
    assert_string_equal(df__ann_auto(1000000, 128, 0.99, 1, why, sizeof why), "flat");
    CHECK_HAS(why, "0.990");
    const char *graph = df__ann_auto(1000000, 128, 0.95, 1, why, sizeof why);
    if (built_in("hnsw"))
        assert_string_equal(graph, "hnsw:M=16,ef=100");
    else {
        assert_string_equal(graph, "flat");
        CHECK_HAS(why, "libhnswlib-dev");
    }
}
