#include "test.h"
#include "verify/verify.h"

static const df_confidence_row *eyes(df_metric metric) { return &df__recogniser_find("Dlib")->confidence[DF_ALIGN_EYES][metric]; }

/* find_confidence(distance, "Dlib", verified, metric) of deepface 0.0.103, which rounds to two decimals: hence the tolerance. */
TEST(confidences_are_upstreams)
{
    static const struct { double distance; df_metric metric; bool verified; double percent; } cases[] = {
        {0.05, DF_COSINE, true, 67.49},      {0.02, DF_COSINE, true, 93.86},       {0.09, DF_COSINE, false, 22.42},
        {0.2, DF_COSINE, false, 0.13},       {0.4, DF_EUCLIDEAN, true, 83.92},     {0.7, DF_EUCLIDEAN, false, 18.79},
        {0.3, DF_EUCLIDEAN_L2, true, 72.7},  {0.55, DF_EUCLIDEAN_L2, false, 9.4},  {0.1, DF_ANGULAR, true, 64.81},
        {0.2, DF_ANGULAR, false, 1.56},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_NEAR(cases[i].percent, df__confidence(cases[i].distance, cases[i].verified, eyes(cases[i].metric)), 0.00501);
}

static void falls_and_breaks(const df_recogniser *row)
{
    for (int a = 0; a < DF_ALIGNS; a++)
        for (int m = 0; m < DF_METRICS; m++) {
            double threshold = row->threshold[a][m], last = 101;
            for (int i = 0; i <= 200; i++) {
                double d = threshold * i / 100, c = df__confidence(d, d <= threshold, &row->confidence[a][m]);
                CHECK(c <= last && c >= 0 && c <= 100);
                CHECK(d <= threshold ? c >= 51 : c <= 49);
                last = c;
            }
        }
}

TEST(confidence_falls_with_distance_and_breaks_at_the_threshold)
{
    for (size_t i = 0; df__recogniser_at(i); i++)
        falls_and_breaks(df__recogniser_at(i));
}

TEST(the_same_vector_is_certain_and_an_unknown_row_is_undecided)
{
    const df_confidence_row none = {0};
    CHECK_NEAR(100, df__confidence(0, true, &none), 0);
    CHECK_NEAR(0, df__confidence(0, false, &none), 0);
    CHECK_NEAR(51, df__confidence(0.3, true, &none), 0); /* upstream's answer for a model without a curve */
    CHECK_NEAR(49, df__confidence(0.3, false, &none), 0);
}
