/* run_network.c - runs an .onnx file on raw tensors, for tools/golden/compare_networks.py and for a person with a graph that misbehaves. Not a test.
 *
 *     run_network MODEL.onnx THREADS RUNS OUT_PREFIX TYPE:1x3x112x112:FILE...     TYPE as ONNX numbers them: 1 float32, 7 int64
 *     run_network MODEL.onnx --steps TYPE:1x3x112x112:FILE...                     what the plan consists of, a line a step, with its milliseconds
 *
 * Each FILE holds an input's numbers, dense, in the machine's order; OUT_PREFIX.0, .1, ... receive the outputs. Prints, one a line:
 * "output I NAME TYPE 1x512", "nodes N", "steps N", "load_ms T", "first_ms T", "min_ms T". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nn/net.h"
#include "nn/onnx.h"
#include "nn/plan.h"

enum { MOST_PORTS = 32, ROUNDS = 20 };

static df_error err;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void dims_text(const df_tensor *t, char *out, size_t size)
{
    size_t at = 0;
    snprintf(out, size, "scalar");
    for (int i = 0; i < t->rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%" PRId64, i ? "x" : "", t->dims[i]);
}

static bool read_input(const char *text, df_tensor *t)
{
    df_bytes file;
    char *end;
    *t = (df_tensor){.type = (df_dtype)strtol(text, &end, 10)};
    if (*end != ':')
        return false;
    for (const char *p = end + 1; *p != ':' && t->rank < DF_MAX_RANK; p = *end == 'x' ? end + 1 : end) {
        t->dims[t->rank++] = strtoll(p, &end, 10);
        if (end == p)
            return false;
    }
    if (*end != ':' || df__read_file(end + 1, (size_t)1 << 32, &file, &err) != DF_OK)
        return false;
    t->data = file.data;
    return file.len == df__tensor_bytes(t);
}

static df_status load(const char *path, df_graph **out)
{
    char folder[4096];
    df_bytes file;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    df_status st = df__map_file(path, (size_t)4 << 30, &file, &err);
    return st == DF_OK ? df__onnx_parse(&file, path, slash ? folder : ".", out, &err) : st;
}

/* The program for inputs of these shapes; false: shapes depend on data. */
static df_status program_for(const df_graph *g, const df_tensor *in, df_program *p, bool *open)
{
    static const df_budget budget = {(size_t)8 << 30, (int64_t)1 << 44};
    df_status st = DF_OK;
    DF_TRY(df__program_build(g, &budget, p, &err));
    DF_TRY(df__pass_fold(p, false, open, &err));
    DF_TRY(df__pass_fuse(p, false, &err));
    for (size_t i = 0; i < p->n_inputs; i++) {
        df_tensor *t = &p->values[p->inputs[i]].t;
        *t = df__shape_like(&in[i]);
        t->type = t->type == DF_F16 || t->type == DF_BF16 ? DF_F32 : t->type; /* as net.c does at the door */
    }
    DF_TRY(df__pass_fold(p, true, open, &err));
    if (!*open)
        DF_TRY(df__pass_fuse(p, true, &err));
done:
    return st;
}

static void print_step(const df_plan *plan, const df_plan_step *s, double ms)
{
    char dims[128];
    printf("%8.3f %-22s%s %-24s", ms, s->op->name, s->nhwc ? " *" : "  ", s->kernel ? s->kernel->name : "-");
    for (size_t k = 0; k < s->n_in + s->n_out; k++) {
        int ref = plan->refs[s->in + k];
        if (k == s->n_in)
            printf(" ->");
        if (ref < 0)
            continue;
        dims_text(&plan->slots[ref].t, dims, sizeof dims);
        printf(" %s%s", plan->slots[plan->slots[ref].root].place == DF_PLACE_CONST ? "=" : "", dims);
    }
    for (int k = 0; s->fused && k < s->fused->n_post; k++)
        printf(" +%d", (int)s->fused->post[k].kind);
    printf("   %s\n", s->node->name[0] ? s->node->name : s->node->n_out ? s->node->out[0] : "");
}

