/* build.c - a graph of names to a program of numbers: every name resolved, every operator found, the steps in order. */
#include <string.h>

#include "nn/half.h"
#include "nn/ir.h"

enum { MAX_DEPTH = 16, SMALL = 4096 }; /* graphs inside graphs; bytes of a constant that is copied if it lies askew */

/* Names to value numbers. Leaving a subgraph takes its names out again, newest first. */
typedef struct name_entry { const char *name; int value; uint32_t older; } name_entry;
typedef struct builder {
    const df_graph *graph;
    df_program     *p;
    df_error       *err;
    name_entry     *names;   /* from 1; 0 is none */
    uint32_t       *heads;
    size_t          n_names, n_heads, cap_values;
    int            *producer; /* of a value: step of the block being sorted, or -1 */
    int             depth;
} builder;

static df_status out_of_memory(const builder *b, size_t bytes) { return df__no_memory(b->err, b->p->label, bytes); }

static size_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static int find(const builder *b, const char *name)
{
    for (uint32_t i = b->heads[hash(name) % b->n_heads]; i; i = b->names[i].older)
        if (strcmp(b->names[i].name, name) == 0)
            return b->names[i].value;
    return -1;
}

static df_status define(builder *b, const char *name, int *value)
{
    if (find(b, name) >= 0)
        return df__fail(b->err, DF_E_BAD_MODEL, "%s: \"%s\" is made twice", b->p->label, name);
    uint32_t *head = &b->heads[hash(name) % b->n_heads];
    *value = (int)b->p->n_values++;
    b->p->values[*value] = (df_value){.name = name, .same_as = -1};
    b->names[++b->n_names] = (name_entry){name, *value, *head};
    *head = (uint32_t)b->n_names;
    return DF_OK;
}

static void forget(builder *b, size_t n_names)
{
    for (; b->n_names > n_names; b->n_names--) {
        name_entry *e = &b->names[b->n_names];
        b->heads[hash(e->name) % b->n_heads] = e->older;
    }
}

/* Names that a graph and those inside it can bring: room for all of them. */
static size_t count_names(const df_graph *g, int depth)
{
    size_t n = g->n_inputs + g->n_consts + 1;
    for (size_t i = 0; i < g->n_nodes && depth < MAX_DEPTH; i++) {
        n += g->nodes[i].n_out;
        for (size_t a = 0; a < g->nodes[i].n_attrs; a++)
            if (g->nodes[i].attrs[a].kind == DF_ATTR_GRAPH)
                n += count_names(g->nodes[i].attrs[a].v.graph, depth + 1);
    }
    return n;
}

/* ---- constants ---- */

static df_status set_constant(builder *b, int value, const df_tensor *t)
{
    df_value *v = &b->p->values[value];
    int64_t n = df__tensor_count(t);
    size_t size = df__dtype_size(t->type);
    if (n < 0 || size == 0 || (uint64_t)n > b->p->limits.bytes / size || (n > 0 && !t->data))
        return df__fail(b->err, DF_E_BAD_MODEL, "%s: constant \"%s\" has %lld elements of %s and %s", b->p->label, v->name, (long long)n,
                        df__dtype_name(t->type), t->data ? "is too large" : "no data");
    v->known = v->shared = true;
    v->t = *t;
    if (t->type == DF_F16 || t->type == DF_BF16) {
        float *to = df__arena_alloc(&b->p->arena, (size_t)n * sizeof *to);
        if (!to)
            return out_of_memory(b, (size_t)n * sizeof *to);
        df__halves_to_f32(t->type, t->data, to, n);
        v->t.type = DF_F32;
        v->t.data = to;
    } else if ((uintptr_t)t->data % size != 0 && (size_t)n * size <= SMALL) {
        v->t.data = df__arena_alloc(&b->p->arena, (size_t)n * size);
        if (!v->t.data)
            return out_of_memory(b, (size_t)n * size);
        memcpy(v->t.data, t->data, (size_t)n * size);
    }
    return DF_OK;
}

