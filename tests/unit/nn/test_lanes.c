/* test_lanes.c - the hot loops of every level that the processor has give the same bits, convolutions but for rounding, and what lanes.h says. */
#include "lanes_levels.h"
#include "nn/half.h"
#include "nn/onednn.h"
#include "test.h"

enum { MOST = 100 };
static const df_lanes *levels[LEVELS];
static int n_levels;

static void find_levels(void) { n_levels = lanes_levels(levels); }

static float dice(void)
{
    static uint32_t state = 5;
    state = state * 1664525u + 1013904223u;
    return (float)(int32_t)state * (1 / 2147483648.0f);
}

static void dice_fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = dice();
}

static const float odd_values[] = {NAN, -NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-40f, -1e-45f, 0, -0.0f, 1.00390625f, 1.01171875f, 127.5f, -127.5f, 254.5f, 1e-38f};
enum { ODD = sizeof odd_values / sizeof *odd_values };
static const int64_t lengths[] = {0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

TEST(bfloat16_of_every_length)
{
    find_levels();
    float x[MOST];
    uint16_t expected[MOST], got[MOST];
    for (int i = 0; i < MOST; i++)
        x[i] = i % 3 ? dice() * 1e3f : odd_values[i / 3 % ODD];
    for (int k = 0; k < LENGTHS; k++)
        for (int level = 0; level < n_levels; level++) {
            int64_t n = lengths[k];
            memset(got, 0xA5, sizeof got);
            levels[level]->to_bf16(x, got, n);
            for (int64_t i = 0; i < n; i++) {
                uint32_t bits;
                df__f32_to_halves(DF_BF16, &x[i], &expected[i], 1);
                memcpy(&bits, &x[i], sizeof bits);
                if (isnan(x[i])) /* any that is none, but the same one everywhere */
                    CHECK((got[i] & 0x7FFF) > 0x7F80);
                else if ((bits & 0x7F800000) == 0)
                    CHECK(got[i] == (bits >> 16 & 0x8000)); /* denormals are 0 */
                else
                    CHECK(got[i] == expected[i]);
            }
            if (level == 0)
                memcpy(expected, got, sizeof got);
            for (int i = (int)n; i < MOST; i++)
                CHECK(got[i] == 0xA5A5);
        }
}

TEST(bfloat16_has_the_same_bits_at_every_level)
{
    find_levels();
    for (uint32_t round = 0; round < 2000; round++) {
        float x[MOST];
        uint16_t first[MOST], got[MOST];
        for (int i = 0; i < MOST; i++) {
            uint32_t bits = (uint32_t)(int32_t)(dice() * 2147483520.0f) ^ (round << 20);
            memcpy(&x[i], &bits, sizeof bits);
        }
        levels[0]->to_bf16(x, first, MOST);
        for (int level = 1; level < n_levels; level++) {
            levels[level]->to_bf16(x, got, MOST);
            CHECK(memcmp(first, got, sizeof got) == 0);
        }
    }
}

TEST(range_holds_zero_and_skips_what_is_no_number)
{
    find_levels();
    for (int level = 0; level < n_levels; level++)
        for (int k = 0; k < LENGTHS; k++)
            for (int64_t at = -1; at < lengths[k]; at++) {
                float x[MOST], least = 9, most = 9;
                for (int64_t i = 0; i < lengths[k]; i++)
                    x[i] = i == at ? -2.5f : 1 + (float)i;
                if (at > 0)
                    x[at - 1] = NAN;
                levels[level]->range(x, lengths[k], &least, &most);
                float expected = 0;
                for (int64_t i = 0; i < lengths[k]; i++)
                    expected = x[i] > expected ? x[i] : expected;
                CHECK_NEAR(at < 0 ? 0 : -2.5, least, 0);
                CHECK_NEAR(expected, most, 0);
            }
}

TEST(eight_bits_end_at_their_ends)
{
    find_levels();
    static const float factors[] = {1, 0.5f, 0, 3e38f, INFINITY, 127 / 0.9f};
    float x[MOST];
    for (int i = 0; i < MOST; i++)
        x[i] = i % 4 ? dice() * 300 : odd_values[i / 4 % ODD];
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++)
        for (int k = 0; k < LENGTHS; k++) {
            int8_t s[LEVELS][MOST];
            uint8_t u[LEVELS][MOST];
            for (int level = 0; level < n_levels; level++) {
                memset(s[level], 77, MOST);
                memset(u[level], 77, MOST);
                levels[level]->to_s8(x, s[level], lengths[k], factors[f]);
                levels[level]->to_u8(x, u[level], lengths[k], factors[f]);
                CHECK(memcmp(s[0], s[level], MOST) == 0 && memcmp(u[0], u[level], MOST) == 0);
            }
            for (int i = 0; i < MOST; i++) {
                float v = x[i] * factors[f];
                if (i >= lengths[k]) {
                    CHECK(s[0][i] == 77 && u[0][i] == 77);
                } else if (!isnan(v)) { /* half away from zero */
                    CHECK(s[0][i] == (v > 127 ? 127 : v < -127 ? -127 : (int)lroundf(v)));
                    CHECK(u[0][i] == (v > 255 ? 255 : v < 0 ? 0 : (int)lroundf(v)));
                }
            }
        }
}

