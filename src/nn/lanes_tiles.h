/* lanes_tiles.h - the transforms of winograd.h. */

/* The channels of a vector from `at` on: of a number that is no multiple of LANES the last vector reaches back into the one before it. */
INLINE int64_t vector_at(int64_t at, int64_t channels) { return at + LANES > channels ? channels - LANES : at; }

/* ---- photo to tiles ---- */

INLINE void four_in(const vec *d, vec *o)
{
    o[0] = d[0] - d[2];
    o[1] = d[1] + d[2];
    o[2] = d[2] - d[1];
    o[3] = d[1] - d[3];
}

INLINE void six_in(const vec *d, vec *o)
{
    vec a = plus_product(d[4], spread(-4), d[2]), b = plus_product(d[3], spread(-4), d[1]), c = d[4] - d[2], e = d[3] - d[1];
    o[0] = plus_product(plus_product(d[4], spread(-5), d[2]), spread(4), d[0]);
    o[1] = a + b;
    o[2] = a - b;
    o[3] = plus_product(c, spread(2), e);
    o[4] = plus_product(c, spread(-2), e);
    o[5] = plus_product(plus_product(d[5], spread(-5), d[3]), spread(4), d[1]);
}

/* A column of pixels under tiles, transformed from the top down; `rows`: where those of the photo begin, NULL outside. */
INLINE void column_in(const df_wino *g, const void *const *rows, bool half, int64_t column, int64_t c, vec *e, bool inside, int m)
{
    vec d[6];
    for (int i = 0; i < m + 2; i++)
        d[i] = inside || (rows[i] && column >= 0 && column < g->w) ? get(rows[i], column * g->c + c, half) : (vec){0};
    if (m == 2)
        four_in(d, e);
    else
        six_in(d, e);
}

/* `n` tiles side by side: what they share of columns is transformed once. */
INLINE void run_in(const df_wino *g, const void *const *rows, bool whole, bool half_x, int64_t left, int64_t n, void *v, int64_t to, int64_t plane, bool half_v, int m)
{
    for (int64_t next = 0; next < g->c; next += LANES) {
        int64_t c = vector_at(next, g->c), at = to + c, column = left;
        vec e[6][6];
        for (int j = 0; j < 2; j++)
            column_in(g, rows, half_x, column + j, c, e[j], false, m);
        for (int64_t t = 0; t < n; t++, at += g->c, column += m) {
            bool inside = whole && column + m + 1 < g->w;
            for (int j = 2; j < m + 2 && inside; j++)
                column_in(g, rows, half_x, column + j, c, e[j], true, m);
            for (int j = 2; j < m + 2 && !inside; j++)
                column_in(g, rows, half_x, column + j, c, e[j], false, m);
            for (int i = 0; i < m + 2; i++) {
                vec d[6], q[6];
                for (int j = 0; j < m + 2; j++)
                    d[j] = e[j][i];
                if (m == 2)
                    four_in(d, q);
                else
                    six_in(d, q);
                for (int j = 0; j < m + 2; j++)
                    put(v, at + (i * (m + 2) + j) * plane, half_v, q[j]);
            }
            for (int i = 0; i < m + 2; i++) {
                e[0][i] = e[m][i];
                e[1][i] = e[m + 1][i];
            }
        }
    }
}

enum { RUN = 256 /* lines of tiles that stay in the first cache until the next vector's */ };

INLINE void tiles_in(const df_wino *g, const void *x, bool half_x, int64_t first, int64_t count, void *v, bool half_v, int m)
{
    for (int64_t t = 0, n; t < count; t += n) {
        int64_t photo = (first + t) / g->each, place = (first + t) % g->each, top = place / g->across * m - g->pad_y, across = place % g->across;
        const void *rows[6];
        bool whole = top >= 0 && top + m + 1 < g->h;
        n = g->across - across < count - t ? g->across - across : count - t;
        n = n > RUN / ((m + 2) * (m + 2)) ? RUN / ((m + 2) * (m + 2)) : n;
        for (int i = 0; i < m + 2; i++) {
            int64_t begin = (photo * g->h + top + i) * g->w * g->c;
            rows[i] = top + i < 0 || top + i >= g->h ? NULL : half_x ? (const void *)((const uint16_t *)x + begin) : (const void *)((const float *)x + begin);
        }
        run_in(g, rows, whole, half_x, across * m - g->pad_x, n, v, t * g->c, count * g->c, half_v, m);
    }
}