/* The node Constant holds its value in one of several attributes. */
static df_status constant_node(builder *b, const df_node *node, int value)
{
    const df_attr *a = NULL;
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strncmp(node->attrs[i].name, "value", 5) == 0)
            a = &node->attrs[i];
    df_tensor t = {.type = DF_F32};
    void *single = df__arena_calloc(&b->p->arena, 1, 8);
    if (!single)
        return out_of_memory(b, 8);
    switch (a ? a->kind : DF_ATTR_STRING) {
    case DF_ATTR_TENSOR:
        return set_constant(b, value, &a->v.tensor);
    case DF_ATTR_FLOAT:
        *(float *)single = a->v.f;
        t.data = single;
        return set_constant(b, value, &t);
    case DF_ATTR_INT:
        *(int64_t *)single = a->v.i;
        t = (df_tensor){.type = DF_I64, .data = single};
        return set_constant(b, value, &t);
    case DF_ATTR_INTS:
    case DF_ATTR_FLOATS:
        t.rank = 1;
        t.dims[0] = (int64_t)a->n;
        t.type = a->kind == DF_ATTR_INTS ? DF_I64 : DF_F32;
        t.data = a->n == 0 ? single : df__arena_alloc(&b->p->arena, a->n * 8);
        if (!t.data)
            return out_of_memory(b, a->n * 8);
        if (a->n)
            memcpy(t.data, a->kind == DF_ATTR_INTS ? (const void *)a->v.ints : (const void *)a->v.floats, a->n * df__dtype_size(t.type));
        return set_constant(b, value, &t);
    default:
        return df__fail(b->err, DF_E_UNSUPPORTED, "%s: node \"%s\" (Constant): no numeric value", b->p->label, node->name);
    }
}

/* ---- steps ---- */

static df_status build_block(builder *b, const df_graph *g, df_block *out);

static bool same_op(const df_node *node, const char *op) { return node->domain[0] == '\0' && strcmp(node->op, op) == 0; }

/* Outer values that a branch reads: those numbered before it began. */
static void captures(const df_block *block, int before, int *list, size_t *n)
{
    for (size_t i = 0; i < block->n_steps; i++) {
        const df_step *s = &block->steps[i];
        for (size_t k = 0; k < s->n_in; k++)
            if (s->in[k] >= 0 && s->in[k] < before && list)
                list[(*n)++] = s->in[k];
            else
                *n += !list && s->in[k] >= 0 && s->in[k] < before;
        for (size_t k = 0; k < s->n_captured; k++)
            if (s->captured[k] < before && list)
                list[(*n)++] = s->captured[k];
            else
                *n += !list && s->captured[k] < before;
    }
    for (size_t i = 0; i < block->n_outputs; i++)
        if (block->outputs[i] < before && list)
            list[(*n)++] = block->outputs[i];
        else
            *n += !list && block->outputs[i] < before;
}

/* Whether the inputs and outputs of the branches are as many as the node's. */
static df_status check_branches(const builder *b, const df_step *s)
{
    const df_block *body = s->branch[0];
    if (same_op(s->node, "If")) {
        for (int i = 0; i < 2; i++)
            if (s->branch[i]->n_outputs != s->n_out || s->branch[i]->n_inputs != 0)
                return df__fail(b->err, DF_E_BAD_MODEL, "a branch has %zu inputs and %zu outputs, the node %zu outputs", s->branch[i]->n_inputs,
                                s->branch[i]->n_outputs, s->n_out);
        return DF_OK;
    }
    bool loop = same_op(s->node, "Loop"), given = true;
    int64_t scanned = loop ? 0 : df__node_int(s->node, "num_scan_inputs", 0);
    if (!loop && (scanned < 1 || (uint64_t)scanned > s->n_in))
        return df__fail(b->err, DF_E_BAD_MODEL, "num_scan_inputs %lld of %zu inputs", (long long)scanned, s->n_in);
    if (!loop && b->p->opset < 9)
        return df__fail(b->err, DF_E_UNSUPPORTED, "Scan of operator set %lld, needs 9", (long long)b->p->opset);
    size_t before = loop ? 2 : 0, state = loop ? (s->n_in > 2 ? s->n_in - 2 : 0) : s->n_in - (size_t)scanned, inputs = loop ? 2 + state : s->n_in;
    for (size_t i = before; i < s->n_in; i++)
        given = given && s->in[i] >= 0;
    size_t outputs = (loop ? 1 : 0) + state;
    if (!given || body->n_inputs != inputs || body->n_outputs < outputs || s->n_out > body->n_outputs - (loop ? 1 : 0))
        return df__fail(b->err, DF_E_BAD_MODEL, "a body of %zu inputs and %zu outputs for a node of %zu and %zu", body->n_inputs, body->n_outputs, s->n_in, s->n_out);
    return DF_OK;
}

