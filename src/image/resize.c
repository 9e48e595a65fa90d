/* resize.c - scale a picture: columns first, so that the long inner loops run over neighbouring bytes, then each row.
 * Places and weights of the taps are those of OpenCV's resize (imgproc/src/resize.cpp). */
#include "image/warp.h"

#include <math.h>

#include "core/simd.h"
#include "image/lanes.h"
#if DF_HAS_V4
#include <immintrin.h>
#endif

enum { BITS = 11, ONE = 1 << BITS }; /* weights of linear and cubic are whole numbers of 1/2048 */
enum { PAD = 3 };                    /* pixels repeated at both ends of a row: taps may reach past it */

/* For each place of one axis of `to`: `taps` places of `from`, starting at first[i]. Where `from` ends, its last
 * pixel repeats. */
typedef struct fixed_axis {
    int      taps; /* 2 or 4 */
    int     *first;
    int32_t *weight; /* [n][taps], sums to ONE */
} fixed_axis;

/* The same for averages over areas: taps[i] places from first[i], weights from at[i] on, sum 1. */
typedef struct area_axis {
    int   *first, *taps;
    float *weight;
    int    most; /* the largest of taps */
} area_axis;

/* R. Keys, "Cubic convolution interpolation", 1981, with a = -0.75; taps at -1, 0, 1, 2. */
static void cubic_weights(double f, double w[4])
{
    const double a = -0.75;
    double g = 1 - f;
    w[0] = ((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a;
    w[1] = ((a + 2) * f - (a + 3)) * f * f + 1;
    w[2] = ((a + 2) * g - (a + 3)) * g * g + 1;
    w[3] = 1 - w[0] - w[1] - w[2];
}

static df_status fixed_axis_new(int n, int from, df_filter filter, df_arena *scratch, fixed_axis *out, df_error *err)
{
    double scale = (double)from / n;
    int taps = filter == DF_CUBIC ? 4 : 2;
    *out = (fixed_axis){taps, df__arena_calloc(scratch, (size_t)n, sizeof(int)),
                        df__arena_calloc(scratch, (size_t)n * (size_t)taps, sizeof(int32_t))};
    if (!out->first || !out->weight)
        return df__no_memory(err, "resize: weights", (size_t)n * (size_t)(taps + 1) * sizeof(int));
    for (int i = 0; i < n; i++) {
        double at = filter == DF_AREA ? i * scale : (i + 0.5) * scale - 0.5, w[4];
        int place = (int)floor(at);
        double part = at - place;
        if (filter == DF_AREA) { /* growing: the border between two pixels of `from` falls where it lies, OpenCV's own rule */
            part = (i + 1) - (place + 1) / scale;
            part = part <= 0 ? 0 : part - floor(part);
        }
        if (filter == DF_CUBIC)
            cubic_weights(part, w);
        else
            w[0] = 1 - part, w[1] = part;
        int32_t *to = out->weight + (size_t)i * (size_t)taps, sum = 0;
        for (int k = 0; k < taps; k++)
            sum += to[k] = (int32_t)lrint(w[k] * ONE);
        to[part > 0.5 ? taps / 2 : taps / 2 - 1] += ONE - sum; /* the largest takes the rounding error */
        out->first[i] = filter == DF_CUBIC ? place - 1 : place;
    }
    return DF_OK;
}

static df_status area_axis_new(int n, int from, df_arena *scratch, area_axis *out, df_error *err)
{
    double scale = (double)from / n;
    int most = (int)ceil(scale) + 1;
    *out = (area_axis){df__arena_calloc(scratch, (size_t)n, sizeof(int)), df__arena_calloc(scratch, (size_t)n, sizeof(int)),
                       df__arena_calloc(scratch, (size_t)n * (size_t)most, sizeof(float)), most};
    if (!out->first || !out->taps || !out->weight)
        return df__no_memory(err, "resize: weights", (size_t)n * (size_t)(most + 2) * sizeof(int));
    for (int i = 0; i < n; i++) {
        double begin = i * scale, end = fmin(begin + scale, from);
        int first = (int)floor(begin + 1e-3), last = (int)ceil(end - 1e-3); /* slivers under 1/1000 do not count */
        first = first < from - 1 ? first : from - 1;
        last = last > first ? last : first + 1;
        last = last < from ? last : from;
        int taps = last - first < most ? last - first : most;
        float *w = out->weight + (size_t)i * (size_t)most, sum = 0;
        for (int k = 0; k < taps; k++)
            sum += w[k] = (float)(fmin(first + k + 1, end) - fmax(first + k, begin));
        for (int k = 0; k < taps; k++)
            w[k] /= sum;
        out->first[i] = first;
        out->taps[i] = taps;
    }
    return DF_OK;
}

static const uint8_t *row_at(df_pixels px, int y)
{
    y = y < 0 ? 0 : y >= px.height ? px.height - 1 : y;
    return px.data + (size_t)y * px.stride;
}

DF_CLONES static void blend_rows(const uint8_t *const *rows, const int32_t *w, int taps, size_t n, int32_t *restrict sum)
{
    const uint8_t *a = rows[0], *b = rows[1];
    if (taps == 2) {
        for (size_t i = 0; i < n; i++)
            sum[i] = a[i] * w[0] + b[i] * w[1];
        return;
    }
    const uint8_t *c = rows[2], *d = rows[3];
    for (size_t i = 0; i < n; i++)
        sum[i] = a[i] * w[0] + b[i] * w[1] + c[i] * w[2] + d[i] * w[3];
}

/* Pixels are written one after the other, so that each covers the fourth lane of the one before it. */
DF_CLONES static void blend_columns(const int32_t *sum, const fixed_axis *x, int32_t *to, int n)
{
    const int32_t *w = x->weight;
    if (x->taps == 2) {
        for (int i = 0; i < n; i++, w += 2, to += 3) {
            const int32_t *p = sum + 3 * (ptrdiff_t)x->first[i];
            df__store_i32(to, df__load_i32(p) * w[0] + df__load_i32(p + 3) * w[1]);
        }
        return;
    }
    for (int i = 0; i < n; i++, w += 4, to += 3) {
        const int32_t *p = sum + 3 * (ptrdiff_t)x->first[i];
        df__store_i32(to, df__load_i32(p) * w[0] + df__load_i32(p + 3) * w[1] + df__load_i32(p + 6) * w[2] +
                              df__load_i32(p + 9) * w[3]);
    }
}

/* Two steps of 11 bits each back to whole levels, halves up, within 0..255. */
DF_CLONES static void round_fixed(const int32_t *from, uint8_t *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t v = (from[i] + (1 << (2 * BITS - 1))) >> 2 * BITS;
        v = v > 0 ? v : 0;
        to[i] = (uint8_t)(v < 255 ? v : 255);
    }
}

/* Cubic, and areas of a growing picture. The sum of all weights is 2^22, of their amounts under 1.9 * 2^22: 32 bits hold it. */
static df_status resize_fixed(df_pixels from, df_pixels to, df_filter filter, df_arena *scratch, df_error *err)
{
    df_status  st = DF_OK;
    fixed_axis x, y;
    DF_TRY(fixed_axis_new(to.width, from.width, filter, scratch, &x, err));
    DF_TRY(fixed_axis_new(to.height, from.height, filter, scratch, &y, err));
    size_t n = (size_t)from.width * 3, padded = n + 2 * PAD * 3 + 1, wide = (size_t)to.width * 3;
    int32_t *sum = df__arena_calloc(scratch, padded, sizeof *sum), *out = df__arena_calloc(scratch, wide + 1, sizeof *out);
    if (!sum || !out) {
        st = df__no_memory(err, "resize: a row", (padded + wide) * sizeof *sum);
        goto done;
    }
    int32_t *row = sum + PAD * 3;
    for (int i = 0; i < to.height; i++) {
        const uint8_t *rows[4];
        for (int k = 0; k < y.taps; k++)
            rows[k] = row_at(from, y.first[i] + k);
        blend_rows(rows, y.weight + (size_t)i * (size_t)y.taps, y.taps, n, row);
        for (size_t k = 0; k < PAD * 3; k++) {
            sum[k] = row[k % 3];
            row[n + k] = row[n - 3 + k % 3];
        }
        blend_columns(row, &x, out, to.width);
        round_fixed(out, to.data + (size_t)i * to.stride, wide);
    }
done:
    return st;
}

/* ---- linear, to the bit as OpenCV's: columns first, whose taps end with the row; then rows, in steps that cut off ---- */

static df_status linear_axis_new(int n, int from, double scale, bool ends, df_arena *scratch, fixed_axis *out, df_error *err)
{
    *out = (fixed_axis){2, df__arena_calloc(scratch, (size_t)n, sizeof(int)), df__arena_calloc(scratch, (size_t)n * 2, sizeof(int32_t))};
    if (!out->first || !out->weight)
        return df__no_memory(err, "resize: weights", (size_t)n * 3 * sizeof(int));
    for (int i = 0; i < n; i++) {
        float at = fminf((float)((i + 0.5) * scale - 0.5), (float)from);
        int place = (int)floorf(at);
        float part = at - (float)place;
        if (ends && (place < 0 || place >= from - 1)) {
            place = place < 0 ? 0 : from - 1;
            part = 0;
        }
        out->first[i] = place;
        out->weight[2 * i] = (int32_t)lrintf((1 - part) * ONE);
        out->weight[2 * i + 1] = (int32_t)lrintf(part * ONE);
    }
    return DF_OK;
}

/* A row brought to another width, in units of 1/128 level: all that blend_cut looks at. */
static void shrink_row_plain(const uint8_t *from, const fixed_axis *x, int16_t *restrict to, int n)
{
    for (int i = 0; i < n; i++, to += 3) {
        const uint8_t *p = from + 3 * (ptrdiff_t)x->first[i];
        const int32_t *w = x->weight + 2 * (size_t)i;
        for (int c = 0; c < 3; c++)
            to[c] = (int16_t)((p[c] * w[0] + p[c + 3] * w[1]) >> 4);
    }
}

#if DF_HAS_V4
/* Eight bytes hold both pixels: R R' G G' B B' as numbers of 16 bits, each pair times both weights and summed in one instruction. Writes one
 * number more than it should, which the next pixel covers. */
DF_SSSE3 static void shrink_row_x86(const uint8_t *from, const fixed_axis *x, int16_t *restrict to, int n)
{
    const __m128i pairs = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    const __m128i low = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    for (int i = 0; i < n; i++, to += 3) {
        __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)(from + 3 * (ptrdiff_t)x->first[i]));
        __m128i w = _mm_set1_epi32(x->weight[2 * (size_t)i] | x->weight[2 * (size_t)i + 1] << 16); /* neither is below 0 */
        v = _mm_srai_epi32(_mm_madd_epi16(_mm_shuffle_epi8(v, pairs), w), 4);
        _mm_storel_epi64((__m128i *)(void *)to, _mm_shuffle_epi8(v, low));
    }
}
#endif

