#include "decode_samples.h"

static const char *const files[] = {"bmp-1.bmp", "bmp-8.bmp", "bmp-24.bmp", "bmp-32.bmp"};

/* A file made in the test: 14 + 40 bytes of headers, then `extra` (masks, palette), then pixels. */
typedef struct made { uint8_t data[512]; size_t len; } made;

static made bitmap(int width, int height, int bits, int compression, const void *extra, size_t extra_len, const void *pixels,
                   size_t pixels_len)
{
    made m = {{0}, 54 + extra_len + pixels_len};
    const uint32_t words[] = {
        (uint32_t)m.len,      0, (uint32_t)(54 + extra_len), 40, (uint32_t)width, (uint32_t)height, (uint32_t)(bits << 16 | 1),
        (uint32_t)compression};
    memcpy(m.data, "BM", 2);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t k = 0; k < 4; k++)
            m.data[2 + 4 * i + k] = (uint8_t)(words[i] >> 8 * k);
    memcpy(m.data + 54, extra, extra_len);
    memcpy(m.data + 54 + extra_len, pixels, pixels_len);
    return m;
}

static df_pixels decoded(const made *m)
{
    df_error err;
    df_pixels px;
    CHECK_OK(decode_bytes(m->data, m->len, &px, &err));
    return px;
}

/* Blue, green, red, nothing. */
static const uint8_t palette16[64] = {9, 8, 7, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0};

TEST(equals_opencv_to_the_bit)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_golden(files[i], DF_FORMAT_BMP, 0);
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

TEST(every_failing_allocation_is_told) { check_allocations("bmp-8.bmp"); }

TEST(four_bits_from_the_bottom_up)
{
    made m = bitmap(3, 2, 4, 0, palette16, 64, "\x12\x30\0\0\x30\x10\0\0", 8);
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 1, 255, 0, 0);
    check_pixel(px, 1, 1, 0, 255, 0);
    check_pixel(px, 2, 1, 0, 0, 255);
    check_pixel(px, 0, 0, 0, 0, 255);
    check_pixel(px, 1, 0, 7, 8, 9);
    df__pixels_free(&px);
}

TEST(a_negative_height_is_top_down)
{
    made m = bitmap(1, -2, 24, 0, "", 0, "\1\2\3\0\4\5\6\0", 8);
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 0, 3, 2, 1);
    check_pixel(px, 0, 1, 6, 5, 4);
    df__pixels_free(&px);
}

/* OpenCV shifts 5 bits to 8 and so ends at 248; the full range is used here, at most 7 levels apart. */
TEST(sixteen_bits_reach_the_whole_range)
{
    made m = bitmap(2, 1, 16, 0, "", 0, "\xFF\x7F\x10\x02", 4); /* white; green 16, blue 16 */
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 0, 255, 255, 255);
    check_pixel(px, 1, 0, 0, 132, 132); /* 16 * 255 / 31 = 131.6 */
    df__pixels_free(&px);
    m = bitmap(2, 1, 16, 3, "\0\xF8\0\0\xE0\x07\0\0\x1F\0\0\0", 12, "\xE0\x07\0\xF8", 4);
    px = decoded(&m);
    check_pixel(px, 0, 0, 0, 255, 0);
    check_pixel(px, 1, 0, 255, 0, 0);
    df__pixels_free(&px);
}

TEST(thirty_two_bits_by_masks)
{
    made m = bitmap(1, 1, 32, 3, "\0\0\0\xFF\0\0\xFF\0\0\xFF\0\0", 12, "\x99\x11\x22\x33", 4);
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 0, 0x33, 0x22, 0x11);
    df__pixels_free(&px);
}

TEST(run_lengths_of_eight_bits)
{
    /* 2 x 1; end of row; move by (1, 0); three as they are (cut at the edge), padded; end */
    made m = bitmap(3, 3, 8, 1, palette16, 64, "\2\1\0\0\0\2\1\0\0\3\2\3\1\0\0\1", 16);
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 2, 255, 0, 0);
    check_pixel(px, 1, 2, 255, 0, 0);
    check_pixel(px, 2, 2, 7, 8, 9);
    check_pixel(px, 0, 1, 7, 8, 9);
    check_pixel(px, 1, 1, 0, 255, 0);
    check_pixel(px, 2, 1, 0, 0, 255);
    check_pixel(px, 0, 0, 7, 8, 9);
    df__pixels_free(&px);
}

TEST(run_lengths_of_four_bits)
{
    made m = bitmap(5, 1, 4, 2, palette16, 64, "\3\x12\0\3\x32\x10\0\1", 8); /* 1 2 1, then 3 2 (1) as they are */
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 0, 255, 0, 0);
    check_pixel(px, 1, 0, 0, 255, 0);
    check_pixel(px, 2, 0, 255, 0, 0);
    check_pixel(px, 3, 0, 0, 0, 255);
    check_pixel(px, 4, 0, 0, 255, 0);
    df__pixels_free(&px);
}

TEST(an_os2_header_and_its_three_byte_palette)
{
    static const uint8_t file[] = {'B', 'M', 36, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 12, 0, 0, 0, 2, 0, 1, 0, 1, 0, 1, 0,
                                   1, 2, 3, 10, 20, 30, 0x40, 0, 0, 0};
    made m = {{0}, sizeof file};
    memcpy(m.data, file, sizeof file);
    df_pixels px = decoded(&m);
    check_pixel(px, 0, 0, 3, 2, 1);
    check_pixel(px, 1, 0, 30, 20, 10);
    df__pixels_free(&px);
}

TEST(what_it_cannot_be_is_refused)
{
    static const struct { int width, height, bits, compression; const char *says; } cases[] = {
        {0, 1, 24, 0, "0 x 1"},   {1, 0, 24, 0, "1 x 0"},        {-3, 1, 24, 0, "-3 x 1"},  {1, 1, 7, 0, "7 bits"},
        {1, 1, 24, 1, "24 bits"}, {1, 1, 8, 9, "compression 9"}, {1, -1, 8, 1, "top-down"}, {1, 1, 0, 5, "PNG inside"},
        {1, 1, 16, 3, "mask"},    {60, 60, 24, 0, "cut short"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        df_error err;
        df_pixels px;
        made m =
            bitmap(cases[i].width, cases[i].height, cases[i].bits, cases[i].compression, "\0\0\0\0\0\0\0\0\0\0\0\0", 12, "", 0);
        CHECK_STATUS(DF_E_DECODE, decode_bytes(m.data, m.len, &px, &err));
        CHECK_HAS(err.message, cases[i].says);
    }
}
