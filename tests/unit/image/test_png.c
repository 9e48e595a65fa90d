#include "decode_samples.h"

/* Colour type and depth; -i: interlaced. All but the RGBA ones have a tRNS chunk. */
static const char *const files[] = {
    "png-c0-1.png",  "png-c0-1-i.png", "png-c0-2.png",   "png-c0-4.png",   "png-c0-8.png",   "png-c0-8-i.png",
    "png-c0-16.png", "png-c2-8.png",   "png-c2-8-i.png", "png-c2-16.png",  "png-c3-1.png",   "png-c3-1-i.png",
    "png-c3-2.png",  "png-c3-4.png",   "png-c3-8.png",   "png-c3-8-i.png", "png-c4-8.png",   "png-c4-8-i.png",
    "png-c4-16.png", "png-c6-8.png",   "png-c6-8-i.png", "png-c6-16.png",  "png-exif-6.png",
};

TEST(equals_opencv_to_the_bit)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_golden(files[i], DF_FORMAT_PNG, 0);
}

TEST(every_prefix_gives_pixels_or_an_error)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_prefixes(files[i]);
}

TEST(damage_gives_pixels_or_an_error)
{
    check_damage("png-c3-4.png");
    check_damage("png-exif-6.png");
}

TEST(every_failing_allocation_is_told)
{
    check_allocations("png-c2-8.png");
    check_allocations("png-c3-8-i.png");
    check_allocations("png-exif-6.png");
}

/* Signature, IHDR of 30000 x 30000, zeros up to 100 bytes. */
TEST(a_huge_header_is_refused_before_memory_is_taken)
{
    static const uint8_t head[100] = "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0\x42\xE1\x68\xCB";
    static const df_limits usual = {256u << 20, 100000000};
    df_error err;
    df_pixels px;
    df_photo_info info;
    CHECK_STATUS(DF_E_LIMIT, df__photo_info(head, sizeof head, &usual, &info, &err));
    CHECK_STATUS(DF_E_LIMIT, df__photo_decode(head, sizeof head, &usual, 0, &px, &err));
    CHECK_HAS(err.message, "PNG: a picture of 30000 x 30000 pixels, the limit is 100000000 pixels");
    CHECK(px.data == NULL);
}
