#include "decode_samples.h"
#include "image/encode.h"

TEST(a_png_gives_the_same_pixels_back)
{
    df_error err;
    df_pixels whole = sample_smooth(37, 23), part = df__pixels_view(whole, 3, 2, 30, 20), back;
    df_bytes file;
    CHECK_OK(df__encode_png(part, &file, &err));
    CHECK_OK(decode_bytes(file.data, file.len, &back, &err));
    check_pixels("png", part, back, 0);
    df__pixels_free(&whole), df__pixels_free(&back), df__bytes_free(&file);
}

static double mean_difference(df_pixels a, df_pixels b)
{
    double sum = 0;
    for (int y = 0; y < a.height; y++)
        for (int i = 0; i < 3 * a.width; i++)
            sum += abs(a.data[(size_t)y * a.stride + (size_t)i] - b.data[(size_t)y * b.stride + (size_t)i]);
    return sum / (3.0 * a.width * a.height);
}

TEST(a_jpeg_gives_nearly_the_same_pixels_back)
{
    df_error err;
    df_pixels px = sample_smooth(160, 120), back;
    double last = 255;
    size_t size = 0;
    for (int quality = 20; quality <= 100; quality += 40) {
        df_bytes file;
        CHECK_OK(df__encode_jpeg(px, quality, &file, &err));
        CHECK_OK(decode_bytes(file.data, file.len, &back, &err));
        double d = mean_difference(px, back);
        CHECK(d < last && file.len > size);
        last = d, size = file.len;
        df__pixels_free(&back), df__bytes_free(&file);
    }
    CHECK(last < 1.0);
    df__pixels_free(&px);
}

/* The sampling factors of the frame header: 2 x 2 for luma below quality 90, 1 x 1 from there on. */
TEST(chroma_is_whole_from_quality_90_up)
{
    df_error err;
    df_pixels px = sample_smooth(32, 32);
    for (int quality = 89; quality <= 90; quality++) {
        df_bytes file;
        int sampling = -1;
        CHECK_OK(df__encode_jpeg(px, quality, &file, &err));
        for (size_t i = 0; i + 12 < file.len; i++)
            if (file.data[i] == 0xFF && file.data[i + 1] == 0xC0 && sampling < 0)
                sampling = file.data[i + 11];
        CHECK(sampling == (quality < 90 ? 0x22 : 0x11));
        df__bytes_free(&file);
    }
    df__pixels_free(&px);
}

TEST(bad_arguments_are_refused)
{
    df_error err;
    df_bytes file;
    df_pixels px = sample_smooth(4, 4), wide;
    CHECK_STATUS(DF_E_ARGUMENT, df__encode_jpeg(px, 0, &file, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__encode_jpeg(px, 101, &file, &err));
    CHECK_HAS(err.message, "101");
    CHECK_OK(df__pixels_new(70000, 1, &wide, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__encode_jpeg(wide, 90, &file, &err));
    CHECK_HAS(err.message, "70000");
    df__pixels_free(&px), df__pixels_free(&wide);
}

TEST(every_failing_allocation_is_told)
{
    df_error err;
    df_pixels px = sample_smooth(300, 300);
    for (int png = 0; png < 2; png++) {
        df_status st = DF_E_NO_MEMORY;
        for (size_t n = 1; st != DF_OK; n++) {
            df_bytes file;
            test_alloc_fail_at(n);
            st = png ? df__encode_png(px, &file, &err) : df__encode_jpeg(px, 100, &file, &err);
            test_alloc_fail_at(0);
            if (st != DF_OK && (st != DF_E_NO_MEMORY || file.data))
                fail_msg("png %d, allocation %zu: %s: %s", png, n, df_status_text(st), err.message);
            df__bytes_free(&file);
            CHECK(n < 1000);
        }
    }
    df__pixels_free(&px);
}
