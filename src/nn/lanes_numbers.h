/* lanes_numbers.h - between float32 and what the fast products take. */

static void convert_bf16(const float *x, uint16_t *y, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store_bf16(y + i, load(x + i));
    float rest[LANES] = {0};
    uint16_t half[LANES];
    for (int64_t k = i; k < n; k++)
        rest[k - i] = x[k];
    store_bf16(half, load(rest));
    memcpy(y + i, half, (size_t)(n - i) * sizeof *y);
}

INLINE float total(vec v)
{
    float each[LANES], sum = 0;
    store(each, v);
    for (int i = 0; i < LANES; i++)
        sum += each[i];
    return sum;
}

/* To e^(x - top), x up to top; the sum of them. */
static float powers_bf16(const float *x, int64_t n, float top, uint16_t *y)
{
    vec factor = spread(1.44269504f), shift = spread(top), sums[2] = {0};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES)
        for (int k = 0; k < 2; k++) {
            vec v = near_power((load(x + i + k * LANES) - shift) * factor);
            sums[k] += v;
            store_bf16(y + i + k * LANES, v);
        }
    float sum = total(sums[0] + sums[1]);
    for (; i < n; i += LANES) {
        float rest[LANES] = {0}, power[LANES];
        uint16_t half[LANES];
        int64_t left = n - i < LANES ? n - i : LANES;
        memcpy(rest, x + i, (size_t)left * sizeof *x);
        vec v = near_power((load(rest) - shift) * factor);
        store(power, v);
        store_bf16(half, v);
        memcpy(y + i, half, (size_t)left * sizeof *y);
        for (int64_t k = 0; k < left; k++)
            sum += power[k];
    }
    return sum;
}

static void widen_bf16(const uint16_t *x, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load_bf16(x + i));
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
}

/* ---- 8 bits ---- */

static void range(const float *x, int64_t n, float *least, float *most)
{
    vec lo = {0}, hi = {0};
    float l = 0, h = 0, los[LANES], his[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i);
        lo = choose(v < lo, v, lo);
        hi = choose(v > hi, v, hi);
    }
    store(los, lo);
    store(his, hi);
    for (; i < n; i++) {
        l = x[i] < l ? x[i] : l;
        h = x[i] > h ? x[i] : h;
    }
    for (int k = 0; k < LANES; k++) {
        l = los[k] < l ? los[k] : l;
        h = his[k] > h ? his[k] : h;
    }
    *least = l;
    *most = h;
}

/* Rounded half away from zero is as good as half to even here, and needs no rounding mode. What is out of range goes to its end; what is no
 * number to the least. */
INLINE ivec whole(vec v, float least, float most)
{
    v = choose(v > least, v, spread(least));
    v = choose(v < most, v, spread(most));
    vec half = (vec)(((ivec)v & INT32_MIN) | (ivec)spread(0.5f)); /* of the value's sign */
    return __builtin_convertvector(v + half, ivec);
}

#define TO_BYTES(name, T, least, most)                                                                      \
    static void name(const float *x, T *y, int64_t n, float factor)                                         \
    {                                                                                                       \
        typedef T bytes __attribute__((vector_size(LANES)));                                                \
        int64_t i = 0;                                                                                      \
        for (; i + LANES <= n; i += LANES) {                                                                \
            bytes b = __builtin_convertvector(whole(load(x + i) * factor, least, most), bytes);             \
            memcpy(y + i, &b, sizeof b);                                                                    \
        }                                                                                                   \
        float rest[LANES] = {0};                                                                            \
        for (int64_t k = i; k < n; k++)                                                                     \
            rest[k - i] = x[k];                                                                             \
        bytes b = __builtin_convertvector(whole(load(rest) * factor, least, most), bytes);                  \
        memcpy(y + i, &b, (size_t)(n - i));                                                                 \
    }
TO_BYTES(to_s8, int8_t, -127, 127)
TO_BYTES(to_u8, uint8_t, 0, 255)

/* ---- 16 bits ---- */

/* The larger of whole numbers. */
INLINE ivec larger_whole(ivec a, ivec b)
{
#if defined(__AVX512F__) && LANES == 16
    return (ivec)_mm512_max_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__) && LANES == 8
    return (ivec)_mm256_max_epi32((__m256i)a, (__m256i)b);
#else
    return (ivec)choose(a > b, (vec)a, (vec)b);
#endif
}

/* Magnitudes lie like the whole numbers that their bits are; what is no number is the largest. */
static float largest(const float *x, int64_t n)
{
    ivec most[4] = {{0}};
    int32_t each[LANES], top = 0;
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int k = 0; k < 4; k++)
            most[k] = larger_whole(most[k], (ivec)load(x + i + k * LANES) & INT32_MAX);
    ivec all = larger_whole(larger_whole(most[0], most[1]), larger_whole(most[2], most[3]));
    memcpy(each, &all, sizeof each);
    for (int j = 0; j < LANES; j++)
        top = each[j] > top ? each[j] : top;
    for (; i < n; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        top = (bits & INT32_MAX) > top ? bits & INT32_MAX : top;
    }
    float found;
    memcpy(&found, &top, sizeof found);
    return found;
}

