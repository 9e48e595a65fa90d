/* cut.c - squares out of photos: where one lies for a face, and its pixels. */
#include "analyze/cut.h"

#include <math.h>

#include "align/align.h"
#include "align/similarity.h"

static const double far_away = 1e6; /* boxes come from networks and may be anything */

/* Corner (0, 0) of a crop of n x n lies at (m2, m5) of the photo, corner (n, 0) at n (m0, m3) further, corner (0, n) at n (m1, m4). */
static void square_at(double x, double y, double side, double n, double m[6])
{
    m[0] = m[4] = side / n, m[1] = m[3] = 0;
    m[2] = x - side / 2, m[5] = y - side / 2;
}

/* The box as RetinaFace draws it, by way of dlib's. */
static df_face own_box(const df_look *look)
{
    const df_box_map *from = look->map, *to = &df__detector_retinaface.dlib;
    df_face f = *look->face;
    if (from == to)
        return f;
    float w = from->sw / to->sw * f.w, h = from->sh / to->sh * f.h;
    f.x += from->dx * f.w - to->dx * w, f.y += from->dy * f.h - to->dy * h;
    f.w = w, f.h = h;
    return f;
}

static bool cut_by_points(const df_look *look, const df_cut *cut, double n, double m[6])
{
    const df_face *f = look->face;
    const df_template *t = df__template_find("dlib-150");
    const df_point at[5] = {f->right_eye, f->left_eye, f->nose, f->mouth_right, f->mouth_left};
    size_t points = (f->has & DF_HAS_NOSE) && (f->has & DF_HAS_MOUTH) ? 5 : 2;
    double s[6], step = cut->side / n, left = cut->x - cut->side / 2, top = cut->y - cut->side / 2;
    if (!(f->has & DF_HAS_EYES) || df__similarity(t->five, at, points, s, NULL) != DF_OK)
        return false;
    for (int r = 0; r < 6; r += 3) { /* the points are pixels' middles, of which 0 lies half a pixel from the edge */
        m[r] = s[r] * step, m[r + 1] = s[r + 1] * step;
        m[r + 2] = s[r] * (left - 0.5) + s[r + 1] * (top - 0.5) + s[r + 2] + 0.5;
    }
    return true;
}

void df__cut_map(const df_look *look, const df_cut *cut, double n, double m[6])
{
    if (look->whole) {
        double side = fmax(look->px.width, look->px.height) * (cut->kind == DF_CUT_BOX ? cut->side : 1);
        square_at(look->px.width / 2.0, look->px.height / 2.0, side, n, m);
        return;
    }
    if (cut->kind == DF_CUT_POINTS && cut_by_points(look, cut, n, m))
        return;
    const df_face box = own_box(look);
    bool by_box = cut->kind == DF_CUT_BOX;
    double side = fmax((double)box.w, (double)box.h) * (by_box ? cut->side : 1);
    double x = (double)box.x + (double)box.w / 2, y = (double)box.y + (double)box.h / 2;
    square_at(x + (by_box ? cut->x * side : 0), y + (by_box ? cut->y * side : 0), side, n, m);
}

double df__cut_step(const df_look *look, const df_cut *cut, int width)
{
    double m[6];
    df__cut_map(look, cut, width, m);
    return hypot(m[0], m[3]);
}

static int clamp(int v, int most) { return v < 0 ? 0 : v > most ? most : v; }

/* Linear at (x, y), pixel middles at halves; the edge goes on. */
static void add_pixel(df_pixels px, double x, double y, double sum[3])
{
    double fx = floor(x - 0.5), fy = floor(y - 0.5), u = x - 0.5 - fx, v = y - 0.5 - fy;
    int left = clamp((int)fx, px.width - 1), right = clamp((int)fx + 1, px.width - 1);
    const uint8_t *a = px.data + (size_t)clamp((int)fy, px.height - 1) * px.stride;
    const uint8_t *b = px.data + (size_t)clamp((int)fy + 1, px.height - 1) * px.stride;
    for (int c = 0; c < 3; c++) {
        double upper = a[3 * left + c] * (1 - u) + a[3 * right + c] * u, lower = b[3 * left + c] * (1 - u) + b[3 * right + c] * u;
        sum[c] += upper * (1 - v) + lower * v;
    }
}

df_status df__cut(const df_look *look, const df_cut *cut, int width, int height, df_arena *scratch, df_pixels *out, df_error *err)
{
    enum { MOST_TAPS = 6 }; /* a side: coarser, but of bounded time, for faces of more than 6 times the crop */
    double m[6], step;
    df__cut_map(look, cut, width, m);
    step = hypot(m[0], m[3]);
    for (int i = 0; i < 6; i++)
        if (!(fabs(m[i]) < far_away))
            return df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels at %g, %g cannot be cut out", (double)look->face->w,
                            (double)look->face->h, (double)look->face->x, (double)look->face->y);
    if (!(step * width >= 1))
        return df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels is too small to be cut out", (double)look->face->w,
                        (double)look->face->h);
    df_status st = df__pixels_in(scratch, width, height, out, err);
    if (st != DF_OK)
        return st;
    int taps = step > MOST_TAPS ? MOST_TAPS : (int)ceil(step - 1e-6);
    taps = taps < 1 ? 1 : taps;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double sum[3] = {0};
            for (int k = 0; k < taps * taps; k++) {
                double u = x + (k % taps + 0.5) / taps, v = y + (k / taps + 0.5) / taps;
                add_pixel(look->px, m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5], sum);
            }
            for (int c = 0; c < 3; c++)
                out->data[(size_t)y * out->stride + (size_t)(3 * x + c)] = (uint8_t)(fmin(fmax(sum[c] / (taps * taps), 0), 255) + 0.5);
        }
    return DF_OK;
}
