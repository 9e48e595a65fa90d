/* yolo.c - YOLO v8, v11 and v12 trained on faces, in the ONNX files that Ultralytics exports: one output [1][5][n], of which a place has
 * centre, sides and score, or [1][15][n] and [1][20][n], which have five points more (x, y and, in 20, how sure).
 * Photo, thresholds and suppression as ultralytics 8.3.203 predicts, which upstream calls (deepface 0.0.103 models/face_detection/Yolo.py):
 * data/augment.py LetterBox, utils/nms.py, utils/ops.py scale_boxes and scale_coords. */
#include <math.h>

#include "detect/canvas.h"
#include "detect/heads.h"

enum { SIDE = 640, STEP = 32, LEVELS = 3, BOX = 5, LARGEST = 1 << 16 };
static const int strides[LEVELS] = {8, 16, 32};
static const double default_score = 0.25;
static const df_suppression suppression = {.overlap = DF_OVERLAP_PLAIN, .limit = 0.7, .most_before = 30000, .most_after = 300};
static const df_canvas_rule blob = {.scale = 1 / 255.0f, .around = 114};

static const char *file_of(const char *name) { return df__weights_find(name)->info.file; }

static bool is_count(int64_t channels) { return channels == BOX || channels == BOX + 10 || channels == BOX + 15; }

static df_status yolo_check(const char *file, const df_net *net, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__head_takes(net, file, false, err));
    if (df__net_outputs(net) != 1)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu outputs, not the one of an export by Ultralytics", file, df__net_outputs(net));
    const df_tensor *out = &df__net_output(net, 0)->shape;
    int64_t channels = out->rank == 3 && is_count(out->dims[1]) ? out->dims[1] : BOX;
    DF_TRY(df__head_declares(net, file, 0, 1, channels, err));
done:
    return st;
}

/* ---- the photo on grey ---- */

typedef struct letterbox { int width, height, left, top; int inner_w, inner_h; } letterbox;

/* A file of one size gets the photo in the middle of that; any other size gets as much grey as makes the sides multiples of STEP. */
static letterbox letterbox_of(const df_net *net, int width, int height, int asked)
{
    const df_tensor *shape = &df__net_input(net, 0)->shape;
    bool fixed = shape->rank == 4 && shape->dims[2] > 0 && shape->dims[3] > 0 && shape->dims[2] < LARGEST && shape->dims[3] < LARGEST;
    int side = ((asked > 0 ? asked : SIDE) + STEP - 1) / STEP * STEP;
    int w = fixed ? (int)shape->dims[3] : side, h = fixed ? (int)shape->dims[2] : side;
    double r = fmin((double)h / height, (double)w / width);
    letterbox b = {.inner_w = (int)fmax(1, rint(width * r)), .inner_h = (int)fmax(1, rint(height * r))};
    double grey_w = w - b.inner_w, grey_h = h - b.inner_h;
    if (!fixed)
        grey_w = fmod(grey_w, STEP), grey_h = fmod(grey_h, STEP);
    b.left = (int)rint(grey_w / 2 - 0.1), b.top = (int)rint(grey_h / 2 - 0.1);
    b.width = b.inner_w + b.left + (int)rint(grey_w / 2 + 0.1);
    b.height = b.inner_h + b.top + (int)rint(grey_h / 2 + 0.1);
    return b;
}

/* ---- faces ---- */

static df_status decode(const float *out, size_t n, int64_t channels, double least, df_face_list *faces, df_error *err)
{
    df_status st = DF_OK;
    size_t step = channels == BOX + 15 ? 3 : 2;
    for (size_t i = 0; i < n; i++) {
        if (!(out[4 * n + i] > least))
            continue;
        float w = out[2 * n + i], h = out[3 * n + i];
        df_face f = {.x = out[i] - w / 2, .y = out[n + i] - h / 2, .w = w, .h = h, .confidence = out[4 * n + i]};
        if (channels > BOX) {
            double points[10];
            for (size_t k = 0; k < 5; k++) {
                points[2 * k] = out[(BOX + step * k) * n + i];
                points[2 * k + 1] = out[(BOX + step * k + 1) * n + i];
            }
            df__head_points(&f, points);
        }
        DF_TRY(df__head_add(faces, &f, err));
    }
done:
    return st;
}

