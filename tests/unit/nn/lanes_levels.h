/* lanes_levels.h - the hot loops at every level of this processor (nn/lanes.h). */
#ifndef DF_TEST_LANES_LEVELS_H
#define DF_TEST_LANES_LEVELS_H

#include "nn/lanes.h"

enum { LEVELS = 3 };

/* How many there are, the plainest first. */
static inline int lanes_levels(const df_lanes *out[LEVELS])
{
    int n = 0;
    out[n++] = &df__lanes_base;
#if defined(DF_LANES_LEVELS)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        out[n++] = &df__lanes_v3;
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        out[n++] = &df__lanes_v4;
#endif
    return n;
}

#endif
