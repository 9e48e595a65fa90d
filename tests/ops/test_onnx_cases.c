/* test_onnx_cases.c - the ONNX standard's own cases for single operators: onnx/backend/test/data/node of the PyPI package `onnx` 1.17.0.
 * Each case is a model, inputs and outputs. The folder is $DF_ONNX_CASES, else build/onnx-cases; without it the test is skipped.
 * Tolerance: 1e-3 relative and 1e-7 absolute, that of the standard's own runner (onnx/backend/test/runner); $DF_ONNX_ABSOLUTE for cases with
 * another runtime's float32 answers, where terms of size 1 cancel (tools/golden/operator_cases.py). */
#include <dirent.h>
#include <sys/stat.h>

#include "core/wire.h"
#include "nn/net.h"
#include "nn/onnx.h"
#include "nn/op.h"
#include "test.h"

enum { MAX_CASES = 4096, MAX_PORTS = 64, MAX_OPS = 512 };
static const double RELATIVE = 1e-3;
static double absolute = 1e-7;

/* Cases whose recorded answer is wrong. */
static const char *const wrong[] = {
    /* counts pixels that ceil_mode hangs over the padding; release 1.19.1 of the package and ONNX Runtime 1.32 do not */
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
    /* cut to bfloat16, where the standard's page of Cast asks for rounding to nearest, halves to even */
    "test_cast_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16_expanded",
    /* wraps where the standard's page asks for saturation; the reference of release 1.23.2 and ONNX Runtime 1.32 saturate */
    "test_qlinearmatmul_2D_int8_float16", "test_qlinearmatmul_2D_int8_float32", "test_qlinearmatmul_3D_int8_float16",
    "test_qlinearmatmul_3D_int8_float32",
};

static bool is_wrong(const char *name)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (strcmp(wrong[i], name) == 0)
            return true;
    return false;
}

/* What a case may say of an operator. */
typedef struct tally { const char *name; int passed, failed, skipped; unsigned probed, taken; /* types of input 0 */ } tally;
static tally tallies[MAX_OPS];
static size_t n_tallies;

/* Why a case may be left out. */
typedef struct reason { const char *sign, *means; int cases; } reason;
static reason reasons[] = {
    {"data type that is not supported", "strings, float8, int4", 0},
    {"training mode", "training", 0},
    {"operator set 1,", "operator sets before 7", 0},
    {"operator set 0,", "other domains alone (ai.onnx.ml, training)", 0},
    {" values", "sequences, optionals, maps", 0},
    {"/test_loop13_seq/", "sequences, optionals, maps", 0},
    {"Scan of operator set 8", "Scan with a batch, gone since operator set 9", 0},
};
enum { REASONS = sizeof reasons / sizeof *reasons };

/* Operators that are not in the table. */
static struct { char name[64]; int cases; } foreigners[MAX_OPS];
static size_t n_foreigners;

static tally *tally_of(const char *name)
{
    for (size_t i = 0; i < n_tallies; i++)
        if (strcmp(tallies[i].name, name) == 0)
            return &tallies[i];
    return NULL;
}

static const char *cases_dir(void)
{
    const char *dir = getenv("DF_ONNX_CASES") ? getenv("DF_ONNX_CASES") : DF_SOURCE_DIR "/build/onnx-cases";
    struct stat st;
    return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) ? dir : NULL;
}

/* A file that holds one TensorProto, read as the only initialiser of a model made around it. */
static df_status read_tensor(const char *path, df_graph **out, df_error *err)
{
    static const uint8_t opset[] = {0x42, 2, 0x10, 13}; /* opset_import { version: 13 } */
    df_bytes file = {0};
    *out = NULL;
    df_status st = df__read_file(path, 1u << 28, &file, err);
    if (st != DF_OK)
        return st;
    uint8_t head[32];
    size_t n = 0, inner = file.len, length = 0;
    uint8_t varint[10];
    do
        varint[length++] = (uint8_t)((inner & 0x7F) | (inner > 0x7F ? 0x80 : 0));
    while (inner >>= 7);
    size_t graph = 1 + length + file.len;
    memcpy(head, opset, sizeof opset);
    n = sizeof opset;
    head[n++] = 0x3A; /* graph */
    for (size_t v = graph;; v >>= 7) {
        head[n++] = (uint8_t)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
        if (v <= 0x7F)
            break;
    }
    head[n++] = 0x2A; /* initializer */
    memcpy(head + n, varint, length);
    n += length;
    df_bytes whole = {malloc(n + file.len), n + file.len, false};
    memcpy(whole.data, head, n);
    memcpy(whole.data + n, file.data, file.len);
    df__bytes_free(&file);
    return df__onnx_parse(&whole, path, NULL, out, err);
}