TEST(dots_of_one_to_four_columns)
{
    find_levels();
    static float matrix[4 * 1024], x[1024];
    static uint16_t half_matrix[4 * 1024], half_x[1024];
    static int16_t whole_matrix[4 * 1024];
    dice_fill(matrix, 4 * 1024);
    for (int i = 0; i < 4 * 1024; i++)
        whole_matrix[i] = (int16_t)lrintf(matrix[i] * INT16_MAX);
    dice_fill(x, 1024);
    for (int64_t n = 0; n <= 1024; n = n ? 2 * n : 32)
        for (int64_t columns = 0; columns <= 4; columns++) {
            float first[4] = {9, 9, 9, 9}, half_first[4], whole_first[4];
            for (int level = 0; level < n_levels; level++) {
                float y[4] = {9, 9, 9, 9}, h[4] = {9, 9, 9, 9}, w[4] = {9, 9, 9, 9};
                levels[level]->dots_s16(whole_matrix, x, n, columns, w);
                levels[level]->to_bf16(matrix, half_matrix, 4 * n);
                levels[level]->to_bf16(x, half_x, n);
                levels[level]->dots(matrix, x, n, columns, y);
                levels[level]->dots_bf16(half_matrix, half_x, n, columns, h);
                for (int64_t c = 0; c < 4; c++) {
                    double sum = c < columns ? 0 : 9, half_sum = sum, whole_sum = sum;
                    for (int64_t i = 0; i < n && c < columns; i++) {
                        float a, b;
                        df__halves_to_f32(DF_BF16, &half_matrix[c * n + i], &a, 1);
                        df__halves_to_f32(DF_BF16, &half_x[i], &b, 1);
                        sum += (double)matrix[c * n + i] * (double)x[i];
                        half_sum += (double)a * (double)b;
                        whole_sum += (double)whole_matrix[c * n + i] * (double)x[i];
                    }
                    CHECK_NEAR(sum, y[c], 1e-4); /* 1024 roundings of sums below 20 */
                    CHECK_NEAR(half_sum, h[c], 1e-4);
                    CHECK_NEAR(whole_sum, (double)w[c], 1e-4 * INT16_MAX);
                }
                if (level == 0) {
                    memcpy(whole_first, w, sizeof w);
                    memcpy(first, y, sizeof y);
                    memcpy(half_first, h, sizeof h);
                }
                CHECK(memcmp(first, y, sizeof y) == 0 && memcmp(whole_first, w, sizeof w) == 0);
                /* The processor's product of pairs rounds in its own way: not the same bits. */
                CHECK_NEAR(half_first[0], h[0], 1e-4);
            }
        }
}

/* ---- tails ---- */

static void add_every_post(df_fused *fused, df_tail *tail, const float *slope, const float *add, int round)
{
    static const df_post_kind kinds[] = {DF_POST_RELU, DF_POST_ADD, DF_POST_PRELU, DF_POST_CLIP};
    for (int i = 0; i < round % 5; i++) {
        df_post_kind kind = kinds[(i + round / 5) % 4];
        fused->post[fused->n_post] = (df_post){.kind = kind, .a = kind == DF_POST_CLIP ? -0.3f : 0.1f, .b = 0.6f, .slope = slope, .n_slope = round % 2 ? 32 : 1};
        tail->add[fused->n_post++] = kind == DF_POST_ADD ? add : NULL;
    }
    tail->fused = fused;
}

