/* amx_conv.c - see amx_conv.h. Built like amx.c; nothing here runs unless df__amx_has(). */
#include "nn/amx_conv.h"

#include <string.h>

#include "nn/amx.h"

enum { LINE = 64, STEP = DF_AMX_SIDE * DF_AMX_DEPTH /* weights of one step and block of outputs */ };

static int64_t blocks_of(const df_amx_conv *g) { return (g->co + DF_AMX_SIDE - 1) / DF_AMX_SIDE; }

/* The last block of what does not divide reaches back into the one before it. */
static int64_t channel_of(const df_amx_conv *g, int64_t block) { return (block + 1) * DF_AMX_SIDE > g->co ? g->co - DF_AMX_SIDE : block * DF_AMX_SIDE; }

size_t df__amx_conv_weights(const df_amx_conv *g) { return (size_t)(blocks_of(g) * g->steps * STEP * (g->exact ? 2 : 1)) * sizeof(uint16_t); }

/* [two blocks of outputs, or the last one][step][first number, rest][block][pair of inputs][output][2] */
void df__amx_conv_pack(const df_amx_conv *g, const float *weights, uint16_t *out)
{
    int64_t all = blocks_of(g), kinds = g->exact ? 2 : 1;
    memset(out, 0, df__amx_conv_weights(g));
    for (int64_t first = 0; first < all; first += 2) {
        int64_t blocks = first + 1 < all ? 2 : 1;
        for (int64_t s = 0; s < g->steps; s++, out += kinds * blocks * STEP)
            for (int64_t i = 0; i < g->step[s].inputs; i++)
                for (int64_t o = 0; o < blocks * DF_AMX_SIDE; o++) {
                    int64_t block = o / DF_AMX_SIDE, output = o % DF_AMX_SIDE;
                    uint32_t pair = df__amx_pair(weights[(g->step[s].first + i) * g->co + channel_of(g, first + block) + output]);
                    uint16_t *to = out + block * STEP + (i / 2 * DF_AMX_SIDE + output) * 2 + i % 2;
                    *to = (uint16_t)pair;
                    if (g->exact)
                        to[blocks * STEP] = (uint16_t)(pair >> 16);
                }
    }
}

#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__AVX512BF16__) && defined(__linux__) /* as in amx.c */
#define LANES 16
#include "nn/lanes_vec.h"

static __m512 widened(__m256bh x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)x), 16)); }

static void put_halves(uint16_t *to, int64_t rest, __m512 a, __m512 b)
{
    if (!rest) {
        _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(b, a));
        return;
    }
    __m256bh first = _mm512_cvtneps_pbh(a), second = _mm512_cvtneps_pbh(b);
    _mm512_storeu_si512(to, _mm512_inserti64x4(_mm512_castsi256_si512((__m256i)first), (__m256i)second, 1));
    _mm512_storeu_si512(to + rest, (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(b, widened(second)), _mm512_sub_ps(a, widened(first))));
}

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
        put_halves(to + i, rest, a, b);
    }
    for (; i < n; i++) {
        uint32_t pair = df__amx_pair(from[i]);
        to[i] = (uint16_t)pair;
        if (rest)
            to[rest + i] = (uint16_t)(pair >> 16);
    }
}

static __mmask32 some(int64_t n) { return n >= DF_AMX_DEPTH ? ~(__mmask32)0 : ((__mmask32)1 << n) - 1; }

void df__amx_conv_sort(const void *x, bool half, int64_t pixels, int64_t step, int64_t channels, uint16_t *to, int64_t apart, int64_t rest)
{
    for (int64_t p = 0; p < pixels; p++, to += DF_AMX_DEPTH) {
        uint16_t *line = to;
        for (int64_t c = 0; c < channels; c += DF_AMX_DEPTH, line += apart) {
            int64_t at = p * step * channels + c;
            __mmask32 there = some(channels - c);
            if (half) {
                _mm512_storeu_si512(line, _mm512_maskz_loadu_epi16(there, (const uint16_t *)x + at));
                continue;
            }
            __m512 a = _mm512_maskz_loadu_ps((__mmask16)there, (const float *)x + at), b = _mm512_maskz_loadu_ps((__mmask16)(there >> 16), (const float *)x + at + LANES);
            put_halves(line, rest, a, b);
        }
    }
}