static double half(const uint8_t *p, bool brain)
{
    uint16_t h;
    memcpy(&h, p, 2);
    if (brain) {
        uint32_t bits = (uint32_t)h << 16;
        float v;
        memcpy(&v, &bits, 4);
        return (double)v;
    }
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double v = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return h & 0x8000 ? -v : v;
}

static double element(const df_tensor *t, int64_t i)
{
    const uint8_t *p = (const uint8_t *)t->data + (size_t)i * df__dtype_size(t->type);
    if (t->type == DF_F16 || t->type == DF_BF16)
        return half(p, t->type == DF_BF16);
    uint64_t aligned = 0;
    memcpy(&aligned, p, df__dtype_size(t->type));
    df_tensor one = {.type = t->type, .data = &aligned};
    return df__load_f64(&one, 0);
}

/* NULL when equal, else what differs. */
static const char *difference(const df_tensor *expected, const df_tensor *actual, char *text, size_t size)
{
    bool fits = expected->rank == actual->rank && expected->type == actual->type;
    for (int i = 0; fits && i < expected->rank; i++)
        fits = expected->dims[i] == actual->dims[i];
    if (!fits) {
        snprintf(text, size, "shape or type: %s of rank %d [%lld, ...], expected %s of rank %d [%lld, ...]", df__dtype_name(actual->type), actual->rank,
                 (long long)actual->dims[0], df__dtype_name(expected->type), expected->rank, (long long)expected->dims[0]);
        return text;
    }
    for (int64_t i = 0, n = df__tensor_count(expected); i < n; i++) {
        double e = element(expected, i), a = element(actual, i);
        bool same = e == a || (isnan(e) && isnan(a)) || fabs(e - a) <= absolute + RELATIVE * fabs(e);
        if (!same) {
            snprintf(text, size, "element %lld is %.9g, expected %.9g", (long long)i, a, e);
            return text;
        }
    }
    return NULL;
}

typedef enum verdict { PASSED, FAILED, SKIPPED } verdict;

static verdict of_status(df_status st) { return st == DF_E_UNSUPPORTED ? SKIPPED : FAILED; }

/* Inputs of the graph in order; a case may leave the last ones out. */
static verdict load_ports(const char *dir, const char *kind, const df_port *ports, size_t n, df_graph **graphs, df_tensor *tensors, char *why,
                          size_t size)
{
    for (size_t i = 0; i < n; i++) {
        char path[1024];
        df_error err = {0};
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", dir, kind, i);
        df_status st = read_tensor(path, &graphs[i], &err);
        if (st != DF_OK || graphs[i]->n_consts != 1) {
            snprintf(why, size, "%s", st == DF_OK ? "no tensor" : err.message);
            return SKIPPED; /* sequences, strings, maps */
        }
        tensors[i] = graphs[i]->consts[0].tensor;
        void *aligned = df__arena_alloc(&graphs[i]->arena, df__tensor_bytes(&tensors[i])); /* in the file it lies as it pleases */
        if (df__tensor_bytes(&tensors[i]))
            memcpy(aligned, tensors[i].data, df__tensor_bytes(&tensors[i]));
        tensors[i].data = aligned;
        if (ports[i].shape.type == DF_BF16 && tensors[i].type == DF_U16) /* the package has no NumPy type to write bfloat16 with */
            tensors[i].type = DF_BF16;
    }
    return PASSED;
}

/* ---- does an operator take the types that its row claims? ---- */

/* The tensor with every number in another type. */
static df_tensor retyped(const df_tensor *t, df_dtype type, df_arena *arena)
{
    df_tensor r = *t;
    r.type = type;
    r.data = df__arena_calloc(arena, (size_t)df__tensor_count(t) + 1, 8);
    for (int64_t i = 0, n = df__tensor_count(t); i < n; i++)
        df__store_f64(&r, i, element(t, i));
    return r;
}

static const df_tensor *find_tensor(const df_graph *g, const df_tensor *in, const char *name)
{
    const df_const *c = df__graph_const(g, name);
    for (size_t i = 0; i < g->n_inputs; i++)
        if (strcmp(g->inputs[i].name, name) == 0)
            return &in[i];
    return c ? &c->tensor : NULL;
}

