/* Groups: known answers on small graphs, planted groups among noise, the same answer every time, memory. */
#include "gallery/cluster.h"
#include "test.h"

static df_error err;

TEST(two_triangles_and_one_alone)
{
    const df_edge edges[] = {{0, 2, 1}, {2, 4, 1}, {0, 4, 1}, {1, 3, 1}, {3, 5, 1}, {5, 7, 1}, {1, 7, 1}, {1, 5, 1}, {4, 5, 0.1f}};
    uint32_t groups[8];
    size_t n;
    CHECK_OK(df__cluster(8, edges, 9, 50, 1, groups, &n, &err));
    assert_int_equal(3, n);
    const uint32_t want[8] = {1, 0, 1, 0, 1, 0, 2, 0}; /* the larger one first */
    assert_memory_equal(want, groups, sizeof want);
}

TEST(nothing_and_nobody)
{
    uint32_t groups[3];
    size_t n;
    CHECK_OK(df__cluster(3, NULL, 0, 50, 1, groups, &n, &err));
    CHECK(n == 3 && groups[0] == 0 && groups[1] == 1 && groups[2] == 2);
    CHECK_OK(df__cluster(0, NULL, 0, 50, 1, groups, &n, &err));
    assert_int_equal(0, n);
}

/* 50 groups of 20: each knows 8 of its own at 0.5..1, and one in three knows a stranger at 0.1. */
enum { GROUPS = 50, SIZE = 20, N = GROUPS * SIZE };

TEST(planted_groups_are_found)
{
    df_edge *edges = malloc(sizeof *edges * N * 9);
    uint32_t *groups = malloc(sizeof *groups * N), *again = malloc(sizeof *again * N), seed = 5;
    size_t m = 0, n, right = 0;
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t k = 0; k < 8; k++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t other = i / SIZE * SIZE + (i % SIZE + 1 + (seed >> 16) % (SIZE - 1)) % SIZE;
            edges[m++] = (df_edge){i, other, 0.5f + (float)(seed >> 20) / 8192};
        }
        if (i % 3 == 0) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t other = (seed >> 8) % N;
            if (other != i)
                edges[m++] = (df_edge){i, other, 0.1f};
        }
    }
    CHECK_OK(df__cluster(N, edges, m, 50, 1, groups, &n, &err));
    for (uint32_t i = 0; i < N; i += SIZE)
        for (uint32_t k = 0; k < SIZE; k++)
            right += groups[i + k] == groups[i];
    assert_int_equal(GROUPS, n);
    assert_int_equal(N, right);
    CHECK_OK(df__cluster(N, edges, m, 50, 1, again, &n, &err));
    assert_memory_equal(groups, again, sizeof *groups * N);
    for (size_t k = 1; k < 20; k++) {
        test_alloc_fail_at(k);
        df_status st = df__cluster(N, edges, m, 50, 1, again, &n, &err);
        bool failed = test_alloc_count() >= k;
        test_alloc_fail_at(0);
        CHECK(st == (failed ? DF_E_NO_MEMORY : DF_OK));
    }
    free(edges), free(groups), free(again);
}
