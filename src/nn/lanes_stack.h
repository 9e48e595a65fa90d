/* lanes_stack.h - rows of layers that are computed together (kernel_stack.c): convolutions over all channels, maxima. Float32 alone. */

/* Sums of a block, vectors of channels by pixels, and what they are made of stay in registers, of which there are 32, or 16. */
#if LANES == 16
enum { VECTORS = 4, PIXELS = 16 };
static const int most_pixels[VECTORS] = {16, 12, 8, 6};
#else
enum { VECTORS = 3, PIXELS = 8 };
static const int most_pixels[VECTORS] = {8, 6, 4};
#endif
enum { BLOCK = LANES == 16 ? 8 : 4 /* pixels of a tail */, SHARED = 5 /* pixels of a pointer: the processor adds 0, 1, 2 and 4 steps, and 1 of three */, POINTERS = (PIXELS + SHARED - 1) / SHARED };

/* What the window of output ox sees, and the weights of it. */
typedef struct taps { int64_t ox, n; const float *x[DF_DENSE_TAPS], *weights[DF_DENSE_TAPS]; } taps;

/* Outputs from ox on, their channels from `channel` on. Either windows of one pixel, of a row, or taps. */
typedef struct block { const df_dense *g; const float *row; const taps *taps; const ends *ends; int64_t ox, channel; float *y; } block;

INLINE void point_at(const float **x, const float *first, int64_t step, int pixels)
{
    x[0] = first;
    EVERY for (int i = 1; i * SHARED < pixels; i++)
        x[i] = x[i - 1] + SHARED * step;
}

/* sums += one input of each pixel by its weights */
INLINE void plus_input(vec *sums, const float **x, int64_t step, const float *w, const int64_t *at, int pixels, int vectors)
{
    vec weights[VECTORS];
    EVERY for (int v = 0; v < vectors; v++)
        weights[v] = load(w + at[v]);
    EVERY for (int i = 0; i * SHARED < pixels; i++)
        OPAQUE(x[i]);
    EVERY for (int p = 0; p < pixels; p++) {
        vec one = spread(x[p / SHARED][p % SHARED * step]);
        EVERY for (int v = 0; v < vectors; v++)
            sums[v * pixels + p] = plus_product(sums[v * pixels + p], one, weights[v]);
    }
}

/* `pixels` outputs, `vectors` vectors of channels of each: constants, as is `window`. Of a number of channels that is no multiple of LANES the last vector
 * reaches back into the one before it. */
INLINE void dense_block(const block *b, int pixels, int vectors, bool window)
{
    const df_dense *g = b->g;
    vec sums[VECTORS * PIXELS];
    int64_t at[VECTORS], co = g->co, step = g->stride * g->pixel;
    const float *x[POINTERS], *w = g->weights;
    EVERY for (int v = 0; v < vectors; v++) {
        at[v] = v < vectors - 1 ? b->channel + v * LANES : fewer(b->channel + v * LANES, co - LANES);
        vec bias = bias_of(b->ends, at[v]);
        EVERY for (int p = 0; p < pixels; p++)
            sums[v * pixels + p] = bias;
    }
    if (window) {
        const taps *t = b->taps;
        for (int64_t i = 0, first = (b->ox - t->ox) * step; i < t->n; i++) {
            point_at(x, t->x[i] + first, step, pixels);
            plus_input(sums, x, step, t->weights[i], at, pixels, vectors);
        }
    } else {
        point_at(x, b->row + b->ox * step, step, pixels);
        for (int64_t c = 0; c < g->ci; c++, w += co) {
            plus_input(sums, x, step, w, at, pixels, vectors);
            EVERY for (int i = 0; i * SHARED < pixels; i++)
                x[i] += g->channel;
        }
    }
    EVERY for (int v = 0; v < vectors; v++)
        end_sums(b->ends, sums + v * pixels, pixels, at[v], b->ox * co + at[v], co, b->y);
}

/* A function of its own for each size, so that all registers are its own. */
typedef void (*block_fn)(const block *b);
#define BLOCK_OF(vectors, pixels)                                                                                     \
    static __attribute__((noinline)) void block_##vectors##_##pixels(const block *b) { dense_block(b, pixels, vectors, false); }
#define WINDOWS_OF(vectors, pixels)                                                                                   \
    static __attribute__((noinline)) void windows_##vectors##_##pixels(const block *b) { dense_block(b, pixels, vectors, true); }
