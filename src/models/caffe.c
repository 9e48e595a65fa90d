/* caffe.c - Caffe's two files to a graph: goes through the prototxt in order, keeps the blobs' shapes, and names the outputs. What a
 * layer means is in caffe_layers.c, its weights come from caffe_weights.c. Field names: caffe.proto of BVLC/caffe and weiliu89/caffe
 * (branch ssd). */
#include "models/caffe.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/caffe_net.h"

enum { OPSET = 13, MAX_VALUES = 1 << 14 };

df_status df__caffe_fail(df_caffe_net *net, df_status status, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!net->layer)
        return df__fail(net->err, status, "%s: %s", net->label, text);
    return df__fail(net->err, status, "%s: line %d: %s layer \"%s\": %s", net->label, net->layer->line, net->type, net->name,
                    text);
}

/* ---- parameters ---- */

df_status df__caffe_number(df_caffe_net *net, const df_text *field, double *out)
{
    char *end = NULL;
    *out = field->value ? strtod(field->value, &end) : 0;
    /* "1f" is a float to protobuf too. */
    if (!end || end == field->value || (*end && strcmp(end, "f") != 0) || !isfinite(*out))
        return df__caffe_fail(net, DF_E_BAD_MODEL, "%s: %s is not a number", field->name, field->value ? field->value : "{ ... }");
    return DF_OK;
}

df_status df__caffe_whole(df_caffe_net *net, const df_text *field, int64_t min, int64_t max, int64_t *out)
{
    double v;
    df_status st = df__caffe_number(net, field, &v);
    if (st == DF_OK && (v != floor(v) || v < (double)min || v > (double)max))
        st = df__caffe_fail(net, DF_E_BAD_MODEL, "%s: %s is not a whole number from %lld to %lld", field->name, field->value, (long long)min,
                            (long long)max);
    *out = st == DF_OK ? (int64_t)v : 0;
    return st;
}

df_status df__caffe_int(df_caffe_net *net, const char *name, int64_t otherwise, int64_t min, int64_t max, int64_t *out)
{
    const df_text *field = df__text_field(net->param, name);
    *out = otherwise;
    return field ? df__caffe_whole(net, field, min, max, out) : DF_OK;
}

df_status df__caffe_float(df_caffe_net *net, const char *name, double otherwise, double *out)
{
    const df_text *field = df__text_field(net->param, name);
    *out = otherwise;
    return field ? df__caffe_number(net, field, out) : DF_OK;
}

df_status df__caffe_bool(df_caffe_net *net, const char *name, bool otherwise, bool *out)
{
    const char *v = df__text_value(net->param, name, otherwise ? "true" : "false");
    *out = strcmp(v, "true") == 0 || strcmp(v, "True") == 0 || strcmp(v, "t") == 0 || strcmp(v, "1") == 0;
    if (*out || strcmp(v, "false") == 0 || strcmp(v, "False") == 0 || strcmp(v, "f") == 0 || strcmp(v, "0") == 0)
        return DF_OK;
    return df__caffe_fail(net, DF_E_BAD_MODEL, "%s: %s is neither true nor false", name, v);
}

df_status df__caffe_pair(df_caffe_net *net, const char *name, int64_t otherwise, int64_t min, int64_t max, int64_t out[2])
{
    df_status st = DF_OK;
    char row[24], column[24];
    int stem = strcmp(name, "kernel_size") == 0 ? 6 : (int)strlen(name);
    snprintf(row, sizeof row, "%.*s_h", stem, name);
    snprintf(column, sizeof column, "%.*s_w", stem, name);
    DF_TRY(df__caffe_int(net, name, otherwise, min, max, &out[0]));
    out[1] = out[0];
    const df_text *field = df__text_field(net->param, name), *second = field ? df__text_again(field) : NULL;
    if (second)
        DF_TRY(df__caffe_whole(net, second, min, max, &out[1]));
    DF_TRY(df__caffe_int(net, row, out[0], min, max, &out[0]));
    DF_TRY(df__caffe_int(net, column, out[1], min, max, &out[1]));
    if (out[0] < min || out[1] < min)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%s is missing", name));
done:
    return st;
}

