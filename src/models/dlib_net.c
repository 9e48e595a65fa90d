/* dlib_net.c - dlib's layers as nodes: Conv, Relu, Add, Pad, pools and one Gemm. */
#include "models/dlib_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

df_dlib_layer *df__dlib_con(df_dlib_layer *at, int filters, int window, int stride)
{
    /* dlib's default: half the window around unless the stride steps over pixels (layers.h, template con). */
    *at++ = (df_dlib_layer){DF_DLIB_CON, filters, window, stride, stride == 1 ? window / 2 : 0};
    *at++ = (df_dlib_layer){.kind = DF_DLIB_AFFINE, .n = filters};
    return at;
}

/* ---- nodes ---- */

df_status df__dlib_ask(df_dlib_net *r) { return df__dlib_check(&r->in, r->label, r->err); }

/* A node from the value `from` (and `with`, where it is not NULL) to a fresh value that becomes r->now. */
static df_status add_node(df_dlib_net *r, const char *op, const char *from, const char *with, const char *bias, df_node **node)
{
    const char *in[] = {from, with, bias, NULL};
    snprintf(r->now.name, DF_DLIB_NAME, "%s_%zu", op, r->index);
    return df__graph_add_node(r->graph, op, r->now.name, in, (const char *[]){r->now.name, NULL}, node, r->err);
}

static df_status set_window(df_dlib_net *r, df_node *node, const df_dlib_layer *l)
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
static void shrink(df_dlib_net *r, const df_dlib_layer *l) { r->now.side = (r->now.side + 2 * l->pad - l->window) / l->stride + 1; }

/* Zeros behind the last channel, row and column until `v` is as large as the sum. */
static df_status pad_to(df_dlib_net *r, df_dlib_value *v, int64_t channels, int64_t side, const char *which)
{
    df_status st = DF_OK;
    char pads[DF_DLIB_NAME];
    df_node *node;
    if (v->channels == channels && v->side == side)
        return DF_OK;
    const int64_t amounts[8] = {0, 0, 0, 0, 0, channels - v->channels, side - v->side, side - v->side};
    snprintf(pads, DF_DLIB_NAME, "pads_%zu%s", r->index, which);
    DF_TRY(df__graph_add_i64(r->graph, pads, 8, amounts, r->err));
    char name[DF_DLIB_NAME];
    snprintf(name, DF_DLIB_NAME, "Pad_%zu%s", r->index, which);
    DF_TRY(df__graph_add_node(r->graph, "Pad", name, (const char *[]){v->name, pads, NULL}, (const char *[]){name, NULL}, &node, r->err));
    *v = (df_dlib_value){.channels = channels, .side = side};
    memcpy(v->name, name, DF_DLIB_NAME);
done:
    return st;
}

/* ---- what each layer holds ---- */

/* The version that a layer's record begins with must be one of two; true for the second. */
bool df__dlib_newer(df_dlib_net *r, const char *older, const char *newer_version)
{
    char word[DF_DLIB_NAME];
    df__dlib_text(&r->in, word, sizeof word);
    bool second = strcmp(word, newer_version) == 0;
    if (!second && strcmp(word, older) != 0)
        df__dlib_fail(&r->in, "another layer, or version of it, is due here");
    return second;
}

void df__dlib_skip_floats(df_dlib_net *r, int n)
{
    while (n-- > 0)
        (void)df__dlib_float(&r->in);
}

void df__dlib_expect(df_dlib_net *r, int64_t v) { (void)df__dlib_int(&r->in, v, v); }

static void expect_window(df_dlib_net *r, const df_dlib_layer *l)
{
    df__dlib_expect(r, l->window), df__dlib_expect(r, l->window);
    df__dlib_expect(r, l->stride), df__dlib_expect(r, l->stride);
    df__dlib_expect(r, l->pad), df__dlib_expect(r, l->pad);
}

static df_status read_con(df_dlib_net *r, const df_dlib_layer *l)
{
    df_status st = DF_OK;
    size_t filters = (size_t)l->n, each = (size_t)(r->now.channels * l->window * l->window);
    char weights[DF_DLIB_NAME], bias[DF_DLIB_NAME];
    df_node *node;
    bool v5 = df__dlib_newer(r, "con_4", "con_5");
    df_dlib_tensor params = df__dlib_tensor(&r->in);
    df__dlib_expect(r, l->n);
    expect_window(r, l);
    (void)df__dlib_alias(&r->in), (void)df__dlib_alias(&r->in);
    df__dlib_skip_floats(r, 4); /* rates of learning and decay */
    if (v5 && !df__dlib_bool(&r->in))
        df__dlib_fail(&r->in, "a convolution without biases");
    if (params.count != filters * each + filters)
        df__dlib_fail(&r->in, "a convolution has not the weights that its place in the network asks for");
    DF_TRY(df__dlib_ask(r));
    snprintf(weights, DF_DLIB_NAME, "weights_%zu", r->index);
    snprintf(bias, DF_DLIB_NAME, "bias_%zu", r->index);
    DF_TRY(df__graph_add_f32(r->graph, weights, 4, (const int64_t[]){l->n, r->now.channels, l->window, l->window}, &r->weights, r->err));
    DF_TRY(df__graph_add_f32(r->graph, bias, 1, (const int64_t[]){l->n}, &r->bias, r->err));
    df__dlib_tensor_copy(&params, 0, filters * each, r->weights);
    df__dlib_tensor_copy(&params, filters * each, filters, r->bias);
    char from[DF_DLIB_NAME];
    memcpy(from, r->now.name, DF_DLIB_NAME);
    DF_TRY(add_node(r, "Conv", from, weights, bias, &node));
    DF_TRY(set_window(r, node, l));
    shrink(r, l);
    r->now.channels = l->n;
    r->each = each;
done:
    return st;
}

