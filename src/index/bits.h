/* bits.h - numbers as the bits that they are kept and exchanged as. */
#ifndef DF_INDEX_BITS_H
#define DF_INDEX_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t df__float_bits(float v)
{
    uint32_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}

static inline float df__bits_float(uint32_t b)
{
    float v;
    memcpy(&v, &b, sizeof v);
    return v;
}

static inline uint64_t df__double_bits(double v)
{
    uint64_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}

static inline double df__bits_double(uint64_t b)
{
    double v;
    memcpy(&v, &b, sizeof v);
    return v;
}

#endif
