/* simd.h - hot loops are plain C that the compiler vectorises; DF_CLONES before a function builds it once for each level of the
 * processor family, and the loader picks. No effect on results: gcc's C11 mode never fuses a multiply with an add. */
#ifndef DF_CORE_SIMD_H
#define DF_CORE_SIMD_H

/* Sanitizers must not see the resolvers, which run before their own start. clang knows the attribute too, but fuses multiplies
 * with adds in such clones, so that results would depend on the processor: gcc alone. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) && !defined(DF_SANITIZED)
#define DF_HAS_V4 1
#define DF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DF_HAS_V4 0
#define DF_CLONES
#endif

/* Where the best code differs by more than the compiler can bridge (32 wide registers, shuffles of two): a function of its own,
 *     #if DF_HAS_V4
 *     DF_V4 static void add_wide(...)
 * called when DF_CPU_HAS_V4, and plain code beside it that gives the same results. */
#if DF_HAS_V4
#define DF_V4 __attribute__((target("arch=x86-64-v4")))
#define DF_CPU_HAS_V4 __builtin_cpu_supports("x86-64-v4")
#define DF_SSSE3 __attribute__((target("ssse3"))) /* shuffles of bytes, sums of products of 16 bits; the same way beside plain code */
#define DF_CPU_HAS_SSSE3 __builtin_cpu_supports("ssse3")
#endif

#endif