/* If, Loop, Scan. */
static df_status build_branches(builder *b, df_step *s)
{
    static const char *const of_if[] = {"then_branch", "else_branch"}, *const of_loop[] = {"body"};
    bool is_if = same_op(s->node, "If");
    const char *const *names = is_if ? of_if : of_loop;
    int before = (int)b->p->n_values, count = is_if ? 2 : 1;
    if (is_if && (s->n_in != 1 || s->in[0] < 0))
        return df__fail(b->err, DF_E_BAD_MODEL, "%zu inputs, needs one", s->n_in);
    for (int i = 0; i < count; i++) {
        const df_attr *a = df__node_attr(s->node, names[i]);
        if (!a || a->kind != DF_ATTR_GRAPH)
            return df__fail(b->err, DF_E_BAD_MODEL, "no %s", names[i]);
        size_t n_names = b->n_names;
        s->branch[i] = df__arena_calloc(&b->p->arena, 1, sizeof *s->branch[i]);
        if (!s->branch[i])
            return out_of_memory(b, sizeof *s->branch[i]);
        df_status st = build_block(b, a->v.graph, s->branch[i]);
        forget(b, n_names);
        if (st != DF_OK)
            return st;
    }
    df_status st = check_branches(b, s);
    if (st != DF_OK)
        return st;
    size_t n = 0;
    for (int i = 0; i < count; i++)
        captures(s->branch[i], before, NULL, &n);
    s->captured = df__arena_calloc(&b->p->arena, n, sizeof *s->captured);
    if (!s->captured)
        return out_of_memory(b, n * sizeof *s->captured);
    for (int i = 0; i < count; i++)
        captures(s->branch[i], before, s->captured, &s->n_captured);
    return DF_OK;
}

static df_status build_step(builder *b, const df_node *node, df_step *s)
{
    s->node = node;
    s->in = df__arena_calloc(&b->p->arena, node->n_in, sizeof *s->in);
    if (!s->in)
        return out_of_memory(b, node->n_in * sizeof *s->in);
    for (; s->n_in < node->n_in; s->n_in++) {
        const char *name = node->in[s->n_in];
        s->in[s->n_in] = name[0] ? find(b, name) : -1;
        if (name[0] && s->in[s->n_in] < 0)
            return df__fail(b->err, DF_E_BAD_MODEL, "input \"%s\" is made nowhere", name);
    }
    if (same_op(node, "If") || same_op(node, "Loop") || same_op(node, "Scan"))
        return build_branches(b, s);
    s->op = df__op_find(node->domain, node->op);
    if (!s->op)
        return df__fail(b->err, DF_E_UNSUPPORTED, "operator %s%s%s is not supported", node->domain, node->domain[0] ? "." : "", node->op);
    return DF_OK;
}

/* Kahn's algorithm over the steps of one block; does nothing to a file that is in order already, as the format asks. */
static df_status sort_steps(builder *b, df_block *block)
{
    size_t n = block->n_steps, n_values = b->p->n_values, edges = 0;
    bool sorted = true;
    for (size_t i = 0; i < n_values; i++)
        b->producer[i] = -1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < block->steps[i].n_out; k++)
            if (block->steps[i].out[k] >= 0)
                b->producer[block->steps[i].out[k]] = (int)i;
