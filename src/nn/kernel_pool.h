/* kernel_pool.h - the faster pools, for op_pool.c. */
#ifndef DF_NN_KERNEL_POOL_H
#define DF_NN_KERNEL_POOL_H

#include "nn/op.h"

/* Maximum (`max`) or mean of float32 in channels last; *out stays NULL for all else. */
df_status df__pool_compile(const df_call *call, bool max, df_kernel **out);

#endif
