#include "align/align.h"
#include "test.h"

/* A face whose points are the template's own, `k` times as large and shifted: the transform must undo exactly that, in dlib's
 * convention (the chip's first and last pixel centres on those of the square, 2 * 150 photo pixels wide). */
static df_face template_face(const df_template *t, float k, float dx, float dy)
{
    const df_point *p = t->five;
    df_face f = {.w = 100 * k, .h = 100 * k, .confidence = 1, .has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    df_point *to[] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
    for (int i = 0; i < 5; i++)
        *to[i] = (df_point){p[i].x * k + dx, p[i].y * k + dy};
    return f;
}

TEST(the_template_itself_maps_onto_the_chip)
{
    df_error err;
    df_arena a = {0};
    double m[6];
    const df_pixels none = {0};
    const df_box_map map = {0, 0, 1, 1};
    const df_template *t = df__template_find("dlib-150");
    CHECK(t != NULL);
    df_face f = template_face(t, 2, 30, 40);
    CHECK_OK(df__points_transform(none, &f, t, &map, NULL, &a, m, &err));
    double k = (2 * 150.0 - 1) / 149.0;
    CHECK_NEAR(k, m[0], 1e-5);
    CHECK_NEAR(0, m[1], 1e-5);
    CHECK_NEAR(2 * 75 + 30, m[0] * 74.5 + m[2], 1e-4); /* centre to centre */
    CHECK_NEAR(2 * 75 + 40, m[4] * 74.5 + m[5], 1e-4);
    df__arena_free(&a);
}

TEST(a_face_without_points_needs_the_predictor)
{
    df_error err;
    df_arena a = {0};
    double m[6];
    const df_pixels none = {0};
    const df_box_map map = {0, 0, 1, 1};
    df_face f = {.w = 50, .h = 50, .has = DF_HAS_EYES, .left_eye = {30, 10}, .right_eye = {10, 10}};
    CHECK_STATUS(DF_E_ARGUMENT, df__points_transform(none, &f, df__template_find("dlib-150"), &map, NULL, &a, m, &err));
    df__arena_free(&a);
}

TEST(points_that_coincide_are_an_error_not_a_crash)
{
    df_error err;
    df_arena a = {0};
    double m[6];
    const df_pixels none = {0};
    const df_box_map map = {0, 0, 1, 1};
    df_face f = {.w = 50, .h = 50, .has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    f.nose.x = NAN;
    CHECK_STATUS(DF_E_ARGUMENT, df__points_transform(none, &f, df__template_find("dlib-150"), &map, NULL, &a, m, &err));
    df__arena_free(&a);
}

TEST(an_unknown_template_is_null) { CHECK(df__template_find("square") == NULL); }

TEST(the_map_of_a_chip_is_its_transform_grown_around_the_middle)
{
    const df_template *t = df__template_find("dlib-150");
    const double m[6] = {2, 0.5, 10, -0.5, 2, 20};
    double grown[6];
    df__align_points_map(t, m, 0, grown);
    assert_memory_equal(grown, m, sizeof m);
    df__align_points_map(t, m, 50, grown);
    CHECK_NEAR(3, grown[0], 1e-12);
    CHECK_NEAR(-0.75, grown[3], 1e-12);
    CHECK_NEAR(m[0] * 74.5 + m[1] * 74.5 + m[2], grown[0] * 74.5 + grown[1] * 74.5 + grown[2], 1e-9);
    CHECK_NEAR(m[3] * 74.5 + m[4] * 74.5 + m[5], grown[3] * 74.5 + grown[4] * 74.5 + grown[5], 1e-9);
}
