/* Upstream's own crops and value ranges: eyes_synthetic.csv, eyes_photos.csv, ranges.csv. */
#include "align/align.h"
#include "golden.h"
#include "normalize/normalize.h"
#include "photo.h"
#include "synthetic.h"

enum { GRID = 8 };

static df_point point_at(const golden *g, size_t i) { return (df_point){(float)golden_number(g, i), (float)golden_number(g, i + 1)}; }

static df_face box_at(const golden *g, size_t i)
{
    return (df_face){.x = (float)golden_number(g, i), .y = (float)golden_number(g, i + 1), .w = (float)golden_number(g, i + 2),
                     .h = (float)golden_number(g, i + 3)};
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

TEST(crops_of_made_pictures_are_upstreams_within_a_grey_level)
{
    df_error err;
    golden g = golden_open("eyes_synthetic.csv");
    size_t cases = 0;
    for (; golden_row(&g); cases++) {
        df_arena scratch = {0};
        df_pixels px = synthetic_picture(golden_int(&g, 0), golden_int(&g, 1), (uint32_t)golden_int(&g, 2)), crop;
        df_face face = box_at(&g, 3);
        face.has = golden_int(&g, 7) ? DF_HAS_EYES : 0;
        face.left_eye = point_at(&g, 8), face.right_eye = point_at(&g, 10);
        CHECK_OK(df__align_eyes(px, &face, golden_number(&g, 12), &scratch, &crop, &err));
        int width = golden_int(&g, 13), height = golden_int(&g, 14);
        if (crop.width != width || crop.height != height)
            fail_msg("case %zu: crop is %d x %d, not %d x %d", cases, crop.width, crop.height, width, height);
        const char *hex = g.fields[15];
        CHECK(strlen(hex) == 6 * (size_t)width * (size_t)height);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < 3 * width; x++, hex += 2) {
                int want = 16 * hex_digit(hex[0]) + hex_digit(hex[1]), got = crop.data[(size_t)y * crop.stride + (size_t)x];
                if (abs(want - got) > 1)
                    fail_msg("case %zu: value %d of row %d is %d, not %d", cases, x, y, got, want);
            }
        df__arena_free(&scratch);
        df__pixels_free(&px);
    }
    CHECK(cases == 24);
}

static double block_mean(df_pixels px, int bx, int by, int c)
{
    int x0 = bx * px.width / GRID, x1 = (bx + 1) * px.width / GRID, y0 = by * px.height / GRID, y1 = (by + 1) * px.height / GRID;
    double sum = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            sum += px.data[(size_t)y * px.stride + 3 * (size_t)x + (size_t)c];
    return sum / ((double)(x1 - x0) * (y1 - y0));
}

TEST(crops_of_photos_are_upstreams)
{
    const char *data = test_data_dir();
    if (!data)
        skip();
    df_error err;
    golden g = golden_open("eyes_photos.csv");
    size_t cases = 0;
    double worst = 0;
    for (; golden_row(&g); cases++) {
        df_arena scratch = {0};
        df_pixels px = photo_at(data, g.fields[0]), crop;
        float means[GRID * GRID * 3];
        df_face face = box_at(&g, 1);
        face.has = DF_HAS_EYES, face.left_eye = point_at(&g, 5), face.right_eye = point_at(&g, 7);
        CHECK_OK(df__align_eyes(px, &face, golden_number(&g, 9), &scratch, &crop, &err));
        if (crop.width != golden_int(&g, 10) || crop.height != golden_int(&g, 11))
            fail_msg("%s: crop is %d x %d, not %s x %s", g.fields[0], crop.width, crop.height, g.fields[10], g.fields[11]);
        CHECK(golden_numbers(&g, 12, means, GRID * GRID * 3) == GRID * GRID * 3);
        for (int i = 0; i < GRID * GRID * 3; i++) {
            double off = fabs((double)means[i] - block_mean(crop, i / 3 % GRID, i / 3 / GRID, i % 3));
            if (!(off <= 0.05))
                fail_msg("%s, expand %s: mean %d is off by %.3f", g.fields[0], g.fields[9], i, off);
            worst = fmax(worst, off);
        }
        df__arena_free(&scratch);
        df__pixels_free(&px);
    }
    print_message("worst mean of %zu crops is off by %.3f\n", cases, worst);
    CHECK(cases == 40);
}

TEST(letterbox_and_ranges_are_upstreams)
{
    golden g = golden_open("ranges.csv");
    size_t cases = 0;
    for (; golden_row(&g); cases++) {
        int range = df__range_find(g.fields[0]), w = golden_int(&g, 4), h = golden_int(&g, 5);
        size_t n = 3 * (size_t)w * (size_t)h;
        float *got = calloc(n, sizeof *got), *want = calloc(n, sizeof *want), low, high;
        df_pixels px = synthetic_picture(golden_int(&g, 1), golden_int(&g, 2), (uint32_t)golden_int(&g, 3));
        CHECK(range >= 0 && got && want && golden_numbers(&g, 6, want, n) == n);
        df__letterbox(px, w, h, got);
        df__range_apply(got, n, (df_range)range);
        low = high = want[0];
        for (size_t i = 0; i < n; i++)
            low = fminf(low, want[i]), high = fmaxf(high, want[i]);
        for (size_t i = 0; i < n; i++)
            if (!(fabsf(want[i] - got[i]) <= 1e-5f * (high - low)))
                fail_msg("%s, case %zu: value %zu is %g, not %g", g.fields[0], cases, i, got[i], want[i]);
        df__pixels_free(&px);
        free(got);
        free(want);
    }
    CHECK(cases == 28);
}
