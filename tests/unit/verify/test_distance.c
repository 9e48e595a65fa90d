#include "test.h"
#include "verify/verify.h"

static double between(df_metric metric, const float *a, const float *b, size_t dims)
{
    df_error err;
    double d = -1;
    CHECK_OK(df__distance(metric, a, b, dims, &d, &err));
    return d;
}

TEST(the_four_distances_of_a_right_angle)
{
    const float a[] = {3, 0}, b[] = {0, 4};
    CHECK_NEAR(1.0, between(DF_COSINE, a, b, 2), 1e-15);
    CHECK_NEAR(5.0, between(DF_EUCLIDEAN, a, b, 2), 1e-15);
    CHECK_NEAR(sqrt(2.0), between(DF_EUCLIDEAN_L2, a, b, 2), 1e-15);
    CHECK_NEAR(0.5, between(DF_ANGULAR, a, b, 2), 1e-15);
}

TEST(equal_and_opposite_vectors_are_the_ends_of_the_scale)
{
    const float a[] = {0.1f, -0.2f, 0.3f}, b[] = {-0.1f, 0.2f, -0.3f};
    for (int m = 0; m < DF_METRICS; m++)
        CHECK_NEAR(0, between((df_metric)m, a, a, 3), 2e-8);
    CHECK_NEAR(2, between(DF_COSINE, a, b, 3), 1e-12);
    CHECK_NEAR(2, between(DF_EUCLIDEAN_L2, a, b, 3), 1e-12);
    CHECK_NEAR(1, between(DF_ANGULAR, a, b, 3), 1e-12);
}

TEST(a_distance_is_symmetric_and_scale_matters_to_euclidean_alone)
{
    float a[16], b[16], c[16];
    for (int i = 0; i < 16; i++)
        a[i] = (float)((i * 37 + 11) % 23) - 11, b[i] = (float)((i * 53 + 5) % 19) - 9, c[i] = 2 * b[i];
    for (int m = 0; m < DF_METRICS; m++) {
        CHECK_NEAR(between((df_metric)m, a, b, 16), between((df_metric)m, b, a, 16), 1e-12);
        if (m != DF_EUCLIDEAN)
            CHECK_NEAR(between((df_metric)m, a, b, 16), between((df_metric)m, a, c, 16), 1e-12);
    }
    CHECK(between(DF_EUCLIDEAN, a, b, 16) < between(DF_EUCLIDEAN, a, c, 16));
}

TEST(what_has_no_distance_is_refused)
{
    df_error err;
    double d;
    const float zero[2] = {0, 0}, one[2] = {1, 0}, bad[2] = {NAN, 1}, huge[2] = {INFINITY, 1};
    CHECK_STATUS(DF_E_ARGUMENT, df__distance(DF_COSINE, one, one, 0, &d, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__distance(DF_COSINE, zero, one, 2, &d, &err));
    CHECK_HAS(err.message, "length 0");
    CHECK_STATUS(DF_E_ARGUMENT, df__distance(DF_ANGULAR, one, zero, 2, &d, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__distance(DF_EUCLIDEAN, one, bad, 2, &d, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__distance(DF_EUCLIDEAN, huge, one, 2, &d, &err));
    CHECK_NEAR(1, between(DF_EUCLIDEAN, zero, one, 2), 0);
}
