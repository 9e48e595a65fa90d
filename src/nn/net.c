/* net.c - a checked program and its plans: one for each shape of the inputs that was run lately. */
#include "nn/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/amx.h"
#include "nn/half.h"
#include "nn/plan.h"
#include "nn/verdict.h"
#include "nn/weight_cache.h"

enum { MAX_PLANS = 8 };
static const double STRICT_ERROR = 5e-5; /* of an output, by its length: half of what is promised */
/* What a file may ask for: more than any face network of 64 photos at once, less than brings a machine down. */
static const df_budget default_limits = {.bytes = (size_t)8 << 30, .work = (int64_t)1 << 44};

/* A plan with the shapes that it is for, and how many runs use it now. */
typedef struct cached {
    df_plan  *plan; /* NULL: shapes depend on data; each run interprets the program */
    df_tensor *shapes;
    int       threads, users;
    uint64_t  used; /* when it was run last */
    bool      stale; /* out of the cache; freed by its last user */
} cached;

struct df_net {
    df_graph       *graph;
    df_program      program;
    df_packer      *packer;
    df_precision    precision;
    double          least_cosine; /* of FAST */
    pthread_mutex_t lock;     /* of the list below */
    pthread_mutex_t compiling; /* one plan is made at a time: nobody makes the same one twice */
    cached         *plans[MAX_PLANS];
    uint64_t        clock;
    size_t          made;     /* plans, ever */
    df_log          log;
};

