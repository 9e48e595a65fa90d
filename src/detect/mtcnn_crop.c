/* mtcnn_crop.c - bilinear samples out of the photo's bytes, or means of them. */
#include "detect/mtcnn_crop.h"

#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct sample { int before, behind; float share; bool inside; } sample;

/* Places of the samples along one side of the photo, in the order of TensorFlow's floats. The package divides edges by the photo's side,
 * TensorFlow multiplies them by the side less one. */
static void place(double from, double to, int photo, int side, sample *out)
{
    float begin = (float)(from / photo), end = (float)(to / photo), last = (float)(photo - 1);
    float step = (end - begin) * last / (float)(side - 1);
    for (int i = 0; i < side; i++) {
        float at = begin * last + (float)i * step;
        out[i].inside = at >= 0 && at <= last;
        if (!out[i].inside)
            continue;
        out[i].before = (int)floorf(at), out[i].behind = (int)ceilf(at);
        out[i].share = at - (float)out[i].before;
    }
}

void df__mtcnn_crop(df_pixels px, const df_mtcnn_box *box, int side, float *out)
{
    sample across[DF_MTCNN_MOST_SIDE], down[DF_MTCNN_MOST_SIDE];
    size_t plane = (size_t)side * (size_t)side;
    place(box->left, box->right, px.width, side, across);
    place(box->top, box->bottom, px.height, side, down);
    memset(out, 0, 3 * plane * sizeof *out);
    for (int y = 0; y < side; y++) {
        if (!down[y].inside)
            continue;
        const uint8_t *upper = px.data + (size_t)down[y].before * px.stride, *lower = px.data + (size_t)down[y].behind * px.stride;
        float *row = out + (size_t)y * (size_t)side, share_y = down[y].share;
        for (int x = 0; x < side; x++) {
            if (!across[x].inside)
                continue;
            int l = 3 * across[x].before, r = 3 * across[x].behind;
            for (int c = 0; c < 3; c++) {
                float above = (float)upper[l + c] + ((float)upper[r + c] - (float)upper[l + c]) * across[x].share;
                float below = (float)lower[l + c] + ((float)lower[r + c] - (float)lower[l + c]) * across[x].share;
                row[(size_t)c * plane + (size_t)x] = (above + (below - above) * share_y - 127.5f) / 128;
            }
        }
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
