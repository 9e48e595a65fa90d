/* network.c - networks of the caller's own: open, run, time. */
#include <stdlib.h>
#include <string.h>

#include "api/engine.h"
#include "core/options.h"
#include "nn/precision.h"

enum { MAX_THREADS = 1024, MAX_RUNS = 1000000, SIDE = 1024 /* of the matrices that tell what the machine can do */, PEAK_RUNS = 5 };

struct df_network { df_net *net; int threads; df_precision precision; };
struct df_tensors { df_arena arena; df_tensor *items; size_t n; };
struct df_layers { df_arena arena; df_layer *items; size_t n; double peak; };

/* ---- opening ---- */

void df_network_opts_init(df_network_opts *opts, size_t size)
{
    df_network_opts all = {.size = size};
    memset(opts, 0, size);
    memcpy(opts, &all, size < sizeof all ? size : sizeof all);
}

static df_status read_opts(const df_network_opts *given, df_network_opts *out, df_error *err)
{
    df_network_opts_init(out, sizeof *out);
    df_status st = df__struct_read("df_network_opts", given, out, sizeof *out, err);
    if (st != DF_OK)
        return st;
    if (out->threads < 0 || out->threads > MAX_THREADS)
        return df__fail(err, DF_E_ARGUMENT, "threads: %d is outside 0..%d", out->threads, MAX_THREADS);
    return DF_OK;
}

df_status df_network_open(df_engine *engine, const char *path, const df_network_opts *opts, df_network **out, df_error *err)
{
    df_status st = DF_OK;
    df_network *net = NULL;
    df_network_opts o;
    if (out)
        *out = NULL;
    if (!engine || !path || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_network_open: a NULL argument");
    DF_TRY(read_opts(opts, &o, err));
    net = calloc(1, sizeof *net);
    if (!net)
        return df__no_memory(err, path, sizeof *net);
    net->threads = o.threads ? o.threads : engine->threads;
    net->precision = engine->loader.precision;
    if (o.precision)
        DF_TRY(df__precision_find(o.precision, &net->precision, err));
    DF_TRY(df__file_net(&engine->loader, path, net->precision, &net->net, err));
    *out = net, net = NULL;
done:
    df_network_free(net);
    return st;
}

void df_network_free(df_network *net)
{
    if (!net)
        return;
    df__net_free(net->net);
    free(net);
}

const df_port *df_network_input(const df_network *net, size_t index) { return net ? df__net_input(net->net, index) : NULL; }
const df_port *df_network_output(const df_network *net, size_t index) { return net ? df__net_output(net->net, index) : NULL; }
const char *df_network_precision(const df_network *net) { return net ? df__precision_name(net->precision) : NULL; }
int df_network_threads(const df_network *net) { return net ? net->threads : 0; }

/* ---- running ---- */

/* What the net itself takes for granted of its callers. */
static df_status check(const char *call, const df_network *net, const df_tensor *in, size_t n, df_error *err)
{
    if (!net || (!in && n > 0))
        return df__fail(err, DF_E_ARGUMENT, "%s: a NULL argument", call);
    for (size_t i = 0; i < n; i++)
        if (in[i].rank < 0 || in[i].rank > DF_MAX_RANK)
            return df__fail(err, DF_E_ARGUMENT, "%s: input %zu has rank %d, outside 0..%d", call, i, in[i].rank, DF_MAX_RANK);
    return DF_OK;
}

df_status df_network_run(df_network *net, const df_tensor *in, size_t n, df_tensors **out, df_error *err)
{
    df_status st = DF_OK;
    df_tensors *t = NULL;
    if (out)
        *out = NULL;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_network_run: out is NULL");
    DF_TRY(check("df_network_run", net, in, n, err));
    t = calloc(1, sizeof *t);
    if (!t)
        return df__no_memory(err, "outputs", sizeof *t);
    t->n = df__net_outputs(net->net);
    t->items = df__arena_calloc(&t->arena, t->n, sizeof *t->items);
    if (!t->items)
        DF_TRY(df__no_memory(err, "outputs", t->n * sizeof *t->items));
    DF_TRY(df__net_run(net->net, in, n, t->items, t->n, net->threads, &t->arena, err));
    *out = t, t = NULL;
done:
    df_tensors_free(t);
    return st;
}

size_t df_tensors_count(const df_tensors *t) { return t ? t->n : 0; }
const df_tensor *df_tensors_at(const df_tensors *t, size_t index) { return index < df_tensors_count(t) ? &t->items[index] : NULL; }

void df_tensors_free(df_tensors *t)
{
    if (!t)
        return;
    df__arena_free(&t->arena);
    free(t);
}

/* ---- timing ---- */

/* One product of matrices, the second a constant as weights are. */
static df_status product(df_graph **out, df_error *err)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_node *node;
    float *w;
    const int64_t dims[] = {SIDE, SIDE};
    DF_TRY(df__graph_new("product of matrices", 13, &g, err));
    DF_TRY(df__graph_add_input(g, "x", DF_F32, 2, dims, err));
    DF_TRY(df__graph_add_f32(g, "w", 2, dims, &w, err));
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        w[i] = (float)(i % 251) / 251 - 0.5f;
    DF_TRY(df__graph_add_node(g, "MatMul", "product", (const char *[]){"x", "w", NULL}, (const char *[]){"y", NULL}, &node, err));
    DF_TRY(df__graph_add_output(g, "y", err));
    *out = g, g = NULL;
done:
    df__graph_free(g);
    return st;
}

