/* caffe_layers.c - what each kind of Caffe layer means in ONNX's operators (opset 13). Source: the layers' own files in BVLC/caffe and
 * weiliu89/caffe (branch ssd), src/caffe/layers/NAME_layer.cpp. Layers that only move numbers are in caffe_shape.c. */
#include <stdio.h>
#include <string.h>

#include "models/caffe_net.h"

enum { MAX_WINDOW = 1024 };

df_status df__caffe_one(df_caffe_net *net, const char *op, df_caffe_value *in, int rank, const int64_t *dims, df_node **node)
{
    df_status st = DF_OK;
    const char *from;
    df_caffe_value *out;
    DF_TRY(df__caffe_use(net, in, &from));
    DF_TRY(df__caffe_value_new(net, 0, rank, dims, false, &out));
    DF_TRY(df__caffe_node(net, op, (const char *[]){from, NULL}, out->name, node));
done:
    return st;
}

static df_status want_rank(df_caffe_net *net, int least, int most)
{
    int rank = net->in[0]->rank;
    if (rank < least || rank > most)
        return df__caffe_fail(net, DF_E_BAD_MODEL, "its input has %d dimensions", rank);
    return DF_OK;
}

/* ---- convolution, inner product ---- */

static df_status add_convolution(df_caffe_net *net)
{
    df_status st = DF_OK;
    int64_t filters, group, axis, kernel[2], stride[2], pad[2], dilation[2], side[2];
    bool biased;
    float *data;
    const char *in[4] = {0};
    df_node *node;
    df_caffe_value *x = net->in[0], *y;
    DF_TRY(want_rank(net, 4, 4));
    DF_TRY(df__caffe_int(net, "num_output", 0, 1, DF_CAFFE_MAX_SIDE, &filters));
    DF_TRY(df__caffe_int(net, "group", 1, 1, DF_CAFFE_MAX_SIDE, &group));
    DF_TRY(df__caffe_int(net, "axis", 1, 1, 1, &axis));
    DF_TRY(df__caffe_bool(net, "bias_term", true, &biased));
    DF_TRY(df__caffe_pair(net, "kernel_size", 0, 1, MAX_WINDOW, kernel));
    DF_TRY(df__caffe_pair(net, "stride", 1, 1, MAX_WINDOW, stride));
    DF_TRY(df__caffe_pair(net, "pad", 0, 0, MAX_WINDOW, pad));
    DF_TRY(df__caffe_pair(net, "dilation", 1, 1, MAX_WINDOW, dilation));
    if (filters == 0 || x->dims[1] % group || filters % group)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%lld filters in %lld groups on %lld channels", (long long)filters, (long long)group,
                              (long long)x->dims[1]));
    for (int i = 0; i < 2; i++) {
        int64_t room = x->dims[2 + i] + 2 * pad[i] - dilation[i] * (kernel[i] - 1) - 1;
        if (room < 0)
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "its window is larger than its input"));
        side[i] = room / stride[i] + 1;
    }
    DF_TRY(df__caffe_weights(net, 0, "weights", 4, (const int64_t[]){filters, x->dims[1] / group, kernel[0], kernel[1]}, &data, &in[1]));
    if (biased)
        DF_TRY(df__caffe_weights(net, 1, "bias", 1, &filters, &data, &in[2]));
    DF_TRY(df__caffe_use(net, x, &in[0]));
    DF_TRY(df__caffe_value_new(net, 0, 4, (const int64_t[]){x->dims[0], filters, side[0], side[1]}, false, &y));
    DF_TRY(df__caffe_node(net, "Conv", in, y->name, &node));
    DF_TRY(df__node_set_ints(net->graph, node, "kernel_shape", 2, kernel, net->err));
    DF_TRY(df__node_set_ints(net->graph, node, "strides", 2, stride, net->err));
    DF_TRY(df__node_set_ints(net->graph, node, "pads", 4, (const int64_t[]){pad[0], pad[1], pad[0], pad[1]}, net->err));
    DF_TRY(df__node_set_ints(net->graph, node, "dilations", 2, dilation, net->err));
    DF_TRY(df__node_set_int(net->graph, node, "group", group, net->err));
