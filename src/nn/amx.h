/* amx.h - rows of convolutions as products of bfloat16 in the matrix registers of AMX (Intel, from Sapphire Rapids on): 16 pixels by 32
 * inputs by 16 outputs are one instruction. Sums are of float32. */
#ifndef DF_NN_AMX_H
#define DF_NN_AMX_H

#include "nn/lanes.h"

enum { DF_AMX_SIDE = 16 /* rows and columns of a register's sums */, DF_AMX_DEPTH = 32 /* numbers that one instruction adds up */, DF_AMX_STEPS = 8 };

/* A convolution along a row of `pixels` outputs of co channels, at least DF_AMX_SIDE. Sums are made in steps of `depth` inputs each: a pixel's channels by
 * DF_AMX_DEPTH, or what a window sees of one row. `pairs`: an input is the sum of two numbers of bfloat16, the second one what the first lacks - the pixels of a photo
 * would be blurred - and so is a weight; a step has half as many. `exact_weights`: a weight alone is. */
typedef struct df_amx {
    int64_t         pixels, ci, co, added; /* added: channels of what df__amx_ends() adds, those behind are 0 */
    int             steps, depth;
    bool            pairs, exact_weights, half; /* half: x is of bfloat16 already, df__amx_depth() numbers a pixel with zeros at the end; not of pairs */
    const uint16_t *weights; /* df__amx_pack() */
} df_amx;

/* The processor has the registers and the system lets this process use them. */
bool df__amx_has(void);
int64_t df__amx_depth(int64_t ci); /* the next multiple of DF_AMX_DEPTH */
/* bfloat16 numbers of the weights; bytes of what a row needs while it is made. */
size_t df__amx_weights(const df_amx *g);
size_t df__amx_room(const df_amx *g);
/* [inputs][co] of float32, `depth` inputs a step, those that are left in the last one. */
void df__amx_pack(const df_amx *g, const float *weights, int64_t inputs, uint16_t *out);
/* Planes of a row, `apart` numbers from one to the next, to pixels of c channels, pairs of bfloat16. */
void df__amx_pixels(const float *planes, int64_t apart, int64_t pixels, int64_t c, uint32_t *out);

/* What most layers end with: a bias, a sum and a bend, or less. In this order, and nothing else. */
bool df__amx_ends(const df_fused *fused);

/* y = tail(x . weights), x[pixels][ci] of float32, or `half`: a window of one pixel. `room`: df__amx_room() bytes on a line of 64.
 * A thread's registers are configured when *rows, 0 at first, says that they are not; df__amx_end() gives them back, before anybody else uses them. */
void df__amx_point(const df_amx *g, const void *x, const df_tail *tail, void *room, float *y, int *rows);
/* The same of windows of pairs: rows, one a step, NULL where all is 0; `step` pairs from one window to the next. DF_AMX_DEPTH / 2 pairs from the last window's
 * beginning on are read, those of other pixels times 0. */
void df__amx_window(const df_amx *g, const uint32_t *const *x, int64_t step, const df_tail *tail, void *room, float *y, int *rows);
/* The matrix unit falls asleep some 700 cycles after its last product and takes 800 to wake up. Who has registers configured and does something else calls this
 * now and then: one product, for nobody. */
void df__amx_stir(void);
int  df__amx_side(const df_amx *g); /* pixels of a band */
void df__amx_begin(int side, int *rows); /* bands of so many pixels; what df__amx_point() and df__amx_window() do by themselves */
void df__amx_end(int *rows);
/* A number as the sum of two of bfloat16: the nearest in the lower half, what it lacks in the upper one. */
uint32_t df__amx_pair(float v);

#endif