#define BLOCK_NAME(vectors, pixels) block_##vectors##_##pixels,
#define WINDOWS_NAME(vectors, pixels) windows_##vectors##_##pixels,
#define TO_3(of, v, less, most) of(v, 1) of(v, less) of(v, most)
#define TO_4(of, v) of(v, 1) of(v, 2) of(v, 3) of(v, 4)
#define TO_6(of, v) TO_4(of, v) of(v, 5) of(v, 6)
#define TO_8(of, v) TO_6(of, v) of(v, 7) of(v, 8)
#define TO_12(of, v) TO_8(of, v) of(v, 9) of(v, 10) of(v, 11) of(v, 12)
#define TO_16(of, v) TO_12(of, v) of(v, 13) of(v, 14) of(v, 15) of(v, 16)
#if LANES == 16
TO_16(BLOCK_OF, 1) TO_12(BLOCK_OF, 2) TO_8(BLOCK_OF, 3) TO_6(BLOCK_OF, 4)
TO_3(WINDOWS_OF, 1, 15, 16) TO_3(WINDOWS_OF, 2, 11, 12) TO_3(WINDOWS_OF, 3, 7, 8) TO_3(WINDOWS_OF, 4, 5, 6)
static const block_fn blocks[VECTORS][PIXELS] = {{TO_16(BLOCK_NAME, 1)}, {TO_12(BLOCK_NAME, 2)}, {TO_8(BLOCK_NAME, 3)}, {TO_6(BLOCK_NAME, 4)}},
                      windows[VECTORS][3] = {{TO_3(WINDOWS_NAME, 1, 15, 16)}, {TO_3(WINDOWS_NAME, 2, 11, 12)}, {TO_3(WINDOWS_NAME, 3, 7, 8)}, {TO_3(WINDOWS_NAME, 4, 5, 6)}};
#else
TO_8(BLOCK_OF, 1) TO_6(BLOCK_OF, 2) TO_4(BLOCK_OF, 3)
TO_3(WINDOWS_OF, 1, 7, 8) TO_3(WINDOWS_OF, 2, 5, 6) TO_3(WINDOWS_OF, 3, 3, 4)
static const block_fn blocks[VECTORS][PIXELS] = {{TO_8(BLOCK_NAME, 1)}, {TO_6(BLOCK_NAME, 2)}, {TO_4(BLOCK_NAME, 3)}},
                      windows[VECTORS][3] = {{TO_3(WINDOWS_NAME, 1, 7, 8)}, {TO_3(WINDOWS_NAME, 2, 5, 6)}, {TO_3(WINDOWS_NAME, 3, 3, 4)}};
#endif

static void list_taps(const df_dense *g, const float *const *rows, int64_t ox, taps *t)
{
    t->ox = ox;
    t->n = 0;
    for (int r = 0; r < g->rows; r++)
        for (int64_t k = 0, x = ox * g->stride - g->pad; k < g->columns; k++, x++)
            for (int64_t c = 0; c < g->ci && rows[r] && x >= 0 && x < g->w; c++, t->n++) {
                t->x[t->n] = rows[r] + x * g->pixel + c * g->channel;
                t->weights[t->n] = g->weights + ((r * g->columns + k) * g->ci + c) * g->co;
            }
}

/* Outputs first .. end, in blocks as equal as can be, so that none is small. Of windows, which seldom are few, there are blocks of but three sizes; where those
 * do not do the last one reaches back. */
static void dense_range(block *b, int64_t first, int64_t end)
{
    int64_t left = (b->g->co + LANES - 1) / LANES, n = end - first, pixels;
    b->channel = 0;
    for (int64_t groups = (left + VECTORS - 1) / VECTORS, vectors; groups > 0; groups--, left -= vectors, b->channel += vectors * LANES) {
        vectors = (left + groups - 1) / groups;
        int64_t most = most_pixels[vectors - 1], parts = (n + most - 1) / most;
        bool even = !b->taps || n >= parts * (most - 1);
        for (int64_t next = first; next < end; next += pixels) {
            pixels = even ? (end - next + parts - 1) / parts : n < most ? 1 : most;
            parts--;
            b->ox = fewer(next, end - pixels);
            (b->taps ? windows[vectors - 1][pixels == 1 ? 0 : pixels == most ? 2 : 1] : blocks[vectors - 1][pixels - 1])(b);
        }
    }
}

