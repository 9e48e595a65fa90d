/* lanes_rows.h - convolutions of each channel by itself, a row of outputs at a time, and what pools make of several runs of numbers. */

enum { CHUNK = 16 /* outputs whose inputs stay in the first cache */, CHUNK_NUMBERS = 1536 /* or more of them, with so many numbers */, INNER = 8, FIVE = 5, BETWEEN = 512 /* products of vectors, some hundred cycles */ };

/* Three rows of inputs, LANES channels of each pixel, from pixel x on; a row that is not there is one pixel of zeros again and again. */
typedef struct three { const char *row[3]; int64_t step[3], x, w; } three;

/* The next column of inputs, 0 outside of the row. */
INLINE void next_column(three *t, bool half, vec *column)
{
    bool inside = (uint64_t)t->x < (uint64_t)t->w;
    for (int r = 0; r < 3; r++) {
        column[r] = inside ? get(t->row[r], 0, half) : (vec){0};
        t->row[r] += inside ? t->step[r] : 0;
    }
    t->x++;
}

/* sum + the column of inputs times column k of the weights */
INLINE vec plus_column(const vec *weights, const vec *column, int k, vec sum)
{
    for (int r = 0; r < 3; r++)
        sum = plus_product(sum, column[r], weights[3 * r + k]);
    return sum;
}

/* Outputs first .. end of 3 x 3 windows from left to right, LANES channels from c on, to y[at] and what lies `apart` behind it: each column of inputs is
 * read once and goes to all outputs that see it. */
INLINE void depthwise_three(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t c, const ends *e, bend_kind shape, bool half_x, int stride,
                            void *y, int64_t at, int64_t apart, bool half_y)
{
    static const vec none = {0};
    vec weights[9], column[3], now, next, bias = bias_of(e, c);
    bending b = bending_of(e, c);
    three t = {.x = first * stride - g->pad, .w = g->w};
    for (int r = 0; r < 3; r++) {
        int64_t size = half_x ? 2 : 4, begin = t.x > 0 ? t.x : 0;
        t.row[r] = rows[r] ? (const char *)rows[r] + (begin * g->c + c) * size : (const char *)&none;
        t.step[r] = rows[r] ? g->c * size : 0;
        for (int k = 0; k < 3; k++)
            weights[3 * r + k] = load(g->weights + (3 * r + k) * g->c + c);
    }
    next_column(&t, half_x, column);
    now = plus_column(weights, column, 0, bias);
    if (stride == 1) {
        next_column(&t, half_x, column);
        now = plus_column(weights, column, 1, now);
        next = plus_column(weights, column, 0, bias);
    }
    for (int64_t i = first; i < end; i++, at += apart) {
        next_column(&t, half_x, column);
        if (stride == 2) {
            now = plus_column(weights, column, 1, now);
            next_column(&t, half_x, column);
        }
        now = plus_column(weights, column, 2, now);
        put(y, at, half_y, bend_by(shape, &b, now, half_y));
        now = stride == 1 ? plus_column(weights, column, 1, next) : plus_column(weights, column, 0, bias);
        if (stride == 1)
            next = plus_column(weights, column, 0, bias);
    }
}

/* A function of its own, so that all registers are its own. SWISH and OTHER: sums as they are. */
#define THREE(name, half_x, half_y)                                                                                                   \
    static __attribute__((noinline)) void name(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t c, \
                                               const ends *e, void *y, int64_t at, int64_t apart)                                     \
    {                                                                                                                                 \
        if (g->stride == 1 && e->shape == BOUNDS)                                                                                     \
            depthwise_three(g, rows, first, end, c, e, BOUNDS, half_x, 1, y, at, apart, half_y);                                      \
        else if (g->stride == 1 && e->shape == SLOPES)                                                                                \
            depthwise_three(g, rows, first, end, c, e, SLOPES, half_x, 1, y, at, apart, half_y);                                      \
        else if (g->stride == 1)                                                                                                      \
            depthwise_three(g, rows, first, end, c, e, STRAIGHT, half_x, 1, y, at, apart, half_y);                                    \
        else if (e->shape == BOUNDS)                                                                                                  \
            depthwise_three(g, rows, first, end, c, e, BOUNDS, half_x, 2, y, at, apart, half_y);                                      \
        else if (e->shape == SLOPES)                                                                                                  \
            depthwise_three(g, rows, first, end, c, e, SLOPES, half_x, 2, y, at, apart, half_y);                                      \
        else                                                                                                                          \
            depthwise_three(g, rows, first, end, c, e, STRAIGHT, half_x, 2, y, at, apart, half_y);                                    \
    }
