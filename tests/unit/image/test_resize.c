#include "image/warp.h"
#include "samples.h"

static df_pixels resized(df_pixels from, int w, int h, df_filter filter)
{
    df_error err;
    df_arena scratch = {0};
    df_pixels to;
    CHECK_OK(df__pixels_new(w, h, &to, &err));
    CHECK_OK(df__resize(from, to, filter, &scratch, &err));
    df__arena_free(&scratch);
    return to;
}

TEST(linear_takes_the_mean_of_two_when_halved)
{
    df_error err;
    df_pixels from, to;
    CHECK_OK(df__pixels_new(4, 1, &from, &err));
    for (int x = 0; x < 4; x++)
        memset(from.data + 3 * x, (int[]){10, 21, 100, 200}[x], 3);
    to = resized(from, 2, 1, DF_LINEAR);
    check_pixel(to, 0, 0, 16, 16, 16); /* 15.5, halves up */
    check_pixel(to, 1, 0, 150, 150, 150);
    df__pixels_free(&from), df__pixels_free(&to);
}

TEST(area_is_the_mean_of_the_covered_pixels)
{
    df_error err;
    df_pixels from, to;
    CHECK_OK(df__pixels_new(3, 2, &from, &err));
    for (int i = 0; i < 6; i++)
        memset(from.data + 3 * i, (int[]){0, 30, 60, 90, 120, 150}[i], 3);
    to = resized(from, 1, 1, DF_AREA);
    check_pixel(to, 0, 0, 75, 75, 75);
    df__pixels_free(&to);
    to = resized(from, 2, 1, DF_AREA); /* columns of 1.5: (0 + 15 + 90 + 60) / 3, (15 + 60 + 60 + 150) / 3 */
    check_pixel(to, 0, 0, 55, 55, 55);
    check_pixel(to, 1, 0, 95, 95, 95);
    df__pixels_free(&from), df__pixels_free(&to);
}

TEST(a_flat_picture_stays_flat)
{
    df_error err;
    df_pixels from;
    CHECK_OK(df__pixels_new(23, 17, &from, &err));
    memset(from.data, 255, 23 * 17 * 3);
    for (int filter = DF_LINEAR; filter <= DF_AREA; filter++) {
        static const int sides[][2] = {{1, 1}, {5, 90}, {90, 5}, {46, 34}, {22, 16}, {1, 40}};
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
            df_pixels to = resized(from, sides[i][0], sides[i][1], (df_filter)filter);
            for (int k = 0; k < to.width * to.height * 3; k++)
                CHECK(to.data[k] == 255);
            df__pixels_free(&to);
        }
    }
    df__pixels_free(&from);
}

TEST(the_same_size_is_a_copy)
{
    df_pixels from = sample_smooth(9, 7), to = resized(from, 9, 7, DF_CUBIC);
    check_pixels("copy", from, to, 0);
    df__pixels_free(&from), df__pixels_free(&to);
}

TEST(a_part_of_a_picture_is_read_and_written_within_its_bounds)
{
    df_error err;
    df_arena scratch = {0};
    df_pixels from = sample_smooth(20, 20), whole, alone;
    CHECK_OK(df__pixels_new(12, 12, &whole, &err));
    CHECK_OK(df__pixels_new(7, 5, &alone, &err));
    for (int filter = DF_LINEAR; filter <= DF_AREA; filter++) {
        memset(whole.data, 9, 12 * 12 * 3);
        df_pixels part = df__pixels_view(whole, 2, 3, 7, 5), source = df__pixels_view(from, 1, 2, 15, 13), copy;
        CHECK_OK(df__pixels_new(15, 13, &copy, &err));
        df__pixels_paste(copy, 0, 0, source);
        CHECK_OK(df__resize(source, part, (df_filter)filter, &scratch, &err));
        CHECK_OK(df__resize(copy, alone, (df_filter)filter, &scratch, &err));
        check_pixels("part", alone, part, 0);
        for (int y = 0; y < 12; y++)
            for (int x = 0; x < 12; x++)
                if (x < 2 || x >= 9 || y < 3 || y >= 8)
                    check_pixel(whole, x, y, 9, 9, 9);
        df__pixels_free(&copy);
    }
    df__pixels_free(&from), df__pixels_free(&whole), df__pixels_free(&alone);
    df__arena_free(&scratch);
}