TEST(tails_have_the_same_bits)
{
    find_levels();
    enum { PIXELS = 5, CHANNELS = 32, N = PIXELS * CHANNELS };
    float x[N], bias[CHANNELS], slope[CHANNELS], add[N], first[N], got[N];
    for (int round = 0; round < 40; round++) {
        df_fused fused = {0};
        df_tail tail = {.bias = round % 3 ? bias : NULL};
        dice_fill(x, N);
        dice_fill(bias, CHANNELS);
        dice_fill(slope, CHANNELS);
        dice_fill(add, N);
        x[7] = NAN, x[40] = INFINITY, x[41] = -INFINITY;
        add_every_post(&fused, &tail, slope, add, round);
        for (int level = 0; level < n_levels; level++) {
            memcpy(got, x, sizeof x);
            levels[level]->scaled_tail[0](got, PIXELS, CHANNELS, 1.5f, &tail, got);
            if (level == 0)
                memcpy(first, got, sizeof got);
            CHECK(memcmp(first, got, sizeof got) == 0);
        }
        for (int i = 0; i < N; i++) {
            float v = x[i] * 1.5f + (tail.bias ? bias[i % CHANNELS] : 0);
            for (int p = 0; p < fused.n_post; p++) {
                const df_post *post = &fused.post[p];
                if (post->kind == DF_POST_ADD)
                    v += add[i];
                else if (post->kind == DF_POST_CLIP)
                    v = v < post->a ? post->a : v > post->b ? post->b : v;
                else
                    v = v < 0 ? v * (post->kind == DF_POST_RELU ? post->a : slope[post->n_slope > 1 ? i % CHANNELS : 0]) : v;
            }
            CHECK(isnan(v) ? isnan(got[i]) : v == got[i]);
        }
        levels[0]->scaled_tail[0](got, 0, CHANNELS, 1, &tail, got);
    }
}

/* ---- tiles ---- */

static void check_tiles(const df_wino *g, int m, int64_t n)
{
    int64_t places = (m + 2) * (m + 2), tiles = n * g->each, size_x = n * g->h * g->w * g->c, size_v = places * tiles * g->c,
            columns = (g->k + 15) / 16 * 16, size_m = places * tiles * columns, size_y = n * g->oh * g->ow * g->k;
    float *x = malloc((size_t)size_x * 4), *v[2], *from = malloc((size_t)size_m * 4), *y[2], bias[64];
    uint16_t *h[2];
    for (int i = 0; i < 2; i++) {
        v[i] = calloc((size_t)size_v, 4);
        h[i] = calloc((size_t)size_v, 2);
        y[i] = calloc((size_t)size_y, 4);
    }
    dice_fill(x, size_x);
    dice_fill(from, size_m);
    dice_fill(bias, 64);
    df_tail tail = {.bias = bias};
    for (int level = 0; level < n_levels; level++) {
        const df_lanes *l = levels[level];
        int at = level > 0;
        (m == 2 ? l->in_2 : l->in_4)[0][0](g, x, 0, tiles, v[at]);
        (m == 2 ? l->in_2 : l->in_4)[0][1](g, x, 0, tiles, h[at]);
        for (int64_t i = 0; i < size_y; i++)
            y[at][i] = NAN;
        (m == 2 ? l->out_2 : l->out_4)[0](g, &(df_tiles){.count = tiles, .channels = columns}, from, &tail, y[at]);
        for (int64_t i = 0; i < size_y; i++)
            CHECK(!isnan(y[at][i])); /* each output is some tile's */
        if (m == 2) {
            CHECK(memcmp(v[0], v[at], (size_t)size_v * 4) == 0 && memcmp(h[0], h[at], (size_t)size_v * 2) == 0 && memcmp(y[0], y[at], (size_t)size_y * 4) == 0);
            continue;
        }
        uint16_t *rounded = calloc((size_t)size_v, 2); /* tiles of 4 x 4 have products in their transforms */
        assert_non_null(rounded);
        l->to_bf16(v[at], rounded, size_v);
        CHECK(memcmp(rounded, h[at], (size_t)size_v * 2) == 0);
        for (int64_t i = 0; i < size_v; i++)
            CHECK_NEAR((double)v[0][i], (double)v[at][i], 2e-5); /* of up to 100 */
        for (int64_t i = 0; i < size_y; i++)
            CHECK_NEAR((double)y[0][i], (double)y[at][i], 1e-4); /* of up to 361 */
        free(rounded);
    }
    for (int i = 0; i < 2; i++) {
        free(v[i]);
        free(h[i]);
        free(y[i]);
    }
    free(x);
    free(from);
}

TEST(tiles_of_every_level)
{
    find_levels();
    for (int m = 2; m <= 4; m += 2)
        for (int64_t h = 1; h <= 9; h++)
            for (int64_t w = 1; w <= 9; w += 2)
                for (int64_t pad = h > 2 && w > 2 ? 0 : 1; pad <= 1; pad++) {
                    df_wino g = {.h = h, .w = w, .c = w % 4 == 1 ? 16 : 21, .oh = h + 2 * pad - 2, .ow = w + 2 * pad - 2, .k = w % 4 == 1 ? 32 : 23, .pad_y = pad, .pad_x = pad};
                    g.across = (g.ow + m - 1) / m;
                    g.each = g.across * ((g.oh + m - 1) / m);
                    check_tiles(&g, m, 2);
                }
}

