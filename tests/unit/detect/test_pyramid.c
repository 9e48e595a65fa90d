#include "detect/pyramid.h"
#include "test.h"

static df_error err;

enum { MOST = 160 };

typedef struct picture { uint32_t *memory; df_packed px; } picture;

static picture new_picture(int w, int h)
{
    picture p = {.memory = malloc(df__packed_bytes(w, h))};
    p.px = df__packed_at(p.memory, w, h);
    return p;
}

static picture noise(int w, int h)
{
    uint8_t rgb[3 * MOST * MOST];
    for (int i = 0; i < 3 * w * h; i++)
        rgb[i] = (uint8_t)(i * 7919 % 257 + i / 5);
    picture p = new_picture(w, h);
    df__pack((df_pixels){w, h, 3 * (size_t)w, rgb}, &p.px);
    for (int i = 0; i < w * h; i++)
        CHECK(p.px.data[(size_t)(i / w) * p.px.stride + (size_t)(i % w)] ==
              ((uint32_t)rgb[3 * i] | (uint32_t)rgb[3 * i + 1] << 8 | (uint32_t)rgb[3 * i + 2] << 16));
    return p;
}

static picture resized(const df_packed *from, int w, int h, int bands)
{
    df_arena arena = {0};
    df_resize_plan plan;
    picture to = new_picture(w, h);
    CHECK_OK(df__resize_plan(from->width, from->height, w, h, &arena, &plan, &err));
    for (int i = 0; i < bands; i++)
        df__packed_resize(&plan, from, &to.px, h * i / bands, h * (i + 1) / bands);
    df__arena_free(&arena);
    return to;
}

static int level(const df_packed *px, int x, int y, int c) { return (int)(px->data[(size_t)y * px->stride + (size_t)x] >> 8 * c & 255); }

TEST(corners_stay_and_the_middle_is_the_mean)
{
    uint8_t rgb[12] = {0, 100, 200, 100, 100, 0, 50, 200, 100, 250, 0, 7};
    picture from = new_picture(2, 2);
    df__pack((df_pixels){2, 2, 6, rgb}, &from.px);
    picture to = resized(&from.px, 3, 3, 1);
    for (int c = 0; c < 3; c++) {
        CHECK(level(&to.px, 0, 0, c) == rgb[c] && level(&to.px, 2, 0, c) == rgb[3 + c]);
        CHECK(level(&to.px, 0, 2, c) == rgb[6 + c] && level(&to.px, 2, 2, c) == rgb[9 + c]);
        CHECK(level(&to.px, 1, 1, c) == (rgb[c] + rgb[3 + c] + rgb[6 + c] + rgb[9 + c]) / 4);
        CHECK(level(&to.px, 1, 0, c) == (rgb[c] + rgb[3 + c]) / 2);
    }
    free(from.memory), free(to.memory);
}

TEST(a_picture_of_the_same_size_is_the_same)
{
    picture from = noise(77, 31), to = resized(&from.px, 77, 31, 1);
    for (int y = 0; y < 31; y++)
        assert_memory_equal(from.px.data + (size_t)y * from.px.stride, to.px.data + (size_t)y * to.px.stride, 77 * sizeof(uint32_t));
    free(from.memory), free(to.memory);
}

/* Fractions are cut off, and floats may fall on the other side of a whole number: one level of difference to exact arithmetic. */
static void check_against_doubles(int w, int h, int to_w, int to_h)
{
    picture from = noise(w, h), to = resized(&from.px, to_w, to_h, 3);
    for (int y = 0; y < to_h; y++)
        for (int x = 0; x < to_w; x++) {
            double fx = to_w > 1 ? (double)x * (w - 1) / (to_w - 1) : 0, fy = to_h > 1 ? (double)y * (h - 1) / (to_h - 1) : 0;
            int l = (int)fx, t = (int)fy, r = l + 1 < w ? l + 1 : l, b = t + 1 < h ? t + 1 : t;
            for (int c = 0; c < 3; c++) {
                double v = (1 - (fy - t)) * ((1 - (fx - l)) * level(&from.px, l, t, c) + (fx - l) * level(&from.px, r, t, c)) +
                           (fy - t) * ((1 - (fx - l)) * level(&from.px, l, b, c) + (fx - l) * level(&from.px, r, b, c));
                if (!(fabs(v - 0.5 - level(&to.px, x, y, c)) <= 0.51))
                    fail_msg("%d x %d to %d x %d, at %d, %d: %d, not %.3f cut", w, h, to_w, to_h, x, y, level(&to.px, x, y, c), v);
            }
        }
    free(from.memory), free(to.memory);
}

TEST(enlarged_and_reduced_pictures_are_bilinear)
{
    check_against_doubles(60, 45, 122, 91);
    check_against_doubles(122, 91, 101, 75);
    check_against_doubles(101, 75, 84, 62);
    check_against_doubles(150, 20, 30, 90); /* sixteen columns come from more than 32 pixels */
    check_against_doubles(1, 1, 4, 3);
    check_against_doubles(2, 1, 6, 3);
    check_against_doubles(5, 7, 1, 1);
}

TEST(bands_give_the_rows_of_the_whole)
{
    picture from = noise(131, 97), one = resized(&from.px, 109, 80, 1), five = resized(&from.px, 109, 80, 5);
    for (int y = 0; y < 80; y++)
        assert_memory_equal(one.px.data + (size_t)y * one.px.stride, five.px.data + (size_t)y * five.px.stride, 109 * sizeof(uint32_t));
    free(from.memory), free(one.memory), free(five.memory);
}

TEST(no_memory_for_the_plan_is_told)
{
    df_resize_plan plan;
    df_arena arena = {0};
    test_alloc_fail_at(1);
    df_status st = df__resize_plan(10, 10, 20, 20, &arena, &plan, &err);
    test_alloc_fail_at(0);
    CHECK_STATUS(DF_E_NO_MEMORY, st);
    df__arena_free(&arena);
}
