/* dlib_hog.c - the reader of dlib_hog.h. Order in the file: dlib 19.24 image_processing/object_detector.h, scan_fhog_pyramid.h and
 * box_overlap_testing.h. */
#include "models/dlib_hog.h"

#include <stdlib.h>

#include "models/dlib_stream.h"

enum {
    VERSION = 2,         /* of object_detector */
    SCANNER_VERSION = 1, /* of scan_fhog_pyramid */
    CELL = 8,            /* pixels */
    WINDOW = CELL * DF_HOG_SIDE,
    WEIGHTS = DF_HOG_PLANES * DF_HOG_SIDE * DF_HOG_SIDE,
    MAX_FILTERS = 64,
    FILTER_BYTES = 2 * DF_DLIB_INT_BYTES + (WEIGHTS + 1) * DF_DLIB_FLOAT_BYTES,
};

typedef struct reader {
    df_dlib_stream in;
    df_dlib_hog   *hog;
    const char    *label;
    df_error      *err;
} reader;

static df_status read_scanner(reader *r)
{
    df_status st = DF_OK;
    df_dlib_stream *in = &r->in;
    (void)df__dlib_int(in, VERSION, VERSION);
    (void)df__dlib_int(in, SCANNER_VERSION, SCANNER_VERSION);
    (void)df__dlib_int(in, 0, INT64_MAX); /* room of the list of feature maps, */
    (void)df__dlib_int(in, 0, 0);         /* which a saved detector has none of */
    int64_t cell = df__dlib_int(in, 1, INT32_MAX), padding = df__dlib_int(in, 0, INT32_MAX);
    int64_t width = df__dlib_int(in, 1, INT32_MAX), height = df__dlib_int(in, 1, INT32_MAX);
    DF_TRY(df__dlib_check(in, r->label, r->err));
    if (cell != CELL || padding != 0 || width != WINDOW || height != WINDOW)
        return df__fail(r->err, DF_E_UNSUPPORTED, "%s: a window of %lld x %lld pixels, cells of %lld, padding of %lld; only %d x %d, %d, 0",
                        r->label, (long long)width, (long long)height, (long long)cell, (long long)padding, WINDOW, WINDOW, CELL);
    r->hog->max_levels = (int)df__dlib_int(in, 1, INT32_MAX);
    r->hog->min_width = (int)df__dlib_int(in, 1, INT32_MAX);
    r->hog->min_height = (int)df__dlib_int(in, 1, INT32_MAX);
    (void)df__dlib_double(in); /* strength of a term of the training */
    (void)df__dlib_int(in, WEIGHTS, WEIGHTS);
    r->hog->overlap = df__dlib_double(in);
    r->hog->covered = df__dlib_double(in);
    if (!(r->hog->overlap >= 0 && r->hog->overlap <= 1 && r->hog->covered >= 0 && r->hog->covered <= 1))
        df__dlib_fail(in, "an overlap is outside 0..1");
    st = df__dlib_check(in, r->label, r->err);
done:
    return st;
}

static df_status read_filters(reader *r)
{
    df_status st = DF_OK;
    df_dlib_stream *in = &r->in;
    df_dlib_hog *hog = r->hog;
    hog->n = df__dlib_count(in, FILTER_BYTES);
    if (hog->n < 1 || hog->n > MAX_FILTERS)
        df__dlib_fail(in, "not 1 to 64 filters");
    DF_TRY(df__dlib_check(in, r->label, r->err));
    hog->threshold = df__arena_calloc(&hog->arena, hog->n, sizeof *hog->threshold);
    hog->weights = df__arena_calloc(&hog->arena, hog->n * WEIGHTS, sizeof *hog->weights);
    if (!hog->threshold || !hog->weights)
        return df__no_memory(r->err, r->label, hog->n * (WEIGHTS + 1) * sizeof *hog->weights);
    for (size_t i = 0; i < hog->n && !in->bad; i++) {
        if (df__dlib_column(in) != WEIGHTS + 1)
            df__dlib_fail(in, "a filter has not 3100 weights and a threshold");
        for (size_t k = 0; k < WEIGHTS; k++)
            hog->weights[i * WEIGHTS + k] = df__dlib_double(in);
        hog->threshold[i] = df__dlib_double(in);
    }
    if (!in->bad && in->at != in->end)
        df__dlib_fail(in, "the file goes on behind its end");
    st = df__dlib_check(in, r->label, r->err);
done:
    return st;
}

df_status df__dlib_hog_parse(const df_bytes *file, const char *label, df_dlib_hog **out, df_error *err)
{
    df_status st = DF_OK;
    reader r = {.in = df__dlib_stream_of(file), .label = label, .err = err};
    *out = NULL;
    r.hog = calloc(1, sizeof *r.hog);
    if (!r.hog)
        return df__no_memory(err, label, sizeof *r.hog);
    DF_TRY(read_scanner(&r));
    DF_TRY(read_filters(&r));
    *out = r.hog, r.hog = NULL; /* handed over */
done:
    df__dlib_hog_free(r.hog);
    return st;
}

void df__dlib_hog_free(df_dlib_hog *hog)
{
    if (!hog)
        return;
    df__arena_free(&hog->arena);
    free(hog);
}
