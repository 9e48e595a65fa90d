/* onnx.c - ModelProto to a graph, read in place. Field numbers: onnx.proto3 of the ONNX project. */
#include "nn/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "nn/onnx_read.h"

enum { MIN_OPSET = 7, MAX_OPSET = 22, MAX_GRAPHS = 16 };

df_status df__onnx_no_memory(const df_onnx_reader *r, size_t bytes) { return df__no_memory(r->err, r->g->label, bytes); }

df_status df__onnx_torn(const df_onnx_reader *r, const char *what)
{
    return df__fail(r->err, DF_E_BAD_MODEL, "%s: %s is cut short or no ONNX", r->g->label, what);
}

df_status df__onnx_text(const df_onnx_reader *r, const df_field *f, const char **out)
{
    if (f->kind != DF_WIRE_BYTES)
        return df__onnx_torn(r, "a name");
    *out = df__field_string(f, &r->g->arena);
    return *out ? DF_OK : df__onnx_no_memory(r, f->len);
}

/* ---- ports: ValueInfoProto > TypeProto > Tensor > TensorShapeProto > Dimension ---- */

static df_status read_dim(const df_onnx_reader *r, df_wire *w, const df_field *f, df_tensor *shape)
{
    df_wire dim;
    df_field d;
    if (shape->rank >= DF_MAX_RANK)
        return df__fail(r->err, DF_E_LIMIT, "%s: a value of more than %d dimensions", r->g->label, DF_MAX_RANK);
    if (!df__wire_open(w, f, &dim))
        return df__onnx_torn(r, "a shape");
    int64_t v = -1;
    while (df__wire_next(&dim, &d))
        if (d.number == 1) /* dim_value; dim_param is a name: any */
            v = df__field_i64(&d) < 0 ? -1 : df__field_i64(&d);
    shape->dims[shape->rank++] = v;
    return dim.bad ? df__onnx_torn(r, "a shape") : DF_OK;
}

static df_status read_port(const df_onnx_reader *r, df_wire w, const char **name, df_tensor *shape)
{
    df_field f, t, s, d;
    df_wire type, tensor, dims;
    df_status st = DF_OK;
    *name = "";
    *shape = (df_tensor){.rank = -1};
    while (df__wire_next(&w, &f)) {
        if (f.number == 1)
            DF_TRY(df__onnx_text(r, &f, name));
        if (f.number != 2 || !df__wire_open(&w, &f, &type))
            continue;
        while (df__wire_next(&type, &t)) {
            if (t.number != 1 || !df__wire_open(&type, &t, &tensor))
                continue;
            while (df__wire_next(&tensor, &s)) {
                if (s.number == 1)
                    shape->type = (df_dtype)(s.value <= DF_BF16 ? s.value : 0);
                if (s.number != 2 || !df__wire_open(&tensor, &s, &dims))
                    continue;
                shape->rank = 0;
                while (df__wire_next(&dims, &d))
                    if (d.number == 1)
                        DF_TRY(read_dim(r, &dims, &d, shape));
                tensor.bad = tensor.bad || dims.bad;
            }
            type.bad = type.bad || tensor.bad;
        }
        w.bad = w.bad || type.bad;
    }
    if (w.bad)
        DF_TRY(df__onnx_torn(r, "an input or output"));
done:
    return st;
}

/* ---- nodes ---- */

static df_status read_graph(df_onnx_reader *r, df_wire w, df_graph *g);

enum { KIND_FLOAT = 1, KIND_INT, KIND_STRING, KIND_TENSOR, KIND_GRAPH, KIND_FLOATS, KIND_INTS, KIND_STRINGS };

/* A kind that files before IR version 3 may leave out follows from the field that is there. */
static uint64_t kind_of(df_wire w)
{
    static const struct { uint32_t field; uint64_t kind; } fields[] = {{2, KIND_FLOAT}, {3, KIND_INT}, {4, KIND_STRING}, {5, KIND_TENSOR},
        {6, KIND_GRAPH}, {7, KIND_FLOATS}, {8, KIND_INTS}, {9, KIND_STRINGS}};
    df_field f;
    uint64_t kind = 0, guess = 0;
    while (df__wire_next(&w, &f)) {
        if (f.number == 20)
            kind = f.value;
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            if (f.number == fields[i].field)
                guess = fields[i].kind;
    }
    return kind ? kind : guess;
}

