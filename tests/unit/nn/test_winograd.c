/* test_winograd.c - the transform of kernels, between the paper's other two matrices in double, is the convolution. */
#include "nn/winograd.h"
#include "test.h"

enum { C = 3, K = 5 };

/* B' and A' of the paper (Lavin and Gray 2016, equations 8 and 11 to 14), rows of 4 and 6. */
static const double b_2[4][6] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const double a_2[2][6] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
static const double b_4[6][6] = {{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
static const double a_4[4][6] = {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

static double dice(void)
{
    static uint32_t state = 3;
    state = state * 1664525u + 1013904223u;
    return (double)(int32_t)state / 2147483648.0;
}

/* t = l x l', l of `rows` rows, x of `side` by `side` */
static void both_sides(const double l[][6], int rows, int side, const double *x, double *t)
{
    double half[6][6] = {{0}};
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < side; j++)
            for (int k = 0; k < side; k++)
                half[i][j] += l[i][k] * x[k * side + j];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            t[i * rows + j] = 0;
            for (int k = 0; k < side; k++)
                t[i * rows + j] += half[i][k] * l[j][k];
        }
}

static void check_tile(int m, const float *scale)
{
    int side = m + 2, places = side * side;
    float weights[K][C][9], u[36 * C * K];
    double x[C][36], v[C][36];
    for (int i = 0; i < K * C * 9; i++)
        (&weights[0][0][0])[i] = (float)dice();
    for (int c = 0; c < C; c++) {
        for (int i = 0; i < places; i++)
            x[c][i] = dice();
        both_sides(m == 2 ? b_2 : b_4, side, side, x[c], v[c]);
    }
    df__wino_weights(m, weights, K, C, scale, u);
    for (int k = 0; k < K; k++) {
        double product[36] = {0}, got[16];
        for (int i = 0; i < places; i++)
            for (int c = 0; c < C; c++)
                product[i] += v[c][i] * (double)u[(i * C + c) * K + k];
        both_sides(m == 2 ? a_2 : a_4, m, side, product, got);
        for (int i = 0; i < m * m; i++) {
            double expected = 0;
            for (int c = 0; c < C; c++)
                for (int t = 0; t < 9; t++)
                    expected += x[c][(i / m + t / 3) * side + i % m + t % 3] * (double)weights[k][c][t];
            expected *= scale ? (double)scale[k] : 1;
            CHECK_NEAR(expected, got[i], m == 2 ? 2e-6 : 2e-5); /* u has 24 bits; the factors of A' and B' reach 64 and 25 */
        }
    }
}

TEST(transformed_weights_give_the_convolution)
{
    const float scale[K] = {1, -2, 0.5f, 3, 0};
    for (int i = 0; i < 50; i++)
        for (int m = 2; m <= 4; m += 2) {
            check_tile(m, NULL);
            check_tile(m, scale);
        }
}

/* The kernel's bytes may lie anywhere in a mapped file. */
TEST(weights_need_no_alignment)
{
    float w[9], u[36], v[36];
    char raw[sizeof w + 1];
    for (int i = 0; i < 9; i++)
        w[i] = (float)dice();
    memcpy(raw + 1, w, sizeof w);
    df__wino_weights(4, w, 1, 1, NULL, u);
    df__wino_weights(4, raw + 1, 1, 1, NULL, v);
    CHECK(memcmp(u, v, sizeof u) == 0);
}
