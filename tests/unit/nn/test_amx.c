/* test_amx.c - rows multiplied in matrix registers, beside the same sums in float64. */
#include <math.h>
#include <stdlib.h>

#include "core/simd.h"
#include "nn/amx.h"
#include "test.h"

enum { MOST_PIXELS = 100, MOST_CHANNELS = 130, LINE = 64 };

static float noise(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223; /* Numerical Recipes' generator */
    return (float)(*state >> 8) / 8388608.0f - 1;
}

static float half_of(float v) /* rounded to bfloat16, to nearest even */
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000u;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void fill_noise(float *v, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        v[i] = noise(&seed);
}

static void *aligned(size_t bytes) { return aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE); }

static void need_amx(void)
{
    if (!df__amx_has()) {
        print_message("no AMX here, or the system keeps it from processes\n");
        skip();
    }
}

/* What is added, and the slope below 0. */
static double tail_of(double sum, float add)
{
    double v = sum + (double)add;
    return v < 0 ? 0.25 * v : v;
}

/* Ends of a row: a bias alone; a sum and a slope, with zeros behind what is added; what is no usual end. */
static const df_fused ends[] = {{.n_post = 0}, {.n_post = 2, .post = {{.kind = DF_POST_ADD}, {.kind = DF_POST_RELU, .a = 0.25f}}},
                                {.n_post = 2, .post = {{.kind = DF_POST_RELU}, {.kind = DF_POST_CLIP, .a = 0, .b = 0.5f}}}, {.n_post = 1, .post = {{.kind = DF_POST_RELU}}}};

static double end_of(const df_fused *fused, double sum, float added)
{
    if (fused->n_post == 0)
        return sum;
    if (fused->post[0].kind == DF_POST_ADD)
        return tail_of(sum, added);
    return fmin(fmax(sum, 0), fused->n_post == 2 ? 0.5 : INFINITY);
}

/* What rounds: inputs, by the product or before it, and weights; inputs alone; nothing. */
typedef enum rounding { ALL, BEFORE, INPUTS, NONE, ROUNDINGS } rounding;

static void check_point(int64_t pixels, int64_t ci, int64_t co, rounding what, size_t end)
{
    static float x[MOST_PIXELS * MOST_CHANNELS], w[MOST_CHANNELS * MOST_CHANNELS], bias[MOST_CHANNELS], add[MOST_PIXELS * MOST_CHANNELS], y[MOST_PIXELS * MOST_CHANNELS + 16];
    bool half = what == BEFORE;
    int step = what == NONE ? DF_AMX_DEPTH / 2 : DF_AMX_DEPTH;
    df_amx g = {.pixels = pixels, .ci = ci, .co = co, .added = half ? co - 9 : co, .steps = (int)((ci + step - 1) / step), .depth = step, .half = half,
                .exact_weights = what == INPUTS, .pairs = what == NONE};
    df_tail tail = {.bias = ci % 3 ? bias : NULL, .fused = &ends[end], .add = {add}};
    int64_t depth = df__amx_depth(ci);
    fill_noise(x, (size_t)(pixels * ci), 1), fill_noise(w, (size_t)(ci * co), 2), fill_noise(bias, (size_t)co, 3), fill_noise(add, (size_t)(pixels * co), 4);
    uint16_t *weights = aligned(df__amx_weights(&g) * sizeof *weights), *room = aligned(df__amx_room(&g)), *halves = aligned((size_t)(pixels * depth) * sizeof *halves);
    int rows = 0;
    assert_non_null(weights), assert_non_null(room), assert_non_null(halves);
    memset(halves, 0, (size_t)(pixels * depth) * sizeof *halves);
    for (int64_t p = 0; p < pixels; p++)
        df__lanes()->to_bf16(x + p * ci, halves + p * depth, ci);
    df__amx_pack(&g, w, ci, weights);
    g.weights = weights;
    y[pixels * co] = 7;
    df__amx_point(&g, half ? (const void *)halves : (const void *)x, &tail, room, y, &rows);
    df__amx_end(&rows);
    assert_int_equal(rows, 0);
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t o = 0; o < co; o++) {
            double sum = 0;
            for (int64_t i = 0; i < ci; i++)
                sum += (double)(what == NONE ? x[p * ci + i] : half_of(x[p * ci + i])) * (double)(what < INPUTS ? half_of(w[i * co + o]) : w[i * co + o]);
            sum += tail.bias ? (double)bias[o] : 0;
            CHECK_NEAR(end_of(tail.fused, sum, o < g.added ? add[p * g.added + o] : 0), y[p * co + o], what < INPUTS ? 1e-4 : 4e-4); /* sums of 128 products in float32, in another order; 16 bits of what does not round */
        }
    CHECK_NEAR(7, y[pixels * co], 0);
    free(weights), free(room), free(halves);
}

