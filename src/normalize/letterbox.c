/* letterbox.c - scale to fit, black bars for the rest. Arithmetic of upstream's preprocessing.resize_image: the crop is divided by 255
 * first and resized as real numbers (cv2.resize, linear: pixel centres at +0.5, edges repeated). */
#include <math.h>
#include <string.h>

#include "normalize/normalize.h"

typedef struct tap { int a, b; double f; } tap; /* (1 - f) of pixel a, f of pixel b */

static tap tap_of(int at, int n_to, int n_from)
{
    double p = (at + 0.5) * n_from / n_to - 0.5;
    int a = (int)floor(p);
    double f = p - a;
    if (a < 0)
        a = 0, f = 0;
    if (a >= n_from - 1)
        a = n_from - 1, f = 0;
    return (tap){a, a + 1 < n_from ? a + 1 : a, f};
}

static double mix(double a, double b, double f) { return a + (b - a) * f; }

void df__letterbox(df_pixels crop, int w, int h, float *out)
{
    memset(out, 0, (size_t)w * (size_t)h * 3 * sizeof *out);
    double fy = (double)h / crop.height, fx = (double)w / crop.width, factor = fy < fx ? fy : fx;
    int nw = (int)(crop.width * factor), nh = (int)(crop.height * factor);
    /* a crop so thin that a side rounds to nothing keeps one row of pixels */
    nw = nw < 1 ? 1 : nw > w ? w : nw;
    nh = nh < 1 ? 1 : nh > h ? h : nh;
    int left = (w - nw) / 2, top = (h - nh) / 2;
    for (int y = 0; y < nh; y++) {
        tap v = tap_of(y, nh, crop.height);
        const uint8_t *ra = crop.data + (size_t)v.a * crop.stride, *rb = crop.data + (size_t)v.b * crop.stride;
        float *row = out + ((size_t)(top + y) * (size_t)w + (size_t)left) * 3;
        for (int x = 0; x < nw; x++) {
            tap u = tap_of(x, nw, crop.width);
            for (int c = 0; c < 3; c++) {
                int k = 2 - c; /* R G B to B G R */
                double upper = mix(ra[3 * u.a + k] / 255.0, ra[3 * u.b + k] / 255.0, u.f);
                double lower = mix(rb[3 * u.a + k] / 255.0, rb[3 * u.b + k] / 255.0, u.f);
                row[3 * x + c] = (float)mix(upper, lower, v.f);
            }
        }
    }
}
