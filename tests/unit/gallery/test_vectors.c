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
        size_t as_near = 0;
        for (uint32_t p = from; p < to; p++) {
            float v[STORE_DIMS];
            double d;
            store_test_vector(p * 10, v);
            CHECK_OK(df__distance(metric, query, v, STORE_DIMS, &d, &err));
            if (p == without || d < last)
                continue;
            if (d > last && d < best) best = d;
            as_near += d == last;
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
            CHECK_OK(df__vectors_begin(v, &err));
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
    CHECK_OK(df__vectors_begin(v, &err));
    CHECK_OK(df__vectors_search(v, DF_EUCLIDEAN, query, 1, 10, NULL, 1, hits, &found, &err));
    CHECK(found == 10 && hits[0].distance == 0);
    uint64_t nearest = hits[0].id;
    CHECK_OK(ops->remove(s, &nearest, 1, &err));
    CHECK_OK(df__vectors_search(v, DF_EUCLIDEAN, query, 1, 10, NULL, 1, hits, &found, &err));
    CHECK(found == 10 && hits[0].id == nearest);
    df__vectors_end(v);
    CHECK_OK(df__vectors_begin(v, &err));
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
    CHECK_OK(df__vectors_begin(v, &err));
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
    CHECK_OK(df__vectors_begin(v, &err));
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

TEST(every_allocation_may_fail)
{
    const char *path = store_test_path("memory");
    void *s = open_store(path);
    float query[STORE_DIMS];
    for (uint32_t i = 0; i < 300; i++)
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    store_test_vector(5, query);
    for (size_t n = 1; n < 100; n++) {
        df_vectors *v = NULL;
        df_hit *hits = NULL;
        size_t found = 0;
        test_alloc_fail_at(n);
        df_status st = df__vectors_open(ops, s, path, true, &v, &err);
        if (st == DF_OK && (st = df__vectors_begin(v, &err)) == DF_OK) {
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
