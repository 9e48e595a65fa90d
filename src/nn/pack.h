/* pack.h - copies weights into blocks of output channels, the layout that vector kernels read. */
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

#endif
