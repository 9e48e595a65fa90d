/* Chips as insightface cuts them for the networks that it trains: arcface_chips.csv. */
#include "align/align.h"
#include "golden.h"
#include "photo.h"

enum { GRID = 8, SIDE = 112 };

static double block_mean(df_pixels px, int bx, int by, int c)
{
    double sum = 0;
    for (int y = by * SIDE / GRID; y < (by + 1) * SIDE / GRID; y++)
        for (int x = bx * SIDE / GRID; x < (bx + 1) * SIDE / GRID; x++)
            sum += px.data[(size_t)y * px.stride + 3 * (size_t)x + (size_t)c];
    return sum / (SIDE / GRID * (SIDE / GRID));
}

static df_face face_of(const golden *g)
{
    df_face f = {.has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    df_point *const to[5] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
    for (size_t i = 0; i < 5; i++)
        *to[i] = (df_point){(float)golden_number(g, 1 + 2 * i), (float)golden_number(g, 2 + 2 * i)};
    return f;
}

/* How far the chip's corners are from where they began, after our way to the photo and insightface's way back. */
static double off_at_corners(const double ours[6], const double back[6])
{
    double worst = 0;
    for (int i = 0; i < 4; i++) {
        double x = i & 1 ? SIDE - 1 : 0, y = i & 2 ? SIDE - 1 : 0;
        double u = ours[0] * x + ours[1] * y + ours[2], v = ours[3] * x + ours[4] * y + ours[5];
        worst = fmax(worst, hypot(back[0] * u + back[1] * v + back[2] - x, back[3] * u + back[4] * v + back[5] - y));
    }
    return worst;
}

/* Does the chip show nothing beyond the photo's edge? There warpAffine lets the last pixels fade into black, and ours end. */
static bool lies_inside(const double m[6], df_pixels px)
{
    for (int i = 0; i < 4; i++) {
        double x = i & 1 ? SIDE - 1 : 0, y = i & 2 ? SIDE - 1 : 0;
        double u = m[0] * x + m[1] * y + m[2], v = m[3] * x + m[4] * y + m[5];
        if (!(u >= 0 && v >= 0 && u < px.width - 1 && v < px.height - 1))
            return false;
    }
    return true;
}

TEST(chips_are_cut_as_insightface_cuts_them)
{
    df_error err;
    const df_template *t = df__template_find("arcface-112");
    golden g = golden_open("arcface_chips.csv");
    size_t cases = 0, whole = 0;
    double off = 0, worst = 0;
    CHECK(t && t->width == SIDE && t->height == SIDE);
    for (; golden_row(&g); cases++) {
        df_arena scratch = {0};
        df_pixels px, chip;
        float means[GRID * GRID * 3];
        double m[6], back[6], sum = 0;
        if (!golden_photo(g.fields[0], &px)) {
            while (golden_row(&g)) /* to its end, where it is closed */
                ;
            skip();
        }
        const df_face face = face_of(&g);
        CHECK_OK(df__points_transform(px, &face, t, NULL, NULL, &scratch, m, &err));
        for (size_t i = 0; i < 6; i++)
            back[i] = golden_number(&g, 11 + i);
        off = fmax(off, off_at_corners(m, back));
        CHECK_OK(df__align_points(px, t, m, 0, &scratch, &chip, &err));
        CHECK(golden_numbers(&g, 17, means, GRID * GRID * 3) == GRID * GRID * 3);
        const bool same_filter = hypot(m[0], m[3]) < 2 && lies_inside(m, px);
        for (int i = 0; i < GRID * GRID * 3; i++) {
            double d = fabs((double)means[i] - block_mean(chip, i / 3 % GRID, i / 3 / GRID, i % 3));
            sum += d / (GRID * GRID * 3);
            if (same_filter)
                worst = fmax(worst, d);
        }
        if (!(sum < 3))
            fail_msg("%s: means are off by %.2f on average", g.fields[0], sum);
        whole += same_filter;
        df__arena_free(&scratch);
        df__pixels_free(&px);
    }
    print_message("%zu chips, corners apart by %.4f pixels at most; of %zu the worst mean is off by %.2f\n", cases, off, whole, worst);
    CHECK(cases == 47 && whole >= 20);
    CHECK(off <= 0.01 && worst <= 1); /* ours cut to a whole level, as dlib does, warpAffine rounds: half a level */
}
