/* lanes.h - the hot loops of kernels that are ours, in vectors as wide as the processor has: Winograd's transforms, conversions to the
 * numbers of fast products, and what follows a sum. lanes_base.c, lanes_v3.c and lanes_v4.c are the same code built for one level each. */
#ifndef DF_NN_LANES_H
#define DF_NN_LANES_H

#include "nn/winograd.h"

enum { DF_LANES_MOST = 16 }; /* the widest vector: tiles have at least so many channels, tails' channels come in multiples of it */

/* What comes after a sum: the bias, then those posts that df__lanes_know() says yes to. */
typedef struct df_tail {
    const float    *bias; /* or NULL */
    const df_fused *fused; /* or NULL */
    const void     *add[DF_MAX_POSTS]; /* of DF_POST_ADD: the tensor, shaped like the output, channels last */
    bool            half[DF_MAX_POSTS]; /* it is of bfloat16 */
} df_tail;

/* A convolution of each channel by itself, along a row of `w` pixels of c channels, at least DF_LANES_MOST of them. */
typedef struct df_depthwise {
    int64_t      w, ow, c;
    int          rows, columns, stride, pad, dilation; /* of the window; what follows is along the row */
    int64_t      apart;   /* numbers from one pixel of the output to the next, 0: c of them */
    const float *weights; /* [rows][columns][c] */
    int64_t      ahead;   /* bytes from a row of inputs to the one that the next row of outputs, `stride` rows below, sees in its place; 0: they are in the caches */
    void       (*between)(void); /* or NULL: called every few hundred cycles */
} df_depthwise;

/* A convolution over all channels, along a row of w pixels of ci channels: `ow` outputs of co, at least DF_LANES_MOST of them. Number i of pixel x lies at
 * x * pixel + i * channel. A row that is NULL is all 0. A window is of one pixel, without padding, or sees no more than DF_DENSE_TAPS numbers. */
enum { DF_DENSE_TAPS = 256 };
typedef struct df_dense {
    int64_t      w, ow, ci, co, pixel, channel;
    int          rows, columns, stride, pad;
    const float *weights; /* [rows][columns][ci][co] */
} df_dense;

/* Products of pixels of ci channels, a multiple of 8, with up to DF_FEW_MOST outputs of each; outs: 4 or 8, co of which count. */
enum { DF_FEW_MOST = 8 };
typedef struct df_few {
    int64_t         ci, co;
    const float    *weights, *bias; /* weights: [ci / 4][outs][4]; bias: or NULL */
    const uint16_t *halves;         /* [ci / 8][outs][8], twice: rounded, and what the rounded ones lack */
} df_few;

/* Maxima of windows along a row of w pixels of c channels, at least DF_LANES_MOST of them. All rows are there. */
typedef struct df_most { int64_t w, ow, c; int rows, columns, stride, pad; } df_most;

/* The taps of a window at one output index along one axis: the first inside the input, how many are, how many a mean counts. */
typedef struct df_taps { int64_t first, n, counted; } df_taps;

/* A line of pools of c channels; `down`: what the rows of the windows were. */
typedef struct df_pool_line {
    int64_t        ow, c, step; /* step: numbers from tap to tap */
    const df_taps *along;       /* of each output */
    df_taps        down;
    bool           max, with_pad, room; /* room: DF_LANES_MOST numbers may be read behind the input */
} df_pool_line;

/* Channels out go by DF_LANES_MOST columns of a product: of a number that is no multiple the last ones reach back into those before them. */
static inline int64_t df__channel_of(int64_t channels, int64_t column)
{
    int64_t first = column - column % DF_LANES_MOST;
    return (first + DF_LANES_MOST > channels ? channels - DF_LANES_MOST : first) + column % DF_LANES_MOST;
}

/* Tiles on the way out: [place][count][channels], columns (df__channel_of()) from `channel` on; both are multiples of DF_LANES_MOST. */
typedef struct df_tiles { int64_t first, count, channel, channels; } df_tiles;

/* y[rows][columns] = x w, of 16 or 32 columns. A step of the sums reads four bytes of a row and of a column: a number of float32, or two of bfloat16 or of 16-bit whole
 * numbers. A row of x is `runs` pieces of `steps` each; those of row 0 begin at x[run] - NULL: all 0 - and of others `step` bytes apart. w is [runs][steps][columns].
 * Of whole numbers: after how many steps sums go to float32, and what 1 is worth in each run of x, and in each [run][column] of w. */
typedef struct df_panel { int64_t rows, steps, step, columns, piece; int runs; const void *const *x; const float *run_worth, *column_worth; } df_panel;

/* Whole numbers: those of x are DF_WHOLE_MOST at most. Their sums are of 32 bits, and go to float32 before they may overflow: each DF_WHOLE_STEPS steps or less (df__whole_steps()), for
 * which the magnitudes of a column's weights make DF_WHOLE_SUM at most. */
enum { DF_WHOLE_MOST = (1 << 14) - 1, DF_WHOLE_STEPS = 64, DF_WHOLE_SUM = INT32_MAX / DF_WHOLE_MOST };
static inline int64_t df__whole_steps(int64_t steps) /* of pieces as long as each other that a run is cut into */
{
    int64_t pieces = (steps + DF_WHOLE_STEPS - 1) / DF_WHOLE_STEPS;
    return pieces > 0 ? (steps + pieces - 1) / pieces : 1;
}

/* Such rows as pixels of an output of so many channels, at least 8, in columns (df__channel_of()) from `column` on; the first pixel is element `at` of it. Of
 * fewer channels than DF_LANES_MOST nothing is added, and biases and slopes are there for so many. */
