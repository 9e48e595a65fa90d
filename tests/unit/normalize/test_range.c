#include "normalize/normalize.h"
#include "test.h"

/* One pixel of B G R 0.2, 0.4, 0.6, that is 51, 102, 153; the results are worked out by hand from upstream's formulas. */
static void check(const char *name, float b, float g, float r)
{
    float v[3] = {0.2f, 0.4f, 0.6f};
    CHECK(df__range_find(name) >= 0);
    df__range_apply(v, 3, (df_range)df__range_find(name));
    CHECK_NEAR(b, v[0], 2e-5);
    CHECK_NEAR(g, v[1], 2e-5);
    CHECK_NEAR(r, v[2], 2e-5);
}

TEST(ranges_are_upstreams)
{
    check("base", 0.2f, 0.4f, 0.6f);
    check("raw", 51, 102, 153);
    check("Facenet2018", -0.6f, -0.2f, 0.2f);
    check("VGGFace", 51 - 93.5940f, 102 - 104.7624f, 153 - 129.1863f);
    check("VGGFace2", 51 - 91.4953f, 102 - 103.8827f, 153 - 131.0912f);
    check("ArcFace", -76.5f / 128, -25.5f / 128, 25.5f / 128);
    check("Facenet", -1.2247449f, 0, 1.2247449f); /* mean 102, deviation 51 sqrt(2/3) */
}

TEST(a_flat_picture_is_not_divided_by_zero)
{
    float v[12];
    for (int i = 0; i < 12; i++)
        v[i] = 0.5f;
    df__range_apply(v, 12, DF_RANGE_FACENET);
    for (int i = 0; i < 12; i++)
        CHECK_NEAR(0, v[i], 1e-6);
}

TEST(an_unknown_range_is_told) { assert_int_equal(df__range_find("imagenet"), -1); }
