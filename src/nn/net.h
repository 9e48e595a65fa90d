/* net.h - a network that is ready to run: immutable, shared by all threads. */
#ifndef DF_NN_NET_H
#define DF_NN_NET_H

#include "core/log.h"
#include "nn/op.h"

typedef struct df_net df_net;

typedef struct df_net_opts {
    df_precision     precision;
    double           least_cosine;   /* FAST: to the answers of float32, on noise; 1: nothing rounds; 0: 0.99994, or 0.996 for
                                        outputs that are no embeddings (one of [n, d]). Checked at the first run where there is a cache */
    bool             exact_weights;  /* FAST, with a least_cosine: products of layers by rows round at most what they multiply, not their weights */
    const char      *cache;          /* file of packed weights (weight_cache.h), read if it fits and written after the first run; NULL: none */
    uint8_t          model_hash[32]; /* of the weights' file; a cache made for another is stale */
    const df_budget *limits;         /* on what the file may ask for; NULL: the engine's own */
    const df_log    *log;            /* copied; hears of the cache at DEBUG; NULL: nobody */
} df_net_opts; /* NULL: strict, without a cache */

/* Check the graph (known operators, inputs present, no cycle), run the shape-free passes. Takes over the graph, also on failure.
 * Compilation for given input shapes happens at the first run with them; the last few shapes are kept.
 * Errors: DF_E_UNSUPPORTED names the operator and the node, DF_E_BAD_MODEL, DF_E_NO_MEMORY. */
df_status df__net_new(df_graph *graph, const df_net_opts *opts, df_net **out, df_error *err);
/* Writes what the cache lacks. */
void      df__net_free(df_net *net);

size_t         df__net_inputs(const df_net *net);
size_t         df__net_outputs(const df_net *net);
const df_port *df__net_input(const df_net *net, size_t i);  /* declared name, type, shape (-1 = any) */
const df_port *df__net_output(const df_net *net, size_t i);

/* Run. Any number of threads at once.
 *   in       n_in tensors in the graph's order, dense; shapes must match the declared ones where those are known
 *   out      n_out tensors, filled in: shape and data in `scratch`
 *   threads  threads this one run may use, >= 1; the answer does not depend on it
 * Errors: DF_E_ARGUMENT names the input and both shapes, DF_E_BAD_MODEL names the node, DF_E_NO_MEMORY. */
df_status df__net_run(df_net *net, const df_tensor *in, size_t n_in, df_tensor *out, size_t n_out, int threads,
                      df_arena *scratch, df_error *err);

/* What each step of the plan for these inputs takes, the mean over `runs`. *layers and its names lie in `scratch`; *n is 0 for a network whose
 * shapes depend on data. */
df_status df__net_profile(df_net *net, const df_tensor *in, size_t n_in, int threads, int runs, df_arena *scratch, df_layer **layers,
                          size_t *n, df_error *err);

#endif
