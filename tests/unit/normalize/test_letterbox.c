#include "normalize/normalize.h"
#include "test.h"

static uint8_t bytes[64 * 64 * 3];

static df_pixels picture(int w, int h)
{
    for (int i = 0; i < w * h * 3; i++)
        bytes[i] = (uint8_t)(i * 7 + 3);
    return (df_pixels){w, h, 3 * (size_t)w, bytes};
}

TEST(the_same_size_is_the_same_pixels_in_bgr)
{
    static float out[6 * 5 * 3];
    df_pixels px = picture(6, 5);
    df__letterbox(px, 6, 5, out);
    for (size_t i = 0; i < 30; i++)
        for (size_t c = 0; c < 3; c++)
            assert_true(out[3 * i + c] == (float)(bytes[3 * i + 2 - c] / 255.0));
}

TEST(a_wide_crop_gets_bars_above_and_below)
{
    static float out[8 * 8 * 3];
    memset(bytes, 255, sizeof bytes);
    df__letterbox((df_pixels){16, 8, 48, bytes}, 8, 8, out);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            CHECK_NEAR(y >= 2 && y < 6 ? 1 : 0, out[(y * 8 + x) * 3], 1e-6);
}

TEST(an_odd_difference_puts_the_extra_row_last)
{
    static float out[5 * 4 * 3];
    memset(bytes, 255, sizeof bytes);
    df__letterbox((df_pixels){5, 3, 15, bytes}, 5, 4, out); /* one row is missing: none above, one below */
    CHECK_NEAR(1, out[0], 1e-6);
    CHECK_NEAR(0, out[3 * 5 * 3], 0);
}

TEST(halving_takes_the_mean_of_the_two_middle_pixels)
{
    static float out[3];
    bytes[0] = bytes[1] = bytes[2] = 10, bytes[3] = bytes[4] = bytes[5] = 30;
    df__letterbox((df_pixels){2, 2, 0, bytes}, 1, 1, out); /* stride 0: both rows are the same */
    CHECK_NEAR(20 / 255.0, out[0], 1e-6);
}

TEST(a_crop_thin_as_a_hair_keeps_a_row)
{
    static float out[10 * 10 * 3];
    memset(bytes, 255, sizeof bytes);
    df__letterbox((df_pixels){60, 1, 180, bytes}, 10, 10, out);
    double sum = 0;
    for (int i = 0; i < 300; i++)
        sum += (double)out[i];
    CHECK_NEAR(30, sum, 1e-3);
}