static df_status read_list(const df_onnx_reader *r, df_wire w, uint32_t number, df_wire_kind kind, size_t size, df_attr *out, void **list)
{
    df_field f;
    for (df_wire first = w; df__wire_next(&first, &f);)
        if (f.number == number)
            out->n += df__field_count(&f, kind);
    char *to = df__arena_alloc(&r->g->arena, (out->n ? out->n : 1) * size);
    *list = to;
    if (!to)
        return df__onnx_no_memory(r, out->n * size);
    while (df__wire_next(&w, &f)) {
        if (f.number != number)
            continue;
        if (kind == DF_WIRE_FIXED32)
            df__field_f32s(&f, (float *)(void *)to);
        else
            df__field_i64s(&f, (int64_t *)(void *)to);
        to += df__field_count(&f, kind) * size;
    }
    return DF_OK;
}

static df_status read_strings(const df_onnx_reader *r, df_wire w, df_attr *out)
{
    df_field f;
    df_status st = DF_OK;
    size_t n = 0;
    for (df_wire first = w; df__wire_next(&first, &f);)
        n += f.number == 9;
    const char **list = df__arena_calloc(&r->g->arena, n + 1, sizeof *list);
    if (!list)
        return df__onnx_no_memory(r, n * sizeof *list);
    while (df__wire_next(&w, &f) && out->n < n)
        if (f.number == 9)
            DF_TRY(df__onnx_text(r, &f, &list[out->n++]));
    out->v.strings = list;
done:
    return st;
}

static df_status read_attr(df_onnx_reader *r, df_wire w, df_attr *out)
{
    df_field f;
    df_wire inner;
    df_status st = DF_OK;
    df_wire all = w;
    uint64_t kind = kind_of(w);
    void *list = NULL;
    const char *ignored;
    *out = (df_attr){.name = "", .kind = DF_ATTR_STRING, .v.s = ""};
    switch (kind) { /* absent fields mean zero */
    case KIND_FLOAT: out->kind = DF_ATTR_FLOAT, out->v.f = 0; break;
    case KIND_INT: out->kind = DF_ATTR_INT, out->v.i = 0; break;
    case KIND_STRING: break;
    case KIND_FLOATS:
        out->kind = DF_ATTR_FLOATS;
        DF_TRY(read_list(r, all, 7, DF_WIRE_FIXED32, sizeof(float), out, &list));
        out->v.floats = list;
        break;
    case KIND_INTS:
        out->kind = DF_ATTR_INTS;
        DF_TRY(read_list(r, all, 8, DF_WIRE_VARINT, sizeof(int64_t), out, &list));
        out->v.ints = list;
        break;
    case KIND_STRINGS:
        out->kind = DF_ATTR_STRINGS;
        DF_TRY(read_strings(r, all, out));
        break;
    case KIND_TENSOR: out->kind = DF_ATTR_TENSOR, out->v.tensor = (df_tensor){0}; break;
    case KIND_GRAPH: out->kind = DF_ATTR_GRAPH, out->v.graph = NULL; break;
    default: break; /* sparse tensors, types, lists of graphs: an operator that needs one will miss it */
    }
    while (df__wire_next(&w, &f)) {
        if (f.number == 1) {
            DF_TRY(df__onnx_text(r, &f, &out->name));
        } else if (f.number == 2 && kind == KIND_FLOAT) {
            out->v.f = df__field_f32(&f);
        } else if (f.number == 3 && kind == KIND_INT) {
            out->v.i = df__field_i64(&f);
        } else if (f.number == 4 && kind == KIND_STRING) {
            DF_TRY(df__onnx_text(r, &f, &out->v.s));
            out->n = f.len;
        } else if (f.number == 5 && kind == KIND_TENSOR && df__wire_open(&w, &f, &inner)) {
            DF_TRY(df__onnx_tensor(r, inner, &ignored, &out->v.tensor));
        } else if (f.number == 6 && kind == KIND_GRAPH && df__wire_open(&w, &f, &inner)) {
            out->v.graph = df__arena_calloc(&r->g->arena, 1, sizeof *out->v.graph);
            if (!out->v.graph)
                DF_TRY(df__onnx_no_memory(r, sizeof *out->v.graph));
            DF_TRY(read_graph(r, inner, out->v.graph));
        }
    }
    if (w.bad)
        DF_TRY(df__onnx_torn(r, "an attribute"));
    if (kind == KIND_TENSOR && out->v.tensor.type == 0)
        DF_TRY(df__onnx_torn(r, "a tensor attribute"));
    if (kind == KIND_GRAPH && !out->v.graph)
        DF_TRY(df__onnx_torn(r, "a graph attribute"));
done:
    return st;
}

