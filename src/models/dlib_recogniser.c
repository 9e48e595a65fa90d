/* dlib_recogniser.c - dlib's face recogniser, a ResNet with 29 convolutions, to a graph of Conv, Relu, Add, Pad and pools.
 *
 * The file does not say which layers it holds: a reader must know the network, as dlib's does from its C++ type. It is described below
 * as in dnn_face_recognition_ex.cpp (dlib's examples). dlib writes a nest of layers: first the versions from the outermost layer inwards,
 * then the input, then what each layer holds from the innermost outwards (dlib 19.24 dnn/core.h, dnn/layers.h, dnn/loss.h).
 * Each affine layer (gamma x + beta a channel, a trained batch norm) goes into the convolution before it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/dlib.h"
#include "models/dlib_stream.h"

enum { SIDE = 150, DIMS = 128, OPSET = 13, MAX_LAYERS = 160, NAME = 32 };

typedef enum kind { CON, AFFINE, RELU, MAX_POOL, AVG_POOL, AVG_POOL_ALL, TAG, SKIP, ADD_PREV, FC_NO_BIAS } kind;

typedef struct layer {
    kind kind;
    int  n;                   /* filters of CON, outputs of FC_NO_BIAS, number of TAG, SKIP (goes back to) and ADD_PREV (adds) */
    int  window, stride, pad; /* CON and pools; 0 for AVG_POOL_ALL: the whole picture */
} layer;

/* ---- the network, innermost layer first ---- */

static layer *con(layer *at, int filters, int window, int stride)
{
    /* dlib's default: half the window around unless the stride steps over pixels (layers.h, template con). */
    *at++ = (layer){CON, filters, window, stride, stride == 1 ? window / 2 : 0};
    *at++ = (layer){.kind = AFFINE, .n = filters};
    return at;
}

static layer *residual(layer *at, int filters, bool down)
{
    *at++ = (layer){.kind = TAG, .n = 1};
    at = con(at, filters, 3, down ? 2 : 1);
    *at++ = (layer){.kind = RELU};
    at = con(at, filters, 3, 1);
    if (down) {
        *at++ = (layer){.kind = TAG, .n = 2};
        *at++ = (layer){.kind = SKIP, .n = 1};
        *at++ = (layer){AVG_POOL, 0, 2, 2, 0};
    }
    *at++ = (layer){.kind = ADD_PREV, .n = down ? 2 : 1};
    *at++ = (layer){.kind = RELU};
    return at;
}

static size_t describe(layer to[MAX_LAYERS])
{
    static const struct { int filters, blocks; bool down; } levels[] = {
        {32, 3, false}, {64, 4, true}, {128, 3, true}, {256, 3, true}, {256, 1, true},
    };
    layer *at = con(to, 32, 7, 2);
    *at++ = (layer){.kind = RELU};
    *at++ = (layer){MAX_POOL, 0, 3, 2, 0};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        for (int block = 0; block < levels[i].blocks; block++)
            at = residual(at, levels[i].filters, levels[i].down && block == 0);
    *at++ = (layer){AVG_POOL_ALL, 0, 0, 1, 0};
    *at++ = (layer){.kind = FC_NO_BIAS, .n = DIMS};
    return (size_t)(at - to);
}

/* ---- building ---- */

typedef struct value {
    char    name[NAME];
    int64_t channels, side;
} value;

typedef struct reader {
    df_dlib_stream in;
    df_graph      *graph;
    const char    *label;
    df_error      *err;
    size_t         index;     /* of the layer being read */
    value          now;       /* output of the layers so far */
    value          tagged[3]; /* by the number of the tag */
    float         *weights, *bias; /* of the last convolution, for the affine layer behind it */
    size_t         each;           /* its weights a filter */
} reader;

static df_status ask(reader *r) { return df__dlib_check(&r->in, r->label, r->err); }

/* A node from the value `from` (and `with`, where it is not NULL) to a fresh value that becomes r->now. */
static df_status add_node(reader *r, const char *op, const char *from, const char *with, const char *bias, df_node **node)
{
    const char *in[] = {from, with, bias, NULL};
    snprintf(r->now.name, NAME, "%s_%zu", op, r->index);
    return df__graph_add_node(r->graph, op, r->now.name, in, (const char *[]){r->now.name, NULL}, node, r->err);
}

