/* amx.c - see amx.h. Built for x86-64-v4 with bfloat16 and AMX by itself (CMakeLists.txt); nothing here runs unless df__amx_has(). */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* syscall */
#endif
#include "nn/amx.h"

#include <string.h>

#include "nn/onednn.h"

enum { STEP = DF_AMX_SIDE * DF_AMX_DEPTH /* weights of one step and block of outputs */, TILE = DF_AMX_SIDE * DF_AMX_SIDE /* sums of a register */ };

int64_t df__amx_depth(int64_t ci) { return (ci + DF_AMX_DEPTH - 1) / DF_AMX_DEPTH * DF_AMX_DEPTH; }

static int64_t blocks(int64_t n) { return (n + DF_AMX_SIDE - 1) / DF_AMX_SIDE; }

/* From a block's weights to what they lack, or 0. */
static int64_t to_rest(const df_amx *g) { return g->pairs || g->exact_weights ? g->steps * STEP : 0; }

static int64_t of_block(const df_amx *g) { return g->steps * STEP + to_rest(g); }

/* Numbers of bfloat16 that df__amx_point() reads of a pixel. */
static int64_t of_pixel(const df_amx *g) { return df__amx_depth(g->pairs ? 2 * g->ci : g->ci); }

size_t df__amx_weights(const df_amx *g) { return (size_t)(blocks(g->co) * of_block(g)); }

size_t df__amx_room(const df_amx *g)
{
    return 8 * TILE * sizeof(float) + (g->half ? 0 : (size_t)(4 * DF_AMX_SIDE * of_pixel(g)) * sizeof(uint16_t));
}

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

/* [block of outputs][step][pair of inputs][output][2]; the steps once more with what the weights lack. */
void df__amx_pack(const df_amx *g, const float *weights, int64_t inputs, uint16_t *out)
{
    memset(out, 0, df__amx_weights(g) * sizeof *out);
    for (int64_t b = 0; b < blocks(g->co); b++)
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t o = 0; o < DF_AMX_SIDE && b * DF_AMX_SIDE + o < g->co; o++) {
                uint32_t w = df__amx_pair(weights[i * g->co + b * DF_AMX_SIDE + o]);
                uint16_t *to = out + b * of_block(g) + i / g->depth * STEP;
                int64_t within = i % g->depth;
                for (int rest = 0; rest <= (to_rest(g) > 0); rest++, to += to_rest(g), w >>= 16) {
                    if (!g->pairs)
                        to[(within / 2 * DF_AMX_SIDE + o) * 2 + within % 2] = (uint16_t)w;
                    for (int k = 0; g->pairs && k < 2; k++)
                        to[(within * DF_AMX_SIDE + o) * 2 + k] = (uint16_t)w;
                }
            }
}

static void pixels_from(const float *planes, int64_t apart, int64_t first, int64_t end, int64_t c, uint32_t *out)
{
    for (int64_t p = first; p < end; p++)
        for (int64_t k = 0; k < c; k++)
            out[p * c + k] = df__amx_pair(planes[k * apart + p]);
}

int df__amx_side(const df_amx *g) { return g->pixels < DF_AMX_SIDE ? (int)g->pixels : DF_AMX_SIDE; }

bool df__amx_ends(const df_fused *fused)
{
    int n = fused ? fused->n_post : 0, adds = n > 0 && fused->post[0].kind == DF_POST_ADD;
    return n == adds || (n == adds + 1 && (fused->post[adds].kind == DF_POST_RELU || fused->post[adds].kind == DF_POST_PRELU));
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

void df__amx_stir(void) { _tile_dpbf16ps(0, 4, 6); }

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

static __m512i pairs_of(__m512 v)
{
    __m512i first = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v));
    __m512 rest = _mm512_sub_ps(v, _mm512_castsi512_ps(_mm512_slli_epi32(first, 16)));
    return _mm512_or_si512(first, _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(rest)), 16));
}

static void to_pairs(const float *x, int64_t pixels, int64_t ci, uint16_t *out)
{
    for (int64_t p = 0; p < pixels; p++, x += ci)
        for (int64_t c = 0; c < ci; c += DF_AMX_DEPTH / 2, out += DF_AMX_DEPTH)
            _mm512_store_si512(out, pairs_of(_mm512_maskz_loadu_ps(some(ci - c), x + c)));
}

