/* lanes_vec.h - vectors of LANES floats, and what the other headers of lanes share. A file that is built for one level of the processor family defines
 * LANES and includes them all. */
#include <math.h>
#include <string.h>

#include "nn/lanes.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

typedef float    vec __attribute__((vector_size(4 * LANES)));
typedef int32_t  ivec __attribute__((vector_size(4 * LANES)));
/* Built for a processor that has products of bfloat16 and of whole numbers of 8 and 16 bits. */
#if defined(__AVX512BF16__) && defined(__AVX512VNNI__) && LANES == 16
#define NARROW_PRODUCTS
#endif
/* Those of 16-bit whole numbers alone: two are multiplied, added up, and added to the sum by an instruction more. */
#if defined(NARROW_PRODUCTS) || (defined(__AVX2__) && LANES == 8)
#define WHOLE_PRODUCTS
#endif

#define INLINE static inline __attribute__((always_inline))

/* The compiler would make an address of its own for each multiple of a step from here, and run out of registers. */
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))

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

INLINE vec load_bf16(const uint16_t *p)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p)), 16);
#else
    typedef uint16_t halves __attribute__((vector_size(2 * LANES)));
    typedef uint32_t words __attribute__((vector_size(4 * LANES)));
    halves h;
    memcpy(&h, p, sizeof h);
    return (vec)(__builtin_convertvector(h, words) << 16);
#endif
}

/* Numbers at..at + LANES of a tensor of either kind; `half` is a constant wherever speed matters. */
INLINE vec get(const void *x, int64_t at, bool half)
{
    return half ? load_bf16((const uint16_t *)x + at) : load((const float *)x + at);
}

INLINE void put(void *y, int64_t at, bool half, vec v)
{
    if (half)
        store_bf16((uint16_t *)y + at, v);
    else
        store((float *)y + at, v);
}

INLINE vec spread(float a) { return a - (vec){0}; }
INLINE vec choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

/* a + b * c, rounded once where the processor can. */
INLINE vec plus_product(vec a, vec b, vec c)
{
#if defined(__AVX512F__) && LANES == 16
    return (vec)_mm512_fmadd_ps((__m512)b, (__m512)c, (__m512)a);
#elif defined(__FMA__) && LANES == 8
    return (vec)_mm256_fmadd_ps((__m256)b, (__m256)c, (__m256)a);
#else
    return a + b * c;
#endif
}

/* x where a < b, else y; written out where the compiler would take three instructions for one. */
INLINE vec where_less(vec a, vec b, vec x, vec y)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ), (__m512)y, (__m512)x);
#else
    return choose(a < b, x, y);
#endif
}

/* The larger and the lesser of v and a bound; what is no number stays so. */
INLINE vec no_less(vec v, vec least)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_max_ps((__m512)least, (__m512)v);
#elif defined(__FMA__) && LANES == 8
    return (vec)_mm256_max_ps((__m256)least, (__m256)v);
#elif defined(__SSE2__) && LANES == 4
    return (vec)_mm_max_ps((__m128)least, (__m128)v);
#else
    return where_less(v, least, least, v);
#endif
}

INLINE vec no_more(vec v, vec most)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_min_ps((__m512)most, (__m512)v);
#elif defined(__FMA__) && LANES == 8
    return (vec)_mm256_min_ps((__m256)most, (__m256)v);
#elif defined(__SSE2__) && LANES == 4
    return (vec)_mm_min_ps((__m128)most, (__m128)v);
#else
    return where_less(most, v, most, v);
#endif
}

INLINE vec between(vec v, float least, float most) { return no_more(no_less(v, spread(least)), spread(most)); }

/* 2^(whole + f), f from -0.5 to 0.5, by Cephes' exp2f: a polynomial of f, whole into the exponent; 1 ulp or so. */
INLINE vec power_of(vec whole, vec f)
{
    vec p = plus_product(spread(1.339887440e-3f), spread(1.535336188e-4f), f);
    p = plus_product(spread(9.618437357e-3f), p, f);
    p = plus_product(spread(5.550332471e-2f), p, f);
    p = plus_product(spread(2.402264791e-1f), p, f);
    p = plus_product(spread(6.931472028e-1f), p, f);
    p = plus_product(spread(1), p, f);
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
    return p * (vec)(((ivec)(whole + spread(12582912.0f)) + 127) << 23);
#endif
}

/* 2^t, t no further from 0 than 126 or taken for that. */
INLINE vec power_between(vec t)
{
    vec inside = between(t, -126, 126), whole = inside + spread(12582912.0f) - spread(12582912.0f); /* 1.5 * 2^23 */
    return power_of(whole, inside - whole);
}