/* One level for cubic and area: OpenCV rounds between its two passes, and at other bits. */
TEST(equals_opencv_linear_to_the_bit_and_the_others_within_one_level)
{
    static const char *const names[] = {[DF_LINEAR] = "linear", [DF_CUBIC] = "cubic", [DF_AREA] = "area"};
    static const int sides[][2] = {{20, 15}, {27, 13}, {70, 60}, {11, 50}};
    df_pixels from = sample_smooth(53, 41);
    for (int filter = DF_LINEAR; filter <= DF_AREA; filter++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
            char name[64];
            snprintf(name, sizeof name, "resize-%s-%dx%d", names[filter], sides[i][0], sides[i][1]);
            df_pixels want = sample_ppm(name), got = resized(from, sides[i][0], sides[i][1], (df_filter)filter);
            check_pixels(name, want, got, filter == DF_LINEAR ? 0 : 1);
            df__pixels_free(&want), df__pixels_free(&got);
        }
    df__pixels_free(&from);
}

TEST(a_scale_that_is_told_moves_the_places)
{
    df_error err;
    df_arena scratch = {0};
    df_pixels from = sample_smooth(53, 41), told, plain = resized(from, 20, 15, DF_LINEAR);
    CHECK_OK(df__pixels_new(20, 15, &told, &err));
    CHECK_OK(df__resize_by(from, told, 53.0 / 20, 41.0 / 15, &scratch, &err));
    check_pixels("the sizes' own scale", plain, told, 0);
    CHECK_OK(df__resize_by(from, told, 1, 1, &scratch, &err));
    check_pixels("the upper left corner", df__pixels_view(from, 0, 0, 20, 15), told, 0);
    CHECK_OK(df__resize_by(from, told, 1000, 1000, &scratch, &err)); /* past the end: its last pixel */
    check_pixels("the last pixel", df__pixels_view(from, 52, 40, 1, 1), df__pixels_view(told, 19, 14, 1, 1), 0);
    CHECK_STATUS(DF_E_ARGUMENT, df__resize_by(from, told, 0, 1, &scratch, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__resize_by(from, told, 1, (double)NAN, &scratch, &err));
    df__pixels_free(&from), df__pixels_free(&told), df__pixels_free(&plain);
    df__arena_free(&scratch);
}

TEST(an_empty_picture_and_an_unknown_filter_are_refused)
{
    df_error err;
    df_arena scratch = {0};
    df_pixels px = sample_smooth(4, 4), none = {0}, other = sample_smooth(2, 2);
    CHECK_STATUS(DF_E_ARGUMENT, df__resize(none, px, DF_LINEAR, &scratch, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__resize(px, none, DF_LINEAR, &scratch, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__resize(px, other, (df_filter)9, &scratch, &err));
    CHECK_HAS(err.message, "9");
    df__pixels_free(&px), df__pixels_free(&other);
}

TEST(scratch_is_given_back_and_its_lack_is_told)
{
    df_error err;
    df_pixels from = sample_smooth(300, 200), to = sample_smooth(70, 90);
    for (int filter = DF_LINEAR; filter <= DF_AREA; filter++) {
        df_status st = DF_E_NO_MEMORY;
        for (size_t n = 1; st != DF_OK; n++) {
            df_arena scratch = {0};
            test_alloc_fail_at(n);
            st = df__resize(from, to, (df_filter)filter, &scratch, &err);
            test_alloc_fail_at(0);
            CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
            CHECK(scratch.used == 0);
            df__arena_free(&scratch);
            CHECK(n < 20);
        }
    }
    df__pixels_free(&from), df__pixels_free(&to);
}
