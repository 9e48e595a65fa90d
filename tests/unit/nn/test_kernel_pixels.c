/* test_kernel_pixels.c - means of a photo's channels and numbers a channel that it is multiplied by: beside plain C at every level of the processor, and as
 * a network uses them. */
#include "nn/half.h"
#include "lanes_levels.h"
#include "net_text.h"

static df_error err;
static const int64_t channels[] = {16, 17, 24, 31, 32, 44, 64, 65, 72, 100, 128, 200};
enum { CHANNELS = sizeof channels / sizeof *channels, MOST_PIXELS = 37, MOST = 200 * MOST_PIXELS };

/* Random numbers, and the same as the nearest of bfloat16 in both kinds. */
static void numbers_of(float *f32, uint16_t *bf16, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        f32[i] = 2 * random_float() - 0.5f;
    df__f32_to_halves(DF_BF16, f32, bf16, n);
}

TEST(sums_of_pixels_are_the_same_at_every_level)
{
    static float x[MOST], wide[MOST], first[200], sums[200];
    static uint16_t half[MOST];
    const df_lanes *levels[LEVELS];
    int n = lanes_levels(levels);
    for (int i = 0; i < CHANNELS; i++)
        for (int64_t pixels = 0; pixels <= MOST_PIXELS; pixels += pixels < 4 ? 1 : 11)
            for (int kind = 0; kind < 2; kind++) {
                int64_t c = channels[i];
                numbers_of(x, half, pixels * c);
                df__halves_to_f32(DF_BF16, half, wide, pixels * c);
                for (int l = 0; l < n; l++) {
                    for (int64_t k = 0; k < 200; k++)
                        sums[k] = (float)k;
                    levels[l]->sum_pixels[kind](kind ? (const void *)half : x, pixels, c, sums);
                    for (int64_t k = 0; k < 200; k++) {
                        double expected = (double)k;
                        for (int64_t p = 0; p < pixels && k < c; p++)
                            expected += (double)(kind ? wide : x)[p * c + k];
                        CHECK_NEAR(expected, sums[k], k < c ? 1e-4 : 0); /* of numbers up to 250 in 24 bits */
                    }
                    if (l == 0)
                        memcpy(first, sums, sizeof first);
                    assert_memory_equal(first, sums, sizeof first);
                }
            }
}

TEST(scaled_pixels_may_lie_in_place)
{
    static float x[MOST], wide[MOST], by[200], got[MOST + 1];
    static uint16_t half[MOST], rounded[MOST + 1];
    const df_lanes *levels[LEVELS];
    int n = lanes_levels(levels);
    for (int i = 0; i < CHANNELS; i++)
        for (int l = 0; l < n; l++)
            for (int kinds = 0; kinds < 4; kinds++) {
                int64_t c = channels[i], all = 5 * c;
                bool half_x = kinds & 1, half_y = kinds & 2;
                numbers_of(x, half, all);
                numbers_of(by, rounded, c);
                df__halves_to_f32(DF_BF16, half, wide, all);
                got[all] = 7, rounded[all] = 7;
                levels[l]->scale_pixels[half_x][half_y](half_x ? (const void *)half : x, 5, c, by, half_y ? (void *)rounded : got);
                CHECK(got[all] == 7 && rounded[all] == 7);
                for (int64_t k = 0; k < all; k++) {
                    float y = (half_x ? wide : x)[k] * by[k % c], as_half;
                    uint16_t bits;
                    df__f32_to_halves(DF_BF16, &y, &bits, 1);
                    df__halves_to_f32(DF_BF16, half_y ? &rounded[k] : &bits, &as_half, 1);
                    if (half_y)
                        CHECK(rounded[k] == bits || (bits & 0x7F80) == 0);
                    else
                        CHECK(got[k] == y);
                }
                if (half_x == half_y) { /* once more in place */
                    levels[l]->scale_pixels[half_x][half_y](half_x ? (void *)half : x, 5, c, by, half_x ? (void *)half : x);
                    assert_memory_equal(half_x ? (void *)half : x, half_y ? (void *)rounded : got, (size_t)all * (half_x ? 2 : 4));
                }
            }
}