/* Each number of rows that a group can have, and some that take several; a panel of one vector and of two. */
TEST(rows_by_panels)
{
    enum { ROWS = 31, STEPS = 9, APART = STEPS + 2, COLUMNS = 32 };
    float x[ROWS * APART], w[STEPS * COLUMNS], y[ROWS * COLUMNS], wide_x[2 * ROWS * APART], wide_w[2 * STEPS * COLUMNS];
    uint16_t half_x[2 * ROWS * APART], half_w[2 * STEPS * COLUMNS];
    find_levels();
    dice_fill(x, ROWS * APART);
    dice_fill(w, STEPS * COLUMNS);
    dice_fill(wide_x, 2 * ROWS * APART);
    dice_fill(wide_w, 2 * STEPS * COLUMNS);
    for (int level = 0; level < n_levels; level++) {
        const df_lanes *l = levels[level];
        l->to_bf16(wide_x, half_x, 2 * ROWS * APART);
        l->to_bf16(wide_w, half_w, 2 * STEPS * COLUMNS);
        l->from_bf16(half_x, wide_x, 2 * ROWS * APART);
        l->from_bf16(half_w, wide_w, 2 * STEPS * COLUMNS);
        for (int half = 0; half <= (l->panel[1] != NULL); half++)
            for (int64_t rows = 1; rows <= ROWS; rows++)
                for (int64_t columns = 16; columns <= COLUMNS; columns += 16) {
                    const void *pieces[] = {half ? (void *)half_x : x, NULL, half ? (void *)(half_x + 6) : x + 3}; /* of three steps each; the second is all 0 */
                    df_panel g = {.rows = rows, .steps = STEPS / 3, .step = APART * 4, .columns = columns, .runs = 3, .x = pieces};
                    for (int64_t i = 0; i < rows * columns; i++)
                        y[i] = NAN;
                    l->panel[half](&g, half ? (void *)half_w : w, y);
                    for (int64_t r = 0; r < rows; r++)
                        for (int64_t c = 0; c < columns; c++) {
                            double sum = 0;
                            for (int64_t i = 0; i < STEPS; i++)
                                for (int64_t b = 0, at = r * APART + (i < 3 ? i : i - 3); b < 1 + half && i / 3 != 1; b++)
                                    sum += half ? (double)wide_x[at * 2 + b] * (double)wide_w[(i * columns + c) * 2 + b] : (double)x[at] * (double)w[i * columns + c];
                            CHECK_NEAR(sum, (double)y[r * columns + c], 5e-6);
                        }
                }
    }
}

/* Ends of panels: sums of ends that are known and of others, all channels from 8 on, of and to either kind of numbers; nothing behind the last pixel is written. */
static void check_pixels(const df_lanes *l, const df_post *posts, int n_post, int64_t channels, bool half_y, bool half_add)
{
    enum { PIXELS = 17, STEPS = 5, MOST_CHANNELS = 48, ALL = PIXELS * MOST_CHANNELS };
    float x[PIXELS * STEPS], w[STEPS * 64], bias[MOST_CHANNELS + 16], add[ALL + 64], y[ALL + 64], sums[PIXELS * 32], wide[ALL];
    uint16_t halves[ALL + 64], half[ALL + 64];
    dice_fill(x, PIXELS * STEPS);
    dice_fill(w, STEPS * 64);
    dice_fill(bias, MOST_CHANNELS + 16);
    dice_fill(add, ALL + 64);
    l->to_bf16(add, halves, ALL + 64);
    if (half_add)
        l->from_bf16(halves, add, ALL + 64);
    df_fused fused = {.n_post = n_post};
    memcpy(fused.post, posts, (size_t)n_post * sizeof *posts);
    df_tail tail = {.bias = bias, .fused = &fused, .add = {half_add ? (void *)halves : add}, .half = {half_add}};
    memset(half, 0x5A, sizeof half);
    memset(y, 0x5A, sizeof y);
    int64_t columns = (channels + 15) / 16 * 16;
    for (int64_t c = 0; c < columns; c += 32) {
        const void *piece = x;
        float of_panel[STEPS * 32];
        int64_t n = columns - c < 32 ? columns - c : 32;
        for (int64_t i = 0; i < STEPS * n; i++)
            of_panel[i] = w[i / n * 64 + (channels < 16 ? i % n : df__channel_of(channels, c + i % n))];
        df_panel g = {.rows = PIXELS, .steps = STEPS, .step = STEPS * 4, .columns = n, .runs = 1, .x = &piece};
        l->pixels[0](&g, of_panel, &(df_pixels){.pixels = PIXELS, .columns = n, .column = c, .channels = channels}, &tail, half_y, half_y ? (void *)half : y, sums);
    }
    if (half_y)
        l->from_bf16(half, wide, PIXELS * channels);
    for (int64_t i = 0; i < PIXELS * channels; i++) {
        int64_t p = i / channels, k = i % channels;
        double v = (double)bias[k];
        for (int64_t s = 0; s < STEPS; s++)
            v += (double)x[p * STEPS + s] * (double)w[s * 64 + k];
        for (int j = 0; j < n_post; j++)
            v = posts[j].kind == DF_POST_ADD ? v + (double)add[i] : posts[j].kind == DF_POST_RELU ? (v < 0 ? v * (double)posts[j].a : v) :
                posts[j].kind == DF_POST_CLIP ? fmin(fmax(v, (double)posts[j].a), (double)posts[j].b) : v / (1 + exp(-v));
        CHECK_NEAR(v, (double)(half_y ? wide[i] : y[i]), half_y ? 1e-5 + fabs(v) * (1 / 256.0 + 1 / 6000.0) : 1e-5);
    }
    for (int64_t i = PIXELS * channels; i < ALL + 64; i++)
        CHECK(half[i] == 0x5A5A && *(const uint8_t *)&y[i] == 0x5A);
}

