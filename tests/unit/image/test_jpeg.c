#include "decode_samples.h"

static const char *const files[] = {"jpeg-420.jpg", "jpeg-422.jpg", "jpeg-444.jpg", "jpeg-progressive.jpg", "jpeg-grey.jpg",
                                    "jpeg-cmyk.jpg", "jpeg-ycck.jpg", "jpeg-exif-6.jpg", "jpeg-restart.jpg"};

/* Exact: both are libjpeg-turbo with its accurate DCT and smooth chroma. */
TEST(equals_opencv_to_the_bit)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_golden(files[i], DF_FORMAT_JPEG, 0);
}

TEST(every_prefix_gives_pixels_or_an_error)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_prefixes(files[i]);
}

TEST(damage_gives_pixels_or_an_error)
{
    check_damage("jpeg-420.jpg");
    check_damage("jpeg-exif-6.jpg");
}

TEST(every_failing_allocation_is_told)
{
    check_allocations("jpeg-420.jpg");
    check_allocations("jpeg-exif-6.jpg");
}

TEST(orientation_1_to_8_is_applied)
{
    df_error err;
    df_bytes file = sample_file("jpeg-exif-6.jpg");
    df_pixels stored = sample_ppm("jpeg-420.jpg"), px;
    size_t at = 0; /* of the value: II or MM, tag 0x112, short, one */
    for (size_t i = 0; i + 12 < file.len && !at; i++)
        if (memcmp(file.data + i, "\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00", 10) == 0)
            at = i + 8;
        else if (memcmp(file.data + i, "\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06", 10) == 0)
            at = i + 9;
    CHECK(at > 0);
    /* where the stored top left pixel is to be seen: left, top; and whether sides swap */
    static const struct {
        int right, bottom, swapped;
    } want[] = {{0, 0, 0}, {1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 1}, {1, 1, 1}, {0, 1, 1}};
    for (int o = 1; o <= 8; o++) {
        df_photo_info info;
        file.data[at] = (uint8_t)o;
        CHECK_OK(df__photo_info(file.data, file.len, &sample_limits, &info, &err));
        CHECK_OK(decode_bytes(file.data, file.len, &px, &err));
        CHECK(info.orientation == o && info.width == px.width && info.height == px.height);
        CHECK(px.width == (want[o - 1].swapped ? stored.height : stored.width));
        check_pixel(px, want[o - 1].right ? px.width - 1 : 0, want[o - 1].bottom ? px.height - 1 : 0, stored.data[0],
                    stored.data[1], stored.data[2]);
        df__pixels_free(&px);
    }
    df__bytes_free(&file), df__pixels_free(&stored);
}

TEST(scaled_decoding_keeps_the_longer_side_wanted)
{
    df_error err;
    df_bytes file = sample_file("jpeg-420.jpg"); /* 45 x 34 */
    static const struct { int want, width, height; } cases[] = {
        {0, 45, 34},  {100, 45, 34}, {45, 45, 34}, {24, 45, 34}, {23, 23, 17},
        {13, 23, 17}, {12, 12, 9},   {6, 6, 5},    {1, 6, 5},    {-5, 45, 34},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        df_pixels px;
        CHECK_OK(df__photo_decode(file.data, file.len, &sample_limits, cases[i].want, &px, &err));
        if (px.width != cases[i].width || px.height != cases[i].height)
            fail_msg("want %d: %d x %d, expected %d x %d", cases[i].want, px.width, px.height, cases[i].width, cases[i].height);
        df__pixels_free(&px);
    }
    df__bytes_free(&file);
}

TEST(a_file_cut_short_keeps_what_came_and_is_grey_below)
{
    df_error err;
    df_bytes file = sample_file("jpeg-444.jpg");
    df_pixels whole = sample_ppm("jpeg-444.jpg"), px;
    CHECK_OK(decode_bytes(file.data, file.len - (file.len - 600) / 2, &px, &err));
    check_pixels("first rows", df__pixels_view(whole, 0, 0, 45, 8), df__pixels_view(px, 0, 0, 45, 8), 0);
    check_pixel(px, 44, 33, 128, 128, 128);
    df__pixels_free(&px), df__pixels_free(&whole), df__bytes_free(&file);
}

TEST(a_header_alone_is_an_error)
{
    df_error err;
    df_pixels px;
    df_bytes file = sample_file("jpeg-444.jpg");
    size_t scan = 0;
    for (size_t i = 0; i + 1 < file.len && !scan; i++)
        if (file.data[i] == 0xFF && file.data[i + 1] == 0xDA)
            scan = i;
    CHECK_STATUS(DF_E_DECODE, decode_bytes(file.data, scan + 14, &px, &err));
    CHECK_HAS(err.message, "JPEG: the file ends before its first row");
    CHECK_STATUS(DF_E_DECODE, decode_bytes(file.data, scan, &px, &err));
    CHECK_HAS(err.message, "JPEG: ");
    df__bytes_free(&file);
}

/* Each further scan of this file is 12 bytes long and a walk over 4 million pixels. */
TEST(a_file_of_thousands_of_scans_is_refused)
{
    df_error err;
    df_pixels px;
    df_bytes file = sample_file("jpeg-progressive.jpg");
    size_t frame = 0, scan = 0;
    for (size_t i = 2; i + 3 < file.len && !scan; i += 2 + (size_t)file.data[i + 2] * 256 + file.data[i + 3]) {
        CHECK(file.data[i] == 0xFF);
        if (file.data[i + 1] == 0xC2)
            frame = i;
        if (file.data[i + 1] == 0xDA)
            scan = i;
    }
    CHECK(frame > 0 && scan > frame);
    enum { SCANS = 3000, SCAN = 10 };
    static const uint8_t empty[SCAN] = {0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0}; /* one component, coefficient 0, first pass */
    uint8_t *bomb = malloc(scan + SCANS * SCAN);
    memcpy(bomb, file.data, scan);
    bomb[frame + 5] = 2000 >> 8, bomb[frame + 6] = 2000 & 255, bomb[frame + 7] = 2000 >> 8, bomb[frame + 8] = 2000 & 255;
    for (size_t i = 0; i < SCANS; i++)
        memcpy(bomb + scan + i * SCAN, empty, SCAN);
    CHECK_STATUS(DF_E_DECODE, decode_bytes(bomb, scan + SCANS * SCAN, &px, &err));
    CHECK_HAS(err.message, "scans");
    free(bomb), df__bytes_free(&file);
}
