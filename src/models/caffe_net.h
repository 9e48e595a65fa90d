/* caffe_net.h - what caffe.c (wiring, order), caffe_weights.c (the caffemodel) and caffe_layers.c, caffe_shape.c, caffe_prior.c (one
 * function a layer) share.
 *
 * Every blob's shape is known while the graph is built, from the input's on: Caffe's pooling rounds up, and prior boxes and reshapes are
 * computed here. A layer that writes over its input makes a new value of the same blob. */
#ifndef DF_MODELS_CAFFE_NET_H
#define DF_MODELS_CAFFE_NET_H

#include "core/wire.h"
#include "models/caffe_text.h"
#include "nn/graph.h"

enum {
    DF_CAFFE_MAX_LAYERS = 4096,
    DF_CAFFE_MAX_PORTS = 64,       /* bottoms or tops of a layer */
    DF_CAFFE_MAX_SIDE = 1 << 20,   /* of one dimension */
    DF_CAFFE_MAX_COUNT = 1 << 28,  /* elements of a blob */
    DF_CAFFE_MAX_KNOWN = 1 << 24,  /* elements of all constants that are computed here */
    DF_CAFFE_MAX_BLOBS = 4,        /* of a layer's weights; the kinds known here have three at most */
    DF_CAFFE_NAME = 160,
};

typedef struct df_caffe_value {
    const char *blob;             /* name in the prototxt */
    const char *name;             /* in the graph */
    int         rank;
    int64_t     dims[DF_MAX_RANK];
    float      *data;             /* a constant, in the graph's arena; NULL: computed at run time */
    bool        known;            /* a constant that the graph has by this name */
    bool        read;             /* by a layer; or an input of the net */
} df_caffe_value;

/* A layer of the caffemodel: where its weights lie. */
typedef struct df_caffe_stored {
    df_field       name;
    df_wire        blobs[DF_CAFFE_MAX_BLOBS];
    size_t         n_blobs;
    const df_text *taken; /* by this layer of the prototxt: one alone may have them, so that memory is bounded by the file */
} df_caffe_stored;

typedef struct df_caffe_net {
    const char      *label;
    df_error        *err;
    df_graph        *graph;
    df_arena         arena; /* of the reading alone */
    df_caffe_value **values;
    size_t           n_values, cap_values;
    df_caffe_stored *stored;
    size_t           n_stored;
    size_t           n_known; /* elements of the constants computed so far */
    const df_text   *text;
    /* the layer being read */
    const df_text   *layer, *param; /* param: its own parameters, NULL where all are left out */
    const char      *name, *type;
    df_caffe_value  *in[DF_CAFFE_MAX_PORTS];
    const char      *top[DF_CAFFE_MAX_PORTS];
    size_t           n_in, n_top;
    /* a batch norm that the next layer, Scale in place, may complete */
    df_caffe_value  *norm;
    float           *norm_gamma, *norm_beta;
} df_caffe_net;

/* A kind of layer. Its function reads net->layer, adds nodes, and makes the values of net->top. */
typedef struct df_caffe_kind {
    const char *type, *param;
    size_t      min_in, max_in;
    df_status (*add)(df_caffe_net *net);
} df_caffe_kind;

const df_caffe_kind *df__caffe_kind(const char *type); /* NULL when there is none */
df_status df__caffe_prior_box(df_caffe_net *net);
df_status df__caffe_concat(df_caffe_net *net);
df_status df__caffe_split(df_caffe_net *net);
df_status df__caffe_permute(df_caffe_net *net);
df_status df__caffe_flatten(df_caffe_net *net);
df_status df__caffe_reshape(df_caffe_net *net);

/* Note the layers of the caffemodel, which must outlive the net. */
df_status df__caffe_find_stored(df_caffe_net *net, const df_bytes *model);

/* ---- for the layers ---- */

/* Message with label, layer and line before it. */
df_status df__caffe_fail(df_caffe_net *net, df_status status, const char *format, ...) DF_PRINTF(3, 4);

/* Parameters of the layer; a number that is none, or out of [min, max], is DF_E_BAD_MODEL. */
df_status df__caffe_int(df_caffe_net *net, const char *name, int64_t otherwise, int64_t min, int64_t max, int64_t *out);
df_status df__caffe_bool(df_caffe_net *net, const char *name, bool otherwise, bool *out);
df_status df__caffe_float(df_caffe_net *net, const char *name, double otherwise, double *out);
df_status df__caffe_number(df_caffe_net *net, const df_text *field, double *out);
df_status df__caffe_whole(df_caffe_net *net, const df_text *field, int64_t min, int64_t max, int64_t *out);
/* Rows and columns: NAME once or twice, or NAME_h and NAME_w (of kernel_size: kernel_h, kernel_w). */
df_status df__caffe_pair(df_caffe_net *net, const char *name, int64_t otherwise, int64_t min, int64_t max, int64_t out[2]);
/* An axis of a value with `rank` dimensions; -1 is the last. */
df_status df__caffe_axis(df_caffe_net *net, const char *name, int64_t otherwise, int rank, int *out);

/* Blob `index` of the layer's weights as the constant "LAYER:NAME"; it must hold as many numbers as dims ask for. */
df_status df__caffe_weights(df_caffe_net *net, size_t index, const char *name, int rank, const int64_t *dims, float **data,
                            const char **full);
/* The same into memory that is there. */
df_status df__caffe_copy(df_caffe_net *net, size_t index, int64_t count, float *to);

/* The value of top `index`, of that shape, to be filled in by a node or by data. */
df_status df__caffe_value_new(df_caffe_net *net, size_t index, int rank, const int64_t *dims, bool constant, df_caffe_value **out);
/* Memory for a constant value, in the graph. */
df_status df__caffe_fill(df_caffe_net *net, df_caffe_value *value);
int64_t   df__caffe_count(const df_caffe_value *value, int from, int to); /* product of dims[from .. to) */
/* Name of a value for a node to read; a constant becomes known to the graph. */
df_status df__caffe_use(df_caffe_net *net, df_caffe_value *value, const char **name);
/* A node from `in` (NULL behind the last) to `out`. */
df_status df__caffe_node(df_caffe_net *net, const char *op, const char *const *in, const char *out, df_node **node);
/* A node from `in` to a new value of the first top. */
df_status df__caffe_one(df_caffe_net *net, const char *op, df_caffe_value *in, int rank, const int64_t *dims, df_node **node);
/* Constant NAME of the layer: "LAYER:NAME" in the graph. */
df_status df__caffe_const(df_caffe_net *net, const char *name, int rank, const int64_t *dims, float **data, const char **full);
df_status df__caffe_ints(df_caffe_net *net, const char *name, size_t n, const int64_t *values, const char **full);
/* "LAYER:NAME" in the graph's arena, for values between the nodes of one layer. */
df_status df__caffe_name(df_caffe_net *net, const char *name, const char **full);

#endif
