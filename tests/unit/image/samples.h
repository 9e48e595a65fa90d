/* samples.h - pictures for the tests of this folder: the synthetic one of tools/golden/image.py, golden files, comparison. */
#ifndef DF_TEST_SAMPLES_H
#define DF_TEST_SAMPLES_H

#include "core/bytes.h"
#include "image/pixels.h"
#include "test.h"

/* smooth() of tools/golden/image.py */
static inline df_pixels sample_smooth(int w, int h)
{
    df_error  err;
    df_pixels px;
    CHECK_OK(df__pixels_new(w, h, &px, &err));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int noise = (x * 7919 + y * 104729 + x * y * 31) % 257 % 32;
            uint8_t *p = px.data + (size_t)y * px.stride + 3 * (size_t)x;
            p[0] = (uint8_t)(x * 255 / (w > 1 ? w - 1 : 1) + noise);
            p[1] = (uint8_t)(y * 199 / (h > 1 ? h - 1 : 1) + noise);
            p[2] = (uint8_t)((x * x + 3 * y * y) / 8 + noise);
        }
    return px;
}

static inline df_bytes sample_file(const char *name)
{
    df_error err;
    df_bytes bytes;
    char     path[1024];
    if (!test_golden_dir())
        fail_msg("no folder of golden files");
    snprintf(path, sizeof path, "%s/image/%s", test_golden_dir(), name);
    CHECK_OK(df__read_file(path, 1 << 20, &bytes, &err));
    return bytes;
}

/* A binary PPM, as the recorder writes it. */
static inline df_pixels sample_ppm(const char *name)
{
    char file[256];
    int  w = 0, h = 0, used = 0;
    snprintf(file, sizeof file, "%s.ppm", name);
    df_bytes bytes = sample_file(file);
    char head[32] = "";
    memcpy(head, bytes.data, bytes.len < 31 ? bytes.len : 31);
    if (sscanf(head, "P6 %d %d 255%n", &w, &h, &used) != 2 || (size_t)used + 1 + (size_t)w * (size_t)h * 3 != bytes.len)
        fail_msg("%s is not a PPM", file);
    df_error  err;
    df_pixels px;
    CHECK_OK(df__pixels_new(w, h, &px, &err));
    memcpy(px.data, bytes.data + used + 1, (size_t)w * (size_t)h * 3);
    df__bytes_free(&bytes);
    return px;
}

/* Every level within `most` of the other's. */
static inline void check_pixels(const char *what, df_pixels want, df_pixels got, int most)
{
    if (want.width != got.width || want.height != got.height)
        fail_msg("%s: %d x %d pixels, expected %d x %d", what, got.width, got.height, want.width, want.height);
    for (int y = 0; y < want.height; y++)
        for (int i = 0; i < 3 * want.width; i++) {
            int a = want.data[(size_t)y * want.stride + (size_t)i], b = got.data[(size_t)y * got.stride + (size_t)i];
            if (abs(a - b) > most)
                fail_msg("%s: channel %d of pixel (%d, %d) is %d, expected %d +- %d", what, i % 3, i / 3, y, b, a, most);
        }
}

static inline void check_pixel(df_pixels px, int x, int y, int r, int g, int b)
{
    const uint8_t *p = px.data + (size_t)y * px.stride + 3 * (size_t)x;
    if (p[0] != r || p[1] != g || p[2] != b)
        fail_msg("pixel (%d, %d) is %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

#endif
