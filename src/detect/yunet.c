/* yunet.c - YuNet (Wu et al. 2023), OpenCV Zoo's face_detection_yunet_2023mar.onnx: boxes and five points without anchors.
 * Size and thresholds as upstream's (deepface 0.0.103 models/face_detection/YuNet.py), decoding and suppression as OpenCV's FaceDetectorYN
 * (4.14 modules/objdetect/src/face_detect.cpp), which it calls. */
#include <math.h>

#include "detect/canvas.h"
#include "detect/heads.h"

enum { SIDE = 640, STEP = 32, LEVELS = 3, KINDS = 4, OUTPUTS = LEVELS * KINDS };
static const char file[] = "face_detection_yunet_2023mar.onnx";
static const int  strides[LEVELS] = {8, 16, 32};
static const int  channels[KINDS] = {1, 1, 4, 10}; /* class, objectness, box, points: each at three strides */
static const double default_score = 0.9;
static const df_suppression suppression = {.overlap = DF_OVERLAP_WHOLE, .limit = 0.3, .most_before = 5000};
static const df_canvas_rule blob = {.bgr = true, .scale = 1};

static df_status yunet_check(const df_net *net, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__head_takes(net, file, false, err));
    if (df__net_outputs(net) != OUTPUTS)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu outputs, not %d", file, df__net_outputs(net), OUTPUTS);
    for (size_t i = 0; i < OUTPUTS; i++)
        DF_TRY(df__head_declares(net, file, i, -1, channels[i / LEVELS], err));
done:
    return st;
}

/* Always float32: bfloat16 moves small boxes by more than a twentieth of their area. */
static df_status yunet_open(const df_loader *loader, void **self, df_error *err)
{
    return df__weights_net_checked(loader, "yunet", loader->precision, yunet_check, (df_net **)self, err);
}

static void yunet_close(void *self) { df__net_free(self); }

static double clamp01(float v) { return v > 0 ? v < 1 ? v : 1 : 0; }

/* One stride: cell (x, y) moves by the box's first two numbers, its sides are the exponentials of the others. */
static df_status decode(const float *const of[KINDS], int columns, int rows, double stride, double least, df_face_list *faces, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < (size_t)columns * (size_t)rows; i++) {
        double score = sqrt(clamp01(of[0][i]) * clamp01(of[1][i]));
        if (!(score >= least))
            continue;
        double x = (double)(i % (size_t)columns), y = (double)(i / (size_t)columns), points[10];
        const float *box = of[2] + 4 * i, *kps = of[3] + 10 * i;
        double w = exp((double)box[2]) * stride, h = exp((double)box[3]) * stride;
        df_face f = {.x = (float)((x + (double)box[0]) * stride - w / 2), .y = (float)((y + (double)box[1]) * stride - h / 2), .w = (float)w,
                     .h = (float)h, .confidence = (float)score};
        for (int k = 0; k < 5; k++) {
            points[2 * k] = (x + (double)kps[2 * k]) * stride;
            points[2 * k + 1] = (y + (double)kps[2 * k + 1]) * stride;
        }
        df__head_points(&f, points);
        DF_TRY(df__head_add(faces, &f, err));
    }
done:
    return st;
}

static int round_up(int n) { return (n + STEP - 1) / STEP * STEP; }

static df_status yunet_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n;
    int side = params->side > 0 ? params->side : SIDE, longer = px.width > px.height ? px.width : px.height;
    double least = isnan(params->score) ? default_score : params->score, shrink = 1;
    if (longer > side) {
        shrink = (double)side / longer;
        int w = (int)(px.width * shrink), h = (int)(px.height * shrink);
        DF_TRY(df__canvas_fit(px, w > 0 ? w : 1, h > 0 ? h : 1, scratch, &px, err));
    }
    int w = round_up(px.width), h = round_up(px.height);
    df_tensor in, result[OUTPUTS];
    DF_TRY(df__canvas_input(px, 0, 0, w, h, &blob, scratch, &in, err));
    DF_TRY(df__net_run(self, &in, 1, result, OUTPUTS, df__detect_threads(params), scratch, err));
    for (int l = 0; l < LEVELS; l++) {
        int columns = w / strides[l], rows = h / strides[l];
        const float *of[KINDS];
        for (int k = 0; k < KINDS; k++) {
            size_t i = (size_t)(k * LEVELS + l);
            DF_TRY(df__head_gave(self, file, i, &result[i], 3, (int64_t[]){1, (int64_t)columns * rows, channels[k]}, &in, err));
            of[k] = result[i].data;
        }
        DF_TRY(decode(of, columns, rows, strides[l], least, out, err));
    }
    DF_TRY(df__head_suppress(out, first, &suppression, err));
    df__head_to_photo(out, first, &(df_head_map){.scale_x = 1 / shrink, .scale_y = 1 / shrink});
done:
    return st;
}

/* Trained on the boxes of WIDER FACE, as retinaface.c is: the same map to dlib's. */
const df_detector_ops df__detector_yunet = {
    .name = "yunet", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .side = SIDE, .dlib = {-0.01f, 0.17f, 1.10f, 0.81f},
    .open = yunet_open, .detect = yunet_detect, .close = yunet_close,
};