static void shrink_row(const uint8_t *from, const fixed_axis *x, int16_t *restrict to, int n)
{
#if DF_HAS_V4
    if (DF_CPU_HAS_SSSE3) {
        shrink_row_x86(from, x, to, n);
        return;
    }
#endif
    shrink_row_plain(from, x, to, n);
}

/* Each product keeps 2 bits under the whole level; the sum is rounded half up. */
DF_CLONES static void blend_cut(const int16_t *a, const int16_t *b, const int32_t w[2], uint8_t *restrict to, size_t n)
{
    const int16_t upper = (int16_t)w[0], lower = (int16_t)w[1];
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(((int16_t)(a[i] * upper >> 16) + (int16_t)(b[i] * lower >> 16) + 2) >> 2);
}

/* Rows of `from` brought to the width of `to`, the last two of them. */
typedef struct linear_rows { uint8_t *last; int16_t *out[2]; int place[2]; } linear_rows;

static const int16_t *linear_row(linear_rows *r, df_pixels from, int y, const fixed_axis *x, int width, int keep)
{
    y = y < 0 ? 0 : y >= from.height ? from.height - 1 : y;
    for (int k = 0; k < 2; k++)
        if (r->place[k] == y)
            return r->out[k];
    int k = r->place[0] == keep; /* the other one is still wanted */
    const uint8_t *row = row_at(from, y);
    if (y == from.height - 1) { /* behind which no byte may be read */
        memcpy(r->last, row, (size_t)from.width * 3);
        row = r->last;
    }
    shrink_row(row, x, r->out[k], width);
    r->place[k] = y;
    return r->out[k];
}