/* Three planes: number j of 16 pixels is that of channel j % 3. */
void df__amx_pixels(const float *planes, int64_t apart, int64_t pixels, int64_t c, uint32_t *out)
{
    /* which of red and green; which of those and blue */
    static const uint32_t two[3][16] = {{0, 16, 0, 1, 17, 1, 2, 18, 2, 3, 19, 3, 4, 20, 4, 5},
                                         {21, 5, 6, 22, 6, 7, 23, 7, 8, 24, 8, 9, 25, 9, 10, 26},
                                         {10, 11, 27, 11, 12, 28, 12, 13, 29, 13, 14, 30, 14, 15, 31, 15}};
    static const uint32_t third[3][16] = {{0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15},
                                           {0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15},
                                           {26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31}};
    int64_t p = 0;
    for (; c == 3 && p + 16 <= pixels; p += 16) {
        __m512i r = pairs_of(_mm512_loadu_ps(planes + p)), g = pairs_of(_mm512_loadu_ps(planes + apart + p)),
                b = pairs_of(_mm512_loadu_ps(planes + 2 * apart + p));
        for (int i = 0; i < 3; i++) {
            __m512i mixed = _mm512_permutex2var_epi32(r, _mm512_loadu_si512(two[i]), g);
            _mm512_storeu_si512(out + p * 3 + i * 16, _mm512_permutex2var_epi32(mixed, _mm512_loadu_si512(third[i]), b));
        }
    }
    pixels_from(planes, apart, p, pixels, c, out);
}

/* What a product reads: for each step the first pixel's numbers of one or two bands, `apart` bytes from pixel to pixel, and its place among the weights. */
typedef struct sources {
    const uint16_t *x[2][DF_AMX_STEPS];
    int             weights[DF_AMX_STEPS], n;
    int64_t         apart;
} sources;

static void add_source(sources *s, const uint16_t *x, const uint16_t *second, int weights)
{
    s->x[0][s->n] = x;
    s->x[1][s->n] = second;
    s->weights[s->n++] = weights;
}

/* One or two bands by one or two blocks of outputs; what is constant where this is inlined picks the registers. `rest`: from the weights to what they
 * lack, or 0. */
static inline __attribute__((always_inline)) void product(const sources *s, const uint16_t *const w[2], int64_t rest, int bands, int outputs)
{
    __asm__ volatile("" : : : "memory"); /* gcc 12 does not know that registers are loaded from memory */
    _tile_zero(0);
    if (outputs > 1)
        _tile_zero(1);
    if (bands > 1)
        _tile_zero(2);
    if (bands > 1 && outputs > 1)
        _tile_zero(3);
    for (int k = 0; k < s->n; k++) {
        _tile_loadd(4, s->x[0][k], s->apart);
        if (bands > 1)
            _tile_loadd(5, s->x[1][k], s->apart);
        for (int64_t step = s->weights[k] * STEP, end = step + rest; step <= end; step += rest ? rest : 1) {
            _tile_loadd(6, w[0] + step, 64);
            _tile_dpbf16ps(0, 4, 6);
            if (bands > 1)
                _tile_dpbf16ps(2, 5, 6);
            if (outputs > 1) {
                _tile_loadd(7, w[1] + step, 64);
                _tile_dpbf16ps(1, 4, 7);
                if (bands > 1)
                    _tile_dpbf16ps(3, 5, 7);
            }
        }
    }
}

typedef enum bent { STRAIGHT, CUT /* 0 below 0 */, SLOPE } bent;

/* What follows the sums of a block of outputs. */
typedef struct ending { __m512 bias, slope; __mmask16 some, added; } ending;

/* A row on its way. What one product leaves in the registers goes to `sums`, [turn][band][block][pixel][output], and from there to y while the next one
 * is made: who wants a sum at once waits for the matrix unit. */
typedef struct way {
    const df_amx  *g;
    const df_tail *tail;
    float         *sums, *y;
    int            side, turn;
    bool           usual; /* what follows is a bias, a sum and a bend, or less, as in most layers; else y gets its plain sums first */
    const float   *bias, *add, *slope;
    int64_t        n_slope;
    bent           bend;
    /* The product before: where its bands begin, its first output. */
    int64_t        at[2], first;
    int            bands, outputs;
    ending         endings[2];
} way;

static inline __attribute__((always_inline)) void finish_block(const float *sums, int pixels, int64_t co, const ending *e, const float *add, int64_t added, bent bend, float *y)
{
    __m512 bias = e->bias, slope = e->slope;
    __mmask16 there = e->some, adds = e->added;
    for (int p = 0; p < pixels; p++) {
        __m512 v = _mm512_add_ps(_mm512_load_ps(sums + p * DF_AMX_SIDE), bias);
        if (add)
            v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(adds, add + p * added));
        if (bend == CUT)
            v = _mm512_max_ps(_mm512_setzero_ps(), v); /* in this order what is no number stays */
        else if (bend == SLOPE)
            v = _mm512_mask_mul_ps(v, _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ), v, slope);
        _mm512_mask_storeu_ps(y + p * co, there, v);
    }
}