df_status df__caffe_axis(df_caffe_net *net, const char *name, int64_t otherwise, int rank, int *out)
{
    int64_t axis;
    df_status st = df__caffe_int(net, name, otherwise, -DF_MAX_RANK, DF_MAX_RANK, &axis);
    axis += axis < 0 ? rank : 0;
    if (st == DF_OK && (axis < 0 || axis >= rank))
        st = df__caffe_fail(net, DF_E_BAD_MODEL, "%s is outside the %d dimensions of the input", name, rank);
    *out = (int)axis;
    return st;
}

/* ---- values, constants, nodes ---- */

static df_status keep(df_caffe_net *net, const char *text, const char **out)
{
    size_t n = strlen(text) + 1;
    char *to = df__arena_alloc(&net->arena, n);
    if (!to)
        return df__no_memory(net->err, net->label, n);
    memcpy(to, text, n);
    *out = to;
    return DF_OK;
}

/* "first<sep>second"; names too long for a message would not be told apart in one. */
static df_status join(df_caffe_net *net, const char *first, const char *sep, const char *second, const char **out)
{
    char text[DF_CAFFE_NAME];
    int n = snprintf(text, sizeof text, "%s%s%s", first, sep, second);
    if (n < 0 || (size_t)n >= sizeof text)
        return df__caffe_fail(net, DF_E_LIMIT, "a name is longer than %d bytes", (int)sizeof text);
    return keep(net, text, out);
}

df_status df__caffe_name(df_caffe_net *net, const char *name, const char **full) { return join(net, net->name, ":", name, full); }

/* How many values of a blob there are by now. */
static size_t versions(const df_caffe_net *net, const char *blob)
{
    size_t n = 0;
    for (size_t i = 0; i < net->n_values; i++)
        n += strcmp(net->values[i]->blob, blob) == 0;
    return n;
}

/* The newest value of a blob. */
static df_caffe_value *find_value(const df_caffe_net *net, const char *blob)
{
    for (size_t i = net->n_values; i-- > 0;)
        if (strcmp(net->values[i]->blob, blob) == 0)
            return net->values[i];
    return NULL;
}

static df_status add_value(df_caffe_net *net, const char *blob, const char *name, int rank, const int64_t *dims, df_caffe_value **out)
{
    df_status st = DF_OK;
    int64_t count = 1;
    if (rank > DF_MAX_RANK)
        return df__caffe_fail(net, DF_E_LIMIT, "blob \"%s\" has %d dimensions, the limit is %d", blob, rank, (int)DF_MAX_RANK);
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 1 || dims[i] > DF_CAFFE_MAX_SIDE || count > DF_CAFFE_MAX_COUNT / dims[i])
            return df__caffe_fail(net, DF_E_BAD_MODEL, "blob \"%s\": dimension %d is %lld, or the blob is too large", blob, i,
                                  (long long)dims[i]);
        count *= dims[i];
    }
    if (net->n_values == net->cap_values) {
        size_t more = net->cap_values ? 2 * net->cap_values : 64;
        df_caffe_value **list = more <= MAX_VALUES ? df__arena_calloc(&net->arena, more, sizeof *list) : NULL;
        if (!list)
            return more > MAX_VALUES ? df__caffe_fail(net, DF_E_LIMIT, "more than %d blobs", (int)MAX_VALUES)
                                     : df__no_memory(net->err, net->label, more * sizeof *list);
        if (net->n_values)
            memcpy(list, net->values, net->n_values * sizeof *list);
        net->values = list;
        net->cap_values = more;
    }
    df_caffe_value *v = df__arena_calloc(&net->arena, 1, sizeof *v);
    if (!v)
        return df__no_memory(net->err, net->label, sizeof *v);
    DF_TRY(keep(net, blob, &v->blob));
    DF_TRY(keep(net, name, &v->name));
    v->rank = rank;
    memcpy(v->dims, dims, (size_t)rank * sizeof *dims);
    net->values[net->n_values++] = v;
    *out = v;