/* ---- what follows the sums ---- */

/* Most tails: a bias, a tensor that is added, a bend, bounds, each of them or not, in this order; or a bias, a bend, a tensor that is added (THEN); or a bias and swish.
 * CUT: a bend to 0 below 0, and no bounds. */
typedef enum tail_kind { OTHER, SWISH, CUT, CUT_F32, CUT_HALF, BENT, BENT_F32, BENT_HALF, THEN_F32, THEN_HALF } tail_kind;

typedef struct bounds { const void *add; bool clipped; float least, most; } bounds;

typedef struct ends {
    tail_kind kind;
    bounds    numbers;
    df_fused  bend;
    df_tail   bent; /* the bias and the bend */
} ends;

static void ends_of(const df_tail *tail, ends *e)
{
    const df_fused *fused = tail->fused;
    int i = 0, n = fused ? fused->n_post : 0, adds = 0;
    bool cut = false;
    *e = (ends){.bent = {.bias = tail->bias, .fused = &e->bend}};
    if (i < n && fused->post[i].kind == DF_POST_ADD)
        e->numbers.add = tail->add[i], adds = tail->half[i] ? 2 : 1, i++;
    if (i < n && (fused->post[i].kind == DF_POST_RELU || fused->post[i].kind == DF_POST_PRELU))
        cut = fused->post[i].kind == DF_POST_RELU && fused->post[i].a == 0, e->bend.post[e->bend.n_post++] = fused->post[i++];
    if (i < n && fused->post[i].kind == DF_POST_CLIP)
        e->numbers = (bounds){e->numbers.add, true, fused->post[i].a, fused->post[i].b}, i++;
    if (i == 1 && n == 2 && e->bend.n_post && fused->post[i].kind == DF_POST_ADD)
        e->numbers.add = tail->add[i], e->kind = tail->half[i] ? THEN_HALF : THEN_F32;
    else if (i == n)
        e->kind = (tail_kind)((cut && !e->numbers.clipped ? CUT : BENT) + adds);
    else if (n == 1 && fused->post[0].kind == DF_POST_SWISH)
        e->kind = SWISH;
}

INLINE vec bent_by(vec slope, vec v)
{
    return (vec)_mm512_mask_mul_ps((__m512)v, _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_LT_OQ), (__m512)v, (__m512)slope);
}

/* v of element `at`; not OTHER. */
INLINE vec ended(const bounds *e, tail_kind kind, vec v, vec slope, int64_t at)
{
    if (kind == SWISH)
        return v * sigmoid_of(v);
    if (kind == CUT_F32 || kind == CUT_HALF || kind == BENT_F32 || kind == BENT_HALF)
        v += get(e->add, at, kind == CUT_HALF || kind == BENT_HALF);
    if (kind == CUT || kind == CUT_F32 || kind == CUT_HALF)
        return (vec)_mm512_max_ps(_mm512_setzero_ps(), (__m512)v); /* in this order what is no number stays */
    v = bent_by(slope, v);
    if (kind == THEN_F32 || kind == THEN_HALF)
        return v + get(e->add, at, kind == THEN_HALF);
    return e->clipped ? between(v, e->least, e->most) : v;
}

/* One or two bands of 16 outputs of a photo. Sums are made from `begin` on - the last band reaches back into the one before it - and used from `from` to `end`; the first of
 * these is in this column, and element `at` is its channel 0. */
typedef struct bands {
    int     n;
    int64_t begin[2], from[2], end[2], column[2], at[2];
} bands;

