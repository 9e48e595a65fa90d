/* What people call race: read off the numbers of FaceRes, which runs once for it and for age and gender. */
#include "analyze/race_head.h"
#include "test.h"

static const int places[DF_RACE_HEAD] = {DF_RACE_WHITE, DF_RACE_BLACK, DF_RACE_ASIAN, DF_RACE_INDIAN, DF_RACE_OTHER};

TEST(without_features_the_biases_are_all)
{
    static const double none[DF_RACE_FEATURES];
    df_findings found = {0};
    double sum = 0, whole = 0;
    df__read_race(none, &found);
    for (int c = 0; c < DF_RACE_HEAD; c++)
        sum += exp(df__race_biases[c]);
    for (int c = 0; c < DF_RACE_HEAD; c++) {
        CHECK_NEAR(100 * exp(df__race_biases[c]) / sum, found.attributes.race[places[c]], 1e-4);
        whole += (double)found.attributes.race[places[c]];
    }
    CHECK_NEAR(100, whole, 1e-3);
    CHECK(isnan(found.attributes.race[DF_RACE_MIDDLE_EASTERN]) && isnan(found.attributes.race[DF_RACE_LATINO_HISPANIC]));
}

TEST(features_that_weigh_for_a_class_make_it_the_dominant_one)
{
    for (int c = 0; c < DF_RACE_HEAD; c++) {
        double features[DF_RACE_FEATURES];
        df_findings found = {0};
        for (int i = 0; i < DF_RACE_FEATURES; i++)
            features[i] = df__race_weights[c][i] > 0 ? df__race_weights[c][i] : 0; /* no feature is negative */
        df__read_race(features, &found);
        assert_int_equal(places[c], found.attributes.dominant_race);
        CHECK(found.attributes.race[places[c]] > 99);
    }
}

/* However great: exp of the least logit is 0, never a NaN. */
TEST(great_features_give_shares_all_the_same)
{
    double features[DF_RACE_FEATURES], whole = 0;
    df_findings found = {0};
    for (int i = 0; i < DF_RACE_FEATURES; i++)
        features[i] = i % 7 ? 0 : 1e30;
    df__read_race(features, &found);
    for (int c = 0; c < DF_RACE_HEAD; c++)
        whole += (double)found.attributes.race[places[c]];
    CHECK_NEAR(100, whole, 1e-3);
}

TEST(each_attribute_has_one_light_network_and_race_that_of_age)
{
    static const unsigned each[] = {DF_WITH_AGE, DF_WITH_GENDER, DF_WITH_EMOTION, DF_WITH_RACE};
    for (size_t k = 0; k < sizeof each / sizeof *each; k++) {
        int light = 0;
        for (size_t i = 0; df__attribute_at(i); i++)
            light += df__attribute_at(i)->family == DF_FAMILY_LIGHT && (df__attribute_at(i)->gives & each[k]);
        assert_int_equal(1, light);
    }
    CHECK(df__faceres.gives & DF_WITH_RACE);
}
