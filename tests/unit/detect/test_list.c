#include "detect/list.h"
#include "test.h"

static df_face face(float x, float y, float w, float h, float score) { return (df_face){.x = x, .y = y, .w = w, .h = h, .confidence = score}; }

static df_face_list list_of(const df_face *faces, size_t n)
{
    df_error err;
    df_face_list l = {0};
    for (size_t i = 0; i < n; i++)
        CHECK_OK(df__face_list_add(&l, &faces[i], &err));
    return l;
}

TEST(overlap_is_intersection_over_union)
{
    df_face a = face(0, 0, 10, 10, 1), b = face(5, 0, 10, 10, 1), c = face(10, 0, 5, 5, 1), d = face(2, 2, 5, 5, 1);
    CHECK_NEAR(50.0 / 150, df__face_overlap(&a, &b), 1e-12);
    CHECK_NEAR(0, df__face_overlap(&a, &c), 0); /* they touch */
    CHECK_NEAR(0.25, df__face_overlap(&a, &d), 1e-12);
    CHECK_NEAR(1, df__face_overlap(&a, &a), 1e-12);
}

TEST(sorting_is_by_score_and_stable)
{
    df_error err;
    df_face faces[50];
    for (int i = 0; i < 50; i++)
        faces[i] = face((float)i, 0, 1, 1, (float)((i * 7) % 5));
    df_face_list l = list_of(faces, 50);
    CHECK_OK(df__face_list_sort(&l, 0, &err));
    for (size_t i = 1; i < 50; i++) {
        CHECK(l.items[i - 1].confidence >= l.items[i].confidence);
        if (l.items[i - 1].confidence == l.items[i].confidence)
            CHECK(l.items[i - 1].x < l.items[i].x);
    }
    df__face_list_free(&l);
}

TEST(suppression_keeps_the_best_of_each_heap_and_what_stands_alone)
{
    df_face faces[] = {face(0, 0, 10, 10, 0.9f), face(1, 0, 10, 10, 0.8f), face(30, 0, 10, 10, 0.7f), face(2, 0, 10, 10, 0.6f),
                       face(100, 100, 5, 5, 0.5f)};
    df_face_list l = list_of(faces, 5);
    df__face_list_suppress(&l, 0, 0.4);
    assert_int_equal(l.n, 3);
    CHECK(l.items[0].x == 0 && l.items[1].x == 30 && l.items[2].x == 100);
    df__face_list_free(&l);
}

TEST(what_was_in_the_list_before_is_left_alone)
{
    df_error err;
    df_face faces[] = {face(0, 0, 10, 10, 0.1f), face(0, 0, 10, 10, 0.2f), face(0, 0, 10, 10, 0.9f)};
    df_face_list l = list_of(faces, 3);
    CHECK_OK(df__face_list_sort(&l, 1, &err));
    df__face_list_suppress(&l, 1, 0.5);
    assert_int_equal(l.n, 2);
    CHECK_NEAR(0.1, l.items[0].confidence, 1e-6);
    CHECK_NEAR(0.9, l.items[1].confidence, 1e-6);
    df__face_list_free(&l);
}

TEST(no_memory_is_told_and_loses_nothing)
{
    df_error err;
    df_face f = face(0, 0, 1, 1, 1);
    df_face_list l = {0};
    for (int i = 0; i < 16; i++)
        CHECK_OK(df__face_list_add(&l, &f, &err));
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__face_list_add(&l, &f, &err));
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__face_list_sort(&l, 0, &err));
    test_alloc_fail_at(0);
    assert_int_equal(l.n, 16);
    df__face_list_free(&l);
}
