#include <math.h>

#include "align/align.h"
#include "align/similarity.h"
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

TEST(other_chips_are_laid_on_their_points_as_they_are)
{
    df_error err;
    df_arena a = {0};
    double m[6];
    const df_pixels none = {0};
    const df_box_map map = {0, 0, 1, 1};
    size_t seen = 0;
    for (size_t i = 0; df__template_at(i); i++) {
        const df_template *t = df__template_at(i);
        CHECK(df__template_find(t->name) == t);
        if (t->of_dlib)
            continue;
        df_face f = template_face(t, 2, 30, 40);
        CHECK_OK(df__points_transform(none, &f, t, &map, NULL, &a, m, &err));
        const double expected[6] = {2, 0, 30, 0, 2, 40};
        for (int k = 0; k < 6; k++)
            CHECK_NEAR(expected[k], m[k], 1e-4);
        seen++;
    }
    CHECK(seen == 6);
    df__arena_free(&a);
}

/* Whichever five points a detector gives, the chip must show the same of a face: in pixels of a chip 150 wide. */
TEST(both_sets_of_points_of_a_chip_show_the_same_face)
{
    df_error err;
    const df_template *from = df__template_find("dlib-150");
    for (size_t i = 0; df__template_at(i); i++) {
        const df_template *t = df__template_at(i);
        double by_five[6], by_dlib[6];
        CHECK_OK(df__similarity(from->five, t->five, 5, by_five, &err));
        CHECK_OK(df__similarity(from->dlib, t->dlib, 5, by_dlib, &err));
        for (int corner = 0; corner < 4; corner++) {
            double x = corner % 2 ? 110 : 40, y = corner / 2 ? 110 : 40;
            double dx = (by_five[0] - by_dlib[0]) * x + (by_five[1] - by_dlib[1]) * y + by_five[2] - by_dlib[2];
            double dy = (by_five[3] - by_dlib[3]) * x + (by_five[4] - by_dlib[4]) * y + by_five[5] - by_dlib[5];
            CHECK_NEAR(0, hypot(dx, dy) * 150 / t->width, 0.02);
        }
        for (int k = 0; k < 5; k++) {
            CHECK(t->five[k].x > 0 && t->five[k].x < (float)t->width && t->five[k].y > 0 && t->five[k].y < (float)t->height);
            CHECK(t->dlib[k].x > 0 && t->dlib[k].x < (float)t->width && t->dlib[k].y > 0 && t->dlib[k].y < (float)t->height);
        }
    }
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