THREE(three_f32, false, false)
THREE(three_to_bf16, false, true)
THREE(three_of_bf16, true, false)
THREE(three_bf16, true, true)

/* INNER outputs from `first` on, all of whose columns lie within the row: their sums stay in registers. */
INLINE void depthwise_inner(const df_depthwise *g, const void *const *rows, int64_t first, int64_t c, vec bias, bool half, vec *sums)
{
    int64_t step = g->stride * g->c * (half ? 2 : 4);
    vec s[INNER];
    for (int i = 0; i < INNER; i++)
        s[i] = bias;
    for (int r = 0; r < g->rows; r++)
        for (int k = 0; rows[r] && k < g->columns; k++) {
            vec w = load(g->weights + (r * g->columns + k) * g->c + c);
            const char *x = (const char *)rows[r] + ((first * g->stride - g->pad + k * g->dilation) * g->c + c) * (half ? 2 : 4);
            for (int i = 0; i < INNER; i++, x += step) {
                OPAQUE(x);
                s[i] = plus_product(s[i], get(x, 0, half), w);
            }
        }
    for (int i = 0; i < INNER; i++)
        sums[i] = s[i];
}

/* INNER outputs of windows of FIVE columns side by side, one after the other: an input is read once for all outputs that see it. `edge`: columns may lie
 * outside of the row. */
INLINE void depthwise_five(const df_depthwise *g, const void *const *rows, int64_t first, int64_t c, vec bias, bool half, bool edge, vec *sums)
{
    vec s[INNER], w[FIVE];
    for (int i = 0; i < INNER; i++)
        s[i] = bias;
    for (int r = 0; r < g->rows; r++) {
        if (!rows[r])
            continue;
        const char *x = (const char *)rows[r] + ((first - g->pad) * g->c + c) * (half ? 2 : 4);
        for (int k = 0; k < FIVE; k++)
            w[k] = load(g->weights + (r * FIVE + k) * g->c + c);
        for (int j = 0; j < INNER + FIVE - 1; j++, x += g->c * (half ? 2 : 4)) {
            OPAQUE(x); /* else each of the places is computed beforehand, and kept where registers are scarce */
            if (edge && (first - g->pad + j < 0 || first - g->pad + j >= g->w))
                continue;
            vec v = get(x, 0, half);
            for (int k = 0; k < FIVE; k++)
                if (j >= k && j - k < INNER)
                    s[j - k] = plus_product(s[j - k], v, w[k]);
        }
    }
    for (int i = 0; i < INNER; i++)
        sums[i] = s[i];
}

/* Any window. */
INLINE void depthwise_any(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t c, vec bias, bool half, vec *sums)
{
    for (int64_t i = 0; i < end - first; i++)
        sums[i] = bias;
    for (int r = 0; r < g->rows; r++)
        for (int k = 0; rows[r] && k < g->columns; k++) {
            vec w = load(g->weights + (r * g->columns + k) * g->c + c);
            int64_t x = first * g->stride - g->pad + k * g->dilation;
            for (int64_t i = 0; i < end - first; i++, x += g->stride)
                if (x >= 0 && x < g->w)
                    sums[i] = plus_product(sums[i], get(rows[r], x * g->c + c, half), w);
        }
}