done:
    return st;
}

static df_status add_inner_product(df_caffe_net *net)
{
    df_status st = DF_OK;
    int64_t n, axis;
    bool biased, transposed;
    float *data;
    const char *in[4] = {0}, *x;
    df_node *node;
    df_caffe_value *y;
    DF_TRY(want_rank(net, 2, DF_MAX_RANK));
    DF_TRY(df__caffe_int(net, "num_output", 0, 1, DF_CAFFE_MAX_SIDE, &n));
    DF_TRY(df__caffe_int(net, "axis", 1, 1, 1, &axis));
    DF_TRY(df__caffe_bool(net, "bias_term", true, &biased));
    DF_TRY(df__caffe_bool(net, "transpose", false, &transposed));
    if (n == 0)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "num_output is missing"));
    int64_t each = df__caffe_count(net->in[0], 1, net->in[0]->rank);
    DF_TRY(df__caffe_weights(net, 0, "weights", 2, transposed ? (const int64_t[]){each, n} : (const int64_t[]){n, each}, &data, &in[1]));
    if (biased)
        DF_TRY(df__caffe_weights(net, 1, "bias", 1, &n, &data, &in[2]));
    DF_TRY(df__caffe_use(net, net->in[0], &x));
    DF_TRY(df__caffe_name(net, "flat", &in[0]));
    DF_TRY(df__caffe_node(net, "Flatten", (const char *[]){x, NULL}, in[0], &node));
    DF_TRY(df__caffe_value_new(net, 0, 2, (const int64_t[]){net->in[0]->dims[0], n}, false, &y));
    DF_TRY(df__caffe_node(net, "Gemm", in, y->name, &node));
    DF_TRY(df__node_set_int(net->graph, node, "transB", !transposed, net->err));
done:
    return st;
}

/* ---- one number in, one number out ---- */

/* gamma (x - mean) / sqrt(var + eps) + beta, a number of each a channel; the names stand in ONNX's order. */
static df_status add_norm(df_caffe_net *net, const char *const in[4], double eps)
{
    df_status st = DF_OK;
    df_node *node;
    df_caffe_value *y;
    const char *x;
    DF_TRY(df__caffe_use(net, net->in[0], &x));
    DF_TRY(df__caffe_value_new(net, 0, net->in[0]->rank, net->in[0]->dims, false, &y));
    DF_TRY(df__caffe_node(net, "BatchNormalization", (const char *[]){x, in[0], in[1], in[2], in[3], NULL}, y->name, &node));
    DF_TRY(df__node_set_float(net->graph, node, "epsilon", (float)eps, net->err));
    net->norm = y;
done:
    return st;
}

static void set_all(float *to, int64_t n, float v)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = v;
}

/* Blobs: sums of means and variances, and by what to divide them. */
static df_status add_batch_norm(df_caffe_net *net)
{
    df_status st = DF_OK;
    float *mean, *var, sum;
    const char *in[4];
    double eps;
    DF_TRY(want_rank(net, 2, DF_MAX_RANK));
    const int64_t *n = &net->in[0]->dims[1];
    DF_TRY(df__caffe_float(net, "eps", 1e-5, &eps));
    DF_TRY(df__caffe_weights(net, 0, "mean", 1, n, &mean, &in[2]));
    DF_TRY(df__caffe_weights(net, 1, "var", 1, n, &var, &in[3]));
    DF_TRY(df__caffe_copy(net, 2, 1, &sum));
    for (int64_t i = 0; i < *n; i++) {
        mean[i] = sum == 0 ? 0 : mean[i] / sum;
        var[i] = sum == 0 ? 0 : var[i] / sum;
    }
    DF_TRY(df__caffe_const(net, "gamma", 1, n, &net->norm_gamma, &in[0]));
    DF_TRY(df__caffe_const(net, "beta", 1, n, &net->norm_beta, &in[1]));
    set_all(net->norm_gamma, *n, 1);
    set_all(net->norm_beta, *n, 0);
    DF_TRY(add_norm(net, in, eps));
done:
    return st;
}

