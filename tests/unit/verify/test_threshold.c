/* Thresholds: the model's own, and by the share of strangers that pass. */
#include "test.h"
#include "verify/verify.h"

static df_error err;
static const df_far_point fars[] = {{1e-1, {0.5, 5, NAN, 0.1}}, {1e-3, {0.3, 3, NAN, 0.08}}, {1e-4, {0.1, 2, NAN, 0.05}}};
static const df_recogniser row = {.name = "own", .threshold = {[DF_ALIGN_POINTS] = {[DF_COSINE] = 0.4}}, .far = {[DF_ALIGN_POINTS] = {fars, 3}}};

static double at(double far, df_metric metric)
{
    double d;
    CHECK_OK(df__threshold(&row, DF_ALIGN_POINTS, metric, far, &d, &err));
    return d;
}

TEST(without_a_share_it_is_the_rows_own)
{
    double d;
    CHECK_NEAR(0.4, at((double)NAN, DF_COSINE), 0);
    CHECK_STATUS(DF_E_ARGUMENT, df__threshold(&row, DF_ALIGN_POINTS, DF_ANGULAR, (double)NAN, &d, &err));
    CHECK_HAS(err.message, "threshold: own has none for metric angular with align points");
    CHECK_STATUS(DF_E_ARGUMENT, df__threshold(&row, DF_ALIGN_EYES, DF_COSINE, (double)NAN, &d, &err));
    CHECK(isnan(d));
}

TEST(a_share_lies_on_the_line_between_the_measured_ones)
{
    CHECK_NEAR(0.5, at(1e-1, DF_COSINE), 1e-12);
    CHECK_NEAR(0.4, at(1e-2, DF_COSINE), 1e-12);
    CHECK_NEAR(0.3, at(1e-3, DF_COSINE), 1e-12);
    CHECK_NEAR(2.5, at(sqrt(1e-7), DF_EUCLIDEAN), 1e-9);
    CHECK_NEAR(0.05, at(1e-4, DF_ANGULAR), 1e-12);
}

TEST(what_was_not_measured_is_refused)
{
    double d;
    CHECK_STATUS(DF_E_ARGUMENT, df__threshold(&row, DF_ALIGN_POINTS, DF_COSINE, 1e-5, &d, &err));
    CHECK_HAS(err.message, "far: 1e-05 is outside 0.0001..0.1, which was measured for own");
    CHECK_STATUS(DF_E_ARGUMENT, df__threshold(&row, DF_ALIGN_POINTS, DF_COSINE, 0.2, &d, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__threshold(&row, DF_ALIGN_POINTS, DF_EUCLIDEAN_L2, 1e-2, &d, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__threshold(df__recogniser_find("ArcFace"), DF_ALIGN_POINTS, DF_COSINE, 1e-2, &d, &err));
    CHECK_HAS(err.message, "nobody measured the false accepts of ArcFace with align points and metric cosine; known: Dlib (points, eyes)");
}

TEST(curves_of_the_catalogue_fall)
{
    size_t curves = 0;
    for (size_t i = 0; df__recogniser_at(i); i++)
        for (int a = 0; a < DF_ALIGNS; a++) {
            const df_far_curve *c = &df__recogniser_at(i)->far[a];
            curves += c->n > 1;
            for (size_t k = 1; k < c->n; k++)
                for (int m = 0; m < DF_METRICS; m++)
                    CHECK(c->at[k].far < c->at[k - 1].far && c->at[k].distance[m] < c->at[k - 1].distance[m] && c->at[k].distance[m] > 0);
        }
    CHECK(curves >= 2);
}
