/* retinaface_resnet50.c - RetinaFace (Deng et al. 2019) on ResNet-50, upstream's retinaface.onnx: nine outputs, three a stride.
 * All as the package retina-face 0.0.19 that upstream calls: RetinaFace.py detect_faces, commons/preprocess.py, commons/postprocess.py. */
#include <math.h>

#include "detect/canvas.h"
#include "detect/heads.h"
#include "image/warp.h"

/* The shorter side is brought to SHORT, unless the longer one would pass LONG; small photos are enlarged. */
enum { SHORT = 1024, LONG = 1980, LEVELS = 3, PER_CELL = 2, KINDS = 3, OUTPUTS = LEVELS * KINDS };
static const char   file[] = "retinaface.onnx";
static const int    strides[LEVELS] = {32, 16, 8};
static const double anchor_sides[LEVELS][PER_CELL] = {{512, 256}, {128, 64}, {32, 16}};
static const double anchor_centre = 7.5; /* of every stride: centres of closed boxes around a cell's 16 x 16 pixels */
static const int    channels[KINDS] = {4, 8, 20}; /* no face twice, face twice; boxes; points */
static const double default_score = 0.9;
static const df_suppression suppression = {.overlap = DF_OVERLAP_CLOSED, .limit = 0.4, .at_limit = true, .most_before = 30000};
static const df_canvas_rule blob = {.last = true, .scale = 1};

static df_status resnet50_check(const df_net *net, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__head_takes(net, file, true, err));
    if (df__net_outputs(net) != OUTPUTS)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu outputs, not %d", file, df__net_outputs(net), OUTPUTS);
    for (size_t i = 0; i < OUTPUTS; i++)
        DF_TRY(df__head_declares(net, file, i, 3, channels[i % KINDS], err));
done:
    return st;
}

static df_status resnet50_open(const df_loader *loader, void **self, df_error *err)
{
    return df__weights_net_checked(loader, "retinaface-resnet50", loader->precision, resnet50_check, (df_net **)self, err);
}

static void resnet50_close(void *self) { df__net_free(self); }

static double within(double v, double most) { return v > 0 ? v < most ? v : most : 0; }

/* One stride of a canvas of w x h pixels. Boxes are closed: from the first pixel to the last one. */
static df_status decode(const float *const of[KINDS], int columns, int rows, int level, int w, int h, double least, df_face_list *faces, df_error *err)
{
    df_status st = DF_OK;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            for (int a = 0; a < PER_CELL; a++) {
                size_t cell = (size_t)y * (size_t)columns + (size_t)x;
                float score = of[0][4 * cell + PER_CELL + (size_t)a];
                if (!(score >= least))
                    continue;
                const float *box = of[1] + 8 * cell + 4 * (size_t)a, *at = of[2] + 20 * cell + 10 * (size_t)a;
                double side = anchor_sides[level][a], ax = x * strides[level] + anchor_centre, ay = y * strides[level] + anchor_centre, points[10];
                double cx = ax + box[0] * side, cy = ay + box[1] * side, half_w = (exp(box[2]) * side - 1) / 2, half_h = (exp(box[3]) * side - 1) / 2;
                double left = within(cx - half_w, w - 1), top = within(cy - half_h, h - 1);
                df_face f = {.x = (float)left, .y = (float)top, .w = (float)(within(cx + half_w, w - 1) - left),
                             .h = (float)(within(cy + half_h, h - 1) - top), .confidence = score};
                for (int k = 0; k < 5; k++) {
                    points[2 * k] = ax + at[2 * k] * side;
                    points[2 * k + 1] = ay + at[2 * k + 1] * side;
                }
                df__head_points(&f, points);
                DF_TRY(df__head_add(faces, &f, err));
            }
done:
    return st;
}

static double scale_of(int width, int height, int asked)
{
    int longer = width > height ? width : height, shorter = width > height ? height : width;
    if (asked > 0)
        return (double)asked / longer;
    double scale = (double)SHORT / shorter;
    return rint(scale * longer) > LONG ? (double)LONG / longer : scale;
}

static df_status resnet50_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n;
    double least = isnan(params->score) ? default_score : params->score, scale = scale_of(px.width, px.height, params->side);
    int w = (int)fmax(1, rint(px.width * scale)), h = (int)fmax(1, rint(px.height * scale));
    df_tensor in, result[OUTPUTS];
    if (scale != 1) {
        df_pixels sized;
        DF_TRY(df__pixels_in(scratch, w, h, &sized, err));
        DF_TRY(df__resize_by(px, sized, 1 / scale, 1 / scale, scratch, err));
        px = sized;
    }
    DF_TRY(df__canvas_input(px, 0, 0, w, h, &blob, scratch, &in, err));
    DF_TRY(df__net_run(self, &in, 1, result, OUTPUTS, df__detect_threads(params), scratch, err));
    for (int l = 0; l < LEVELS; l++) {
        int columns = (w + strides[l] - 1) / strides[l], rows = (h + strides[l] - 1) / strides[l];
        const float *of[KINDS];
        for (int k = 0; k < KINDS; k++) {
            size_t i = (size_t)(l * KINDS + k);
            DF_TRY(df__head_gave(self, file, i, &result[i], 4, (int64_t[]){1, rows, columns, channels[k]}, &in, err));
            of[k] = result[i].data;
        }
        DF_TRY(decode(of, columns, rows, l, w, h, least, out, err));
    }
    df__head_to_photo(out, first, &(df_head_map){.scale_x = 1 / scale, .scale_y = 1 / scale});
    DF_TRY(df__head_suppress(out, first, &suppression, err)); /* in pixels of the photo: CLOSED is not the same at every scale */
done:
    return st;
}

/* Trained on the boxes of WIDER FACE, as retinaface.c is: the same map to dlib's. */
const df_detector_ops df__detector_retinaface_resnet50 = {
    .name = "retinaface-resnet50", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .side = LONG, .dlib = {-0.01f, 0.17f, 1.10f, 0.81f},
    .open = resnet50_open, .detect = resnet50_detect, .close = resnet50_close,
};
