#include "image/warp.h"
#include "samples.h"

static df_status chip(df_pixels from, df_pixels to, const double m[6], df_error *err)
{
    df_arena scratch = {0};
    df_status st = df__warp_chip(from, to, m, &scratch, err);
    CHECK(scratch.used == 0);
    df__arena_free(&scratch);
    return st;
}

/* dlib turns its rectangle around the centre and maps corner pixels onto corners. */
static void map_of(int side, double left, double top, double right, double bottom, double angle, double m[6])
{
    double cx = (left + right) / 2, cy = (top + bottom) / 2, c = cos(angle), s = sin(angle);
    double sx = (right - left) / (side - 1), sy = (bottom - top) / (side - 1);
    m[0] = c * sx, m[1] = -s * sy, m[2] = cx + c * (left - cx) - s * (top - cy);
    m[3] = s * sx, m[4] = c * sy, m[5] = cy + s * (left - cx) + c * (top - cy);
}

TEST(equals_dlib_to_the_bit)
{
    df_pixels from = sample_smooth(211, 173);
    df_bytes  csv = sample_file("chips.csv");
    char      text[1024] = "", name[32], file[64];
    memcpy(text, csv.data, csv.len < sizeof text ? csv.len : sizeof text - 1);
    int rows = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, rows++) {
        int side;
        double l, t, r, b, angle, m[6];
        df_error err;
        if (sscanf(line, "%31[^,],%d,%lf,%lf,%lf,%lf,%lf", name, &side, &l, &t, &r, &b, &angle) != 7)
            fail_msg("chips.csv: %s", line);
        map_of(side, l, t, r, b, angle, m);
        df_pixels to;
        CHECK_OK(df__pixels_new(side, side, &to, &err));
        CHECK_OK(chip(from, to, m, &err));
        snprintf(file, sizeof file, "chip-%s", name);
        df_pixels want = sample_ppm(file);
        check_pixels(file, want, to, 0);
        df__pixels_free(&want), df__pixels_free(&to);
    }
    CHECK(rows == 5);
    df__bytes_free(&csv), df__pixels_free(&from);
}

TEST(a_chip_without_scale_is_a_copy)
{
    static const double shift[6] = {1, 0, 3, 0, 1, 2};
    df_error err;
    df_pixels from = sample_smooth(20, 20), to = sample_smooth(8, 8);
    CHECK_OK(chip(from, to, shift, &err));
    check_pixels("copy", df__pixels_view(from, 3, 2, 8, 8), to, 0);
    df__pixels_free(&from), df__pixels_free(&to);
}

TEST(detail_finer_than_a_chip_pixel_is_averaged)
{
    df_error err;
    df_pixels from = sample_smooth(320, 320), to = sample_smooth(20, 20);
    for (int y = 0; y < 320; y++)
        for (int x = 0; x < 320; x++)
            memset(from.data + (size_t)y * from.stride + 3 * (size_t)x, (x + y) & 1 ? 255 : 0, 3);
    static const double shrink[6] = {12, 0, 40, 0, 12, 40};
    CHECK_OK(chip(from, to, shrink, &err));
    for (int k = 0; k < 20 * 20 * 3; k++)
        CHECK_NEAR(127, to.data[k], 1.0);
    df__pixels_free(&from), df__pixels_free(&to);
}

TEST(a_chip_beside_the_photo_is_black)
{
    df_error err;
    df_pixels from = sample_smooth(40, 30);
    static const double maps[][6] = {{1, 0, 100, 0, 1, 0},
                                     {1, 0, 0, 0, 1, -1000},
                                     {1e30, 0, 1e30, 0, 1e30, 0},
                                     {50, 0, -2000, 0, 50, -3000},
                                     {1e-9, 0, 1e9, 0, 1e-9, 1e9}};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        df_pixels to = sample_smooth(10, 10);
        CHECK_OK(chip(from, to, maps[i], &err));
        check_pixel(to, 5, 5, 0, 0, 0);
        check_pixel(to, 9, 0, 0, 0, 0);
        df__pixels_free(&to);
    }
    df__pixels_free(&from);
}

TEST(bad_arguments_are_refused)
{
    df_error err;
    df_pixels px = sample_smooth(4, 4), none = {0};
    double m[6] = {1, 0, 0, 0, 1, 0};
    CHECK_STATUS(DF_E_ARGUMENT, chip(none, px, m, &err));
    CHECK_STATUS(DF_E_ARGUMENT, chip(px, none, m, &err));
    m[2] = INFINITY;
    CHECK_STATUS(DF_E_ARGUMENT, chip(px, px, m, &err));
    df__pixels_free(&px);
}

TEST(lack_of_memory_is_told)
{
    df_error err;
    df_pixels from = sample_smooth(400, 400), to = sample_smooth(20, 20);
    static const double shrink[6] = {15, 0, 40, 0, 15, 40};
    df_status st = DF_E_NO_MEMORY;
    for (size_t n = 1; st != DF_OK; n++) {
        test_alloc_fail_at(n);
        st = chip(from, to, shrink, &err);
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
        CHECK(n < 50);
    }
    df__pixels_free(&from), df__pixels_free(&to);
}
