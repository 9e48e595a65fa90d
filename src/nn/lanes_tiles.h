/* lanes_tiles.h - the transforms of winograd.h. */

/* ---- photo to tiles ---- */

static const float zeros[DF_WINO_CHANNELS]; /* one pixel outside the photo */

/* The pixels under a tile of `side` by `side`. */
INLINE void pixels_of(const df_wino *g, const void *x, bool half, int64_t tile, int side, int m, const void **at)
{
    int64_t photo = tile / g->each, place = tile % g->each;
    int64_t top = place / g->across * m - g->pad_y, left = place % g->across * m - g->pad_x;
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            int64_t row = top + i, column = left + j;
            bool inside = row >= 0 && row < g->h && column >= 0 && column < g->w;
            int64_t pixel = ((photo * g->h + row) * g->w + column) * g->c;
            at[i * side + j] = !inside ? (const void *)zeros : half ? (const void *)((const uint16_t *)x + pixel) : (const void *)((const float *)x + pixel);
        }
}

INLINE void tiles_in_2(const df_wino *g, const void *x, bool half_x, int64_t first, int64_t count, void *v, bool half_v)
{
    int64_t plane = count * g->c;
    for (int64_t t = 0; t < count; t++) {
        const void *at[16];
        pixels_of(g, x, half_x, first + t, 4, 2, at);
        for (int64_t c = 0; c < g->c; c += LANES) {
            vec d[16], e[16];
            int64_t to = t * g->c + c;
            for (int i = 0; i < 16; i++)
                d[i] = get(at[i], c, half_x);
            for (int j = 0; j < 4; j++) {
                e[j] = d[j] - d[8 + j];
                e[4 + j] = d[4 + j] + d[8 + j];
                e[8 + j] = d[8 + j] - d[4 + j];
                e[12 + j] = d[4 + j] - d[12 + j];
            }
            for (int i = 0; i < 16; i += 4) {
                put(v, to + i * plane, half_v, e[i] - e[i + 2]);
                put(v, to + (i + 1) * plane, half_v, e[i + 1] + e[i + 2]);
                put(v, to + (i + 2) * plane, half_v, e[i + 2] - e[i + 1]);
                put(v, to + (i + 3) * plane, half_v, e[i + 1] - e[i + 3]);
            }
        }
    }
}


INLINE void six_in(const vec *d, vec *o)
{
    vec a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
    o[0] = 4.0f * d[0] + d[4] - 5.0f * d[2];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = 4.0f * d[1] + d[5] - 5.0f * d[3];
}

INLINE void tiles_in_4(const df_wino *g, const void *x, bool half_x, int64_t first, int64_t count, void *v, bool half_v)
{
    int64_t plane = count * g->c;
    for (int64_t t = 0; t < count; t++) {
        const void *at[36];
        pixels_of(g, x, half_x, first + t, 6, 4, at);
        for (int64_t c = 0; c < g->c; c += LANES) {
            vec e[36], d[6], q[6];
            int64_t to = t * g->c + c;
            for (int i = 0; i < 6; i++) {
                for (int j = 0; j < 6; j++)
                    d[j] = get(at[6 * j + i], c, half_x);
                six_in(d, q);
                for (int j = 0; j < 6; j++)
                    e[6 * j + i] = q[j];
            }
            for (int i = 0; i < 36; i += 6) {
                six_in(e + i, q);
                for (int j = 0; j < 6; j++)
                    put(v, to + (i + j) * plane, half_v, q[j]);
            }
        }
    }
}

/* ---- tiles to photo ---- */

/* Where the tile's outputs begin, and how many rows and columns of them the photo has. */
INLINE int64_t place_of(const df_wino *g, int64_t tile, int m, int *rows, int *columns)
{
    int64_t photo = tile / g->each, place = tile % g->each, top = place / g->across * m, left = place % g->across * m;
    *rows = g->oh - top < m ? (int)(g->oh - top) : m;
    *columns = g->ow - left < m ? (int)(g->ow - left) : m;
    return ((photo * g->oh + top) * g->ow + left) * g->k;
}

