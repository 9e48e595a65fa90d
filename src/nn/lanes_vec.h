/* lanes_vec.h - vectors of LANES floats, and what lanes_tiles.h and lanes_numbers.h share. A file that is built for one level of the
 * processor family defines LANES and includes the three. */
#include <math.h>
#include <string.h>

#include "nn/lanes.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

typedef float    vec __attribute__((vector_size(4 * LANES)));
typedef int32_t  ivec __attribute__((vector_size(4 * LANES)));
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

INLINE vec inverse(vec v)
{
#if defined(__AVX512BF16__) && LANES == 16
    vec guess = (vec)_mm512_rcp14_ps((__m512)v); /* one step doubles its 14 bits */
    return plus_product(guess, guess, plus_product(spread(1), -v, guess));
#else
    return spread(1) / v;
#endif
}

/* 1 / (1 + 2^t), t = -v log2 e, by Cephes' exp2f: t = n + f, a polynomial of f, n into the exponent; 2 ulp or so. 0 where it is below 2^-125: denormal
 * numbers, which products make of such, are slow. */
INLINE vec sigmoid_of(vec v)
{
    vec given = v * spread(-1.44269504f), t = between(given, -126, 126), whole = t + spread(12582912.0f) - spread(12582912.0f), f = t - whole; /* 1.5 * 2^23 */
    vec p = plus_product(spread(1.339887440e-3f), spread(1.535336188e-4f), f);
    p = plus_product(spread(9.618437357e-3f), p, f);
    p = plus_product(spread(5.550332471e-2f), p, f);
    p = plus_product(spread(2.402264791e-1f), p, f);
    p = plus_product(spread(6.931472028e-1f), p, f);
    p = plus_product(spread(1), p, f);
#if defined(__AVX512BF16__) && LANES == 16
    vec e = (vec)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
    vec e = p * (vec)(((ivec)(t + spread(12582912.0f)) + 127) << 23);
#endif
    return where_less(spread(125), given, (vec){0}, inverse(e + spread(1)));
}

/* n sums of the same channels; those of the first begin at element `at` of the output, the others `step` apart. */
INLINE void finish_all(const df_tail *tail, vec *v, int n, int64_t channel, int64_t at, int64_t step)
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
                v[i] = post->kind == DF_POST_SWISH ? v[i] * sigmoid_of(v[i]) : sigmoid_of(v[i]);
        } else if (post->kind == DF_POST_HARD_SWISH) {
            for (int i = 0; i < n; i++)
                v[i] *= between(v[i] / spread(6) + spread(0.5f), 0, 1);
        }
    }
}

/* The same where it is seldom: once in the program. */
static __attribute__((noinline, unused)) void finish_sums(const df_tail *tail, vec *v, int n, int64_t channel, int64_t at, int64_t step)
{
    finish_all(tail, v, n, channel, at, step);
}

/* Most tails are a bias and what numbers below 0 are multiplied by: those go along with the sums, whose first number is the bias. */
typedef struct bend { bool whole; vec bias, slope; } bend; /* whole: it is all there is */

INLINE bend bend_of(const df_tail *tail, int64_t channel)
{
    int n = tail->fused ? tail->fused->n_post : 0;
    const df_post *post = n == 1 ? &tail->fused->post[0] : NULL;
    bend b = {.whole = n == 0, .bias = tail->bias ? load(tail->bias + channel) : (vec){0}, .slope = spread(1)};
    if (post && (post->kind == DF_POST_RELU || post->kind == DF_POST_PRELU)) {
        b.whole = true;
        b.slope = post->kind == DF_POST_RELU ? spread(post->a) : post->n_slope > 1 ? load(post->slope + channel) : spread(post->slope[0]);
    }
    return b;
}

INLINE vec bent_by(vec slope, vec v)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_mask_mul_ps((__m512)v, _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_LT_OQ), (__m512)v, (__m512)slope);
#else
    return where_less(v, (vec){0}, v * slope, v);
#endif
}

INLINE vec bent(const bend *b, vec v) { return bent_by(b->slope, v); }

INLINE vec finish(const df_tail *tail, vec v, int64_t channel, int64_t pixel)
{
    finish_all(tail, &v, 1, channel, pixel + channel, 0);
    return v;
}

/* What most tails are: the bias, an operand, what numbers below 0 are multiplied by. */
typedef struct ending { bend bend; bool plain, adds, half; const void *add; } ending;

INLINE ending ending_of(const df_tail *tail, int64_t channel)
{
    ending e = {.bend = bend_of(tail, channel), .add = tail->add[0], .half = tail->half[0]};
    const df_post *post = tail->fused ? tail->fused->post : NULL;
    e.adds = !e.bend.whole && post[0].kind == DF_POST_ADD && (tail->fused->n_post == 1 || (tail->fused->n_post == 2 && post[1].kind == DF_POST_RELU));
    e.plain = e.bend.whole || e.adds;
    if (e.adds)
        e.bend.slope = spread(tail->fused->n_post == 2 ? post[1].a : 1);
    return e;
}

INLINE void end_at(const ending *e, const df_tail *tail, vec v, int64_t channel, int64_t at, void *y, bool half)
{
    if (!e->plain) {
        put(y, at + channel, half, finish(tail, v, channel, at));
        return;
    }
    v += e->bend.bias;
    if (e->adds)
        v += e->half ? get(e->add, at + channel, true) : get(e->add, at + channel, false);
    put(y, at + channel, half, bent(&e->bend, v));
}