done:
    return st;
}

/* How often the layers write a blob; those that are left out count too, which costs a name nothing but beauty. */
static size_t writers(const df_caffe_net *net, const char *blob)
{
    size_t n = 0;
    for (const df_text *l = df__text_field(net->text, "layer"); l; l = df__text_again(l))
        for (const df_text *t = df__text_field(l, "top"); t; t = df__text_again(t))
            n += t->value && strcmp(t->value, blob) == 0;
    return n;
}

df_status df__caffe_value_new(df_caffe_net *net, size_t index, int rank, const int64_t *dims, bool constant, df_caffe_value **out)
{
    df_status st = DF_OK;
    const char *name = NULL;
    if (index >= net->n_top)
        return df__caffe_fail(net, DF_E_BAD_MODEL, "it has %zu tops", net->n_top);
    const char *blob = net->top[index];
    size_t version = versions(net, blob);
    if (version == 0 && !constant && writers(net, blob) <= 1)
        return add_value(net, blob, blob, rank, dims, out);
    char number[24];
    snprintf(number, sizeof number, "%zu", version + 1);
    DF_TRY(join(net, blob, constant ? "#const" : "#", number, &name));
    DF_TRY(add_value(net, blob, name, rank, dims, out));
done:
    return st;
}

int64_t df__caffe_count(const df_caffe_value *value, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= value->dims[i];
    return n;
}

df_status df__caffe_fill(df_caffe_net *net, df_caffe_value *value)
{
    size_t n = (size_t)df__caffe_count(value, 0, value->rank);
    if (n > DF_CAFFE_MAX_KNOWN - net->n_known)
        return df__caffe_fail(net, DF_E_LIMIT, "constants of more than %d numbers", (int)DF_CAFFE_MAX_KNOWN);
    value->data = df__arena_alloc(&net->graph->arena, n * sizeof *value->data);
    if (!value->data)
        return df__no_memory(net->err, net->label, n * sizeof *value->data);
    net->n_known += n;
    return DF_OK;
}

df_status df__caffe_use(df_caffe_net *net, df_caffe_value *value, const char **name)
{
    df_status st = DF_OK;
    if (value->data && !value->known) {
        df_tensor t = {.type = DF_F32, .rank = value->rank, .data = value->data};
        memcpy(t.dims, value->dims, sizeof t.dims);
        DF_TRY(df__graph_add_const(net->graph, value->name, &t, net->err));
        value->known = true;
    }
    *name = value->name;
done:
    return st;
}

df_status df__caffe_node(df_caffe_net *net, const char *op, const char *const *in, const char *out, df_node **node)
{
    return df__graph_add_node(net->graph, op, out, in, (const char *[]){out, NULL}, node, net->err);
}

df_status df__caffe_const(df_caffe_net *net, const char *name, int rank, const int64_t *dims, float **data, const char **full)
{
    df_status st = df__caffe_name(net, name, full);
    return st == DF_OK ? df__graph_add_f32(net->graph, *full, rank, dims, data, net->err) : st;
}

df_status df__caffe_ints(df_caffe_net *net, const char *name, size_t n, const int64_t *values, const char **full)
{
    df_status st = df__caffe_name(net, name, full);
    return st == DF_OK ? df__graph_add_i64(net->graph, *full, n, values, net->err) : st;
}

/* ---- the prototxt ---- */

/* Dimensions that a list of numbers gives. */
static df_status read_dims(df_caffe_net *net, const df_text *dim, int most, int *rank, int64_t dims[DF_MAX_RANK])
{
    df_status st = DF_OK;
    for (*rank = 0; dim && *rank < most; dim = df__text_again(dim), ++*rank)
        DF_TRY(df__caffe_whole(net, dim, 1, DF_CAFFE_MAX_SIDE, &dims[*rank]));
    if (*rank == 0)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "an input without a shape"));
