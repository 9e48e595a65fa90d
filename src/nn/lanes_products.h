/* lanes_products.h - products of matrices, a few rows of the left one by a panel of the right one's columns: between Winograd's transforms (winograd.h), and
 * of pixels, whose rows are what a window sees of the photo (kernel_panel.c). */

/* Rows whose sums, of a panel's columns each, stay in registers. */
enum { PANEL_ROWS = LANES == 16 ? 14 : 6, PANEL_VECTORS = 2, THIRDS = (PANEL_ROWS + 2) / 3 };

/* What is multiplied. */
enum { OF_F32, OF_BF16, OF_S16 };

/* What one step of the sums reads of a row, as often as a vector has numbers: one of float32, or two of the others. */
INLINE vec repeat(const char *x)
{
    float one;
    memcpy(&one, x, sizeof one);
    return spread(one);
}

INLINE vec plus_step(vec sum, vec x, vec w, int of)
{
#if defined(NARROW_PRODUCTS)
    if (of == OF_BF16)
        return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
    if (of == OF_S16) { /* the compiler would move a vector of whole numbers that stands for one of floats to another register and back */
        __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
        return sum;
    }
#elif defined(WHOLE_PRODUCTS)
    if (of == OF_S16)
        return (vec)_mm256_add_epi32((__m256i)sum, _mm256_madd_epi16((__m256i)x, (__m256i)w));
#endif
    (void)of;
    return plus_product(sum, x, w);
}

#if defined(WHOLE_PRODUCTS) && !defined(NARROW_PRODUCTS)
/* The same for what is at x and two vectors. Twelve sums, two of weights and these two are all registers that there are; the compiler would keep more at once, and sums in memory. */
INLINE void plus_two_steps(vec *first, vec *second, const char *x, const vec *w)
{
    vec one, product;
    __asm__("vbroadcastss %4, %2\n\tvpmaddwd %5, %2, %3\n\tvpmaddwd %6, %2, %2\n\tvpaddd %3, %0, %0\n\tvpaddd %2, %1, %1"
            : "+x"(*first), "+x"(*second), "=&x"(one), "=&x"(product)
            : "m"(*(const char(*)[4])x), "x"(w[0]), "x"(w[1]));
}
#define TWO_AT_ONCE
#endif

/* One by one: all of the array at once would be set in memory. */
INLINE void none_yet(vec (*sums)[PANEL_ROWS], int rows, int vectors)
{
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++)
            sums[v][r] = (vec){0};
}

/* Some steps of the sums of rows that begin at x. */
INLINE void some_steps(const df_panel *g, const char *x, int64_t steps, const char *w, vec (*sums)[PANEL_ROWS], int rows, int vectors, int of)
{
    const char *third[THIRDS];
    int64_t step = g->step, ahead = g->steps * g->columns * 4;
    for (int r = 0; r < rows; r += 3)
        third[r / 3] = x + r * step;
    for (int64_t i = 0; i < steps; i++, w += g->columns * 4) {
        vec weights[PANEL_VECTORS];
        for (int v = 0; v < vectors; v++)
            memcpy(&weights[v], w + v * (int)sizeof(vec), sizeof(vec));
        for (int v = 0; v < vectors; v += DF_LANES_MOST / LANES)
            __builtin_prefetch(w + ahead + v * (int)sizeof(vec), 0, 2); /* what follows these steps, a line of the cache each: the processor looks no further than a page */
        for (int r = 0; r < rows; r += 3)
            OPAQUE(third[r / 3]);
        for (int r = 0; r < rows; r++) {
#if defined(TWO_AT_ONCE)
            if (of == OF_S16 && vectors == 2) {
                plus_two_steps(&sums[0][r], &sums[1][r], third[r / 3] + r % 3 * step, weights);
                continue;
            }
#endif
            vec one = repeat(third[r / 3] + r % 3 * step);
            for (int v = 0; v < vectors; v++)
                sums[v][r] = plus_step(sums[v][r], one, weights[v], of);
        }
        for (int r = 0; r < rows; r += 3)
            third[r / 3] += 4;
    }
}

