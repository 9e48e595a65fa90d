/* Thresholds from the distances between a gallery's people: against counting all pairs. */
#include "../store/store_test.h"

#include "gallery/impostors.h"
#include "verify/verify.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

enum { PEOPLE = 300 };

static void *of_people(int n, const char *name)
{
    void *s;
    char person[16];
    CHECK_OK(ops->open(store_test_path(name), &store_test_key, DF_STORE_CREATE, &s, &err));
    for (int i = 0; i < n; i++) {
        snprintf(person, sizeof person, "p%d", i);
        CHECK_OK(store_test_put(s, (uint32_t)i, person, 2, &err)); /* the second face has no name */
    }
    return s;
}

TEST(thresholds_let_through_what_they_say)
{
    void *s = of_people(PEOPLE, "impostors");
    df_impostors c;
    double *all = malloc(sizeof *all * PEOPLE * PEOPLE);
    size_t pairs = 0;
    CHECK_OK(df__impostors(ops, s, DF_COSINE, true, &c, &err));
    for (uint32_t i = 0; i < PEOPLE; i++)
        for (uint32_t k = 0; k < i; k++) {
            float a[STORE_DIMS], b[STORE_DIMS];
            store_test_vector(i * 10, a), store_test_vector(k * 10, b);
            CHECK_OK(df__distance(DF_COSINE, a, b, STORE_DIMS, &all[pairs++], &err));
        }
    assert_int_equal(pairs, c.pairs), assert_int_equal(PEOPLE, c.people);
    for (double p = 1e-1; p > 3e-4; p /= 2) {
        bool extrapolated;
        double d = df__impostors_distance(&c, p, &extrapolated);
        size_t below = 0;
        for (size_t i = 0; i < pairs; i++)
            below += all[i] <= d;
        CHECK(!extrapolated);
        CHECK_NEAR(log2(p), log2((double)below / (double)pairs), 0.25);
        CHECK_NEAR(log2(p), log2(df__impostors_share(&c, d)), 1e-6);
    }
    free(all);
    ops->close(s);
}

TEST(beyond_what_the_pairs_show_it_is_on_the_safe_side)
{
    void *s = of_people(PEOPLE, "beyond");
    df_impostors c;
    bool extrapolated;
    CHECK_OK(df__impostors(ops, s, DF_COSINE, true, &c, &err));
    double last = df__impostors_distance(&c, 1e-3, &extrapolated);
    for (double p = 1e-4; p > 1e-12; p /= 10) {
        double d = df__impostors_distance(&c, p, &extrapolated);
        CHECK(extrapolated && (d < last || d == 0) && d >= 0);
        last = d;
    }
    CHECK(df__impostors_distance(&c, 1.0 / (double)c.pairs, &extrapolated) <= c.least[0]); /* no more than what was seen */
    ops->close(s);
}

TEST(what_was_measured_is_kept_until_the_people_change)
{
    void *s = of_people(40, "kept");
    df_impostors c, d;
    char *note;
    CHECK_OK(df__impostors(ops, s, DF_COSINE, true, &c, &err));
    CHECK_OK(ops->note(s, "impostors cosine", &note, &err));
    CHECK(note != NULL);
    free(note);
    CHECK_OK(store_test_put(s, 1000, "another", 1, &err));
    CHECK_OK(df__impostors(ops, s, DF_COSINE, true, &d, &err));
    assert_int_equal(40, d.people);
    CHECK_NEAR(c.least[5], d.least[5], 1e-8);
    for (uint32_t i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "new%u", i);
        CHECK_OK(store_test_put(s, 2000 + i, name, 1, &err));
    }
    CHECK_OK(df__impostors(ops, s, DF_COSINE, true, &d, &err));
    assert_int_equal(51, d.people);
    CHECK_OK(ops->set_note(s, "impostors cosine", "nonsense", &err));
    CHECK_OK(df__impostors(ops, s, DF_COSINE, false, &d, &err));
    assert_int_equal(51, d.people);
    ops->close(s);
}

TEST(few_people_are_refused)
{
    void *s = of_people(19, "few");
    df_impostors c;
    CHECK_STATUS(DF_E_ARGUMENT, df__impostors(ops, s, DF_COSINE, true, &c, &err));
    CHECK_HAS(err.message, "names 19 people; 20 are needed");
    ops->close(s);
}
