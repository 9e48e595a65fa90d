/* lanes_products.h - products of matrices, a few rows of the left one by a panel of the right one's columns: between Winograd's transforms (winograd.h), and
 * of pixels, whose rows are what a window sees of the photo (kernel_panel.c). */

/* Rows whose sums, of a panel's columns each, stay in registers. */
enum { PANEL_ROWS = LANES == 16 ? 14 : 6, PANEL_VECTORS = 2, THIRDS = (PANEL_ROWS + 2) / 3 };

/* What one step of the sums reads of a row, as often as a vector has numbers: one of float32, or two of bfloat16. */
INLINE vec repeat(const char *x)
{
    float one;
    memcpy(&one, x, sizeof one);
    return spread(one);
}

INLINE vec plus_step(vec sum, vec x, vec w, bool half)
{
#if defined(__AVX512BF16__) && LANES == 16
    if (half)
        return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
#endif
    (void)half;
    return plus_product(sum, x, w);
}

/* `rows` rows by `vectors` vectors of columns: both constants. */
INLINE void rows_by_panel(const df_panel *g, int64_t first, const char *w, float *y, int64_t apart, int rows, int vectors, bool half)
{
    int64_t at = first * g->step;
    vec sums[PANEL_VECTORS][PANEL_ROWS] = {0};
    int64_t step = g->step;
    for (int run = 0; run < g->runs; run++) {
        const char *third[THIRDS], *x = g->x[run];
        if (!x) {
            w += g->steps * g->columns * 4;
            continue;
        }
        for (int r = 0; r < rows; r += 3)
            third[r / 3] = x + at + r * step;
        for (int64_t i = 0; i < g->steps; i++, w += g->columns * 4) {
            vec weights[PANEL_VECTORS];
            for (int v = 0; v < vectors; v++)
                memcpy(&weights[v], w + v * (int)sizeof(vec), sizeof(vec));
            for (int r = 0; r < rows; r += 3)
                OPAQUE(third[r / 3]);
            for (int r = 0; r < rows; r++) {
                vec one = repeat(third[r / 3] + r % 3 * step);
                for (int v = 0; v < vectors; v++)
                    sums[v][r] = plus_step(sums[v][r], one, weights[v], half);
            }
            for (int r = 0; r < rows; r += 3)
                third[r / 3] += 4;
        }
    }
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++)
            store(y + r * apart + v * LANES, sums[v][r]);
}

/* Sums that become pixels at once: biases, what numbers below 0 are multiplied by, and where the vectors of the first pixel go. `add`: like y, or NULL. */
typedef struct pixel_end { vec bias[PANEL_VECTORS], slope[PANEL_VECTORS]; int64_t at[PANEL_VECTORS], apart; const void *add; void *y; bool half; } pixel_end;

enum { GROUP = PANEL_VECTORS * LANES /* floats of a row */ };

INLINE void end_vector(const float *sums, int64_t rows, const pixel_end *end, int v, int64_t at, bool half)
{
    vec bias = end->bias[v], slope = end->slope[v];
    for (int64_t r = 0; r < rows && end->add; r++)
        put(end->y, at + r * end->apart, half, bent_by(slope, load(sums + r * GROUP) + bias + get(end->add, at + r * end->apart, half)));
    for (int64_t r = 0; r < rows && !end->add; r++)
        put(end->y, at + r * end->apart, half, bent_by(slope, load(sums + r * GROUP) + bias));
}

static __attribute__((noinline)) void end_rows(const float *sums, int64_t first, int64_t rows, int vectors, const pixel_end *end)
{
    for (int v = 0; v < vectors; v++) {
        int64_t at = end->at[v] + first * end->apart;
        if (end->half)
            end_vector(sums + v * LANES, rows, end, v, at, true);
        else
            end_vector(sums + v * LANES, rows, end, v, at, false);
    }
}

#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        if (n <= PANEL_ROWS)                                                                       \
            rows_by_panel(g, first, w, to, apart, n <= PANEL_ROWS ? n : 1, vectors, half);         \
        break;

/* Groups that differ by one row at most. `end` NULL: sums to y. */
INLINE void all_rows(const df_panel *g, const char *w, float *y, const pixel_end *end, int vectors, bool half)
{
    float room[PANEL_ROWS * GROUP];
    int64_t groups = (g->rows + PANEL_ROWS - 1) / PANEL_ROWS, first = 0, apart = end ? GROUP : g->columns;
    for (int64_t i = 0; i < groups; i++) {
        int64_t n = g->rows * (i + 1) / groups - first;
        float *to = end ? room : y + first * g->columns;
        switch (n) {
            ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
        }
        if (end)
            end_rows(room, first, n, vectors, end);
        first += n;
    }
}