/* `rows` rows by `vectors` vectors of columns: both constants. */
INLINE void rows_by_panel(const df_panel *g, int64_t first, const char *w, float *y, int64_t apart, int rows, int vectors, int of)
{
    vec sums[PANEL_VECTORS][PANEL_ROWS];
    none_yet(sums, rows, vectors);
    for (int run = 0; run < g->runs; run++, w += g->steps * g->columns * 4)
        if (g->x[run])
            some_steps(g, (const char *)g->x[run] + first * g->step, g->steps, w, sums, rows, vectors, of);
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++)
            store(y + r * apart + v * LANES, sums[v][r]);
}

#if defined(WHOLE_PRODUCTS)
/* The same of 16-bit whole numbers, whose sums are added up in float32 piece by piece. */
INLINE void whole_rows_by_panel(const df_panel *g, int64_t first, int64_t column, const char *w, float *y, int64_t apart, int rows, int vectors)
{
    bool any = false;
    for (int run = 0; run < g->runs; run++, w += g->steps * g->columns * 4) {
        if (!g->x[run])
            continue;
        for (int64_t i = 0; i < g->steps; i += g->piece) {
            vec sums[PANEL_VECTORS][PANEL_ROWS];
            none_yet(sums, rows, vectors);
            some_steps(g, (const char *)g->x[run] + first * g->step + i * 4, g->steps - i < g->piece ? g->steps - i : g->piece, w + i * g->columns * 4, sums, rows, vectors, OF_S16);
            const float *worths = g->column_worth + run * g->columns + column;
            OPAQUE(worths); /* else they are loaded before the steps, whose registers they would take */
            for (int v = 0; v < vectors; v++) {
                vec worth = load(worths + v * LANES) * spread(g->run_worth[run]);
                for (int r = 0; r < rows; r++) {
                    float *to = y + r * apart + v * LANES;
                    vec sum = __builtin_convertvector((ivec)sums[v][r], vec);
                    store(to, any ? plus_product(load(to), sum, worth) : sum * worth);
                }
            }
            any = true;
        }
    }
    for (int r = 0; r < rows && !any; r++)
        for (int v = 0; v < vectors; v++)
            store(y + r * apart + v * LANES, (vec){0});
}
#else
#define whole_rows_by_panel(...) ((void)0)
#endif

/* Sums that become pixels at once: how they end, and where the vectors of the first pixel go. */
typedef struct pixel_end { const ends *ends; vec bias[PANEL_VECTORS]; bending bend[PANEL_VECTORS]; int64_t at[PANEL_VECTORS], apart; void *y; bool half, far; } pixel_end;

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

/* The lines of rows of outputs are asked for, and of what is added there: the processor sees too late that they will be written, since those of other columns lie between them. */
INLINE void ask_for_rows(const pixel_end *end, int64_t first, int64_t n, int vectors)
{
    const void *add = end->ends->add == end->y ? NULL : end->ends->add;
    for (int64_t r = first; r < first + n; r++)
        for (int v = 0; v < vectors; v++) {
            int64_t at = (end->at[v] + r * end->apart) * (end->half ? 2 : 4);
            __builtin_prefetch((const char *)end->y + at, 1);
            if (add)
                __builtin_prefetch((const char *)add + at);
        }
}

#define ROWS(n)                                                                                             \
    case n:                                                                                                 \
        if (n <= PANEL_ROWS && of == OF_S16)                                                                \
            whole_rows_by_panel(g, first, column, w, to, apart, n <= PANEL_ROWS ? n : 1, vectors);          \
        else if (n <= PANEL_ROWS)                                                                           \
            rows_by_panel(g, first, w, to, apart, n <= PANEL_ROWS ? n : 1, vectors, of);                    \
        break;

/* Groups that differ by one row at most, of the columns from `column` on. `end` NULL: sums to y. */
INLINE void all_rows(const df_panel *g, int64_t column, const void *weights, float *y, const pixel_end *end, int vectors, int of)
{
    float room[PANEL_ROWS * GROUP];
    const char *w = (const char *)weights + 4 * column;
    int64_t groups = (g->rows + PANEL_ROWS - 1) / PANEL_ROWS, fewer = groups > 0 ? g->rows / groups : 0, more = g->rows - groups * fewer, apart = end ? GROUP : g->columns;
    for (int64_t i = 0, first = 0, n; i < groups; i++, first += n) {
        n = fewer + (i < more);
        float *to = end ? room : y + column + first * g->columns;
        if (end && end->far)
            ask_for_rows(end, first, n, vectors);
        switch (n) {
            ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
        }
        if (end)
            end_rows(room, first, n, vectors, end);
    }
}

