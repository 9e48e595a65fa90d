/* mtcnn_crop.c - bilinear samples out of the photo's bytes, or means of them. */
#include "detect/mtcnn_crop.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/simd.h"

enum { MOST = DF_MTCNN_MOST_SIDE };

/* Where samples lie along one side of the photo: those first .. end are inside of it. */
typedef struct places { int first, end, before[MOST], behind[MOST]; float share[MOST]; } places;

/* Places of the samples along one side of the photo, in the order of TensorFlow's floats. The package divides edges by the photo's side,
 * TensorFlow multiplies them by the side less one. */
static void place(double from, double to, int photo, int side, places *out)
{
    float begin = (float)(from / photo), end = (float)(to / photo), last = (float)(photo - 1);
    float step = (end - begin) * last / (float)(side - 1);
    out->first = out->end = 0;
    for (int i = 0; i < side; i++) {
        float at = begin * last + (float)i * step;
        if (!(at >= 0 && at <= last))
            continue;
        out->first = out->end == 0 ? i : out->first;
        out->end = i + 1;
        out->before[i] = (int)floorf(at), out->behind[i] = (int)ceilf(at);
        out->share[i] = at - (float)out->before[i];
    }
}

/* Pixels beside the samples of two rows, as R | G << 8 | B << 16 | any byte << 24. */
typedef struct taps { uint32_t left[2][MOST], right[2][MOST]; } taps;

static uint32_t pixel(const uint8_t *row, int x, int width)
{
    uint32_t v;
    int behind = x + 1 == width; /* no byte is read behind the row */
    memcpy(&v, row + 3 * (ptrdiff_t)x - behind, sizeof v);
    return v >> 8 * behind;
}

static void fetch(df_pixels px, int y, const places *across, uint32_t *left, uint32_t *right)
{
    const uint8_t *row = px.data + (size_t)y * px.stride;
    for (int x = across->first; x < across->end; x++) {
        left[x] = pixel(row, across->before[x], px.width);
        right[x] = pixel(row, across->behind[x], px.width);
    }
}

static inline float channel(uint32_t v, int shift) { return (float)(int32_t)(v >> shift & 255); }

/* One channel of a row of samples. */
DF_CLONES static void blend(const taps *t, const places *across, float share_y, int shift, float *restrict out)
{
    for (int x = across->first; x < across->end; x++) {
        float above = channel(t->left[0][x], shift), below = channel(t->left[1][x], shift);
        above += (channel(t->right[0][x], shift) - above) * across->share[x];
        below += (channel(t->right[1][x], shift) - below) * across->share[x];
        out[x] = (above + (below - above) * share_y - 127.5f) / 128;
    }
}

void df__mtcnn_crop(df_pixels px, const df_mtcnn_box *box, int side, float *out)
{
    places across, down;
    taps t;
    size_t plane = (size_t)side * (size_t)side;
    place(box->left, box->right, px.width, side, &across);
    place(box->top, box->bottom, px.height, side, &down);
    memset(out, 0, 3 * plane * sizeof *out);
    for (int y = down.first, before = -1, behind = -1; y < down.end; y++) {
        if (down.before[y] != before || down.behind[y] != behind) { /* samples of a small box lie between the same rows */
            before = down.before[y], behind = down.behind[y];
            fetch(px, before, &across, t.left[0], t.right[0]);
            fetch(px, behind, &across, t.left[1], t.right[1]);
        }
        for (int c = 0; c < 3; c++)
            blend(&t, &across, down.share[y], 8 * c, out + (size_t)c * plane + (size_t)y * (size_t)side);
    }
}

/* Edges are numbers from 1 on there, of which the first is the pixel before. */
static void edges(double from, double to, int photo, int *first, int *end)
{
    from = fmin(fmax(trunc(from), 1), INT_MAX / 2), to = fmax(fmin(trunc(to), photo), -1);
    *first = (int)from - 1, *end = (int)to;
}

void df__mtcnn_crop_area(df_pixels px, const df_mtcnn_box *box, int side, float *out)
{
    int left, top, right, bottom;
    size_t plane = (size_t)side * (size_t)side;
    edges(box->left, box->right, px.width, &left, &right);
    edges(box->top, box->bottom, px.height, &top, &bottom);
    memset(out, 0, 3 * plane * sizeof *out);
    if (right <= left || bottom <= top)
        return;
    int64_t w = right - left, h = bottom - top;
    for (int y = 0; y < side; y++) {
        int64_t first_y = y * h / side, end_y = ((y + 1) * h + side - 1) / side;
        for (int x = 0; x < side; x++) {
            int64_t first_x = x * w / side, end_x = ((x + 1) * w + side - 1) / side;
            int64_t sum[3] = {0};
            for (int64_t r = first_y; r < end_y; r++) {
                const uint8_t *at = px.data + (size_t)(top + r) * px.stride + 3 * (size_t)(left + first_x);
                for (int64_t c = first_x; c < end_x; c++, at += 3)
                    sum[0] += at[0], sum[1] += at[1], sum[2] += at[2];
            }
            float n = (float)((end_y - first_y) * (end_x - first_x));
            for (size_t c = 0; c < 3; c++)
                out[c * plane + (size_t)y * (size_t)side + (size_t)x] = ((float)sum[c] / n - 127.5f) / 128;
        }
    }
}
