/* skip.c - no detection: the photo is the face, for crops that were made elsewhere. */
#include "detect/detector.h"

static df_status skip_open(const df_loader *loader, void **self, df_error *err)
{
    (void)loader, (void)err;
    *self = NULL;
    return DF_OK;
}

/* Confidence 0 and no points, as upstream's detector_backend="skip". */
static df_status skip_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    (void)self, (void)params, (void)scratch;
    df_face face = {.w = (float)px.width, .h = (float)px.height};
    return df__face_list_add(out, &face, err);
}

static void skip_close(void *self) { (void)self; }

const df_detector_ops df__detector_skip = {.name = "skip", .dlib = {0, 0, 1, 1}, .open = skip_open, .detect = skip_detect, .close = skip_close};
