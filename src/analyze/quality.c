/* quality.c - sharpness, light, size and pose of a face, each worth 0..1, and their product as a score. No network: what a person would
 * look at, measured. Where the bounds come from: docs/attributes.md. */
#include "analyze/quality.h"

#include <math.h>

#include "align/align.h"

enum { SIDE = 112 }; /* pixels of the grey square that sharpness and light are measured on */
static const double pi = 3.14159265358979323846;

/* 0 at `none`, 1 at `full`, straight between. */
static double ramp(double v, double none, double full) { return fmin(1, fmax(0, (v - none) / (full - none))); }

/* From `worst` at `none` to 1 at `full`. */
static double worth(double v, double none, double full, double worst) { return worst + (1 - worst) * ramp(v, none, full); }

/* ---- sharpness and light ---- */

typedef struct light { double mean, deviation, edges; } light;

static light light_of(df_pixels px)
{
    double grey[SIDE][SIDE], sum = 0, squares = 0, edges = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *p = px.data + (size_t)y * px.stride + (size_t)(3 * x);
            grey[y][x] = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
            sum += grey[y][x], squares += grey[y][x] * grey[y][x];
        }
    for (int y = 1; y < SIDE - 1; y++)
        for (int x = 1; x < SIDE - 1; x++) {
            double l = 4 * grey[y][x] - grey[y - 1][x] - grey[y + 1][x] - grey[y][x - 1] - grey[y][x + 1];
            edges += l * l;
        }
    light r = {.mean = sum / (SIDE * SIDE)};
    double variance = fmax(0, squares / (SIDE * SIDE) - r.mean * r.mean);
    r.deviation = sqrt(variance);
    /* Whole grey levels alone make 20/12 of it. Divided by the contrast's square: a dull face is no blurred one. */
    r.edges = fmax(0, edges / ((SIDE - 2) * (SIDE - 2)) - 2) / (variance + 1);
    return r;
}

/* ---- pose ---- */

/* The points' mean place on faces from the front ("dlib-150"), and how far the nose's tip stands before the plane of eyes and mouth, in
 * distances of the eyes: 0.55, an adult's 35 of 63 mm. */
static const double nose_depth = 0.55;

static void pose_of(const df_face *f, df_quality *out)
{
    const df_template *t = df__template_find("dlib-150");
    out->yaw = out->pitch = out->roll = (float)NAN;
    if (!(f->has & DF_HAS_EYES))
        return;
    double ex = (double)f->left_eye.x - (double)f->right_eye.x, ey = (double)f->left_eye.y - (double)f->right_eye.y, apart = hypot(ex, ey);
    if (!(apart > 0))
        return;
    out->roll = (float)(atan2(ey, ex) * 180 / pi);
    if (!(f->has & DF_HAS_NOSE) || !(f->has & DF_HAS_MOUTH))
        return;
    /* middles of eyes and mouth and the nose's tip, along the line of the eyes and across it, in distances of the eyes */
    double c = ex / apart, s = ey / apart;
    double mx = ((double)f->left_eye.x + (double)f->right_eye.x) / 2, my = ((double)f->left_eye.y + (double)f->right_eye.y) / 2;
    double nx = (double)f->nose.x - mx, ny = (double)f->nose.y - my;
    double bx = ((double)f->mouth_left.x + (double)f->mouth_right.x) / 2 - mx;
    double by = ((double)f->mouth_left.y + (double)f->mouth_right.y) / 2 - my;
    double along = (nx * c + ny * s) / apart, across = (ny * c - nx * s) / apart;
    double mouth_along = (bx * c + by * s) / apart, mouth = (by * c - bx * s) / apart;
    double eye_y = ((double)t->five[0].y + (double)t->five[1].y) / 2, mouth_y = ((double)t->five[3].y + (double)t->five[4].y) / 2;
    double rest = ((double)t->five[2].y - eye_y) / (mouth_y - eye_y); /* where the nose lies between eyes and mouth */
    double length = (mouth_y - eye_y) / ((double)t->five[1].x - (double)t->five[0].x);
    out->yaw = (float)(atan((along - rest * mouth_along) / nose_depth) * 180 / pi);
    if (mouth > 0.1)
        out->pitch = (float)(atan((rest - across / mouth) * length / nose_depth) * 180 / pi);
}

