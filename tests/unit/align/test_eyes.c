#include "align/align.h"
#include "test.h"

/* Red tells the column, green the row, blue is 200 inside the photo: black is told from pixel (0, 0). */
static df_pixels numbered(df_arena *arena, int w, int h)
{
    df_error err;
    df_pixels px;
    CHECK_OK(df__pixels_in(arena, w, h, &px, &err));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *p = px.data + (size_t)y * px.stride + 3 * (size_t)x;
            p[0] = (uint8_t)x, p[1] = (uint8_t)y, p[2] = 200;
        }
    return px;
}

static const uint8_t *at(df_pixels px, int x, int y) { return px.data + (size_t)y * px.stride + 3 * (size_t)x; }

TEST(level_eyes_leave_the_box_as_it_is)
{
    df_arena a = {0};
    df_error err;
    df_pixels px = numbered(&a, 100, 80), crop;
    df_face f = {.x = 30, .y = 20, .w = 20, .h = 24, .has = DF_HAS_EYES, .left_eye = {45, 28}, .right_eye = {35, 28}};
    CHECK_OK(df__align_eyes(px, &f, 0, &a, &crop, &err));
    assert_int_equal(crop.width, 20);
    assert_int_equal(crop.height, 24);
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 20; x++) {
            assert_int_equal(at(crop, x, y)[0], 30 + x);
            assert_int_equal(at(crop, x, y)[1], 20 + y);
        }
    df__arena_free(&a);
}

TEST(a_face_lying_on_its_side_is_stood_up)
{
    df_arena a = {0};
    df_error err;
    df_pixels px = numbered(&a, 100, 100), crop;
    /* the person's left eye straight below the right one: the head is turned by 90 degrees clockwise, so that what
     * was at the right of the photo comes to the top */
    df_face f = {.x = 40, .y = 40, .w = 20, .h = 20, .has = DF_HAS_EYES, .left_eye = {50, 56}, .right_eye = {50, 44}};
    CHECK_OK(df__align_eyes(px, &f, 0, &a, &crop, &err));
    assert_int_equal(crop.width, 20);
    CHECK(at(crop, 10, 2)[0] > 55);
    CHECK(at(crop, 10, 17)[0] < 45);
    CHECK(at(crop, 17, 10)[1] > 53); /* towards the left eye */
    df__arena_free(&a);
}

TEST(what_lies_outside_the_photo_is_black)
{
    df_arena a = {0};
    df_error err;
    df_pixels px = numbered(&a, 60, 60), crop;
    df_face f = {.x = -10, .y = -6, .w = 30, .h = 30, .has = DF_HAS_EYES, .left_eye = {12, 4}, .right_eye = {2, 4}};
    CHECK_OK(df__align_eyes(px, &f, 0, &a, &crop, &err));
    assert_int_equal(crop.width, 30); /* upstream pads the photo with half its sides: the box keeps its size */
    assert_int_equal(at(crop, 5, 3)[2], 0);
    assert_int_equal(at(crop, 12, 8)[2], 200);
    assert_int_equal(at(crop, 12, 8)[0], 2);
    CHECK_OK(df__align_none(px, &f, 0, &a, &crop, &err));
    assert_int_equal(crop.width, 20); /* without alignment it is cut at the edge */
    assert_int_equal(crop.height, 24);
    df__arena_free(&a);
}

TEST(expand_grows_the_box_on_all_sides)
{
    df_arena a = {0};
    df_error err;
    df_pixels px = numbered(&a, 100, 100), crop;
    df_face f = {.x = 40, .y = 40, .w = 20, .h = 20};
    CHECK_OK(df__align_none(px, &f, 50, &a, &crop, &err));
    assert_int_equal(crop.width, 30);
    assert_int_equal(at(crop, 0, 0)[0], 35);
    CHECK_OK(df__align_eyes(px, &f, 50, &a, &crop, &err));
    assert_int_equal(crop.width, 30);
    assert_int_equal(at(crop, 0, 0)[1], 35);
    df__arena_free(&a);
}

TEST(boxes_of_any_numbers_give_a_crop_or_none)
{
    df_arena a = {0};
    df_error err;
    df_pixels px = numbered(&a, 50, 40), crop;
    const float odd[] = {-1e30f, -1e6f, -50, -1, 0, 0.5f, 1, 39, 50, 1e5f, 1e30f};
    const size_t n = sizeof odd / sizeof *odd;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < n; k++) {
                df_face f = {.x = odd[i], .y = odd[j], .w = odd[k], .h = odd[(i + k) % n], .has = DF_HAS_EYES,
                             .left_eye = {odd[k], odd[i]}, .right_eye = {odd[j], odd[k]}};
                CHECK_OK(df__align_eyes(px, &f, (double)(i * 10), &a, &crop, &err));
                CHECK(crop.width >= 0 && crop.width <= 2 * px.width && crop.height <= 2 * px.height);
                CHECK_OK(df__align_none(px, &f, (double)(i * 10), &a, &crop, &err));
                CHECK(crop.width >= 0 && crop.width <= px.width && crop.height <= px.height);
                df__arena_reset(&a);
                px = numbered(&a, 50, 40);
            }
    df__arena_free(&a);
}

/* The map tells where a crop's pixel was taken from: the colours of numbered() tell the same. */
TEST(maps_lead_from_the_crop_to_the_photo)
{
    df_arena a = {0};
    df_error err;
    df_pixels px = numbered(&a, 120, 110), crop;
    const df_face faces[] = {
        {.x = 30, .y = 20, .w = 20, .h = 24, .has = DF_HAS_EYES, .left_eye = {45, 28}, .right_eye = {35, 28}},
        {.x = 40, .y = 40, .w = 24, .h = 20, .has = DF_HAS_EYES, .left_eye = {50, 56}, .right_eye = {50, 44}},
        {.x = 50, .y = 45, .w = 30, .h = 36, .has = DF_HAS_EYES, .left_eye = {71, 66}, .right_eye = {59, 58}},
        {.x = -4, .y = 60, .w = 30, .h = 30},
    };
    for (size_t i = 0; i < sizeof faces / sizeof *faces; i++)
        for (int eyes = 0; eyes < 2; eyes++)
            for (int expand = 0; expand <= 30; expand += 30) {
                double m[6];
                if (eyes) {
                    CHECK_OK(df__align_eyes(px, &faces[i], expand, &a, &crop, &err));
                    df__align_eyes_map(px.width, px.height, &faces[i], expand, m);
                } else {
                    CHECK_OK(df__align_none(px, &faces[i], expand, &a, &crop, &err));
                    df__align_none_map(px.width, px.height, &faces[i], expand, m);
                }
                size_t seen = 0;
                for (int y = 0; y < crop.height; y++)
                    for (int x = 0; x < crop.width; x++) {
                        double u = m[0] * x + m[1] * y + m[2], v = m[3] * x + m[4] * y + m[5];
                        if (u < 2 || v < 2 || u > px.width - 3 || v > px.height - 3)
                            continue;
                        CHECK_NEAR(u, at(crop, x, y)[0], 0.6); /* colours are whole numbers */
                        CHECK_NEAR(v, at(crop, x, y)[1], 0.6);
                        seen++;
                    }
                CHECK(seen > 200);
            }
    df__arena_free(&a);
}
