/* half.c - IEEE 754 binary16 and bfloat16, in integer arithmetic: no instruction set needed. */
#include "nn/half.h"

#include <string.h>

static float of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static float from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31)
        return of_bits(sign | 0x7F800000 | fraction << 13);
    if (exponent == 0) /* subnormal: fraction / 2^24 */
        return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    return of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static uint16_t to_f16(float v)
{
    uint32_t bits = bits_of(v), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000)
        return (uint16_t)(sign | 0x7E00);
    if (magnitude >= 0x477FF000) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7C00);
    if (magnitude < 0x38800000) { /* below 2^-14: adding 0.5 leaves the value in units of 2^-24 in the low bits, rounded */
        uint32_t shifted = bits_of(of_bits(magnitude) + 0.5f);
        return (uint16_t)(sign | (shifted - 0x3F000000));
    }
    uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return (uint16_t)(sign | ((rounded >> 13) - (112 << 10)));
}

static uint16_t to_bf16(float v)
{
    uint32_t bits = bits_of(v);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

void df__halves_to_f32(df_dtype type, const void *from, float *to, int64_t n)
{
    const uint8_t *p = from;
    for (int64_t i = 0; i < n; i++, p += 2) {
        uint16_t h;
        memcpy(&h, p, sizeof h);
        to[i] = type == DF_F16 ? from_f16(h) : of_bits((uint32_t)h << 16);
    }
}

void df__f32_to_halves(df_dtype type, const float *from, void *to, int64_t n)
{
    uint8_t *p = to;
    for (int64_t i = 0; i < n; i++, p += 2) {
        uint16_t h = type == DF_F16 ? to_f16(from[i]) : to_bf16(from[i]);
        memcpy(p, &h, sizeof h);
    }
}
