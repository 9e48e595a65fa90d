/* graph.c - building and reading the graph of graph.h. */
#include "nn/graph.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 16 };
static const int64_t MAX_ELEMENTS = (int64_t)1 << 31;

size_t df__dtype_size(df_dtype type)
{
    switch (type) {
    case DF_U8:
    case DF_I8:
    case DF_BOOL:
        return 1;
    case DF_U16:
    case DF_I16:
    case DF_F16:
    case DF_BF16:
        return 2;
    case DF_F32:
    case DF_I32:
    case DF_U32:
        return 4;
    case DF_I64:
    case DF_F64:
    case DF_U64:
        return 8;
    }
    return 0;
}

const char *df__dtype_name(df_dtype type)
{
    switch (type) {
    case DF_F32: return "float32";
    case DF_U8: return "uint8";
    case DF_I8: return "int8";
    case DF_U16: return "uint16";
    case DF_I16: return "int16";
    case DF_I32: return "int32";
    case DF_I64: return "int64";
    case DF_BOOL: return "bool";
    case DF_F16: return "float16";
    case DF_F64: return "float64";
    case DF_U32: return "uint32";
    case DF_U64: return "uint64";
    case DF_BF16: return "bfloat16";
    }
    return "unknown";
}

int64_t df__tensor_count(const df_tensor *t)
{
    int64_t n = 1;
    bool empty = false;
    for (int i = 0; i < t->rank; i++) {
        if (t->dims[i] < 0)
            return -1;
        if (t->dims[i] == 0) { /* the others still have to be sane: operators multiply some of them */
            empty = true;
            continue;
        }
        if (n > INT64_MAX / t->dims[i])
            return -1;
        n *= t->dims[i];
    }
    return empty ? 0 : n;
}

static df_status out_of_memory(const df_graph *g, size_t bytes, df_error *err)
{
    return df__no_memory(err, g->label, bytes);
}

static char *copy_string(df_graph *g, const char *s)
{
    size_t n = strlen(s) + 1;
    char *to = df__arena_alloc(&g->arena, n);
    if (to)
        memcpy(to, s, n);
    return to;
}

/* Room for one more of `size` bytes; the old list stays in the arena until the graph goes. */
static bool grow(df_graph *g, void **list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : FIRST_CAP;
    void *to = df__arena_calloc(&g->arena, more, size);
    if (!to)
        return false;
    if (n)
        memcpy(to, *list, n * size);
    *list = to;
    *cap = more;
    return true;
}

df_status df__graph_new(const char *label, int64_t opset, df_graph **out, df_error *err)
{
    *out = NULL;
    df_graph *g = calloc(1, sizeof *g);
    if (!g)
        return df__no_memory(err, label, sizeof *g);
    g->opset = opset;
    g->label = copy_string(g, label);
    if (!g->label) {
        df__graph_free(g);
        return df__no_memory(err, label, strlen(label) + 1);
    }
    *out = g;
    return DF_OK;
}

void df__graph_free(df_graph *g)
{
    if (!g)
        return;
    for (df_graph_file *f = g->files; f; f = f->next)
        df__bytes_free(&f->bytes);
    df__arena_free(&g->arena);
    df__bytes_free(&g->file);
    free(g);
}

static df_status check_rank(const df_graph *g, const char *name, int rank, df_error *err)
{
    if (rank < 0 || rank > DF_MAX_RANK)
        return df__fail(err, DF_E_LIMIT, "%s: \"%s\" has %d dimensions, the limit is %d", g->label, name, rank, DF_MAX_RANK);
    return DF_OK;
}

static df_status add_port(df_graph *g, df_port **list, size_t *n, size_t *cap, const char *name, df_tensor shape, df_error *err)
{
    void *ports = *list;
    char *copy = copy_string(g, name);
    if (!copy || !grow(g, &ports, *n, cap, sizeof **list))
        return out_of_memory(g, sizeof **list, err);
    *list = ports;
    (*list)[(*n)++] = (df_port){copy, shape};
    return DF_OK;
}