TEST(pixels_of_panels)
{
    static const struct { df_post post[2]; int n; } ends[] = {
        {.n = 0}, {{{.kind = DF_POST_RELU}}, 1}, {{{.kind = DF_POST_RELU, .a = 0.2f}}, 1}, {{{.kind = DF_POST_CLIP, .a = -0.5f, .b = 0.5f}}, 1}, {{{.kind = DF_POST_SWISH}}, 1},
        {{{.kind = DF_POST_ADD}}, 1}, {{{.kind = DF_POST_ADD}, {.kind = DF_POST_RELU}}, 2}, {{{.kind = DF_POST_ADD}, {.kind = DF_POST_SWISH}}, 2}};
    find_levels();
    for (int level = 0; level < n_levels; level++)
        for (size_t e = 0; e < sizeof ends / sizeof *ends; e++)
            for (int64_t channels = 8; channels <= 48; channels += channels == 8 ? 2 : channels == 10 ? 6 : 4)
                for (int form = 0; form < 4; form++) {
                    bool adds = e >= 5;
                    if (!adds || channels >= 16) /* else nothing is added */
                        check_pixels(levels[level], ends[e].post, ends[e].n, channels, form & 1, form & 2);
                }
}

/* What a photo of bfloat16 gives is what its numbers in float32 give, and results of bfloat16 are those of float32, rounded. */
TEST(photos_of_bfloat16)
{
    find_levels();
    for (int m = 2; m <= 4; m += 2) {
        df_wino g = {.h = 7, .w = 5, .c = 16, .oh = 7, .ow = 5, .k = 16, .pad_y = 1, .pad_x = 1};
        enum { SIZE = 7 * 5 * 16, TILED = 36 * 12 * 16 };
        float x[SIZE], from[TILED], bias[16], wide[TILED], rounded[SIZE], y[SIZE];
        uint16_t half[SIZE], expected[TILED], got[TILED];
        g.across = (g.ow + m - 1) / m;
        g.each = g.across * ((g.oh + m - 1) / m);
        int64_t tiled = (m + 2) * (m + 2) * g.each * 16;
        df_tail tail = {.bias = bias};
        dice_fill(x, SIZE);
        dice_fill(from, TILED);
        dice_fill(bias, 16);
        for (int level = 0; level < n_levels; level++) {
            const df_lanes *l = levels[level];
            l->to_bf16(x, half, SIZE);
            l->from_bf16(half, rounded, SIZE);
            for (int v = 0; v < 2; v++) {
                (m == 2 ? l->in_2 : l->in_4)[0][v](&g, rounded, 0, g.each, v ? (void *)expected : wide);
                (m == 2 ? l->in_2 : l->in_4)[1][v](&g, half, 0, g.each, v ? (void *)got : from);
                CHECK(memcmp(v ? (void *)got : from, v ? (void *)expected : wide, (size_t)tiled * (v ? 2 : 4)) == 0);
            }
            df_tiles all = {.count = g.each, .channels = g.k};
            (m == 2 ? l->out_2 : l->out_4)[0](&g, &all, from, &tail, y);
            (m == 2 ? l->out_2 : l->out_4)[1](&g, &all, from, &tail, got);
            l->to_bf16(y, expected, SIZE);
            CHECK(memcmp(expected, got, SIZE * 2) == 0);
        }
    }
}

