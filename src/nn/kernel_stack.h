/* kernel_stack.h - layers that are computed together, a few rows of each at a time, so that what lies between them stays in the nearest caches. */
#ifndef DF_NN_KERNEL_STACK_H
#define DF_NN_KERNEL_STACK_H

#include "nn/ir.h"

enum { DF_STACK_MOST = 32 }; /* layers */

/* A layer as its operator would be called. `from`: where input 0 and the inputs that posts add come from, a layer before it or input ~from of
 * the whole. All layers but the last are read by one other, once. */
typedef struct df_stack_layer {
    const df_op    *op;
    df_call         call;
    const df_fused *fused;
    int             from, add[DF_MAX_POSTS];
} df_stack_layer;

/* Whether the operator can be a layer of a stack: convolutions over all channels of 1 x 1 pixels or of few channels, of each channel by
 * itself, maxima, zeros behind the channels, and what brings the net's input to channels last. In float32. *margin: only behind another layer,
 * which leaves room for its padding. */
bool df__stack_takes(const df_call *call, const df_op *op, const df_fused *fused, bool *margin);
/* All layers are such; the last one's output is the call's. */
df_status df__stack_compile(const df_call *call, const df_stack_layer *layers, int n, df_packer *packer, df_kernel **out);

#endif