/* Behind a batch norm, in place: its gamma and beta. Elsewhere a norm of mean 0 and variance 1. */
static df_status add_scale(df_caffe_net *net)
{
    df_status st = DF_OK;
    int64_t axis, axes;
    bool biased;
    float *gamma, *beta, *mean, *var;
    const char *in[4];
    df_caffe_value *x = net->in[0];
    DF_TRY(want_rank(net, 2, DF_MAX_RANK));
    const int64_t *n = &x->dims[1];
    DF_TRY(df__caffe_int(net, "axis", 1, 1, 1, &axis));
    DF_TRY(df__caffe_int(net, "num_axes", 1, 1, 1, &axes));
    DF_TRY(df__caffe_bool(net, "bias_term", false, &biased));
    if (net->norm == x && net->norm_gamma && net->n_top > 0 && strcmp(net->top[0], x->blob) == 0) {
        DF_TRY(df__caffe_copy(net, 0, *n, net->norm_gamma));
        if (biased)
            DF_TRY(df__caffe_copy(net, 1, *n, net->norm_beta));
        net->norm_gamma = NULL; /* taken: a second Scale is a layer of its own */
        x->read = false;        /* the value goes on as this layer's */
        goto done;
    }
    DF_TRY(df__caffe_weights(net, 0, "gamma", 1, n, &gamma, &in[0]));
    if (biased) {
        DF_TRY(df__caffe_weights(net, 1, "beta", 1, n, &beta, &in[1]));
    } else {
        DF_TRY(df__caffe_const(net, "beta", 1, n, &beta, &in[1]));
        set_all(beta, *n, 0);
    }
    DF_TRY(df__caffe_const(net, "mean", 1, n, &mean, &in[2]));
    DF_TRY(df__caffe_const(net, "var", 1, n, &var, &in[3]));
    set_all(mean, *n, 0);
    set_all(var, *n, 1);
    DF_TRY(add_norm(net, in, 0));
    net->norm_gamma = NULL;
done:
    return st;
}

static df_status add_relu(df_caffe_net *net)
{
    df_status st = DF_OK;
    double slope;
    df_node *node;
    df_caffe_value *x = net->in[0];
    DF_TRY(df__caffe_float(net, "negative_slope", 0, &slope));
    DF_TRY(df__caffe_one(net, slope == 0 ? "Relu" : "LeakyRelu", x, x->rank, x->dims, &node));
    if (slope != 0)
        DF_TRY(df__node_set_float(net->graph, node, "alpha", (float)slope, net->err));
done:
    return st;
}

static df_status add_softmax(df_caffe_net *net)
{
    df_status st = DF_OK;
    int axis;
    df_node *node;
    df_caffe_value *x = net->in[0];
    DF_TRY(df__caffe_axis(net, "axis", 1, x->rank, &axis));
    DF_TRY(df__caffe_one(net, "Softmax", x, x->rank, x->dims, &node));
    DF_TRY(df__node_set_int(net->graph, node, "axis", axis, net->err));
done:
    return st;
}

