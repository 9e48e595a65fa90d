/* eyes.c - DeepFace's alignment: rotate until the eyes are level, then crop the box.
 * Same arithmetic as deepface 0.0.103 modules/detection.py (extract_face, extract_sub_image, align_img_wrt_eyes, project_facial_area), but
 * for one thing: upstream lays the photo in the middle of a black one of twice its size first; here that border is only thought of. */
#include <math.h>
#include <string.h>

#include "align/align.h"
#include "image/warp.h"

typedef struct box { int x, y, w, h; } box;

/* Boxes come from networks and may be anything; beyond this they are no faces of this photo. */
static int to_int(double v) { return (int)fmin(fmax(v, -1e6), 1e6); }

static int max_int(int a, int b) { return a > b ? a : b; }
static int min_int(int a, int b) { return a < b ? a : b; }

/* Whole pixels, grown by `expand` percent, clipped to a picture of w x h. */
static box clip_box(box b, double expand, int w, int h)
{
    if (expand > 0) {
        int wide = b.w + to_int(b.w * expand / 100), high = b.h + to_int(b.h * expand / 100);
        b.x = max_int(0, b.x - to_int((wide - b.w) / 2.0));
        b.y = max_int(0, b.y - to_int((high - b.h) / 2.0));
        b.w = min_int(w - b.x, wide);
        b.h = min_int(h - b.y, high);
    }
    b.w = max_int(0, min_int(w, b.x + b.w) - max_int(0, b.x));
    b.h = max_int(0, min_int(h, b.y + b.h) - max_int(0, b.y));
    b.x = max_int(0, b.x);
    b.y = max_int(0, b.y);
    return b;
}

/* Part of the photo, black where it reaches outside. */
static df_status cut(df_pixels px, box b, df_arena *scratch, df_pixels *out, df_error *err)
{
    *out = (df_pixels){0};
    if (b.w <= 0 || b.h <= 0)
        return DF_OK;
    df_status st = df__pixels_in(scratch, b.w, b.h, out, err);
    if (st == DF_OK)
        df__pixels_paste(*out, -b.x, -b.y, px);
    return st;
}

/* Inverse of cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1), as warpAffine computes it. */
static void rotation(int w, int h, double degrees, double m[6])
{
    double cx = w / 2, cy = h / 2, a = degrees * (3.14159265358979323846 / 180), c = cos(a), s = sin(a);
    double f[6] = {c, s, (1 - c) * cx - s * cy, -s, c, s * cx + (1 - c) * cy};
    double d = f[0] * f[4] - f[1] * f[3];
    d = d != 0 ? 1 / d : 0;
    m[0] = f[4] * d, m[1] = -f[1] * d, m[3] = -f[3] * d, m[4] = f[0] * d;
    m[2] = -m[0] * f[2] - m[1] * f[5];
    m[5] = -m[3] * f[2] - m[4] * f[5];
}

/* Where the box lies after the turn, its size kept; whole numbers clipped to the picture. */
static box project(box b, double degrees, int w, int h)
{
    double turn = fmod(fabs(degrees), 360);
    if (turn == 0)
        return b;
    int sign = degrees >= 0 ? 1 : -1;
    double a = turn * 3.14159265358979323846 / 180;
    double x = b.x + b.w / 2.0 - w / 2.0, y = b.y + b.h / 2.0 - h / 2.0;
    double nx = x * cos(a) + y * sign * sin(a) + w / 2.0, ny = -x * sign * sin(a) + y * cos(a) + h / 2.0;
    int x1 = max_int((int)(nx - b.w / 2.0), 0), y1 = max_int((int)(ny - b.h / 2.0), 0);
    int x2 = min_int((int)(nx + b.w / 2.0), w), y2 = min_int((int)(ny + b.h / 2.0), h);
    return (box){x1, y1, x2 - x1, y2 - y1};
}

/* How a face is cut out: `wide` of the photo, turned by `m` where it has eyes, of which `inner` stays. */
typedef struct plan { box wide, inner; bool turned; double m[6]; } plan;