static df_status print_plan(const char *path, const df_tensor *in, bool all)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_program p = {0};
    df_packer *packer = NULL;
    df_plan *plan = NULL;
    df_tensor out[MOST_PORTS];
    df_arena results = {0};
    df_stopwatch least = {0};
    const df_watch watch = df__stopwatch(&least);
    bool open = false;
    DF_TRY(load(path, &g));
    if (g->n_outputs > MOST_PORTS)
        DF_TRY(df__fail(&err, DF_E_LIMIT, "%zu outputs, at most %d are read", g->n_outputs, MOST_PORTS));
    printf("nodes %zu\n", g->n_nodes);
    DF_TRY(program_for(g, in, &p, &open));
    if (open) {
        printf("steps 0\n"); /* interpreted: each run folds the graph with its data */
        goto done;
    }
    DF_TRY(df__packer_new(&packer, &err));
    DF_TRY(df__plan_new(&p, &(df_plan_opts){.precision = DF_PRECISION_STRICT, .advantage = 1, .threads = 1}, packer, &plan, &err));
    printf("steps %zu\n", plan->n_steps);
    if (!all)
        goto done;
    least.seconds = calloc(plan->n_steps + 1, sizeof *least.seconds);
    for (int round = 0; round < ROUNDS && least.seconds; round++) {
        df__arena_reset(&results);
        DF_TRY(df__plan_run(plan, in, out, &results, &watch, &err));
    }
    for (size_t i = 0; i < plan->n_steps && least.seconds; i++)
        print_step(plan, &plan->steps[i], 1e3 * least.seconds[i]);
done:
    free(least.seconds);
    df__arena_free(&results);
    df__plan_free(plan);
    df__packer_free(packer);
    df__program_free(&p);
    df__graph_free(g);
    return st;
}

static df_status write_outputs(const char *prefix, const df_net *net, const df_tensor *out)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < df__net_outputs(net) && st == DF_OK; i++) {
        char path[4096], dims[128];
        snprintf(path, sizeof path, "%s.%zu", prefix, i);
        dims_text(&out[i], dims, sizeof dims);
        printf("output %zu %s %d %s\n", i, df__net_output(net, i)->name, (int)out[i].type, dims);
        st = df__write_file(path, out[i].data, df__tensor_bytes(&out[i]), &err);
    }
    return st;
}

static df_status run(char **argv, df_tensor *in, size_t n_in)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_net *net = NULL;
    df_tensor out[MOST_PORTS];
    df_arena scratch = {0};
    int threads = atoi(argv[2]), runs = atoi(argv[3]);
    double begin = now(), best = 1e30;
    DF_TRY(load(argv[1], &g));
    st = df__net_new(g, NULL, &net, &err);
    if (st != DF_OK || df__net_outputs(net) > MOST_PORTS)
        goto done;
    printf("load_ms %.2f\n", now() - begin);
    for (int i = 0; i < runs; i++) {
        df__arena_reset(&scratch);
        double from = now();
        DF_TRY(df__net_run(net, in, n_in, out, df__net_outputs(net), threads, &scratch, &err));
        double took = now() - from;
        best = took < best ? took : best;
        if (i == 0)
            printf("first_ms %.2f\n", took);
    }
    printf("min_ms %.3f\n", best);
    DF_TRY(write_outputs(argv[4], net, out));
done:
    df__arena_free(&scratch);
    df__net_free(net);
    return st;
}

int main(int argc, char **argv)
{
    df_tensor in[MOST_PORTS];
    size_t n_in = 0;
    bool steps = argc > 2 && strcmp(argv[2], "--steps") == 0;
    df_status st = DF_OK;
    if (argc < (steps ? 4 : 6) || argc > MOST_PORTS) {
        fprintf(stderr, "run_network MODEL.onnx THREADS RUNS OUT_PREFIX TYPE:DIMS:FILE... | MODEL.onnx --steps TYPE:DIMS:FILE...\n");
        return 2;
    }
    for (int i = steps ? 3 : 5; i < argc && st == DF_OK; i++)
        if (!read_input(argv[i], &in[n_in++])) {
            snprintf(err.message, sizeof err.message, "input \"%s\" is no TYPE:DIMS:FILE, or FILE has another size", argv[i]);
            st = DF_E_ARGUMENT;
        }
    if (st == DF_OK)
        st = print_plan(argv[1], in, steps);
    if (st == DF_OK && !steps)
        st = run(argv, in, n_in);
    for (size_t i = 0; i < n_in; i++)
        free(in[i].data);
    if (st != DF_OK)
        fprintf(stderr, "%s: %s\n", df_status_text(st), err.message);
    return st == DF_OK ? 0 : 1;
}
