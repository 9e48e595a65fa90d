/* box.c - boxes of numbers from one order of dimensions to another. */
#include <string.h>

#include "nn/op.h"

typedef int32_t four __attribute__((vector_size(16)));

/* y[i * sy + j] = x[j * sx + i] for four by four. */
static inline void turn_4x4(const int32_t *x, int64_t sx, int32_t *y, int64_t sy)
{
    four r[4], low[2], high[2];
    for (int i = 0; i < 4; i++)
        memcpy(&r[i], x + i * sx, sizeof r[i]);
    for (int i = 0; i < 2; i++) { /* of two rows by turns: columns 0 and 1, columns 2 and 3 */
        low[i] = __builtin_shufflevector(r[2 * i], r[2 * i + 1], 0, 4, 1, 5);
        high[i] = __builtin_shufflevector(r[2 * i], r[2 * i + 1], 2, 6, 3, 7);
    }
    r[0] = __builtin_shufflevector(low[0], low[1], 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(low[0], low[1], 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(high[0], high[1], 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(high[0], high[1], 2, 3, 6, 7);
    for (int i = 0; i < 4; i++)
        memcpy(y + i * sy, &r[i], sizeof r[i]);
}

void df__turn_4(const void *from, int64_t sx, void *to, int64_t sy, int64_t rows, int64_t columns)
{
    enum { TILE = 32 /* on both sides a line or two of each row stay in the first cache */ };
    const int32_t *x = from;
    int32_t *y = to;
    for (int64_t c = 0; c < columns; c += TILE)
        for (int64_t r = 0; r < rows; r += TILE) {
            int64_t r_end = r + TILE < rows ? r + TILE : rows, c_end = c + TILE < columns ? c + TILE : columns, r_whole = r + (r_end - r) / 4 * 4, c_whole = c + (c_end - c) / 4 * 4;
            for (int64_t i = c; i < c_whole; i += 4)
                for (int64_t j = r; j < r_whole; j += 4)
                    turn_4x4(x + j * sx + i, sx, y + i * sy + j, sy);
            for (int64_t i = c; i < c_end; i++)
                for (int64_t j = i < c_whole ? r_whole : r; j < r_end; j++)
                    y[i * sy + j] = x[j * sx + i];
        }
}

/* The dimension before the last one whose numbers lie side by side on the way in, where the last one's do on the way out; -1: none. */
static int turned_dim(size_t size, int n, const int64_t *a, const int64_t *b)
{
    for (int i = 0; i < n - 1 && size == 4 && a[n - 1] == 1 && b[n - 1] != 1; i++)
        if (b[i] == 1)
            return i;
    return -1;
}

/* Dimensions of 1 and even ones are merged, rows copied whole where both sides are dense, turned where each is dense another way. */
void df__copy_box(size_t size, int rank, const int64_t *dims, char *to, const int64_t *st, const char *from, const int64_t *sf)
{
    int64_t d[DF_MAX_RANK], a[DF_MAX_RANK], b[DF_MAX_RANK], at[DF_MAX_RANK] = {0};
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0)
            return;
        if (dims[i] == 1)
            continue;
        if (n > 0 && a[n - 1] == st[i] * dims[i] && b[n - 1] == sf[i] * dims[i]) {
            d[n - 1] *= dims[i];
            a[n - 1] = st[i];
            b[n - 1] = sf[i];
        } else {
            d[n] = dims[i];
            a[n] = st[i];
            b[n++] = sf[i];
        }
    }
    if (n == 0)
        d[n] = 1, a[n] = b[n] = 1, n = 1;
    int turned = turned_dim(size, n, a, b);
    int64_t columns = turned >= 0 ? d[turned] : 0, apart = turned >= 0 ? a[turned] : 0;
    for (int i = turned; turned >= 0 && i + 1 < n; i++)
        d[i] = d[i + 1], a[i] = a[i + 1], b[i] = b[i + 1];
    n -= turned >= 0;
    int64_t row = d[n - 1], sa = a[n - 1] * (int64_t)size, sb = b[n - 1] * (int64_t)size, ia = 0, ib = 0;
    for (;;) {
        char *p = to + ia;
        const char *q = from + ib;
        if (turned >= 0) {
            df__turn_4(q, b[n - 1], p, apart, row, columns);
        } else if (sa == (int64_t)size && sb == sa) {
            memcpy(p, q, (size_t)row * size);
        } else if (size == 4) {
            for (int64_t i = 0; i < row; i++)
                memcpy(p + i * sa, q + i * sb, 4);
        } else {
            for (int64_t i = 0; i < row; i++)
                memcpy(p + i * sa, q + i * sb, size);
        }
        int i = n - 2;
        for (; i >= 0; i--) {
            ia += a[i] * (int64_t)size;
            ib += b[i] * (int64_t)size;
            if (++at[i] < d[i])
                break;
            ia -= a[i] * d[i] * (int64_t)size;
            ib -= b[i] * d[i] * (int64_t)size;
            at[i] = 0;
        }
        if (i < 0)
            return;
    }
}