#if defined(NARROW_PRODUCTS)
static void round_s16(const float *x, int16_t *y, int64_t n, float factor)
{
    __m512 by = _mm512_set1_ps(factor);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_si256((__m256i *)(void *)(y + i), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), by))));
    __mmask16 left = (__mmask16)((1u << (n - i)) - 1);
    _mm512_mask_cvtepi32_storeu_epi16(y + i, left, _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(left, x + i), by)));
}
#elif defined(WHOLE_PRODUCTS)
static void round_s16(const float *x, int16_t *y, int64_t n, float factor)
{
    __m256 by = _mm256_set1_ps(factor);
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i), by)), b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i + LANES), by));
        _mm256_storeu_si256((__m256i *)(void *)(y + i), _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8)); /* packs by halves of a vector */
    }
    for (; i < n; i++)
        y[i] = (int16_t)_mm_cvtss_si32(_mm_set_ss(x[i] * factor));
}
#else
#define round_s16 NULL
#endif

/* ---- sums ---- */

INLINE vec load_s16(const int16_t *p)
{
    typedef int16_t whole __attribute__((vector_size(2 * LANES)));
    whole w;
    memcpy(&w, p, sizeof w);
    return __builtin_convertvector(__builtin_convertvector(w, ivec), vec);
}

/* 16 sums a column at every level, so that all give the same bits. `whole`: the matrix is of 16-bit numbers. */
INLINE void dots_of(const void *matrix, const float *x, int64_t n, int columns, bool whole, float *y)
{
    enum { SUMS = 16 / LANES };
    vec sums[4][SUMS] = {{{0}}};
    for (int64_t i = 0; i < n; i += 16)
        for (int c = 0; c < columns; c++)
            for (int s = 0; s < SUMS; s++) {
                int64_t at = c * n + i + s * LANES;
                sums[c][s] += load(x + i + s * LANES) * (whole ? load_s16((const int16_t *)matrix + at) : load((const float *)matrix + at));
            }
    for (int c = 0; c < columns; c++) {
        float each[16], sum = 0;
        memcpy(each, sums[c], sizeof each);
        for (int k = 0; k < 16; k++)
            sum += each[k];
        y[c] = sum;
    }
}

static void dots(const float *matrix, const float *x, int64_t n, int64_t columns, float *y)
{
    if (columns == 4)
        dots_of(matrix, x, n, 4, false, y);
    else
        for (int64_t c = 0; c < columns; c++)
            dots_of(matrix + c * n, x, n, 1, false, y + c);
}

static void dots_s16(const int16_t *matrix, const float *x, int64_t n, int64_t columns, float *y)
{
    if (columns == 4)
        dots_of(matrix, x, n, 4, true, y);
    else
        for (int64_t c = 0; c < columns; c++)
            dots_of(matrix + c * n, x, n, 1, true, y + c);
}

#if defined(__AVX512BF16__) && LANES == 16
INLINE void dots_bf16_of(const uint16_t *matrix, const uint16_t *x, int64_t n, int columns, float *y)
{
    __m512 sums[4] = {{0}};
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        __m512bh v = (__m512bh)_mm512_loadu_si512(x + i);
        for (int c = 0; c < columns; c++)
            sums[c] = _mm512_dpbf16_ps(sums[c], v, (__m512bh)_mm512_loadu_si512(matrix + c * n + i));
    }
    for (int c = 0; c < columns; c++)
        y[c] = _mm512_reduce_add_ps(sums[c]);
}
#else
INLINE vec wide(const uint16_t *p)
{
    uint32_t bits[LANES];
    vec v;
    for (int i = 0; i < LANES; i++)
        bits[i] = (uint32_t)p[i] << 16;
    memcpy(&v, bits, sizeof v);
    return v;
}

INLINE void dots_bf16_of(const uint16_t *matrix, const uint16_t *x, int64_t n, int columns, float *y)
{
    vec sums[4] = {{0}};
    for (int64_t i = 0; i < n; i += LANES)
        for (int c = 0; c < columns; c++)
            sums[c] += wide(x + i) * wide(matrix + c * n + i);
    for (int c = 0; c < columns; c++)
        y[c] = total(sums[c]);
}
#endif

static void dots_bf16(const uint16_t *matrix, const uint16_t *x, int64_t n, int64_t columns, float *y)
{
    if (columns == 4)
        dots_bf16_of(matrix, x, n, 4, y);
    else
        for (int64_t c = 0; c < columns; c++)
            dots_bf16_of(matrix + c * n, x, n, 1, y + c);
}

static void dots_s8(const int8_t *matrix, const uint8_t *x, int64_t n, int64_t columns, int32_t *y)
{
#if defined(__AVX512VNNI__) && LANES == 16
    __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int64_t i = 0; i < n && columns == 4; i += 64) {
        __m512i v = _mm512_loadu_si512(x + i);
        for (int c = 0; c < 4; c++)
            sums[c] = _mm512_dpbusd_epi32(sums[c], v, _mm512_loadu_si512(matrix + c * n + i));
    }
    for (int c = 0; c < 4 && columns == 4; c++)
        y[c] = _mm512_reduce_add_epi32(sums[c]);
    if (columns == 4)
        return;
#endif
    for (int64_t c = 0; c < columns; c++) {
        int32_t sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += matrix[c * n + i] * x[i];
        y[c] = sum;
    }
}

INLINE void tail_of(const float *sums, int64_t pixels, int64_t channels, float scale, const df_tail *tail, void *y, bool half)
{
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t k = 0; k < channels; k += LANES)
            put(y, p * channels + k, half, finish(tail, load(sums + p * channels + k) * scale, k, p * channels, half));
}

static void scaled_tail(const float *sums, int64_t pixels, int64_t channels, float scale, const df_tail *tail, void *y)
{
    tail_of(sums, pixels, channels, scale, tail, y, false);
}

static void scaled_tail_to_bf16(const float *sums, int64_t pixels, int64_t channels, float scale, const df_tail *tail, void *y)
{
    tail_of(sums, pixels, channels, scale, tail, y, true);
}
