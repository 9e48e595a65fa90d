/* lanes_products.h - products of matrices between Winograd's transforms (winograd.h): a few rows of the left one by a panel of the right one's columns. */

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
INLINE void rows_by_panel(const df_panel *g, const char *x, const char *w, float *y, int rows, int vectors, bool half)
{
    vec sums[PANEL_VECTORS][PANEL_ROWS] = {0};
    int64_t step = g->step;
    const char *third[THIRDS];
    for (int r = 0; r < rows; r += 3)
        third[r / 3] = x + r * step;
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
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++)
            store(y + r * g->columns + v * LANES, sums[v][r]);
}

#define ROWS(n)                                                             \
    case n:                                                                 \
        if (n <= PANEL_ROWS)                                                \
            rows_by_panel(g, x, w, y, n <= PANEL_ROWS ? n : 1, vectors, half); \
        break;

/* Groups that differ by one row at most. */
INLINE void all_rows(const df_panel *g, const char *x, const char *w, float *y, int vectors, bool half)
{
    int64_t groups = (g->rows + PANEL_ROWS - 1) / PANEL_ROWS;
    for (int64_t i = 0; i < groups; i++) {
        int64_t n = g->rows * (i + 1) / groups - g->rows * i / groups;
        switch (n) {
            ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
        }
        x += n * g->step;
        y += n * g->columns;
    }
}

INLINE void panel_of(const df_panel *g, const void *x, const void *w, float *y, bool half)
{
    int64_t whole = PANEL_VECTORS * LANES;
    for (int64_t c = 0; c < g->columns; c += whole)
        if (g->columns - c >= whole)
            all_rows(g, x, (const char *)w + 4 * c, y + c, PANEL_VECTORS, half);
        else
            all_rows(g, x, (const char *)w + 4 * c, y + c, 1, half);
}

static void panel(const df_panel *g, const void *x, const void *w, float *y) { panel_of(g, x, w, y, false); }

#if defined(__AVX512BF16__) && LANES == 16
static void panel_bf16(const df_panel *g, const void *x, const void *w, float *y) { panel_of(g, x, w, y, true); }
#else
#define panel_bf16 NULL
#endif