/* ---- together ---- */

/* How much of the face lies on the photo. Detectors draw their boxes around what they see: where the five points are known, the box is taken
 * that RetinaFace draws around a whole face, by its mean place in the chip (docs/attributes.md). */
static double inside(const df_look *look)
{
    enum { GRID = 12 };
    static const double left = 15.9, top = 3.5, width = 119, height = 138.6;
    static const df_cut unit = {DF_CUT_POINTS, 150, 75, 75, false};
    const df_face *f = look->face;
    bool points = (f->has & DF_HAS_EYES) && (f->has & DF_HAS_NOSE) && (f->has & DF_HAS_MOUTH) && !look->whole;
    double m[6], in = 0;
    if (points)
        df__cut_map(look, &unit, 150, m);
    for (int i = 0; i < GRID * GRID; i++) {
        double u = (i % GRID + 0.5) / GRID, v = (i / GRID + 0.5) / GRID;
        double x = (double)f->x + u * (double)f->w, y = (double)f->y + v * (double)f->h;
        if (points) {
            u = left + u * width, v = top + v * height;
            x = m[0] * u + m[1] * v + m[2], y = m[3] * u + m[4] * v + m[5];
        }
        in += x >= 0 && y >= 0 && x <= look->px.width && y <= look->px.height;
    }
    return in / (GRID * GRID);
}

static void flag(df_quality *q, bool bad, unsigned reason) { q->reasons |= bad ? reason : 0; }

df_status df__quality(const df_look *look, double scale, df_quality *out, df_arena *scratch, df_error *err)
{
    static const df_cut cut = {DF_CUT_BOX, 0.9, 0, 0, false};
    df_status st = DF_OK;
    df_pixels square;
    df_quality q = {0};
    df_arena_mark mark = df__arena_mark(scratch);
    DF_TRY(df__cut(look, &cut, SIDE, SIDE, scratch, &square, err));
    const light l = light_of(square);
    const double size = fmin((double)look->face->w, (double)look->face->h) * scale, in = inside(look);
    pose_of(look->face, &q);
    const double yaw = isnan(q.yaw) ? 0 : fabs((double)q.yaw), pitch = isnan(q.pitch) ? 0 : fabs((double)q.pitch);
    q.sharpness = (float)ramp(log(fmax(l.edges, 1e-6)), log(0.001), log(0.015));
    q.brightness = (float)l.mean, q.contrast = (float)l.deviation, q.size = (float)size;
    double score = worth((double)q.sharpness, 0, 1, 0.1) * worth(l.mean, 25, 60, 0.2) * worth(-l.mean, -235, -190, 0.2) *
                   worth(l.deviation, 8, 25, 0.3) * worth(size, 16, 80, 0.1) * worth(-yaw, -60, -20, 0.2) * worth(-pitch, -50, -20, 0.3) * worth(in, 0.5, 0.95, 0.2);
    q.score = (float)(100 * score);
    flag(&q, (double)q.sharpness < 0.45, DF_QUALITY_BLURRED), flag(&q, l.mean < 50, DF_QUALITY_DARK), flag(&q, l.mean > 205, DF_QUALITY_BRIGHT);
    flag(&q, l.deviation < 15, DF_QUALITY_FLAT), flag(&q, size < 40, DF_QUALITY_SMALL), flag(&q, yaw > 35, DF_QUALITY_TURNED);
    flag(&q, pitch > 30, DF_QUALITY_TILTED), flag(&q, in < 0.85, DF_QUALITY_CUT);
    *out = q;
done:
    df__arena_release(scratch, mark);
    return st;
}
