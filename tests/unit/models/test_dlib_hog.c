/* A detector of one or two filters, and what may be wrong with one. The real one against dlib is in tests/golden. */
#include "dlib_writer.h"
#include "models/dlib_hog.h"

static df_error err;

enum { WEIGHTS = DF_HOG_PLANES * DF_HOG_SIDE * DF_HOG_SIDE };

typedef struct detector {
    int   version, scanner, feats, cell, padding, width, height, levels, dims, filters, weights;
    float overlap, covered;
} detector;

static const detector good = {.version = 2, .scanner = 1, .cell = 8, .width = 80, .height = 80, .levels = 1000, .dims = WEIGHTS, .filters = 2,
                              .weights = WEIGHTS + 1, .overlap = 0.25f, .covered = 0.75f};

static float weight_of(int filter, int k) { return (float)((k * 7 + filter * 3) % 17 - 8) / 64; }

static writer write(const detector *d)
{
    writer w = {0};
    put_int(&w, d->version), put_int(&w, d->scanner);
    put_int(&w, 0), put_int(&w, d->feats);
    put_int(&w, d->cell), put_int(&w, d->padding), put_int(&w, d->width), put_int(&w, d->height);
    put_int(&w, d->levels), put_int(&w, 64), put_int(&w, 48);
    put_float(&w, 9);
    put_int(&w, d->dims);
    put_float(&w, d->overlap), put_float(&w, d->covered);
    put_int(&w, d->filters);
    for (int i = 0; i < d->filters; i++) {
        put_int(&w, -d->weights), put_int(&w, -1);
        for (int k = 0; k < d->weights; k++)
            put_float(&w, weight_of(i, k));
    }
    return w;
}

static df_status parse_bytes(df_bytes file)
{
    df_dlib_hog *hog = NULL;
    df_status st = df__dlib_hog_parse(&file, "hog.dat", &hog, &err);
    CHECK((st == DF_OK) == (hog != NULL));
    df__dlib_hog_free(hog);
    return st;
}

static void refused(df_status expected, const detector *d, const char *why)
{
    writer w = write(d);
    CHECK_STATUS(expected, parse_bytes(written(&w)));
    CHECK_HAS(err.message, "hog.dat");
    CHECK_HAS(err.message, why);
    free(w.data);
}

TEST(a_detector_is_read_whole)
{
    writer w = write(&good);
    df_bytes file = written(&w);
    df_dlib_hog *hog;
    CHECK_OK(df__dlib_hog_parse(&file, "hog.dat", &hog, &err));
    CHECK(hog->n == 2 && hog->max_levels == 1000 && hog->min_width == 64 && hog->min_height == 48);
    CHECK(hog->overlap == 0.25 && hog->covered == 0.75);
    for (int i = 0; i < 2; i++) {
        CHECK(hog->threshold[i] == (double)weight_of(i, WEIGHTS));
        for (int k = 0; k < WEIGHTS; k++)
            CHECK(hog->weights[i * WEIGHTS + k] == (double)weight_of(i, k));
    }
    df__dlib_hog_free(hog);
    free(w.data);
}

TEST(a_file_cut_anywhere_is_refused)
{
    detector d = good;
    d.filters = 1;
    writer w = write(&d);
    for (size_t len = 0; len < w.len; len += len < 80 ? 1 : 37) {
        uint8_t *exact = malloc(len + !len); /* so that a sanitizer sees a read past the end */
        memcpy(exact, w.data, len);
        CHECK_STATUS(DF_E_BAD_MODEL, parse_bytes((df_bytes){.data = exact, .len = len}));
        CHECK_HAS(err.message, "hog.dat");
        free(exact);
    }
    put_bytes(&w, "x", 1);
    CHECK_STATUS(DF_E_BAD_MODEL, parse_bytes(written(&w)));
    CHECK_HAS(err.message, "goes on");
    free(w.data);
}

TEST(every_flipped_bit_of_the_head_is_read_or_refused)
{
    detector d = good;
    d.filters = 1;
    writer w = write(&d);
    for (size_t bit = 0; bit < 8 * 80; bit++) {
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        df_status st = parse_bytes(written(&w));
        CHECK(st == DF_OK || st == DF_E_BAD_MODEL || st == DF_E_UNSUPPORTED);
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(w.data);
}

TEST(other_sizes_are_not_supported_and_named)
{
    detector d = good;
    d.width = 96;
    refused(DF_E_UNSUPPORTED, &d, "96 x 80");
    d = good, d.cell = 4;
    refused(DF_E_UNSUPPORTED, &d, "cells of 4");
    d = good, d.padding = 1;
    refused(DF_E_UNSUPPORTED, &d, "padding of 1");
}

TEST(wrong_numbers_are_refused)
{
    detector d = good;
    d.version = 1;
    refused(DF_E_BAD_MODEL, &d, "out of its range");
    d = good, d.scanner = 2;
    refused(DF_E_BAD_MODEL, &d, "out of its range");
    d = good, d.feats = 1;
    refused(DF_E_BAD_MODEL, &d, "out of its range");
    d = good, d.levels = 0;
    refused(DF_E_BAD_MODEL, &d, "out of its range");
    d = good, d.dims = WEIGHTS - 1;
    refused(DF_E_BAD_MODEL, &d, "out of its range");
    d = good, d.overlap = 1.5f;
    refused(DF_E_BAD_MODEL, &d, "outside 0..1");
    d = good, d.covered = -0.5f;
    refused(DF_E_BAD_MODEL, &d, "outside 0..1");
    d = good, d.filters = 0;
    refused(DF_E_BAD_MODEL, &d, "not 1 to 64 filters");
    d = good, d.filters = 65;
    refused(DF_E_BAD_MODEL, &d, "not 1 to 64 filters");
    d = good, d.weights = WEIGHTS + 2;
    refused(DF_E_BAD_MODEL, &d, "3100 weights");
}

TEST(a_weight_that_is_no_finite_number_is_refused)
{
    detector d = good;
    d.filters = 1;
    writer w = write(&d);
    w.len -= 4; /* the threshold: mantissa and exponent of two bytes each */
    put_int(&w, 0), put_int(&w, 32002);
    CHECK_STATUS(DF_E_BAD_MODEL, parse_bytes(written(&w)));
    CHECK_HAS(err.message, "not finite");
    free(w.data);
}

TEST(every_allocation_may_fail)
{
    writer w = write(&good);
    test_alloc_fail_at(0);
    CHECK_OK(parse_bytes(written(&w)));
    size_t n = test_alloc_count();
    CHECK(n >= 2);
    for (size_t i = 1; i <= n; i++) {
        test_alloc_fail_at(i);
        df_status st = parse_bytes(written(&w));
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    free(w.data);
}
