#include "decode_samples.h"

static const char *const files[] = {"tiff-rgb-lzw.tif", "tiff-rgb-jpeg.tif", "tiff-palette.tif",
                                    "tiff-cmyk.tif",    "tiff-1.tif",        "tiff-exif-5.tif"};

#ifdef DF_WITH_TIFF
/* Exact: both are libtiff's RGBA reader. */
TEST(equals_opencv_to_the_bit)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_golden(files[i], DF_FORMAT_TIFF, 0);
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

TEST(every_failing_allocation_is_told) { check_allocations("tiff-exif-5.tif"); }
#else
TEST(a_build_without_libtiff_says_so)
{
    df_error err;
    df_pixels px;
    df_bytes file = sample_file(files[0]);
    CHECK_STATUS(DF_E_UNSUPPORTED, decode_bytes(file.data, file.len, &px, &err));
    CHECK_HAS(err.message, "libtiff");
    df__bytes_free(&file);
}
#endif
