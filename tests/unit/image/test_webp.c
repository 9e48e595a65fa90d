#include "decode_samples.h"

static const char *const files[] = {"webp-lossy.webp", "webp-lossless.webp", "webp-alpha.webp", "webp-animated.webp",
                                    "webp-exif-8.webp"};

/* Exact: both are libwebp with its smooth chroma. */
TEST(equals_opencv_to_the_bit)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_golden(files[i], DF_FORMAT_WEBP, 0);
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

TEST(every_failing_allocation_is_told)
{
    check_allocations("webp-lossless.webp");
    check_allocations("webp-exif-8.webp");
}