static df_status measure_peak(const df_network *net, double *flops, df_error *err)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_net *one = NULL;
    df_arena scratch = {0};
    double least = 0;
    df_tensor x = {.type = DF_F32, .rank = 2, .dims = {SIDE, SIDE}};
    DF_TRY(product(&g, err));
    DF_TRY(df__net_new(g, &(df_net_opts){.precision = net->precision}, &one, err));
    x.data = df__arena_calloc(&scratch, (size_t)SIDE * SIDE, sizeof(float));
    if (!x.data)
        DF_TRY(df__no_memory(err, "matrix", (size_t)SIDE * SIDE * sizeof(float)));
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        ((float *)x.data)[i] = (float)(i % 509) / 509;
    df_arena_mark mark = df__arena_mark(&scratch);
    for (int run = 0; run < PEAK_RUNS; run++) {
        df_layer *layers;
        size_t n;
        double seconds = 0;
        DF_TRY(df__net_profile(one, &x, 1, net->threads, 1, &scratch, &layers, &n, err));
        for (size_t i = 0; i < n; i++)
            seconds += layers[i].seconds;
        least = run == 0 || seconds < least ? seconds : least;
        df__arena_release(&scratch, mark);
    }
    *flops = least > 0 ? 2.0 * SIDE * SIDE * SIDE / least : 0;
done:
    df__net_free(one);
    df__arena_free(&scratch);
    return st;
}

df_status df_network_profile(df_network *net, const df_tensor *in, size_t n, int runs, df_layers **out, df_error *err)
{
    df_status st = DF_OK;
    df_layers *l = NULL;
    if (out)
        *out = NULL;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_network_profile: out is NULL");
    DF_TRY(check("df_network_profile", net, in, n, err));
    if (runs < 1 || runs > MAX_RUNS)
        return df__fail(err, DF_E_ARGUMENT, "df_network_profile: %d runs are outside 1..%d", runs, MAX_RUNS);
    l = calloc(1, sizeof *l);
    if (!l)
        return df__no_memory(err, "layers", sizeof *l);
    DF_TRY(df__net_profile(net->net, in, n, net->threads, runs, &l->arena, &l->items, &l->n, err));
    DF_TRY(measure_peak(net, &l->peak, err));
    *out = l, l = NULL;
done:
    df_layers_free(l);
    return st;
}

size_t df_layers_count(const df_layers *l) { return l ? l->n : 0; }
const df_layer *df_layers_at(const df_layers *l, size_t index) { return index < df_layers_count(l) ? &l->items[index] : NULL; }
double df_layers_peak(const df_layers *l) { return l ? l->peak : 0; }

void df_layers_free(df_layers *l)
{
    if (!l)
        return;
    df__arena_free(&l->arena);
    free(l);
}
