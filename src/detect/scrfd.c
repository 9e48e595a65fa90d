/* scrfd.c - SCRFD (Guo et al. 2021), an ONNX file of InsightFace (det_10g.onnx of buffalo_l): distances to the sides of the box and five points.
 * All as insightface 0.7.3 model_zoo/scrfd.py at the 640 x 640 that its FaceAnalysis looks at. */
#include <math.h>

#include "detect/canvas.h"
#include "detect/heads.h"

enum { SIDE = 640, STEP = 32, LEVELS = 3, PER_CELL = 2, KINDS = 3, OUTPUTS = LEVELS * KINDS };
static const char file[] = "det_10g.onnx";
static const int  strides[LEVELS] = {8, 16, 32};
static const int  channels[KINDS] = {1, 4, 10}; /* score, distances, points: each at three strides */
static const double default_score = 0.5;
static const df_suppression suppression = {.overlap = DF_OVERLAP_CLOSED, .limit = 0.4, .most_before = 30000};
static const df_canvas_rule blob = {.mean = {127.5f, 127.5f, 127.5f}, .scale = 1 / 128.0f};

static df_status scrfd_check(const df_net *net, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__head_takes(net, file, false, err));
    if (df__net_outputs(net) != OUTPUTS)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu outputs, not the %d of a model with points at the strides 8, 16 and 32", file,
                        df__net_outputs(net), OUTPUTS);
    for (size_t i = 0; i < OUTPUTS; i++)
        DF_TRY(df__head_declares(net, file, i, -1, channels[i / LEVELS], err));
done:
    return st;
}

static df_status scrfd_open(const df_loader *loader, void **self, df_error *err)
{
    return df__weights_net_checked(loader, "scrfd", loader->precision, scrfd_check, (df_net **)self, err);
}

static void scrfd_close(void *self) { df__net_free(self); }

/* One stride. The anchors of a cell lie at its corner; all numbers are in strides. */
static df_status decode(const float *const of[KINDS], int columns, int rows, double stride, double least, df_face_list *faces, df_error *err)
{
    df_status st = DF_OK;
    size_t n = (size_t)columns * (size_t)rows * PER_CELL;
    for (size_t i = 0; i < n; i++) {
        if (!(of[0][i] >= least))
            continue;
        const float *to = of[1] + 4 * i, *kps = of[2] + 10 * i;
        double x = (double)(i / PER_CELL % (size_t)columns), y = (double)(i / PER_CELL / (size_t)columns), points[10];
        df_face f = {.x = (float)((x - to[0]) * stride), .y = (float)((y - to[1]) * stride), .w = (float)(((double)to[0] + to[2]) * stride),
                     .h = (float)(((double)to[1] + to[3]) * stride), .confidence = of[0][i]};
        for (int k = 0; k < 5; k++) {
            points[2 * k] = (x + kps[2 * k]) * stride;
            points[2 * k + 1] = (y + kps[2 * k + 1]) * stride;
        }
        df__head_points(&f, points);
        DF_TRY(df__head_add(faces, &f, err));
    }
done:
    return st;
}

/* A fixed size of the file goes before the one that is asked for. */
static void sides_of(const df_net *net, int asked, int *width, int *height)
{
    const df_tensor *shape = &df__net_input(net, 0)->shape;
    int side = ((asked > 0 ? asked : SIDE) + STEP - 1) / STEP * STEP;
    *height = shape->rank == 4 && shape->dims[2] > 0 && shape->dims[2] < 1 << 16 ? (int)shape->dims[2] : side;
    *width = shape->rank == 4 && shape->dims[3] > 0 && shape->dims[3] < 1 << 16 ? (int)shape->dims[3] : side;
}

/* The photo fills the canvas in one direction, at its top left; a small one is enlarged. Returns pixels of the canvas in one of the photo. */
static df_status lay(df_pixels px, int w, int h, df_arena *scratch, df_tensor *in, double *scale, df_error *err)
{
    df_status st = DF_OK;
    double ratio = (double)px.height / px.width;
    int width = w, height = h;
    if (ratio > (double)h / w)
        width = (int)(h / ratio);
    else
        height = (int)(w * ratio);
    width = width > 0 ? width : 1, height = height > 0 ? height : 1;
    *scale = (double)height / px.height;
    DF_TRY(df__canvas_fit(px, width, height, scratch, &px, err));
    DF_TRY(df__canvas_input(px, 0, 0, w, h, &blob, scratch, in, err));
done:
    return st;
}

static df_status scrfd_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n;
    double least = isnan(params->score) ? default_score : params->score, scale = 1;
    int w, h;
    df_tensor in, result[OUTPUTS];
    sides_of(self, params->side, &w, &h);
    DF_TRY(lay(px, w, h, scratch, &in, &scale, err));
    DF_TRY(df__net_run(self, &in, 1, result, OUTPUTS, df__detect_threads(params), scratch, err));
    for (int l = 0; l < LEVELS; l++) {
        int columns = w / strides[l], rows = h / strides[l];
        const float *of[KINDS];
        for (int k = 0; k < KINDS; k++) {
            size_t i = (size_t)(k * LEVELS + l);
            DF_TRY(df__head_gave(self, file, i, &result[i], 3, (int64_t[]){1, (int64_t)columns * rows * PER_CELL, channels[k]}, &in, err));
            of[k] = result[i].data;
        }
        DF_TRY(decode(of, columns, rows, strides[l], least, out, err));
    }
    df__head_to_photo(out, first, &(df_head_map){.scale_x = 1 / scale, .scale_y = 1 / scale});
    DF_TRY(df__head_suppress(out, first, &suppression, err)); /* in pixels of the photo: CLOSED is not the same at every scale */
done:
    return st;
}

/* Trained on the boxes of WIDER FACE, as retinaface.c is: the same map to dlib's. */
const df_detector_ops df__detector_scrfd = {
    .name = "scrfd", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .side = SIDE, .dlib = {-0.01f, 0.17f, 1.10f, 0.81f},
    .open = scrfd_open, .detect = scrfd_detect, .close = scrfd_close,
};
