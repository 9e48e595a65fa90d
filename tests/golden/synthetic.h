/* synthetic.h - pictures and vectors made by whole-number formulas; tools/golden/synthetic.py has the same ones. */
#ifndef DF_TEST_SYNTHETIC_H
#define DF_TEST_SYNTHETIC_H

#include "image/pixels.h"
#include "test.h"

static inline uint32_t synthetic_mix(uint32_t x, uint32_t y, uint32_t c, uint32_t seed)
{
    uint32_t h = (x * 73856093u) ^ (y * 19349663u) ^ (c * 83492791u) ^ (seed * 2654435761u);
    h ^= h >> 13;
    h *= 0x5bd1e995u;
    return h ^ (h >> 15);
}

/* Two triangle waves across the picture and 5 bits of noise. */
static inline df_pixels synthetic_picture(int width, int height, uint32_t seed)
{
    df_error err;
    df_pixels px;
    CHECK_OK(df__pixels_new(width, height, &px, &err));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                int wave = abs(((5 * x + 3 * y + 60 * c) & 511) - 256) / 2 + abs(((2 * x + 7 * y + 90 * c) & 511) - 256) / 4;
                uint32_t noise = synthetic_mix((uint32_t)x, (uint32_t)y, (uint32_t)c, seed) & 31;
                px.data[(size_t)y * px.stride + 3 * (size_t)x + (size_t)c] = (uint8_t)((uint32_t)wave + noise);
            }
    return px;
}

/* Values in [-1, 1). */
static inline void synthetic_vector(float *out, size_t dims, uint32_t seed)
{
    for (size_t i = 0; i < dims; i++)
        out[i] = (float)(synthetic_mix((uint32_t)i, 0, 0, seed) / 2147483648.0 - 1);
}

#endif