/* To y what the product before left in one register, if it was in use. */
static void finish(const way *w, int band, int output)
{
    if (band >= w->bands || output >= w->outputs)
        return;
    const ending *e = &w->endings[output];
    int64_t co = w->g->co, added = w->g->added, channel = w->first + output * DF_AMX_SIDE, at = w->at[band] * co + channel;
    const float *sums = w->sums + (((w->turn ^ 1) * 2 + band) * 2 + output) * TILE, *add = w->add && channel < added ? w->add + w->at[band] * added + channel : NULL;
    if (add && w->bend == CUT)
        finish_block(sums, w->side, co, e, add, added, CUT, w->y + at);
    else if (add && w->bend == SLOPE)
        finish_block(sums, w->side, co, e, add, added, SLOPE, w->y + at);
    else if (add)
        finish_block(sums, w->side, co, e, add, added, STRAIGHT, w->y + at);
    else if (w->bend == CUT)
        finish_block(sums, w->side, co, e, NULL, 0, CUT, w->y + at);
    else if (w->bend == SLOPE)
        finish_block(sums, w->side, co, e, NULL, 0, SLOPE, w->y + at);
    else
        finish_block(sums, w->side, co, e, NULL, 0, STRAIGHT, w->y + at);
}

/* In place: copied as a whole, numbers that were just written one by one are waited for. */
static void get_ending(way *w, int output)
{
    ending *e = &w->endings[output];
    int64_t channel = w->first + output * DF_AMX_SIDE;
    e->some = some(w->g->co - channel);
    e->added = some(w->g->added - channel);
    e->bias = w->bias ? _mm512_maskz_loadu_ps(e->some, w->bias + channel) : _mm512_setzero_ps();
    e->slope = w->n_slope > 1 ? _mm512_maskz_loadu_ps(e->some, w->slope + channel) : _mm512_set1_ps(w->slope[0]);
}

/* The matrix unit and the vectors' get into each other's way least when they take turns often. */
static inline __attribute__((always_inline)) void step_on(way *w, const sources *s, const uint16_t *const weights[2], int64_t rest, int bands, int outputs)
{
    float *sums = w->sums + w->turn * 4 * TILE;
    product(s, weights, rest, bands, outputs);
    finish(w, 0, 0);
    _tile_stored(0, sums, 64);
    finish(w, 0, 1);
    if (outputs > 1)
        _tile_stored(1, sums + TILE, 64);
    finish(w, 1, 0);
    if (bands > 1)
        _tile_stored(2, sums + 2 * TILE, 64);
    finish(w, 1, 1);
    if (bands > 1 && outputs > 1)
        _tile_stored(3, sums + 3 * TILE, 64);
    __asm__ volatile("" : : : "memory");
}

/* All outputs of `bands` bands, which begin at these pixels. */
static void multiply(way *w, const sources *s, const int64_t at[2], int bands)
{
    const df_amx *g = w->g;
    int64_t all = blocks(g->co), size = of_block(g), rest = to_rest(g);
    for (int64_t o = 0; o < all; o += 2) {
        int outputs = o + 1 < all ? 2 : 1;
        const uint16_t *weights[2] = {g->weights + o * size, g->weights + (o + outputs - 1) * size};
        if (bands > 1 && outputs > 1)
            step_on(w, s, weights, rest, 2, 2);
        else if (bands > 1)
            step_on(w, s, weights, rest, 2, 1);
        else if (outputs > 1)
            step_on(w, s, weights, rest, 1, 2);
        else
            step_on(w, s, weights, rest, 1, 1);
        w->at[0] = at[0], w->at[1] = at[1];
        w->first = o * DF_AMX_SIDE;
        for (int i = 0; i < outputs; i++)
            get_ending(w, i);
        w->bands = bands, w->outputs = outputs;
        w->turn ^= 1;
    }
}

/* A row is walked in bands of 16 pixels by twos. The last band reaches back into the one before it. */
static int64_t band_count(const df_amx *g) { return g->pixels < DF_AMX_SIDE ? 1 : blocks(g->pixels); }

static int64_t band_begin(const df_amx *g, int64_t band)
{
    return g->pixels > DF_AMX_SIDE && (band + 1) * DF_AMX_SIDE > g->pixels ? g->pixels - DF_AMX_SIDE : band * DF_AMX_SIDE;
}

