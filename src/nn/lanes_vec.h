/* lanes_vec.h - vectors of LANES floats, and what lanes_tiles.h and lanes_numbers.h share. A file that is built for one level of the
 * processor family defines LANES and includes the three. */
#include <string.h>

#include "nn/lanes.h"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

typedef float    vec __attribute__((vector_size(4 * LANES)));
typedef int32_t  ivec __attribute__((vector_size(4 * LANES)));
#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* Rounded to the nearest, halves to even; what is no number stays so, what is denormal becomes 0, as the processor's instruction has it. */
INLINE void store_bf16(uint16_t *p, vec v)
{
#if defined(__AVX512BF16__) && LANES == 16
    __m256bh h = _mm512_cvtneps_pbh((__m512)v);
    memcpy(p, &h, sizeof h);
#else
    uint32_t bits[LANES];
    memcpy(bits, &v, sizeof bits);
    for (int i = 0; i < LANES; i++) {
        uint32_t size = bits[i] & 0x7FFFFFFF, rounded = bits[i] + 0x7FFF + (bits[i] >> 16 & 1);
        p[i] = (uint16_t)((size > 0x7F800000 ? bits[i] | 0x400000 : size < 0x800000 ? bits[i] & 0x80000000 : rounded) >> 16);
    }
#endif
}

INLINE vec spread(float a) { return a - (vec){0}; }
INLINE vec choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

INLINE vec finish(const df_tail *tail, vec v, int64_t channel, int64_t pixel)
{
    if (tail->bias)
        v += load(tail->bias + channel);
    for (int i = 0; tail->fused && i < tail->fused->n_post; i++) {
        const df_post *post = &tail->fused->post[i];
        if (post->kind == DF_POST_ADD)
            v += load(tail->add[i] + pixel + channel);
        else if (post->kind == DF_POST_RELU)
            v = choose(v < 0.0f, v * post->a, v);
        else if (post->kind == DF_POST_PRELU)
            v = choose(v < 0.0f, v * (post->n_slope > 1 ? load(post->slope + channel) : spread(post->slope[0])), v);
        else if (post->kind == DF_POST_CLIP) {
            v = choose(v < post->a, spread(post->a), v);
            v = choose(v > post->b, spread(post->b), v);
        }
    }
    return v;
}