df_status df__graph_add_input(df_graph *g, const char *name, df_dtype type, int rank, const int64_t *dims, df_error *err)
{
    df_status st = check_rank(g, name, rank, err);
    if (st != DF_OK)
        return st;
    df_tensor shape = {.type = type, .rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dims[i] = dims[i] < 0 ? -1 : dims[i];
    return add_port(g, &g->inputs, &g->n_inputs, &g->cap_inputs, name, shape, err);
}

df_status df__graph_add_output(df_graph *g, const char *name, df_error *err)
{
    return add_port(g, &g->outputs, &g->n_outputs, &g->cap_outputs, name, (df_tensor){.type = DF_F32, .rank = -1}, err);
}

df_status df__graph_add_const(df_graph *g, const char *name, const df_tensor *t, df_error *err)
{
    df_status st = check_rank(g, name, t->rank, err);
    if (st != DF_OK)
        return st;
    void *consts = g->consts;
    char *copy = copy_string(g, name);
    if (!copy || !grow(g, &consts, g->n_consts, &g->cap_consts, sizeof *g->consts))
        return out_of_memory(g, sizeof *g->consts, err);
    g->consts = consts;
    g->consts[g->n_consts++] = (df_const){copy, *t};
    return DF_OK;
}

df_status df__graph_add_f32(df_graph *g, const char *name, int rank, const int64_t *dims, float **data, df_error *err)
{
    *data = NULL;
    df_status st = check_rank(g, name, rank, err);
    if (st != DF_OK)
        return st;
    df_tensor t = {.type = DF_F32, .rank = rank};
    for (int i = 0; i < rank; i++)
        t.dims[i] = dims[i];
    int64_t n = df__tensor_count(&t);
    if (n < 0 || n > MAX_ELEMENTS)
        return df__fail(err, DF_E_LIMIT, "%s: \"%s\" has more than %lld elements", g->label, name, (long long)MAX_ELEMENTS);
    t.data = df__arena_alloc(&g->arena, (size_t)n * sizeof(float));
    if (!t.data)
        return out_of_memory(g, (size_t)n * sizeof(float), err);
    st = df__graph_add_const(g, name, &t, err);
    if (st == DF_OK)
        *data = t.data;
    return st;
}

df_status df__graph_add_i64(df_graph *g, const char *name, size_t n, const int64_t *values, df_error *err)
{
    if (n > (size_t)MAX_ELEMENTS)
        return df__fail(err, DF_E_LIMIT, "%s: \"%s\" has %zu elements", g->label, name, n);
    df_tensor t = {.type = DF_I64, .rank = 1, .dims = {(int64_t)n}};
    t.data = df__arena_alloc(&g->arena, n * sizeof *values);
    if (!t.data)
        return out_of_memory(g, n * sizeof *values, err);
    if (n)
        memcpy(t.data, values, n * sizeof *values);
    return df__graph_add_const(g, name, &t, err);
}

static const char **copy_names(df_graph *g, const char *const *names, size_t *n)
{
    *n = 0;
    while (names[*n])
        ++*n;
    const char **to = df__arena_calloc(&g->arena, *n + 1, sizeof *to);
    for (size_t i = 0; to && i < *n; i++)
        if (!(to[i] = copy_string(g, names[i])))
            return NULL;
    return to;
}

df_status df__graph_add_node(df_graph *g, const char *op, const char *name, const char *const *in, const char *const *out, df_node **node,
                             df_error *err)
{
    *node = NULL;
    void *nodes = g->nodes;
    if (!grow(g, &nodes, g->n_nodes, &g->cap_nodes, sizeof *g->nodes))
        return out_of_memory(g, sizeof *g->nodes, err);
    g->nodes = nodes;
    df_node *to = &g->nodes[g->n_nodes];
    *to = (df_node){.domain = ""};
    to->op = copy_string(g, op);
    to->name = copy_string(g, name);
    to->in = copy_names(g, in, &to->n_in);
    to->out = copy_names(g, out, &to->n_out);
    if (!to->op || !to->name || !to->in || !to->out)
        return out_of_memory(g, sizeof *to, err);
    g->n_nodes++;
    *node = to;
    return DF_OK;
}

/* A fresh attribute of the node, or the one of that name. Attributes are few: the list grows by one. */
static df_attr *attr_slot(df_graph *g, df_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    df_attr *to = df__arena_calloc(&g->arena, node->n_attrs + 1, sizeof *to);
    char *copy = copy_string(g, name);
    if (!to || !copy)
        return NULL;
    if (node->n_attrs)
        memcpy(to, node->attrs, node->n_attrs * sizeof *to);
    node->attrs = to;
    to[node->n_attrs].name = copy;
    return &to[node->n_attrs++];
}

static df_status set_attr(df_graph *g, df_node *node, df_attr value, const char *name, df_error *err)
{
    df_attr *a = attr_slot(g, node, name);
    if (!a)
        return out_of_memory(g, sizeof *a, err);
    value.name = a->name;
    *a = value;
    return DF_OK;
}

df_status df__node_set_int(df_graph *g, df_node *node, const char *name, int64_t v, df_error *err)
{
    return set_attr(g, node, (df_attr){.kind = DF_ATTR_INT, .v.i = v}, name, err);
}

df_status df__node_set_float(df_graph *g, df_node *node, const char *name, float v, df_error *err)
{
    return set_attr(g, node, (df_attr){.kind = DF_ATTR_FLOAT, .v.f = v}, name, err);
}

df_status df__node_set_string(df_graph *g, df_node *node, const char *name, const char *v, df_error *err)
{
    char *copy = copy_string(g, v);
    if (!copy)
        return out_of_memory(g, strlen(v) + 1, err);
    return set_attr(g, node, (df_attr){.kind = DF_ATTR_STRING, .n = strlen(v), .v.s = copy}, name, err);
}

df_status df__node_set_ints(df_graph *g, df_node *node, const char *name, size_t n, const int64_t *v, df_error *err)
{
    int64_t *copy = df__arena_calloc(&g->arena, n, sizeof *copy);
    if (!copy)
        return out_of_memory(g, sizeof *copy, err);
    if (n)
        memcpy(copy, v, n * sizeof *copy);
    return set_attr(g, node, (df_attr){.kind = DF_ATTR_INTS, .n = n, .v.ints = copy}, name, err);
}

const df_attr *df__node_attr(const df_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    return NULL;
}

int64_t df__node_int(const df_node *node, const char *name, int64_t otherwise)
{
    const df_attr *a = df__node_attr(node, name);
    return a && a->kind == DF_ATTR_INT ? a->v.i : otherwise;
}

float df__node_float(const df_node *node, const char *name, float otherwise)
{
    const df_attr *a = df__node_attr(node, name);
    return a && a->kind == DF_ATTR_FLOAT ? a->v.f : otherwise;
}

const df_const *df__graph_const(const df_graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_consts; i++)
        if (strcmp(g->consts[i].name, name) == 0)
            return &g->consts[i];
    return NULL;
}
