/* amx.c - see amx.h. Built for x86-64-v4 with bfloat16 and AMX by itself (CMakeLists.txt); nothing here runs unless df__amx_has(). */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* syscall */
#endif
#include "nn/amx.h"

#include <string.h>

#include "nn/onednn.h"

enum { STEP = DF_AMX_SIDE * DF_AMX_DEPTH /* weights of one step and block of outputs */ };

static int64_t padded(int64_t ci) { return (ci + DF_AMX_DEPTH - 1) / DF_AMX_DEPTH * DF_AMX_DEPTH; }

static int64_t blocks(int64_t n) { return (n + DF_AMX_SIDE - 1) / DF_AMX_SIDE; }

/* The last block of what does not divide reaches back into the one before it. */
static int64_t begin_of(int64_t block, int64_t all) { return block * DF_AMX_SIDE + DF_AMX_SIDE > all ? all - DF_AMX_SIDE : block * DF_AMX_SIDE; }

static int64_t of_block(const df_amx *g) { return (int64_t)g->steps * STEP * (g->pairs ? 2 : 1); }

size_t df__amx_weights(const df_amx *g) { return (size_t)(blocks(g->co) * of_block(g)); }

size_t df__amx_room(int64_t ci) { return (size_t)(4 * DF_AMX_SIDE * padded(ci)); }

static uint16_t nearest(float v) /* halves to even; weights and pixels are finite */
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* The number in the lower half, what it lacks in the upper one. */
uint32_t df__amx_pair(float v)
{
    uint32_t bits = (uint32_t)nearest(v) << 16;
    float first;
    memcpy(&first, &bits, sizeof first);
    return bits >> 16 | (uint32_t)nearest(v - first) << 16;
}

/* [block of outputs][step][pair of inputs][output][2]; for pairs the steps once more with what the weights lack. */
void df__amx_pack(const df_amx *g, const float *weights, int64_t inputs, uint16_t *out)
{
    memset(out, 0, df__amx_weights(g) * sizeof *out);
    for (int64_t b = 0; b < blocks(g->co); b++)
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t o = 0; o < DF_AMX_SIDE; o++) {
                uint32_t w = df__amx_pair(weights[i * g->co + begin_of(b, g->co) + o]);
                uint16_t *to = out + b * of_block(g) + i / g->depth * STEP;
                int64_t within = i % g->depth;
                if (!g->pairs)
                    to[(within / 2 * DF_AMX_SIDE + o) * 2 + within % 2] = (uint16_t)w;
                for (int k = 0; g->pairs && k < 4; k++)
                    to[(within * DF_AMX_SIDE + o) * 2 + k % 2 + k / 2 * g->steps * STEP] = (uint16_t)(k < 2 ? w : w >> 16);
            }
}

static void pixels_from(const float *planes, int64_t apart, int64_t first, int64_t end, int64_t c, uint32_t *out)
{
    for (int64_t p = first; p < end; p++)
        for (int64_t k = 0; k < c; k++)
            out[p * c + k] = df__amx_pair(planes[k * apart + p]);
}

#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__AVX512BF16__) && defined(__linux__) /* clang 14 has the second name */
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASK_FOR_STATE = 0x1023 /* ARCH_REQ_XCOMP_PERM */, TILE_DATA = 18 };

static pthread_once_t asked = PTHREAD_ONCE_INIT;
static bool granted;

static void ask(void) { granted = df__dnn_has_amx() && syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0; }

bool df__amx_has(void)
{
    pthread_once(&asked, ask);
    return granted;
}

/* Registers 0 to 3 hold sums, 4 and 5 pixels, 6 and 7 weights. */
void df__amx_begin(int side, int *rows)
{
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } c = {.palette = 1};
    if (*rows == side)
        return;
    for (int i = 0; i < 8; i++)
        c.bytes[i] = 64, c.rows[i] = (uint8_t)(i < 6 ? side : 16);
    __asm__ volatile("" : : "r"(&c) : "memory"); /* gcc 12 takes it that no more than a pointer is read */
    _tile_loadconfig(&c);
    *rows = side;
}

void df__amx_end(int *rows)
{
    if (*rows)
        _tile_release();
    *rows = 0;
}

static __mmask16 some(int64_t n) { return (__mmask16)(n >= 16 ? 0xFFFF : n > 0 ? (1 << n) - 1 : 0); }

static void to_bf16(const float *x, int64_t pixels, int64_t ci, uint16_t *out)
{
    for (int64_t p = 0; p < pixels; p++, x += ci)
        for (int64_t c = 0; c < ci; c += DF_AMX_DEPTH, out += DF_AMX_DEPTH) {
            __m512 a = _mm512_maskz_loadu_ps(some(ci - c), x + c), b = _mm512_maskz_loadu_ps(some(ci - c - 16), x + c + 16);
            _mm512_store_si512(out, (__m512i)_mm512_cvtne2ps_pbh(b, a));
        }
}

