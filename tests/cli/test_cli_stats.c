/* test_cli_stats.c - accuracy, folds and ROC against values worked out by hand. */
#include "stats.h"
#include "test.h"

static cli_stats stats_of(const cli_scored *pairs, size_t n, double threshold)
{
    cli_stats s;
    CHECK(cli_stats_of(pairs, n, threshold, &s));
    return s;
}

TEST(pairs_that_fall_apart_cleanly_are_perfect)
{
    const cli_scored p[] = {{0.1, true}, {0.6, false}, {0.3, true}, {0.5, false}};
    cli_stats s = stats_of(p, 4, 0.55);
    CHECK_NEAR(0.75, s.accuracy, 1e-12); /* 0.5 is accepted wrongly */
    CHECK_NEAR(1, s.best_accuracy, 1e-12);
    CHECK_NEAR(0.4, s.best_threshold, 1e-12); /* the middle of 0.3 and 0.5 */
    CHECK_NEAR(1, s.auc, 1e-12);
    CHECK_NEAR(0, s.eer, 1e-12);
    CHECK(s.pairs == 4 && s.same == 2);
}

TEST(a_distance_at_the_threshold_is_accepted)
{
    const cli_scored p[] = {{0.25, true}, {0.5, false}};
    CHECK_NEAR(1, stats_of(p, 2, 0.25).accuracy, 1e-12);
    CHECK_NEAR(0.5, stats_of(p, 2, 0.5).accuracy, 1e-12);
}

TEST(one_swap_of_four_gives_three_quarters_of_the_area)
{
    /* same 0.1 0.4, different 0.3 0.6: 3 of the 4 same-different pairs are in order */
    const cli_scored p[] = {{0.1, true}, {0.4, true}, {0.3, false}, {0.6, false}};
    cli_stats s = stats_of(p, 4, 0.2);
    CHECK_NEAR(0.75, s.auc, 1e-12);
    CHECK_NEAR(0.75, s.best_accuracy, 1e-12);
    CHECK_NEAR(0.2, s.best_threshold, 1e-12); /* the first of the equally good cuts, between 0.1 and 0.3 */
    CHECK_NEAR(0.5, s.eer, 1e-12);            /* at 0.3: one of two wrongly accepted, one of two rejected */
}

TEST(equal_distances_cannot_be_told_apart)
{
    const cli_scored p[] = {{0.5, true}, {0.5, false}, {0.5, true}, {0.5, false}};
    cli_stats s = stats_of(p, 4, 0.1);
    CHECK_NEAR(0.5, s.auc, 1e-12);
    CHECK_NEAR(0.5, s.best_accuracy, 1e-12);
    CHECK_NEAR(0.5, s.eer, 1e-12);
}

TEST(the_wrong_way_round_best_accepts_nothing)
{
    const cli_scored p[] = {{0.9, true}, {0.2, false}, {0.3, false}};
    cli_stats s = stats_of(p, 3, 0.25);
    CHECK_NEAR(2.0 / 3, s.best_accuracy, 1e-12);
    CHECK(s.best_threshold < 0.2);
    CHECK_NEAR(0, s.auc, 1e-12);
}

/* 1000 different pairs at 0.5005 + i/2000 and 200 same ones: what is accepted before the 10th and the 1st false one? */
TEST(tar_counts_what_few_false_acceptances_let_in)
{
    static cli_scored p[1200];
    for (int i = 0; i < 1000; i++)
        p[i] = (cli_scored){0.5005 + i / 2000.0, false};
    for (int i = 0; i < 200; i++) /* 150 below all, 20 between the 1st and 2nd, 20 between the 10th and 11th, 10 far above */
        p[1000 + i] = (cli_scored){i < 150 ? 0.1 : i < 170 ? 0.5007 : i < 190 ? 0.5052 : 2, true};
    cli_stats s = stats_of(p, 1200, 0.2);
    CHECK_NEAR(170.0 / 200, s.tar_1e3, 1e-12); /* one false acceptance of 1000 is allowed */
    CHECK_NEAR(190.0 / 200, s.tar_1e2, 1e-12); /* ten are */
    CHECK_NEAR((150 + 1000) / 1200.0, s.accuracy, 1e-12);
    s = stats_of(p, 999, 0.2); /* different ones alone */
    CHECK(isnan(s.auc) && isnan(s.best_accuracy) && isnan(s.tar_1e3));
    CHECK_NEAR(1, s.accuracy, 1e-12);
    s = stats_of(p + 901, 299, 0.2); /* 99 different pairs are too few for 1 % */
    CHECK(isnan(s.tar_1e2) && isnan(s.tar_1e3) && !isnan(s.auc));
}

/* Ten folds of one same (0.1) and one different (0.9) pair, but in the last fold both lie at 0.5 -+ 0.3 the wrong way round. */
TEST(folds_are_judged_at_the_threshold_of_the_others)
{
    cli_scored p[20];
    for (int i = 0; i < 10; i++) {
        p[2 * i] = (cli_scored){i == 9 ? 0.8 : 0.1, true};
        p[2 * i + 1] = (cli_scored){i == 9 ? 0.2 : 0.9, false};
    }
    cli_stats s = stats_of(p, 20, 0.5);
    CHECK_NEAR(18.0 / 20, s.accuracy, 1e-12);
    CHECK_NEAR(0.9, s.folds_accuracy, 1e-12); /* nine folds are right, the last is wrong on both */
    CHECK_NEAR(0.1, s.folds_spread, 1e-12);   /* standard error of nine 1 and one 0: sqrt(0.1 / 10) */
    CHECK(isnan(stats_of(p, 18, 0.5).folds_accuracy)); /* nine of each */
}

TEST(no_pairs_say_nothing)
{
    cli_stats s = stats_of(NULL, 0, 0.5);
    CHECK(s.pairs == 0 && isnan(s.accuracy) && isnan(s.auc) && isnan(s.folds_accuracy));
}