static void dense(const df_dense *g, const float *const *rows, const df_tail *tail, float *y)
{
    taps t;
    ends e = ends_of(tail, true);
    block b = {.g = g, .row = rows[0], .ends = &e, .y = y};
    if (g->rows * g->columns == 1 && rows[0] && g->pad == 0 && (g->ow - 1) * g->stride < g->w) { /* no output sees the border */
        dense_range(&b, 0, g->ow);
        return;
    }
    int64_t low = fewer((g->pad + g->stride - 1) / g->stride, g->ow), high = g->w + g->pad < g->columns ? 0 : (g->w + g->pad - g->columns) / g->stride + 1;
    high = high < low ? low : fewer(high, g->ow);
    b.taps = &t;
    for (int64_t ox = 0, end; ox < g->ow; ox = end) { /* each output at the row's ends has taps of its own */
        end = ox == low && low < high ? high : ox + 1;
        list_taps(g, rows, ox, &t);
        dense_range(&b, ox, end);
    }
}

INLINE void tail_block(float *y, const vec *sums, int pixels, int64_t channels, int64_t channel, int64_t at, const ends *e)
{
    vec v[BLOCK];
    EVERY for (int p = 0; p < pixels; p++)
        v[p] = (sums ? sums[p] : load(y + at + channel + p * channels)) + bias_of(e, channel);
    end_sums(e, v, pixels, channel, at + channel, channels, y);
}

/* Of a number of channels that is no multiple of LANES the last vector is read before those are written that it reaches back into. */
INLINE void tail_pixels(float *y, int pixels, int64_t channels, int64_t at, const ends *e)
{
    int64_t whole = channels - channels % LANES, last = channels - LANES;
    vec rest[BLOCK];
    for (int p = 0; p < pixels && whole < channels; p++)
        rest[p] = load(y + at + last + p * channels);
    for (int64_t c = 0; c < whole; c += LANES)
        tail_block(y, NULL, pixels, channels, c, at, e);
    if (whole < channels)
        tail_block(y, rest, pixels, channels, last, at, e);
}

static void row_tail(float *y, int64_t first, int64_t end, int64_t channels, const df_tail *tail)
{
    ends e = ends_of(tail, true);
    int64_t p = first;
    for (; p + BLOCK <= end; p += BLOCK)
        tail_pixels(y, BLOCK, channels, p * channels, &e);
    for (; p < end; p++)
        tail_pixels(y, 1, channels, p * channels, &e);
}

INLINE void most_of(const df_most *g, const float *const *rows, int64_t begin, int height, int64_t width, float *y)
{
    int64_t channels = g->c;
    for (int64_t next = 0; next < channels; next += LANES) {
        int64_t c = next > channels - LANES ? channels - LANES : next;
        vec v = load(rows[0] + begin * channels + c);
        for (int r = 0; r < height; r++)
            for (int64_t x = r == 0; x < width; x++)
                v = larger(v, load(rows[r] + (begin + x) * channels + c));
        store(y + c, v);
    }
}

static void most(const df_most *g, const float *const *rows, float *y)
{
    for (int64_t ox = 0; ox < g->ow; ox++, y += g->c) {
        int64_t begin = ox * g->stride - g->pad, end = begin + g->columns < g->w ? begin + g->columns : g->w;
        begin = begin > 0 ? begin : 0;
        if (g->rows == 2 && end - begin == 2)
            most_of(g, rows, begin, 2, 2, y);
        else if (g->rows == 3 && end - begin == 3)
            most_of(g, rows, begin, 3, 3, y);
        else
            most_of(g, rows, begin, g->rows, end - begin, y);
    }
}

/* The last vector of each reaches back, zeros first. */
static void more_channels(const float *x, int64_t pixels, int64_t from, int64_t to, float *y)
{
    for (int64_t i = 0; i < pixels; i++, x += from, y += to) {
        for (int64_t c = from; c < to; c += LANES)
            store(y + (c > to - LANES ? to - LANES : c), (vec){0});
        for (int64_t c = 0; c < from; c += LANES) {
            int64_t at = c > from - LANES ? from - LANES : c;
            store(y + at, load(x + at));
        }
    }
}
