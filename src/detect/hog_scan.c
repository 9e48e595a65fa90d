/* hog_scan.c - one walk down a picture: a row of features at a time, added to the ten rows of windows that it lies in. */
#include "detect/hog_scan.h"

#include <stdlib.h>
#include <string.h>

#include "detect/fhog.h"

/* dlib lays zeros around the map, BEFORE at the left and top, so that windows may reach outside by half of themselves. */
enum { SIDE = DF_HOG_SIDE, BEFORE = (SIDE - 1) / 2, AFTER = SIDE - 1 - BEFORE };

/* Floats between two planes of a row of features, and between the responses of two filters. */
static size_t stride_of(int width) { return ((size_t)df__fhog_columns(width) + SIDE + 2 * DF_HOG_LANES) & ~(size_t)(DF_HOG_LANES - 1); }

size_t df__hog_scan_room(int width, const df_hog_filters *filters)
{
    return df__fhog_room(width) + stride_of(width) * (DF_FHOG_PLANES + SIDE * filters->n);
}

static df_status add(df_hog_windows *list, const df_hog_window *w, df_error *err)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        df_hog_window *items = realloc(list->items, cap * sizeof *items);
        if (!items)
            return df__no_memory(err, "list of windows", cap * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = *w;
    return DF_OK;
}

static df_status pick(const float *responses, size_t stride, const df_dlib_hog *hog, int columns, double least, int level, int y,
                      df_hog_windows *out, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < hog->n; i++)
        for (int x = 0; x < columns; x++) {
            double response = (double)responses[i * stride + (size_t)x];
            if (response >= hog->threshold[i] + least) {
                df_hog_window w = {.score = response - hog->threshold[i], .filter = (int)i, .level = level, .x = x, .y = y};
                DF_TRY(add(out, &w, err));
            }
        }
done:
    return st;
}

df_status df__hog_scan(const df_packed *picture, const df_dlib_hog *hog, const df_hog_filters *filters, double least, int level, int first,
                       int end, float *memory, df_hog_windows *out, df_error *err)
{
    df_status st = DF_OK;
    int columns = df__fhog_columns(picture->width), rows = df__fhog_rows(picture->height);
    if (columns < 1 || rows < 1 || first >= end)
        return DF_OK;
    size_t stride = stride_of(picture->width), row = stride * hog->n;
    float *features = memory, *responses = features + DF_FHOG_PLANES * stride, *work = responses + SIDE * row;
    memset(memory, 0, (DF_FHOG_PLANES * stride + SIDE * row) * sizeof *memory);
    int from = first > BEFORE ? first - BEFORE : 0, to = end + AFTER < rows ? end + AFTER : rows;
    df_fhog walk;
    df__fhog_start(&walk, picture, from, work);
    /* Row y of the features is row m of the windows of row y + BEFORE - m; row r of the windows has the place r % SIDE. */
    for (int y = from; y < end + AFTER; y++) {
        if (y < to) {
            float *windows[SIDE];
            df__fhog_next(&walk, features + BEFORE, stride);
            for (int m = 0; m < SIDE; m++)
                windows[m] = responses + (size_t)((y + BEFORE - m + SIDE) % SIDE) * row;
            df__hog_filters_add(filters, features, stride, (size_t)columns, windows);
        }
        int complete = y - AFTER;
        float *of = responses + (size_t)((complete + SIDE) % SIDE) * row;
        if (complete >= first)
            DF_TRY(pick(of, stride, hog, columns, least, level, complete, out, err));
        memset(of, 0, row * sizeof *of);
    }
done:
    return st;
}