static void begin(way *w, const df_amx *g, const df_tail *tail, void *room, float *y, int *rows)
{
    static const float none;
    w->g = g, w->tail = tail, w->sums = room, w->y = y;
    w->side = df__amx_side(g);
    w->bands = w->outputs = w->turn = 0;
    w->usual = df__amx_ends(tail->fused);
    w->bias = w->usual ? tail->bias : NULL;
    w->add = NULL, w->slope = &none, w->n_slope = 1, w->bend = STRAIGHT;
    for (int p = 0; w->usual && tail->fused && p < tail->fused->n_post; p++) {
        const df_post *post = &tail->fused->post[p];
        if (post->kind == DF_POST_ADD) {
            w->add = (const float *)tail->add[p];
        } else {
            w->bend = post->kind == DF_POST_RELU && post->a == 0 ? CUT : SLOPE;
            w->slope = post->kind == DF_POST_PRELU ? post->slope : &post->a;
            w->n_slope = post->kind == DF_POST_PRELU ? (int64_t)post->n_slope : 1;
        }
    }
    df__amx_begin(w->side, rows);
}

static void end(way *w)
{
    for (int i = 0; i < 4; i++)
        finish(w, i / 2, i % 2);
    if (!w->usual)
        df__lanes()->row_tail(w->y, 0, w->g->pixels, w->g->co, w->tail);
}

void df__amx_point(const df_amx *g, const void *x, const df_tail *tail, void *room, float *y, int *rows)
{
    way w;
    begin(&w, g, tail, room, y, rows);
    uint16_t *halves = (uint16_t *)(w.sums + 8 * TILE);
    int64_t depth = of_pixel(g), bands = band_count(g);
    for (int64_t band = g->half ? 0 : -2; band < bands; band += 2) {
        for (int64_t next = band + 2; next < band + 4 && next < bands && !g->half; next++) /* the next ones are there before they are wanted */
            (g->pairs ? to_pairs : to_bf16)((const float *)x + band_begin(g, next) * g->ci, w.side, g->ci, halves + next % 4 * DF_AMX_SIDE * depth);
        if (band < 0)
            continue;
        sources s = {.apart = depth * 2};
        int count = band + 1 < bands ? 2 : 1;
        int64_t at[2] = {band_begin(g, band), band_begin(g, band + count - 1)};
        const uint16_t *first = g->half ? (const uint16_t *)x + at[0] * depth : halves + band % 4 * DF_AMX_SIDE * depth;
        const uint16_t *second = g->half ? (const uint16_t *)x + at[1] * depth : first + DF_AMX_SIDE * depth;
        for (int k = 0; k < g->steps; k++)
            add_source(&s, first + k * DF_AMX_DEPTH, second + k * DF_AMX_DEPTH, k);
        multiply(&w, &s, at, count);
    }
    end(&w);
}

void df__amx_window(const df_amx *g, const uint32_t *const *x, int64_t step, const df_tail *tail, void *room, float *y, int *rows)
{
    way w;
    begin(&w, g, tail, room, y, rows);
    int64_t bands = band_count(g);
    for (int64_t band = 0; band < bands; band += 2) {
        sources s = {.apart = step * 4};
        int count = band + 1 < bands ? 2 : 1;
        int64_t at[2] = {band_begin(g, band), band_begin(g, band + count - 1)};
        for (int k = 0; k < g->steps; k++)
            if (x[k])
                add_source(&s, (const uint16_t *)(x[k] + at[0] * step), (const uint16_t *)(x[k] + at[1] * step), k);
        multiply(&w, &s, at, count);
    }
    end(&w);
}
#else
bool df__amx_has(void) { return false; }

void df__amx_pixels(const float *planes, int64_t apart, int64_t pixels, int64_t c, uint32_t *out) { pixels_from(planes, apart, 0, pixels, c, out); }

void df__amx_point(const df_amx *g, const void *x, const df_tail *tail, void *room, float *y, int *rows)
{
    (void)g, (void)x, (void)tail, (void)room, (void)y, (void)rows;
}

void df__amx_window(const df_amx *g, const uint32_t *const *x, int64_t step, const df_tail *tail, void *room, float *y, int *rows)
{
    (void)g, (void)x, (void)step, (void)tail, (void)room, (void)y, (void)rows;
}

void df__amx_stir(void) {}

void df__amx_begin(int side, int *rows) { (void)side, (void)rows; }

void df__amx_end(int *rows) { (void)rows; }
#endif
