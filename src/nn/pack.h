/* pack.h - copies weights into the layouts that vector kernels read: blocks of output channels, output channels last. */
#ifndef DF_NN_PACK_H
#define DF_NN_PACK_H

#include "core/status.h"

enum { DF_PACK_DIMS = 6 };

/* One dimension is cut into blocks of `block` neighbours that lie together; all others are walked by strides (in elements). */
typedef struct df_pack {
    int          rank, blocked; /* number of the dimension that is cut */
    int64_t      block;
    int64_t      dims[DF_PACK_DIMS], from[DF_PACK_DIMS], to[DF_PACK_DIMS]; /* to[blocked]: from one block to the next */
    const float *scale; /* one for each index of the dimensions before and with `blocked`, or NULL */
} df_pack;

/* The last block is filled with zeros. `source` need not be aligned; there is a dimension behind the blocked one. */
void df__pack_blocks(const df_pack *p, const void *source, float *out);
/* [outs][in][taps] to [taps][in][outs], each output times its scale (NULL: 1); of single channels `in` is 1. `source` need not be aligned. */
void df__pack_taps(const void *source, int64_t outs, int64_t in, int64_t taps, const float *scale, float *to);

#endif
