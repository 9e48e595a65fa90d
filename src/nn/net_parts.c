/* net_parts.c - a batch in parts: photos that stay in the caches may be done sooner one after another than all of them layer by layer, and on several
 * threads sooner side by side. What is faster is tried once for a shape and kept with the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/net_part.h"
#include "nn/verdict.h"

static const int64_t sizes[] = {4, 1}; /* of a part, in photos */
static const double SAME = 5e-5; /* an output of float32 of a photo alone and with another one, by its length */

/* ---- a run ---- */

/* What one thread needs. */
typedef struct hand { df_arena arena; df_status st; df_error err; } hand;
typedef struct job { df_plan *plan; const df_tensor *in; df_tensor *out; size_t n_in, n_out; int64_t rows; hand *hands; } job;

static df_tensor part_of(const df_tensor *whole, int64_t rows, size_t i)
{
    df_tensor t = *whole;
    t.dims[0] = rows;
    if (t.data)
        t.data = (char *)t.data + i * df__tensor_bytes(&t);
    return t;
}

static df_status copy_part(const job *j, hand *h, size_t i)
{
    df_status st = DF_OK;
    df_tensor *in = df__arena_calloc(&h->arena, j->n_in + j->n_out, sizeof *in), *out = in + j->n_in;
    if (!in)
        return df__no_memory(&h->err, j->plan->program.label, (j->n_in + j->n_out) * sizeof *in);
    for (size_t k = 0; k < j->n_in; k++)
        in[k] = part_of(&j->in[k], j->rows, i);
    DF_TRY(df__plan_run(j->plan, in, out, &h->arena, NULL, &h->err));
    for (size_t k = 0; k < j->n_out; k++) {
        df_tensor to = part_of(&j->out[k], j->rows, i);
        if (df__tensor_bytes(&to))
            memcpy(to.data, out[k].data, df__tensor_bytes(&to));
    }
done:
    return st;
}

static void run_part(void *arg, size_t i, int worker)
{
    const job *j = arg;
    hand *h = &j->hands[worker];
    if (h->st != DF_OK)
        return;
    df_arena_mark mark = df__arena_mark(&h->arena);
    h->st = copy_part(j, h, i);
    df__arena_release(&h->arena, mark);
}

static df_status run_parts(const df_cached *c, const df_tensor *in, size_t n_in, df_tensor *out, df_arena *results, df_error *err)
{
    df_status st = DF_OK;
    df_plan *plan = c->part->plan;
    job j = {.plan = plan, .in = in, .out = out, .n_in = n_in, .n_out = plan->program.main.n_outputs, .rows = c->part->shapes[0].dims[0]};
    int threads = c->part->threads < c->threads ? c->threads : 1;
    size_t parts = (size_t)(in[0].dims[0] / j.rows);
    j.hands = calloc((size_t)threads, sizeof *j.hands);
    if (!j.hands)
        return df__no_memory(err, plan->program.label, (size_t)threads * sizeof *j.hands);
    for (size_t k = 0; k < j.n_out; k++) {
        out[k] = plan->slots[plan->outputs[k]].t;
        out[k].dims[0] *= (int64_t)parts;
        out[k].data = df__arena_alloc(results, df__tensor_bytes(&out[k]));
        if (!out[k].data)
            DF_TRY(df__no_memory(err, plan->program.label, df__tensor_bytes(&out[k])));
    }
    df__parallel_for(parts, threads, run_part, &j);
done:
    for (int i = 0; i < threads; i++) {
        if (st == DF_OK && j.hands[i].st != DF_OK) {
            st = j.hands[i].st;
            if (err)
                *err = j.hands[i].err;
        }
        df__arena_free(&j.hands[i].arena);
    }
    free(j.hands);
    return st;
}

df_status df__cached_run(const df_cached *c, const df_tensor *in, size_t n_in, df_tensor *out, df_arena *results, df_error *err)
{
    return c->part ? run_parts(c, in, n_in, out, results, err) : df__plan_run(c->plan, in, out, results, NULL, err);
}

df_status df__cached_compare(const df_cached *a, const df_cached *than, const df_tensor *in, size_t n_in, size_t n_out, double *share, df_error *err)
{
    enum { LEAST_ROUNDS = 4, MOST_ROUNDS = 60 };
    static const double enough_s = 0.06, long_s = 3; /* of a batch that takes long two rounds do */
    df_status st = DF_OK;
    df_arena arena = {0};
    const df_cached *ways[] = {a, than};
    double least[] = {HUGE_VAL, HUGE_VAL}, spent = 0;
    df_tensor *out = df__arena_calloc(&arena, n_out + 1, sizeof *out);
    if (!out)
        DF_TRY(df__no_memory(err, "outputs", n_out * sizeof *out));
    for (int round = 0; round < MOST_ROUNDS && (round < 2 || (round < LEAST_ROUNDS && spent < long_s) || spent < enough_s); round++)
        for (int i = 0; i < 2; i++) {
            df_arena_mark mark = df__arena_mark(&arena);
            double begun = df__plan_clock();
            DF_TRY(df__cached_run(ways[i], in, n_in, out, &arena, err));
            double took = df__plan_clock() - begun;
            df__arena_release(&arena, mark);
            least[i] = fmin(least[i], took);
            spent += took;
        }
    *share = least[0] / least[1];
done:
    df__arena_free(&arena);
    return st;
}

