/* panel.h - products of rows by panels of 32 columns (df_panel): how the weights are packed, and rows as 16-bit whole numbers.
 *
 * Whole numbers have a scale a row, whose largest is DF_WHOLE_MOST, and one an output channel and run: with AVX-512 as many products at once as bfloat16 has, and a tenth of its error where the numbers of a
 * row are of one size. */
#ifndef DF_NN_PANEL_H
#define DF_NN_PANEL_H

#include "nn/kernel.h"

enum { DF_PANEL = 2 * DF_LANES_MOST /* columns */, DF_PANEL_CHUNK = 56 /* rows whose sums wait for their tails: room for so many times DF_PANEL floats */ };

/* The right side of such products. */
typedef struct df_panels {
    df_num  num;
    int64_t channels, columns; /* those with what fills the last vector */
    int64_t runs, seen, run;   /* of a row; numbers of a run; those with what fills the last step */
} df_panels;

df_panels df__panels_of(df_num num, int64_t runs, int64_t seen, int64_t channels);
int64_t   df__panels_count(const df_panels *p);
/* The weights with, of whole numbers, what 1 is worth in each column. */
size_t    df__panels_bytes(const df_panels *p);
/* plain: [runs][seen][channels] */
void      df__panels_pack(const df_panels *p, const float *plain, void *out);
/* The panel from `column` on, a multiple of DF_PANEL; rows, step, x and run_worth are the caller's. */
df_panel  df__panel_at(const df_panels *p, const void *weights, int64_t column, const void **at);

/* Rows of `left` - its rows, step, x and run_worth - by the panels from `column` to `after`, as pixels of y: `of` says which is the first and how many channels there are. */
void      df__panels_pixels(const df_panels *p, const void *weights, int64_t column, int64_t after, df_panel left, df_pixels of, const df_tail *tail, bool half_y, void *y, float *sums);

/* n numbers of float32 or bfloat16 to whole numbers; what 1 of those is worth. Where one is not finite no product is a number. */
float     df__whole_row(const void *x, bool half, int64_t n, int16_t *to);

#endif