static df_status set_window(reader *r, df_node *node, const layer *l)
{
    df_status st = DF_OK;
    const int64_t window[2] = {l->window, l->window}, stride[2] = {l->stride, l->stride}, pad[4] = {l->pad, l->pad, l->pad, l->pad};
    DF_TRY(df__node_set_ints(r->graph, node, "kernel_shape", 2, window, r->err));
    DF_TRY(df__node_set_ints(r->graph, node, "strides", 2, stride, r->err));
    DF_TRY(df__node_set_ints(r->graph, node, "pads", 4, pad, r->err));
done:
    return st;
}

/* Picture sides after a window; dlib counts only windows that lie inside. */
static void shrink(reader *r, const layer *l) { r->now.side = (r->now.side + 2 * l->pad - l->window) / l->stride + 1; }

/* Zeros behind the last channel, row and column until `v` is as large as the sum. */
static df_status pad_to(reader *r, value *v, int64_t channels, int64_t side, const char *which)
{
    df_status st = DF_OK;
    char pads[NAME];
    df_node *node;
    if (v->channels == channels && v->side == side)
        return DF_OK;
    const int64_t amounts[8] = {0, 0, 0, 0, 0, channels - v->channels, side - v->side, side - v->side};
    snprintf(pads, NAME, "pads_%zu%s", r->index, which);
    DF_TRY(df__graph_add_i64(r->graph, pads, 8, amounts, r->err));
    char name[NAME];
    snprintf(name, NAME, "Pad_%zu%s", r->index, which);
    DF_TRY(df__graph_add_node(r->graph, "Pad", name, (const char *[]){v->name, pads, NULL}, (const char *[]){name, NULL}, &node, r->err));
    *v = (value){.channels = channels, .side = side};
    memcpy(v->name, name, NAME);
done:
    return st;
}

/* ---- what each layer holds ---- */

/* The version that a layer's record begins with must be one of two; true for the second. */
static bool newer(reader *r, const char *older, const char *newer_version)
{
    char word[NAME];
    df__dlib_text(&r->in, word, sizeof word);
    bool second = strcmp(word, newer_version) == 0;
    if (!second && strcmp(word, older) != 0)
        df__dlib_fail(&r->in, "another layer, or version of it, is due here");
    return second;
}

static void skip_floats(reader *r, int n)
{
    while (n-- > 0)
        (void)df__dlib_float(&r->in);
}

static void expect(reader *r, int64_t v) { (void)df__dlib_int(&r->in, v, v); }

static void expect_window(reader *r, const layer *l)
{
    expect(r, l->window), expect(r, l->window);
    expect(r, l->stride), expect(r, l->stride);
    expect(r, l->pad), expect(r, l->pad);
}

static df_status read_con(reader *r, const layer *l)
{
    df_status st = DF_OK;
    size_t filters = (size_t)l->n, each = (size_t)(r->now.channels * l->window * l->window);
    char weights[NAME], bias[NAME];
    df_node *node;
    bool v5 = newer(r, "con_4", "con_5");
    df_dlib_tensor params = df__dlib_tensor(&r->in);
    expect(r, l->n);
    expect_window(r, l);
    (void)df__dlib_alias(&r->in), (void)df__dlib_alias(&r->in);
    skip_floats(r, 4); /* rates of learning and decay */
    if (v5 && !df__dlib_bool(&r->in))
        df__dlib_fail(&r->in, "a convolution without biases");
    if (params.count != filters * each + filters)
        df__dlib_fail(&r->in, "a convolution has not the weights that its place in the network asks for");
    DF_TRY(ask(r));
    snprintf(weights, NAME, "weights_%zu", r->index);
    snprintf(bias, NAME, "bias_%zu", r->index);
    DF_TRY(df__graph_add_f32(r->graph, weights, 4, (const int64_t[]){l->n, r->now.channels, l->window, l->window}, &r->weights, r->err));
    DF_TRY(df__graph_add_f32(r->graph, bias, 1, (const int64_t[]){l->n}, &r->bias, r->err));
    df__dlib_tensor_copy(&params, 0, filters * each, r->weights);
    df__dlib_tensor_copy(&params, filters * each, filters, r->bias);
    char from[NAME];
    memcpy(from, r->now.name, NAME);
    DF_TRY(add_node(r, "Conv", from, weights, bias, &node));
    DF_TRY(set_window(r, node, l));
    shrink(r, l);
    r->now.channels = l->n;
    r->each = each;
done:
    return st;
}