/* ---- which parts ---- */

/* Photos of a batch; 0 where the graph has none: its inputs and outputs all have a first dimension that is free. Inputs are of float32, for which there is noise. */
static int64_t batch_of(const df_net *net, const df_tensor *in)
{
    const df_graph *g = net->graph;
    for (size_t i = 0; i < g->n_inputs; i++)
        if (in[i].type != DF_F32 || in[i].rank < 1 || in[i].dims[0] != in[0].dims[0] || (g->inputs[i].shape.rank >= 1 && g->inputs[i].shape.dims[0] >= 0))
            return 0;
    for (size_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i].shape.rank == 0 || (g->outputs[i].shape.rank > 0 && g->outputs[i].shape.dims[0] >= 0))
            return 0;
    return g->n_inputs > 0 && df__tensor_count(in) > 0 ? in[0].dims[0] : 0;
}

static bool outputs_have(const df_plan *plan, int64_t rows)
{
    for (size_t k = 0; k < plan->program.main.n_outputs; k++) {
        const df_tensor *t = &plan->slots[plan->outputs[k]].t;
        if (t->rank < 1 || t->dims[0] != rows)
            return false;
    }
    return true;
}

void df__batch_key_add(const df_net *net, const df_tensor *in, df_pack_key *key)
{
    int64_t most = 2;
    while (most < in[0].dims[0])
        most *= 2;
    df__pack_key_add(key, &most, sizeof most);
    for (size_t i = 0; i < net->graph->n_inputs; i++)
        df__pack_key_add(key, in[i].dims + 1, sizeof *in[i].dims * (size_t)(in[i].rank - 1));
}

/* The inputs' shapes with `rows` photos. */
static df_tensor *shapes_of(const df_tensor *in, size_t n, int64_t rows, df_arena *arena)
{
    df_tensor *t = df__arena_calloc(arena, n, sizeof *t);
    for (size_t i = 0; t && i < n; i++) {
        t[i] = in[i];
        t[i].dims[0] = rows;
    }
    return t;
}

df_status df__net_compile_parts(df_net *net, const df_tensor *in, int threads, int64_t rows, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_arena arena = {0};
    size_t n = net->graph->n_inputs;
    df_cached *c = calloc(1, sizeof *c);
    df_tensor *shapes = shapes_of(in, n, rows, &arena);
    *out = NULL;
    if (!c || !shapes || !(c->shapes = calloc(n, sizeof *c->shapes)))
        DF_TRY(df__no_memory(err, net->graph->label, sizeof *c));
    for (size_t i = 0; i < n; i++)
        c->shapes[i] = df__shape_like(&in[i]);
    c->threads = threads;
    DF_TRY(df__net_compile_close(net, shapes, in[0].dims[0] / rows >= threads ? 1 : threads, &c->part, err));
    if (c->part->plan && outputs_have(c->part->plan, rows)) {
        *out = c;
        c = NULL;
    }
done:
    df__cached_free(c);
    df__arena_free(&arena);
    return st;
}

static bool same_tensor(const df_tensor *a, const df_tensor *b)
{
    double xx, ee;
    if (a->type != DF_F32)
        return memcmp(a->data, b->data, df__tensor_bytes(a)) == 0;
    df__squares(a->data, b->data, df__tensor_count(a), &xx, &ee);
    return ee <= SAME * SAME * xx; /* false also for what is not a number */
}