#define EACH_SOURCE(step, from)                                                                                       \
    for (size_t k_ = 0; k_ < (step)->n_in + (step)->n_captured; k_++)                                                 \
        for (int v_ = k_ < (step)->n_in ? (step)->in[k_] : (step)->captured[k_ - (step)->n_in], from = v_ < 0 ? -1 : b->producer[v_], \
             once_ = 1; once_ && from >= 0; once_ = 0)
    for (size_t i = 0; i < n; i++)
        EACH_SOURCE(&block->steps[i], from)
        {
            edges++;
            sorted = sorted && (size_t)from < i;
        }
    if (sorted)
        return DF_OK;
    df_step *in_order = df__arena_calloc(&b->p->arena, n, sizeof *in_order);
    size_t *waiting = df__arena_calloc(&b->p->arena, n, sizeof *waiting), *first = df__arena_calloc(&b->p->arena, n + 1, sizeof *first);
    size_t *readers = df__arena_calloc(&b->p->arena, edges, sizeof *readers), *queue = df__arena_calloc(&b->p->arena, n, sizeof *queue);
    if (!in_order || !waiting || !first || !readers || !queue)
        return out_of_memory(b, n * sizeof *in_order);
    for (size_t i = 0; i < n; i++)
        EACH_SOURCE(&block->steps[i], from)
        {
            waiting[i]++;
            first[from + 1]++;
        }
    for (size_t i = 0; i < n; i++)
        first[i + 1] += first[i];
    size_t *next = df__arena_calloc(&b->p->arena, n, sizeof *next), head = 0, tail = 0;
    if (!next)
        return out_of_memory(b, n * sizeof *next);
    for (size_t i = 0; i < n; i++)
        EACH_SOURCE(&block->steps[i], from)
            readers[first[from] + next[from]++] = i;
    for (size_t i = 0; i < n; i++)
        if (waiting[i] == 0)
            queue[tail++] = i;
    while (head < tail) {
        size_t i = queue[head++];
        in_order[head - 1] = block->steps[i];
        for (size_t k = first[i]; k < first[i + 1]; k++)
            if (--waiting[readers[k]] == 0)
                queue[tail++] = readers[k];
    }
    for (size_t i = 0; i < n && tail < n; i++)
        if (waiting[i] > 0) {
            df_status st = df__fail(b->err, DF_E_BAD_MODEL, "is part of a cycle: it needs its own output");
            df__step_blame(b->p, &block->steps[i], b->err);
            return st;
        }
    block->steps = in_order;
    return DF_OK;
}

static df_status find_outputs(builder *b, const df_graph *g, df_block *out)
{
    out->outputs = df__arena_calloc(&b->p->arena, g->n_outputs, sizeof *out->outputs);
    if (!out->outputs)
        return out_of_memory(b, g->n_outputs * sizeof *out->outputs);
    for (; out->n_outputs < g->n_outputs; out->n_outputs++) {
        const char *name = g->outputs[out->n_outputs].name;
        out->outputs[out->n_outputs] = find(b, name);
        if (out->outputs[out->n_outputs] < 0)
            return df__fail(b->err, DF_E_BAD_MODEL, "%s: output \"%s\" is made nowhere", b->p->label, name);
    }
    return DF_OK;
}

