/* test_precision.c - how exact the networks of an engine are. */
#include "photos.h"

static df_error err;

TEST(a_precision_that_is_none_is_told)
{
    df_engine *df;
    df_engine_opts o = df_engine_opts_default();
    assert_string_equal(o.precision, "fast");
    o.precision = "faster";
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(&o, &df, &err));
    CHECK(df == NULL);
    CHECK_HAS(err.message, "precision: \"faster\" is none of: strict, fast, int8");
    o.precision = "";
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(&o, &df, &err));
}

typedef struct heard { char line[256]; } heard;

static void hear(void *user, df_log_level level, const char *message)
{
    (void)level;
    if (strstr(message, "precision"))
        snprintf(((heard *)user)->line, sizeof((heard *)user)->line, "%s", message);
}

static void check_log(df_engine_opts o, const char *expected)
{
    df_engine *df;
    heard h = {""};
    o.log = hear;
    o.log_user = &h;
    CHECK_OK(df_engine_new(&o, &df, &err));
    CHECK_HAS(h.line, expected);
    df_engine_free(df);
}

TEST(the_log_tells_the_precision)
{
    df_engine_opts o = df_engine_opts_default();
    check_log(o, "precision fast");
    o.precision = "INT8";
    check_log(o, "precision int8");
    o.precision = NULL;
    check_log(o, "precision fast");
    o.precision = "strict";
    o.size = offsetof(df_engine_opts, precision); /* an older caller, which has no such field */
    check_log(o, "precision fast");
}

static df_engine *engine_of(const char *precision)
{
    df_engine *df;
    df_engine_opts o = df_engine_opts_default();
    o.precision = precision;
    o.threads = 1;
    CHECK_OK(df_engine_new(&o, &df, &err));
    return df;
}

static double apart(df_embeddings *a, df_embeddings *b)
{
    double distance;
    CHECK(df_embeddings_count(a) == 1 && df_embeddings_count(b) == 1);
    CHECK_OK(df_distance("cosine", df_embeddings_row(a, 0), df_embeddings_row(b, 0), df_embeddings_dims(a), &distance, &err));
    df_embeddings_free(a);
    df_embeddings_free(b);
    return distance;
}

/* The recogniser alone, on one chip: 1e-4 is what "fast" promises (it was 1.2e-5 at most). The whole walk: the detector's points move by up to a
 * third of a pixel of the photo, and the chip with them; 2.2e-4 at most on six photos and all kernels that trials chose, 0.084 is the threshold. */
TEST(fast_embeddings_are_those_of_strict_to_four_nines)
{
    df_engine_free(engine_or_skip(1));
    static const char *const names[] = {"obama.jpg", "obama2.jpg", "biden.jpg"};
    df_engine *strict = engine_of("strict"), *fast = engine_of("fast");
    for (size_t i = 0; i < 3; i++) {
        df_opts o = df_opts_default();
        df_chips *chips;
        df_embeddings *e[2];
        CHECK_OK(df_represent(strict, photo(names[i]), &o, &e[0], &err));
        CHECK_OK(df_represent(fast, photo(names[i]), &o, &e[1], &err));
        CHECK_NEAR(0, apart(e[0], e[1]), 1e-3);
        CHECK_OK(df_extract(strict, photo(names[i]), &o, &chips, &err));
        o.detector = "skip";
        o.align = "none";
        CHECK_OK(df_represent_image(strict, df_chips_image(chips, 0), &o, &e[0], &err));
        CHECK_OK(df_represent_image(fast, df_chips_image(chips, 0), &o, &e[1], &err));
        CHECK_NEAR(0, apart(e[0], e[1]), 1e-4);
        df_chips_free(chips);
    }
    df_engine_free(strict);
    df_engine_free(fast);
}

TEST(int8_knows_who_is_who)
{
    df_engine_free(engine_or_skip(1));
    df_engine *df = engine_of("int8");
    df_verify_result r;
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), NULL, &r, &err));
    CHECK(r.verified);
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("biden.jpg"), NULL, &r, &err));
    CHECK(!r.verified);
    df_engine_free(df);
}
