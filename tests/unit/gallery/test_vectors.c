/* Searching a store's vectors: the answer of comparing with every one of them, as of one moment, whatever is added and removed meanwhile. */
#include "../store/store_test.h"

#include "gallery/vectors.h"
#include "verify/verify.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

static void *open_store(const char *path)
{
    void *s;
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err));
    return s;
}

/* Every face of photos `from` up to `to`, one each, except `without`. */
static void expect_nearest(const df_hit *hits, size_t found, size_t k, df_metric metric, const float *query, uint32_t from, uint32_t to, uint32_t without)
{
    double last = -1;
    for (size_t i = 0; i < k; i++) { /* the i-th least of all distances, counted anew */
        double best = INFINITY;
        for (uint32_t p = from; p < to; p++) {
            float v[STORE_DIMS];
            double d;
            store_test_vector(p * 10, v);
            CHECK_OK(df__distance(metric, query, v, STORE_DIMS, &d, &err));
            if (p == without || d < last)
                continue;
            if (d > last && d < best) best = d;
        }
        if (i < found) CHECK(hits[i].distance == best);
        last = best;
    }
}

TEST(the_nearest_are_those_of_comparing_with_all)
{
    const char *path = store_test_path("nearest");
    void *s = open_store(path);
    df_vectors *v;
    df_hit hits[8];
    size_t found;
    float query[STORE_DIMS];
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < 300; i++)
            CHECK_OK(store_test_put(s, round * 300 + i, NULL, 1, &err));
        store_test_vector(7 + round, query);
        for (df_metric metric = 0; metric < DF_METRICS; metric++) {
            CHECK_OK(df__vectors_begin(v, NULL, &err));
            assert_int_equal((round + 1) * 300, df__vectors_count(v));
            CHECK_OK(df__vectors_search(v, metric, query, 1, 5, NULL, 1, hits, &found, &err));
            df__vectors_end(v);
            assert_int_equal(5, found);
            expect_nearest(hits, found, 5, metric, query, 0, (round + 1) * 300, UINT32_MAX);
        }
    }
    df__vectors_close(v);
    ops->close(s);
}

TEST(removed_faces_are_not_found_and_a_moment_stays_as_it_is)
{
    const char *path = store_test_path("moment");
    void *s = open_store(path), *t;
    df_vectors *v;
    df_hit hits[10];
    size_t found;
    float query[STORE_DIMS];
    for (uint32_t i = 0; i < 50; i++)
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_READ, &t, &err));
    CHECK_OK(df__vectors_open(ops, t, path, false, &v, &err));
    store_test_vector(20 * 10, query);
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK_OK(df__vectors_search(v, DF_EUCLIDEAN, query, 1, 10, NULL, 1, hits, &found, &err));
    CHECK(found == 10 && hits[0].distance == 0);
    uint64_t nearest = hits[0].id;
    CHECK_OK(ops->remove(s, &nearest, 1, &err));
    CHECK_OK(df__vectors_search(v, DF_EUCLIDEAN, query, 1, 10, NULL, 1, hits, &found, &err));
    CHECK(found == 10 && hits[0].id == nearest);
    df__vectors_end(v);
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK_OK(df__vectors_search(v, DF_EUCLIDEAN, query, 1, 10, NULL, 1, hits, &found, &err));
    CHECK(found == 10 && hits[0].id != nearest && hits[0].distance > 0);
    assert_int_equal(49, df__vectors_count(v));
    df__vectors_end(v);
    df__vectors_close(v);
    ops->close(t), ops->close(s);
}

TEST(a_filter_is_exact)
{
    const char *path = store_test_path("filter");
    void *s = open_store(path);
    df_vectors *v;
    df_hit hits[10];
    size_t found;
    float query[STORE_DIMS];
    const uint64_t allowed[] = {3, 17, 18, 99, 1000};
    const df_filter some = {.ids = allowed, .n = 5}, none = {.ids = allowed, .n = 0};
    for (uint32_t i = 0; i < 100; i++)
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    store_test_vector(5, query);
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK_OK(df__vectors_search(v, DF_COSINE, query, 1, 10, &some, 1, hits, &found, &err));
    assert_int_equal(4, found);
    for (size_t i = 0; i < found; i++)
        CHECK(hits[i].id == 3 || hits[i].id == 17 || hits[i].id == 18 || hits[i].id == 99);
    CHECK_OK(df__vectors_search(v, DF_COSINE, query, 1, 10, &none, 1, hits, &found, &err));
    assert_int_equal(0, found);
    df__vectors_end(v);
    df__vectors_close(v);
    ops->close(s);
}