/* x / sqrt(sum of squares over the channels + eps), times a number a channel. */
static df_status add_normalize(df_caffe_net *net)
{
    df_status st = DF_OK;
    bool across, shared;
    double eps;
    float *data;
    const char *x, *scale, *tiny, *axes, *square, *sum, *safe, *length, *unit;
    df_node *node;
    df_caffe_value *y, *in = net->in[0];
    DF_TRY(want_rank(net, 4, 4));
    DF_TRY(df__caffe_bool(net, "across_spatial", true, &across));
    DF_TRY(df__caffe_bool(net, "channel_shared", true, &shared));
    DF_TRY(df__caffe_float(net, "eps", 1e-10, &eps));
    if (across)
        DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "across_spatial: true"));
    DF_TRY(df__caffe_weights(net, 0, "scale", 4, (const int64_t[]){1, shared ? 1 : in->dims[1], 1, 1}, &data, &scale));
    DF_TRY(df__caffe_const(net, "eps", 1, (const int64_t[]){1}, &data, &tiny));
    *data = (float)eps;
    DF_TRY(df__caffe_ints(net, "axes", 1, (const int64_t[]){1}, &axes));
    DF_TRY(df__caffe_use(net, in, &x));
    DF_TRY(df__caffe_name(net, "square", &square));
    DF_TRY(df__caffe_name(net, "sum", &sum));
    DF_TRY(df__caffe_name(net, "sum+eps", &safe));
    DF_TRY(df__caffe_name(net, "length", &length));
    DF_TRY(df__caffe_name(net, "unit", &unit));
    DF_TRY(df__caffe_value_new(net, 0, 4, in->dims, false, &y));
    DF_TRY(df__caffe_node(net, "Mul", (const char *[]){x, x, NULL}, square, &node));
    DF_TRY(df__caffe_node(net, "ReduceSum", (const char *[]){square, axes, NULL}, sum, &node));
    DF_TRY(df__node_set_int(net->graph, node, "keepdims", 1, net->err));
    DF_TRY(df__caffe_node(net, "Add", (const char *[]){sum, tiny, NULL}, safe, &node));
    DF_TRY(df__caffe_node(net, "Sqrt", (const char *[]){safe, NULL}, length, &node));
    DF_TRY(df__caffe_node(net, "Div", (const char *[]){x, length, NULL}, unit, &node));
    DF_TRY(df__caffe_node(net, "Mul", (const char *[]){unit, scale, NULL}, y->name, &node));
done:
    return st;
}

/* ---- pooling ---- */

/* Caffe rounds the number of windows up, but the last must begin inside the picture or its padding. What the last window lacks is
 * given as padding behind, which only a maximum may ignore. */
static df_status place_windows(df_caffe_net *net, int64_t side, int64_t window, int64_t stride, int64_t pad, bool average, int64_t *n,
                               int64_t *behind)
{
    if (side + 2 * pad < window || pad >= window)
        return df__caffe_fail(net, DF_E_BAD_MODEL, "windows of %lld on %lld pixels with %lld around", (long long)window, (long long)side,
                              (long long)pad);
    *n = (side + 2 * pad - window + stride - 1) / stride + 1;
    if (pad > 0 && (*n - 1) * stride >= side + pad)
        --*n;
    *behind = (*n - 1) * stride + window - side - pad;
    if (average && *behind > pad)
        return df__caffe_fail(net, DF_E_UNSUPPORTED, "an average whose last window leaves the picture");
    if (*behind < 0)
        *behind = 0;
    return DF_OK;
}

static df_status add_pooling(df_caffe_net *net)
{
    df_status st = DF_OK;
    int64_t kernel[2], stride[2], pad[2], n[2], behind[2];
    bool global;
    df_node *node;
    df_caffe_value *x = net->in[0];
    const char *pool = df__text_value(net->param, "pool", "MAX"), *rounding = df__text_value(net->param, "round_mode", "CEIL");
    bool average = strcmp(pool, "AVE") == 0 || strcmp(pool, "1") == 0;
    DF_TRY(want_rank(net, 4, 4));
    if (!average && strcmp(pool, "MAX") != 0 && strcmp(pool, "0") != 0)
        DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "pool: %s", pool));
    if (strcmp(rounding, "CEIL") != 0)
        DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "round_mode: %s", rounding));
    DF_TRY(df__caffe_bool(net, "global_pooling", false, &global));
    if (global) {
        const int64_t dims[4] = {x->dims[0], x->dims[1], 1, 1};
        DF_TRY(df__caffe_one(net, average ? "GlobalAveragePool" : "GlobalMaxPool", x, 4, dims, &node));
        goto done;
    }
    DF_TRY(df__caffe_pair(net, "kernel_size", 0, 1, MAX_WINDOW, kernel));
    DF_TRY(df__caffe_pair(net, "stride", 1, 1, MAX_WINDOW, stride));
    DF_TRY(df__caffe_pair(net, "pad", 0, 0, MAX_WINDOW, pad));
    for (int i = 0; i < 2; i++)
        DF_TRY(place_windows(net, x->dims[2 + i], kernel[i], stride[i], pad[i], average, &n[i], &behind[i]));
    DF_TRY(df__caffe_one(net, average ? "AveragePool" : "MaxPool", x, 4, (const int64_t[]){x->dims[0], x->dims[1], n[0], n[1]}, &node));
    DF_TRY(df__node_set_ints(net->graph, node, "kernel_shape", 2, kernel, net->err));
    DF_TRY(df__node_set_ints(net->graph, node, "strides", 2, stride, net->err));
    DF_TRY(df__node_set_ints(net->graph, node, "pads", 4, (const int64_t[]){pad[0], pad[1], behind[0], behind[1]}, net->err));
    if (average) /* Caffe divides by the whole window where it lies on padding */
        DF_TRY(df__node_set_int(net->graph, node, "count_include_pad", 1, net->err));
