#include "image/warp.h"
#include "samples.h"

static df_pixels warped(df_pixels from, int w, int h, const double m[6], df_filter filter)
{
    df_error err;
    df_pixels to;
    CHECK_OK(df__pixels_new(w, h, &to, &err));
    memset(to.data, 99, (size_t)w * (size_t)h * 3);
    CHECK_OK(df__warp_affine(from, to, m, filter, &err));
    return to;
}

TEST(the_identity_copies_and_the_rest_is_black)
{
    static const double same[6] = {1, 0, 0, 0, 1, 0};
    df_pixels from = sample_smooth(6, 5);
    for (int filter = DF_LINEAR; filter <= DF_CUBIC; filter++) {
        df_pixels to = warped(from, 8, 7, same, (df_filter)filter);
        check_pixels("copy", from, df__pixels_view(to, 0, 0, 6, 5), 0);
        for (int y = 0; y < 7; y++)
            for (int x = 0; x < 8; x++)
                if (x >= 6 || y >= 5)
                    check_pixel(to, x, y, 0, 0, 0);
        df__pixels_free(&to);
    }
    df__pixels_free(&from);
}

TEST(linear_mixes_four_neighbours_and_black_at_the_edge)
{
    df_error err;
    df_pixels from;
    CHECK_OK(df__pixels_new(2, 2, &from, &err));
    for (int i = 0; i < 4; i++)
        memset(from.data + 3 * i, (int[]){0, 100, 200, 40}[i], 3);
    static const double shift[6] = {1, 0, 0.25, 0, 1, 0.5};
    df_pixels to = warped(from, 2, 2, shift, DF_LINEAR);
    check_pixel(to, 0, 0, 93, 93, 93); /* (25 + 160) / 2 = 92.5 */
    check_pixel(to, 1, 0, 53, 53, 53); /* 0.75 * 70 = 52.5: right of the edge is black */
    check_pixel(to, 0, 1, 80, 80, 80); /* 160 / 2 */
    df__pixels_free(&from), df__pixels_free(&to);
}

TEST(a_quarter_turn_moves_columns_to_rows)
{
    static const double turn[6] = {0, 1, 0, -1, 0, 2}; /* to(x, y) = from(y, 2 - x) */
    df_pixels from = sample_smooth(3, 3), to = warped(from, 3, 3, turn, DF_CUBIC);
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) {
            const uint8_t *p = from.data + (size_t)(2 - x) * from.stride + 3 * (size_t)y;
            check_pixel(to, x, y, p[0], p[1], p[2]);
        }
    df__pixels_free(&from), df__pixels_free(&to);
}

/* One level: sums of floats in another order. */
TEST(equals_opencv_within_one_level)
{
    static const struct { const char *name; double m[6]; } maps[] = {
        {"turn", {0.82, 0.41, -6.3, -0.39, 0.85, 11.7}}, {"shrink", {1.9, 0.2, -9.0, -0.15, 2.1, -7.0}},
        {"grow", {0.31, -0.08, 20.2, 0.09, 0.3, 14.1}},
    };
    df_pixels from = sample_smooth(53, 41);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        for (int filter = DF_LINEAR; filter <= DF_CUBIC; filter++) {
            char name[64];
            snprintf(name, sizeof name, "warp-%s-%s", maps[i].name, filter == DF_LINEAR ? "linear" : "cubic");
            df_pixels want = sample_ppm(name), got = warped(from, 30, 24, maps[i].m, (df_filter)filter);
            check_pixels(name, want, got, 1);
            df__pixels_free(&want), df__pixels_free(&got);
        }
    df__pixels_free(&from);
}

TEST(places_far_outside_are_black)
{
    static const double far[][6] = {
        {1e300, 1e300, 0, 1e300, 1e300, 0}, {1e300, -1e300, 1e300, 1, 1, 1}, {1, 0, -1e18, 0, 1, 1e18}, {1, 0, 1e9, 0, 1, 0}};
    df_pixels from = sample_smooth(9, 9);
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        for (int filter = DF_LINEAR; filter <= DF_CUBIC; filter++) {
            df_pixels to = warped(from, 70, 3, far[i], (df_filter)filter);
            check_pixel(to, 69, 2, 0, 0, 0);
            df__pixels_free(&to);
        }
    df__pixels_free(&from);
}

/* Rows and their pieces that lie outside as a whole go another way than single pixels. */
TEST(a_row_is_what_its_pixels_are_one_by_one)
{
    static const double maps[][6] = {{0.5, 0, 0, 0, 0.5, -30}, {0.2, 0, -20, 0, 0.2, -3}, {0.6, 0.4, -30, -0.4, 0.6, 12}, {-0.5, 0, 60, 0, 1, -3.5}};
    df_pixels from = sample_smooth(40, 20);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        for (int filter = DF_LINEAR; filter <= DF_CUBIC; filter++) {
            const double *m = maps[i];
            df_pixels to = warped(from, 200, 110, m, (df_filter)filter);
            for (int y = 0; y < 110; y++)
                for (int x = 0; x < 200; x++) {
                    df_pixels one = warped(from, 1, 1, (double[]){m[0], m[1], m[0] * x + (m[1] * y + m[2]), m[3], m[4], m[3] * x + (m[4] * y + m[5])}, (df_filter)filter);
                    check_pixel(to, x, y, one.data[0], one.data[1], one.data[2]);
                    df__pixels_free(&one);
                }
            df__pixels_free(&to);
        }
    df__pixels_free(&from);
}

TEST(bad_arguments_are_refused)
{
    df_error err;
    df_pixels px = sample_smooth(4, 4), none = {0};
    double m[6] = {1, 0, 0, 0, 1, 0};
    CHECK_STATUS(DF_E_ARGUMENT, df__warp_affine(px, px, m, DF_AREA, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__warp_affine(none, px, m, DF_LINEAR, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__warp_affine(px, none, m, DF_LINEAR, &err));
    m[4] = NAN;
    CHECK_STATUS(DF_E_ARGUMENT, df__warp_affine(px, px, m, DF_LINEAR, &err));
    CHECK_HAS(err.message, "4");
    df__pixels_free(&px);
}
