/* mtcnn_crop.c - bilinear samples out of the photo's bytes. */
#include "detect/mtcnn_crop.h"

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