/* The same; most outputs see no end of the row. The last INNER of a run reach back. */
INLINE void depthwise_wide(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t c, vec bias, bool half, vec *sums)
{
    int64_t reach = (g->columns - 1) * g->dilation - g->pad; /* of a window, to the right of where it would begin without padding */
    int64_t low = (g->pad + g->stride - 1) / g->stride, high = g->w > reach ? (g->w - 1 - reach) / g->stride + 1 : 0;
    bool five = g->columns == FIVE && g->dilation == 1 && g->stride == 1;
    if (five && end - first >= INNER) {
        sums[0] = bias; /* for gcc, which does not see that all are written */
        for (int64_t i = first; i < end; i += INNER) {
            int64_t from = i > end - INNER ? end - INNER : i;
            if (from >= low && from + INNER <= high)
                depthwise_five(g, rows, from, c, bias, half, false, sums + (from - first));
            else
                depthwise_five(g, rows, from, c, bias, half, true, sums + (from - first));
        }
        return;
    }
    low = low < first ? first : low;
    high = high > end ? end : high;
    if (high - low < INNER) {
        depthwise_any(g, rows, first, end, c, bias, half, sums);
        return;
    }
    depthwise_any(g, rows, first, low, c, bias, half, sums);
    for (int64_t i = low; i < high; i += INNER) {
        int64_t from = i > high - INNER ? high - INNER : i;
        depthwise_inner(g, rows, from, c, bias, half, sums + (from - first));
    }
    depthwise_any(g, rows, high, end, c, bias, half, sums + (high - first));
}

typedef void (*three_fn)(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t c, const ends *e, void *y, int64_t at, int64_t apart);

/* Outputs first .. end of one vector of channels, no more than CHUNK of them, by way of sums in memory. */
INLINE void depthwise_sums(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t c, const ends *e, bool half_x, three_fn threes,
                           int64_t at, void *y, bool half_y)
{
    int64_t apart = g->apart ? g->apart : g->c;
    vec sums[CHUNK], bias = bias_of(e, c);
    bending b = bending_of(e, c);
    sums[0] = bias; /* for gcc, which does not see that all are written */
    if (threes)
        threes(g, rows, first, end, c, e, sums, 0, LANES);
    else
        depthwise_wide(g, rows, first, end, c, bias, half_x, sums);
    if (e->shape == OTHER)
        finish_sums(&e->posts, sums, (int)(end - first), c, at + first * g->c + c, g->c);
    for (int64_t i = 0; i < end - first; i++)
        put(y, (first + i) * apart + c, half_y, bend_by(e->shape, &b, sums[i], half_y));
}

INLINE int64_t fewer(int64_t a, int64_t most) { return a < most ? a : most; }

/* More has been done: so many products of vectors. */
INLINE void pass(const df_depthwise *g, int64_t products, int64_t *since)
{
    *since += products;
    if (*since < BETWEEN || !g->between)
        return;
    g->between();
    *since = 0;
}

/* What the next row of outputs sees that this one does not is asked for meanwhile: so many bytes of each such row of inputs, from `at` on. */
INLINE void ask_ahead(const df_depthwise *g, const void *const *rows, int64_t at, int64_t bytes)
{
    enum { LINE = 64 };
    for (int r = g->rows > g->stride ? g->rows - g->stride : 0; r < g->rows && g->ahead; r++)
        for (int64_t i = 0; rows[r] && i < bytes; i += LINE)
            __builtin_prefetch((const void *)((uintptr_t)rows[r] + (uintptr_t)(g->ahead + at + i)), 0, 2);
}

/* All channels of a row. The last vector of channels may reach back into the one before it. */
INLINE void depthwise_row(const df_depthwise *g, const void *const *rows, int64_t at, const df_tail *tail, void *y, bool half_x, bool half_y, three_fn threes, three_fn to_sums)
{
    ends e = ends_of(tail, false);
    bool usual = g->rows == 3 && g->columns == 3 && g->dilation == 1 && g->stride <= 2, direct = usual && e.shape < SWISH;
    int64_t channels = g->c, apart = g->apart ? g->apart : channels, taps = (int64_t)g->rows * g->columns, since = 0;
    int64_t chunk = direct && CHUNK_NUMBERS / channels > CHUNK ? CHUNK_NUMBERS / channels : CHUNK;
    int64_t size = half_x ? 2 : 4;
    for (int64_t first = 0; first < g->ow; first += chunk)
        for (int64_t next = 0; next < channels; next += LANES) {
            int64_t c = fewer(next, channels - LANES), end = fewer(first + chunk, g->ow), to = first * apart + c, share = (end - first) * g->stride * LANES * size;
            ask_ahead(g, rows, first * g->stride * channels * size + next / LANES * share, share);
            if (direct)
                threes(g, rows, first, end, c, &e, y, to, apart);
            else
                depthwise_sums(g, rows, first, end, c, &e, half_x, usual ? to_sums : NULL, at, y, half_y);
            pass(g, (end - first) * taps, &since);
        }
}