/* 1 / (1 + 2^t), t = -v log2 e; 2 ulp or so, and where v is far below 0 what t is rounded by: 4 parts in 10^6 at -86. 0 where it is below 2^-125: denormal numbers, which products make
 * of such, are slow. */
INLINE vec sigmoid_of(vec v)
{
    vec t = v * spread(-1.44269504f);
#if defined(__AVX512BF16__) && LANES == 16
    vec f = (vec)_mm512_reduce_ps((__m512)t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 e = _mm512_add_ps((__m512)power_of(t - f, f), _mm512_set1_ps(1)), guess = _mm512_rcp14_ps(e);
    __mmask16 counts = _mm512_cmp_ps_mask(_mm512_set1_ps(125), (__m512)t, _CMP_NLT_UQ);
    return (vec)_mm512_maskz_fmadd_ps(counts, guess, _mm512_fnmadd_ps(e, guess, _mm512_set1_ps(1)), guess); /* one step doubles its 14 bits */
#else
    return where_less(spread(125), t, (vec){0}, spread(1) / (power_between(t) + spread(1)));
#endif
}

/* 2^t to 1 part in 13,000: an argument between two whole numbers and a power of two are an instruction each, the polynomial is the one of degree 3 that is
 * nearest to 2^f from 0 to 1. Where there are no such instructions it is power_of(), 0 below 2^-126. */
INLINE vec near_power(vec t)
{
#if defined(__AVX512BF16__) && LANES == 16
    vec f = (vec)_mm512_reduce_ps((__m512)t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    vec p = plus_product(spread(0.22606716f), spread(0.07802452f), f);
    p = plus_product(spread(0.69583354f), p, f);
    p = plus_product(spread(0.99992522f), p, f);
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)t);
#else
    return where_less(t, spread(-126), (vec){0}, power_between(t));
#endif
}

/* `near`: to 1 part in 6,000 and in half the instructions, for what is rounded to bfloat16's 1 in 256 at once. Below 2^-126 it is denormal, which products of bfloat16 take for 0. */
INLINE vec sigmoid_by(vec v, bool near)
{
#if defined(__AVX512BF16__) && LANES == 16
    if (near)
        return (vec)_mm512_rcp14_ps(_mm512_add_ps(_mm512_set1_ps(1), (__m512)near_power(v * spread(-1.44269504f))));
#endif
    (void)near;
    return sigmoid_of(v);
}

/* n sums of the same channels; those of the first begin at element `at` of the output, the others `step` apart. */
INLINE void finish_all(const df_tail *tail, vec *v, int n, int64_t channel, int64_t at, int64_t step, bool near)
{
    vec zero = {0};
    if (tail->bias) {
        vec bias = load(tail->bias + channel);
        for (int i = 0; i < n; i++)
            v[i] += bias;
    }
    for (int p = 0; tail->fused && p < tail->fused->n_post; p++) {
        const df_post *post = &tail->fused->post[p];
        if (post->kind == DF_POST_ADD) {
            for (int i = 0; i < n; i++)
                v[i] += get(tail->add[p], at + i * step, tail->half[p]);
        } else if (post->kind == DF_POST_RELU || post->kind == DF_POST_PRELU) {
            vec slope = post->kind == DF_POST_RELU ? spread(post->a) : post->n_slope > 1 ? load(post->slope + channel) : spread(post->slope[0]);
            for (int i = 0; i < n; i++)
                v[i] = where_less(v[i], zero, v[i] * slope, v[i]);
        } else if (post->kind == DF_POST_CLIP) {
            for (int i = 0; i < n; i++)
                v[i] = between(v[i], post->a, post->b);
        } else if (post->kind == DF_POST_SIGMOID || post->kind == DF_POST_SWISH) {
            for (int i = 0; i < n; i++)
                v[i] = post->kind == DF_POST_SWISH ? v[i] * sigmoid_by(v[i], near) : sigmoid_by(v[i], near);
        } else if (post->kind == DF_POST_HARD_SWISH) {
            for (int i = 0; i < n; i++)
                v[i] *= between(v[i] / spread(6) + spread(0.5f), 0, 1);
        }
    }
}

/* The same where it is seldom: once in the program. */
static __attribute__((noinline, unused)) void finish_sums(const df_tail *tail, vec *v, int n, int64_t channel, int64_t at, int64_t step)
{
    finish_all(tail, v, n, channel, at, step, false);
}

INLINE vec finish(const df_tail *tail, vec v, int64_t channel, int64_t pixel, bool near)
{
    finish_all(tail, &v, 1, channel, pixel + channel, 0, near);
    return v;
}
