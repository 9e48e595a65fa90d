#include "decode_samples.h"

static const char *const files[] = {"gif-plain.gif", "gif-interlaced.gif", "gif-animated.gif"};

/* A canvas of 3 x 2 with background colour 1; a frame of 2 x 1 at (1, 1) whose first pixel is transparent; colours 0 red, 1
 * green, 2 blue. LZW codes of 3 bits: clear 4, colour 0, colour 2, end 5. */
static const uint8_t small[] = {'G', 'I', 'F', '8', '9', 'a', 3, 0, 2, 0, 0x81, 1, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0,
                                0x21, 0xF9, 4, 1, 0, 0, 0, 0, 0x2C, 1, 0, 1, 0, 2, 0, 1, 0, 0, 2, 2, 0x84, 0x0A, 0, 0x3B};

#ifdef DF_WITH_GIF
TEST(equals_opencv_to_the_bit)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_golden(files[i], DF_FORMAT_GIF, 0);
}

TEST(a_small_frame_lies_on_the_background)
{
    df_error err;
    df_pixels px;
    CHECK_OK(decode_bytes(small, sizeof small, &px, &err));
    CHECK(px.width == 3 && px.height == 2);
    for (int i = 0; i < 5; i++)
        check_pixel(px, i % 3, i / 3, 0, 255, 0);
    check_pixel(px, 2, 1, 0, 0, 255);
    df__pixels_free(&px);
}

TEST(a_file_without_a_picture_is_an_error)
{
    df_error err;
    df_pixels px;
    uint8_t none[sizeof small];
    memcpy(none, small, sizeof none);
    none[25] = 0x3B;
    CHECK_STATUS(DF_E_DECODE, decode_bytes(none, sizeof none, &px, &err));
    CHECK_HAS(err.message, "GIF: no picture");
}

TEST(every_prefix_gives_pixels_or_an_error)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_prefixes(files[i]);
}

TEST(damage_gives_pixels_or_an_error)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_damage(files[i]);
}

TEST(every_failing_allocation_is_told) { check_allocations("gif-plain.gif"); }
#else
TEST(a_build_without_giflib_says_so)
{
    df_error err;
    df_pixels px;
    df_bytes file = sample_file(files[0]);
    CHECK_STATUS(DF_E_UNSUPPORTED, decode_bytes(file.data, file.len, &px, &err));
    CHECK_STATUS(DF_E_UNSUPPORTED, decode_bytes(small, sizeof small, &px, &err));
    CHECK_HAS(err.message, "giflib");
    df__bytes_free(&file);
}
#endif