/* Numbers of a trained batch norm: as an affine layer it multiplies by gamma / sqrt(variance + eps) and adds what puts the mean at beta. */
static void normalise(float *gamma, float *beta, float mean, float variance, float eps)
{
    *gamma /= sqrtf(variance + eps);
    *beta -= *gamma * mean;
}

static df_status read_affine(df_dlib_net *r, const df_dlib_layer *l)
{
    df_status st = DF_OK;
    size_t n = (size_t)l->n;
    char word[DF_DLIB_NAME];
    df_dlib_tensor mean = {0}, variance = {0};
    float eps = 0;
    df__dlib_text(&r->in, word, sizeof word);
    bool norm = strcmp(word, "bn_con2") == 0, v2 = strcmp(word, "affine_2") == 0;
    if (!norm && !v2 && strcmp(word, "affine_") != 0)
        df__dlib_fail(&r->in, "another layer, or version of it, is due here");
    df_dlib_tensor params = df__dlib_tensor(&r->in);
    (void)df__dlib_alias(&r->in), (void)df__dlib_alias(&r->in);
    if (norm) {
        (void)df__dlib_tensor(&r->in), (void)df__dlib_tensor(&r->in); /* means and deviations of the last batch */
        mean = df__dlib_tensor(&r->in), variance = df__dlib_tensor(&r->in);
        (void)df__dlib_int(&r->in, 0, INT64_MAX), (void)df__dlib_int(&r->in, 0, INT64_MAX); /* how they were gathered */
        df__dlib_skip_floats(r, 4);                                                         /* rates of learning and decay */
        eps = (float)df__dlib_double(&r->in);
        if (mean.count != n || variance.count != n || !(eps > 0))
            df__dlib_fail(&r->in, "a batch norm has not a mean and a variance a channel");
    } else {
        df__dlib_expect(r, 0); /* CONV_MODE: one gamma and beta a channel */
        if (v2 && df__dlib_bool(&r->in))
            df__dlib_fail(&r->in, "an affine layer is switched off");
    }
    if (params.count != 2 * n)
        df__dlib_fail(&r->in, "an affine layer has not two numbers a channel");
    DF_TRY(df__dlib_ask(r));
    for (size_t i = 0; i < n; i++) {
        float gamma, beta, m, v;
        df__dlib_tensor_copy(&params, i, 1, &gamma);
        df__dlib_tensor_copy(&params, n + i, 1, &beta);
        if (norm) {
            df__dlib_tensor_copy(&mean, i, 1, &m);
            df__dlib_tensor_copy(&variance, i, 1, &v);
            normalise(&gamma, &beta, m, v, eps);
        }
        for (float *w = r->weights + i * r->each, *end = w + r->each; w < end; w++)
            *w *= gamma;
        r->bias[i] = r->bias[i] * gamma + beta;
    }
done:
    return st;
}

static df_status read_pool(df_dlib_net *r, const df_dlib_layer *l)
{
    df_status st = DF_OK;
    df_node *node;
    char from[DF_DLIB_NAME];
    memcpy(from, r->now.name, DF_DLIB_NAME);
    const char *version = l->kind == DF_DLIB_MAX_POOL ? "max_pool_2" : "avg_pool_2";
    (void)df__dlib_newer(r, version, version);
    expect_window(r, l);
    DF_TRY(df__dlib_ask(r));
    if (l->kind == DF_DLIB_AVG_POOL_ALL) {
        DF_TRY(add_node(r, "GlobalAveragePool", from, NULL, NULL, &node));
        r->now.side = 1;
    } else {
        DF_TRY(add_node(r, l->kind == DF_DLIB_MAX_POOL ? "MaxPool" : "AveragePool", from, NULL, NULL, &node));
        DF_TRY(set_window(r, node, l));
        shrink(r, l);
    }
done:
    return st;
}

static df_status read_add(df_dlib_net *r, const df_dlib_layer *l)
{
    df_status st = DF_OK;
    df_node *node;
    df_dlib_value a = r->now, b = r->tagged[l->n];
    (void)df__dlib_newer(r, "add_prev_", "add_prev_");
    DF_TRY(df__dlib_ask(r));
    int64_t channels = a.channels > b.channels ? a.channels : b.channels, side = a.side > b.side ? a.side : b.side;
    DF_TRY(pad_to(r, &a, channels, side, "a"));
    DF_TRY(pad_to(r, &b, channels, side, "b"));
    DF_TRY(add_node(r, "Add", a.name, b.name, NULL, &node));
    r->now.channels = channels, r->now.side = side;
done:
    return st;
}

