/* facemesh.c - MediaPipe's face mesh on a face of a photo: a turned square around it, the network, and its points back to the photo.
 * Square, order and range as MediaPipe 0.10.14's face_detection_front_detection_to_roi.pbtxt and face_landmark_cpu.pbtxt: 1.5 times
 * the box of its own detector, the eyes level, R G B of 0..1; the photo's edge goes on where the square reaches outside. */
#include "align/facemesh.h"

#include <math.h>

enum { SIDE = 192, OUTPUTS = 3, MESH = 2 }; /* before the mesh: contours of eyes and lips, and whether there is a face */
enum { RIGHT_CORNER = 33, LEFT_CORNER = 263 }; /* outer corners of the eyes: face_landmark_landmarks_to_roi.pbtxt */
static const double roi = 1.5;

/* Square of the photo that the network sees; `turn` in radians. */
typedef struct square { double x, y, side, turn; } square;

/* From the detector's box over dlib's to that of MediaPipe's detector. */
static square square_of(const df_face *f, const df_box_map *map)
{
    const df_box_map *own = &df__detector_mediapipe.dlib;
    double w = map->sw / own->sw * f->w, h = map->sh / own->sh * f->h;
    double x = f->x + map->dx * f->w - own->dx * w, y = f->y + map->dy * f->h - own->dy * h;
    square s = {.x = x + w / 2, .y = y + h / 2, .side = roi * fmax(w, h)};
    if (f->has & DF_HAS_EYES)
        s.turn = atan2((double)(f->left_eye.y - f->right_eye.y), (double)(f->left_eye.x - f->right_eye.x));
    return s;
}

/* Pixel (x, y) of the network's input lies at (m0 x + m1 y + m2, m3 x + m4 y + m5) of the photo: corner to corner, as MediaPipe. */
static void transform_of(const square *s, double m[6])
{
    double step = s->side / SIDE, c = cos(s->turn) * step, d = sin(s->turn) * step, half = SIDE / 2.0;
    m[0] = c, m[1] = -d, m[2] = s->x - (c - d) * half;
    m[3] = d, m[4] = c, m[5] = s->y - (c + d) * half;
}

static double clamp(double v, double most) { return v < 0 ? 0 : v > most ? most : v; }

/* [1][3][SIDE][SIDE], linear between pixels, the outermost ones repeated. */
static void sample(df_pixels px, const double m[6], float *blob)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double u = clamp(m[0] * x + m[1] * y + m[2], px.width - 1), v = clamp(m[3] * x + m[4] * y + m[5], px.height - 1);
            int left = (int)u, top = (int)v, right = left + 1 < px.width ? left + 1 : left, below = top + 1 < px.height ? top + 1 : top;
            double fu = u - left, fv = v - top;
            const uint8_t *a = px.data + (size_t)top * px.stride, *b = px.data + (size_t)below * px.stride;
            for (int c = 0; c < 3; c++) {
                double upper = a[3 * left + c] * (1 - fu) + a[3 * right + c] * fu, lower = b[3 * left + c] * (1 - fu) + b[3 * right + c] * fu;
                blob[(c * SIDE + y) * SIDE + x] = (float)((upper * (1 - fv) + lower * fv) / 255);
            }
        }
}

static df_status look(df_net *net, df_pixels px, const square *s, float *blob, df_point *out, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    double m[6];
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {1, 3, SIDE, SIDE}, .data = blob}, result[OUTPUTS];
    transform_of(s, m);
    sample(px, m, blob);
    DF_TRY(df__net_run(net, &in, 1, result, OUTPUTS, 1, scratch, err));
    const df_tensor *mesh = &result[MESH];
    if (mesh->type != DF_F32 || df__tensor_count(mesh) != 3 * DF_MESH_POINTS)
        return df__fail(err, DF_E_BAD_MODEL, "facemesh: the output has %lld numbers, not %d", (long long)df__tensor_count(mesh), 3 * DF_MESH_POINTS);
    const float *v = mesh->data;
    for (int i = 0; i < DF_MESH_POINTS; i++, v += 3) {
        double x = (double)v[0], y = (double)v[1];
        out[i] = (df_point){(float)(m[0] * x + m[1] * y + m[2]), (float)(m[3] * x + m[4] * y + m[5])};
        if (!isfinite(out[i].x) || !isfinite(out[i].y))
            return df__fail(err, DF_E_BAD_MODEL, "facemesh: point %d is no number", i);
    }
done:
    return st;
}

df_status df__facemesh(df_net *net, df_pixels px, const df_face *face, const df_box_map *map, df_point out[DF_MESH_POINTS], df_arena *scratch,
                       df_error *err)
{
    df_status st = DF_OK;
    square s = square_of(face, map);
    if (!(fabs(s.x) < 1e6 && fabs(s.y) < 1e6 && s.side >= 1 && s.side < 1e7 && isfinite(s.turn)))
        return df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels at %g, %g has no landmarks", (double)face->w, (double)face->h,
                        (double)face->x, (double)face->y);
    df_arena_mark mark = df__arena_mark(scratch);
    float *blob = df__arena_alloc(scratch, 3 * SIDE * SIDE * sizeof *blob);
    if (!blob)
        return df__no_memory(err, "facemesh input", 3 * SIDE * SIDE * sizeof *blob);
    DF_TRY(look(net, px, &s, blob, out, scratch, err));
    if (!(face->has & DF_HAS_EYES)) {
        const df_point *right = &out[RIGHT_CORNER], *left = &out[LEFT_CORNER];
        s.turn = atan2((double)(left->y - right->y), (double)(left->x - right->x));
        DF_TRY(look(net, px, &s, blob, out, scratch, err));
    }
done:
    df__arena_release(scratch, mark);
    return st;
}