#define VECTORS_OF(name, vectors, of) \
    static __attribute__((noinline)) void name(const df_panel *g, int64_t column, const void *w, float *y, const pixel_end *end) { all_rows(g, column, w, y, end, vectors, of); }
VECTORS_OF(two_vectors, 2, OF_F32)
VECTORS_OF(one_vector, 1, OF_F32)
#if defined(NARROW_PRODUCTS)
VECTORS_OF(two_vectors_bf16, 2, OF_BF16)
VECTORS_OF(one_vector_bf16, 1, OF_BF16)
#else
#define two_vectors_bf16 two_vectors
#define one_vector_bf16  one_vector
#endif
#if defined(WHOLE_PRODUCTS)
VECTORS_OF(two_vectors_s16, 2, OF_S16)
VECTORS_OF(one_vector_s16, 1, OF_S16)
#else
#define two_vectors_s16  two_vectors
#define one_vector_s16   one_vector
#endif

/* The two vectors of a panel from a column on, or the one that is left. */
INLINE void columns_from(const df_panel *g, int64_t column, const void *w, float *y, const pixel_end *end, int of)
{
    if (g->columns - column >= PANEL_VECTORS * LANES)
        (of == OF_S16 ? two_vectors_s16 : of == OF_BF16 ? two_vectors_bf16 : two_vectors)(g, column, w, y, end);
    else
        (of == OF_S16 ? one_vector_s16 : of == OF_BF16 ? one_vector_bf16 : one_vector)(g, column, w, y, end);
}

INLINE void panel_of(const df_panel *g, const void *w, float *y, int of)
{
    for (int64_t c = 0; c < g->columns; c += PANEL_VECTORS * LANES)
        columns_from(g, c, w, y, NULL, of);
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

INLINE void pixels_of(const df_panel *g, const void *w, const df_pixels *to, const df_tail *tail, bool half_y, void *y, float *sums, int of)
{
    bool few = to->channels < DF_LANES_MOST;
    ends e = ends_of(tail, !few);
    if (few || e.shape == OTHER || (e.add && e.half != half_y)) {
        panel_of(g, w, sums, of);
        if (few && half_y)
            end_few(to, sums, &e, y, true);
        else if (few)
            end_few(to, sums, &e, y, false);
        else if (half_y)
            end_others(to, sums, &e, y, true);
        else
            end_others(to, sums, &e, y, false);
        return;
    }
    for (int64_t c = 0; c < g->columns; c += PANEL_VECTORS * LANES) {
        pixel_end end = {.ends = &e, .apart = to->channels, .y = y, .half = half_y, .far = to->far};
        for (int v = 0; v < PANEL_VECTORS && c + v * LANES < g->columns; v++) {
            int64_t k = df__channel_of(to->channels, to->column + c + v * LANES);
            end.bias[v] = bias_of(&e, k);
            end.bend[v] = bending_of(&e, k);
            end.at[v] = to->at + k;
        }
        columns_from(g, c, w, NULL, &end, of);
    }
}

#define PANELS_OF(panel, pixels, kind)                                                                                                                                                     \
    static void panel(const df_panel *g, const void *w, float *y) { panel_of(g, w, y, kind); }                                                                                              \
    static void pixels(const df_panel *g, const void *w, const df_pixels *to, const df_tail *tail, bool half_y, void *y, float *sums) { pixels_of(g, w, to, tail, half_y, y, sums, kind); }
PANELS_OF(panel, pixels, OF_F32)
#if defined(NARROW_PRODUCTS)
PANELS_OF(panel_bf16, pixels_bf16, OF_BF16)
#else
#define panel_bf16  NULL
#define pixels_bf16 NULL
#endif
#if defined(WHOLE_PRODUCTS)
PANELS_OF(panel_s16, pixels_s16, OF_S16)
#else
#define panel_s16   NULL
#define pixels_s16  NULL
#endif
