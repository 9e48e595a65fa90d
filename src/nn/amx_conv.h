/* amx_conv.h - convolutions over all channels as products of bfloat16 in AMX's matrix registers: pixels of the photo by channels, tap by tap, with nothing copied
 * for a window. Sums are of float32. */
#ifndef DF_NN_AMX_CONV_H
#define DF_NN_AMX_CONV_H

#include "nn/lanes.h"

/* One instruction's depth: numbers that lie side by side where the photo is staged, from `offset` on after an output's beginning, by the weights of inputs `first` to
 * `first + inputs - 1`. DF_AMX_DEPTH numbers are read; weights of what lies beyond are 0. */
typedef struct df_amx_step { int32_t offset, first, inputs; } df_amx_step;

/* Output p of those in a row begins at number p * apart. Steps are added up in their order.
 * `exact`: a number is the sum of two of bfloat16, the second what the first lacks; three products of them hold 16 bits of the true one. */
typedef struct df_amx_conv {
    int64_t            co;      /* at least 16 */
    bool               exact;
    int64_t            apart, steps;
    const df_amx_step *step;
    const uint16_t    *weights; /* df__amx_conv_pack() */
} df_amx_conv;

/* Bytes of the packed weights. */
size_t df__amx_conv_weights(const df_amx_conv *g);
/* From [inputs][co]. */
void df__amx_conv_pack(const df_amx_conv *g, const float *weights, uint16_t *out);

/* Stages n numbers, float32 or bfloat16 (`half`), at `to`, and what they lack at `to + rest` if rest is not 0. */
void df__amx_conv_stage(const void *x, bool half, int64_t n, uint16_t *to, int64_t rest);

/* The same of each `step`th pixel in chunks of DF_AMX_DEPTH channels, zeros behind the last: a chunk's numbers of all pixels side by side, `apart` from one chunk to the next. */
void df__amx_conv_sort(const void *x, bool half, int64_t pixels, int64_t step, int64_t channels, uint16_t *to, int64_t apart, int64_t rest);

/* Where sums go: `width` outputs of each `pitch`, as the rows of a photo in channels last; the first of the first photo is element `first` of y, that of the next one
 * `apart` further. */
typedef struct df_amx_out {
    void          *y;
    bool           half; /* y is of bfloat16 */
    bool           past; /* y is too large for the caches, and each 32 of its numbers fill whole lines: they need not be read to be written */
    const df_tail *tail; /* its tensors' elements are y's */
    int64_t        width, pitch, first, apart;
    const char    *ahead;  /* lines of memory that somebody will want soon, or NULL */
    int64_t        ahead_lines;
} df_amx_out;

/* Outputs 0 .. pixels - 1 of each of `photos`, which are staged at x, x + x_apart, ...; what at least 16 outputs see is there to be read. For `rows` see df__amx_point(). */
void df__amx_conv(const df_amx_conv *g, const uint16_t *x, int64_t rest, int64_t photos, int64_t x_apart, int64_t pixels, const df_amx_out *out, int *rows);

#endif