static __m512i pairs_of(const float *x)
{
    __m512 v = _mm512_loadu_ps(x);
    __m512i first = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v));
    __m512 rest = _mm512_sub_ps(v, _mm512_castsi512_ps(_mm512_slli_epi32(first, 16)));
    return _mm512_or_si512(first, _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(rest)), 16));
}

/* Three planes: number j of 16 pixels is that of channel j % 3. */
void df__amx_pixels(const float *planes, int64_t apart, int64_t pixels, int64_t c, uint32_t *out)
{
    uint32_t two[3][16], third[3][16]; /* which of red and green; which of those and blue */
    int64_t p = 0;
    for (uint32_t j = 0; j < 48; j++) {
        two[j / 16][j % 16] = j % 3 == 1 ? 16 + j / 3 : j / 3;
        third[j / 16][j % 16] = j % 3 == 2 ? 16 + j / 3 : j % 16;
    }
    for (; c == 3 && p + 16 <= pixels; p += 16) {
        __m512i r = pairs_of(planes + p), g = pairs_of(planes + apart + p), b = pairs_of(planes + 2 * apart + p);
        for (int i = 0; i < 3; i++) {
            __m512i mixed = _mm512_permutex2var_epi32(r, _mm512_loadu_si512(two[i]), g);
            _mm512_storeu_si512(out + p * 3 + i * 16, _mm512_permutex2var_epi32(mixed, _mm512_loadu_si512(third[i]), b));
        }
    }
    pixels_from(planes, apart, p, pixels, c, out);
}

/* What a product reads: for each step the first pixel's numbers of one or two bands, `apart` bytes from pixel to pixel, and its place among the weights. */
typedef struct sources {
    const uint16_t *x[2][2 * DF_AMX_STEPS];
    int             weights[2 * DF_AMX_STEPS], n;
    int64_t         apart;
    const float    *bias; /* what sums begin with where nothing else follows them, or NULL */
} sources;

static void add_source(sources *s, const uint16_t *x, const uint16_t *second, int weights)
{
    s->x[0][s->n] = x;
    s->x[1][s->n] = second;
    s->weights[s->n++] = weights;
}