/* Whether a photo's answers depend on it alone: two photos of noise together and each by itself, in float32. */
static df_status measure_alone(df_net *net, const df_tensor *in, bool *alone, df_error *err)
{
    df_status st = DF_OK;
    size_t n = net->graph->n_inputs;
    df_cached *two = NULL, one = {.threads = 1};
    df_packer *own = NULL;
    df_arena arena = {0};
    df_yardstick yard = {0};
    df_tensor *pair = shapes_of(in, n, 2, &arena), *photo = shapes_of(in, n, 1, &arena), *out = df__arena_calloc(&arena, net->graph->n_outputs, sizeof *out);
    df_plan_opts strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .threads = 1};
    *alone = false;
    if (!pair || !photo || !out)
        DF_TRY(df__no_memory(err, net->graph->label, n * sizeof *pair));
    DF_TRY(df__packer_new(&own, err));
    DF_TRY(df__net_compile(net, pair, &strict, own, &two, err));
    if (!two->plan || !outputs_have(two->plan, 2))
        goto done;
    DF_TRY(df__yardstick_make(two->plan, pair, n, &yard, err));
    DF_TRY(df__net_compile(net, photo, &strict, own, &one.part, err));
    if (!one.part->plan || !outputs_have(one.part->plan, 1))
        goto done;
    *alone = true;
    for (int i = 0; i < yard.noises && *alone; i++) {
        DF_TRY(run_parts(&one, yard.in[i], n, out, &arena, err));
        for (size_t k = 0; k < yard.n_out && *alone; k++) {
            const df_tensor *together = &yard.out[i][k];
            *alone = df__tensor_bytes(together) == df__tensor_bytes(&out[k]);
            for (size_t row = 0; row < 2 && *alone; row++) {
                df_tensor a = part_of(together, 1, row), b = part_of(&out[k], 1, row);
                *alone = same_tensor(&a, &b);
            }
        }
    }
done:
    df__arena_free(&arena);
    df__yardstick_free(&yard);
    df__cached_free(two);
    df__cached_free(one.part);
    df__packer_free(own);
    return st;
}

static df_status is_alone(df_net *net, const df_tensor *in, bool *alone, df_error *err)
{
    df_pack_key key = df__pack_key_new("photos alone");
    int kept = df__packer_number(net->packer, &key);
    *alone = kept == 1;
    if (kept >= 0)
        return DF_OK;
    df_error why; /* a network that cannot do with two photos, or with noise, is not cut */
    df_status st = measure_alone(net, in, alone, &why);
    if (st == DF_E_NO_MEMORY)
        return df__fail(err, st, "%s", why.message);
    *alone = *alone && st == DF_OK;
    df__packer_keep_number(net->packer, &key, *alone);
    return DF_OK;
}

/* Parts of `rows` photos in place of *out where they are faster. */
static df_status try_parts(df_net *net, const df_tensor *in, int threads, int64_t rows, bool *faster, df_cached **out, df_error *err)
{
    df_cached *parts = NULL;
    df_status st = DF_OK;
    double share = HUGE_VAL;
    DF_TRY(df__net_compile_parts(net, in, threads, rows, &parts, err));
    if (parts)
        DF_TRY(df__cached_compare(parts, *out, in, net->graph->n_inputs, net->graph->n_outputs, &share, err));
    *faster = df__is_faster(share);
    df__log(&net->log, DF_LOG_DEBUG, "%s: %lld photos by parts of %lld, which is %s", net->graph->label, (long long)in[0].dims[0], (long long)rows, *faster ? "faster" : "no faster");
    if (*faster) {
        df_cached *slower = *out;
        *out = parts, parts = slower;
    }
done:
    df__cached_free(parts);
    return st;
}

/* *out: the whole batch at once; in parts where that is faster. What fails in parts stays whole. */
static df_status find_parts(df_net *net, const df_tensor *in, int threads, int *rows, df_cached **out, df_error *err)
{
    bool alone = false;
    *rows = 0;
    df_status st = is_alone(net, in, &alone, err);
    for (size_t i = 0; st == DF_OK && alone && i < sizeof sizes / sizeof *sizes; i++) {
        bool faster = false;
        df_error why;
        if (sizes[i] >= in[0].dims[0] || in[0].dims[0] % sizes[i] != 0)
            continue;
        st = try_parts(net, in, threads, sizes[i], &faster, out, &why);
        if (st == DF_E_NO_MEMORY)
            return df__fail(err, st, "%s", why.message);
        if (st == DF_OK && faster)
            *rows = (int)sizes[i];
        st = DF_OK;
    }
    return st;
}

df_status df__net_compile_fastest(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    int64_t batch = batch_of(net, in);
    df_pack_key key = df__pack_key_new("photos of a part");
    if (batch < 2 || !df__packer_lasting(net->packer))
        return df__net_compile_close(net, in, threads, out, err);
    df__pack_key_add(&key, (bool[]){batch % sizes[0] == 0}, sizeof(bool)); /* which the same parts divide */
    df__batch_key_add(net, in, &key);
    int rows = df__packer_number(net->packer, &key);
    if (rows > 0 && rows < batch && batch % rows == 0) {
        st = df__net_compile_parts(net, in, threads, rows, out, err);
        if (st == DF_E_NO_MEMORY || (st == DF_OK && *out))
            return st;
    }
    DF_TRY(df__net_compile_close(net, in, threads, out, err));
    if (rows < 0 && (*out)->plan && outputs_have((*out)->plan, batch)) {
        DF_TRY(find_parts(net, in, threads, &rows, out, err));
        df__packer_keep_number(net->packer, &key, rows);
    }
done:
    if (st != DF_OK) {
        df__cached_free(*out);
        *out = NULL;
    }
    return st;
}
