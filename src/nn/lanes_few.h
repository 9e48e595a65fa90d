/* lanes_few.h - products of pixels of many channels with few outputs, as the last layers of detectors are: as fast as the pixels come from memory. A vector
 * holds sums of four numbers side by side for LANES / 4 outputs; four numbers of a pixel are spread over it. */

enum { FEW_PIXELS = LANES / 2 /* whose sums stay in registers */, FEW_VECTORS = DF_FEW_MOST * 4 / LANES };

#if LANES == 16 && defined(__AVX512BF16__)
/* Where the sums of four pixels of n outputs go: they lie [output][number of four], four outputs a vector. */
typedef struct places { __m512i from[2]; __m512 bias[2]; __mmask16 some[2]; int64_t co; } places;
static places places_of(const df_few *g)
{
    places p = {.co = g->co};
    for (int half = 0; half < 2; half++) {
        int32_t from[LANES] = {0};
        float bias[LANES] = {0};
        for (int i = 0; i < LANES && half * LANES + i < 4 * g->co; i++) {
            int64_t at = half * LANES + i, pixel = at / g->co, o = at % g->co;
            from[i] = (int32_t)(o * 4 + pixel);
            bias[i] = g->bias ? g->bias[o] : 0;
            p.some[half] = (__mmask16)(p.some[half] | 1 << i);
        }
        p.from[half] = _mm512_loadu_si512(from);
        p.bias[half] = _mm512_loadu_ps(bias);
    }
    return p;
}

INLINE __m512 four_sums(const vec *v, int apart)
{
    __m512 a = (__m512)v[0], b = (__m512)v[apart], c = (__m512)v[2 * apart], d = (__m512)v[3 * apart];
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)), cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    return _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
}

INLINE void put_few(const places *p, const vec *sums, int pixels, int vectors, int64_t at, bool half, void *y)
{
    EVERY for (int i = 0; i + 4 <= pixels; i += 4) {
        __m512 low = four_sums(sums + i * vectors, vectors), high = vectors > 1 ? four_sums(sums + i * vectors + 1, vectors) : low;
        EVERY for (int k = 0; k < vectors; k++) {
            __m512 v = _mm512_add_ps(vectors > 1 ? _mm512_permutex2var_ps(low, p->from[k], high) : _mm512_permutexvar_ps(p->from[k], low), p->bias[k]);
            int64_t to = at + i * p->co + k * LANES;
            if (half)
                _mm256_mask_storeu_epi16((uint16_t *)y + to, p->some[k], (__m256i)_mm512_cvtneps_pbh(v));
            else
                _mm512_mask_storeu_ps((float *)y + to, p->some[k], v);
        }
    }
}
#else
typedef df_few places;
static places places_of(const df_few *g) { return *g; }

INLINE void put_few(const places *p, const vec *sums, int pixels, int vectors, int64_t at, bool half, void *y)
{
    for (int i = 0; i < pixels; i++, at += p->co) {
        float s[4 * DF_FEW_MOST], out[DF_FEW_MOST] = {0};
        uint16_t halves[DF_FEW_MOST];
        for (int v = 0; v < vectors; v++)
            store(s + v * LANES, sums[i * vectors + v]);
        for (int64_t o = 0; o < p->co; o++)
            out[o] = (s[4 * o] + s[4 * o + 2]) + (s[4 * o + 1] + s[4 * o + 3]) + (p->bias ? p->bias[o] : 0);
        for (int o = 0; o < DF_FEW_MOST; o += LANES)
            store_bf16(halves + o, load(out + o));
        if (half)
            memcpy((uint16_t *)y + at, halves, (size_t)p->co * sizeof *halves);
        else
            memcpy((float *)y + at, out, (size_t)p->co * sizeof *out);
    }
}
#endif

/* Four numbers again and again. */
INLINE vec four(const void *x, int64_t at, bool half)
{
    float wide[4];
    const float *p = wide;
    if (half) {
        for (int i = 0; i < 4; i++) {
            uint32_t bits = (uint32_t)((const uint16_t *)x)[at + i] << 16;
            memcpy(&wide[i], &bits, sizeof bits);
        }
    } else {
        p = (const float *)x + at;
    }
#if defined(__AVX512F__) && LANES == 16
    return (vec)_mm512_broadcast_f32x4(_mm_loadu_ps(p));
#elif defined(__AVX__) && LANES == 8
    return (vec)_mm256_broadcast_ps((const __m128 *)(const void *)p);
#else
    vec v;
    for (int i = 0; i < LANES; i += 4)
        memcpy((float *)&v + i, p, sizeof wide);
    return v;
#endif
}

/* sums += numbers c .. c + 8 of each pixel by their weights. Weights of tensors of bfloat16 are two numbers of that each: nothing is lost by them where pixels are finite. */
INLINE void plus_eight(const df_few *g, const void *x, int64_t at, int64_t c, int pixels, int vectors, bool half, vec *sums)
{
    int64_t outs = (int64_t)vectors * LANES / 4;
#if LANES == 16 && defined(__AVX512BF16__)
    if (half) {
        EVERY for (int v = 0; v < vectors; v++) {
            const uint16_t *w = g->halves + c * outs + v * 2 * LANES;
            __m512bh first = (__m512bh)_mm512_loadu_si512(w), rest = (__m512bh)_mm512_loadu_si512(w + g->ci * outs);
            EVERY for (int i = 0; i < pixels; i++) {
                __m512bh one = (__m512bh)_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)x + at + i * g->ci + c)));
                sums[i * vectors + v] = (vec)_mm512_dpbf16_ps(_mm512_dpbf16_ps((__m512)sums[i * vectors + v], one, rest), one, first);
            }
        }
        return;
    }
#endif
    for (int64_t end = c + 8; c < end; c += 4) {
        vec weights[FEW_VECTORS];
        EVERY for (int v = 0; v < vectors; v++)
            weights[v] = load(g->weights + c * outs + v * LANES);
        EVERY for (int i = 0; i < pixels; i++) {
            vec one = four(x, at + i * g->ci + c, half);
            EVERY for (int v = 0; v < vectors; v++)
                sums[i * vectors + v] = plus_product(sums[i * vectors + v], one, weights[v]);
        }
    }
}

/* The last block reaches back. */
INLINE void few_of(const df_few *g, const void *x, int64_t pixels, void *y, int vectors, bool half_x, bool half_y)
{
    places p = places_of(g);
    for (int64_t next = 0; next < pixels; next += FEW_PIXELS) {
        int64_t first = fewer(next, pixels - FEW_PIXELS);
        vec sums[FEW_PIXELS * FEW_VECTORS];
        EVERY for (int i = 0; i < FEW_PIXELS * vectors; i++)
            sums[i] = (vec){0};
        for (int64_t c = 0; c < g->ci; c += 8)
            plus_eight(g, x, first * g->ci, c, FEW_PIXELS, vectors, half_x, sums);
        put_few(&p, sums, FEW_PIXELS, vectors, first * g->co, half_y, y);
    }
}

#define FEW_OF(name, half_x, half_y)                                                     \
    static void name(const df_few *g, const void *x, int64_t pixels, void *y)            \
    {                                                                                    \
        if (g->co <= DF_FEW_MOST / 2)                                                    \
            few_of(g, x, pixels, y, FEW_VECTORS / 2, half_x, half_y);                    \
        else                                                                             \
            few_of(g, x, pixels, y, FEW_VECTORS, half_x, half_y);                        \
    }
FEW_OF(few, false, false)
FEW_OF(few_to_bf16, false, true)
FEW_OF(few_of_bf16, true, false)
FEW_OF(few_bf16, true, true)