/* Squeeze and excitation, either operand first, the photo read again or not; what is not such is left to others. */
static const struct { const char *text; bool means, scaled; } nets[] = {
    {"const w 40,3,3,3\nconst v 40,40,1,1\nConv x,w > a\nGlobalAveragePool a > p\nConv p,v > q\nSigmoid q > s\nMul a,s > m\nRelu m > y\n", true, true},
    {"const w 64,3,3,3\nconst v 64,64,1,1\nConv x,w > a\nGlobalAveragePool a > p\nConv p,v > q\nSigmoid q > s\nMul s,a > m\nAdd m,a > y\n", true, true},
    {"const w 17,3,3,3\nconst s 1,17,1,1\nConv x,w > a\nMaxPool a > e | kernel_shape:2,2\nMul e,s > m\nSigmoid m > n\nAdd n,e > y\n", false, true}, /* the same for all photos */
    {"const w 8,3,3,3\nConv x,w > a\nGlobalAveragePool a > p\nMul a,p > y\n", false, false},          /* few channels */
    {"const w 40,3,3,3\nConv x,w > a\nMul a,a > b\nRelu b > y\n", false, false},                        /* no number a channel */
    {"const w 40,3,3,3\nconst s 1,1,18,18\nConv x,w > a\nMul a,s > b\nGlobalMaxPool b > y\n", false, false}, /* a number a pixel */
};

static bool has_kernel(const df_layer *layers, size_t n, const char *name)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || strcmp(layers[i].kernel, name) == 0;
    return any;
}

/* Two pixels of bfloat16 are as many bytes as a number a channel: neither may lie where the other is. */
static const int64_t sides[][2] = {{20, 20}, {3, 4}, {4, 3}};

TEST(squeeze_and_excitation_is_that_of_plain_operators)
{
    for (size_t at = 0; at < 3 * sizeof nets / sizeof *nets; at++)
        for (int precision = DF_PRECISION_STRICT; precision <= DF_PRECISION_FAST; precision++)
            for (int64_t batch = 1; batch <= 3; batch += 2) {
                const size_t i = at / 3, side = at % 3;
                if (i > 1 && side > 0) /* which do more than convolutions of 3 x 3 */
                    continue;
                df_net *net;
                df_graph *g, *plain;
                df_arena results = {0};
                df_tensor in = {.type = DF_F32, .rank = 4, .dims = {batch, 3, sides[side][0], sides[side][1]}}, expected, one, all;
                df_net_opts opts = {.precision = (df_precision)precision};
                df_layer *layers;
                size_t n;
                CHECK_OK(graph_of("x -1,3,-1,-1", nets[i].text, "y", 13, &g, &err));
                CHECK_OK(graph_of("x -1,3,-1,-1", nets[i].text, "y", 13, &plain, &err));
                fill(&in);
                CHECK_OK(df__net_new(g, &opts, &net, &err));
                CHECK_OK(plain_run(plain, &in, &expected, &results, &err));
                CHECK_OK(df__net_run(net, &in, 1, &one, 1, 1, &results, &err));
                CHECK_OK(df__net_run(net, &in, 1, &all, 1, 3, &results, &err));
                assert_int_equal(df__tensor_bytes(&expected), df__tensor_bytes(&one));
                assert_memory_equal(one.data, all.data, df__tensor_bytes(&one)); /* threads do not change an answer */
                double xx = 0, ee = 0;
                for (int64_t k = 0; k < df__tensor_count(&one); k++) {
                    double x = (double)((float *)expected.data)[k], e = (double)((float *)one.data)[k] - x;
                    xx += x * x, ee += e * e;
                }
                assert_true(ee <= xx * (precision == DF_PRECISION_STRICT ? 1e-10 : 1e-4)); /* float32; bfloat16 has 8 bits */
                CHECK_OK(df__net_profile(net, &in, 1, 1, 1, &results, &layers, &n, &err));
                assert_int_equal(nets[i].means, has_kernel(layers, n, "means of pixels"));
                assert_int_equal(nets[i].scaled, has_kernel(layers, n, "scaled pixels"));
                free(in.data);
                df__arena_free(&results);
                df__graph_free(plain);
                df__net_free(net);
            }
}