#define DEPTHWISE(name, half_x, half_y, threes, to_sums)                                                                        \
    static void name(const df_depthwise *g, const void *const *rows, int64_t at, const df_tail *tail, void *y)                  \
    {                                                                                                                           \
        depthwise_row(g, rows, at, tail, y, half_x, half_y, threes, to_sums);                                                   \
    }
DEPTHWISE(depthwise, false, false, three_f32, three_f32)
DEPTHWISE(depthwise_to_bf16, false, true, three_to_bf16, three_f32)
DEPTHWISE(depthwise_of_bf16, true, false, three_of_bf16, three_of_bf16)
DEPTHWISE(depthwise_bf16, true, true, three_bf16, three_of_bf16)

/* ---- pools ---- */

/* LANES numbers from `at` on, or the `count` that are left of them with zeros behind. */
INLINE vec get_some(const void *x, int64_t at, int64_t count, bool half)
{
    float some[LANES] = {0};
    uint16_t halves[LANES] = {0};
    if (count >= LANES)
        return get(x, at, half);
    if (half)
        memcpy(halves, (const uint16_t *)x + at, (size_t)count * sizeof *halves);
    else
        memcpy(some, (const float *)x + at, (size_t)count * sizeof *some);
    return half ? load_bf16(halves) : load(some);
}

INLINE void put_some(void *y, int64_t at, int64_t count, bool half, vec v)
{
    float some[LANES];
    uint16_t halves[LANES];
    if (count >= LANES) {
        put(y, at, half, v);
    } else if (half) {
        store_bf16(halves, v);
        memcpy((uint16_t *)y + at, halves, (size_t)count * sizeof *halves);
    } else {
        store(some, v);
        memcpy((float *)y + at, some, (size_t)count * sizeof *some);
    }
}

/* What is no number stays. */
INLINE vec larger(vec a, vec b)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vec)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)b, (__m512)a, _CMP_NLE_UQ), (__m512)a, (__m512)b);
#else
    return choose((b > a) | (b != b), b, a);
#endif
}

INLINE void pool_of(const void *x, int64_t step, int n, int64_t count, float divisor, void *y, bool half_x, bool half_y)
{
    for (int64_t next = 0; next < count; next += LANES) {
        int64_t i = next > count - LANES && count > LANES ? count - LANES : next; /* the last vector reaches back into the one before it */
        vec v = get_some(x, i, count - i, half_x);
        for (int k = 1; k < n; k++) {
            vec other = get_some(x, k * step + i, count - i, half_x);
            v = divisor == 0 ? larger(v, other) : v + other;
        }
        put_some(y, i, count - i, half_y, divisor == 0 || divisor == 1 ? v : v / divisor);
    }
}

/* Of few channels a whole vector goes at once, where there is room: what is behind them is made again by the next pixels. */
INLINE void pool_line_of(const df_pool_line *g, const void *x, void *y, bool half_x, bool half_y)
{
    enum { VECTOR = DF_LANES_MOST };
    int64_t size_x = half_x ? 2 : 4, size_y = half_y ? 2 : 4, room = g->c < VECTOR && g->room ? g->ow * g->c - VECTOR : -1;
    for (int64_t i = 0; i < g->ow; i++) {
        const df_taps *t = &g->along[i];
        float divisor = g->max ? 0 : g->with_pad ? (float)(g->down.counted * t->counted) : (float)(g->down.n * t->n);
        const char *from = (const char *)x + t->first * g->c * size_x;
        char *to = (char *)y + i * g->c * size_y;
        if (t->n < 1)
            continue;
        if (i * g->c <= room && g->max && t->n == 2) /* as most are */
            pool_of(from, g->step, 2, VECTOR, 0, to, half_x, half_y);
        else if (i * g->c <= room && g->max && t->n == 3)
            pool_of(from, g->step, 3, VECTOR, 0, to, half_x, half_y);
        else if (i * g->c <= room)
            pool_of(from, g->step, (int)t->n, VECTOR, divisor, to, half_x, half_y);
        else
            pool_of(from, g->step, (int)t->n, g->c, divisor, to, half_x, half_y);
    }
}