done:
    return st;
}

static df_status add_input(df_caffe_net *net, const char *name, int rank, const int64_t *dims)
{
    df_caffe_value *v;
    if (find_value(net, name))
        return df__caffe_fail(net, DF_E_BAD_MODEL, "input \"%s\" is given twice", name);
    df_status st = add_value(net, name, name, rank, dims, &v);
    if (st != DF_OK)
        return st;
    v->read = true;
    return df__graph_add_input(net->graph, name, DF_F32, rank, dims, net->err);
}

/* input with input_shape, or with four input_dim each. */
static df_status read_inputs(df_caffe_net *net)
{
    df_status st = DF_OK;
    int rank;
    int64_t dims[DF_MAX_RANK];
    const df_text *shape = df__text_field(net->text, "input_shape"), *dim = df__text_field(net->text, "input_dim");
    for (const df_text *in = df__text_field(net->text, "input"); in; in = df__text_again(in)) {
        if (!in->value)
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "line %d: an input without a name", in->line));
        DF_TRY(read_dims(net, shape ? df__text_field(shape, "dim") : dim, shape ? DF_MAX_RANK : 4, &rank, dims));
        DF_TRY(add_input(net, in->value, rank, dims));
        shape = shape ? df__text_again(shape) : NULL;
        for (int i = 0; dim && !shape && i < 4; i++)
            dim = df__text_again(dim);
    }
done:
    return st;
}

/* A layer of type Input: a shape for all tops, or one a top. */
static df_status read_input_layer(df_caffe_net *net)
{
    df_status st = DF_OK;
    int rank;
    int64_t dims[DF_MAX_RANK];
    const df_text *shape = df__text_field(df__text_field(net->layer, "input_param"), "shape");
    for (size_t i = 0; i < net->n_top; i++) {
        DF_TRY(read_dims(net, df__text_field(shape, "dim"), DF_MAX_RANK, &rank, dims));
        DF_TRY(add_input(net, net->top[i], rank, dims));
        if (df__text_again(shape))
            shape = df__text_again(shape);
    }
done:
    return st;
}

/* Is the layer part of the net that is run? Rules other than those of the phase are refused. */
static df_status is_included(df_caffe_net *net, bool *yes)
{
    df_status st = DF_OK;
    const df_text *include = df__text_field(net->layer, "include"), *exclude = df__text_field(net->layer, "exclude");
    *yes = !include;
    for (const df_text *rule = include ? include : exclude; rule; rule = df__text_again(rule)) {
        const char *phase = df__text_value(rule, "phase", NULL);
        if (!phase || rule->first->next)
            DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "a rule that asks for more than a phase"));
        if (strcmp(phase, "TEST") == 0 || strcmp(phase, "1") == 0)
            *yes = include != NULL;
    }
done:
    return st;
}

static df_status read_names(df_caffe_net *net, const char *field, const char **to, size_t *n)
{
    *n = 0;
    for (const df_text *f = df__text_field(net->layer, field); f; f = df__text_again(f)) {
        if (!f->value || *n == DF_CAFFE_MAX_PORTS)
            return df__caffe_fail(net, DF_E_LIMIT, "more than %d of %s, or one without a name", (int)DF_CAFFE_MAX_PORTS, field);
        to[(*n)++] = f->value;
    }
    return DF_OK;
}

/* The outputs carry the blobs' names. */
static df_status add_output(df_caffe_net *net, df_caffe_value *v)
{
    df_status st = DF_OK;
    df_node *node;
    const char *name;
    for (size_t i = 0; i < net->graph->n_inputs + net->graph->n_outputs; i++) {
        size_t n = net->graph->n_inputs;
        if (strcmp(i < n ? net->graph->inputs[i].name : net->graph->outputs[i - n].name, v->blob) == 0)
            DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "output \"%s\" is an input, or an output twice", v->blob));
    }
    DF_TRY(df__caffe_use(net, v, &name));
    if (strcmp(name, v->blob) != 0)
        DF_TRY(df__caffe_node(net, "Identity", (const char *[]){name, NULL}, v->blob, &node));
    DF_TRY(df__graph_add_output(net->graph, v->blob, net->err));