static df_status read_node(df_onnx_reader *r, df_wire w, df_node *node)
{
    df_field f;
    df_wire inner;
    df_status st = DF_OK;
    size_t n_in = 0, n_out = 0, n_attrs = 0;
    *node = (df_node){.op = "", .name = "", .domain = ""};
    for (df_wire count = w; df__wire_next(&count, &f);) {
        n_in += f.number == 1;
        n_out += f.number == 2;
        n_attrs += f.number == 5;
    }
    node->in = df__arena_calloc(&r->g->arena, n_in + 1, sizeof *node->in);
    node->out = df__arena_calloc(&r->g->arena, n_out + 1, sizeof *node->out);
    node->attrs = df__arena_calloc(&r->g->arena, n_attrs + 1, sizeof *node->attrs);
    if (!node->in || !node->out || !node->attrs)
        DF_TRY(df__onnx_no_memory(r, (n_in + n_out) * sizeof *node->in + n_attrs * sizeof *node->attrs));
    while (df__wire_next(&w, &f)) {
        switch (f.number) {
        case 1: DF_TRY(df__onnx_text(r, &f, &node->in[node->n_in++])); break;
        case 2: DF_TRY(df__onnx_text(r, &f, &node->out[node->n_out++])); break;
        case 3: DF_TRY(df__onnx_text(r, &f, &node->name)); break;
        case 4: DF_TRY(df__onnx_text(r, &f, &node->op)); break;
        case 5:
            if (df__wire_open(&w, &f, &inner))
                DF_TRY(read_attr(r, inner, &node->attrs[node->n_attrs++]));
            break;
        case 7: DF_TRY(df__onnx_text(r, &f, &node->domain)); break;
        default: break;
        }
    }
    if (w.bad)
        DF_TRY(df__onnx_torn(r, "a node"));
    if (strcmp(node->domain, "ai.onnx") == 0)
        node->domain = "";
done:
    if (st != DF_OK && (node->name[0] || node->n_out))
        df__prefix(r->err, "%s: node \"%s\" (%s)", r->g->label, node->name[0] ? node->name : node->out[0], node->op);
    return st;
}

/* ---- graphs ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* An input is a value that no initialiser gives; before IR version 4 initialisers had to be listed as inputs too. */
static df_status drop_const_inputs(const df_onnx_reader *r, df_graph *g)
{
    size_t kept = 0, bytes = (g->n_consts + 1) * sizeof(char *);
    if (g->n_consts == 0 || g->n_inputs == 0)
        return DF_OK;
    const char **names = malloc(bytes);
    if (!names)
        return df__onnx_no_memory(r, bytes);
    for (size_t i = 0; i < g->n_consts; i++)
        names[i] = g->consts[i].name;
    qsort(names, g->n_consts, sizeof *names, by_name);
    for (size_t i = 0; i < g->n_inputs; i++)
        if (!bsearch(&g->inputs[i].name, names, g->n_consts, sizeof *names, by_name))
            g->inputs[kept++] = g->inputs[i];
    g->n_inputs = kept;
    free(names);
    return DF_OK;
}