static df_status resize_linear(df_pixels from, df_pixels to, double scale_x, double scale_y, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    fixed_axis x, y;
    DF_TRY(linear_axis_new(to.width, from.width, scale_x, true, scratch, &x, err));
    DF_TRY(linear_axis_new(to.height, from.height, scale_y, false, scratch, &y, err));
    size_t n = (size_t)from.width * 3 + 8, wide = (size_t)to.width * 3; /* what is read behind the last pixel has no weight */
    linear_rows r = {.last = df__arena_calloc(scratch, n, 1), .place = {-1, -1}};
    for (int k = 0; k < 2; k++)
        r.out[k] = df__arena_calloc(scratch, wide + 1, sizeof(int16_t));
    if (!r.last || !r.out[0] || !r.out[1])
        DF_TRY(df__no_memory(err, "resize: a row", n + 2 * wide * sizeof(int16_t)));
    for (int i = 0; i < to.height; i++) {
        int first = y.first[i], last = from.height - 1;
        const int16_t *a = linear_row(&r, from, first, &x, to.width, first < last ? first + 1 : last);
        const int16_t *b = linear_row(&r, from, first + 1, &x, to.width, first < 0 ? 0 : first < last ? first : last);
        blend_cut(a, b, y.weight + 2 * (size_t)i, to.data + (size_t)i * to.stride, wide);
    }
done:
    return st;
}

