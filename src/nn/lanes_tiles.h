/* lanes_tiles.h - the transforms of winograd.h. */

/* ---- photo to tiles ---- */

static const float zeros[DF_WINO_CHANNELS]; /* one pixel outside the photo */

/* The pixels under a tile of `side` by `side`. */
INLINE void pixels_of(const df_wino *g, const float *x, int64_t tile, int side, int m, const float **at)
{
    int64_t photo = tile / g->each, place = tile % g->each;
    int64_t top = place / g->across * m - g->pad_y, left = place % g->across * m - g->pad_x;
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            int64_t row = top + i, column = left + j;
            bool inside = row >= 0 && row < g->h && column >= 0 && column < g->w;
            at[i * side + j] = inside ? x + ((photo * g->h + row) * g->w + column) * g->c : zeros;
        }
}

#define IN_2(name, T, STORE)                                                                                  \
    static void name(const df_wino *g, const float *x, int64_t first, int64_t count, T *v)                    \
    {                                                                                                         \
        int64_t plane = count * g->c;                                                                         \
        for (int64_t t = 0; t < count; t++) {                                                                 \
            const float *at[16];                                                                              \
            pixels_of(g, x, first + t, 4, 2, at);                                                             \
            T *to = v + t * g->c;                                                                             \
            for (int64_t c = 0; c < g->c; c += LANES, to += LANES) {                                          \
                vec d[16], e[16];                                                                             \
                for (int i = 0; i < 16; i++)                                                                  \
                    d[i] = load(at[i] + c);                                                                   \
                for (int j = 0; j < 4; j++) {                                                                 \
                    e[j] = d[j] - d[8 + j];                                                                   \
                    e[4 + j] = d[4 + j] + d[8 + j];                                                           \
                    e[8 + j] = d[8 + j] - d[4 + j];                                                           \
                    e[12 + j] = d[4 + j] - d[12 + j];                                                         \
                }                                                                                             \
                for (int i = 0; i < 16; i += 4) {                                                             \
                    STORE(to + i * plane, e[i] - e[i + 2]);                                                   \
                    STORE(to + (i + 1) * plane, e[i + 1] + e[i + 2]);                                         \
                    STORE(to + (i + 2) * plane, e[i + 2] - e[i + 1]);                                         \
                    STORE(to + (i + 3) * plane, e[i + 1] - e[i + 3]);                                         \
                }                                                                                             \
            }                                                                                                 \
        }                                                                                                     \
    }
IN_2(in_2, float, store)
IN_2(in_2_bf16, uint16_t, store_bf16)

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

#define IN_4(name, T, STORE)                                                                                  \
    static void name(const df_wino *g, const float *x, int64_t first, int64_t count, T *v)                    \
    {                                                                                                         \
        int64_t plane = count * g->c;                                                                         \
        for (int64_t t = 0; t < count; t++) {                                                                 \
            const float *at[36];                                                                              \
            pixels_of(g, x, first + t, 6, 4, at);                                                             \
            T *to = v + t * g->c;                                                                             \
            for (int64_t c = 0; c < g->c; c += LANES, to += LANES) {                                          \
                vec e[36], d[6], q[6];                                                                        \
                for (int i = 0; i < 6; i++) {                                                                 \
                    for (int j = 0; j < 6; j++)                                                               \
                        d[j] = load(at[6 * j + i] + c);                                                       \
                    six_in(d, q);                                                                             \
                    for (int j = 0; j < 6; j++)                                                               \
                        e[6 * j + i] = q[j];                                                                  \
                }                                                                                             \
                for (int i = 0; i < 36; i += 6) {                                                             \
                    six_in(e + i, q);                                                                         \
                    for (int j = 0; j < 6; j++)                                                               \
                        STORE(to + (i + j) * plane, q[j]);                                                    \
                }                                                                                             \
            }                                                                                                 \
        }                                                                                                     \
    }
IN_4(in_4, float, store)
IN_4(in_4_bf16, uint16_t, store_bf16)

/* ---- tiles to photo ---- */

/* Where the tile's outputs begin, and how many rows and columns of them the photo has. */
INLINE int64_t place_of(const df_wino *g, int64_t tile, int m, int *rows, int *columns)
{
    int64_t photo = tile / g->each, place = tile % g->each, top = place / g->across * m, left = place % g->across * m;
    *rows = g->oh - top < m ? (int)(g->oh - top) : m;
    *columns = g->ow - left < m ? (int)(g->ow - left) : m;
    return ((photo * g->oh + top) * g->ow + left) * g->k;
}

static void out_2(const df_wino *g, const float *m, int64_t first, int64_t count, const df_tail *tail, float *y)
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
                store(y + at + k, finish(tail, r[0] + r[1] + r[2], k, at));
                if (columns > 1)
                    store(y + at + g->k + k, finish(tail, r[1] - r[2] - r[3], k, at + g->k));
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

static void out_4(const df_wino *g, const float *m, int64_t first, int64_t count, const df_tail *tail, float *y)
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
                    store(y + at + k, finish(tail, q[j], k, at));
                }
            }
        }
    }
}
