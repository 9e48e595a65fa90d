/* amx_conv.c - see amx_conv.h. Built like amx.c; nothing here runs unless df__amx_has(). */
#include "nn/amx_conv.h"

#include <string.h>

#include "nn/amx.h"

enum { STEP = DF_AMX_SIDE * DF_AMX_DEPTH /* weights of one step and block of outputs */ };

static int64_t steps_of(const df_amx_conv *g) { return g->taps * df__amx_depth(g->inputs) / DF_AMX_DEPTH; }

static int64_t blocks_of(const df_amx_conv *g) { return (g->co + DF_AMX_SIDE - 1) / DF_AMX_SIDE; }

/* The last block of what does not divide reaches back into the one before it. */
static int64_t channel_of(const df_amx_conv *g, int64_t block) { return (block + 1) * DF_AMX_SIDE > g->co ? g->co - DF_AMX_SIDE : block * DF_AMX_SIDE; }

size_t df__amx_conv_weights(const df_amx_conv *g) { return (size_t)(blocks_of(g) * steps_of(g) * STEP * (g->exact ? 2 : 1)) * sizeof(uint16_t); }

/* [two blocks of outputs, or the last one][tap][32 inputs][first number, rest][block][pair of inputs][output][2] */
void df__amx_conv_pack(const df_amx_conv *g, const float *weights, uint16_t *out)
{
    int64_t all = blocks_of(g), steps = df__amx_depth(g->inputs) / DF_AMX_DEPTH, kinds = g->exact ? 2 : 1;
    memset(out, 0, df__amx_conv_weights(g));
    for (int64_t first = 0; first < all; first += 2) {
        int64_t blocks = first + 1 < all ? 2 : 1;
        for (int64_t k = 0; k < g->taps * g->inputs; k++)
            for (int64_t o = 0; o < blocks * DF_AMX_SIDE; o++) {
                uint32_t pair = df__amx_pair(weights[k * g->co + channel_of(g, first + o / DF_AMX_SIDE) + o % DF_AMX_SIDE]);
                int64_t i = k % g->inputs, at = (i % DF_AMX_DEPTH / 2 * DF_AMX_SIDE + o % DF_AMX_SIDE) * 2 + i % 2;
                uint16_t *to = out + (k / g->inputs * steps + i / DF_AMX_DEPTH) * kinds * blocks * STEP + o / DF_AMX_SIDE * STEP;
                to[at] = (uint16_t)pair;
                if (g->exact)
                    to[blocks * STEP + at] = (uint16_t)(pair >> 16);
            }
        out += g->taps * steps * kinds * blocks * STEP;
    }
}

#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__AVX512BF16__) && defined(__linux__) /* as in amx.c */
#define LANES 16
#include "nn/lanes_vec.h"

static __m512 widened(__m256bh x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)x), 16)); }

void df__amx_conv_stage(const void *x, bool half, int64_t n, uint16_t *to, int64_t rest)
{
    const float *from = x;
    int64_t i = 0;
    if (half) {
        memcpy(to, x, (size_t)n * sizeof *to);
        return;
    }
    for (; i + DF_AMX_DEPTH <= n; i += DF_AMX_DEPTH) {
        __m512 a = _mm512_loadu_ps(from + i), b = _mm512_loadu_ps(from + i + LANES);
        if (!rest) {
            _mm512_storeu_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh(b, a));
            continue;
        }
        __m256bh first = _mm512_cvtneps_pbh(a), second = _mm512_cvtneps_pbh(b);
        _mm512_storeu_si512(to + i, _mm512_inserti64x4(_mm512_castsi256_si512((__m256i)first), (__m256i)second, 1));
        _mm512_storeu_si512(to + rest + i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(b, widened(second)), _mm512_sub_ps(a, widened(first))));
    }
    for (; i < n; i++) {
        uint32_t pair = df__amx_pair(from[i]);
        to[i] = (uint16_t)pair;
        if (rest)
            to[rest + i] = (uint16_t)(pair >> 16);
    }
}

/* ---- what follows the sums ---- */

/* Sums of one or two bands of 16 outputs, by one or two blocks of channels: those of output begin[i] + k are sums[i][k]. */
typedef struct block {
    float   sums[2][DF_AMX_SIDE][2 * DF_AMX_SIDE];
    int64_t begin[2], from[2], end, channel, second, first; /* outputs below `from` are there already; how far the second block is from the first; the photo's first element */
    int     bands, blocks;
} block;

/* Most tails: a bias, a tensor that is added, a bend, bounds, each of them or not, in this order; or a bias and swish. */
typedef struct common { bool is, clipped, swish; const void *add; bool half; bend bends[2]; float least, most; } common;