/* A product and its sum are rounded once or twice. */
static void check_near(const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        CHECK_NEAR((double)a[i], (double)b[i], 1e-5);
}

/* What follows sums in all the ways that rows know, and in some that go another way. */
enum { ENDS = 11, MOST_CHANNELS = 117 };
static float end_slopes[MOST_CHANNELS], one_slope[1] = {-0.7f};
static const df_fused ends_of_sums[ENDS] = {
    {.n_post = 0},
    {.n_post = 1, .post = {{.kind = DF_POST_RELU}}},
    {.n_post = 1, .post = {{.kind = DF_POST_RELU, .a = 0.2f}}},
    {.n_post = 1, .post = {{.kind = DF_POST_PRELU, .slope = end_slopes, .n_slope = MOST_CHANNELS}}},
    {.n_post = 1, .post = {{.kind = DF_POST_PRELU, .slope = one_slope, .n_slope = 1}}},
    {.n_post = 1, .post = {{.kind = DF_POST_CLIP, .a = -0.5f, .b = 0.5f}}},
    {.n_post = 1, .post = {{.kind = DF_POST_ADD}}},
    {.n_post = 2, .post = {{.kind = DF_POST_ADD}, {.kind = DF_POST_PRELU, .slope = end_slopes, .n_slope = MOST_CHANNELS}}},
    {.n_post = 2, .post = {{.kind = DF_POST_CLIP, .a = -0.5f, .b = 0.5f}, {.kind = DF_POST_ADD}}},
    {.n_post = 1, .post = {{.kind = DF_POST_SWISH}}},
    {.n_post = 2, .post = {{.kind = DF_POST_ADD}, {.kind = DF_POST_SWISH}}},
};

/* Of a sigmoid that goes to bfloat16 no more is computed than that holds: a number may be rounded to the neighbour. */
static void check_halves(const uint16_t *a, const uint16_t *b, int64_t n, const df_fused *fused, bool widest)
{
    int most = widest && fused->n_post && fused->post[fused->n_post - 1].kind == DF_POST_SWISH ? 1 : 0;
    for (int64_t i = 0; i < n; i++)
        CHECK(abs((int)a[i] - (int)b[i]) <= most);
}

static int calls; /* of what a row of much work calls in between */

static void count_call(void) { calls++; }

TEST(rows_of_each_channel_by_itself_are_the_same_but_for_rounding)
{
    calls = 0;
    find_levels();
    enum { W = 21, C = 37, TAPS = 25, SIZE = 5 * W * C, APART = 11 };
    static float x[SIZE], weights[TAPS * C], bias[C], more[SIZE], y[2][SIZE];
    static uint16_t half[SIZE], z[SIZE], rounded[SIZE];
    dice_fill(x, SIZE);
    dice_fill(weights, TAPS * C);
    dice_fill(bias, C);
    dice_fill(end_slopes, C);
    dice_fill(more, SIZE);
    levels[0]->to_bf16(x, half, SIZE);
    for (int size = 1, kind = 0; size <= 5; size++)
        for (int stride = 1; stride <= 3; stride++)
            for (int c = 16; c <= C; c += 7)
                for (int w = 1; w <= W; w += 4, kind = (kind + 1) % ENDS) {
                    df_tail tail = {.bias = bias, .fused = &ends_of_sums[kind], .add = {more, more}};
                    df_depthwise g = {.w = w, .c = c, .rows = size, .columns = size, .stride = stride, .pad = size / 2, .dilation = 1, .weights = weights};
                    g.ow = (w + 2 * g.pad - size) / stride + 1;
                    for (int of_half = 0; of_half < 2; of_half++)
                        for (int level = 0; level < n_levels; level++) {
                            const void *rows[5];
                            int at = level > 0;
                            for (int r = 0; r < size; r++)
                                rows[r] = r == 1 ? NULL : of_half ? (const void *)(half + r * w * c) : (const void *)(x + r * w * c);
                            levels[level]->depthwise[of_half][0](&g, rows, 0, &tail, y[at]);
                            levels[level]->depthwise[of_half][1](&g, rows, 0, &tail, z);
                            levels[0]->to_bf16(y[at], rounded, g.ow * c);
                            check_near(y[0], y[at], g.ow * c);
                            check_halves(rounded, z, g.ow * c, tail.fused, level == n_levels - 1);
                            df_depthwise wide = g;
                            wide.apart = c + APART;
                            wide.between = count_call;
                            levels[level]->depthwise[of_half][1](&wide, rows, 0, &tail, z);
                            for (int64_t p = 0; p < g.ow; p++)
                                check_halves(rounded + p * c, z + p * wide.apart, c, tail.fused, level == n_levels - 1);
                        }
                }
    CHECK(calls > 0);
}