/* One or two blocks of 16 channels: the first one's first, how far the second one's is from it. */
typedef struct blocks {
    int     n;
    int64_t channel, second;
    vec     bias[2], slope[2];
} blocks;

/* Lines of memory that are asked for before they are wanted, so many at each step. */
typedef struct wishes { const char *at; int lines; } wishes;

/* A part on its way. What the registers held last is in `sums` and gets its tail while the next sums are made: no more is kept, since weights and pixels have to fit into the
 * first cache with it. */
typedef struct walk {
    const df_amx_conv *g;
    const df_amx_out  *out;
    float            (*sums)[DF_AMX_SIDE][2 * DF_AMX_SIDE]; /* those of output begin[i] + k are sums[i][k] */
    ends               tail;
    bands              at;          /* what waits for its tail */
    blocks             of;          /* n is 0 where nothing does */
    int                each;        /* outputs that get their tails at each step */
    wishes             ahead, added; /* what is read next, weights or pixels; what is added to the next bands */
} walk;

/* The next output that gets its tail. */
typedef struct cursor {
    int          band;
    int64_t      p, end, column, to;
    const float *sums;
} cursor;

INLINE void begin_band(const walk *w, int band, cursor *c)
{
    c->band = band;
    c->p = w->at.from[band], c->end = w->at.end[band], c->column = w->at.column[band], c->to = w->at.at[band] + w->of.channel;
    c->sums = w->sums[band][c->p - w->at.begin[band]];
}

/* Whether there is one, past the ends of bands. */
INLINE bool is_there(const walk *w, cursor *c)
{
    while (c->p >= c->end) {
        if (c->band + 1 >= w->at.n)
            return false;
        begin_band(w, c->band + 1, c);
    }
    return true;
}

INLINE void step_over(cursor *c, int64_t pitch)
{
    c->column = c->column + 1 == pitch ? 0 : c->column + 1;
    c->p++;
    c->sums += 2 * DF_AMX_SIDE;
}

static void put_rest(walk *w)
{
    cursor c;
    if (w->of.n == 0)
        return;
    for (begin_band(w, 0, &c); is_there(w, &c); step_over(&c, w->out->pitch)) {
        if (c.column >= w->out->width)
            continue;
        for (int b = 0; b < w->of.n; b++) {
            vec v = load(c.sums + b * LANES);
            int64_t at = c.to + b * w->of.second;
            if (w->tail.kind == OTHER)
                finish_all(w->out->tail, &v, 1, w->of.channel + b * w->of.second, at, 0, false);
            else
                v = ended(&w->tail.numbers, w->tail.kind, v + w->of.bias[b], w->of.slope[b], at);
            put(w->out->y, at, w->out->half, v);
        }
        c.to += w->g->co;
    }
    w->of.n = 0;
}

/* ---- sums ---- */

/* What tails need, for the compiler to keep in registers: through a pointer it would read all of it again behind each number that is written. */
typedef struct hot {
    void          *y;
    bool           half, together, past; /* the second block's numbers are beside the first one's; whole lines that go past the caches */
    int64_t        pitch, width, co, second;
    vec            bias, second_bias, slope, second_slope;
    bounds         numbers;
} hot;