static df_status read_affine(reader *r, const layer *l)
{
    df_status st = DF_OK;
    size_t n = (size_t)l->n;
    bool v2 = newer(r, "affine_", "affine_2");
    df_dlib_tensor params = df__dlib_tensor(&r->in);
    (void)df__dlib_alias(&r->in), (void)df__dlib_alias(&r->in);
    expect(r, 0); /* CONV_MODE: one gamma and beta a channel */
    if (v2 && df__dlib_bool(&r->in))
        df__dlib_fail(&r->in, "an affine layer is switched off");
    if (params.count != 2 * n)
        df__dlib_fail(&r->in, "an affine layer has not two numbers a channel");
    DF_TRY(ask(r));
    for (size_t i = 0; i < n; i++) {
        float gamma, beta;
        df__dlib_tensor_copy(&params, i, 1, &gamma);
        df__dlib_tensor_copy(&params, n + i, 1, &beta);
        for (float *w = r->weights + i * r->each, *end = w + r->each; w < end; w++)
            *w *= gamma;
        r->bias[i] = r->bias[i] * gamma + beta;
    }
done:
    return st;
}

static df_status read_pool(reader *r, const layer *l)
{
    df_status st = DF_OK;
    df_node *node;
    char from[NAME];
    memcpy(from, r->now.name, NAME);
    const char *version = l->kind == MAX_POOL ? "max_pool_2" : "avg_pool_2";
    (void)newer(r, version, version);
    expect_window(r, l);
    DF_TRY(ask(r));
    if (l->kind == AVG_POOL_ALL) {
        DF_TRY(add_node(r, "GlobalAveragePool", from, NULL, NULL, &node));
        r->now.side = 1;
    } else {
        DF_TRY(add_node(r, l->kind == MAX_POOL ? "MaxPool" : "AveragePool", from, NULL, NULL, &node));
        DF_TRY(set_window(r, node, l));
        shrink(r, l);
    }
done:
    return st;
}

static df_status read_add(reader *r, const layer *l)
{
    df_status st = DF_OK;
    df_node *node;
    value a = r->now, b = r->tagged[l->n];
    (void)newer(r, "add_prev_", "add_prev_");
    DF_TRY(ask(r));
    int64_t channels = a.channels > b.channels ? a.channels : b.channels, side = a.side > b.side ? a.side : b.side;
    DF_TRY(pad_to(r, &a, channels, side, "a"));
    DF_TRY(pad_to(r, &b, channels, side, "b"));
    DF_TRY(add_node(r, "Add", a.name, b.name, NULL, &node));
    r->now.channels = channels, r->now.side = side;
done:
    return st;
}

static df_status read_relu(reader *r)
{
    df_node *node;
    char from[NAME];
    memcpy(from, r->now.name, NAME);
    (void)newer(r, "relu_", "relu_");
    df_status st = ask(r);
    return st == DF_OK ? add_node(r, "Relu", from, NULL, NULL, &node) : st;
}

static df_status read_fc(reader *r, const layer *l)
{
    df_status st = DF_OK;
    df_node *node;
    float *weights;
    char from[NAME];
    bool v3 = newer(r, "fc_2", "fc_3");
    expect(r, l->n);
    expect(r, r->now.channels);
    df_dlib_tensor params = df__dlib_tensor(&r->in);
    (void)df__dlib_alias(&r->in), (void)df__dlib_alias(&r->in);
    expect(r, 1); /* FC_NO_BIAS */
    skip_floats(r, 4);
    if (v3)
        (void)df__dlib_bool(&r->in); /* use_bias says nothing where there is none */
    if (params.count != (size_t)(r->now.channels * l->n))
        df__dlib_fail(&r->in, "the last layer has not 256 x 128 weights");
    DF_TRY(ask(r));
    DF_TRY(df__graph_add_f32(r->graph, "weights_fc", 2, (const int64_t[]){r->now.channels, l->n}, &weights, r->err));
    df__dlib_tensor_copy(&params, 0, params.count, weights);
    memcpy(from, r->now.name, NAME);
    DF_TRY(add_node(r, "Flatten", from, NULL, NULL, &node));
    DF_TRY(df__graph_add_node(r->graph, "Gemm", "fc", (const char *[]){r->now.name, "weights_fc", NULL},
                              (const char *[]){"embedding", NULL}, &node, r->err));
    DF_TRY(df__graph_add_output(r->graph, "embedding", r->err));
done:
    return st;
}

