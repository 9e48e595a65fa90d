/* net.c - a checked program and its plans: one for each shape of the inputs that was run lately. */
#include "nn/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/half.h"
#include "nn/net_part.h"
#include "nn/weight_cache.h"

/* What a file may ask for: more than any face network of 64 photos at once, less than brings a machine down. */
static const df_budget default_limits = {.bytes = (size_t)8 << 30, .work = (int64_t)1 << 44};

void df__cached_free(df_cached *c)
{
    if (!c)
        return;
    df__cached_free(c->part);
    df__plan_free(c->plan);
    free(c->shapes);
    free(c);
}

/* Packed weights reach the cache at once, small pieces with them; small ones alone after the first, second, fourth, ... plan and when the net
 * is freed: photos of many shapes do not write a file each. */
static void save(df_net *net, bool last)
{
    df_error err = {0};
    pthread_mutex_lock(&net->lock);
    bool due = last || (net->made & (net->made - 1)) == 0;
    pthread_mutex_unlock(&net->lock);
    size_t n = df__packer_unsaved(net->packer, !due);
    if (n == 0)
        return;
    if (df__packer_save(net->packer, &err) == DF_OK)
        df__log(&net->log, DF_LOG_DEBUG, "%s: %zu pieces for the cache", net->graph->label, n);
    else
        df__log(&net->log, DF_LOG_DEBUG, "%s: no cache: %s", net->graph->label, err.message);
}

void df__net_free(df_net *net)
{
    if (!net)
        return;
    save(net, true);
    for (int i = 0; i < DF_NET_PLANS; i++)
        df__cached_free(net->plans[i]);
    df__packer_free(net->packer);
    df__program_free(&net->program);
    df__graph_free(net->graph);
    pthread_mutex_destroy(&net->lock);
    pthread_mutex_destroy(&net->compiling);
    free(net);
}

/* Of the matrices and kernels that will be packed. */
static size_t weight_bytes(const df_program *p)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->main.n_steps; i++) {
        const df_step *s = &p->main.steps[i];
        const df_value *v = s->op && s->op->compile && s->n_in > 1 && s->in[1] >= 0 ? &p->values[df__value_root(p, s->in[1])] : NULL;
        if (v && v->known)
            bytes += df__tensor_bytes(&v->t);
    }
    return bytes;
}

df_status df__net_new(df_graph *graph, const df_net_opts *opts, df_net **out, df_error *err)
{
    static const df_net_opts plain = {.precision = DF_PRECISION_STRICT};
    df_status st = DF_OK;
    bool open = false;
    *out = NULL;
    df_net *net = calloc(1, sizeof *net);
    if (!net || pthread_mutex_init(&net->lock, NULL) != 0 || pthread_mutex_init(&net->compiling, NULL) != 0 || df__packer_new(&net->packer, err) != DF_OK) {
        free(net);
        st = df__no_memory(err, graph->label, sizeof *net);
        df__graph_free(graph);
        return st;
    }
    net->graph = graph;
    opts = opts ? opts : &plain;
    net->precision = opts->precision;
    net->least_cosine = opts->least_cosine;
    net->exact_weights = opts->exact_weights;
    if (opts->log)
        net->log = *opts->log;
    if (opts->cache) {
        uint8_t identity[32];
        df__cache_identity(opts->model_hash, opts->precision, identity);
        DF_TRY(df__packer_attach(net->packer, opts->cache, identity, err));
    }
    DF_TRY(df__program_build(graph, opts->limits ? opts->limits : &default_limits, &net->program, err));
    DF_TRY(df__pass_fold(&net->program, false, &open, err));
    DF_TRY(df__pass_fuse(&net->program, false, err));
    if (!df__packer_filled(net->packer))
        df__packer_reserve(net->packer, weight_bytes(&net->program));
    *out = net;
    net = NULL;
done:
    df__net_free(net);
    return st;
}

