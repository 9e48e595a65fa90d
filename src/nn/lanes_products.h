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

/* Sums that become pixels at once: how they end, and where the vectors of the first pixel go. */
typedef struct pixel_end { const ends *ends; vec bias[PANEL_VECTORS]; bending bend[PANEL_VECTORS]; int64_t at[PANEL_VECTORS], apart; void *y; bool half; } pixel_end;

enum { GROUP = PANEL_VECTORS * LANES /* floats of a row */ };

INLINE void end_vector(const float *sums, int64_t rows, const pixel_end *end, int v, int64_t at, bool half)
{
    if (end->ends->shape == SLOPES)
        end_line(SLOPES, &end->bend[v], end->bias[v], end->ends->add, sums, GROUP, rows, at, end->apart, end->y, half);
    else if (end->ends->shape == BOUNDS)
        end_line(BOUNDS, &end->bend[v], end->bias[v], end->ends->add, sums, GROUP, rows, at, end->apart, end->y, half);
    else if (end->ends->shape == SWISH)
        end_line(SWISH, &end->bend[v], end->bias[v], end->ends->add, sums, GROUP, rows, at, end->apart, end->y, half);
    else
        end_line(STRAIGHT, &end->bend[v], end->bias[v], end->ends->add, sums, GROUP, rows, at, end->apart, end->y, half);
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
INLINE void end_few(const df_pixels *g, const float *sums, const ends *e, void *y, bool half)
{
    char line[DF_LANES_MOST * sizeof(float)];
    vec bias[DF_LANES_MOST / LANES];
    bending b[DF_LANES_MOST / LANES];
    size_t size = half ? 2 : 4, all = (size_t)g->channels * size, part = 8 * size;
    for (int i = 0; i < DF_LANES_MOST / LANES; i++) {
        bias[i] = bias_of(e, i * LANES);
        b[i] = bending_of(e, i * LANES);
    }
    for (int64_t p = 0; p < g->pixels; p++) {
        char *to = (char *)y + (size_t)(g->at + p * g->channels) * size;
        for (int i = 0; i < DF_LANES_MOST / LANES; i++)
            end_at(e, &b[i], bias[i], load(sums + p * g->columns + i * LANES), i * LANES, 0, line, half);
        memcpy(to, line, part);
        memcpy(to + all - part, line + all - part, part);
    }
}

/* Ends that nothing knows in registers. */
INLINE void end_others(const df_pixels *g, const float *sums, const ends *e, void *y, bool half)
{
    for (int64_t c = 0; c < g->columns; c += LANES) {
        int64_t k = df__channel_of(g->channels, g->column + c);
        vec bias = bias_of(e, k);
        bending b = bending_of(e, k);
        for (int64_t p = 0; p < g->pixels; p++)
            end_at(e, &b, bias, load(sums + p * g->columns + c), k, g->at + p * g->channels, y, half);
    }
}

INLINE void pixels_of(const df_panel *g, const void *w, const df_pixels *of, const df_tail *tail, bool half_y, void *y, float *sums, bool half)
{
    bool few = of->channels < DF_LANES_MOST;
    ends e = ends_of(tail, !few);
    if (few || e.shape == OTHER || (e.add && e.half != half_y)) {
        panel_of(g, w, sums, half);
        if (few && half_y)
            end_few(of, sums, &e, y, true);
        else if (few)
            end_few(of, sums, &e, y, false);
        else if (half_y)
            end_others(of, sums, &e, y, true);
        else
            end_others(of, sums, &e, y, false);
        return;
    }
    for (int64_t c = 0; c < g->columns; c += PANEL_VECTORS * LANES) {
        pixel_end end = {.ends = &e, .apart = of->channels, .y = y, .half = half_y};
        for (int v = 0; v < PANEL_VECTORS && c + v * LANES < g->columns; v++) {
            int64_t k = df__channel_of(of->channels, of->column + c + v * LANES);
            end.bias[v] = bias_of(&e, k);
            end.bend[v] = bending_of(&e, k);
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