INLINE void tiles_out_2(const df_wino *g, const float *m, int64_t first, int64_t count, const df_tail *tail, void *y, bool half)
{
    int64_t plane = count * g->k;
    for (int64_t t = 0; t < count; t++) {
        int rows, columns;
        int64_t to = place_of(g, first + t, 2, &rows, &columns);
        const float *from = m + t * g->k;
        for (int64_t k = 0; k < g->k; k += LANES) {
            vec e[8];
            for (int j = 0; j < 4; j++) {
                vec a = load(from + k + j * plane), b = load(from + k + (4 + j) * plane), c = load(from + k + (8 + j) * plane);
                e[j] = a + b + c;
                e[4 + j] = b - c - load(from + k + (12 + j) * plane);
            }
            for (int i = 0; i < rows; i++) {
                int64_t at = to + i * g->ow * g->k;
                const vec *r = e + 4 * i;
                put(y, at + k, half, finish(tail, r[0] + r[1] + r[2], k, at));
                if (columns > 1)
                    put(y, at + g->k + k, half, finish(tail, r[1] - r[2] - r[3], k, at + g->k));
            }
        }
    }
}

INLINE void six_out(const vec *d, vec *o)
{
    vec a = d[1] + d[2], b = d[1] - d[2], c = d[3] + d[4], e = d[3] - d[4];
    o[0] = d[0] + a + c;
    o[1] = b + 2.0f * e;
    o[2] = a + 4.0f * c;
    o[3] = b + 8.0f * e + d[5];
}

INLINE void tiles_out_4(const df_wino *g, const float *m, int64_t first, int64_t count, const df_tail *tail, void *y, bool half)
{
    int64_t plane = count * g->k;
    for (int64_t t = 0; t < count; t++) {
        int rows, columns;
        int64_t to = place_of(g, first + t, 4, &rows, &columns);
        const float *from = m + t * g->k;
        for (int64_t k = 0; k < g->k; k += LANES) {
            vec e[24], d[6], q[4];
            for (int i = 0; i < 6; i++) {
                for (int j = 0; j < 6; j++)
                    d[j] = load(from + k + (6 * j + i) * plane);
                six_out(d, q);
                for (int j = 0; j < 4; j++)
                    e[6 * j + i] = q[j];
            }
            for (int i = 0; i < rows; i++) {
                six_out(e + 6 * i, q);
                for (int j = 0; j < columns; j++) {
                    int64_t at = to + (i * g->ow + j) * g->k;
                    put(y, at + k, half, finish(tail, q[j], k, at));
                }
            }
        }
    }
}

/* ---- of both kinds of numbers ---- */

#define IN(name, of, half_x, half_v)                                                              \
    static void name(const df_wino *g, const void *x, int64_t first, int64_t count, void *v)      \
    {                                                                                             \
        of(g, x, half_x, first, count, v, half_v);                                                \
    }
IN(in_2, tiles_in_2, false, false)
IN(in_2_to_bf16, tiles_in_2, false, true)
IN(in_2_of_bf16, tiles_in_2, true, false)
IN(in_2_bf16, tiles_in_2, true, true)
IN(in_4, tiles_in_4, false, false)
IN(in_4_to_bf16, tiles_in_4, false, true)
IN(in_4_of_bf16, tiles_in_4, true, false)
IN(in_4_bf16, tiles_in_4, true, true)

#define OUT(name, of, half)                                                                                                \
    static void name(const df_wino *g, const float *m, int64_t first, int64_t count, const df_tail *tail, void *y)         \
    {                                                                                                                      \
        of(g, m, first, count, tail, y, half);                                                                             \
    }
OUT(out_2, tiles_out_2, false)
OUT(out_2_to_bf16, tiles_out_2, true)
OUT(out_4, tiles_out_4, false)
OUT(out_4_to_bf16, tiles_out_4, true)
