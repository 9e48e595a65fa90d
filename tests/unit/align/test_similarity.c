#include "align/similarity.h"
#include "test.h"

TEST(a_quarter_turn_twice_as_large_and_shifted_is_found)
{
    df_error err;
    double m[6];
    /* (x, y) -> (-2 y + 5, 2 x + 7) */
    const df_point from[] = {{0, 0}, {1, 0}, {0, 1}, {3, 2}}, to[] = {{5, 7}, {5, 9}, {3, 7}, {1, 13}};
    const double expected[6] = {0, -2, 5, 2, 0, 7};
    CHECK_OK(df__similarity(from, to, 4, m, &err));
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(expected[i], m[i], 1e-12);
}

TEST(two_points_suffice_and_errors_are_spread_evenly)
{
    df_error err;
    double m[6];
    const df_point two[] = {{0, 0}, {2, 0}}, there[] = {{10, 10}, {10, 14}};
    CHECK_OK(df__similarity(two, there, 2, m, &err));
    CHECK_NEAR(10, m[2], 1e-12);
    CHECK_NEAR(2, m[3], 1e-12);
    /* four corners of a square to a kite: by symmetry no turn, the mean scale, the centre kept */
    const df_point square[] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}}, kite[] = {{-3, 0}, {3, 0}, {0, -1}, {0, 1}};
    CHECK_OK(df__similarity(square, kite, 4, m, &err));
    CHECK_NEAR(2, m[0], 1e-12);
    CHECK_NEAR(0, m[1], 1e-12);
    CHECK_NEAR(0, m[2], 1e-12);
}

TEST(points_that_define_no_transform_are_refused)
{
    df_error err;
    double m[6];
    const df_point same[] = {{1, 1}, {1, 1}}, to[] = {{0, 0}, {5, 5}}, nan[] = {{0, 0}, {NAN, 1}};
    CHECK_STATUS(DF_E_ARGUMENT, df__similarity(same, to, 2, m, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__similarity(to, nan, 2, m, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__similarity(to, to, 1, m, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__similarity(to, to, 0, m, &err));
}