static df_status build_block(builder *b, const df_graph *g, df_block *out)
{
    df_status st = DF_OK;
    df_program *p = b->p;
    int value = 0;
    out->first = (int)p->n_values;
    if (++b->depth > MAX_DEPTH)
        DF_TRY(df__fail(b->err, DF_E_LIMIT, "%s: graphs more than %d deep inside one another", p->label, MAX_DEPTH));
    for (size_t i = 0; i < g->n_consts; i++) {
        DF_TRY(define(b, g->consts[i].name, &value));
        DF_TRY(set_constant(b, value, &g->consts[i].tensor));
    }
    int *inputs = b->depth > 1 ? df__arena_calloc(&p->arena, g->n_inputs, sizeof *inputs) : p->inputs;
    size_t n_inputs = 0;
    if (!inputs)
        DF_TRY(out_of_memory(b, g->n_inputs * sizeof *inputs));
    for (size_t i = 0; i < g->n_inputs; i++) {
        if (b->depth == 1 && find(b, g->inputs[i].name) >= 0) /* old files list their initialisers as inputs too */
            continue;
        DF_TRY(define(b, g->inputs[i].name, &value));
        inputs[n_inputs++] = value;
    }
    if (b->depth > 1) {
        out->inputs = inputs;
        out->n_inputs = n_inputs;
    } else {
        p->n_inputs = n_inputs;
    }
    out->steps = df__arena_calloc(&p->arena, g->n_nodes, sizeof *out->steps);
    if (!out->steps)
        DF_TRY(out_of_memory(b, g->n_nodes * sizeof *out->steps));
    for (size_t i = 0; i < g->n_nodes; i++) { /* all names first: the order of the file does not matter */
        const df_node *node = &g->nodes[i];
        df_step *s = &out->steps[out->n_steps];
        s->out = df__arena_calloc(&p->arena, node->n_out, sizeof *s->out);
        if (!s->out)
            DF_TRY(out_of_memory(b, node->n_out * sizeof *s->out));
        for (s->n_out = 0; s->n_out < node->n_out; s->n_out++) {
            s->out[s->n_out] = -1;
            if (node->out[s->n_out][0])
                DF_TRY(define(b, node->out[s->n_out], &s->out[s->n_out]));
        }
        if (same_op(node, "Constant")) {
            if (node->n_out != 1 || s->out[0] < 0)
                DF_TRY(df__fail(b->err, DF_E_BAD_MODEL, "%s: node \"%s\" (Constant): needs one output", p->label, node->name));
            DF_TRY(constant_node(b, node, s->out[0]));
            *s = (df_step){0};
        } else {
            s->node = node;
            out->n_steps++;
        }
    }
    for (size_t i = 0; i < out->n_steps; i++) {
        st = build_step(b, out->steps[i].node, &out->steps[i]);
        if (st != DF_OK) {
            if (!out->steps[i].branch[0])
                df__step_blame(p, &out->steps[i], b->err);
            goto done;
        }
    }
    DF_TRY(find_outputs(b, g, out));
    DF_TRY(sort_steps(b, out));
    out->end = (int)p->n_values;
done:
    b->depth--;
    return st;
}

df_status df__program_build(const df_graph *graph, const df_budget *limits, df_program *out, df_error *err)
{
    df_status st = DF_OK;
    size_t n = count_names(graph, 1);
    *out = (df_program){.label = graph->label, .opset = graph->opset, .limits = *limits};
    builder b = {.graph = graph, .p = out, .err = err, .n_heads = 2 * n + 1};
    if (n > INT32_MAX / 4)
        DF_TRY(df__fail(err, DF_E_LIMIT, "%s: %zu names", graph->label, n));
    out->values = df__arena_calloc(&out->arena, n, sizeof *out->values);
    out->inputs = df__arena_calloc(&out->arena, graph->n_inputs, sizeof *out->inputs);
    b.names = df__arena_calloc(&out->arena, n + 1, sizeof *b.names);
    b.heads = df__arena_calloc(&out->arena, b.n_heads, sizeof *b.heads);
    b.producer = df__arena_calloc(&out->arena, n, sizeof *b.producer);
    if (!out->values || !out->inputs || !b.names || !b.heads || !b.producer)
        DF_TRY(df__no_memory(err, graph->label, n * sizeof *out->values));
    DF_TRY(build_block(&b, graph, &out->main));
done:
    if (st != DF_OK)
        df__program_free(out);
    return st;
}
