#include "dlib_writer.h"
#include "models/dlib_shape.h"
#include "weights.h"

static df_error err;

static df_status parse(const writer *w)
{
    df_bytes file = written(w);
    df_shape_predictor *sp = NULL;
    df_status st = df__shape_predictor_parse(&file, "sp.dat", &sp, &err);
    CHECK((st == DF_OK) == (sp != NULL));
    df__shape_predictor_free(sp);
    return st;
}

TEST(a_small_predictor_is_read_whole)
{
    small_predictor p = small_predictor_default();
    writer w = {0};
    put_predictor(&w, &p);
    df_bytes file = written(&w);
    df_shape_predictor *sp;
    CHECK_OK(df__shape_predictor_parse(&file, "sp.dat", &sp, &err));
    assert_int_equal(df__shape_predictor_points(sp), 2);
    assert_int_equal(sp->n_cascades, 1);
    const df_shape_cascade *c = sp->cascades;
    assert_int_equal(c->n_trees, 2);
    assert_int_equal(c->n_splits, 1);
    assert_int_equal(c->n_pixels, 2);
    CHECK(sp->initial[1].x == 0.75f && sp->initial[1].y == 0.5f);
    CHECK(c->splits[1].first == 1 && c->splits[1].second == 0 && c->splits[1].threshold == -10.0f);
    assert_memory_equal(c->leaves, p.leaf, sizeof p.leaf);
    assert_memory_equal(c->delta, p.delta, sizeof p.delta);
    CHECK(c->anchor[0] == 0 && c->anchor[1] == 1);
    df__shape_predictor_free(sp);
    free(w.data);
}

TEST(a_file_cut_anywhere_is_refused)
{
    small_predictor p = small_predictor_default();
    writer w = {0};
    put_predictor(&w, &p);
    size_t whole = w.len;
    for (w.len = 0; w.len < whole; w.len++) {
        uint8_t *exact = malloc(w.len + !w.len); /* so that a sanitizer sees a read past the end */
        memcpy(exact, w.data, w.len);
        writer cut = {exact, w.len, w.len};
        CHECK_STATUS(DF_E_BAD_MODEL, parse(&cut));
        CHECK_HAS(err.message, "sp.dat");
        free(exact);
    }
    put_int(&w, 0); /* over the last byte, which is cut off, and one more */
    w.len = whole;
    put_bytes(&w, "x", 1);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(&w));
    free(w.data);
}

TEST(every_flipped_bit_is_read_or_refused)
{
    small_predictor p = small_predictor_default();
    writer w = {0};
    put_predictor(&w, &p);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * w.len; bit++) {
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        df_status st = parse(&w);
        CHECK(st == DF_OK || st == DF_E_BAD_MODEL);
        refused += st != DF_OK;
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(refused > 2 * w.len);
    free(w.data);
}

TEST(every_allocation_may_fail)
{
    small_predictor p = small_predictor_default();
    writer w = {0};
    put_predictor(&w, &p);
    test_alloc_fail_at(0);
    CHECK_OK(parse(&w));
    size_t n = test_alloc_count();
    CHECK(n >= 2);
    for (size_t i = 1; i <= n; i++) {
        test_alloc_fail_at(i);
        df_status st = parse(&w);
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    free(w.data);
}

static void expect_refused(const small_predictor *p, const char *why)
{
    writer w = {0};
    put_predictor(&w, p);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(&w));
    CHECK_HAS(err.message, why);
    free(w.data);
}

TEST(indices_past_their_list_are_refused)
{
    small_predictor p = small_predictor_default();
    p.first[1] = 2;
    expect_refused(&p, "compares pixels 2 and 0 of 2");
    p = small_predictor_default();
    p.second[0] = 65535;
    expect_refused(&p, "compares pixels 0 and 65535 of 2");
    p.second[0] = 65536;
    expect_refused(&p, "out of its range");
    p = small_predictor_default();
    p.anchor[1] = 2;
    expect_refused(&p, "out of its range");
}

/* Counts that promise far more than the file holds must cost nothing. */
TEST(hostile_counts_are_refused_by_what_is_left)
{
    const float four[4] = {0, 0, 1, 1};
    static const struct { int64_t cascades, trees, splits; } hostile[] = {
        {1LL << 40, 1, 1}, {1, 1LL << 40, 1}, {1, 1, (1LL << 40) - 1}, {1, 300, 255}, {2000, 0, 0},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        writer w = {0};
        put_int(&w, 1);
        put_column(&w, 4, four);
        put_int(&w, hostile[i].cascades), put_int(&w, hostile[i].trees), put_int(&w, hostile[i].splits);
        for (int k = 0; k < 4000; k++)
            put_int(&w, 0);
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_BAD_MODEL, parse(&w));
        CHECK(test_alloc_count() < 5);
        free(w.data);
    }
}

TEST(trees_that_are_not_full_are_refused)
{
    const float four[4] = {0, 0, 1, 1};
    writer w = {0};
    put_int(&w, 1);
    put_column(&w, 4, four);
    put_int(&w, 1), put_int(&w, 1), put_int(&w, 2);
    for (int k = 0; k < 100; k++)
        put_int(&w, 0);
    CHECK_STATUS(DF_E_BAD_MODEL, parse(&w));
    CHECK_HAS(err.message, "a tree is not full");
    free(w.data);
}

TEST(shapes_of_odd_length_or_one_point_are_refused)
{
    const float v[3] = {0, 0, 1};
    for (size_t n = 0; n <= 3; n++) {
        writer w = {0};
        put_int(&w, 1);
        put_column(&w, n, v);
        CHECK_STATUS(DF_E_BAD_MODEL, parse(&w));
        CHECK_HAS(err.message, "points");
        free(w.data);
    }
}

/* Sizes as dlib prints them: 15 cascades of 500 trees; depth 4. */
TEST(the_real_predictors_are_read)
{
    static const struct { const char *file; int points; } real[] = {
        {"shape_predictor_5_face_landmarks.dat", 5}, {"shape_predictor_68_face_landmarks.dat", 68},
    };
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        df_bytes file;
        df_shape_predictor *sp;
        if (!weights_map(real[i].file, &file))
            continue;
        any = true;
        CHECK_OK(df__shape_predictor_parse(&file, real[i].file, &sp, &err));
        assert_int_equal(df__shape_predictor_points(sp), real[i].points);
        assert_int_equal(sp->n_cascades, 15);
        for (size_t c = 0; c < 15; c++) {
            assert_int_equal(sp->cascades[c].n_trees, 500);
            assert_int_equal(sp->cascades[c].n_splits, 15);
        }
        df__shape_predictor_free(sp);
        df__bytes_free(&file);
    }
    if (!any)
        skip();
}