size_t df__net_inputs(const df_net *net) { return net->graph->n_inputs; }
size_t df__net_outputs(const df_net *net) { return net->graph->n_outputs; }
const df_port *df__net_input(const df_net *net, size_t i) { return i < net->graph->n_inputs ? &net->graph->inputs[i] : NULL; }
const df_port *df__net_output(const df_net *net, size_t i) { return i < net->graph->n_outputs ? &net->graph->outputs[i] : NULL; }

/* ---- inputs ---- */

static void write_dims(const df_tensor *t, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < t->rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%lld", i ? "x" : "", (long long)t->dims[i]);
}

static df_status check_input(const df_net *net, size_t i, const df_tensor *t, df_error *err)
{
    const df_port *port = &net->graph->inputs[i];
    const df_tensor *want = &port->shape;
    bool fits = t->type == want->type && (want->rank < 0 || t->rank == want->rank) && t->rank >= 0 && t->rank <= DF_MAX_RANK;
    for (int d = 0; fits && d < t->rank; d++)
        fits = t->dims[d] >= 0 && (want->rank < 0 || want->dims[d] < 0 || want->dims[d] == t->dims[d]);
    if (!fits) {
        char have[128], declared[128];
        write_dims(t, have, sizeof have);
        write_dims(want, declared, sizeof declared);
        return df__fail(err, DF_E_ARGUMENT, "%s: input \"%s\" is %s %s, the network takes %s %s (-1: any)", net->graph->label, port->name,
                        df__dtype_name(t->type), have, df__dtype_name(want->type), declared);
    }
    int64_t n = df__tensor_count(t);
    if (n < 0 || (n > 0 && (!t->data || (uint64_t)n > net->program.limits.bytes / df__dtype_size(t->type))))
        return df__fail(err, DF_E_ARGUMENT, "%s: input \"%s\" has %lld elements%s", net->graph->label, port->name, (long long)n,
                        t->data ? "" : " and no data");
    return DF_OK;
}

/* Half floats become float32 at the door. */
static df_status widen(const df_tensor *from, df_tensor *to, df_arena *scratch, df_error *err)
{
    *to = *from;
    if (from->type != DF_F16 && from->type != DF_BF16)
        return DF_OK;
    int64_t n = df__tensor_count(from);
    to->type = DF_F32;
    to->data = df__arena_alloc(scratch, (size_t)n * sizeof(float));
    if (!to->data)
        return df__no_memory(err, "input", (size_t)n * sizeof(float));
    df__halves_to_f32(from->type, from->data, to->data, n);
    return DF_OK;
}

static df_status narrow(df_dtype type, df_tensor *t, df_arena *scratch, df_error *err)
{
    if (t->type != DF_F32 || (type != DF_F16 && type != DF_BF16))
        return DF_OK;
    int64_t n = df__tensor_count(t);
    void *to = df__arena_alloc(scratch, (size_t)n * 2);
    if (!to)
        return df__no_memory(err, "output", (size_t)n * 2);
    df__f32_to_halves(type, t->data, to, n);
    t->type = type;
    t->data = to;
    return DF_OK;
}

/* ---- plans ---- */

static bool same_shapes(const df_cached *c, const df_tensor *in, size_t n, int threads)
{
    bool same = c && c->threads == threads;
    for (size_t i = 0; same && i < n; i++)
        same = c->shapes[i].rank == in[i].rank && memcmp(c->shapes[i].dims, in[i].dims, sizeof(int64_t) * (size_t)in[i].rank) == 0;
    return same;
}

static df_cached *lookup(df_net *net, const df_tensor *in, int threads)
{
    df_cached *found = NULL;
    pthread_mutex_lock(&net->lock);
    for (int i = 0; i < DF_NET_PLANS && !found; i++)
        if (same_shapes(net->plans[i], in, net->graph->n_inputs, threads))
            found = net->plans[i];
    if (found) {
        found->users++;
        found->used = ++net->clock;
    }
    pthread_mutex_unlock(&net->lock);
    return found;
}

static void leave(df_net *net, df_cached *c)
{
    pthread_mutex_lock(&net->lock);
    bool last = --c->users == 0 && c->stale;
    pthread_mutex_unlock(&net->lock);
    if (last)
        df__cached_free(c);
}