static df_status read_graph(df_onnx_reader *r, df_wire w, df_graph *g)
{
    df_field f;
    df_wire inner;
    df_status st = DF_OK;
    size_t n[16] = {0};
    if (++r->depth > MAX_GRAPHS)
        DF_TRY(df__fail(r->err, DF_E_LIMIT, "%s: graphs more than %d deep inside one another", r->g->label, MAX_GRAPHS));
    for (df_wire count = w; df__wire_next(&count, &f);)
        if (f.number < 16)
            n[f.number]++;
    g->opset = r->g->opset;
    g->label = r->g->label;
    g->nodes = df__arena_calloc(&r->g->arena, n[1] + 1, sizeof *g->nodes);
    g->consts = df__arena_calloc(&r->g->arena, n[5] + 1, sizeof *g->consts);
    g->inputs = df__arena_calloc(&r->g->arena, n[11] + 1, sizeof *g->inputs);
    g->outputs = df__arena_calloc(&r->g->arena, n[12] + 1, sizeof *g->outputs);
    if (!g->nodes || !g->consts || !g->inputs || !g->outputs)
        DF_TRY(df__onnx_no_memory(r, n[1] * sizeof *g->nodes + n[5] * sizeof *g->consts));
    g->cap_nodes = n[1] + 1;
    g->cap_consts = n[5] + 1;
    g->cap_inputs = n[11] + 1;
    g->cap_outputs = n[12] + 1;
    while (df__wire_next(&w, &f)) {
        if (f.number != 1 && f.number != 5 && f.number != 11 && f.number != 12 && f.number != 15)
            continue;
        if (!df__wire_open(&w, &f, &inner))
            break;
        if (f.number == 1)
            DF_TRY(read_node(r, inner, &g->nodes[g->n_nodes++]));
        else if (f.number == 5) {
            df_const *c = &g->consts[g->n_consts++];
            DF_TRY(df__onnx_tensor(r, inner, &c->name, &c->tensor));
        } else if (f.number == 11) {
            df_port *p = &g->inputs[g->n_inputs++];
            DF_TRY(read_port(r, inner, &p->name, &p->shape));
        } else if (f.number == 12) {
            df_port *p = &g->outputs[g->n_outputs++];
            DF_TRY(read_port(r, inner, &p->name, &p->shape));
        } else {
            DF_TRY(df__fail(r->err, DF_E_UNSUPPORTED, "%s: sparse initialisers", r->g->label));
        }
    }
    if (w.bad)
        DF_TRY(df__onnx_torn(r, "the graph"));
    DF_TRY(drop_const_inputs(r, g));
    r->depth--;
done:
    return st;
}

/* ---- the model ---- */

static df_status read_opset(df_onnx_reader *r, df_wire *w, const df_field *f)
{
    df_wire inner;
    df_field o;
    const char *domain = "";
    int64_t version = 0;
    df_status st = DF_OK;
    if (!df__wire_open(w, f, &inner))
        return df__onnx_torn(r, "the list of operator sets");
    while (df__wire_next(&inner, &o)) {
        if (o.number == 1)
            DF_TRY(df__onnx_text(r, &o, &domain));
        if (o.number == 2)
            version = df__field_i64(&o);
    }
    if (inner.bad)
        DF_TRY(df__onnx_torn(r, "the list of operator sets"));
    if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
        r->g->opset = version;
done:
    return st;
}

df_status df__onnx_parse(df_bytes *file, const char *label, const char *dir, df_graph **out, df_error *err)
{
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_field f, graph = {0};
    df_wire inner, w = df__wire_of(file->data, file->len);
    *out = NULL;
    df_onnx_reader r = {.dir = dir, .err = err};
    DF_TRY(df__graph_new(label, 0, &g, err));
    r.g = g;
    while (df__wire_next(&w, &f)) {
        if (f.number == 1)
            r.ir_version = df__field_i64(&f);
        else if (f.number == 7)
            graph = f;
        else if (f.number == 8)
            DF_TRY(read_opset(&r, &w, &f));
    }
    if (w.bad || graph.kind != DF_WIRE_BYTES)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s: %zu bytes, cut short or no ONNX model", label, file->len));
    if (g->opset < MIN_OPSET || g->opset > MAX_OPSET)
        DF_TRY(df__fail(err, DF_E_UNSUPPORTED, "%s: operator set %lld, supported are %d to %d", label, (long long)g->opset, MIN_OPSET, MAX_OPSET));
    df__wire_open(&w, &graph, &inner);
    DF_TRY(read_graph(&r, inner, g));
    g->file = *file;
    *file = (df_bytes){0};
    *out = g;
    g = NULL;
done:
    df__graph_free(g);
    df__bytes_free(file);
    return st;
}
