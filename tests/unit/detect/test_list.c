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
    df_error err;
    df_face_list l = list_of(faces, 5);
    CHECK_OK(df__face_list_suppress(&l, 0, &(df_suppression){.limit = 0.4}, &err));
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
    CHECK_OK(df__face_list_suppress(&l, 1, &(df_suppression){.limit = 0.5}, &err));
    assert_int_equal(l.n, 2);
    CHECK_NEAR(0.1, l.items[0].confidence, 1e-6);
    CHECK_NEAR(0.9, l.items[1].confidence, 1e-6);
    df__face_list_free(&l);
}

/* Every pair, as the definitions say. */
static double overlap_of(df_overlap how, df_face a, df_face b)
{
    if (how == DF_OVERLAP_CLOSED)
        a.w++, a.h++, b.w++, b.h++;
    if (how == DF_OVERLAP_WHOLE) {
        a = face(truncf(a.x), truncf(a.y), truncf(a.w), truncf(a.h), 0), b = face(truncf(b.x), truncf(b.y), truncf(b.w), truncf(b.h), 0);
        if (a.w * a.h == 0 && b.w * b.h == 0)
            return 1;
    }
    return df__face_overlap(&a, &b);
}

static size_t suppress_plainly(df_face *items, size_t n, const df_suppression *rule)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool keep = true;
        for (size_t k = 0; k < kept; k++) {
            double o = overlap_of(rule->overlap, items[k], items[i]);
            keep = keep && !(rule->at_limit ? o >= rule->limit : o > rule->limit);
        }
        if (keep)
            items[kept++] = items[i];
    }
    return kept;
}

static float uniform(uint32_t *state, float most)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 16777216.0f * most;
}

/* Boxes of all sizes, dense enough that each meets many; the shapes of `wide` are beyond those of faces. */
static void check_like_plain(size_t n, float area, float wide, df_suppression rule, uint32_t seed)
{
    df_error err;
    df_face *faces = calloc(n, sizeof *faces), *same = calloc(n, sizeof *same);
    for (size_t i = 0; i < n; i++) {
        float side = 0.5f * powf(2, uniform(&seed, 10));
        faces[i] = face(uniform(&seed, area) - area / 4, uniform(&seed, area) - area / 4, side * (1 + uniform(&seed, wide)),
                        side * (1 + uniform(&seed, wide)), 1 - (float)i / (float)n);
    }
    memcpy(same, faces, n * sizeof *same);
    df_face_list l = list_of(faces, n);
    CHECK_OK(df__face_list_suppress(&l, 0, &rule, &err));
    size_t kept = suppress_plainly(same, n, &rule);
    CHECK(l.n == kept && kept > 10 && kept < n);
    assert_memory_equal(l.items, same, kept * sizeof *same);
    df__face_list_free(&l);
    free(faces), free(same);
}

TEST(suppression_of_many_is_that_of_every_pair)
{
    check_like_plain(3000, 600, 0.4f, (df_suppression){.limit = 0.4}, 1);
    check_like_plain(3000, 60, 0.4f, (df_suppression){.limit = 0.45}, 2);
    check_like_plain(2000, 300, 20, (df_suppression){.limit = 0.3}, 3);
    check_like_plain(2000, 300, 3, (df_suppression){.limit = 0.7}, 4);
    check_like_plain(1000, 300, 3, (df_suppression){.limit = 0.01}, 5); /* too loose for the table */
    check_like_plain(3000, 300, 0.4f, (df_suppression){.overlap = DF_OVERLAP_CLOSED, .limit = 0.4}, 6);
    check_like_plain(3000, 200, 0.4f, (df_suppression){.overlap = DF_OVERLAP_WHOLE, .limit = 0.3}, 7); /* many cover no pixel */
    check_like_plain(3000, 40, 0, (df_suppression){.overlap = DF_OVERLAP_WHOLE, .limit = 0.5, .at_limit = true}, 8); /* halves are frequent */
}

TEST(boxes_that_are_no_numbers_do_not_stop_suppression)
{
    df_error err;
    df_face faces[200];
    for (int i = 0; i < 200; i++)
        faces[i] = face((float)(i % 20), 0, 10, 10, 0.5f);
    faces[7].x = NAN, faces[9].w = INFINITY, faces[11].y = -1e30f, faces[13].h = -5;
    df_face_list l = list_of(faces, 200);
    CHECK_OK(df__face_list_suppress(&l, 0, &(df_suppression){.limit = 0.4}, &err));
    CHECK(l.n >= 3 && l.n < 200);
    df__face_list_free(&l);
}

TEST(suppression_without_memory_is_told)
{
    df_error err;
    df_face faces[100];
    for (int i = 0; i < 100; i++)
        faces[i] = face((float)i, 0, 10, 10, 0.5f);
    df_face_list l = list_of(faces, 100);
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__face_list_suppress(&l, 0, &(df_suppression){.limit = 0.4}, &err));
    test_alloc_fail_at(0);
    assert_int_equal(l.n, 100);
    df__face_list_free(&l);
}

TEST(a_face_moves_with_all_its_points)
{
    df_face f = {.x = 1, .y = 2, .w = 3, .h = 4, .left_eye = {5, 6}, .right_eye = {7, 8}, .nose = {9, 10}, .mouth_left = {11, 12}, .mouth_right = {13, 14}};
    df__face_move(&f, 10, 20, 2);
    CHECK(f.x == 22 && f.y == 44 && f.w == 6 && f.h == 8);
    CHECK(f.left_eye.x == 30 && f.right_eye.y == 56 && f.nose.x == 38 && f.mouth_left.y == 64 && f.mouth_right.x == 46);
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