static common common_of(const df_tail *tail, const block *k)
{
    common c = {.is = true};
    const df_fused *fused = tail->fused;
    int i = 0, n = fused ? fused->n_post : 0;
    df_fused rest = {0};
    df_tail bent_tail = {.bias = tail->bias, .fused = &rest};
    if (i < n && fused->post[i].kind == DF_POST_ADD)
        c.add = tail->add[i], c.half = tail->half[i], i++;
    if (i < n && (fused->post[i].kind == DF_POST_RELU || fused->post[i].kind == DF_POST_PRELU))
        rest.post[rest.n_post++] = fused->post[i++];
    if (i < n && fused->post[i].kind == DF_POST_CLIP)
        c.clipped = true, c.least = fused->post[i].a, c.most = fused->post[i].b, i++;
    c.swish = n == 1 && fused->post[0].kind == DF_POST_SWISH;
    c.is = i == n || c.swish;
    for (int b = 0; b < k->blocks && c.is; b++)
        c.bends[b] = bend_of(&bent_tail, k->channel + b * k->second);
    return c;
}

enum { OTHER = -1, NO_ADD, ADD_F32, ADD_HALF, SWISH };

INLINE void put_pixel(const df_amx_out *out, const float *sums, const block *k, int64_t at, int blocks, const common *c, int kind, bool clipped)
{
    vec v[2];
    for (int b = 0; b < blocks; b++) {
        v[b] = load(sums + b * LANES);
        if (kind == OTHER) {
            finish_all(out->tail, &v[b], 1, k->channel + b * k->second, at + b * k->second, 0);
            continue;
        }
        v[b] += c->bends[b].bias;
        if (kind == SWISH) {
            v[b] *= sigmoid_of(v[b]);
            continue;
        }
        if (kind != NO_ADD)
            v[b] += get(c->add, at + b * k->second, kind == ADD_HALF);
        v[b] = bent(&c->bends[b], v[b]);
        if (clipped)
            v[b] = between(v[b], c->least, c->most);
    }
    if (out->half && blocks > 1 && k->second == LANES) {
        __m512bh both = _mm512_cvtne2ps_pbh((__m512)v[1], (__m512)v[0]);
        memcpy((uint16_t *)out->y + at, &both, sizeof both);
    } else {
        for (int b = 0; b < blocks; b++)
            put(out->y, at + b * k->second, out->half, v[b]);
    }
}

INLINE void put_block(const df_amx_conv *g, const df_amx_out *out, const block *k, int blocks, const common *c, int kind, bool clipped)
{
    for (int i = 0; i < k->bands; i++) {
        int64_t p = k->begin[i] > k->from[i] ? k->begin[i] : k->from[i], end = k->begin[i] + DF_AMX_SIDE < k->end ? k->begin[i] + DF_AMX_SIDE : k->end;
        int64_t row = p / out->pitch, column = p % out->pitch, at = k->first + (row * out->width + (column < out->width ? column : out->width)) * g->co + k->channel;
        for (; p < end; p++) {
            if (column < out->width) {
                put_pixel(out, k->sums[i][p - k->begin[i]], k, at, blocks, c, kind, clipped);
                at += g->co;
            }
            column = column + 1 == out->pitch ? 0 : column + 1;
        }
    }
}

static void finish_block(const df_amx_conv *g, const df_amx_out *out, const block *k)
{
    if (!k->blocks)
        return;
    common c = common_of(out->tail, k);
    int kind = !c.is ? OTHER : c.swish ? SWISH : !c.add ? NO_ADD : c.half ? ADD_HALF : ADD_F32;
    if (k->blocks == 1)
        put_block(g, out, k, 1, &c, kind, c.clipped);
    else if (kind == NO_ADD && !c.clipped)
        put_block(g, out, k, 2, &c, NO_ADD, false);
    else if (kind == NO_ADD)
        put_block(g, out, k, 2, &c, NO_ADD, true);
    else if (kind == SWISH)
        put_block(g, out, k, 2, &c, SWISH, false);
    else if (kind == ADD_F32)
        put_block(g, out, k, 2, &c, ADD_F32, c.clipped);
    else if (kind == ADD_HALF)
        put_block(g, out, k, 2, &c, ADD_HALF, c.clipped);
    else
        put_block(g, out, k, 2, &c, OTHER, false);
}

/* ---- sums ---- */

/* Of a photo's outputs: how many count, their first channel, the second block's after it, the first element. */
typedef struct place { int64_t end, channel, second, first; } place;

/* One or two bands, whose first pixels are at x, by one or two blocks of outputs; what is constant where this is inlined picks the registers: 0 to 3 hold sums,
 * 4 and 5 pixels, 6 and 7 weights. */
