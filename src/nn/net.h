/* net.h - a network that is ready to run: immutable, shared by all threads. */
#ifndef DF_NN_NET_H
#define DF_NN_NET_H

#include "nn/graph.h"

typedef struct df_net df_net;

/* Check the graph (known operators, inputs present, no cycle), run the shape-free passes. Takes over the graph, also on failure.
 * Compilation for given input shapes happens at the first run with them; the last few shapes are kept.
 * Errors: DF_E_UNSUPPORTED names the operator and the node, DF_E_BAD_MODEL, DF_E_NO_MEMORY. */
df_status df__net_new(df_graph *graph, df_net **out, df_error *err);
void      df__net_free(df_net *net);
/* The same with limits of one's own on what the file may ask for (op.h): memory and work of a run. */
struct df_budget;
df_status df__net_new_limited(df_graph *graph, const struct df_budget *limits, df_net **out, df_error *err);

size_t         df__net_inputs(const df_net *net);
size_t         df__net_outputs(const df_net *net);
const df_port *df__net_input(const df_net *net, size_t i);  /* declared name, type, shape (-1 = any) */
const df_port *df__net_output(const df_net *net, size_t i);

/* Run. Any number of threads at once.
 *   in       n_in tensors in the graph's order, dense; shapes must match the declared ones where those are known
 *   out      n_out tensors, filled in: shape and data in `scratch`
 *   threads  threads this one run may use, >= 1; the answer does not depend on it. More than one is OpenMP's team, which waits by
 *            spinning: fine for one large network on an idle machine, ruinous on a busy one. The stages use 1 and run photos side by side.
 * Errors: DF_E_ARGUMENT names the input and both shapes, DF_E_BAD_MODEL names the node, DF_E_NO_MEMORY. */
df_status df__net_run(df_net *net, const df_tensor *in, size_t n_in, df_tensor *out, size_t n_out, int threads,
                      df_arena *scratch, df_error *err);

#endif