static float cut(double v, int most) { return (float)fmin(fmax(v, 0), most); }

static df_point cut_point(df_point p, double left, double top, double gain, int width, int height)
{
    return (df_point){cut((p.x - left) / gain, width), cut((p.y - top) / gain, height)};
}

/* Back to the photo, and cut at its sides. Boxes move by whole pixels of grey, points by the half ones too. */
static void to_photo(df_face_list *list, size_t from, const letterbox *b, int width, int height)
{
    double gain = fmin((double)b->height / height, (double)b->width / width);
    double grey_w = (b->width - width * gain) / 2, grey_h = (b->height - height * gain) / 2;
    double left = rint(grey_w - 0.1), top = rint(grey_h - 0.1);
    for (size_t i = from; i < list->n; i++) {
        df_face *f = &list->items[i];
        float right = cut((f->x + f->w - left) / gain, width), bottom = cut((f->y + f->h - top) / gain, height);
        f->x = cut((f->x - left) / gain, width), f->y = cut((f->y - top) / gain, height);
        f->w = right - f->x, f->h = bottom - f->y;
        df_point *points[] = {&f->right_eye, &f->left_eye, &f->nose, &f->mouth_right, &f->mouth_left};
        for (size_t k = 0; k < 5 && f->has; k++)
            *points[k] = cut_point(*points[k], grey_w, grey_h, gain, width, height);
    }
}

static df_status yolo_detect(const char *file, df_net *net, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out,
                             df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n, n = 0;
    int width = px.width, height = px.height;
    letterbox b = letterbox_of(net, width, height, params->side);
    df_tensor in, result;
    DF_TRY(df__canvas_fit(px, b.inner_w, b.inner_h, scratch, &px, err));
    DF_TRY(df__canvas_input(px, b.left, b.top, b.width, b.height, &blob, scratch, &in, err));
    DF_TRY(df__net_run(net, &in, 1, &result, 1, df__detect_threads(params), scratch, err));
    for (int l = 0; l < LEVELS; l++)
        n += (size_t)(b.width / strides[l]) * (size_t)(b.height / strides[l]);
    int64_t channels = result.rank == 3 && is_count(result.dims[1]) ? result.dims[1] : BOX;
    DF_TRY(df__head_gave(net, file, 0, &result, 3, (int64_t[]){1, channels, (int64_t)n}, &in, err));
    DF_TRY(decode(result.data, n, channels, isnan(params->score) ? default_score : params->score, out, err));
    DF_TRY(df__head_suppress(out, first, &suppression, err));
    to_photo(out, first, &b, width, height);
done:
    return st;
}

static void yolo_close(void *self) { df__net_free(self); }

/* A detector a file. Whether a face has points is the file's matter, so that none are promised; those that come with it are used. The map to
 * dlib's box is retinaface.c's: both were trained on the boxes of WIDER FACE. */
#define DETECTOR(id)                                                                                                                       \
    static df_status id##_check(const df_net *net, df_error *err) { return yolo_check(file_of(#id), net, err); }                           \
    static df_status id##_open(const df_loader *loader, void **self, df_error *err)                                                        \
    {                                                                                                                                      \
        return df__weights_net_checked(loader, #id, loader->precision, id##_check, (df_net **)self, err);                                  \
    }                                                                                                                                      \
    static df_status id##_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out,           \
                                 df_error *err)                                                                                            \
    {                                                                                                                                      \
        return yolo_detect(file_of(#id), self, px, params, scratch, out, err);                                                             \
    }                                                                                                                                      \
    const df_detector_ops df__detector_##id = {.name = #id, .side = SIDE, .dlib = {-0.01f, 0.17f, 1.10f, 0.81f},                          \
                                               .open = id##_open, .detect = id##_detect, .close = yolo_close};
DF_YOLO_MAP(DETECTOR)