TEST(all_within_a_distance_are_found)
{
    const char *path = store_test_path("within");
    void *s = open_store(path);
    df_vectors *v;
    df_hit *hits;
    size_t found, expected = 0;
    float query[STORE_DIMS], row[STORE_DIMS];
    double d;
    for (uint32_t i = 0; i < 500; i++)
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    store_test_vector(5, query);
    for (uint32_t i = 0; i < 500; i++) {
        store_test_vector(i * 10, row);
        CHECK_OK(df__distance(DF_COSINE, query, row, STORE_DIMS, &d, &err));
        expected += d <= 1.0;
    }
    CHECK(expected > 100 && expected < 400);
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK_OK(df__vectors_within(v, DF_COSINE, query, 1.0, NULL, 1, &hits, &found, &err));
    assert_int_equal(expected, found);
    CHECK(hits[found - 1].distance <= 1.0);
    free(hits);
    CHECK_OK(df__vectors_within(v, DF_COSINE, query, 0.0, NULL, 1, &hits, &found, &err));
    assert_int_equal(0, found);
    free(hits);
    df__vectors_end(v);
    df__vectors_close(v);
    ops->close(s);
}

/* ---- the matrix beside the database ---- */

static uint64_t nearest_of(df_vectors *v, uint32_t number, size_t *count)
{
    df_hit hit = {0};
    size_t found;
    float query[STORE_DIMS];
    store_test_vector(number * 10, query);
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK_OK(df__vectors_search(v, DF_EUCLIDEAN, query, 1, 1, NULL, 1, &hit, &found, &err));
    *count = df__vectors_count(v);
    df__vectors_end(v);
    CHECK(found == 1 && hit.distance == 0);
    return hit.id;
}

/* A gallery of 600 faces with its matrix, and of it a copy of the database's file. */
static const char *with_matrix(const char *name, void **s, char *matrix)
{
    const char *path = store_test_path(name);
    df_vectors *v;
    *s = open_store(path);
    for (uint32_t i = 0; i < 600; i++)
        CHECK_OK(store_test_put(*s, i, NULL, 1, &err));
    CHECK_OK(df__vectors_open(ops, *s, path, true, &v, &err));
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK(df__vectors_bytes(v) > 0);
    df__vectors_end(v);
    size_t faults = 99;
    CHECK_OK(df__vectors_check(v, NULL, NULL, &faults, &err));
    assert_int_equal(0, faults);
    df__vectors_close(v);
    snprintf(matrix, 600, "%s-vectors", path);
    return path;
}

typedef void (*harm)(const char *matrix);
static void cut_it(const char *matrix) { CHECK(truncate(matrix, 5000) == 0); }
static void empty_it(const char *matrix) { CHECK(truncate(matrix, 0) == 0); }
static void delete_it(const char *matrix) { CHECK(unlink(matrix) == 0); }

static void scribble_on(const char *matrix, long at)
{
    FILE *f = fopen(matrix, "r+b");
    CHECK(f != NULL);
    fseek(f, at, SEEK_SET);
    for (int i = 0; i < 600; i++)
        fputc(0x5A, f);
    fclose(f);
}
static void spoil_head(const char *matrix) { scribble_on(matrix, 0); }
static void spoil_end(const char *matrix) { scribble_on(matrix, 60000); }

TEST(a_matrix_that_is_harmed_is_built_anew)
{
    static const harm harms[] = {cut_it, empty_it, delete_it, spoil_head, spoil_end};
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        char matrix[600];
        void *s;
        df_vectors *v;
        size_t count, faults;
        const char *path = with_matrix("harm", &s, matrix);
        harms[i](matrix);
        CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
        for (uint32_t k = 0; k < 600; k += 50)
            assert_int_equal(k + 1, nearest_of(v, k, &count));
        assert_int_equal(600, count);
        CHECK_OK(df__vectors_check(v, NULL, NULL, &faults, &err));
        CHECK_OK(df__vectors_catch_up(v, false, &err));
        CHECK_OK(df__vectors_check(v, NULL, NULL, &faults, &err));
        assert_int_equal(0, faults);
        assert_int_equal(600, count);
        df__vectors_close(v);
        ops->close(s);
    }
}

TEST(readers_follow_additions_removals_and_compaction)
{
    char matrix[600];
    void *s, *t;
    df_vectors *w, *r;
    size_t count;
    const char *path = with_matrix("follow", &s, matrix);
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_READ, &t, &err));
    CHECK_OK(df__vectors_open(ops, s, path, true, &w, &err));
    CHECK_OK(df__vectors_open(ops, t, path, false, &r, &err));
    assert_int_equal(10, nearest_of(r, 9, &count));
    uint64_t gone[300];
    for (uint32_t i = 0; i < 300; i++)
        gone[i] = 2 * i + 1;
    CHECK_OK(ops->remove(s, gone, 300, &err)); /* changes 601..900 */
    CHECK_OK(store_test_put(s, 600, NULL, 1, &err));
    assert_int_equal(10, nearest_of(r, 9, &count));
    assert_int_equal(901, nearest_of(r, 600, &count));
    assert_int_equal(301, count);
    CHECK_OK(df__vectors_catch_up(w, true, &err));
    assert_int_equal(10, nearest_of(r, 9, &count));
    assert_int_equal(901, nearest_of(r, 600, &count));
    assert_int_equal(301, count);
    assert_int_equal(901, nearest_of(w, 600, &count));
    CHECK_OK(store_test_put(s, 601, NULL, 1, &err));
    assert_int_equal(902, nearest_of(r, 601, &count));
    assert_int_equal(302, count);
    df__vectors_close(r), df__vectors_close(w);
    ops->close(t), ops->close(s);
}

