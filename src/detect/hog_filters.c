/* hog_filters.c - taking filters apart by their singular values, and applying them. */
#include "detect/hog_filters.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { SIDE = DF_HOG_SIDE, PLANES = DF_HOG_PLANES, SWEEPS = 60, LANES = 8 };

/* ---- singular values ---- */

typedef double square[SIDE][SIDE];

/* Turn the columns p and q of a and v so that those of a are at right angles. False when they are already. */
static bool rotate(square a, square v, int p, int q)
{
    double pp = 0, qq = 0, pq = 0;
    for (int i = 0; i < SIDE; i++)
        pp += a[i][p] * a[i][p], qq += a[i][q] * a[i][q], pq += a[i][p] * a[i][q];
    if (fabs(pq) <= 1e-15 * sqrt(pp * qq))
        return false;
    double zeta = (qq - pp) / (2 * pq), t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
    double c = 1 / sqrt(1 + t * t), s = c * t;
    for (int i = 0; i < SIDE; i++) {
        double ap = a[i][p], vp = v[i][p];
        a[i][p] = c * ap - s * a[i][q], a[i][q] = s * ap + c * a[i][q];
        v[i][p] = c * vp - s * v[i][q], v[i][q] = s * vp + c * v[i][q];
    }
    return true;
}

/* One-sided Jacobi (Hestenes 1958): a becomes U diag(size), v becomes V of a = U diag(size) V'. */
static void singular_values(square a, square v, double size[SIDE])
{
    memset(v, 0, sizeof(square));
    for (int i = 0; i < SIDE; i++)
        v[i][i] = 1;
    bool turned = true;
    for (int sweep = 0; turned && sweep < SWEEPS; sweep++) {
        turned = false;
        for (int p = 0; p < SIDE; p++)
            for (int q = p + 1; q < SIDE; q++)
                turned |= rotate(a, v, p, q);
    }
    for (int j = 0; j < SIDE; j++) {
        size[j] = 0;
        for (int i = 0; i < SIDE; i++)
            size[j] += a[i][j] * a[i][j];
        size[j] = sqrt(size[j]);
    }
}

/* The products of one plane; returns how many. */
static size_t separate(const double *weights, size_t plane, df_hog_product *out)
{
    square a, v;
    double size[SIDE], largest = 0;
    size_t n = 0;
    memcpy(a, weights, sizeof a);
    singular_values(a, v, size);
    for (int j = 0; j < SIDE; j++)
        largest = fmax(largest, size[j]);
    double least = fmax(1e-4, largest * 0.001);
    for (int j = 0; j < SIDE; j++) {
        if (!(size[j] >= least))
            continue;
        for (int i = 0; i < SIDE; i++) {
            out[n].column[i] = (float)(a[i][j] / sqrt(size[j]));
            out[n].row[i] = (float)(v[i][j] * sqrt(size[j]));
        }
        out[n++].plane = plane;
    }
    return n;
}

df_status df__hog_filters(const df_dlib_hog *hog, df_arena *arena, df_hog_filters *out, df_error *err)
{
    df_hog_filters f = {.n = hog->n};
    f.first = df__arena_calloc(arena, hog->n + 1, sizeof *f.first);
    f.products = df__arena_calloc(arena, hog->n * PLANES * SIDE, sizeof *f.products);
    if (!f.first || !f.products)
        return df__no_memory(err, "filters", hog->n * PLANES * SIDE * sizeof *f.products);
    size_t n = 0;
    for (size_t i = 0; i < hog->n; i++) {
        for (size_t k = 0; k < PLANES; k++)
            n += separate(hog->weights + (i * PLANES + k) * SIDE * SIDE, k, f.products + n);
        f.first[i + 1] = n;
    }
    f.by_plane = df__arena_calloc(arena, n, sizeof *f.by_plane);
    if (!f.by_plane)
        return df__no_memory(err, "filters", n * sizeof *f.by_plane);
    size_t at = 0;
    for (size_t plane = 0; plane < PLANES; plane++)
        for (size_t i = 0; i < n; i++)
            if (f.products[i].plane == plane)
                f.by_plane[at++] = i;
    *out = f;
    return DF_OK;
}

/* ---- responses ---- */

