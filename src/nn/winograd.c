/* winograd.c - the transform of the kernel. */
#include "nn/winograd.h"

#include <string.h>

/* G of the paper, a row for each place of a tile's side. */
static const float g_2[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
static const float g_4[6][3] = {{1 / 4.0f, 0, 0}, {-1 / 6.0f, -1 / 6.0f, -1 / 6.0f}, {-1 / 6.0f, 1 / 6.0f, -1 / 6.0f},
                                {1 / 24.0f, 1 / 12.0f, 1 / 6.0f}, {1 / 24.0f, -1 / 12.0f, 1 / 6.0f}, {0, 0, 1}};

void df__wino_weights(int m, const void *weights, int64_t k, int64_t c, const float *scale, float *u)
{
    const float(*g)[3] = m == 2 ? g_2 : g_4;
    int side = m + 2;
    for (int64_t i = 0; i < c; i++)
        for (int64_t o = 0; o < k; o++) {
            float w[9], half[6][3];
            memcpy(w, (const char *)weights + (size_t)(o * c + i) * sizeof w, sizeof w);
            for (int r = 0; r < side; r++)
                for (int x = 0; x < 3; x++)
                    half[r][x] = g[r][0] * w[x] + g[r][1] * w[3 + x] + g[r][2] * w[6 + x];
            for (int r = 0; r < side; r++)
                for (int s = 0; s < side; s++) {
                    float v = half[r][0] * g[s][0] + half[r][1] * g[s][1] + half[r][2] * g[s][2];
                    u[((r * side + s) * c + i) * k + o] = scale ? v * scale[o] : v;
                }
        }
}
