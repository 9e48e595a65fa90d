/* haar_run.h - what the files haar*.c share: the cascade in running order, and the integral pictures of one scale. */
#ifndef DF_DETECT_HAAR_RUN_H
#define DF_DETECT_HAAR_RUN_H

#include "detect/haar.h"

enum {
    DF_HAAR_LANES = 8, /* windows that are looked at together */
    DF_HAAR_SLACK = 32, /* numbers that may be read behind the last one that counts */
};

/* A feature is a sum over corners of its rectangles, each a place in the window and a whole factor; like corners are one. */
typedef struct df_haar_corner { int x, y, factor; bool tilted; } df_haar_corner;
/* Corners [first, first + n); children as in df_cascade_node; `high` is the right leaf of a stump, `differ` the bits in which the left one
 * is another double. */
typedef struct df_haar_node { uint32_t first, n; double high; int64_t differ; float threshold; int left, right; } df_haar_node;

struct df_haar {
    int               width, height;
    bool              stumps, tilted;
    df_cascade_stage *stages;
    df_cascade_tree  *trees;
    df_haar_node     *nodes;
    float            *leaves;
    df_haar_corner   *corners;
    int32_t          *factors; /* of the corners */
    size_t            n_stages, n_corners;
};

/* How integral pictures lie in memory. With `step` 2 only every second window of a row is looked at: even columns lie together, then
 * odd ones, so that neighbouring windows are neighbours in memory too. */
typedef struct df_haar_layout { size_t stride, odd; int step; } df_haar_layout; /* odd: from an even column to the odd one beside it */

static inline size_t df__haar_place(const df_haar_layout *l, size_t x, size_t y)
{
    return y * l->stride + (l->step == 2 ? (x & 1) * l->odd + (x >> 1) : x);
}

/* One scale of the pyramid. */
typedef struct df_haar_layer {
    float     scale;
    int       width, height; /* of the scaled picture */
    int       step;          /* pixels from window to window, both ways */
    int       across, down;  /* windows in a row, rows of windows */
    uint32_t *first;         /* [width] left of the two columns of the photo that make a column; NULL: the photo as it is */
    uint8_t  *part;          /* [width] how much of the right one, of 256: below 256, the rest is the left one's */
} df_haar_layer;

/* Integral pictures of a strip of one scale, made a row at a time. Differences are what counts, so sums may wrap around. */
typedef struct df_haar_rows {
    df_haar_layout       layout;
    uint32_t            *sum, *square, *slant; /* [rows + 1][stride]; slant: tilted sums, NULL where no feature needs them */
    uint32_t            *pairs;                /* [photo's width] */
    uint8_t             *line[2];              /* a scaled row, and the one before it */
    uint32_t            *old[2];               /* two rows of tilted sums, columns side by side */
    const df_haar_layer *layer;
    df_grey              grey;
    int                  top, made;            /* rows of the scaled picture: where the strip begins, how many are in */
} df_haar_rows;

/* Numbers that a row of integrals needs. */
size_t df__haar_stride(int width);
/* Columns of a layer: set first and part. */
df_status df__haar_columns(int from, df_haar_layer *layer, df_arena *scratch, df_error *err);
df_status df__haar_rows_new(df_grey grey, int rows, bool tilted, df_arena *scratch, df_haar_rows *out, df_error *err);
void df__haar_rows_begin(df_haar_rows *r, const df_haar_layer *layer, int top);
/* Bring in scaled rows until `n` are there. */
void df__haar_rows_upto(df_haar_rows *r, int n);

/* A cascade laid over integral pictures of one layout. */
typedef struct df_haar_scan {
    const df_haar *haar;
    int32_t       *offset; /* of each corner */
    int32_t        norm[4];
    size_t         square; /* from a sum to the square sum of the same place */
    uint8_t       *mark;   /* a row's scratch */
    float         *scale;
} df_haar_scan;

typedef struct df_haar_hit { uint32_t index; double weight; } df_haar_hit;
/* Windows at[0], at[1] .. at[n - 1] of a row: those that pass every stage, in order. `hits` holds n; the scratch of `s`, n rounded up
 * to whole lanes. */
size_t df__haar_scan_row(const df_haar_scan *s, const uint32_t *at, size_t n, df_haar_hit *hits);

#endif
