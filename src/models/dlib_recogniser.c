/* dlib_recogniser.c - dlib's face recogniser, a ResNet with 29 convolutions: the layers of dnn_face_recognition_ex.cpp (dlib's examples). */
#include <math.h>

#include "models/dlib.h"
#include "models/dlib_net.h"

enum { SIDE = 150, DIMS = 128 };

/* Innermost layer first. */
static df_dlib_layer *residual(df_dlib_layer *at, int filters, bool down)
{
    *at++ = (df_dlib_layer){.kind = DF_DLIB_TAG, .n = 1};
    at = df__dlib_con(at, filters, 3, down ? 2 : 1);
    *at++ = (df_dlib_layer){.kind = DF_DLIB_RELU};
    at = df__dlib_con(at, filters, 3, 1);
    if (down) {
        *at++ = (df_dlib_layer){.kind = DF_DLIB_TAG, .n = 2};
        *at++ = (df_dlib_layer){.kind = DF_DLIB_SKIP, .n = 1};
        *at++ = (df_dlib_layer){DF_DLIB_AVG_POOL, 0, 2, 2, 0};
    }
    *at++ = (df_dlib_layer){.kind = DF_DLIB_ADD_PREV, .n = down ? 2 : 1};
    *at++ = (df_dlib_layer){.kind = DF_DLIB_RELU};
    return at;
}

static size_t describe(df_dlib_layer to[DF_DLIB_MAX_LAYERS])
{
    static const struct { int filters, blocks; bool down; } levels[] = {
        {32, 3, false}, {64, 4, true}, {128, 3, true}, {256, 3, true}, {256, 1, true},
    };
    df_dlib_layer *at = df__dlib_con(to, 32, 7, 2);
    *at++ = (df_dlib_layer){.kind = DF_DLIB_RELU};
    *at++ = (df_dlib_layer){DF_DLIB_MAX_POOL, 0, 3, 2, 0};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        for (int block = 0; block < levels[i].blocks; block++)
            at = residual(at, levels[i].filters, levels[i].down && block == 0);
    *at++ = (df_dlib_layer){DF_DLIB_AVG_POOL_ALL, 0, 0, 1, 0};
    *at++ = (df_dlib_layer){.kind = DF_DLIB_FC_NO_BIAS, .n = DIMS};
    return (size_t)(at - to);
}

/* loss_metric, then the version of every layer from the outermost in, then the input layer. */
static df_status read_head(df_dlib_net *r, const df_dlib_layer *layers, size_t n, int versions[DF_DLIB_MAX_LAYERS])
{
    static const float mean[3] = {122.782f, 117.001f, 104.298f};
    df__dlib_expect(r, 1);
    if (df__dlib_newer(r, "loss_metric_", "loss_metric_2"))
        df__dlib_skip_floats(r, 2); /* margin and distance of training */
    df__dlib_versions(r, layers, n, versions);
    (void)df__dlib_newer(r, "input_rgb_image_sized", "input_rgb_image_sized");
    for (int c = 0; c < 3; c++)
        if (!(fabsf(df__dlib_float(&r->in) - mean[c]) < 1e-3f))
            df__dlib_fail(&r->in, "the mean colour is not the one that callers subtract");
    df__dlib_expect(r, SIDE), df__dlib_expect(r, SIDE);
    return df__dlib_ask(r);
}

df_status df__dlib_recogniser_parse(const df_bytes *file, const char *label, df_graph **out, df_error *err)
{
    df_status st = DF_OK;
    df_dlib_layer layers[DF_DLIB_MAX_LAYERS];
    int versions[DF_DLIB_MAX_LAYERS];
    df_dlib_net r = {.in = df__dlib_stream_of(file), .label = label, .err = err, .now = {"input", 3, SIDE}};
    size_t n = describe(layers);
    *out = NULL;
    DF_TRY(df__graph_new(label, DF_DLIB_OPSET, &r.graph, err));
    DF_TRY(df__graph_add_input(r.graph, "input", DF_F32, 4, (const int64_t[]){-1, 3, SIDE, SIDE}, err));
    DF_TRY(read_head(&r, layers, n, versions));
    DF_TRY(df__dlib_layers(&r, layers, n, versions));
    *out = r.graph, r.graph = NULL; /* handed over */
done:
    df__graph_free(r.graph);
    return st;
}