static __attribute__((noinline)) void two_vectors(const df_panel *g, const char *w, float *y, const pixel_end *end) { all_rows(g, w, y, end, 2, false); }
static __attribute__((noinline)) void one_vector(const df_panel *g, const char *w, float *y, const pixel_end *end) { all_rows(g, w, y, end, 1, false); }
#if defined(__AVX512BF16__) && LANES == 16
static __attribute__((noinline)) void two_vectors_bf16(const df_panel *g, const char *w, float *y, const pixel_end *end) { all_rows(g, w, y, end, 2, true); }
static __attribute__((noinline)) void one_vector_bf16(const df_panel *g, const char *w, float *y, const pixel_end *end) { all_rows(g, w, y, end, 1, true); }
#else
#define two_vectors_bf16 two_vectors
#define one_vector_bf16  one_vector
#endif

/* The two vectors of a panel from column c on, or the one that is left. */
INLINE void columns_from(const df_panel *g, int64_t c, const void *w, float *y, const pixel_end *end, bool half)
{
    if (g->columns - c >= PANEL_VECTORS * LANES)
        (half ? two_vectors_bf16 : two_vectors)(g, (const char *)w + 4 * c, y + c, end);
    else
        (half ? one_vector_bf16 : one_vector)(g, (const char *)w + 4 * c, y + c, end);
}

INLINE void panel_of(const df_panel *g, const void *w, float *y, bool half)
{
    for (int64_t c = 0; c < g->columns; c += PANEL_VECTORS * LANES)
        columns_from(g, c, w, y, NULL, half);
}

/* Fewer channels than a vector of a panel has: at least 8. */
INLINE void end_few(const df_pixels *g, const float *sums, const ending *e, const df_tail *tail, void *y, bool half)
{
    char line[DF_LANES_MOST * sizeof(float)];
    size_t size = half ? 2 : 4, all = (size_t)g->channels * size, part = 8 * size;
    for (int64_t p = 0; p < g->pixels; p++) {
        char *to = (char *)y + (size_t)(g->at + p * g->channels) * size;
        for (int64_t c = 0; c < DF_LANES_MOST; c += LANES)
            end_at(&e[c / LANES], tail, load(sums + p * g->columns + c), c, 0, line, half);
        memcpy(to, line, part);
        memcpy(to + all - part, line + all - part, part);
    }
}

static void end_pixels(const df_pixels *g, const float *sums, const df_tail *tail, void *y, bool half)
{
    ending few[DF_LANES_MOST / LANES];
    for (int64_t c = 0; c < DF_LANES_MOST && g->channels < DF_LANES_MOST; c += LANES)
        few[c / LANES] = ending_of(tail, c);
    if (g->channels < DF_LANES_MOST && half)
        end_few(g, sums, few, tail, y, true);
    else if (g->channels < DF_LANES_MOST)
        end_few(g, sums, few, tail, y, false);
    for (int64_t c = 0; c < g->columns && g->channels >= DF_LANES_MOST; c += LANES) {
        int64_t k = df__channel_of(g->channels, g->column + c);
        ending e = ending_of(tail, k);
        for (int64_t p = 0; p < g->pixels && half; p++)
            end_at(&e, tail, load(sums + p * g->columns + c), k, g->at + p * g->channels, y, true);
        for (int64_t p = 0; p < g->pixels && !half; p++)
            end_at(&e, tail, load(sums + p * g->columns + c), k, g->at + p * g->channels, y, false);
    }
}

INLINE void pixels_of(const df_panel *g, const void *w, const df_pixels *of, const df_tail *tail, bool half_y, void *y, float *sums, bool half)
{
    bool few = of->channels < DF_LANES_MOST;
    ending known = few ? (ending){.plain = false} : ending_of(tail, 0);
    if (!known.plain || (known.adds && known.half != half_y)) {
        panel_of(g, w, sums, half);
        end_pixels(of, sums, tail, y, half_y);
        return;
    }
    for (int64_t c = 0; c < g->columns; c += PANEL_VECTORS * LANES) {
        pixel_end end = {.apart = of->channels, .add = known.adds ? known.add : NULL, .y = y, .half = half_y};
        for (int v = 0; v < PANEL_VECTORS && c + v * LANES < g->columns; v++) {
            int64_t k = df__channel_of(of->channels, of->column + c + v * LANES);
            ending e = ending_of(tail, k);
            end.bias[v] = e.bend.bias;
            end.slope[v] = e.bend.slope;
            end.at[v] = of->at + k;
        }
        columns_from(g, c, w, NULL, &end, half);
    }
}

static void panel(const df_panel *g, const void *w, float *y) { panel_of(g, w, y, false); }
static void pixels(const df_panel *g, const void *w, const df_pixels *of, const df_tail *tail, bool half_y, void *y, float *sums) { pixels_of(g, w, of, tail, half_y, y, sums, false); }
#if defined(__AVX512BF16__) && LANES == 16
static void panel_bf16(const df_panel *g, const void *w, float *y) { panel_of(g, w, y, true); }
static void pixels_bf16(const df_panel *g, const void *w, const df_pixels *of, const df_tail *tail, bool half_y, void *y, float *sums) { pixels_of(g, w, of, tail, half_y, y, sums, true); }
#else
#define panel_bf16  NULL
#define pixels_bf16 NULL
#endif
