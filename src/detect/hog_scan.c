/* hog_scan.c - one walk down a picture, with the ten rows of features in hand that a row of windows takes. */
#include "detect/hog_scan.h"

#include <stdlib.h>
#include <string.h>

#include "detect/fhog.h"

/* dlib lays zeros around the map, BEFORE at the left and top, so that windows may reach outside by half of themselves. */
enum { SIDE = DF_HOG_SIDE, BEFORE = (SIDE - 1) / 2, AFTER = SIDE - 1 - BEFORE };

/* SIDE rows of the map in turn, one of zeros, a row of responses, and what the steps work in. */
static size_t map_row(size_t stride) { return DF_FHOG_PLANES * stride; }

size_t df__hog_scan_room(int width, const df_hog_filters *filters)
{
    size_t columns = (size_t)df__fhog_columns(width), stride = df__hog_filters_stride(columns);
    return (SIDE + 1) * map_row(stride) + filters->n * stride + df__hog_filters_room(filters, columns) + df__fhog_room(width);
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
    size_t stride = df__hog_filters_stride((size_t)columns), row = map_row(stride);
    float *zeros = memory + SIDE * row, *responses = zeros + row, *work = responses + hog->n * stride;
    memset(memory, 0, (SIDE + 1) * row * sizeof *memory);
    df_fhog walk;
    int next = first > BEFORE ? first - BEFORE : 0;
    df__fhog_start(&walk, picture, next, work + df__hog_filters_room(filters, (size_t)columns));
    for (int y = first; y < end; y++) {
        const float *window[SIDE];
        for (; next <= y + AFTER && next < rows; next++)
            df__fhog_next(&walk, memory + (size_t)(next % SIDE) * row + BEFORE, stride);
        for (int m = 0; m < SIDE; m++) {
            int at = y - BEFORE + m;
            window[m] = at < 0 || at >= rows ? zeros : memory + (size_t)(at % SIDE) * row;
        }
        df__hog_filters_row(filters, window, (size_t)columns, work, responses);
        DF_TRY(pick(responses, stride, hog, columns, least, level, y, out, err));
    }
done:
    return st;
}
