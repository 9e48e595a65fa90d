/* range.c - value ranges of the pixels, by the names and figures of deepface 0.0.103 modules/preprocessing.py normalize_input. */
#include <math.h>
#include <strings.h>

#include "normalize/normalize.h"

static const char *const names[] = {"base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace"};
static const float vggface1[3] = {93.5940f, 104.7624f, 129.1863f}, vggface2[3] = {91.4953f, 103.8827f, 131.0912f}; /* B G R */

int df__range_find(const char *name)
{
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcasecmp(names[i], name) == 0)
            return i;
    return -1;
}

/* (v - mean) / standard deviation over the whole crop; the deviation at least 1 / sqrt(n). */
static void whiten(float *v, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    double std = fmax(sqrt(squares / (double)n), 1 / sqrt((double)n));
    for (size_t i = 0; i < n; i++)
        v[i] = (float)((v[i] - mean) / std);
}

void df__range_apply(float *bgr, size_t n, df_range range)
{
    if (range == DF_RANGE_BASE || n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        bgr[i] *= 255;
    switch (range) {
    case DF_RANGE_BASE:
    case DF_RANGE_RAW:
        break;
    case DF_RANGE_FACENET:
        whiten(bgr, n);
        break;
    case DF_RANGE_FACENET2018:
        for (size_t i = 0; i < n; i++)
            bgr[i] = bgr[i] / 127.5f - 1;
        break;
    case DF_RANGE_VGGFACE:
    case DF_RANGE_VGGFACE2: {
        const float *mean = range == DF_RANGE_VGGFACE ? vggface1 : vggface2;
        for (size_t i = 0; i < n; i++)
            bgr[i] -= mean[i % 3];
        break;
    }
    case DF_RANGE_ARCFACE:
        for (size_t i = 0; i < n; i++)
            bgr[i] = (bgr[i] - 127.5f) / 128;
        break;
    }
}