static void cached_free(cached *c)
{
    if (!c)
        return;
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
    for (int i = 0; i < MAX_PLANS; i++)
        cached_free(net->plans[i]);
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

static bool same_shapes(const cached *c, const df_tensor *in, size_t n, int threads)
{
    bool same = c && c->threads == threads;
    for (size_t i = 0; same && i < n; i++)
        same = c->shapes[i].rank == in[i].rank && memcmp(c->shapes[i].dims, in[i].dims, sizeof(int64_t) * (size_t)in[i].rank) == 0;
    return same;
}

static cached *lookup(df_net *net, const df_tensor *in, int threads)
{
    cached *found = NULL;
    pthread_mutex_lock(&net->lock);
    for (int i = 0; i < MAX_PLANS && !found; i++)
        if (same_shapes(net->plans[i], in, net->graph->n_inputs, threads))
            found = net->plans[i];
    if (found) {
        found->users++;
        found->used = ++net->clock;
    }
    pthread_mutex_unlock(&net->lock);
    return found;
}

static void leave(df_net *net, cached *c)
{
    pthread_mutex_lock(&net->lock);
    bool last = --c->users == 0 && c->stale;
    pthread_mutex_unlock(&net->lock);
    if (last)
        cached_free(c);
}

/* In place of the one not used for longest. */
static void remember(df_net *net, cached *c)
{
    int at = 0;
    pthread_mutex_lock(&net->lock);
    for (int i = 0; i < MAX_PLANS; i++)
        if (!net->plans[i] || (net->plans[at] && net->plans[i]->used < net->plans[at]->used))
            at = i;
    cached *old = net->plans[at];
    net->plans[at] = c;
    c->users = 1;
    c->used = ++net->clock;
    net->made++;
    bool idle = old && old->users == 0;
    if (old)
        old->stale = true;
    pthread_mutex_unlock(&net->lock);
    if (idle)
        cached_free(old);
}

static df_status compile(df_net *net, const df_tensor *in, const df_plan_opts *opts, df_packer *packer, cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_program program = {0};
    bool open = false;
    size_t n = net->graph->n_inputs;
    cached *c = calloc(1, sizeof *c);
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
    cached_free(c);
    return st;
}

/* One stage after another until the answers are close enough: first tensors of bfloat16 go, those of sums before others, and tiles of bfloat16; then
 * kernels that are not exact have to be so many times faster than those that are. */
static const struct { df_halves halves; double advantage, tiles; df_stacks stacks; } stages[] = {
    {DF_HALVES_ALL, 1.03, 1, DF_STACKS_OF_F32},    {DF_HALVES_INNER, 1.03, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, 1.03, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, 1.25, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, 1.4, 1.3, DF_STACKS_OF_F32},   {DF_HALVES_NONE, 1.55, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, 1.8, 1.3, DF_STACKS_OF_F32},  {DF_HALVES_NONE, 2.2, 1.3, DF_STACKS_OF_F32},   {DF_HALVES_NONE, 2.6, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, DF_ADVANTAGE_MOST, 1, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, 1.03, 1.3, DF_STACKS_MOSTLY}};
enum { ALL_STAGES = sizeof stages / sizeof *stages, STAGES = ALL_STAGES - 1, BY_ROWS = STAGES /* beside the others: is it faster? */, NEAREST_TO_ROWS = 2 };

static df_plan_opts stage_opts(const df_net *net, int stage, int threads)
{
    return (df_plan_opts){.precision = net->precision, .advantage = stages[stage].advantage, .tiles = stages[stage].tiles, .halves = stages[stage].halves,
                          .stacks = stages[stage].stacks, .threads = threads};
}

/* One vector a photo is an embedding, whose direction is the answer. Lists of boxes and maps are read number by number, against thresholds. What is strict
 * is as far away as STRICT_ERROR says. */
static double least_cosine(const df_net *net)
{
    bool embedding = net->graph->n_outputs == 1 && net->graph->outputs[0].shape.rank <= 2;
    if (net->precision == DF_PRECISION_STRICT)
        return 1 - 0.5 * STRICT_ERROR * STRICT_ERROR;
    if (net->precision == DF_PRECISION_INT8)
        return 0.99;
    return net->least_cosine > 0 ? net->least_cosine : embedding ? 0.9999 : 0.995;
}

/* The stage that this network needs, kept with its weights: found at the first run, when there is a cache to keep it. */
static int stage_kept(df_net *net, const df_pack_key *key)
{
    int32_t stage = -1;
    const void *kept = df__packer_find(net->packer, key, sizeof stage);
    if (kept)
        memcpy(&stage, kept, sizeof stage);
    return stage >= 0 && stage < ALL_STAGES ? (int)stage : -1;
}

static void keep_stage(df_net *net, const df_pack_key *key, int stage)
{
    int32_t kept = (int32_t)stage;
    void *room = df__packer_room(net->packer, sizeof kept);
    if (!room)
        return;
    memcpy(room, &kept, sizeof kept);
    (void)df__packer_keep(net->packer, key, room, sizeof kept);
}

/* Both take turns; the least times count. */
static df_status is_faster(const df_yardstick *yard, df_plan *a, df_plan *than, bool *faster, df_error *err)
{
    enum { LEAST_ROUNDS = 4, MOST_ROUNDS = 40 };
    static const double enough_s = 0.02;
    df_status st = DF_OK;
    df_arena arena = {0};
    df_plan *plans[] = {a, than};
    double least[] = {1e9, 1e9}, spent = 0;
    df_tensor *out = df__arena_calloc(&arena, yard->n_out + 1, sizeof *out);
    if (!out)
        DF_TRY(df__no_memory(err, "outputs", yard->n_out * sizeof *out));
    for (int round = 0; round < MOST_ROUNDS && (round < LEAST_ROUNDS || spent < enough_s); round++)
        for (int i = 0; i < 2; i++) {
            df_arena_mark mark = df__arena_mark(&arena);
            double begun = df__plan_clock();
            DF_TRY(df__plan_run(plans[i], yard->in[0], out, &arena, NULL, err));
            double took = df__plan_clock() - begun;
            df__arena_release(&arena, mark);
            least[i] = took < least[i] ? took : least[i];
            spent += took;
        }
    *faster = least[0] < 0.97 * least[1];
done:
    df__arena_free(&arena);
    return st;
}

/* Layers by rows in place of *out, where that is close enough and faster. */
static df_status try_rows(df_net *net, const df_tensor *in, int threads, const df_yardstick *yard, int *stage, cached **out, df_error *err)
{
    df_status st = DF_OK;
    cached *rows = NULL;
    double cosine;
    bool faster = false;
    df_plan_opts opts = stage_opts(net, BY_ROWS, threads);
    if (!df__dnn_has(DF_NUM_BF16)) /* what stacks then is in every stage */
        return DF_OK;
    DF_TRY(compile(net, in, &opts, net->packer, &rows, err));
    if (!rows->plan)
        goto done;
    DF_TRY(df__yardstick_cosine(yard, rows->plan, &cosine, err));
    if (cosine >= least_cosine(net))
        DF_TRY(is_faster(yard, rows->plan, (*out)->plan, &faster, err));
    df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.6f with layers by rows, which is %s", net->graph->label, cosine, faster ? "faster" : "no faster");
    if (faster) {
        cached *slower = *out;
        *out = rows, rows = slower, *stage = BY_ROWS;
    }
done:
    cached_free(rows);
    return st;
}

/* Layers by rows, or as in another stage where few of them could be. */
static df_status compile_rows(df_net *net, const df_tensor *in, int threads, int otherwise, cached **out, df_error *err)
{
    df_plan_opts rows = stage_opts(net, BY_ROWS, threads), opts = stage_opts(net, otherwise, threads);
    df_status st = compile(net, in, &rows, net->packer, out, err);
    if (st != DF_OK || (*out)->plan)
        return st;
    cached_free(*out);
    *out = NULL;
    return compile(net, in, &opts, net->packer, out, err);
}

/* Nobody measures how close the answers are, or there is nothing to choose from. */
static bool goes_by_rule(const df_net *net) { return !df__packer_lasting(net->packer) || (net->precision == DF_PRECISION_STRICT && !df__amx_has()); }

/* The first stage that is close enough, measured on noise. */
static df_status find_stage(df_net *net, const df_tensor *in, int threads, int *stage, cached **out, df_error *err)
{
    static const char *const kinds[] = {"tensors of float32", "tensors of bfloat16 but for sums", "tensors of bfloat16"};
    df_status st = DF_OK;
    cached *exact = NULL;
    df_packer *own = NULL;
    df_yardstick yard = {0};
    df_plan_opts opts, strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .threads = threads};
    bool careful = net->precision == DF_PRECISION_STRICT, exacting = net->precision == DF_PRECISION_FAST && net->least_cosine > 0;
    DF_TRY(df__packer_new(&own, err));
    DF_TRY(compile(net, in, &strict, own, &exact, err));
    bool judged = exact->plan != NULL; /* shapes that depend on data have no plan */
    if (judged)
        DF_TRY(df__yardstick_make(exact->plan, in, net->graph->n_inputs, &yard, err));
    for (*stage = exacting ? STAGES - 1 : 0;; *stage += careful ? STAGES - 1 : 1) {
        double cosine = 1;
        opts = stage_opts(net, *stage, threads);
        DF_TRY(compile(net, in, &opts, net->packer, out, err));
        if (judged && (*out)->plan)
            DF_TRY(df__yardstick_cosine(&yard, (*out)->plan, &cosine, err));
        df__log(&net->log, DF_LOG_DEBUG, careful ? "%s: cosine to float32 %.12f with %s where other kernels are %.2f times faster" : "%s: cosine to float32 %.6f with %s where other kernels are %.2f times faster",
                net->graph->label, cosine, kinds[opts.halves], opts.advantage);
        if (cosine >= least_cosine(net) || *stage + 1 == STAGES)
            break;
        cached_free(*out);
        *out = NULL;
    }
    if (judged && (*out)->plan && !careful)
        DF_TRY(try_rows(net, in, threads, &yard, stage, out, err));
done:
    df__yardstick_free(&yard);
    cached_free(exact);
    df__packer_free(own);
    return st;
}

