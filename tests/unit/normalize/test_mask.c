#include "normalize/mask.h"
#include "test.h"

static df_error err;

/* A white picture, masked, as text: '#' stayed, '.' became black; rows divided by blanks. */
static const char *masked(int w, int h, const df_point *points, size_t n)
{
    static char text[1024];
    df_arena arena = {0};
    df_pixels px;
    char *to = text;
    CHECK_OK(df__pixels_in(&arena, w, h, &px, &err));
    memset(px.data, 255, px.stride * (size_t)h);
    CHECK_OK(df__mask(px, points, n, &arena, &err));
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            const uint8_t *p = px.data + (size_t)y * px.stride + 3 * (size_t)x;
            CHECK((p[0] == 0 || p[0] == 255) && p[1] == p[0] && p[2] == p[0]);
            *to++ = p[0] ? '#' : '.';
        }
        *to++ = ' ';
    }
    to[-1] = 0;
    df__arena_free(&arena);
    return text;
}

#define POINTS(...) (const df_point[]){__VA_ARGS__}, sizeof((const df_point[]){__VA_ARGS__}) / sizeof(df_point)

TEST(pixels_whose_middle_is_inside_or_on_the_outline_stay)
{
    assert_string_equal(masked(5, 4, POINTS({1, 1}, {3, 1}, {3, 2}, {1, 2})), "..... .###. .###. .....");
    assert_string_equal(masked(5, 4, POINTS({0.5f, 0.5f}, {3.5f, 0.5f}, {3.5f, 2.5f}, {0.5f, 2.5f})), "..... .###. .###. .....");
    assert_string_equal(masked(5, 5, POINTS({2, 0}, {4, 4}, {0, 4})), "..#.. ..#.. .###. .###. #####"); /* edges at x = 2 - y/2 and 2 + y/2 */
}

TEST(points_inside_the_outline_and_their_order_do_not_matter)
{
    assert_string_equal(masked(4, 4, POINTS({1, 1}, {0, 3}, {3, 0}, {2, 2}, {3, 3}, {0, 0}, {2, 1}, {0, 0})), "#### #### #### ####");
    /* a notch is filled: the outline is convex */
    assert_string_equal(masked(5, 3, POINTS({0, 0}, {2, 1}, {4, 0}, {4, 2}, {0, 2})), "##### ##### #####");
}

TEST(an_outline_reaches_beyond_the_crop)
{
    assert_string_equal(masked(3, 3, POINTS({-1e9f, -1e9f}, {1e9f, -1e9f}, {1e9f, 1e9f}, {-1e9f, 1e9f})), "### ### ###");
    assert_string_equal(masked(3, 3, POINTS({1, -5}, {50, -5}, {50, 50}, {1, 50})), ".## .## .##");
    assert_string_equal(masked(3, 3, POINTS({10, 10}, {12, 10}, {11, 12})), "... ... ...");
}

TEST(points_without_area_leave_their_line_at_most)
{
    assert_string_equal(masked(3, 3, POINTS({1, 1}, {1, 1}, {1, 1})), "... .#. ...");
    assert_string_equal(masked(3, 3, POINTS({0, 1}, {2, 1})), "... ### ...");
    assert_string_equal(masked(3, 3, POINTS({0.3f, 0.4f})), "... ... ...");
    assert_string_equal(masked(2, 2, NULL, 0), ".. ..");
}

TEST(a_view_is_masked_and_what_lies_beside_it_is_not)
{
    df_arena arena = {0};
    df_pixels px;
    CHECK_OK(df__pixels_in(&arena, 6, 6, &px, &err));
    memset(px.data, 9, px.stride * 6);
    CHECK_OK(df__mask(df__pixels_view(px, 2, 2, 2, 2), POINTS({0, 0}), &arena, &err));
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 6; x++) {
            bool gone = x >= 2 && x < 4 && y >= 2 && y < 4 && !(x == 2 && y == 2);
            assert_int_equal(px.data[(size_t)y * px.stride + 3 * (size_t)x], gone ? 0 : 9);
        }
    df__arena_free(&arena);
}

TEST(a_point_that_is_no_number_is_told)
{
    df_arena arena = {0};
    df_pixels px;
    CHECK_OK(df__pixels_in(&arena, 2, 2, &px, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__mask(px, POINTS({0, 0}, {NAN, 1}), &arena, &err));
    CHECK_HAS(err.message, "point 1");
    CHECK_STATUS(DF_E_ARGUMENT, df__mask(px, POINTS({0, INFINITY}), &arena, &err));
    df__arena_free(&arena);
}

TEST(every_allocation_may_fail)
{
    static const df_point many[468];
    for (size_t i = 1;; i++) {
        df_arena arena = {0};
        uint8_t rgb[12] = {0};
        test_alloc_fail_at(i);
        df_status st = df__mask((df_pixels){2, 2, 6, rgb}, many, 468, &arena, &err);
        test_alloc_fail_at(0);
        df__arena_free(&arena);
        if (st == DF_OK)
            break;
        CHECK_STATUS(DF_E_NO_MEMORY, st);
        CHECK(i < 10);
    }
}
