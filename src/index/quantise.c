/* quantise.c - a float32 row as 8-bit codes of its direction with a bound of what they miss, and as two halves of 16 bits. */
#include <math.h>

#include "index/bits.h"
#include "index/matrix_file.h"
#include "index/sum.h"

/* A float that is not below v. */
static float up(double v) { return (float)(v * (1 + 1e-6) + 1e-30); }

bool df__quantise(const float *row, uint32_t dims, uint8_t *codes, uint16_t *upper, uint16_t *lower, df_quant *out)
{
    double squares = 0, most = 0, missed = 0, missed16 = 0;
    for (uint32_t i = 0; i < dims; i++) {
        double v = row[i];
        squares += v * v;
        most = fabs(v) > most ? fabs(v) : most;
    }
    if (!isfinite(squares))
        return false;
    double norm = sqrt(squares), inverse = norm > 0 ? 1 / norm : 0;
    float scale = (float)(most * inverse / 127);
    double steps = scale > 0 ? 1 / (double)scale : 0;
    for (uint32_t i = 0; i < dims; i++) {
        double u = row[i] * inverse, v = nearbyint(u * steps);
        v = v > 127 ? 127 : v < -127 ? -127 : v;
        missed += (u - v * (double)scale) * (u - v * (double)scale);
        codes[i] = (uint8_t)(v + 128);
        uint32_t whole = df__float_bits(row[i]);
        upper[i] = (uint16_t)((whole + 0x8000) >> 16);
        lower[i] = (uint16_t)(whole - ((uint32_t)upper[i] << 16));
        double rest = (row[i] - (double)df__bits_float((uint32_t)upper[i] << 16)) * inverse;
        missed16 += rest * rest;
    }
    for (size_t i = dims; i < ((size_t)dims + 3) / 4 * 4; i++)
        codes[i] = 128;
    *out = (df_quant){scale, up(sqrt(missed)), isfinite(missed16) ? up(sqrt(missed16)) : INFINITY, norm}; /* the largest floats round to infinity */
    return true;
}

uint32_t df__row_sum(uint64_t id, const uint16_t *upper, const uint16_t *lower, uint32_t dims)
{
    uint64_t sum = df__sum64(df__sum64(id, upper, dims * sizeof *upper), lower, dims * sizeof *lower);
    return (uint32_t)(sum ^ sum >> 32);
}

void df__chunk_row(const df_chunk *c, size_t at, uint32_t dims, float *out)
{
    const uint16_t *upper = c->upper + at * dims, *lower = c->lower + at * dims;
    for (uint32_t i = 0; i < dims; i++) {
        /* lower is a signed 16-bit number */
        uint32_t whole = ((uint32_t)upper[i] << 16) + (uint32_t)(int32_t)(int16_t)lower[i];
        out[i] = df__bits_float(whole);
    }
}
