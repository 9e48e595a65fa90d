/* caffe_weights.c - the caffemodel: where the weights of each layer lie, and copying them. Only names and blobs are read: what the layers
 * are says the prototxt. Field numbers: caffe.proto of BVLC/caffe. */
#include <string.h>

#include "models/caffe_net.h"

enum { /* NetParameter */ NET_V1_LAYER = 2, NET_LAYER = 100,
       /* LayerParameter */ LAYER_NAME = 1, LAYER_BLOBS = 7, /* V1LayerParameter */ V1_NAME = 4, V1_BLOBS = 6,
       /* BlobProto */ BLOB_DATA = 5, BLOB_DOUBLE_DATA = 8 };

/* Name and blobs of a layer of the caffemodel. Only their places are noted. */
static bool note_stored(df_wire layer, bool v1, df_caffe_stored *to)
{
    df_field f;
    while (df__wire_next(&layer, &f)) {
        if (f.number == (v1 ? V1_NAME : LAYER_NAME))
            to->name = f;
        else if (f.number == (v1 ? V1_BLOBS : LAYER_BLOBS) && to->n_blobs < DF_CAFFE_MAX_BLOBS)
            (void)df__wire_open(&layer, &f, &to->blobs[to->n_blobs++]);
    }
    return !layer.bad;
}

df_status df__caffe_find_stored(df_caffe_net *net, const df_bytes *model)
{
    df_field f;
    size_t n = 0;
    df_wire count = df__wire_of(model->data, model->len), w = count, layer;
    while (df__wire_next(&count, &f))
        n += f.number == NET_LAYER || f.number == NET_V1_LAYER;
    if (count.bad)
        return df__caffe_fail(net, DF_E_BAD_MODEL, "the caffemodel is torn, or is none");
    if (n > DF_CAFFE_MAX_LAYERS)
        return df__caffe_fail(net, DF_E_LIMIT, "the caffemodel has %zu layers, the limit is %d", n, (int)DF_CAFFE_MAX_LAYERS);
    net->stored = df__arena_calloc(&net->arena, n, sizeof *net->stored);
    if (!net->stored)
        return df__no_memory(net->err, net->label, n * sizeof *net->stored);
    while (df__wire_next(&w, &f)) {
        bool v1 = f.number == NET_V1_LAYER;
        if (!v1 && f.number != NET_LAYER)
            continue;
        if (!df__wire_open(&w, &f, &layer) || !note_stored(layer, v1, &net->stored[net->n_stored++]))
            return df__caffe_fail(net, DF_E_BAD_MODEL, "layer %zu of the caffemodel is torn", net->n_stored);
    }
    return DF_OK;
}

static df_status find_blob(df_caffe_net *net, size_t index, df_wire *blob)
{
    for (size_t i = 0; i < net->n_stored; i++) {
        df_caffe_stored *s = &net->stored[i];
        if (!df__field_is(&s->name, net->name))
            continue;
        if (s->taken && s->taken != net->layer)
            return df__caffe_fail(net, DF_E_BAD_MODEL, "its weights belong to the layer of line %d", s->taken->line);
        s->taken = net->layer;
        if (index >= s->n_blobs)
            return df__caffe_fail(net, DF_E_BAD_MODEL, "the caffemodel has %zu blobs for it, number %zu is due", s->n_blobs, index + 1);
        *blob = s->blobs[index];
        return DF_OK;
    }
    return df__caffe_fail(net, DF_E_BAD_MODEL, "the caffemodel has no layer of this name");
}

/* Numbers of a blob: floats or doubles, in one list or several. */
static size_t blob_count(df_wire *blob)
{
    size_t n = 0;
    df_field f;
    while (df__wire_next(blob, &f))
        if (f.number == BLOB_DATA || f.number == BLOB_DOUBLE_DATA)
            n += df__field_count(&f, f.number == BLOB_DATA ? DF_WIRE_FIXED32 : DF_WIRE_FIXED64);
    return n;
}

static void blob_copy(df_wire blob, float *to)
{
    df_field f;
    while (df__wire_next(&blob, &f)) {
        if (f.number == BLOB_DATA) {
            df__field_f32s(&f, to);
            to += df__field_count(&f, DF_WIRE_FIXED32);
        } else if (f.number == BLOB_DOUBLE_DATA) {
            size_t n = df__field_count(&f, DF_WIRE_FIXED64);
            for (size_t i = 0; i < n; i++) {
                df_field one = f;
                double v;
                if (f.kind == DF_WIRE_BYTES)
                    one.data += i * sizeof v, one.len = sizeof v;
                df__field_f64s(&one, &v);
                *to++ = (float)v;
            }
        }
    }
}

/* Blob `index`, which must have `count` numbers. */
static df_status check_blob(df_caffe_net *net, size_t index, int64_t count, df_wire *blob)
{
    df_status st = find_blob(net, index, blob);
    if (st != DF_OK)
        return st;
    df_wire w = *blob;
    size_t n = blob_count(&w);
    if (w.bad || n != (size_t)count)
        return df__caffe_fail(net, DF_E_BAD_MODEL, "blob %zu has %zu numbers, %lld are due", index, n, (long long)count);
    return DF_OK;
}

df_status df__caffe_weights(df_caffe_net *net, size_t index, const char *name, int rank, const int64_t *dims, float **data,
                            const char **full)
{
    df_status st = DF_OK;
    df_wire blob;
    df_tensor t = {.rank = rank};
    memcpy(t.dims, dims, (size_t)rank * sizeof *dims);
    DF_TRY(check_blob(net, index, df__tensor_count(&t), &blob));
    DF_TRY(df__caffe_const(net, name, rank, dims, data, full));
    blob_copy(blob, *data);
done:
    return st;
}

df_status df__caffe_copy(df_caffe_net *net, size_t index, int64_t count, float *to)
{
    df_wire blob;
    df_status st = check_blob(net, index, count, &blob);
    if (st == DF_OK)
        blob_copy(blob, to);
    return st;
}
