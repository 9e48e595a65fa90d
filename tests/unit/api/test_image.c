#include "temp_dir.h"

static df_engine *small_engine(void)
{
    df_error err;
    df_engine *df;
    df_engine_opts o = df_engine_opts_default();
    o.max_bytes = 100000, o.max_pixels = 10000;
    CHECK_OK(df_engine_new(&o, &df, &err));
    return df;
}

TEST(png_keeps_every_pixel_and_jpeg_nearly)
{
    df_error err;
    df_engine *df = small_engine();
    df_image *img, *back;
    uint8_t rgb[3 * 40 * 30];
    for (int y = 0; y < 30; y++)
        for (int x = 0; x < 40; x++)
            for (int c = 0; c < 3; c++)
                rgb[(y * 40 + x) * 3 + c] = (uint8_t)(20 + 2 * x + 2 * y + 20 * c);
    CHECK_OK(df_image_from_rgb(40, 30, 0, rgb, &img, &err));
    temp_dir d = temp_dir_new();
    const char *names[] = {temp_path(&d, "image_\xC3\xA9.png"), temp_path(&d, "image.JPG")};
    const int tolerance[] = {0, 6};
    for (int i = 0; i < 2; i++) {
        CHECK_OK(df_image_save(img, names[i], &err));
        CHECK_OK(df_image_load(df, names[i], &back, &err));
        CHECK(df_image_width(back) == 40 && df_image_height(back) == 30);
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 120; x++)
                CHECK_NEAR(rgb[y * 120 + x], df_image_pixels(back)[(size_t)y * df_image_stride(back) + (size_t)x], tolerance[i]);
        df_image_free(back);
    }
    df_image_free(img);
    df_engine_free(df);
}

TEST(limits_and_bad_arguments_are_told)
{
    df_error err;
    df_engine *df = small_engine();
    df_image *img;
    static uint8_t rgb[3 * 200 * 200];
    temp_dir d = temp_dir_new();
    const char *large = temp_path(&d, "large.png");
    CHECK_STATUS(DF_E_ARGUMENT, df_image_from_rgb(0, 5, 0, rgb, &img, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_image_from_rgb(-3, 5, 0, rgb, &img, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_image_from_rgb(10, 5, 29, rgb, &img, &err));
    CHECK_HAS(err.message, "30 bytes");
    CHECK_OK(df_image_from_rgb(200, 200, 0, rgb, &img, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_image_save(img, temp_path(&d, "picture.webp"), &err));
    CHECK_HAS(err.message, ".png");
    CHECK_STATUS(DF_E_IO, df_image_save(img, "/nowhere/x.png", &err));
    CHECK_OK(df_image_save(img, large, &err));
    df_image_free(img);
    CHECK_STATUS(DF_E_LIMIT, df_image_load(df, large, &img, &err)); /* 40,000 pixels, 10,000 allowed */
    CHECK_HAS(err.message, large);
    CHECK(img == NULL);
    CHECK_STATUS(DF_E_DECODE, df_image_decode(df, "not an image", 12, &img, &err));
    CHECK_STATUS(DF_E_DECODE, df_image_decode(df, "", 0, &img, &err));
    CHECK_STATUS(DF_E_LIMIT, df_image_decode(df, rgb, sizeof rgb, &img, &err));
    CHECK_STATUS(DF_E_IO, df_image_load(df, "/nowhere.png", &img, &err));
    df_engine_free(df);
}

TEST(every_failed_allocation_is_told)
{
    df_error err;
    df_image *img;
    uint8_t rgb[12] = {0};
    for (size_t n = 1; n < 20; n++) {
        test_alloc_fail_at(n);
        df_status st = df_image_from_rgb(2, 2, 0, rgb, &img, &err);
        size_t seen = test_alloc_count();
        test_alloc_fail_at(0);
        if (st == DF_OK) {
            df_image_free(img);
            CHECK(seen < n);
            return;
        }
        assert_int_equal(st, DF_E_NO_MEMORY);
        CHECK(img == NULL);
    }
    fail();
}

TEST(null_handles_are_harmless)
{
    df_image_free(NULL);
    df_faces_free(NULL);
    df_chips_free(NULL);
    df_embeddings_free(NULL);
    df_engine_free(NULL);
    df_string_free(NULL);
    CHECK(df_image_width(NULL) == 0 && df_image_pixels(NULL) == NULL && df_faces_count(NULL) == 0 && df_faces_at(NULL, 0) == NULL);
    CHECK(df_chips_image(NULL, 0) == NULL && df_embeddings_row(NULL, 0) == NULL && df_embeddings_dims(NULL) == 0);
}