DF_CLONES static void add_rows(const uint8_t *const *rows, const float *w, int taps, bool first, size_t n, float *restrict sum)
{
    const uint8_t *a = rows[0], *b = rows[taps > 1], *c = rows[taps > 2 ? 2 : 0];
    if (taps == 1)
        for (size_t i = 0; i < n; i++)
            sum[i] = (first ? 0 : sum[i]) + w[0] * a[i];
    else if (taps == 2)
        for (size_t i = 0; i < n; i++)
            sum[i] = (first ? 0 : sum[i]) + w[0] * a[i] + w[1] * b[i];
    else
        for (size_t i = 0; i < n; i++)
            sum[i] = (first ? 0 : sum[i]) + w[0] * a[i] + w[1] * b[i] + w[2] * c[i];
}

enum { ROWS = 3 };

static void sum_rows(df_pixels from, const area_axis *y, int i, size_t n, float *sum)
{
    const float *w = y->weight + (size_t)i * (size_t)y->most;
    for (int k = 0; k < y->taps[i]; k += ROWS) {
        const uint8_t *rows[ROWS];
        int taps = y->taps[i] - k < ROWS ? y->taps[i] - k : ROWS;
        for (int r = 0; r < taps; r++)
            rows[r] = row_at(from, y->first[i] + k + r);
        add_rows(rows, w + k, taps, k == 0, n, sum);
    }
}

