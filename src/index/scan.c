/* scan.c - the choice of the level. */
#include "index/scan.h"

const df_scan *df__scan(void)
{
#if defined(DF_LANES_LEVELS)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vnni"))
        return &df__scan_v4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &df__scan_v3;
#endif
    return &df__scan_base;
}