/* In place of the one not used for longest. */
static void remember(df_net *net, df_cached *c)
{
    int at = 0;
    pthread_mutex_lock(&net->lock);
    for (int i = 0; i < DF_NET_PLANS; i++)
        if (!net->plans[i] || (net->plans[at] && net->plans[i]->used < net->plans[at]->used))
            at = i;
    df_cached *old = net->plans[at];
    net->plans[at] = c;
    c->users = 1;
    c->used = ++net->clock;
    net->made++;
    bool idle = old && old->users == 0;
    if (old)
        old->stale = true;
    pthread_mutex_unlock(&net->lock);
    if (idle)
        df__cached_free(old);
}

df_status df__net_compile(df_net *net, const df_tensor *in, const df_plan_opts *opts, df_packer *packer, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_program program = {0};
    bool open = false;
    size_t n = net->graph->n_inputs;
    df_cached *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c || !(c->shapes = calloc(n + 1, sizeof *c->shapes)))
        DF_TRY(df__no_memory(err, net->graph->label, sizeof *c));
    c->threads = opts->threads;
    DF_TRY(df__program_copy(&net->program, &program, err));
    for (size_t i = 0; i < n; i++) {
        c->shapes[i] = df__shape_like(&in[i]);
        program.values[program.inputs[i]].t = c->shapes[i];
    }
    DF_TRY(df__pass_fold(&program, true, &open, err));
    if (!open) {
        DF_TRY(df__pass_fuse(&program, true, err));
        DF_TRY(df__plan_new(&program, opts, packer, &c->plan, err));
    }
    *out = c;
    c = NULL;
done:
    df__program_free(&program);
    df__cached_free(c);
    return st;
}

/* What was packed is not read again, unless for another shape: pages of the weights' files go back. */
static void drop_files(const df_net *net)
{
    df__bytes_drop(&net->graph->file);
    for (const df_graph_file *f = net->graph->files; f; f = f->next)
        df__bytes_drop(&f->bytes);
}

static df_status plan_for(df_net *net, const df_tensor *in, int threads, df_cached **out, bool *made, df_error *err)
{
    df_status st = DF_OK;
    *made = false;
    *out = lookup(net, in, threads);
    if (*out)
        return DF_OK;
    pthread_mutex_lock(&net->compiling);
    *out = lookup(net, in, threads); /* somebody else may have made it meanwhile */
    if (!*out) {
        st = df__net_compile_fastest(net, in, threads, out, err);
        if (st == DF_OK) {
            remember(net, *out);
            drop_files(net);
            *made = true;
        }
    }
    pthread_mutex_unlock(&net->compiling);
    return st;
}

/* Shapes that depend on data: everything is folded with the inputs known, which runs it step by step. */
static df_status interpret(df_net *net, const df_tensor *in, df_tensor *out, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_program program = {0};
    bool open = false;
    DF_TRY(df__program_copy(&net->program, &program, err));
    for (size_t i = 0; i < program.n_inputs; i++) {
        program.values[program.inputs[i]].t = in[i];
        program.values[program.inputs[i]].known = true;
    }
    DF_TRY(df__pass_fold(&program, true, &open, err));
    for (size_t i = 0; i < program.main.n_outputs; i++) {
        const df_value *v = &program.values[df__value_root(&program, program.main.outputs[i])];
        if (!v->known)
            DF_TRY(df__fail(err, DF_E_INTERNAL, "%s: output \"%s\" was not computed", net->graph->label, v->name));
        out[i] = v->t;
        out[i].data = df__arena_alloc(scratch, df__tensor_bytes(&v->t));
        if (!out[i].data)
            DF_TRY(df__no_memory(err, net->graph->label, df__tensor_bytes(&v->t)));
        if (df__tensor_bytes(&v->t))
            memcpy(out[i].data, v->t.data, df__tensor_bytes(&v->t));
    }
done:
    df__program_free(&program);
    return st;
}

