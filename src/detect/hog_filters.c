/* hog_filters.c - taking filters apart by their singular values, and applying them. */
#include "detect/hog_filters.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { SIDE = DF_HOG_SIDE, PLANES = DF_HOG_PLANES, SWEEPS = 60 };

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
    *out = f;
    return DF_OK;
}

/* ---- responses ---- */

/* Both functions below do the same sums in the same order: the row's sum stays in a register and is spread over ten rows of responses, which
 * stay in registers as well. */
#define LOAD(v, from) memcpy(&(v), from, sizeof(v))
#define STORE(to, v) memcpy(to, &(v), sizeof(v))

typedef float narrow __attribute__((vector_size(8 * sizeof(float))));

/* For sixteen registers: the features come from memory for each product. */
DF_CLONES static void add_narrow(const df_hog_filters *f, const float *features, size_t stride, size_t columns, float *const out[SIDE])
{
    for (size_t i = 0; i < f->n; i++) {
        const df_hog_product *first = f->products + f->first[i], *end = f->products + f->first[i + 1];
        for (size_t c = 0; c < columns; c += 8) {
            narrow sum[SIDE] = {{0}};
            for (const df_hog_product *p = first; p < end; p++) {
                const float *x = features + p->plane * stride + c;
                narrow even = {0}, odd = {0}, v;
                for (size_t k = 0; k < SIDE; k += 2) {
                    LOAD(v, x + k);
                    even += v * p->row[k];
                    LOAD(v, x + k + 1);
                    odd += v * p->row[k + 1];
                }
                even += odd;
                for (size_t m = 0; m < SIDE; m++)
                    sum[m] += even * p->column[m];
            }
            for (size_t m = 0; m < SIDE; m++) {
                narrow old;
                LOAD(old, out[m] + i * stride + c);
                old += sum[m];
                STORE(out[m] + i * stride + c, old);
            }
        }
    }
}

#if DF_HAS_V4
typedef float wide __attribute__((vector_size(16 * sizeof(float))));

/* For thirty-two registers: the features of a plane are loaded once for its products. */
DF_V4 static void add_wide(const df_hog_filters *f, const float *features, size_t stride, size_t columns, float *const out[SIDE])
{
    for (size_t i = 0; i < f->n; i++) {
        const df_hog_product *first = f->products + f->first[i], *end = f->products + f->first[i + 1];
        for (size_t c = 0; c < columns; c += 16) {
            wide sum[SIDE] = {{0}};
            for (const df_hog_product *p = first; p < end;) {
                const size_t plane = p->plane;
                wide x[SIDE];
                for (size_t k = 0; k < SIDE; k++)
                    LOAD(x[k], features + plane * stride + c + k);
                do {
                    wide even = {0}, odd = {0};
                    for (size_t k = 0; k < SIDE; k += 2) {
                        even += x[k] * p->row[k];
                        odd += x[k + 1] * p->row[k + 1];
                    }
                    even += odd;
                    for (size_t m = 0; m < SIDE; m++)
                        sum[m] += even * p->column[m];
                } while (++p < end && p->plane == plane);
            }
            for (size_t m = 0; m < SIDE; m++) {
                wide old;
                LOAD(old, out[m] + i * stride + c);
                old += sum[m];
                STORE(out[m] + i * stride + c, old);
            }
        }
    }
}
#endif

void df__hog_filters_add(const df_hog_filters *f, const float *features, size_t stride, size_t columns, float *const out[SIDE])
{
#if DF_HAS_V4
    if (DF_CPU_HAS_V4) {
        add_wide(f, features, stride, columns, out);
        return;
    }
#endif
    add_narrow(f, features, stride, columns, out);
}