static double ended(double v, const df_fused *fused, double added, int64_t channel)
{
    for (int p = 0; p < fused->n_post; p++) {
        const df_post *post = &fused->post[p];
        double slope = post->kind == DF_POST_RELU ? (double)post->a : post->kind == DF_POST_PRELU ? (double)post->slope[post->n_slope > 1 ? channel : 0] : 0;
        v = post->kind == DF_POST_ADD ? v + added : post->kind == DF_POST_CLIP ? fmin(fmax(v, (double)post->a), (double)post->b) : post->kind == DF_POST_SWISH ? v / (1 + exp(-v)) :
            v < 0 ? v * slope : v;
    }
    return v;
}

static void plain_dense(const df_dense *g, const float *const *rows, const df_tail *tail, float *y)
{
    for (int64_t ox = 0; ox < g->ow; ox++)
        for (int64_t o = 0; o < g->co; o++) {
            double sum = tail->bias ? (double)tail->bias[o] : 0;
            for (int r = 0; r < g->rows; r++)
                for (int64_t k = 0, at = ox * g->stride - g->pad; k < g->columns; k++, at++)
                    for (int64_t c = 0; c < g->ci && rows[r] && at >= 0 && at < g->w; c++)
                        sum += (double)rows[r][at * g->pixel + c * g->channel] * (double)g->weights[((r * g->columns + k) * g->ci + c) * g->co + o];
            y[ox * g->co + o] = (float)ended(sum, tail->fused, (double)((const float *)tail->add[0])[ox * g->co + o], o);
        }
}

/* Every width of a block of outputs and every number of vectors that go together, the ends of rows, planes and pixels. */
TEST(rows_over_all_channels_are_what_plain_sums_are)
{
    find_levels();
    enum { W = 42, CI = 19, SIDE = 5, SIZE = W * 2 * CI, CHANNELS = MOST_CHANNELS };
    static float x[SIDE][SIZE], weights[SIDE * SIDE * 3 * CHANNELS + CI * CHANNELS], bias[CHANNELS], more[W * CHANNELS], expected[W * CHANNELS], y[W * CHANNELS + 1];
    static const int channels[] = {16, 17, 37, 48, 53, 64, 70, MOST_CHANNELS};
    int round = 0;
    dice_fill(x[0], SIDE * SIZE), dice_fill(weights, (int64_t)(sizeof weights / sizeof *weights)), dice_fill(bias, CHANNELS), dice_fill(more, W * CHANNELS), dice_fill(end_slopes, CHANNELS);
    for (size_t kind = 0; kind < sizeof channels / sizeof *channels; kind++)
        for (int side = 1; side <= SIDE; side += 2)
            for (int w = 1; w <= W; w++, round++) {
                int ci = side == 1 ? CI : 3, pad = side == 1 ? 0 : round % 3, stride = side == 1 ? 1 : 1 + round % 2;
                df_dense g = {.w = w * stride, .ci = ci, .co = channels[kind], .rows = side, .columns = side, .stride = stride, .pad = pad, .weights = weights};
                g.ow = (g.w + 2 * pad - side) / stride + 1;
                if (g.w + 2 * pad < side || g.ow > W)
                    continue;
                g.pixel = round % 2 ? 1 : ci;
                g.channel = round % 2 ? g.w : 1;
                df_tail tail = {.bias = round % 7 ? bias : NULL, .fused = &ends_of_sums[round % ENDS], .add = {more, more}};
                const float *rows[SIDE];
                for (int r = 0; r < SIDE; r++)
                    rows[r] = r > 0 && (round + r) % 5 == 0 ? NULL : x[r];
                plain_dense(&g, rows, &tail, expected);
                for (int level = 0; level < n_levels; level++) {
                    y[g.ow * g.co] = 77;
                    levels[level]->dense(&g, rows, &tail, y);
                    check_near(expected, y, g.ow * g.co);
                    CHECK(y[g.ow * g.co] == 77);
                }
            }
}

