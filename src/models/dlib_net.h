/* dlib_net.h - reading the layers of a network that dlib serialised, into a graph.
 *
 * A file does not say which layers it holds: a reader must know the network, as dlib's does from its C++ type. dlib writes a nest of layers:
 * first the version of the loss and what it holds, then the versions of the layers from the outermost inwards, then the input, then what
 * each layer holds from the innermost outwards (dlib 19.24 dnn/core.h, dnn/layers.h, dnn/loss.h). */
#ifndef DF_MODELS_DLIB_NET_H
#define DF_MODELS_DLIB_NET_H

#include "models/dlib_stream.h"
#include "nn/graph.h"

enum { DF_DLIB_OPSET = 13, DF_DLIB_MAX_LAYERS = 160, DF_DLIB_NAME = 32 };

typedef enum df_dlib_kind {
    DF_DLIB_CON, DF_DLIB_AFFINE, DF_DLIB_RELU, DF_DLIB_MAX_POOL, DF_DLIB_AVG_POOL, DF_DLIB_AVG_POOL_ALL, DF_DLIB_TAG, DF_DLIB_SKIP,
    DF_DLIB_ADD_PREV, DF_DLIB_FC_NO_BIAS
} df_dlib_kind;

typedef struct df_dlib_layer {
    df_dlib_kind kind;
    int n;                   /* filters of CON, outputs of FC_NO_BIAS, number of TAG, SKIP (goes back to) and ADD_PREV (adds) */
    int window, stride, pad; /* CON and pools; 0 for AVG_POOL_ALL: the whole picture */
} df_dlib_layer;

typedef struct df_dlib_value {
    char    name[DF_DLIB_NAME];
    int64_t channels, side; /* side: of the square picture; means nothing where the input has any size */
} df_dlib_value;

typedef struct df_dlib_net {
    df_dlib_stream in;
    df_graph      *graph;
    const char    *label;
    df_error      *err;
    size_t         index;     /* of the layer being read */
    df_dlib_value  now;       /* output of the layers so far */
    df_dlib_value  tagged[3]; /* by the number of the tag */
    float         *weights, *bias; /* of the last convolution, for the affine layer behind it */
    size_t         each;           /* its weights a filter */
} df_dlib_net;

/* Describing a network, innermost layer first: a convolution as dlib's `con` makes it, its affine layer (a batch norm in training) behind it.
 * Returns the next place. */
df_dlib_layer *df__dlib_con(df_dlib_layer *at, int filters, int window, int stride);

/* A word must be one of two; true for the second. */
bool df__dlib_newer(df_dlib_net *r, const char *older, const char *newer_version);
void df__dlib_expect(df_dlib_net *r, int64_t v);
void df__dlib_skip_floats(df_dlib_net *r, int n);
/* What failed so far, as an error. */
df_status df__dlib_ask(df_dlib_net *r);

/* The versions of the layers, then, behind the input's own record, what the layers hold, to the end of the file. The affine layers go into
 * the convolutions before them. */
void      df__dlib_versions(df_dlib_net *r, const df_dlib_layer *layers, size_t n, int versions[DF_DLIB_MAX_LAYERS]);
df_status df__dlib_layers(df_dlib_net *r, const df_dlib_layer *layers, size_t n, const int versions[DF_DLIB_MAX_LAYERS]);

#endif