/* A reader looked for the matrix just before it was written, and into the database only after a removal that the matrix does not have: when it sees
 * the matrix, that removal is known of a face that was in its tail and is in the matrix now. */
TEST(a_removal_that_came_before_the_matrix_was_seen_is_not_forgotten)
{
    const char *path = store_test_path("late");
    void *s = open_store(path), *t;
    df_vectors *w, *v;
    df_hit hits[2];
    char matrix[600], away[640];
    float query[STORE_DIMS];
    uint64_t five = 5;
    size_t found;
    for (uint32_t i = 0; i < 10; i++) /* faces 1 to 10 */
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    snprintf(matrix, sizeof matrix, "%s-vectors", path), snprintf(away, sizeof away, "%s-away", matrix);
    CHECK_OK(df__vectors_open(ops, s, path, true, &w, &err));
    CHECK_OK(df__vectors_catch_up(w, false, &err));
    CHECK(rename(matrix, away) == 0);
    CHECK_OK(ops->remove(s, &five, 1, &err));
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_READ, &t, &err));
    CHECK_OK(df__vectors_open(ops, t, path, false, &v, &err));
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    assert_int_equal(9, df__vectors_count(v));
    df__vectors_end(v);
    CHECK(rename(away, matrix) == 0);
    store_test_vector(4 * 10, query); /* that of face 5 */
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    assert_int_equal(9, df__vectors_count(v));
    CHECK_OK(df__vectors_search(v, DF_COSINE, query, 1, 2, NULL, 1, hits, &found, &err));
    df__vectors_end(v);
    CHECK(found == 2 && hits[0].id != 5 && hits[1].id != 5 && hits[0].distance > 0);
    df__vectors_close(v), df__vectors_close(w);
    ops->close(t), ops->close(s);
}

TEST(a_matrix_older_than_the_log_or_newer_than_the_database_is_built_anew)
{
    char matrix[600], command[2048];
    void *s;
    df_vectors *v;
    size_t count;
    uint64_t face = 5;
    const char *path = with_matrix("log", &s, matrix);
    snprintf(command, sizeof command, "cp '%s' '%s.old'", matrix, matrix);
    CHECK(system(command) == 0);
    CHECK_OK(ops->remove(s, &face, 1, &err));
    CHECK_OK(ops->vacuum(s, &err));
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    assert_int_equal(7, nearest_of(v, 6, &count));
    assert_int_equal(599, count);
    df__vectors_close(v);
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    assert_int_equal(7, nearest_of(v, 6, &count));
    assert_int_equal(599, count);
    CHECK(df__vectors_bytes(v) > 0);
    df__vectors_close(v);
    ops->close(s);
    /* the database of an earlier day comes back, its matrix does not */
    path = with_matrix("back", &s, matrix);
    ops->close(s);
    snprintf(command, sizeof command, "cp '%s' '%s.old'", path, path);
    CHECK(system(command) == 0);
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK_OK(store_test_put(s, 600, NULL, 1, &err));
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    CHECK_OK(df__vectors_catch_up(v, false, &err));
    df__vectors_close(v), ops->close(s);
    snprintf(command, sizeof command, "mv '%s.old' '%s'", path, path);
    CHECK(system(command) == 0);
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    assert_int_equal(7, nearest_of(v, 6, &count));
    assert_int_equal(600, count);
    df__vectors_close(v), ops->close(s);
}

TEST(every_allocation_may_fail)
{
    const char *path = store_test_path("memory");
    void *s = open_store(path);
    float query[STORE_DIMS];
    for (uint32_t i = 0; i < 700; i++)
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    store_test_vector(5, query);
    for (size_t n = 1; n < 300; n++) {
        df_vectors *v = NULL;
        df_hit *hits = NULL;
        size_t found = 0;
        test_alloc_fail_at(n);
        df_status st = df__vectors_open(ops, s, path, true, &v, &err);
        if (st == DF_OK && (st = df__vectors_begin(v, NULL, &err)) == DF_OK) {
            st = df__vectors_within(v, DF_COSINE, query, 1.0, NULL, 1, &hits, &found, &err);
            df__vectors_end(v);
        }
        bool failed = test_alloc_count() >= n;
        test_alloc_fail_at(0);
        free(hits);
        df__vectors_close(v);
        if (!failed) {
            CHECK(st == DF_OK && found > 0 && n > 3);
            ops->close(s);
            return;
        }
        assert_int_equal(DF_E_NO_MEMORY, st);
    }
    fail_msg("allocations have no end");
}