static df_status read_relu(df_dlib_net *r)
{
    df_node *node;
    char from[DF_DLIB_NAME];
    memcpy(from, r->now.name, DF_DLIB_NAME);
    (void)df__dlib_newer(r, "relu_", "relu_");
    df_status st = df__dlib_ask(r);
    return st == DF_OK ? add_node(r, "Relu", from, NULL, NULL, &node) : st;
}

static df_status read_fc(df_dlib_net *r, const df_dlib_layer *l)
{
    df_status st = DF_OK;
    df_node *node;
    float *weights;
    char from[DF_DLIB_NAME];
    bool v3 = df__dlib_newer(r, "fc_2", "fc_3");
    df__dlib_expect(r, l->n);
    df__dlib_expect(r, r->now.channels);
    df_dlib_tensor params = df__dlib_tensor(&r->in);
    (void)df__dlib_alias(&r->in), (void)df__dlib_alias(&r->in);
    df__dlib_expect(r, 1); /* FC_NO_BIAS */
    df__dlib_skip_floats(r, 4);
    if (v3)
        (void)df__dlib_bool(&r->in); /* use_bias says nothing where there is none */
    if (params.count != (size_t)(r->now.channels * l->n))
        df__dlib_fail(&r->in, "the last layer has not 256 x 128 weights");
    DF_TRY(df__dlib_ask(r));
    DF_TRY(df__graph_add_f32(r->graph, "weights_fc", 2, (const int64_t[]){r->now.channels, l->n}, &weights, r->err));
    df__dlib_tensor_copy(&params, 0, params.count, weights);
    memcpy(from, r->now.name, DF_DLIB_NAME);
    DF_TRY(add_node(r, "Flatten", from, NULL, NULL, &node));
    DF_TRY(df__graph_add_node(r->graph, "Gemm", "fc", (const char *[]){r->now.name, "weights_fc", NULL},
                              (const char *[]){"embedding", NULL}, &node, r->err));
    DF_TRY(df__graph_add_output(r->graph, "embedding", r->err));
done:
    return st;
}

/* Behind a layer's own record: three flags, its gradients and its last output, which are empty in a file made to be used. */
static void skip_state(df_dlib_net *r, const df_dlib_layer *l, int version)
{
    if (l->kind == DF_DLIB_TAG || l->kind == DF_DLIB_SKIP)
        return;
    for (int i = 0; i < 3; i++)
        (void)df__dlib_bool(&r->in);
    for (int i = 0; i < (version == 1 ? 2 : 3); i++)
        (void)df__dlib_tensor(&r->in);
    if (version == 3)
        (void)df__dlib_int(&r->in, 0, INT32_MAX); /* _sample_expansion_factor of the layer on the input */
}

static df_status read_layer(df_dlib_net *r, const df_dlib_layer *l)
{
    switch (l->kind) {
    case DF_DLIB_CON:
        return read_con(r, l);
    case DF_DLIB_AFFINE:
        return read_affine(r, l);
    case DF_DLIB_RELU:
        return read_relu(r);
    case DF_DLIB_MAX_POOL:
    case DF_DLIB_AVG_POOL:
    case DF_DLIB_AVG_POOL_ALL:
        return read_pool(r, l);
    case DF_DLIB_TAG:
        r->tagged[l->n] = r->now;
        return DF_OK;
    case DF_DLIB_SKIP:
        r->now = r->tagged[l->n];
        return DF_OK;
    case DF_DLIB_ADD_PREV:
        return read_add(r, l);
    case DF_DLIB_FC_NO_BIAS:
        return read_fc(r, l);
    }
    return DF_OK;
}

void df__dlib_versions(df_dlib_net *r, const df_dlib_layer *layers, size_t n, int versions[DF_DLIB_MAX_LAYERS])
{
    for (size_t i = n; i-- > 0;) {
        bool plain = layers[i].kind == DF_DLIB_TAG || layers[i].kind == DF_DLIB_SKIP;
        int from = i == 0 ? 2 : 1, to = i == 0 ? 3 : plain ? 1 : 2;
        versions[i] = (int)df__dlib_int(&r->in, from, to);
    }
}

df_status df__dlib_layers(df_dlib_net *r, const df_dlib_layer *layers, size_t n, const int versions[DF_DLIB_MAX_LAYERS])
{
    df_status st = DF_OK;
    for (r->index = 0; r->index < n; r->index++) {
        const df_dlib_layer *l = &layers[r->index];
        DF_TRY(read_layer(r, l));
        skip_state(r, l, versions[r->index]);
        DF_TRY(df__dlib_ask(r));
    }
    if (r->in.at != r->in.end)
        df__dlib_fail(&r->in, "bytes behind the end");
    DF_TRY(df__dlib_ask(r));
done:
    return st;
}