static df_status compile_close(df_net *net, const df_tensor *in, int threads, cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_pack_key key = df__pack_key_new("stage");
    bool strict = net->precision == DF_PRECISION_STRICT, exacting = net->precision == DF_PRECISION_FAST && net->least_cosine > 0;
    int stage = goes_by_rule(net) ? strict || exacting ? STAGES - 1 : 0 : stage_kept(net, &key);
    df_plan_opts opts = stage_opts(net, stage > 0 ? stage : 0, threads);
    if (stage == BY_ROWS)
        return compile_rows(net, in, threads, NEAREST_TO_ROWS, out, err);
    if (stage >= 0 && exacting && goes_by_rule(net)) /* what is sure to be close */
        return compile_rows(net, in, threads, stage, out, err);
    if (stage >= 0)
        return compile(net, in, &opts, net->packer, out, err);
    st = find_stage(net, in, threads, &stage, out, err);
    if (st == DF_OK) {
        keep_stage(net, &key, stage);
        return DF_OK;
    }
    cached_free(*out);
    *out = NULL;
    return st;
}

/* What was packed is not read again, unless for another shape: pages of the weights' files go back. */
static void drop_files(const df_net *net)
{
    df__bytes_drop(&net->graph->file);
    for (const df_graph_file *f = net->graph->files; f; f = f->next)
        df__bytes_drop(&f->bytes);
}

