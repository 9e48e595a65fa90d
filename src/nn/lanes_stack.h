/* lanes_stack.h - rows of layers that are computed together (kernel_stack.c): convolutions over all channels, maxima. Float32 alone. */

/* Outputs of a block: their sums, with VECTORS of channels each, stay in registers. */
enum { BLOCK = LANES == 16 ? 8 : 4, VECTORS = 3 };

/* Sums of `pixels` outputs, the bias among them, get what else the tail says and go to y[at] and what lies `channels` apart behind it. */
INLINE void store_block(float *y, vec *v, int pixels, int64_t channels, int64_t channel, int64_t at, const bend *b, const df_tail *tail)
{
    if (b->whole) {
        for (int p = 0; p < pixels; p++)
            store(y + at + p * channels, bent(b, v[p]));
        return;
    }
    const df_post *post = tail->fused->post;
    if (tail->fused->n_post == 2 && post->kind == DF_POST_ADD && post[1].kind == DF_POST_RELU) { /* as most blocks of networks end */
        bend relu = {.slope = spread(post[1].a)};
        for (int p = 0; p < pixels; p++)
            store(y + at + p * channels, bent(&relu, v[p] + load((const float *)tail->add[0] + at + p * channels)));
        return;
    }
    df_tail posts = {.fused = tail->fused};
    memcpy(posts.add, tail->add, sizeof posts.add);
    finish_sums(&posts, v, pixels, channel, at, channels);
    for (int p = 0; p < pixels; p++)
        store(y + at + p * channels, v[p]);
}

/* `pixels` outputs from ox on, `vectors` vectors of their channels: both constants. Of a number of channels that is no multiple of LANES the last
 * vector reaches back into the one before it. */
INLINE void dense_block(const df_dense *g, const float *const *rows, int64_t ox, int64_t group, int pixels, int vectors, const df_tail *tail, float *y)
{
    vec sums[VECTORS][BLOCK];
    bend bends[VECTORS];
    int64_t at[VECTORS], ci = g->ci, co = g->co, channel = g->channel, step = g->stride * g->pixel;
    for (int v = 0; v < vectors; v++) {
        at[v] = group + v * LANES > co - LANES ? co - LANES : group + v * LANES;
        bends[v] = bend_of(tail, at[v]);
        for (int p = 0; p < pixels; p++)
            sums[v][p] = bends[v].bias;
    }
    for (int r = 0; r < g->rows; r++)
        for (int k = 0; k < g->columns && rows[r]; k++) {
            const float *x = rows[r] + (ox * g->stride + k) * g->pixel, *w = g->weights + (r * g->columns + k) * ci * co;
            const float *third[] = {x, x + 3 * step, x + 6 * step}; /* of the pixels */
            for (int64_t c = 0; c < ci; c++, w += co) {
                vec weights[VECTORS];
                for (int v = 0; v < vectors; v++)
                    weights[v] = load(w + at[v]);
                for (int p = 0; p < pixels; p += 3)
                    OPAQUE(third[p / 3]);
                for (int p = 0; p < pixels; p++) {
                    vec one = spread(third[p / 3][p % 3 * step]);
                    for (int v = 0; v < vectors; v++)
                        sums[v][p] = plus_product(sums[v][p], one, weights[v]);
                }
                for (int p = 0; p < pixels; p += 3)
                    third[p / 3] += channel;
            }
        }
    for (int v = 0; v < vectors; v++)
        store_block(y, sums[v], pixels, co, at[v], ox * co + at[v], &bends[v], tail);
}

/* The last block reaches back too. */
INLINE void dense_pixels(const df_dense *g, const float *const *rows, int64_t group, int vectors, const df_tail *tail, float *y)
{
    for (int64_t ox = 0; ox < g->ow && g->ow < BLOCK; ox++)
        dense_block(g, rows, ox, group, 1, vectors, tail, y);
    for (int64_t next = 0; next < g->ow && g->ow >= BLOCK; next += BLOCK)
        dense_block(g, rows, next + BLOCK > g->ow ? g->ow - BLOCK : next, group, BLOCK, vectors, tail, y);
}

/* Vectors of channels go by threes, or by twos at the end where one would be left. */
static void dense(const df_dense *g, const float *const *rows, const df_tail *tail, float *y)
{
    int64_t left = (g->co + LANES - 1) / LANES;
    for (int64_t group = 0; left > 0;) {
        int vectors = left == 4 || left == 2 ? 2 : left == 1 ? 1 : 3;
        if (vectors == 3)
            dense_pixels(g, rows, group, 3, tail, y);
        else if (vectors == 2)
            dense_pixels(g, rows, group, 2, tail, y);
        else
            dense_pixels(g, rows, group, 1, tail, y);
        group += vectors * LANES;
        left -= vectors;
    }
}

INLINE void tail_block(float *y, const vec *sums, int pixels, int64_t channels, int64_t channel, int64_t at, const df_tail *tail)
{
    bend b = bend_of(tail, channel);
    vec v[BLOCK];
    for (int p = 0; p < pixels; p++)
        v[p] = (sums ? sums[p] : load(y + at + channel + p * channels)) + b.bias;
    store_block(y, v, pixels, channels, channel, at + channel, &b, tail);
}

/* Of a number of channels that is no multiple of LANES the last vector is read before those are written that it reaches back into. */
INLINE void tail_pixels(float *y, int pixels, int64_t channels, int64_t at, const df_tail *tail)
{
    int64_t whole = channels - channels % LANES, last = channels - LANES;
    vec rest[BLOCK];
    for (int p = 0; p < pixels && whole < channels; p++)
        rest[p] = load(y + at + last + p * channels);
    for (int64_t c = 0; c < whole; c += LANES)
        tail_block(y, NULL, pixels, channels, c, at, tail);
    if (whole < channels)
        tail_block(y, rest, pixels, channels, last, at, tail);
}

static void row_tail(float *y, int64_t first, int64_t end, int64_t channels, const df_tail *tail)
{
    int64_t p = first;
    for (; p + BLOCK <= end; p += BLOCK)
        tail_pixels(y, BLOCK, channels, p * channels, tail);
    for (; p < end; p++)
        tail_pixels(y, 1, channels, p * channels, tail);
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