TEST(points_of_all_numbers_of_pixels_and_channels)
{
    need_amx();
    for (int64_t pixels = 1; pixels <= 100; pixels += pixels < 18 ? 1 : 17)
        for (int64_t c = 16; c <= 128; c += 19)
            for (size_t end = 0; end < sizeof ends / sizeof *ends; end++)
                for (rounding what = ALL; what < ROUNDINGS; what++)
                    check_point(pixels, c, 144 - c, what, end), check_point(pixels, c, c, what, end);
}

/* Pixels of planes in pairs, and windows over them: as close as float32 itself. */
static void check_window(int64_t pixels, int64_t c, int rows_seen, int columns, int stride, int absent)
{
    enum { WIDTH = 256, MOST_ROWS = 5 };
    static float planes[MOST_ROWS][3 * WIDTH], w[MOST_ROWS * 16 * 64], y[MOST_PIXELS * 64], bias[64], add[MOST_PIXELS * 64];
    static uint32_t ring[MOST_ROWS][3 * WIDTH + DF_AMX_DEPTH];
    const uint32_t *seen[MOST_ROWS] = {0};
    int64_t co = 24, inputs = rows_seen * columns * c;
    df_amx g = {.pixels = pixels, .ci = c, .co = co, .added = co, .steps = rows_seen, .depth = (int)(columns * c), .pairs = true};
    df_fused fused = {.n_post = 2, .post = {{.kind = DF_POST_ADD}, {.kind = DF_POST_RELU, .a = 0.25f}}};
    df_tail tail = {.bias = bias, .fused = &fused, .add = {add}};
    memset(ring, 0, sizeof ring);
    fill_noise(w, (size_t)(inputs * co), 5), fill_noise(bias, (size_t)co, 3), fill_noise(add, (size_t)(pixels * co), 4);
    for (int r = 0; r < rows_seen; r++) {
        fill_noise(planes[r], 3 * WIDTH, (uint32_t)(6 + r));
        df__amx_pixels(planes[r], WIDTH, WIDTH, c, ring[r]);
        seen[r] = r == absent ? NULL : ring[r];
    }
    uint16_t *weights = aligned(df__amx_weights(&g) * sizeof *weights), *room = aligned(df__amx_room(&g));
    int configured = 0;
    assert_non_null(weights), assert_non_null(room);
    df__amx_pack(&g, w, inputs, weights);
    g.weights = weights;
    df__amx_window(&g, seen, stride * c, &tail, room, y, &configured);
    df__amx_end(&configured);
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t o = 0; o < co; o++) {
            double sum = 0;
            for (int r = 0; r < rows_seen; r++)
                for (int64_t k = 0; k < columns * c && r != absent; k++)
                    sum += (double)planes[r][k % c * WIDTH + p * stride + k / c] * (double)w[(r * columns * c + k) * co + o];
            CHECK_NEAR(tail_of(sum + (double)bias[o], add[p * co + o]), y[p * co + o], 3e-4); /* what two bfloat16 numbers hold: 16 bits, of 75 products */
        }
    free(weights), free(room);
}

TEST(windows_over_the_pixels_of_planes)
{
    need_amx();
    check_window(64, 3, 5, 5, 2, -1);
    check_window(17, 3, 5, 5, 2, 0);
    check_window(100, 3, 3, 3, 2, 2);
    check_window(5, 3, 3, 3, 1, -1);
    check_window(40, 1, 5, 5, 1, 4);
    check_window(33, 2, 4, 7, 3, 1);
}

TEST(a_pair_holds_sixteen_bits_of_a_number)
{
#if DF_HAS_V4 /* what amx.c is built for, but for the tiles */
    if (!DF_CPU_HAS_V4) {
        print_message("no AVX-512 here\n");
        skip();
    }
#endif
    float planes[2] = {0.7123456f, -3.1415927f};
    uint32_t out[2];
    df__amx_pixels(planes, 2, 2, 1, out);
    for (int i = 0; i < 2; i++) {
        uint32_t first = out[i] << 16, rest = out[i] & 0xFFFF0000u;
        float a, b;
        memcpy(&a, &first, sizeof a), memcpy(&b, &rest, sizeof b);
        CHECK_NEAR(planes[i], a + b, fabs((double)planes[i]) / 65536);
        CHECK(fabs((double)(a - planes[i])) > 1e-4); /* the first alone is not close */
    }
}