df_status df__net_run(df_net *net, const df_tensor *in, size_t n_in, df_tensor *out, size_t n_out, int threads, df_arena *scratch,
                      df_error *err)
{
    df_status st = DF_OK;
    df_cached *c = NULL;
    bool made = false;
    if (n_in != net->graph->n_inputs || n_out != net->graph->n_outputs || threads < 1)
        return df__fail(err, DF_E_ARGUMENT, "%s: %zu inputs, %zu outputs and %d threads; the network has %zu and %zu", net->graph->label, n_in,
                        n_out, threads, net->graph->n_inputs, net->graph->n_outputs);
    df_tensor *wide = df__arena_calloc(scratch, n_in, sizeof *wide);
    if (!wide)
        return df__no_memory(err, net->graph->label, n_in * sizeof *wide);
    for (size_t i = 0; i < n_in; i++) {
        DF_TRY(check_input(net, i, &in[i], err));
        DF_TRY(widen(&in[i], &wide[i], scratch, err));
    }
    DF_TRY(plan_for(net, wide, threads, &c, &made, err));
    if (c->plan || c->part)
        DF_TRY(df__cached_run(c, wide, n_in, out, scratch, err));
    else
        DF_TRY(interpret(net, wide, out, scratch, err));
    for (size_t i = 0; i < n_out; i++)
        DF_TRY(narrow(net->graph->outputs[i].shape.type, &out[i], scratch, err));
done:
    if (c)
        leave(net, c);
    if (made && st == DF_OK)
        save(net, false);
    return st;
}

df_status df__net_profile(df_net *net, const df_tensor *in, size_t n_in, int threads, int runs, df_arena *scratch, df_layer **layers,
                          size_t *n, df_error *err)
{
    df_status st = DF_OK;
    df_cached *c = NULL;
    size_t n_out = net->graph->n_outputs;
    df_tensor *out = df__arena_calloc(scratch, n_out, sizeof *out), *wide = df__arena_calloc(scratch, n_in, sizeof *wide);
    df_stopwatch least = {0};
    const df_watch watch = df__stopwatch(&least);
    double parts = 1;
    df_plan *plan;
    bool made;
    *layers = NULL;
    *n = 0;
    if (!out || !wide)
        return df__no_memory(err, net->graph->label, n_out * sizeof *out);
    DF_TRY(df__net_run(net, in, n_in, out, n_out, threads, scratch, err)); /* checks the inputs, makes the plan */
    for (size_t i = 0; i < n_in; i++)
        DF_TRY(widen(&in[i], &wide[i], scratch, err));
    DF_TRY(plan_for(net, wide, threads, &c, &made, err));
    plan = c->part ? c->part->plan : c->plan;
    if (!plan)
        goto done;
    for (size_t i = 0; c->part && i < n_in; i++)
        wide[i].dims[0] = c->part->shapes[i].dims[0];
    if (c->part)
        parts = (double)(in[0].dims[0] / wide[0].dims[0]);
    least.seconds = df__arena_calloc(scratch, plan->n_steps, sizeof *least.seconds);
    *layers = df__arena_calloc(scratch, plan->n_steps, sizeof **layers);
    if (!least.seconds || !*layers)
        DF_TRY(df__no_memory(err, net->graph->label, plan->n_steps * sizeof **layers));
    for (int i = 0; i < runs; i++) {
        df_arena_mark mark = df__arena_mark(scratch);
        DF_TRY(df__plan_run(plan, wide, out, scratch, &watch, err));
        df__arena_release(scratch, mark);
    }
    *n = plan->n_steps;
    for (size_t i = 0; i < *n; i++)
        DF_TRY(df__step_layer(plan, &plan->steps[i], least.seconds[i], scratch, &(*layers)[i], err));
    for (size_t i = 0; i < *n; i++) {
        (*layers)[i].seconds *= parts * (c->part ? c->part->threads : 1) / (c->part ? c->threads : 1); /* side by side */
        (*layers)[i].flops *= parts;
    }
done:
    if (c)
        leave(net, c);
    return st;
}