static plan plan_of(int width, int height, const df_face *face, double expand)
{
    /* coordinates on upstream's padded photo */
    int bx = width / 2, by = height / 2;
    box b = {to_int(face->x) + bx, to_int(face->y) + by, to_int(face->w), to_int(face->h)};
    b = clip_box(b, expand, width + 2 * bx, height + 2 * by);
    /* twice the box, so that the turn moves nothing of the face outside */
    int rx = b.w / 2, ry = b.h / 2;
    plan p = {.wide = {b.x - bx - rx, b.y - by - ry, b.w + 2 * rx, b.h + 2 * ry}, .inner = {rx, ry, b.w, b.h}};
    if (face->has & DF_HAS_EYES) {
        int dx = to_int(face->left_eye.x) - to_int(face->right_eye.x), dy = to_int(face->left_eye.y) - to_int(face->right_eye.y);
        double degrees = atan2(dy, dx) * (180 / 3.14159265358979323846);
        p.turned = true;
        rotation(p.wide.w, p.wide.h, degrees, p.m);
        /* upstream hands (rows, columns) as size and reads it as (height, width): the same */
        p.inner = project(p.inner, degrees, p.wide.w, p.wide.h);
    }
    return p;
}

static box common(box a, box b)
{
    int left = max_int(a.x, b.x), top = max_int(a.y, b.y);
    return (box){left, top, min_int(a.x + a.w, b.x + b.w) - left, min_int(a.y + a.h, b.y + b.h) - top};
}

/* Upstream turns all of `wide` and cuts `inner` out; here only what stays is looked up, in that part of the photo. */
df_status df__align_eyes(df_pixels px, const df_face *face, double expand, df_arena *scratch, df_pixels *crop, df_error *err)
{
    df_status st = DF_OK;
    double m[6];
    plan p = plan_of(px.width, px.height, face, expand);
    *crop = (df_pixels){0};
    if (p.wide.w <= 0 || p.wide.h <= 0 || p.inner.w <= 0 || p.inner.h <= 0)
        return DF_OK;
    if (!p.turned)
        return cut(px, (box){p.wide.x + p.inner.x, p.wide.y + p.inner.y, p.inner.w, p.inner.h}, scratch, crop, err);
    box seen = common(p.wide, (box){0, 0, px.width, px.height});
    DF_TRY(df__pixels_in(scratch, p.inner.w, p.inner.h, crop, err));
    if (seen.w <= 0 || seen.h <= 0)
        goto done; /* beside the photo: black */
    df__align_eyes_map(px.width, px.height, face, expand, m);
    m[2] -= seen.x, m[5] -= seen.y;
    DF_TRY(df__warp_affine(df__pixels_view(px, seen.x, seen.y, seen.w, seen.h), *crop, m, DF_CUBIC, err));
done:
    return st;
}

void df__align_eyes_map(int width, int height, const df_face *face, double expand, double m[6])
{
    plan p = plan_of(width, height, face, expand);
    const double as_it_is[6] = {1, 0, 0, 0, 1, 0}, *turn = p.turned ? p.m : as_it_is;
    for (int r = 0; r < 6; r += 3) {
        m[r] = turn[r], m[r + 1] = turn[r + 1];
        m[r + 2] = turn[r] * p.inner.x + turn[r + 1] * p.inner.y + turn[r + 2] + (r ? p.wide.y : p.wide.x);
    }
}

static box plain_box(int width, int height, const df_face *face, double expand)
{
    return clip_box((box){to_int(face->x), to_int(face->y), to_int(face->w), to_int(face->h)}, expand, width, height);
}

df_status df__align_none(df_pixels px, const df_face *face, double expand, df_arena *scratch, df_pixels *crop, df_error *err)
{
    return cut(px, plain_box(px.width, px.height, face, expand), scratch, crop, err);
}

void df__align_none_map(int width, int height, const df_face *face, double expand, double m[6])
{
    box b = plain_box(width, height, face, expand);
    const double shift[6] = {1, 0, b.x, 0, 1, b.y};
    memcpy(m, shift, sizeof shift);
}