/* Behind a layer's own record: three flags, its gradients and its last output, which are empty in a file made to be used. */
static void skip_state(reader *r, const layer *l, int version)
{
    if (l->kind == TAG || l->kind == SKIP)
        return;
    for (int i = 0; i < 3; i++)
        (void)df__dlib_bool(&r->in);
    for (int i = 0; i < (version == 1 ? 2 : 3); i++)
        (void)df__dlib_tensor(&r->in);
    if (version == 3)
        (void)df__dlib_int(&r->in, 0, INT32_MAX); /* _sample_expansion_factor of the layer on the input */
}

static df_status read_layer(reader *r, const layer *l)
{
    switch (l->kind) {
    case CON:
        return read_con(r, l);
    case AFFINE:
        return read_affine(r, l);
    case RELU:
        return read_relu(r);
    case MAX_POOL:
    case AVG_POOL:
    case AVG_POOL_ALL:
        return read_pool(r, l);
    case TAG:
        r->tagged[l->n] = r->now;
        return DF_OK;
    case SKIP:
        r->now = r->tagged[l->n];
        return DF_OK;
    case ADD_PREV:
        return read_add(r, l);
    case FC_NO_BIAS:
        return read_fc(r, l);
    }
    return DF_OK;
}

/* loss_metric, then the version of every layer from the outermost in, then the input layer. */
static df_status read_head(reader *r, const layer *layers, size_t n, int versions[MAX_LAYERS])
{
    static const float mean[3] = {122.782f, 117.001f, 104.298f};
    expect(r, 1);
    if (newer(r, "loss_metric_", "loss_metric_2"))
        skip_floats(r, 2); /* margin and distance of training */
    for (size_t i = n; i-- > 0;) {
        bool plain = layers[i].kind == TAG || layers[i].kind == SKIP;
        int from = i == 0 ? 2 : 1, to = i == 0 ? 3 : plain ? 1 : 2;
        versions[i] = (int)df__dlib_int(&r->in, from, to);
    }
    (void)newer(r, "input_rgb_image_sized", "input_rgb_image_sized");
    for (int c = 0; c < 3; c++)
        if (!(fabsf(df__dlib_float(&r->in) - mean[c]) < 1e-3f))
            df__dlib_fail(&r->in, "the mean colour is not the one that callers subtract");
    expect(r, SIDE), expect(r, SIDE);
    return ask(r);
}

df_status df__dlib_recogniser_parse(const df_bytes *file, const char *label, df_graph **out, df_error *err)
{
    df_status st = DF_OK;
    layer layers[MAX_LAYERS];
    int versions[MAX_LAYERS];
    reader r = {.in = df__dlib_stream_of(file), .label = label, .err = err, .now = {"input", 3, SIDE}};
    size_t n = describe(layers);
    *out = NULL;
    DF_TRY(df__graph_new(label, OPSET, &r.graph, err));
    DF_TRY(df__graph_add_input(r.graph, "input", DF_F32, 4, (const int64_t[]){-1, 3, SIDE, SIDE}, err));
    DF_TRY(read_head(&r, layers, n, versions));
    for (r.index = 0; r.index < n; r.index++) {
        const layer *l = &layers[r.index];
        DF_TRY(read_layer(&r, l));
        skip_state(&r, l, versions[r.index]);
        DF_TRY(ask(&r));
    }
    if (r.in.at != r.in.end)
        df__dlib_fail(&r.in, "bytes behind the end");
    DF_TRY(ask(&r));
    *out = r.graph, r.graph = NULL; /* handed over */
done:
    df__graph_free(r.graph);
    return st;
}