/* One or two bands by one or two blocks of outputs, which begin at `at`; what is constant where this is inlined picks the registers. */
static inline __attribute__((always_inline)) void product(const sources *s, const uint16_t *const w[2], const int64_t at[2], float *y[2][2], int64_t co, int bands, int outputs)
{
    __asm__ volatile("" : : : "memory"); /* gcc 12 does not know that registers are loaded from memory */
    if (s->bias) { /* one line of it 16 times */
        _tile_loadd(0, s->bias + at[0], 0);
        if (outputs > 1)
            _tile_loadd(1, s->bias + at[1], 0);
        if (bands > 1)
            _tile_loadd(2, s->bias + at[0], 0);
        if (bands > 1 && outputs > 1)
            _tile_loadd(3, s->bias + at[1], 0);
    } else {
        _tile_zero(0);
        if (outputs > 1)
            _tile_zero(1);
        if (bands > 1)
            _tile_zero(2);
        if (bands > 1 && outputs > 1)
            _tile_zero(3);
    }
    for (int k = 0; k < s->n; k++) {
        int64_t step = s->weights[k] * STEP;
        _tile_loadd(4, s->x[0][k], s->apart);
        _tile_loadd(6, w[0] + step, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (outputs > 1) {
            _tile_loadd(7, w[1] + step, 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (bands > 1) {
            _tile_loadd(5, s->x[1][k], s->apart);
            _tile_dpbf16ps(2, 5, 6);
            if (outputs > 1)
                _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, y[0][0], co * 4);
    if (outputs > 1)
        _tile_stored(1, y[0][1], co * 4);
    if (bands > 1)
        _tile_stored(2, y[1][0], co * 4);
    if (bands > 1 && outputs > 1)
        _tile_stored(3, y[1][1], co * 4);
}

/* All outputs of `count` bands, which begin at these pixels. */
static void multiply(const df_amx *g, const sources *s, const int64_t at[2], int count, float *y)
{
    int64_t co = g->co, all = blocks(co), size = of_block(g);
    for (int64_t o = 0; o < all; o += 2) {
        bool two = o + 1 < all;
        const int64_t from[2] = {begin_of(o, co), begin_of(two ? o + 1 : o, co)};
        const uint16_t *w[2] = {g->weights + o * size, g->weights + (two ? o + 1 : o) * size};
        float *to[2][2] = {{y + at[0] * co + from[0], y + at[0] * co + from[1]}, {y + at[1] * co + from[0], y + at[1] * co + from[1]}};
        if (count > 1 && two)
            product(s, w, from, to, co, 2, 2);
        else if (count > 1)
            product(s, w, from, to, co, 2, 1);
        else if (two)
            product(s, w, from, to, co, 1, 2);
        else
            product(s, w, from, to, co, 1, 1);
    }
}

/* How a row is walked: bands of 16 pixels by twos. The last band reaches back into the one before it. */
typedef struct walk { int64_t bands; int side; } walk;

static walk walk_of(const df_amx *g)
{
    bool few = g->pixels < DF_AMX_SIDE;
    return (walk){.bands = few ? 1 : blocks(g->pixels), .side = few ? (int)g->pixels : DF_AMX_SIDE};
}

/* A bias alone goes along with the sums, and nothing is left to do when they are there. */
static bool bias_alone(const df_tail *tail) { return !tail->fused || !tail->fused->n_post; }

static void finish(const df_amx *g, const df_tail *tail, int64_t first, int64_t end, float *y)
{
    if (!bias_alone(tail))
        df__lanes()->row_tail(y, first, end, g->co, tail);
}

static int64_t band_begin(const df_amx *g, const walk *w, int64_t band) { return w->bands > 1 ? begin_of(band, g->pixels) : 0; }

/* While one pair of bands is multiplied, the next one is there in bfloat16 already and the one before is finished: for what was just written the matrix
 * registers would wait. */
void df__amx_point(const df_amx *g, const float *x, const df_tail *tail, uint16_t *room, float *y, int *rows)
{
    walk w = walk_of(g);
    int64_t depth = padded(g->ci), done = 0, end = 0;
    df__amx_begin(w.side, rows);
    for (int64_t band = -2; band < w.bands; band += 2) {
        for (int64_t next = band + 2; next < band + 4 && next < w.bands; next++)
            to_bf16(x + band_begin(g, &w, next) * g->ci, w.side, g->ci, room + next % 4 * DF_AMX_SIDE * depth);
        if (band < 0)
            continue;
        sources s = {.apart = depth * 2, .bias = bias_alone(tail) ? tail->bias : NULL};
        int count = band + 1 < w.bands ? 2 : 1;
        int64_t at[2] = {band_begin(g, &w, band), count > 1 ? band_begin(g, &w, band + 1) : 0};
        const uint16_t *first = room + band % 4 * DF_AMX_SIDE * depth;
        for (int k = 0; k < g->steps; k++)
            add_source(&s, first + k * DF_AMX_DEPTH, first + DF_AMX_SIDE * depth + k * DF_AMX_DEPTH, k);
        multiply(g, &s, at, count, y);
        finish(g, tail, done, end, y);
        done = end, end = at[count - 1] + w.side;
    }
    finish(g, tail, done, end, y);
}

void df__amx_window(const df_amx *g, const uint32_t *const *x, int64_t step, const df_tail *tail, float *y, int *rows)
{
    walk w = walk_of(g);
    int64_t done = 0, end = 0;
    df__amx_begin(w.side, rows);
    for (int64_t band = 0; band < w.bands; band += 2) {
        sources s = {.apart = step * 4, .bias = bias_alone(tail) ? tail->bias : NULL};
        int count = band + 1 < w.bands ? 2 : 1;
        int64_t at[2] = {band_begin(g, &w, band), count > 1 ? band_begin(g, &w, band + 1) : 0};
        for (int k = 0; k < g->steps; k++)
            if (x[k]) {
                const uint16_t *first = (const uint16_t *)(x[k] + at[0] * step), *second = (const uint16_t *)(x[k] + at[1] * step);
                add_source(&s, first, second, k);
                add_source(&s, first, second, g->steps + k);
            }
        multiply(g, &s, at, count, y);
        finish(g, tail, done, end, y);
        done = end, end = at[count - 1] + w.side;
    }
    finish(g, tail, done, end, y);
}
#else
bool df__amx_has(void) { return false; }

void df__amx_pixels(const float *planes, int64_t apart, int64_t pixels, int64_t c, uint32_t *out) { pixels_from(planes, apart, 0, pixels, c, out); }

void df__amx_point(const df_amx *g, const float *x, const df_tail *tail, uint16_t *room, float *y, int *rows)
{
    (void)g, (void)x, (void)tail, (void)room, (void)y, (void)rows;
}

void df__amx_window(const df_amx *g, const uint32_t *const *x, int64_t step, const df_tail *tail, float *y, int *rows)
{
    (void)g, (void)x, (void)step, (void)tail, (void)y, (void)rows;
}

void df__amx_begin(int side, int *rows) { (void)side, (void)rows; }

void df__amx_end(int *rows) { (void)rows; }
#endif
