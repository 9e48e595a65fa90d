/* dlib_cnn.c - dlib's cnn_face_detection_model_v1: a network trained with the max-margin loss (D. King 2015, "Max-Margin Object Detection"),
 * slid over a pyramid; faces from 80 pixels on. Its boxes, scores and, through dlib's predictor, points. */
#include <math.h>
#include <stdlib.h>

#include "detect/detector.h"
#include "detect/mmod_find.h"
#include "detect/reduce.h"

typedef struct detector { df_dlib_mmod mmod; df_net *net; } detector;

static void cnn_close(void *self)
{
    detector *d = self;
    if (!d)
        return;
    df__net_free(d->net);
    free(d);
}

/* Always float32: bfloat16 takes another of two windows that overlap for one face in fifty. */
static df_status cnn_open(const df_loader *loader, void **self, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_graph *graph = NULL, *given;
    detector *d = calloc(1, sizeof *d);
    *self = NULL;
    if (!d)
        return df__no_memory(err, "dlib-cnn", sizeof *d);
    DF_TRY(df__weights_open(loader, "dlib-mmod", &file, err));
    DF_TRY(df__dlib_mmod_parse(&file, "dlib-mmod", &d->mmod, &graph, err));
    given = graph, graph = NULL; /* df__net_new takes it over in any case */
    DF_TRY(df__net_new(given, &(df_net_opts){.precision = DF_PRECISION_STRICT, .log = &loader->log}, &d->net, err));
    *self = d, d = NULL;
done:
    df__graph_free(graph);
    df__bytes_free(&file);
    cnn_close(d);
    return st;
}

static df_status cnn_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    detector *d = self;
    double scale, least = isnan(params->score) ? 0 : params->score;
    df_mmod_face *faces;
    size_t n;
    DF_TRY(df__detect_reduce(&px, params->side, &scale, scratch, err));
    DF_TRY(df__mmod_find(&d->mmod, d->net, px, least, params->threads, scratch, &faces, &n, err));
    for (size_t i = 0; i < n; i++) {
        const df_mmod_face *f = &faces[i];
        df_face face = {.x = (float)((double)f->left * scale), .y = (float)((double)f->top * scale),
                        .w = (float)((double)(f->right - f->left) * scale), .h = (float)((double)(f->bottom - f->top) * scale),
                        .confidence = fminf(f->score, 1)};
        DF_TRY(df__face_list_add(out, &face, err));
    }
done:
    return st;
}

const df_detector_ops df__detector_dlib_cnn = {
    .name = "dlib-cnn", .side = 0, .dlib = {0, 0, 1, 1}, .of_dlib = true, .open = cnn_open, .detect = cnn_detect, .close = cnn_close,
};