/* ---- tiles to photo ---- */

INLINE void four_out(const vec *d, vec *o)
{
    o[0] = d[0] + d[1] + d[2];
    o[1] = d[1] - d[2] - d[3];
}

INLINE void six_out(const vec *d, vec *o)
{
    vec a = d[1] + d[2], b = d[1] - d[2], c = d[3] + d[4], e = d[3] - d[4];
    o[0] = d[0] + a + c;
    o[1] = plus_product(b, spread(2), e);
    o[2] = plus_product(a, spread(4), c);
    o[3] = plus_product(b, spread(8), e) + d[5];
}

INLINE void tile_out(const df_wino *g, const float *from, int64_t plane, int64_t k, int64_t to, int64_t rows, int64_t columns, const ends *end, void *y, bool half, int m)
{
    vec e[4][6], d[6], q[4], bias = bias_of(end, k);
    bending bend = bending_of(end, k);
    for (int j = 0; j < m + 2; j++) {
        for (int i = 0; i < m + 2; i++)
            d[i] = load(from + (i * (m + 2) + j) * plane);
        if (m == 2)
            four_out(d, q);
        else
            six_out(d, q);
        for (int i = 0; i < m; i++)
            e[i][j] = q[i];
    }
    for (int i = 0; i < m; i++) {
        if (i >= rows)
            break;
        if (m == 2)
            four_out(e[i], q);
        else
            six_out(e[i], q);
        for (int j = 0; j < m; j++)
            if (j < columns)
                end_at(end, &bend, bias, q[j], k, to + (i * g->ow + j) * g->k, y, half);
    }
}

INLINE void tiles_out(const df_wino *g, const df_tiles *of, const float *products, const df_tail *tail, void *y, bool half, int m)
{
    int64_t plane = of->count * of->channels;
    ends end = ends_of(tail, true);
    for (int64_t c = 0; c < of->channels; c += DF_LANES_MOST) {
        int64_t k = df__channel_of(g->k, of->channel + c), photo = of->first / g->each, top = of->first % g->each / g->across * m, left = of->first % g->across * m;
        for (int64_t t = 0; t < of->count; t++, left += m) {
            if (left >= g->ow) {
                left = 0;
                top += m;
            }
            if (top >= g->oh) {
                top = 0;
                photo++;
            }
            for (int v = 0; v < DF_LANES_MOST; v += LANES) /* a line of the cache is whole before the next one */
                tile_out(g, products + t * of->channels + c + v, plane, k + v, ((photo * g->oh + top) * g->ow + left) * g->k, g->oh - top, g->ow - left, &end, y, half, m);
        }
    }
}

/* ---- of both kinds of numbers ---- */

#define IN(name, half_x, half_v, m)                                                          \
    static void name(const df_wino *g, const void *x, int64_t first, int64_t count, void *v) \
    {                                                                                        \
        tiles_in(g, x, half_x, first, count, v, half_v, m);                                  \
    }
IN(in_2, false, false, 2)
IN(in_2_to_bf16, false, true, 2)
IN(in_2_of_bf16, true, false, 2)
IN(in_2_bf16, true, true, 2)
IN(in_4, false, false, 4)
IN(in_4_to_bf16, false, true, 4)
IN(in_4_of_bf16, true, false, 4)
IN(in_4_bf16, true, true, 4)

#define OUT(name, half, m)                                                                                  \
    static void name(const df_wino *g, const df_tiles *tiles, const float *products, const df_tail *tail, void *y) \
    {                                                                                                       \
        tiles_out(g, tiles, products, tail, y, half, m);                                                    \
    }
OUT(out_2, false, 2)
OUT(out_2_to_bf16, true, 2)
OUT(out_4, false, 4)
OUT(out_4_to_bf16, true, 4)