/* Bounds and slopes leave what is no number as it is, at every level. */
TEST(what_is_no_number_stays_so_at_the_end_of_a_row)
{
    find_levels();
    enum { W = 19, C = 16 };
    float x[W * C], weights[9 * C * C] = {0}, bias[C] = {0}, more[W * C] = {0}, y[W * C];
    for (int i = 0; i < W * C; i++)
        x[i] = i % 5 ? dice() : NAN;
    for (int i = 0; i < C; i++)
        weights[i * C + i] = 1;
    for (int kind = 0; kind < ENDS; kind++)
        for (int level = 0; level < n_levels; level++) {
            df_dense g = {.w = W, .ow = W, .ci = 1, .co = C, .pixel = C, .channel = 1, .rows = 1, .columns = 1, .stride = 1, .weights = weights};
            df_depthwise each = {.w = W, .ow = W, .c = C, .rows = 3, .columns = 3, .stride = 1, .pad = 1, .dilation = 1, .weights = weights};
            df_tail tail = {.bias = bias, .fused = &ends_of_sums[kind], .add = {more, more}};
            const float *rows[3] = {x, x, x};
            levels[level]->dense(&g, rows, &tail, y);
            for (int i = 0; i < W * C; i++)
                CHECK(isnan(y[i]) == isnan(x[i - i % C]));
            levels[level]->depthwise[0][0](&each, (const void *const *)rows, 0, &tail, y);
            for (int i = 0; i < W * C; i++)
                CHECK(isnan(y[i]) == (isnan(x[i]) || (i >= C && isnan(x[i - C])) || (i + C < W * C && isnan(x[i + C]))));
        }
}

/* Pixels of float32 and bfloat16 to one to eight outputs: every level, and nothing behind the last. */
TEST(few_outputs_are_what_plain_sums_are)
{
    find_levels();
    enum { PIXELS = 29, CI = 40, MOST_OUTS = DF_FEW_MOST };
    float x[PIXELS * CI], wide[PIXELS * CI], weights[CI * MOST_OUTS], w[MOST_OUTS][CI], bias[MOST_OUTS], y[PIXELS * MOST_OUTS + 1];
    uint16_t halves[2 * CI * MOST_OUTS], half[PIXELS * CI], z[PIXELS * MOST_OUTS + 1], rounded[PIXELS * MOST_OUTS];
    dice_fill(x, PIXELS * CI), dice_fill(w[0], MOST_OUTS * CI), dice_fill(bias, MOST_OUTS);
    levels[0]->to_bf16(x, half, PIXELS * CI);
    levels[0]->from_bf16(half, wide, PIXELS * CI);
    for (int co = 1; co <= MOST_OUTS; co++)
        for (int64_t pixels = 16; pixels <= PIXELS; pixels++) {
            int outs = co <= 4 ? 4 : 8;
            memset(weights, 0, sizeof weights), memset(halves, 0, sizeof halves);
            for (int o = 0; o < co; o++)
                for (int c = 0; c < CI; c++) {
                    float rest = 0;
                    int at = (c / 8 * outs + o) * 8 + c % 8;
                    weights[(c / 4 * outs + o) * 4 + c % 4] = w[o][c];
                    levels[0]->to_bf16(&w[o][c], &halves[at], 1);
                    levels[0]->from_bf16(&halves[at], &rest, 1);
                    rest = w[o][c] - rest;
                    levels[0]->to_bf16(&rest, &halves[CI * outs + at], 1);
                }
            df_few g = {.ci = CI, .co = co, .weights = weights, .halves = halves, .bias = co % 3 ? bias : NULL};
            for (int of_half = 0; of_half < 2; of_half++)
                for (int level = 0; level < n_levels; level++) {
                    y[pixels * co] = 77, z[pixels * co] = 77;
                    levels[level]->few[of_half][0](&g, of_half ? (void *)half : x, pixels, y);
                    levels[level]->few[of_half][1](&g, of_half ? (void *)half : x, pixels, z);
                    levels[0]->to_bf16(y, rounded, pixels * co);
                    CHECK(y[pixels * co] == 77 && z[pixels * co] == 77 && memcmp(z, rounded, (size_t)(pixels * co) * 2) == 0);
                    for (int64_t i = 0; i < pixels * co; i++) {
                        double sum = g.bias ? (double)bias[i % co] : 0;
                        for (int c = 0; c < CI; c++)
                            sum += (double)(of_half ? wide : x)[i / co * CI + c] * (double)w[i % co][c];
                        CHECK_NEAR(sum, (double)y[i], 1e-4);
                    }
                }
        }
}

TEST(the_level_chosen_is_one_of_them)
{
    find_levels();
    bool found = false;
    for (int i = 0; i < n_levels; i++)
        found = found || df__lanes() == levels[i];
    CHECK(found);
    CHECK(df__lanes_know(NULL));
    for (int kind = DF_POST_RELU; kind <= DF_POST_ADD; kind++) {
        df_fused f = {.n_post = 1, .post = {{.kind = (df_post_kind)kind}}};
        CHECK(df__lanes_know(&f) == (kind == DF_POST_RELU || kind == DF_POST_CLIP || kind == DF_POST_PRELU || kind == DF_POST_ADD || kind == DF_POST_SIGMOID || kind == DF_POST_SWISH ||
                                        kind == DF_POST_HARD_SWISH));
    }
}
