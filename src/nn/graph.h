/* graph.h - a network as ONNX sees it: named values, nodes, constants. Readers of weight files build one (onnx.c, models/dlib_*.c,
 * models/caffe.c); passes rewrite it; net.c compiles and runs it. Values are known by name, as in the file format. */
#ifndef DF_NN_GRAPH_H
#define DF_NN_GRAPH_H

#include "core/arena.h"
#include "core/bytes.h"

/* df_dtype, df_tensor (row-major, NCHW; its data are not owned) and df_port are deepface.h's. */

size_t df__dtype_size(df_dtype type); /* bytes of an element, 0 for an unknown type */
const char *df__dtype_name(df_dtype type);

/* Elements; -1 when a dim is unknown or the product overflows int64. */
int64_t df__tensor_count(const df_tensor *t);

typedef enum df_attr_kind { DF_ATTR_INT, DF_ATTR_FLOAT, DF_ATTR_STRING, DF_ATTR_TENSOR, DF_ATTR_INTS, DF_ATTR_FLOATS, DF_ATTR_STRINGS, DF_ATTR_GRAPH } df_attr_kind;

typedef struct df_attr {
    const char  *name;
    df_attr_kind kind;
    size_t       n;      /* entries of a list; length of a string */
    union {
        int64_t        i;
        float          f;
        const char    *s;      /* NUL behind it */
        const int64_t *ints;
        const float   *floats;
        const char *const *strings;
        df_tensor      tensor;
        struct df_graph *graph;
    } v;
} df_attr;

typedef struct df_node {
    const char  *op, *name, *domain; /* domain "" for ONNX's own */
    const char **in, **out;          /* "" for an input left out */
    size_t       n_in, n_out;
    df_attr     *attrs;
    size_t       n_attrs;
} df_node;

typedef struct df_const { const char *name; df_tensor tensor; } df_const;

typedef struct df_graph_file { struct df_graph_file *next; const char *name; df_bytes bytes; } df_graph_file;

typedef struct df_graph {
    df_arena  arena;  /* everything the graph's pointers point to, but for borrowed constants */
    df_bytes  file;   /* kept alive for the constants that lie in it, freed with the graph */
    df_graph_file *files; /* further ones that constants lie in */
    char     *label;  /* names the graph in messages: its file */
    int64_t   opset;  /* of the domain "" */
    df_node  *nodes;  size_t n_nodes,  cap_nodes;
    df_const *consts; size_t n_consts, cap_consts;
    df_port  *inputs; size_t n_inputs, cap_inputs;
    df_port  *outputs; size_t n_outputs, cap_outputs;
} df_graph;

/* ---- building: every string is copied into the graph's arena; DF_E_NO_MEMORY is the only failure unless said ---- */

df_status df__graph_new(const char *label, int64_t opset, df_graph **out, df_error *err);
void      df__graph_free(df_graph *g);

df_status df__graph_add_input(df_graph *g, const char *name, df_dtype type, int rank, const int64_t *dims, df_error *err);
df_status df__graph_add_output(df_graph *g, const char *name, df_error *err);
/* Uninitialised f32 constant to be filled by the caller through *data; DF_E_LIMIT past 2^31 elements. */
df_status df__graph_add_f32(df_graph *g, const char *name, int rank, const int64_t *dims, float **data, df_error *err);
df_status df__graph_add_i64(df_graph *g, const char *name, size_t n, const int64_t *values, df_error *err); /* rank 1 */
/* Constant whose data stay where they are and outlive the graph (or lie in g->file). */
df_status df__graph_add_const(df_graph *g, const char *name, const df_tensor *t, df_error *err);
/* Lists end with NULL: df__graph_add_node(g, "Conv", "conv1", (const char *[]){"x", "w", "b", NULL}, (const char *[]){"y", NULL}, &node, err).
 * The node pointer is valid until the next node is added. */
df_status df__graph_add_node(df_graph *g, const char *op, const char *name, const char *const *in, const char *const *out, df_node **node, df_error *err);
df_status df__node_set_int(df_graph *g, df_node *node, const char *name, int64_t v, df_error *err);
df_status df__node_set_float(df_graph *g, df_node *node, const char *name, float v, df_error *err);
df_status df__node_set_string(df_graph *g, df_node *node, const char *name, const char *v, df_error *err);
df_status df__node_set_ints(df_graph *g, df_node *node, const char *name, size_t n, const int64_t *v, df_error *err);

/* ---- reading ---- */

const df_attr  *df__node_attr(const df_node *node, const char *name); /* NULL when absent */
int64_t         df__node_int(const df_node *node, const char *name, int64_t otherwise);
float           df__node_float(const df_node *node, const char *name, float otherwise);
const df_const *df__graph_const(const df_graph *g, const char *name);  /* NULL when there is none */

#endif