/* All columns by as many taps: those that one lacks have no weight, which is quicker than to guess how many there are. */
static inline __attribute__((always_inline)) void average_by(const float *sum, const area_axis *x, float *to, int n, int taps)
{
    const float *w = x->weight;
    for (int i = 0; i < n; i++, w += x->most, to += 3) {
        const float *p = sum + 3 * (size_t)x->first[i];
        df_f32x4 v = {0.5f, 0.5f, 0.5f, 0.5f};
        for (int k = 0; k < taps; k++)
            v += w[k] * df__load_f32(p + 3 * k);
        df__store_f32(to, v);
    }
}

DF_CLONES static void average_columns(const float *sum, const area_axis *x, float *to, int n)
{
    if (x->most == 2)
        average_by(sum, x, to, n, 2);
    else if (x->most == 3)
        average_by(sum, x, to, n, 3);
    else if (x->most == 4)
        average_by(sum, x, to, n, 4);
    else
        average_by(sum, x, to, n, x->most);
}

/* The half is already in; an average of levels is never outside 0..255. */
DF_CLONES static void cut_average(const float *from, uint8_t *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(int32_t)from[i];
}

static df_status resize_area(df_pixels from, df_pixels to, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    area_axis x, y;
    DF_TRY(area_axis_new(to.width, from.width, scratch, &x, err));
    DF_TRY(area_axis_new(to.height, from.height, scratch, &y, err));
    size_t n = (size_t)from.width * 3, wide = (size_t)to.width * 3, behind = 3 * (size_t)x.most + 1; /* which the last column's taps may read */
    float *sum = df__arena_calloc(scratch, n + behind, sizeof *sum), *out = df__arena_calloc(scratch, wide + 1, sizeof *out);
    if (!sum || !out) {
        st = df__no_memory(err, "resize: a row", (n + behind + wide) * sizeof *sum);
        goto done;
    }
    for (int i = 0; i < to.height; i++) {
        sum_rows(from, &y, i, n, sum);
        average_columns(sum, &x, out, to.width);
        cut_average(out, to.data + (size_t)i * to.stride, wide);
    }
done:
    return st;
}

static df_status check_sizes(df_pixels from, df_pixels to, df_error *err)
{
    if (from.width < 1 || from.height < 1 || to.width < 1 || to.height < 1)
        return df__fail(err, DF_E_ARGUMENT, "resize: an empty picture (%d x %d to %d x %d)", from.width, from.height, to.width,
                        to.height);
    return DF_OK;
}

df_status df__resize_by(df_pixels from, df_pixels to, double scale_x, double scale_y, df_arena *scratch, df_error *err)
{
    df_status st = check_sizes(from, to, err);
    if (st != DF_OK)
        return st;
    if (!(scale_x > 0 && scale_x <= 1 << 20 && scale_y > 0 && scale_y <= 1 << 20))
        return df__fail(err, DF_E_ARGUMENT, "resize: scales of %g and %g", scale_x, scale_y);
    df_arena_mark mark = df__arena_mark(scratch);
    st = resize_linear(from, to, scale_x, scale_y, scratch, err);
    df__arena_release(scratch, mark);
    return st;
}

df_status df__resize(df_pixels from, df_pixels to, df_filter filter, df_arena *scratch, df_error *err)
{
    df_status st = check_sizes(from, to, err);
    if (st != DF_OK)
        return st;
    if (filter != DF_LINEAR && filter != DF_CUBIC && filter != DF_AREA)
        return df__fail(err, DF_E_ARGUMENT, "resize: no filter has the number %d", (int)filter);
    if (from.width == to.width && from.height == to.height) {
        df__pixels_paste(to, 0, 0, from);
        return DF_OK;
    }
    df_arena_mark mark = df__arena_mark(scratch);
    bool shrinks = from.width >= to.width && from.height >= to.height;
    if (filter == DF_LINEAR)
        st = resize_linear(from, to, (double)from.width / to.width, (double)from.height / to.height, scratch, err);
    else
        st = filter == DF_AREA && shrinks ? resize_area(from, to, scratch, err) : resize_fixed(from, to, filter, scratch, err);
    df__arena_release(scratch, mark);
    return st;
}
