/* centerface.c - CenterFace (Xu et al. 2019), centerface.onnx: a map of centres at a quarter of the input, with sizes and five points.
 * All as upstream's (deepface 0.0.103 models/face_detection/CenterFace.py). */
#include <math.h>

#include "detect/canvas.h"
#include "detect/heads.h"

enum { STEP = 32, STRIDE = 4, OUTPUTS = 4, HEAT = 0, SIZE, OFFSET, POINTS };
static const char file[] = "centerface.onnx";
static const int  channels[OUTPUTS] = {1, 2, 2, 10};
static const double default_score = 0.35;
static const df_suppression suppression = {.overlap = DF_OVERLAP_CLOSED, .limit = 0.3, .at_limit = true, .most_before = 30000};
static const df_canvas_rule blob = {.scale = 1};

static df_status centerface_check(const df_net *net, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__head_takes(net, file, false, err));
    if (df__net_outputs(net) != OUTPUTS)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu outputs, not %d", file, df__net_outputs(net), OUTPUTS);
    for (size_t i = 0; i < OUTPUTS; i++)
        DF_TRY(df__head_declares(net, file, i, 1, channels[i], err));
done:
    return st;
}

/* Always float32: bfloat16 moves small boxes by more than a twentieth of their area. */
static df_status centerface_open(const df_loader *loader, void **self, df_error *err)
{
    return df__weights_net_checked(loader, "centerface", DF_PRECISION_STRICT, centerface_check, (df_net **)self, err);
}

static void centerface_close(void *self) { df__net_free(self); }

static double within(double v, double most) { return v > 0 ? v < most ? v : most : 0; }

/* Boxes begin inside the canvas and end inside it; their points hang on the cut corner, as upstream's do. Heights and y come first in the maps. */
static df_status decode(const float *const of[OUTPUTS], int width, int height, double least, df_face_list *faces, df_error *err)
{
    df_status st = DF_OK;
    int columns = width / STRIDE, rows = height / STRIDE;
    size_t plane = (size_t)columns * (size_t)rows;
    for (size_t i = 0; i < plane; i++) {
        if (!(of[HEAT][i] > least))
            continue;
        double x = (double)(i % (size_t)columns), y = (double)(i / (size_t)columns), points[10];
        double h = exp((double)of[SIZE][i]) * STRIDE, w = exp((double)of[SIZE][plane + i]) * STRIDE;
        double left = within((x + (double)of[OFFSET][plane + i] + 0.5) * STRIDE - w / 2, width);
        double top = within((y + (double)of[OFFSET][i] + 0.5) * STRIDE - h / 2, height);
        df_face f = {.x = (float)left, .y = (float)top, .w = (float)(fmin(left + w, width) - left), .h = (float)(fmin(top + h, height) - top),
                     .confidence = of[HEAT][i]};
        for (size_t k = 0; k < 5; k++) {
            points[2 * k] = (double)of[POINTS][(2 * k + 1) * plane + i] * w + left;
            points[2 * k + 1] = (double)of[POINTS][2 * k * plane + i] * h + top;
        }
        df__head_points(&f, points);
        DF_TRY(df__head_add(faces, &f, err));
    }
done:
    return st;
}

static int round_up(int n) { return (n + STEP - 1) / STEP * STEP; }

static df_status centerface_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n;
    int longer = px.width > px.height ? px.width : px.height, width = px.width, height = px.height;
    if (params->side > 0 && longer > params->side) {
        width = (int)((double)px.width * params->side / longer);
        height = (int)((double)px.height * params->side / longer);
    }
    int w = round_up(width > 0 ? width : 1), h = round_up(height > 0 ? height : 1);
    const df_head_map map = {.scale_x = (double)px.width / w, .scale_y = (double)px.height / h}; /* stretched a little to fill the canvas */
    df_tensor in, result[OUTPUTS];
    const float *of[OUTPUTS];
    DF_TRY(df__canvas_fit(px, w, h, scratch, &px, err));
    DF_TRY(df__canvas_input(px, 0, 0, w, h, &blob, scratch, &in, err));
    DF_TRY(df__net_run(self, &in, 1, result, OUTPUTS, df__detect_threads(params), scratch, err));
    for (size_t i = 0; i < OUTPUTS; i++) {
        DF_TRY(df__head_gave(self, file, i, &result[i], 4, (int64_t[]){1, channels[i], h / STRIDE, w / STRIDE}, &in, err));
        of[i] = result[i].data;
    }
    DF_TRY(decode(of, w, h, isnan(params->score) ? default_score : params->score, out, err));
    DF_TRY(df__head_suppress(out, first, &suppression, err));
    df__head_to_photo(out, first, &map);
done:
    return st;
}

/* Trained on the boxes of WIDER FACE, as retinaface.c is: the same map to dlib's. */
const df_detector_ops df__detector_centerface = {
    .name = "centerface", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .dlib = {-0.01f, 0.17f, 1.10f, 0.81f},
    .open = centerface_open, .detect = centerface_detect, .close = centerface_close,
};