/* infer() for input 0 of this type; `linked`: every input of input 0's type changes with it. */
static bool takes(const df_graph *g, const df_tensor *in, const df_op *op, df_dtype type, bool linked)
{
    const df_node *node = &g->nodes[0];
    df_budget limits = {1u << 28, (int64_t)1 << 32};
    df_tensor ins[MAX_PORTS + 4] = {{0}}, outs[MAX_PORTS + 4] = {{0}};
    df_arena arena = {0}, scratch = {0};
    df_error err;
    df_dtype first = 0;
    for (size_t i = 0; i < node->n_in; i++) {
        const df_tensor *t = node->in[i][0] ? find_tensor(g, in, node->in[i]) : NULL;
        if (!t)
            continue;
        first = i == 0 ? t->type : first;
        df_dtype held = t->type == DF_F16 || t->type == DF_BF16 ? DF_F32 : t->type;
        ins[i] = retyped(t, i == 0 || (linked && t->type == first) ? type : held, &arena);
    }
    for (size_t i = 0; i < node->n_out; i++)
        outs[i].rank = node->out[i][0] ? 0 : -1;
    df_call call = {.node = node, .opset = g->opset, .in = ins, .n_in = node->n_in, .out = outs, .n_out = node->n_out, .scratch = &scratch,
                    .limits = &limits, .err = &err};
    bool good = df__op_infer(op, &call) == DF_OK;
    df__arena_free(&arena);
    df__arena_free(&scratch);
    return good;
}

static void probe(const df_graph *g, const df_tensor *in)
{
    const df_op *op = g->n_nodes == 1 ? df__op_find(g->nodes[0].domain, g->nodes[0].op) : NULL;
    if (!op || g->nodes[0].n_in == 0 || g->nodes[0].n_in > MAX_PORTS || g->nodes[0].n_out > MAX_PORTS)
        return;
    tally *t = tally_of(op->name);
    for (unsigned type = 1; type <= DF_BF16; type++)
        if (df__dtype_size((df_dtype)type) > 0 && type != DF_F16 && type != DF_BF16) {
            t->probed |= 1u << type;
            if (takes(g, in, op, (df_dtype)type, true) || takes(g, in, op, (df_dtype)type, false))
                t->taken |= 1u << type;
        }
}

static verdict run_case(const char *dir, df_graph *graph, char *why, size_t size)
{
    df_graph *inputs[MAX_PORTS] = {NULL}, *outputs[MAX_PORTS] = {NULL};
    df_tensor in[MAX_PORTS], expected[MAX_PORTS], out[MAX_PORTS];
    df_arena scratch = {0};
    df_net *net = NULL;
    df_error err = {0};
    verdict v = SKIPPED;
    size_t n_in = graph->n_inputs, n_out = graph->n_outputs;
    snprintf(why, size, "too many inputs or outputs");
    if (n_in > MAX_PORTS || n_out > MAX_PORTS) {
        df__graph_free(graph);
        return v;
    }
    v = load_ports(dir, "input", graph->inputs, n_in, inputs, in, why, size);
    if (v == PASSED)
        v = load_ports(dir, "output", graph->outputs, n_out, outputs, expected, why, size);
    if (v != PASSED) {
        df__graph_free(graph);
    } else {
        probe(graph, in);
        df_status st = df__net_new(graph, NULL, &net, &err);
        if (st == DF_OK)
            st = df__net_run(net, in, n_in, out, n_out, 1, &scratch, &err);
        if (st != DF_OK) {
            v = of_status(st);
            snprintf(why, size, "%s", err.message);
        }
        for (size_t i = 0; v == PASSED && i < n_out; i++)
            if (difference(&expected[i], &out[i], why, size))
                v = FAILED;
    }
    df__net_free(net);
    df__arena_free(&scratch);
    for (size_t i = 0; i < MAX_PORTS; i++) {
        df__graph_free(inputs[i]);
        df__graph_free(outputs[i]);
    }
    return v;
}

static void note_foreigner(const char *op)
{
    size_t i = 0;
    while (i < n_foreigners && strcmp(foreigners[i].name, op) != 0)
        i++;
    if (i == n_foreigners && i < MAX_OPS)
        snprintf(foreigners[n_foreigners++].name, sizeof foreigners->name, "%s", op);
    if (i < MAX_OPS)
        foreigners[i].cases++;
}

/* Names of the graph's operators; false when one is not in the table, so that the case says nothing about us. */
static bool claimed(const df_graph *g, const char **ops, size_t *n)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const df_node *node = &g->nodes[i];
        static const char *const opened[] = {"Constant", "If", "Loop", "Scan"};
        bool no_row = false;
        for (size_t k = 0; k < sizeof opened / sizeof *opened; k++)
            no_row = no_row || strcmp(node->op, opened[k]) == 0;
        if (no_row)
            continue;
        const df_op *op = df__op_find(node->domain, node->op);
        if (!op) {
            note_foreigner(node->op);
            return false;
        }
        bool known = false;
        for (size_t k = 0; k < *n; k++)
            known = known || strcmp(ops[k], op->name) == 0;
        if (!known && *n < MAX_OPS)
            ops[(*n)++] = op->name;
    }
    return true;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static size_t list_cases(const char *dir, char **names)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && n < MAX_CASES)
            names[n++] = strdup(e->d_name);
    if (d)
        closedir(d);
    qsort(names, n, sizeof *names, by_name);
    return n;
}