/* The columns of the products come first, for all filters; then each filter gathers, for each of the ten places of a row, the sum of its
 * products there; last these ten are added, each shifted by its place. Both inner steps are products of small matrices: GROUP x VECTORS sums
 * stay in registers, which fills sixteen of them, and all loads are aligned. */
enum { GROUP = 5, VECTORS = 2, BLOCK = LANES * VECTORS };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LOAD(v, from) memcpy(&(v), from, sizeof(v))
#define STORE(to, v) memcpy(to, &(v), sizeof(v))

size_t df__hog_filters_stride(size_t columns) { return (columns + SIDE - 1 + BLOCK - 1) / BLOCK * BLOCK + BLOCK; }

size_t df__hog_filters_room(const df_hog_filters *f, size_t columns)
{
    return f->first[f->n] * BLOCK + SIDE * df__hog_filters_stride(columns) * f->n;
}

/* n <= GROUP products of one plane: their columns, for BLOCK columns of the map from `at` on. `to` has a row of BLOCK a product. */
ALWAYS_INLINE void column_group(const df_hog_filters *f, const size_t *which, size_t n, const float *const rows[SIDE], size_t at, float *to)
{
    lanes sum[GROUP][VECTORS] = {{{0}}};
    for (size_t m = 0; m < SIDE; m++) {
        lanes x[VECTORS];
        LOAD(x, rows[m] + at);
        for (size_t j = 0; j < n; j++)
            for (size_t v = 0; v < VECTORS; v++)
                sum[j][v] += x[v] * f->products[which[j]].column[m];
    }
    for (size_t j = 0; j < n; j++)
        STORE(to + which[j] * BLOCK, sum[j]);
}

ALWAYS_INLINE void columns_of(const df_hog_filters *f, const float *const rows[SIDE], size_t stride, size_t c, float *to)
{
    for (size_t i = 0, n, all = f->first[f->n]; i < all; i += n) {
        const size_t *which = f->by_plane + i, plane = f->products[*which].plane, at = plane * stride + c;
        for (n = 1; n < GROUP && i + n < all && f->products[which[n]].plane == plane;)
            n++;
        switch (n) { /* constants, so that each is unrolled */
        case 5:
            column_group(f, which, 5, rows, at, to);
            break;
        case 4:
            column_group(f, which, 4, rows, at, to);
            break;
        case 3:
            column_group(f, which, 3, rows, at, to);
            break;
        case 2:
            column_group(f, which, 2, rows, at, to);
            break;
        default:
            column_group(f, which, 1, rows, at, to);
        }
    }
}

/* Places [place, place + GROUP) of one filter. */
ALWAYS_INLINE void place_group(const df_hog_product *p, size_t n, const float *columns, size_t place, size_t stride, float *to)
{
    lanes sum[GROUP][VECTORS] = {{{0}}};
    for (size_t k = 0; k < n; k++) {
        lanes x[VECTORS];
        LOAD(x, columns + k * BLOCK);
        for (size_t j = 0; j < GROUP; j++)
            for (size_t v = 0; v < VECTORS; v++)
                sum[j][v] += x[v] * p[k].row[place + j];
    }
    for (size_t j = 0; j < GROUP; j++)
        STORE(to + (place + j) * stride, sum[j]);
}

ALWAYS_INLINE void add_places(const float *restrict places, size_t stride, size_t columns, float *restrict out)
{
    for (size_t c = 0; c < columns; c++) {
        float sum = places[c];
        for (size_t k = 1; k < SIDE; k++)
            sum += places[k * stride + c + k];
        out[c] = sum;
    }
}

DF_CLONES void df__hog_filters_row(const df_hog_filters *f, const float *const rows[SIDE], size_t columns, float *work, float *out)
{
    size_t stride = df__hog_filters_stride(columns);
    float *block = work, *places = work + f->first[f->n] * BLOCK;
    for (size_t c = 0; c < columns + SIDE - 1; c += BLOCK) {
        columns_of(f, rows, stride, c, block);
        for (size_t i = 0; i < f->n; i++)
            for (size_t place = 0; place < SIDE; place += GROUP)
                place_group(f->products + f->first[i], f->first[i + 1] - f->first[i], block + f->first[i] * BLOCK, place, stride,
                            places + i * SIDE * stride + c);
    }
    for (size_t i = 0; i < f->n; i++)
        add_places(places + i * SIDE * stride, stride, columns, out + i * stride);
}