/* Maxima of two or three rows, as most are, by themselves. */
INLINE void pool_rows(const void *x, int64_t step, int n, int64_t count, float divisor, float *y, bool half)
{
    if (n == 2 && divisor == 0)
        pool_of(x, step, 2, count, 0, y, half, false);
    else if (n == 3 && divisor == 0)
        pool_of(x, step, 3, count, 0, y, half, false);
    else
        pool_of(x, step, n, count, divisor, y, half, false);
}

static void pool(const void *x, int64_t step, int n, int64_t count, float divisor, float *y) { pool_rows(x, step, n, count, divisor, y, false); }
static void pool_of_bf16(const void *x, int64_t step, int n, int64_t count, float divisor, float *y) { pool_rows(x, step, n, count, divisor, y, true); }

#define POOL_LINE(name, half_x, half_y) \
    static void name(const df_pool_line *g, const void *x, void *y) { pool_line_of(g, x, y, half_x, half_y); }
POOL_LINE(pool_line, false, false)
POOL_LINE(pool_line_to_bf16, false, true)
POOL_LINE(pool_line_of_bf16, true, false)
POOL_LINE(pool_line_bf16, true, true)

/* ---- pixels ---- */

/* n vectors of each pixel. Two pixels at a time: a sum waits four cycles for the one before it. */
INLINE void sum_some(const void *x, int64_t pixels, int64_t c, int n, bool half, vec *sums)
{
    vec other[4] = {{0}};
    int64_t p = 0;
    for (int k = 0; k < n; k++)
        sums[k] = (vec){0};
    for (; p + 2 <= pixels; p += 2)
        for (int k = 0; k < n; k++) {
            sums[k] += get(x, p * c + k * LANES, half);
            other[k] += get(x, (p + 1) * c + k * LANES, half);
        }
    for (int k = 0; k < n; k++)
        sums[k] += p < pixels ? other[k] + get(x, p * c + k * LANES, half) : other[k];
}

INLINE void sum_pixels_of(const void *x, int64_t pixels, int64_t c, float *sums, bool half)
{
    enum { MANY = 4 };
    int64_t i = 0, size = half ? 2 : 4;
    vec s[MANY];
    float last[LANES];
    for (int n = MANY; i + LANES <= c; i += n * LANES) {
        n = i + MANY * LANES <= c ? MANY : 1;
        if (n == MANY)
            sum_some((const char *)x + i * size, pixels, c, MANY, half, s);
        else
            sum_some((const char *)x + i * size, pixels, c, 1, half, s);
        for (int k = 0; k < n; k++)
            store(sums + i + k * LANES, load(sums + i + k * LANES) + s[k]);
    }
    if (i == c)
        return;
    sum_some((const char *)x + (c - LANES) * size, pixels, c, 1, half, s); /* reaches back */
    store(last, s[0]);
    for (; i < c; i++)
        sums[i] += last[i - (c - LANES)];
}

/* The last vector reaches back; it is read before any of the pixel is written, since y may be x. */
INLINE void scale_pixels_of(const void *x, int64_t pixels, int64_t c, const float *by, void *y, bool half_x, bool half_y)
{
    int64_t whole = c - c % LANES;
    vec last = load(by + c - LANES);
    for (int64_t p = 0, at = 0; p < pixels; p++, at += c) {
        vec end = get(x, at + c - LANES, half_x) * last;
        for (int64_t i = 0; i < whole; i += LANES)
            put(y, at + i, half_y, get(x, at + i, half_x) * load(by + i));
        if (whole < c)
            put(y, at + c - LANES, half_y, end);
    }
}

static void sum_pixels(const void *x, int64_t pixels, int64_t c, float *sums) { sum_pixels_of(x, pixels, c, sums, false); }
static void sum_pixels_bf16(const void *x, int64_t pixels, int64_t c, float *sums) { sum_pixels_of(x, pixels, c, sums, true); }

#define SCALE(name, half_x, half_y)                                                                               \
    static void name(const void *x, int64_t pixels, int64_t c, const float *by, void *y)                          \
    {                                                                                                             \
        scale_pixels_of(x, pixels, c, by, y, half_x, half_y);                                                     \
    }
SCALE(scale_pixels, false, false)
SCALE(scale_pixels_to_bf16, false, true)
SCALE(scale_pixels_of_bf16, true, false)
SCALE(scale_pixels_bf16, true, true)
