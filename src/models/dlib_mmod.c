/* dlib_mmod.c - the network of dnn_mmod_face_detection_ex.cpp (dlib's examples): three convolutions that halve the picture, three and one
 * that do not. */
#include "models/dlib_mmod.h"

#include <string.h>

#include "models/dlib_net.h"

enum { MOST_SIDE = 1000 };

/* Innermost layer first. */
static size_t describe(df_dlib_layer to[DF_DLIB_MAX_LAYERS])
{
    static const struct { int filters, stride; } layers[] = {{16, 2}, {32, 2}, {32, 2}, {45, 1}, {45, 1}, {45, 1}};
    df_dlib_layer *at = to;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        at = df__dlib_con(at, layers[i].filters, 5, layers[i].stride);
        *at++ = (df_dlib_layer){.kind = DF_DLIB_RELU};
    }
    *at++ = (df_dlib_layer){DF_DLIB_CON, 1, 9, 1, 4}; /* the scores themselves: no affine layer */
    return (size_t)(at - to);
}

static double share(df_dlib_net *r)
{
    double v = df__dlib_double(&r->in);
    if (!(v >= 0 && v <= 1))
        df__dlib_fail(&r->in, "a share is not between 0 and 1");
    return v;
}

/* loss_mmod and its options, of the version that the file has (dnn/loss.h, mmod_options). */
static void read_loss(df_dlib_net *r, df_dlib_mmod *out)
{
    df__dlib_expect(r, 1);
    (void)df__dlib_newer(r, "loss_mmod_", "loss_mmod_");
    df__dlib_expect(r, 1);
    out->width = (int)df__dlib_int(&r->in, 1, MOST_SIDE);
    out->height = (int)df__dlib_int(&r->in, 1, MOST_SIDE);
    for (int i = 0; i < 3; i++)
        (void)df__dlib_double(&r->in); /* of training: costs, least overlap with the truth */
    out->overlap = share(r), out->covered = share(r);
    (void)share(r), (void)share(r); /* of boxes that training ignored */
}

static void read_input(df_dlib_net *r, df_dlib_mmod *out)
{
    bool spaced = df__dlib_newer(r, "input_rgb_image_pyramid", "input_rgb_image_pyramid2");
    for (int c = 0; c < 3; c++)
        out->mean[c] = df__dlib_float(&r->in);
    if (spaced)
        df__dlib_expect(r, 10), df__dlib_expect(r, 11); /* pixels between and around the levels */
}

df_status df__dlib_mmod_parse(const df_bytes *file, const char *label, df_dlib_mmod *out, df_graph **graph, df_error *err)
{
    df_status st = DF_OK;
    df_dlib_layer layers[DF_DLIB_MAX_LAYERS];
    int versions[DF_DLIB_MAX_LAYERS];
    df_dlib_net r = {.in = df__dlib_stream_of(file), .label = label, .err = err, .now = {"input", 3, 0}};
    size_t n = describe(layers);
    *graph = NULL;
    *out = (df_dlib_mmod){0};
    DF_TRY(df__graph_new(label, DF_DLIB_OPSET, &r.graph, err));
    DF_TRY(df__graph_add_input(r.graph, "input", DF_F32, 4, (const int64_t[]){-1, 3, -1, -1}, err));
    read_loss(&r, out);
    df__dlib_versions(&r, layers, n, versions);
    read_input(&r, out);
    DF_TRY(df__dlib_ask(&r));
    DF_TRY(df__dlib_layers(&r, layers, n, versions));
    DF_TRY(df__graph_add_output(r.graph, r.now.name, err));
    *graph = r.graph, r.graph = NULL;
done:
    df__graph_free(r.graph);
    return st;
}