done:
    return st;
}

static df_status read_layer(df_caffe_net *net, const df_text *layer, bool *last)
{
    df_status st = DF_OK;
    bool included;
    const char *bottom[DF_CAFFE_MAX_PORTS];
    net->layer = layer;
    net->name = df__text_value(layer, "name", "");
    net->type = df__text_value(layer, "type", "");
    DF_TRY(is_included(net, &included));
    if (!included)
        goto done;
    DF_TRY(read_names(net, "bottom", bottom, &net->n_in));
    DF_TRY(read_names(net, "top", net->top, &net->n_top));
    for (size_t i = 0; i < net->n_in; i++) {
        if (!(net->in[i] = find_value(net, bottom[i])))
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "bottom \"%s\" comes from no layer before it", bottom[i]));
        net->in[i]->read = true;
    }
    if (strcmp(net->type, "Input") == 0) {
        DF_TRY(read_input_layer(net));
        goto done;
    }
    if (strcmp(net->type, "DetectionOutput") == 0) { /* decoding and suppression are the detector's */
        *last = true;
        for (size_t i = 0; i < net->n_in; i++)
            DF_TRY(add_output(net, net->in[i]));
        goto done;
    }
    const df_caffe_kind *kind = df__caffe_kind(net->type);
    if (!kind)
        DF_TRY(df__caffe_fail(net, DF_E_UNSUPPORTED, "this type is not known here"));
    if (net->n_in < kind->min_in || net->n_in > kind->max_in || net->n_top == 0)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%zu bottoms and %zu tops", net->n_in, net->n_top));
    net->param = kind->param ? df__text_field(layer, kind->param) : NULL;
    df_caffe_value *norm = net->norm;
    DF_TRY(kind->add(net));
    if (net->norm == norm)
        net->norm = NULL; /* it was not this layer's: no layer after this one may complete it */
done:
    return st;
}

/* Without a DetectionOutput: what no layer reads, as Caffe does. */
static df_status add_loose_ends(df_caffe_net *net)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < net->n_values; i++)
        if (!net->values[i]->read)
            DF_TRY(add_output(net, net->values[i]));
done:
    return st;
}

df_status df__caffe_parse(const df_bytes *prototxt, const df_bytes *caffemodel, const char *label, df_graph **out, df_error *err)
{
    df_status st = DF_OK;
    df_caffe_net net = {.label = label, .err = err};
    size_t n = 0;
    bool last = false;
    *out = NULL;
    DF_TRY(df__text_parse(prototxt, label, &net.arena, &net.text, err));
    if (df__text_field(net.text, "layers"))
        DF_TRY(df__caffe_fail(&net, DF_E_UNSUPPORTED, "a prototxt of before 2015, with \"layers\""));
    DF_TRY(df__graph_new(label, OPSET, &net.graph, err));
    DF_TRY(df__caffe_find_stored(&net, caffemodel));
    DF_TRY(read_inputs(&net));
    for (const df_text *l = df__text_field(net.text, "layer"); l && !last; l = df__text_again(l)) {
        if (n++ == DF_CAFFE_MAX_LAYERS)
            DF_TRY(df__caffe_fail(&net, DF_E_LIMIT, "more than %d layers", (int)DF_CAFFE_MAX_LAYERS));
        DF_TRY(read_layer(&net, l, &last));
    }
    net.layer = NULL;
    if (!last)
        DF_TRY(add_loose_ends(&net));
    if (net.graph->n_outputs == 0)
        DF_TRY(df__caffe_fail(&net, DF_E_BAD_MODEL, "a net without outputs"));
    *out = net.graph, net.graph = NULL; /* handed over */
done:
    df__graph_free(net.graph);
    df__arena_free(&net.arena);
    return st;
}