done:
    return st;
}

/* ---- several inputs ---- */

static df_status add_eltwise(df_caffe_net *net)
{
    df_status st = DF_OK;
    const char *operation = df__text_value(net->param, "operation", "SUM"), *op = NULL, *a, *b, *to;
    static const char *const ops[][3] = {{"PROD", "0", "Mul"}, {"SUM", "1", "Add"}, {"MAX", "2", "Max"}};
    df_node *node;
    df_caffe_value *x = net->in[0], *y;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(operation, ops[i][0]) == 0 || strcmp(operation, ops[i][1]) == 0)
            op = ops[i][2];
    if (!op)
        DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "operation: %s", operation));
    for (const df_text *c = df__text_field(net->param, "coeff"); c; c = df__text_again(c)) {
        double v;
        DF_TRY(df__caffe_number(net, c, &v));
        if (v != 1)
            DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "coeff: %s", c->value));
    }
    DF_TRY(df__caffe_value_new(net, 0, x->rank, x->dims, false, &y));
    DF_TRY(df__caffe_use(net, x, &a));
    for (size_t i = 1; i < net->n_in; i++, a = to) {
        if (net->in[i]->rank != x->rank || memcmp(net->in[i]->dims, x->dims, (size_t)x->rank * sizeof *x->dims) != 0)
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "its inputs differ in shape"));
        char part[32];
        snprintf(part, sizeof part, "part%zu", i);
        to = y->name;
        if (i + 1 < net->n_in)
            DF_TRY(df__caffe_name(net, part, &to));
        DF_TRY(df__caffe_use(net, net->in[i], &b));
        DF_TRY(df__caffe_node(net, op, (const char *[]){a, b, NULL}, to, &node));
    }
done:
    return st;
}

const df_caffe_kind *df__caffe_kind(const char *type)
{
    static const df_caffe_kind kinds[] = {
        {"Convolution", "convolution_param", 1, 1, add_convolution},
        {"InnerProduct", "inner_product_param", 1, 1, add_inner_product},
        {"BatchNorm", "batch_norm_param", 1, 1, add_batch_norm},
        {"Scale", "scale_param", 1, 1, add_scale},
        {"ReLU", "relu_param", 1, 1, add_relu},
        {"Softmax", "softmax_param", 1, 1, add_softmax},
        {"Normalize", "norm_param", 1, 1, add_normalize},
        {"Pooling", "pooling_param", 1, 1, add_pooling},
        {"Eltwise", "eltwise_param", 2, DF_CAFFE_MAX_PORTS, add_eltwise},
        {"Concat", "concat_param", 1, DF_CAFFE_MAX_PORTS, df__caffe_concat},
        {"Split", NULL, 1, 1, df__caffe_split},
        {"Permute", "permute_param", 1, 1, df__caffe_permute},
        {"Flatten", "flatten_param", 1, 1, df__caffe_flatten},
        {"Reshape", "reshape_param", 1, 1, df__caffe_reshape},
        {"PriorBox", "prior_box_param", 2, 2, df__caffe_prior_box},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    return NULL;
}
