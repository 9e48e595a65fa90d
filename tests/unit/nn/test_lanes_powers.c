/* test_lanes_powers.c - sigmoid, swish and powers of e at every level that the processor has, against double precision. */
#include "lanes_levels.h"
#include "test.h"

static const df_lanes *levels[LEVELS];
static int n_levels;

static void find_levels(void) { n_levels = lanes_levels(levels); }

/* Against double precision: in float32 by 4 parts in 10^7, in bfloat16 by its own rounding (half of 1 in 128 at worst) and 1 part in 6,000. */
TEST(sigmoid_and_swish_are_close_to_exact_ones)
{
    enum { N = 16 * 4096 };
    static float x[N], y[N], wide[N];
    static uint16_t half[N];
    find_levels();
    for (int i = 0; i < N; i++)
        x[i] = ((float)i - N / 2) * (100.0f / (N / 2));
    for (int level = 0; level < n_levels; level++)
        for (int swish = 0; swish < 2; swish++) {
            df_fused fused = {.n_post = 1, .post = {{.kind = swish ? DF_POST_SWISH : DF_POST_SIGMOID}}};
            df_tail tail = {.fused = &fused};
            levels[level]->scaled_tail[0](x, N / 16, 16, 1, &tail, y);
            levels[level]->scaled_tail[1](x, N / 16, 16, 1, &tail, half);
            levels[level]->from_bf16(half, wide, N);
            for (int i = 0; i < N; i++) {
                double v = (double)x[i], exact = (swish ? v : 1) / (1 + exp(-v)), tiny = 100 * 0x1p-124, rounded = v < 0 ? -1.2e-7 * v : 0; /* of the exponent */
                CHECK(fabs((double)y[i] - exact) <= (4e-7 + rounded) * fabs(exact) + tiny);
                CHECK(fabs((double)wide[i] - exact) <= (1 / 256.0 + 1 / 6000.0 + rounded) * fabs(exact) + tiny);
            }
        }
}

TEST(powers_in_bfloat16)
{
    enum { N = 1000 };
    static float x[N], wide[N];
    static uint16_t half[N + 1];
    find_levels();
    for (int i = 0; i < N; i++)
        x[i] = 3 - (float)i * 0.15f;
    for (int level = 0; level < n_levels; level++)
        for (int n = 1; n <= N; n += n < 70 ? 1 : 93) {
            double exact = 0;
            half[n] = 0x1234;
            float sum = levels[level]->powers_bf16(x, n, 3, half);
            levels[level]->from_bf16(half, wide, n);
            for (int i = 0; i < n; i++) {
                double power = exp((double)x[i] - 3);
                exact += power;
                CHECK(fabs((double)wide[i] - power) <= (1 / 256.0 + 1e-4) * power + 0x1p-125);
            }
            CHECK(fabs((double)sum - exact) <= 1e-4 * exact);
            CHECK(half[n] == 0x1234);
        }
    x[2] = -INFINITY;
    for (int n = 5; n < 60; n += 43) /* one by one, and in registers */
        for (int level = 0; level < n_levels; level++) {
            x[1] = -INFINITY;
            CHECK(levels[level]->powers_bf16(x, n, 3, half) < 10);
            x[1] = NAN;
            CHECK(isnan(levels[level]->powers_bf16(x, n, 3, half)));
            levels[level]->from_bf16(half, wide, n);
            CHECK(isnan(wide[1]) && wide[2] == 0 && !isnan(wide[3]));
        }
}

TEST(swish_of_what_is_no_finite_number)
{
    enum { N = 16 };
    float x[N] = {INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 0, -0.0f, 1e-40f, 88, -88, 127, -127, 90, -90, 1, -1}, y[N], wide[N];
    uint16_t half[N];
    df_fused fused = {.n_post = 1, .post = {{.kind = DF_POST_SWISH}}};
    df_tail tail = {.fused = &fused};
    find_levels();
    for (int level = 0; level < n_levels; level++) {
        levels[level]->scaled_tail[0](x, 1, N, 1, &tail, y);
        levels[level]->scaled_tail[1](x, 1, N, 1, &tail, half);
        levels[level]->from_bf16(half, wide, N);
        for (const float *got = y;; got = wide) {
            CHECK(isinf(got[0]) && got[0] > 0 && (isnan(got[1]) || got[1] == 0) && isnan(got[2])); /* -infinity by 0 */
            CHECK(got[3] > 2.9e38f && got[4] == 0 && got[5] == 0 && got[6] == 0 && fabsf(got[7]) <= 5.1e-41f);
            CHECK(got[8] > 87 && fabsf(got[9]) < 1e-35f && got[10] > 126 && fabsf(got[11]) < 1e-35f && got[12] > 89 && fabsf(got[13]) < 1e-35f);
            CHECK(fabsf(got[14] - 0.731059f) < 0.003f && fabsf(got[15] + 0.268941f) < 0.001f);
            if (got == wide)
                break;
        }
    }
}
