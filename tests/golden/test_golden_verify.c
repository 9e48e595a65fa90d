/* Upstream's distances, thresholds and confidences: distances.csv, verdicts.csv. */
#include "golden.h"
#include "synthetic.h"
#include "verify/verify.h"

enum { DIMS = 512 };

TEST(distances_are_upstreams)
{
    df_error err;
    golden g = golden_open("distances.csv");
    size_t rows = 0;
    for (; golden_row(&g); rows++) {
        float a[DIMS], b[DIMS];
        double got;
        int metric = df__metric_find(g.fields[0]);
        size_t dims = (size_t)golden_int(&g, 1);
        CHECK(metric >= 0 && dims <= DIMS);
        synthetic_vector(a, dims, (uint32_t)golden_int(&g, 2));
        synthetic_vector(b, dims, (uint32_t)golden_int(&g, 3));
        for (size_t i = 0; i < dims && golden_int(&g, 4); i++)
            b[i] = a[i] + 0.3f * b[i];
        CHECK_OK(df__distance((df_metric)metric, a, b, dims, &got, &err));
        CHECK_NEAR(golden_number(&g, 5), got, 2e-6);
    }
    CHECK(rows == 100);
}

TEST(thresholds_and_confidences_are_upstreams)
{
    const df_recogniser *row = df__recogniser_find("Dlib");
    golden g = golden_open("verdicts.csv");
    size_t rows = 0;
    CHECK(row != NULL);
    for (; golden_row(&g); rows++) {
        int m = df__metric_find(g.fields[0]);
        double distance = golden_number(&g, 1);
        CHECK(m >= 0);
        CHECK_NEAR(golden_number(&g, 2), row->threshold[DF_ALIGN_EYES][m], 0);
        bool verified = distance <= row->threshold[DF_ALIGN_EYES][m];
        CHECK(verified == (golden_int(&g, 3) != 0));
        CHECK_NEAR(golden_number(&g, 4), df__confidence(distance, verified, &row->confidence[DF_ALIGN_EYES][m]), 0.00501);
    }
    CHECK(rows == 200);
}