/* What the package of version 1.17.0 holds for the operators of op_table.c: fewer than this means that something is skipped which ran. */
enum { LEAST_PASSED = 998 };

typedef struct counts { size_t passed, failed, skipped, foreign; } counts;

static void count_reason(const char *why)
{
    for (size_t i = 0; i < REASONS; i++)
        if (strstr(why, reasons[i].sign)) {
            reasons[i].cases++;
            return;
        }
    fail_msg("skipped for no known reason: %s", why);
}

static void one_case(const char *root, const char *name, counts *c)
{
    char dir[1024], path[1100], why[640] = "";
    const char *ops[MAX_OPS];
    size_t n_ops = 0;
    df_bytes file = {0};
    df_graph *graph = NULL;
    df_error err = {0};
    snprintf(dir, sizeof dir, "%s/%s", root, name);
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    df_status st = df__read_file(path, 1u << 28, &file, &err);
    if (st == DF_OK)
        st = df__onnx_parse(&file, name, NULL, &graph, &err);
    verdict v = SKIPPED;
    if (st != DF_OK) {
        v = of_status(st);
        snprintf(why, sizeof why, "%s", err.message);
    } else if (!claimed(graph, ops, &n_ops)) {
        c->foreign++;
        df__graph_free(graph);
        return;
    } else {
        v = run_case(dir, graph, why, sizeof why);
    }
    c->passed += v == PASSED;
    c->failed += v == FAILED;
    c->skipped += v == SKIPPED;
    if (v == FAILED || (v == SKIPPED && getenv("DF_ONNX_VERBOSE")))
        print_message("%s: %s: %s\n", v == FAILED ? "FAILED" : "skipped", name, why);
    if (v == SKIPPED)
        count_reason(why);
    for (size_t k = 0; k < n_ops; k++) {
        tally *t = tally_of(ops[k]);
        t->passed += v == PASSED;
        t->failed += v == FAILED;
        t->skipped += v == SKIPPED;
    }
}

static void report(const counts *c)
{
    for (size_t i = 0; i < n_tallies; i++)
        print_message("%-24s %3d passed %3d failed %3d skipped\n", tallies[i].name, tallies[i].passed, tallies[i].failed, tallies[i].skipped);
    for (size_t i = 0; i < REASONS; i++)
        if (reasons[i].cases)
            print_message("skipped %3d: %s\n", reasons[i].cases, reasons[i].means);
    for (size_t i = 0; i < n_foreigners; i++)
        print_message("not claimed %3d: %s\n", foreigners[i].cases, foreigners[i].name);
    print_message("%zu passed, %zu failed, %zu skipped, %zu of operators that we do not claim\n", c->passed, c->failed, c->skipped, c->foreign);
}

/* Every type that a row claims is taken in at least one of the operator's cases. */
static size_t false_claims(void)
{
    size_t wrong_ones = 0;
    for (size_t i = 0; i < n_tallies; i++) {
        unsigned missing = tallies[i].probed ? df__op_row_at(i)->types & ~tallies[i].taken : 0;
        for (unsigned type = 1; type <= DF_BF16; type++)
            if (missing >> type & 1) {
                print_message("%s claims %s for input 0 and takes it in no case\n", tallies[i].name, df__dtype_name((df_dtype)type));
                wrong_ones++;
            }
    }
    return wrong_ones;
}

TEST(every_case_of_every_operator_passes)
{
    static char *names[MAX_CASES];
    const char *root = cases_dir(), *only = getenv("DF_ONNX_CASE"); /* part of a name: that case alone */
    counts c = {0};
    absolute = getenv("DF_ONNX_ABSOLUTE") ? strtod(getenv("DF_ONNX_ABSOLUTE"), NULL) : absolute;
    if (!root) {
        print_message("every test was skipped: no folder of ONNX's node cases; set DF_ONNX_CASES to onnx/backend/test/data/node of the package onnx 1.17.0\n");
        skip();
    }
    for (size_t i = 0; df__op_at(i); i++)
        tallies[n_tallies++] = (tally){.name = df__op_at(i)->name};
    size_t n = list_cases(root, names);
    for (size_t i = 0; i < n; i++) {
        if (!is_wrong(names[i]) && (!only || strstr(names[i], only)))
            one_case(root, names[i], &c);
        free(names[i]);
    }
    report(&c);
    assert_int_equal(c.failed, 0);
    assert_true(c.passed > 0);
    if (only)
        return;
    assert_int_equal(false_claims(), 0);
    assert_true(c.passed >= LEAST_PASSED);
}
