/* fuzz_onnx.c - a model that is read is also planned and run, on small inputs and with small limits, so that neither memory nor time is
 * the finding. */
#include <stdlib.h>
#include <string.h>

#include "nn/net.h"
#include "nn/onnx.h"
#include "nn/op.h"

enum { MAX_INPUTS = 4, SIDE = 6, ELEMENTS = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any dimension becomes 1, 3 or SIDE; false when the declared ones are too large to try. */
static bool make_input(const df_port *port, df_tensor *t)
{
    static const int64_t any[] = {1, 3, SIDE, SIDE, 2, 2, 1, 1};
    static uint8_t zeros[ELEMENTS * 8];
    *t = port->shape;
    t->rank = t->rank < 0 ? 1 : t->rank;
    for (int i = 0; i < t->rank; i++)
        if (t->dims[i] < 0 || port->shape.rank < 0)
            t->dims[i] = any[i];
    int64_t n = df__tensor_count(t);
    t->data = zeros;
    return n >= 0 && n <= ELEMENTS && df__dtype_size(t->type) > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const df_budget budget = {1 << 22, 1 << 20};
    df_error err;
    df_graph *graph;
    df_net *net;
    df_bytes file = {malloc(size ? size : 1), size, false};
    if (!file.data)
        return 0;
    memcpy(file.data, data, size);
    if (df__onnx_parse(&file, "fuzz", NULL, &graph, &err) != DF_OK || df__net_new(graph, &(df_net_opts){.limits = &budget}, &net, &err) != DF_OK)
        return 0;
    size_t n_in = df__net_inputs(net), n_out = df__net_outputs(net);
    df_tensor in[MAX_INPUTS], *out = calloc(n_out + 1, sizeof *out);
    bool good = n_in <= MAX_INPUTS && out;
    for (size_t i = 0; good && i < n_in; i++)
        good = make_input(df__net_input(net, i), &in[i]);
    df_arena scratch = {0};
    if (good)
        (void)df__net_run(net, in, n_in, out, n_out, 1, &scratch, &err);
    df__arena_free(&scratch);
    free(out);
    df__net_free(net);
    return 0;
}