INLINE void product(const df_amx_conv *g, const uint16_t *const x[2], int64_t rest, const uint16_t *w, float sums[2][DF_AMX_SIDE][2 * DF_AMX_SIDE], int bands, int blocks)
{
    int64_t depth = df__amx_depth(g->inputs), apart = g->apart * 2, size = (int64_t)blocks * STEP;
    __asm__ volatile("" : : : "memory"); /* gcc 12 does not know that registers are loaded from memory */
    _tile_zero(0);
    if (blocks > 1)
        _tile_zero(1);
    if (bands > 1)
        _tile_zero(2);
    if (bands > 1 && blocks > 1)
        _tile_zero(3);
    for (int t = 0; t < g->taps; t++) {
        const uint16_t *a = x[0] + g->offset[t], *b = x[1] + g->offset[t];
        for (int64_t c = 0; c < depth; c += DF_AMX_DEPTH)
            for (int turn = 0; turn < (rest ? 3 : 1); turn++) { /* first by first, rest by first, first by rest */
                int64_t at = c + (turn == 1 ? rest : 0);
                _tile_loadd(4, a + at, apart);
                if (turn != 1)
                    _tile_loadd(6, w, 64);
                _tile_dpbf16ps(0, 4, 6);
                if (blocks > 1) {
                    if (turn != 1)
                        _tile_loadd(7, w + STEP, 64);
                    _tile_dpbf16ps(1, 4, 7);
                }
                if (bands > 1) {
                    _tile_loadd(5, b + at, apart);
                    _tile_dpbf16ps(2, 5, 6);
                    if (blocks > 1)
                        _tile_dpbf16ps(3, 5, 7);
                }
                if (turn != 1)
                    w += size;
            }
    }
    _tile_stored(0, sums[0][0], sizeof sums[0][0]);
    if (blocks > 1)
        _tile_stored(1, sums[0][0] + DF_AMX_SIDE, sizeof sums[0][0]);
    if (bands > 1)
        _tile_stored(2, sums[1][0], sizeof sums[1][0]);
    if (bands > 1 && blocks > 1)
        _tile_stored(3, sums[1][0] + DF_AMX_SIDE, sizeof sums[1][0]);
    __asm__ volatile("" : : : "memory");
}

/* While one block is multiplied the one before gets its tail. */
INLINE void products(const df_amx_conv *g, const uint16_t *x, int64_t rest, const df_amx_out *out, const place *like, const uint16_t *w, block kept[2], int *turn, int blocks)
{
    int64_t pixels = like->end < DF_AMX_SIDE ? DF_AMX_SIDE : like->end; /* those beyond the end are left */
    for (int64_t p = 0; p < pixels; p += 2 * DF_AMX_SIDE) {
        block *k = &kept[*turn], *before = &kept[1 - *turn];
        const uint16_t *from[2];
        k->end = like->end, k->channel = like->channel, k->second = like->second, k->first = like->first, k->blocks = blocks, k->bands = p + DF_AMX_SIDE < pixels ? 2 : 1;
        for (int i = 0; i < 2; i++) { /* the last band reaches back into the one before it */
            k->from[i] = p + i * DF_AMX_SIDE;
            k->begin[i] = k->from[i] + DF_AMX_SIDE > pixels ? pixels - DF_AMX_SIDE : k->from[i];
            from[i] = x + k->begin[i] * g->apart;
        }
        if (k->bands > 1)
            product(g, from, rest, w, k->sums, 2, blocks);
        else
            product(g, from, rest, w, k->sums, 1, blocks);
        finish_block(g, out, before);
        before->blocks = 0;
        *turn = 1 - *turn;
    }
}

void df__amx_conv(const df_amx_conv *g, const uint16_t *x, int64_t rest, int64_t photos, int64_t x_apart, int64_t pixels, const df_amx_out *out, int *rows)
{
    int64_t all = blocks_of(g), size = steps_of(g) * STEP * (g->exact ? 2 : 1);
    _Alignas(64) block kept[2];
    int turn = 0;
    kept[0].blocks = kept[1].blocks = 0;
    df__amx_begin(DF_AMX_SIDE, rows);
    for (int64_t o = 0; o < all; o += 2) /* the weights of two blocks stay in the second cache while pixels go by */
        for (int64_t i = 0; i < photos; i++) {
            const uint16_t *w = g->weights + o * size, *from = x + i * x_apart;
            const place like = {.end = pixels, .channel = channel_of(g, o), .second = o + 1 < all ? channel_of(g, o + 1) - channel_of(g, o) : 0, .first = out->first + i * out->apart};
            if (o + 1 < all && g->exact)
                products(g, from, rest, out, &like, w, kept, &turn, 2);
            else if (o + 1 < all)
                products(g, from, 0, out, &like, w, kept, &turn, 2);
            else if (g->exact)
                products(g, from, rest, out, &like, w, kept, &turn, 1);
            else
                products(g, from, 0, out, &like, w, kept, &turn, 1);
        }
    finish_block(g, out, &kept[1 - turn]);
}
#else
void df__amx_conv_stage(const void *x, bool half, int64_t n, uint16_t *to, int64_t rest) { (void)x, (void)half, (void)n, (void)to, (void)rest; }

void df__amx_conv(const df_amx_conv *g, const uint16_t *x, int64_t rest, int64_t photos, int64_t x_apart, int64_t pixels, const df_amx_out *out, int *rows)
{
    (void)g, (void)x, (void)rest, (void)photos, (void)x_apart, (void)pixels, (void)out, (void)rows;
}
#endif