static df_status plan_for(df_net *net, const df_tensor *in, int threads, cached **out, bool *made, df_error *err)
{
    df_status st = DF_OK;
    *made = false;
    *out = lookup(net, in, threads);
    if (*out)
        return DF_OK;
    pthread_mutex_lock(&net->compiling);
    *out = lookup(net, in, threads); /* somebody else may have made it meanwhile */
    if (!*out) {
        st = compile_close(net, in, threads, out, err);
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
    cached *c = NULL;
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
    if (c->plan)
        DF_TRY(df__plan_run(c->plan, wide, out, scratch, NULL, err));
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
    cached *c = NULL;
    size_t n_out = net->graph->n_outputs;
    df_tensor *out = df__arena_calloc(scratch, n_out, sizeof *out), *wide = df__arena_calloc(scratch, n_in, sizeof *wide);
    double *seconds = NULL, *least = NULL; /* of a run; of all */
    bool made;
    *layers = NULL;
    *n = 0;
    if (!out || !wide)
        return df__no_memory(err, net->graph->label, n_out * sizeof *out);
    DF_TRY(df__net_run(net, in, n_in, out, n_out, threads, scratch, err)); /* checks the inputs, makes the plan */
    for (size_t i = 0; i < n_in; i++)
        DF_TRY(widen(&in[i], &wide[i], scratch, err));
    DF_TRY(plan_for(net, wide, threads, &c, &made, err));
    if (!c->plan)
        goto done;
    seconds = df__arena_calloc(scratch, c->plan->n_steps, sizeof *seconds);
    least = df__arena_calloc(scratch, c->plan->n_steps, sizeof *least);
    *layers = df__arena_calloc(scratch, c->plan->n_steps, sizeof **layers);
    if (!seconds || !least || !*layers)
        DF_TRY(df__no_memory(err, net->graph->label, c->plan->n_steps * sizeof **layers));
    for (int i = 0; i < runs; i++) {
        df_arena_mark mark = df__arena_mark(scratch);
        DF_TRY(df__plan_run(c->plan, wide, out, scratch, seconds, err));
        df__arena_release(scratch, mark);
        for (size_t k = 0; k < c->plan->n_steps; k++)
            least[k] = i == 0 || seconds[k] < least[k] ? seconds[k] : least[k];
    }
    *n = c->plan->n_steps;
    for (size_t i = 0; i < *n; i++)
        DF_TRY(df__step_layer(c->plan, &c->plan->steps[i], least[i], scratch, &(*layers)[i], err));
done:
    if (c)
        leave(net, c);
    return st;
}
