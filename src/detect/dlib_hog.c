/* dlib_hog.c - dlib's frontal_face_detector: five HOG filters (D. King 2015, "Max-Margin Object Detection", for their training). Upstream's use
 * of it: deepface 0.0.103 models/face_detection/Dlib.py. */
#include <math.h>

#include "detect/detector.h"
#include "detect/hog_find.h"
#include "image/warp.h"

static df_status dlib_open(const df_loader *loader, void **self, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_dlib_hog *hog = NULL;
    df_hog_finder *finder = NULL;
    DF_TRY(df__weights_open(loader, "dlib-hog", &file, err));
    DF_TRY(df__dlib_hog_parse(&file, "dlib-hog", &hog, err));
    DF_TRY(df__hog_finder_new(hog, &finder, err));
done:
    df__bytes_free(&file);
    *self = finder;
    return st;
}

static void dlib_close(void *self) { df__hog_finder_free(self); }

/* Upstream enlarges each photo to twice its size, which finds faces from 40 pixels on; `side` asks for another size. */
static df_status dlib_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    int longer = px.width > px.height ? px.width : px.height;
    bool enlarge = params->side <= 0 || params->side / 2 >= longer;
    double scale = 1, least = isnan(params->score) ? 0 : params->score;
    if (!enlarge && params->side != longer) {
        df_pixels sized;
        scale = (double)longer / params->side;
        int w = (int)lround(px.width / scale), h = (int)lround(px.height / scale);
        DF_TRY(df__pixels_in(scratch, w > 0 ? w : 1, h > 0 ? h : 1, &sized, err));
        DF_TRY(df__resize(px, sized, scale > 1 ? DF_AREA : DF_LINEAR, scratch, err));
        px = sized;
    }
    df_hog_face *faces;
    size_t n;
    DF_TRY(df__hog_find(self, px, enlarge, least, params->threads, scratch, &faces, &n, err));
    for (size_t i = 0; i < n; i++) {
        const df_hog_face *f = &faces[i];
        df_face face = {.x = (float)((double)f->left * scale), .y = (float)((double)f->top * scale),
                        .w = (float)((double)(f->right - f->left) * scale), .h = (float)((double)(f->bottom - f->top) * scale),
                        .confidence = (float)fmin(f->score, 1)};
        DF_TRY(df__face_list_add(out, &face, err));
    }
done:
    return st;
}

const df_detector_ops df__detector_dlib = {
    .name = "dlib", .side = 0, .dlib = {0, 0, 1, 1}, .of_dlib = true, .open = dlib_open, .detect = dlib_detect, .close = dlib_close,
};