typedef struct df_pixels {
    int64_t pixels, columns, column, channels, at;
    bool    far; /* the output is too large to be in the caches */
} df_pixels;

enum { DF_LANES_NUMS = 3 }; /* kinds of numbers that are multiplied */

/* Photos, and the tiled side on the way in, are of float32 or bfloat16: [0] and [1]. */
typedef struct df_lanes {
    /* Tiles first .. first + count of photos in channels last, at least DF_LANES_MOST channels; tiled side: [place][count][channels]. */
    void (*in_2[2][2])(const df_wino *g, const void *x, int64_t first, int64_t count, void *v);
    void (*in_4[2][2])(const df_wino *g, const void *x, int64_t first, int64_t count, void *v);
    void (*out_2[2])(const df_wino *g, const df_tiles *of, const float *m, const df_tail *tail, void *y);
    void (*out_4[2])(const df_wino *g, const df_tiles *of, const float *m, const df_tail *tail, void *y);
    int panel_rows; /* that have their sums in registers */
    /* Of float32; of bfloat16; of 16-bit whole numbers; NULL where the processor has no such products. */
    void (*panel[DF_LANES_NUMS])(const df_panel *g, const void *w, float *y);
    /* The same as pixels of y, which is of bfloat16 or not; sums: room for rows x columns. */
    void (*pixels[DF_LANES_NUMS])(const df_panel *g, const void *w, const df_pixels *of, const df_tail *tail, bool half_y, void *y, float *sums);
    void (*to_bf16)(const float *x, uint16_t *y, int64_t n);
    void (*from_bf16)(const uint16_t *x, float *y, int64_t n);
    /* y = e^(x - top), x up to top: to 1 part in 10,000 before it is rounded; the sum of them, before too */
    float (*powers_bf16)(const float *x, int64_t n, float top, uint16_t *y);
    /* Least and most of the values and 0. */
    void (*range)(const float *x, int64_t n, float *least, float *most);
    /* Values times the factor, which brings them into range, to whole numbers. */
    void (*to_s8)(const float *x, int8_t *y, int64_t n, float factor);
    void (*to_u8)(const float *x, uint8_t *y, int64_t n, float factor);
    /* The largest magnitude; not finite where one is not. */
    float (*largest)(const float *x, int64_t n);
    /* The same as to_s8, of what is in range; NULL where `pixels` of whole numbers is. */
    void (*to_s16)(const float *x, int16_t *y, int64_t n, float factor);
    /* y[i] = x . matrix[i], for up to 4 columns of n values, n a whole number of lines of 64 bytes */
    void (*dots)(const float *matrix, const float *x, int64_t n, int64_t columns, float *y);
    void (*dots_bf16)(const uint16_t *matrix, const uint16_t *x, int64_t n, int64_t columns, float *y);
    void (*dots_s16)(const int16_t *matrix, const float *x, int64_t n, int64_t columns, float *y);
    /* the same of 8-bit numbers; sums stay below 2^31 for n up to 65536 */
    void (*dots_s8)(const int8_t *matrix, const uint8_t *x, int64_t n, int64_t columns, int32_t *y);
    /* y = tail(sums * scale); may be one and the same where both are float32 */
    void (*scaled_tail[2])(const float *sums, int64_t pixels, int64_t channels, float scale, const df_tail *tail, void *y);
    /* The largest of each of `count` numbers in n runs, `step` numbers apart (divisor 0), or their sum over the divisor. [x] */
    void (*pool[2])(const void *x, int64_t step, int n, int64_t count, float divisor, float *y);
    /* The same for each output of a line, whose windows are not empty or left out. [x][y] */
    void (*pool_line[2][2])(const df_pool_line *g, const void *x, void *y);
    /* Pixels of c channels, at least DF_LANES_MOST: sums += all of them, [x]; y = each by a number a channel, y may be x, [x][y]. */
    void (*sum_pixels[2])(const void *x, int64_t pixels, int64_t c, float *sums);
    void (*scale_pixels[2][2])(const void *x, int64_t pixels, int64_t c, const float *by, void *y);
    /* Convolutions: a product and the sum it goes into are one instruction where there is one, so that the last digit depends on the level. */
    /* A row of outputs of a convolution of each channel by itself. [x][y] */
    void (*depthwise[2][2])(const df_depthwise *g, const void *const *rows, int64_t at, const df_tail *tail, void *y);
    /* Rows of float32. */
    void (*dense)(const df_dense *g, const float *const *rows, const df_tail *tail, float *y);
    /* At least DF_LANES_MOST pixels. [x][y] */
    void (*few[2][2])(const df_few *g, const void *x, int64_t pixels, void *y);
    /* y = tail(y): pixels first .. end of a row, of at least DF_LANES_MOST channels. */
    void (*row_tail)(float *y, int64_t first, int64_t end, int64_t channels, const df_tail *tail);
    void (*most)(const df_most *g, const float *const *rows, float *y);
    /* Pixels of `from` channels, at least DF_LANES_MOST, become such of `to`: zeros stand behind. */
    void (*more_channels)(const float *x, int64_t pixels, int64_t from, int64_t to, float *y);
} df_lanes;

extern const df_lanes df__lanes_base;
#if defined(DF_LANES_LEVELS) /* by CMake, where those files are built */
extern const df_lanes df__lanes_v3, df__lanes_v4;
#endif
/* The best of them for this processor. */
const df_lanes *df__lanes(void);
bool df__lanes_know(const df_fused *fused); /* every post of it; NULL: yes */
bool df__lanes_whole(void);                 /* there are products of 16-bit whole numbers */

#endif
