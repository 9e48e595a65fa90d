/* mediapipe.c - BlazeFace (Bazarevsky et al. 2019) as MediaPipe runs it: boxes, eyes and nose of large faces, fast.
 * Two networks: "mediapipe" sees 128 pixels and faces within two metres of a camera, "mediapipe-full" 256 pixels and smaller faces.
 * Letterbox as MediaPipe 0.10.14's face_detection_short_range.pbtxt and ImageToTensorCalculator; what follows is in blaze.c. */
#include <math.h>
#include <string.h>

#include "detect/blaze.h"
#include "detect/canvas.h"
#include "detect/detector.h"
#include "image/warp.h"

enum { RIGHT_EYE, LEFT_EYE, NOSE }; /* then the mouth's centre and the tragions of the ears, for which df_face has no place */
/* Upstream asks for 0.7 (deepface 0.0.103 models/face_detection/MediaPipe.py), but MediaPipe 0.10.14 passes that over: its
 * create_graph_options sets a field that the graph does not read, and faces come from 0.5 on, which is what upstream's users get. */
static const double default_score = 0.5;
static const df_canvas_rule blob = {.mean = {127.5f, 127.5f, 127.5f}, .scale = 1 / 127.5f};

/* ---- the network's input ---- */

/* MediaPipe lays the photo in the middle of a square and maps corner to corner: pixel (0, 0) of the input is the square's corner, without
 * the half pixel of other resizes, and pixels between are passed over. */
static df_status letterbox(df_pixels px, int side, df_arena *scratch, double m[6], df_pixels *out, df_error *err)
{
    df_status st = df__pixels_in(scratch, side, side, out, err);
    double longer = px.width > px.height ? px.width : px.height;
    const double map[6] = {longer / side, 0, (px.width - longer) / 2, 0, longer / side, (px.height - longer) / 2};
    memcpy(m, map, sizeof map);
    return st == DF_OK ? df__warp_affine(px, *out, m, DF_LINEAR, err) : st;
}

/* ---- the detector ---- */

static df_point point_of(const df_blaze *c, int i, const double m[6])
{
    return (df_point){(float)(m[0] * c->v[4 + 2 * i] + m[2]), (float)(m[4] * c->v[5 + 2 * i] + m[5])};
}

static df_status run(df_net *net, df_pixels px, int side, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    df_pixels input;
    df_tensor in, result[DF_BLAZE_OUTPUTS];
    double m[6];
    size_t n = 0;
    df_blaze *found = df__arena_alloc(scratch, DF_BLAZE_ANCHORS * sizeof *found);
    if (!found)
        return df__no_memory(err, "mediapipe candidates", DF_BLAZE_ANCHORS * sizeof *found);
    DF_TRY(letterbox(px, side, scratch, m, &input, err));
    DF_TRY(df__canvas_input(input, 0, 0, side, side, &blob, scratch, &in, err));
    DF_TRY(df__net_run(net, &in, 1, result, DF_BLAZE_OUTPUTS, 1, scratch, err));
    DF_TRY(df__blaze_decode(result, side, isnan(params->score) ? default_score : params->score, found, &n, err));
    n = df__blaze_blend(found, n);
    for (size_t i = 0; i < n; i++) {
        const df_blaze *c = &found[i];
        df_face f = {.x = (float)(m[0] * c->v[0] + m[2]), .y = (float)(m[4] * c->v[1] + m[5]), .w = (float)(m[0] * (c->v[2] - c->v[0])),
                     .h = (float)(m[4] * (c->v[3] - c->v[1])), .confidence = c->score, .has = DF_HAS_EYES | DF_HAS_NOSE};
        f.right_eye = point_of(c, RIGHT_EYE, m), f.left_eye = point_of(c, LEFT_EYE, m), f.nose = point_of(c, NOSE, m);
        DF_TRY(df__face_list_add(out, &f, err));
    }
done:
    return st;
}

/* Always float32: the outputs are pixels, up to 150 of them, of which bfloat16 keeps the whole ones alone; one of the input's may be twenty
 * of the photo's. */
static df_status open_as(const df_loader *loader, const char *name, void **self, df_error *err)
{
    df_net *net = NULL;
    df_status st = df__weights_net(loader, name, loader->precision, &net, err);
    *self = net;
    return st;
}

static df_status open_short(const df_loader *loader, void **self, df_error *err) { return open_as(loader, "mediapipe", self, err); }
static df_status open_full(const df_loader *loader, void **self, df_error *err) { return open_as(loader, "mediapipe-full", self, err); }
static void close_net(void *self) { df__net_free(self); }

static df_status detect_short(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    return run(self, px, 128, params, scratch, out, err);
}

static df_status detect_full(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    return run(self, px, 256, params, scratch, out, err);
}

/* Looks at few pixels, but at single ones of the whole photo, as MediaPipe does: it is decoded at full scale. */
const df_detector_ops df__detector_mediapipe = {
    .name = "mediapipe", .gives = DF_HAS_EYES | DF_HAS_NOSE, .dlib = {0, -0.055f, 1, 0.99f},
    .open = open_short, .detect = detect_short, .close = close_net,
};
const df_detector_ops df__detector_mediapipe_full = {
    .name = "mediapipe-full", .gives = DF_HAS_EYES | DF_HAS_NOSE, .dlib = {-0.005f, -0.04f, 1.01f, 1.01f},
    .open = open_full, .detect = detect_full, .close = close_net,
};
