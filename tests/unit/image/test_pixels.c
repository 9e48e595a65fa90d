#include "image/pixels.h"
#include "samples.h"

TEST(a_new_picture_is_black)
{
    df_error err;
    df_pixels px;
    CHECK_OK(df__pixels_new(3, 2, &px, &err));
    CHECK(px.width == 3 && px.height == 2 && px.stride >= 9);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 3; x++)
            check_pixel(px, x, y, 0, 0, 0);
    df__pixels_free(&px);
    CHECK(px.data == NULL && px.width == 0);
}

TEST(sides_out_of_range_are_refused)
{
    df_error err;
    df_pixels px;
    static const int bad[][2] = {{0, 1}, {1, 0}, {-1, 5}, {5, -1}, {(1 << 20) + 1, 1}, {1, (1 << 20) + 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_STATUS(DF_E_ARGUMENT, df__pixels_new(bad[i][0], bad[i][1], &px, &err));
        CHECK(px.data == NULL);
    }
    CHECK_HAS(err.message, "1048577");
}

TEST(a_picture_in_an_arena_is_black_too)
{
    df_error err;
    df_arena arena = {0};
    df_pixels px;
    memset(df__arena_alloc(&arena, 64), 255, 64);
    df__arena_reset(&arena);
    CHECK_OK(df__pixels_in(&arena, 4, 4, &px, &err));
    check_pixel(px, 0, 0, 0, 0, 0);
    CHECK_STATUS(DF_E_ARGUMENT, df__pixels_in(&arena, 0, 4, &px, &err));
    df__arena_free(&arena);
}

TEST(no_memory_is_told)
{
    df_error err;
    df_arena arena = {0};
    df_pixels px;
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__pixels_new(3, 2, &px, &err));
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__pixels_in(&arena, 3, 2, &px, &err));
    test_alloc_fail_at(0);
}

TEST(a_view_shares_the_pixels)
{
    df_pixels px = sample_smooth(5, 4), part = df__pixels_view(px, 2, 1, 3, 2);
    CHECK(part.width == 3 && part.height == 2 && part.data == px.data + px.stride + 6);
    part.data[0] = 77;
    CHECK(px.data[px.stride + 6] == 77);
    df__pixels_free(&px);
}

TEST(pasting_cuts_what_falls_outside)
{
    df_error err;
    df_pixels white, to;
    CHECK_OK(df__pixels_new(2, 2, &white, &err));
    memset(white.data, 255, 12);
    static const struct { int x, y, filled; } cases[] = {
        {0, 0, 4},         {2, 1, 2}, {-1, -1, 1}, {3, 0, 0}, {0, 3, 0}, {-2, 0, 0}, {0, -2, 0}, {INT32_MAX, INT32_MAX, 0},
        {INT32_MIN, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(df__pixels_new(3, 3, &to, &err));
        df__pixels_paste(to, cases[i].x, cases[i].y, white);
        int filled = 0;
        for (int k = 0; k < 9; k++)
            filled += to.data[3 * k] == 255;
        if (filled != cases[i].filled)
            fail_msg("at (%d, %d): %d pixels, expected %d", cases[i].x, cases[i].y, filled, cases[i].filled);
        df__pixels_free(&to);
    }
    df__pixels_free(&white);
}