INLINE void put_some(const walk *w, const hot *h, cursor *c, int count, tail_kind kind)
{
    for (int i = 0; i < count && is_there(w, c); i++, step_over(c, h->pitch)) {
        if (c->column >= h->width)
            continue;
        vec a = ended(&h->numbers, kind, load(c->sums) + h->bias, h->slope, c->to), b = ended(&h->numbers, kind, load(c->sums + LANES) + h->second_bias, h->second_slope, c->to + h->second);
        if (h->together && h->past) {
            _mm512_stream_si512((void *)((uint16_t *)h->y + c->to), (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
        } else if (h->together) {
            _mm512_storeu_si512((uint16_t *)h->y + c->to, (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
        } else if (h->past) {
            _mm512_stream_ps((float *)h->y + c->to, (__m512)a);
            _mm512_stream_ps((float *)h->y + c->to + h->second, (__m512)b);
        } else {
            put(h->y, c->to, h->half, a);
            put(h->y, c->to + h->second, h->half, b);
        }
        c->to += h->co;
    }
}

/* One or two bands, whose first pixels are at x, by one or two blocks of channels; what is constant where this is inlined picks the registers: 0 to 3 hold sums, 4 and 5
 * pixels, 6 and 7 weights. At each step some outputs of the two blocks that wait get their tails, or afterwards (OTHER): meanwhile the matrix unit has something to do. */
INLINE void product(walk *w, const uint16_t *const x[2], int64_t rest, const uint16_t *weights, int n_bands, int n_blocks, tail_kind kind)
{
    const hot h = {.y = w->out->y, .half = w->out->half, .together = w->out->half && w->of.second == LANES, .past = w->out->past, .pitch = w->out->pitch, .width = w->out->width, .co = w->g->co,
                   .second = w->of.second, .bias = w->of.bias[0], .second_bias = w->of.bias[1], .slope = w->of.slope[0], .second_slope = w->of.slope[1],
                   .numbers = w->tail.numbers};
    wishes ahead = w->ahead, added = w->added;
    int64_t apart = w->g->apart * 2, size = (int64_t)n_blocks * STEP;
    int each = w->each;
    cursor c;
    if (kind != OTHER)
        begin_band(w, 0, &c);
    __asm__ volatile("" : : : "memory"); /* gcc 12 does not know that registers are loaded from memory */
    _tile_zero(0);
    if (n_blocks > 1)
        _tile_zero(1);
    if (n_bands > 1)
        _tile_zero(2);
    if (n_bands > 1 && n_blocks > 1)
        _tile_zero(3);
    for (const df_amx_step *s = w->g->step, *end = s + w->g->steps; s < end; s++)
        for (int turn = 0; turn < (rest ? 3 : 1); turn++) { /* first by first, rest by first, first by rest */
            int64_t at = s->offset + (turn == 1 ? rest : 0);
            if (turn != 1)
                _tile_loadd(6, weights, 64);
            _tile_loadd(4, x[0] + at, apart);
            if (n_bands > 1)
                _tile_loadd(5, x[1] + at, apart);
            _tile_dpbf16ps(0, 4, 6);
            if (n_bands > 1)
                _tile_dpbf16ps(2, 5, 6);
            if (n_blocks > 1 && turn != 1)
                _tile_loadd(7, weights + STEP, 64);
            if (n_blocks > 1)
                _tile_dpbf16ps(1, 4, 7);
            if (n_bands > 1 && n_blocks > 1)
                _tile_dpbf16ps(3, 5, 7);
            weights += turn != 1 ? size : 0;
            for (int i = 0; i < ahead.lines; i++, ahead.at += LINE)
                _mm_prefetch(ahead.at, _MM_HINT_T1);
            for (int i = 0; i < added.lines; i++, added.at += LINE)
                _mm_prefetch(added.at, _MM_HINT_T1);
            if (kind != OTHER)
                put_some(w, &h, &c, each, kind);
        }
    if (kind != OTHER)
        put_some(w, &h, &c, 2 * DF_AMX_SIDE, kind);
    else
        put_rest(w);
    w->ahead = ahead, w->added = added;
    __asm__ volatile("" : : : "memory");
    _tile_stored(0, w->sums[0][0], sizeof w->sums[0][0]);
    if (n_blocks > 1)
        _tile_stored(1, w->sums[0][0] + DF_AMX_SIDE, sizeof w->sums[0][0]);
    if (n_bands > 1)
        _tile_stored(2, w->sums[1][0], sizeof w->sums[1][0]);
    if (n_bands > 1 && n_blocks > 1)
        _tile_stored(3, w->sums[1][0] + DF_AMX_SIDE, sizeof w->sums[1][0]);
    __asm__ volatile("" : : : "memory");
}

/* Then it is these that wait. */
INLINE void step_on(walk *w, const bands *at, const blocks *of, const uint16_t *x, int64_t rest, const uint16_t *weights, int n_blocks)
{
    const uint16_t *from[2] = {x + at->begin[0] * w->g->apart, x + at->begin[1] * w->g->apart};
    switch (n_blocks == 2 && at->n == 2 && w->of.n == 2 ? w->tail.kind : OTHER) {
    case SWISH: product(w, from, rest, weights, 2, 2, SWISH); break;
    case CUT: product(w, from, rest, weights, 2, 2, CUT); break;
    case CUT_F32: product(w, from, rest, weights, 2, 2, CUT_F32); break;
    case CUT_HALF: product(w, from, rest, weights, 2, 2, CUT_HALF); break;
    case BENT: product(w, from, rest, weights, 2, 2, BENT); break;
    case BENT_F32: product(w, from, rest, weights, 2, 2, BENT_F32); break;
    case BENT_HALF: product(w, from, rest, weights, 2, 2, BENT_HALF); break;
    case THEN_F32: product(w, from, rest, weights, 2, 2, THEN_F32); break;
    case THEN_HALF: product(w, from, rest, weights, 2, 2, THEN_HALF); break;
    case OTHER:
        if (at->n == 2)
            product(w, from, rest, weights, 2, n_blocks, OTHER);
        else
            product(w, from, rest, weights, 1, n_blocks, OTHER);
    }
    w->at = *at;
    w->of = *of;
}

static void multiply(walk *w, const bands *at, const blocks *of, const uint16_t *x, int64_t rest, const uint16_t *weights)
{
    if (of->n == 2 && rest)
        step_on(w, at, of, x, rest, weights, 2);
    else if (of->n == 2)
        step_on(w, at, of, x, 0, weights, 2);
    else if (rest)
        step_on(w, at, of, x, rest, weights, 1);
    else
        step_on(w, at, of, x, 0, weights, 1);
}

/* From output p on, of a photo that begins at element `first`. */
static void place_bands(const walk *w, int64_t pixels, int64_t first, int64_t p, bands *at)
{
    int64_t covered = pixels < DF_AMX_SIDE ? DF_AMX_SIDE : pixels, width = w->out->width; /* those beyond the end are left */
    at->n = p + DF_AMX_SIDE < covered ? 2 : 1;
    for (int i = 0; i < 2; i++) {
        int64_t from = p + i * DF_AMX_SIDE, begin = from + DF_AMX_SIDE > covered ? covered - DF_AMX_SIDE : from, column = from % w->out->pitch;
        at->begin[i] = begin, at->from[i] = from, at->column[i] = column;
        at->end[i] = begin + DF_AMX_SIDE < pixels ? begin + DF_AMX_SIDE : pixels;
        at->at[i] = first + (from / w->out->pitch * width + (column < width ? column : width)) * w->g->co;
    }
}

static void place_blocks(const walk *w, int64_t block, blocks *of)
{
    of->n = block + 1 < blocks_of(w->g) ? 2 : 1;
    of->channel = channel_of(w->g, block);
    of->second = of->n == 2 ? channel_of(w->g, block + 1) - of->channel : 0;
    for (int b = 0; b < of->n; b++) {
        const df_tail *tail = &w->tail.bent;
        int64_t channel = of->channel + b * of->second;
        const df_post *post = tail->fused && tail->fused->n_post == 1 ? tail->fused->post : NULL;
        of->bias[b] = tail->bias ? load(tail->bias + channel) : (vec){0};
        of->slope[b] = spread(1);
        if (post && post->kind == DF_POST_RELU)
            of->slope[b] = spread(post->a);
        else if (post && post->kind == DF_POST_PRELU)
            of->slope[b] = post->n_slope > 1 ? load(post->slope + channel) : spread(post->slope[0]);
    }
}

static int per(int64_t lines, int64_t turns) { return (int)((lines + turns - 1) / turns); }

/* Numbers from element `at` on of the tensor that is added. */
static wishes ask_for_added(const walk *w, int64_t at, int64_t numbers, int64_t turns)
{
    tail_kind kind = w->tail.kind;
    int64_t size = kind == CUT_HALF || kind == BENT_HALF || kind == THEN_HALF ? 2 : 4;
    if (!w->tail.numbers.add)
        return (wishes){0};
    return (wishes){(const char *)w->tail.numbers.add + at * size, per(numbers * size / LINE, turns)};
}

/* Few weights stay in the second cache, from where each band gets them; what goes by but once, and is asked for ahead, are pixels. Of many it is the weights. */
static bool are_few(const df_amx_conv *g) { return df__amx_conv_weights(g) <= 512 << 10; }

void df__amx_conv(const df_amx_conv *g, const uint16_t *x, int64_t rest, int64_t photos, int64_t x_apart, int64_t pixels, const df_amx_out *out, int *rows)
{
    _Alignas(64) float sums[2][DF_AMX_SIDE][2 * DF_AMX_SIDE];
    enum { PIXELS = 2 * DF_AMX_SIDE };
    int64_t all = blocks_of(g), size = g->steps * STEP * (g->exact ? 2 : 1), steps = g->steps * (g->exact ? 3 : 1), turns = steps * photos * ((pixels + PIXELS - 1) / PIXELS);
    walk w = {.g = g, .out = out, .sums = sums, .each = (int)((PIXELS + steps - 1) / steps)};
    bands at;
    blocks of;
    ends_of(out->tail, &w.tail);
    df__amx_begin(DF_AMX_SIDE, rows);
    bool few = are_few(g);
    rest = g->exact ? rest : 0;
    w.ahead = (wishes){out->ahead, per(out->ahead_lines, turns * ((all + 1) / 2))};
    for (int64_t i = 0; i < photos && few; i++)
        for (int64_t p = 0; p < pixels; p += PIXELS) {
            place_bands(&w, pixels, out->first + i * out->apart, p, &at);
            w.added = ask_for_added(&w, at.at[0] + PIXELS * g->co, PIXELS * g->co, steps * ((all + 1) / 2));
            for (int64_t o = 0; o < all; o += 2) {
                place_blocks(&w, o, &of);
                multiply(&w, &at, &of, x + i * x_apart, rest, g->weights + o * size);
            }
        }
    for (int64_t o = 0; o < all && !few; o += 2) {
        const uint16_t *weights = g->weights + o * size;
        w.ahead = (wishes){(const char *)(weights + 2 * size), o + 4 <= all ? per(2 * size * (int64_t)sizeof *weights / LINE, turns) : 0};
        place_blocks(&w, o, &of);
        for (int64_t i = 0; i < photos; i++)
            for (int64_t p = 0; p < pixels; p += PIXELS) {
                place_bands(&w, pixels, out->first + i * out->apart, p, &at);
                multiply(&w, &at, &of, x + i * x_apart, rest, weights);
            }
    }
    put_rest(&w);
    if (out->past)
        _mm_sfence(); /* others read them next */
}
#else
void df__amx_conv_stage(const void *x, bool half, int64_t n, uint16_t *to, int64_t rest) { (void)x, (void)half, (void)n, (void)to, (void)rest; }

void df__amx_conv_sort(const void *x, bool half, int64_t pixels, int64_t step, int64_t channels, uint16_t *to, int64_t apart, int64_t rest)
{
    (void)x, (void)half, (void)pixels, (void)step, (void)channels, (void)to, (void)apart, (void)rest;
}

void df__amx_conv(const df_amx_conv *g, const uint16_t *x, int64_t rest, int64_t photos, int64_t x_apart, int64_t pixels, const df_amx_out *out, int *rows)
{
    (void)g, (void)x, (void)rest, (void)photos, (void)x_apart, (void)pixels, (void)out, (void)rows;
}
#endif
