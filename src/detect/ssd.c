/* ssd.c - SSD with a ResNet-10 trunk (OpenCV's res10_300x300_ssd_iter_140000, Caffe): boxes alone, no points.
 * Arithmetic as upstream's (deepface 0.0.103 models/face_detection/Ssd.py); decoding and suppression as the DetectionOutput layer of
 * its deploy.prototxt says: centre-size code, NMS 0.45, the best 400 before and 200 after. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/list.h"
#include "image/warp.h"

enum { SIDE = 300, TOP_BEFORE = 400, TOP_AFTER = 200 };
static const double default_score = 0.9, overlap = 0.45, least_candidate = 0.01;

static df_status ssd_open(const df_loader *loader, void **self, df_error *err)
{
    df_net *net = NULL;
    df_status st = df__weights_net(loader, "ssd", loader->precision, &net, err);
    *self = net;
    return st;
}

static void ssd_close(void *self) { df__net_free(self); }

/* [1][3][300][300] BGR 0..255: upstream calls cv2.dnn.blobFromImage without a mean. */
static float *blob_of(df_pixels px, df_arena *scratch)
{
    size_t plane = (size_t)px.width * (size_t)px.height;
    float *blob = df__arena_alloc(scratch, 3 * plane * sizeof *blob);
    if (!blob)
        return NULL;
    for (size_t c = 0; c < 3; c++)
        for (int y = 0; y < px.height; y++) {
            const uint8_t *from = px.data + (size_t)y * px.stride + (2 - c);
            float *row = blob + c * plane + (size_t)y * (size_t)px.width;
            for (int x = 0; x < px.width; x++)
                row[x] = from[3 * x];
        }
    return blob;
}

/* Boxes in units of the input's sides. prior: [2][4 n] corners, then variances. */
static df_status decode(const df_tensor out[3], df_face_list *faces, df_error *err)
{
    int64_t n4 = df__tensor_count(&out[0]), n2 = df__tensor_count(&out[1]), n8 = df__tensor_count(&out[2]);
    if (n4 <= 0 || n4 % 4 || n2 != n4 / 2 || n8 != 2 * n4)
        return df__fail(err, DF_E_BAD_MODEL, "ssd: outputs of %lld, %lld and %lld numbers do not belong together", (long long)n4,
                        (long long)n2, (long long)n8);
    const float *loc = out[0].data, *conf = out[1].data, *prior = out[2].data, *var = prior + n4;
    df_status st = DF_OK;
    for (int64_t i = 0; i < n4 / 4 && st == DF_OK; i++, loc += 4, conf += 2, prior += 4, var += 4) {
        if (!(conf[1] > least_candidate))
            continue;
        double pw = prior[2] - prior[0], ph = prior[3] - prior[1];
        double cx = (prior[0] + prior[2]) / 2 + var[0] * loc[0] * pw, cy = (prior[1] + prior[3]) / 2 + var[1] * loc[1] * ph;
        double w = exp(var[2] * loc[2]) * pw, h = exp(var[3] * loc[3]) * ph;
        df_face f = {.x = (float)(cx - w / 2), .y = (float)(cy - h / 2), .w = (float)w, .h = (float)h, .confidence = conf[1]};
        if (isfinite(f.x) && isfinite(f.y) && isfinite(f.w) && isfinite(f.h))
            st = df__face_list_add(faces, &f, err);
    }
    return st;
}

/* Whole numbers at 300 x 300 first, then in the photo: upstream truncates twice. */
static float to_photo(double unit, double scale) { return (float)trunc(trunc(unit * SIDE) * scale); }

static df_status ssd_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    df_face_list found = {0};
    df_pixels input;
    DF_TRY(df__pixels_in(scratch, SIDE, SIDE, &input, err));
    DF_TRY(df__resize(px, input, DF_LINEAR, scratch, err));
    float *blob = blob_of(input, scratch);
    if (!blob)
        DF_TRY(df__no_memory(err, "ssd input", 12 * SIDE * SIDE));
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {1, 3, SIDE, SIDE}, .data = blob}, result[3];
    DF_TRY(df__net_run(self, &in, 1, result, 3, 1, scratch, err));
    DF_TRY(decode(result, &found, err));
    DF_TRY(df__face_list_sort(&found, 0, err));
    if (found.n > TOP_BEFORE)
        found.n = TOP_BEFORE;
    DF_TRY(df__face_list_suppress(&found, 0, overlap, err));
    double least = isnan(params->score) ? default_score : params->score;
    double sx = (double)px.width / SIDE, sy = (double)px.height / SIDE;
    for (size_t i = 0; i < found.n && i < TOP_AFTER && found.items[i].confidence >= least; i++) {
        df_face f = found.items[i];
        float right = to_photo((double)f.x + f.w, sx), bottom = to_photo((double)f.y + f.h, sy);
        f.x = to_photo(f.x, sx), f.y = to_photo(f.y, sy);
        f.w = right - f.x, f.h = bottom - f.y;
        if (f.w > 0 && f.h > 0)
            DF_TRY(df__face_list_add(out, &f, err));
    }
done:
    df__face_list_free(&found);
    return st;
}

/* Looks at 300 pixels, but upstream's resize takes single pixels of the whole photo: it is decoded at full scale. */
const df_detector_ops df__detector_ssd = {.name = "ssd", .side = 0, .dlib = {0, 0.18f, 1.08f, 0.80f}, .open = ssd_open, .detect = ssd_detect, .close = ssd_close};
