/* lanes_rows.h - convolutions of each channel by itself, a row of outputs at a time, and what pools make of several runs of numbers. */

enum { NEIGHBOURS = 4 /* outputs taken at once, which share what they read */, CHUNK = 16 /* outputs whose inputs stay in the first cache */ };

/* NEIGHBOURS outputs from ox on. `height`, `width`, `stride` are constants. `careful`: windows may reach out of the row, where all is 0. */
INLINE void depthwise_shared(const df_depthwise *g, const void *const *rows, int64_t ox, int64_t c, bool half, int height, int width, int stride,
                             bool careful, vec *sums)
{
    int64_t left = ox * stride - g->pad;
    for (int i = 0; i < NEIGHBOURS; i++)
        sums[i] = (vec){0};
    for (int r = 0; r < height; r++) {
        if (!rows[r])
            continue;
        vec x[2 * (NEIGHBOURS - 1) + 3];
        for (int i = 0; i < stride * (NEIGHBOURS - 1) + width; i++)
            x[i] = careful && (left + i < 0 || left + i >= g->w) ? (vec){0} : get(rows[r], (left + i) * g->c + c, half);
        for (int k = 0; k < width; k++) {
            vec w = load(g->weights + (r * width + k) * g->c + c);
            for (int i = 0; i < NEIGHBOURS; i++)
                sums[i] += x[i * stride + k] * w;
        }
    }
}

/* The same for any window. */
INLINE void depthwise_any(const df_depthwise *g, const void *const *rows, int64_t ox, int64_t c, bool half, bool careful, vec *sums)
{
    int64_t left = ox * g->stride - g->pad;
    for (int i = 0; i < NEIGHBOURS; i++)
        sums[i] = (vec){0};
    for (int r = 0; r < g->rows; r++)
        for (int k = 0; rows[r] && k < g->columns; k++) {
            vec w = load(g->weights + (r * g->columns + k) * g->c + c);
            for (int i = 0; i < NEIGHBOURS; i++) {
                int64_t x = left + i * g->stride + k * g->dilation;
                if (!careful || (x >= 0 && x < g->w))
                    sums[i] += get(rows[r], x * g->c + c, half) * w;
            }
        }
}

/* Outputs first .. end of the row, all channels. The last vector of channels may reach back into the one before it. */
INLINE void depthwise_chunk(const df_depthwise *g, const void *const *rows, int64_t first, int64_t end, int64_t at, const df_tail *tail, void *y,
                            bool half_x, bool half_y, int stride)
{
    int64_t inside = (g->pad + g->stride - 1) / g->stride, beyond = g->w - (g->columns - 1) * g->dilation + g->pad;
    beyond = beyond > 0 ? (beyond + g->stride - 1) / g->stride : 0; /* the first whose window reaches over the end */
    for (int64_t next = 0; next < g->c; next += LANES) {
        int64_t c = next > g->c - LANES ? g->c - LANES : next;
        for (int64_t ox = first; ox < end; ox += NEIGHBOURS) {
            vec sums[NEIGHBOURS];
            int64_t to = ox * g->c + c;
            bool careful = ox < inside || ox + NEIGHBOURS > beyond;
            if (stride && careful)
                depthwise_shared(g, rows, ox, c, half_x, 3, 3, stride, true, sums);
            else if (stride)
                depthwise_shared(g, rows, ox, c, half_x, 3, 3, stride, false, sums);
            else
                depthwise_any(g, rows, ox, c, half_x, careful, sums);
            if (ox + NEIGHBOURS <= end) {
                finish_all(tail, sums, NEIGHBOURS, c, at + to, g->c);
                for (int i = 0; i < NEIGHBOURS; i++)
                    put(y, to + i * g->c, half_y, sums[i]);
            } else {
                for (int i = 0; ox + i < end; i++)
                    put(y, to + i * g->c, half_y, finish(tail, sums[i], c, at + to - c + i * g->c));
            }
        }
    }
}

INLINE void depthwise_row(const df_depthwise *g, const void *const *rows, int64_t at, const df_tail *tail, void *y, bool half_x, bool half_y)
{
    bool usual = g->rows == 3 && g->columns == 3 && g->dilation == 1;
    for (int64_t first = 0; first < g->ow; first += CHUNK) {
        int64_t end = first + CHUNK < g->ow ? first + CHUNK : g->ow;
        if (usual && g->stride == 1)
            depthwise_chunk(g, rows, first, end, at, tail, y, half_x, half_y, 1);
        else if (usual && g->stride == 2)
            depthwise_chunk(g, rows, first, end, at, tail, y, half_x, half_y, 2);
        else
            depthwise_chunk(g, rows, first, end, at, tail, y, half_x, half_y, 0);
    }
}

#define DEPTHWISE(name, half_x, half_y)                                                                                         \
    static void name(const df_depthwise *g, const void *const *rows, int64_t at, const df_tail *tail, void *y)                  \
    {                                                                                                                           \
        depthwise_row(g, rows, at, tail, y, half_x, half_y);                                                                    \
    }
DEPTHWISE(depthwise, false, false)
DEPTHWISE(depthwise_to_bf16, false, true)
DEPTHWISE(depthwise_of_bf16, true, false)
DEPTHWISE(depthwise_bf16, true, true)

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

#define POOL(name, half_x, half_y)                                                                                \
    static void name(const void *x, int64_t step, int n, int64_t count, float divisor, void *y)                   \
    {                                                                                                             \
        pool_of(x, step, n, count, divisor, y, half_x, half_y);                                                   \
    }
POOL(pool, false, false)
POOL(pool_to_bf16, false, true)
POOL(pool_of_bf16, true, false)
POOL(pool_bf16, true, true)
