#include "image/draw.h"
#include "samples.h"

static const df_colour white = {255, 255, 255};

static df_pixels black(int w, int h)
{
    df_error err;
    df_pixels px;
    CHECK_OK(df__pixels_new(w, h, &px, &err));
    return px;
}

/* Sum of one channel in whole pixels: how much was painted. */
static double painted(df_pixels px)
{
    double sum = 0;
    for (int i = 0; i < px.width * px.height; i++)
        sum += px.data[3 * i] / 255.0;
    return sum;
}

TEST(a_fill_covers_parts_of_pixels)
{
    df_pixels px = black(4, 3);
    df__draw_fill(px, 0.5, 1, 2, 1, white, 1);
    check_pixel(px, 0, 1, 128, 128, 128);
    check_pixel(px, 1, 1, 255, 255, 255);
    check_pixel(px, 2, 1, 128, 128, 128);
    check_pixel(px, 1, 0, 0, 0, 0);
    CHECK_NEAR(2.0, painted(px), 0.01);
    df__pixels_free(&px);
}

TEST(alpha_mixes_with_what_is_there)
{
    df_pixels px = black(1, 1);
    memset(px.data, 100, 3);
    df__draw_fill(px, 0, 0, 1, 1, (df_colour){200, 100, 0}, 0.5);
    check_pixel(px, 0, 0, 150, 100, 50);
    df__pixels_free(&px);
}

TEST(a_box_is_a_frame_half_inside_half_outside)
{
    df_pixels px = black(12, 10);
    df__draw_box(px, 3, 3, 6, 4, 2, white);
    check_pixel(px, 2, 2, 255, 255, 255);
    check_pixel(px, 3, 3, 255, 255, 255);
    check_pixel(px, 4, 4, 0, 0, 0);
    check_pixel(px, 1, 1, 0, 0, 0);
    check_pixel(px, 9, 7, 255, 255, 255);
    check_pixel(px, 10, 8, 0, 0, 0);
    CHECK_NEAR(8 * 6 - 4 * 2, painted(px), 0.01);
    df__pixels_free(&px);
}

TEST(a_frame_thicker_than_its_box_is_full)
{
    df_pixels px = black(8, 8);
    df__draw_box(px, 3, 3, 2, 2, 4, white);
    CHECK_NEAR(36, painted(px), 0.01);
    df__pixels_free(&px);
}

TEST(discs_and_lines_have_their_area)
{
    df_pixels px = black(40, 40);
    df__draw_disc(px, 20, 20, 8, white);
    CHECK_NEAR(3.14159 * 64, painted(px), 2.5);
    check_pixel(px, 20, 20, 255, 255, 255);
    df__pixels_free(&px);
    px = black(60, 40);
    df__draw_line(px, 10, 10, 40, 25, 3, white);
    CHECK_NEAR(hypot(30, 15) * 3 + 3.14159 * 2.25, painted(px), 3);
    df__pixels_free(&px);
}

TEST(what_falls_outside_is_cut)
{
    df_pixels px = black(10, 10);
    static const double far[] = {-1e30, -1e9, -20, 30, 1e9, 1e30, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        df__draw_fill(px, far[i], 2, 5, 5, white, 1);
        df__draw_disc(px, 3, far[i], 4, white);
        df__draw_text(px, far[i], far[i], 12, "text", white);
    }
    CHECK_NEAR(0, painted(px), 0);
    df__draw_box(px, -1e9, -1e9, 2e9, 2e9, 3, white);
    df__draw_line(px, NAN, 0, 5, 5, 2, white);
    CHECK_NEAR(0, painted(px), 0);
    df__draw_fill(px, -1e9, -1e9, 2e9, 2e9, white, 1);
    CHECK_NEAR(100, painted(px), 0);
    df__pixels_free(&px);
}

TEST(text_is_as_wide_as_it_measures)
{
    df_pixels px = black(300, 60), none = {0};
    double width = df__draw_text(none, 0, 0, 30, "Obama 0.98", white);
    CHECK_NEAR(width, df__draw_text(px, 10, 10, 30, "Obama 0.98", white), 1e-9);
    CHECK(width > 100 && width < 200);
    CHECK(painted(px) > 300);
    for (int y = 0; y < 60; y++)
        for (int x = 0; x < 300; x++)
            if (x < 9 || x > 11 + width || y < 8 || y > 42)
                check_pixel(px, x, y, 0, 0, 0);
    CHECK_NEAR(2 * width, df__draw_text(none, 0, 0, 60, "Obama 0.98", white), 1e-9);
    df__pixels_free(&px);
}

TEST(what_is_not_in_the_font_is_a_question_mark)
{
    df_pixels none = {0};
    double one = df__draw_text(none, 0, 0, 20, "?", white);
    CHECK_NEAR(one, df__draw_text(none, 0, 0, 20, "\xE6\x97\xA5", white), 1e-9);
    CHECK_NEAR(one, df__draw_text(none, 0, 0, 20, "\xF0\x9F\x98\x80", white), 1e-9);
    CHECK_NEAR(one, df__draw_text(none, 0, 0, 20, "\xFF", white), 1e-9);
    CHECK_NEAR(one, df__draw_text(none, 0, 0, 20, "\xC3", white), 1e-9);
    CHECK_NEAR(3 * one, df__draw_text(none, 0, 0, 20, "\xE6\x97?\x80", white), 1e-9);
    CHECK_NEAR(df__draw_text(none, 0, 0, 20, "e", white), df__draw_text(none, 0, 0, 20, "\xC3\xA9", white), 1e-9);
}
