#include "core/arena.h"
#include "test.h"

TEST(memory_is_aligned_and_separate)
{
    df_arena a = {0};
    unsigned char *last = NULL;
    for (size_t i = 0; i < 2000; i++) {
        unsigned char *p = df__arena_alloc(&a, i);
        CHECK(p != NULL);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, (int)(i & 255), i);
        if (last && i > 1)
            assert_int_equal(last[i - 2], (i - 1) & 255);
        last = p;
    }
    df__arena_free(&a);
    assert_int_equal(a.total, 0);
}

TEST(release_comes_back_to_the_mark)
{
    df_arena a = {0};
    df__arena_alloc(&a, 100);
    df_arena_mark mark = df__arena_mark(&a);
    void *first = df__arena_alloc(&a, 1000);
    for (int i = 0; i < 50; i++)
        df__arena_alloc(&a, 50000);
    df__arena_release(&a, mark);
    assert_ptr_equal(df__arena_alloc(&a, 1000), first);
    df__arena_free(&a);
}

TEST(after_reset_the_same_call_asks_for_no_more_memory)
{
    df_arena a = {0};
    for (int i = 0; i < 100; i++)
        df__arena_alloc(&a, 100000);
    df__arena_reset(&a);
    const df_arena_chunk *only = a.chunks;
    size_t kept = a.total;
    CHECK(kept >= 100 * 100000);
    for (int i = 0; i < 100; i++)
        df__arena_alloc(&a, 100000);
    assert_ptr_equal(a.chunks, only);
    assert_int_equal(a.total, kept);
    df__arena_reset(&a);
    assert_ptr_equal(a.chunks, only);
    df__arena_free(&a);
}

TEST(reset_without_memory_leaves_an_empty_arena)
{
    df_arena a = {0};
    df__arena_alloc(&a, 100000);
    df__arena_alloc(&a, 100000);
    test_alloc_fail_at(1);
    df__arena_reset(&a);
    test_alloc_fail_at(0);
    assert_int_equal(a.total, 0);
    CHECK(df__arena_alloc(&a, 10) != NULL);
    df__arena_free(&a);
}

TEST(sizes_that_overflow_are_refused)
{
    df_arena a = {0};
    CHECK(df__arena_alloc(&a, SIZE_MAX) == NULL);
    CHECK(df__arena_calloc(&a, SIZE_MAX / 2, 4) == NULL);
    df__arena_free(&a);
}

TEST(calloc_clears_memory_that_was_used_before)
{
    df_arena a = {0};
    df_arena_mark mark = df__arena_mark(&a);
    memset(df__arena_alloc(&a, 4096), 255, 4096);
    df__arena_release(&a, mark);
    unsigned char *p = df__arena_calloc(&a, 64, 64);
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(p[i], 0);
    df__arena_free(&a);
}

TEST(a_failed_allocation_leaves_the_arena_usable)
{
    df_arena a = {0};
    test_alloc_fail_at(1);
    CHECK(df__arena_alloc(&a, 10) == NULL);
    test_alloc_fail_at(0);
    CHECK(df__arena_alloc(&a, 10) != NULL);
    df__arena_free(&a);
}
