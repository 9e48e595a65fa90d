/* net_text.h - a graph written as lines of text, and its answer by the plainest way there is.
 *
 *     const char *text = "const w 8,3,3,3\n"                      random float32 in -0.5..0.5
 *                        "const v 8 positive\n"                   in 0.5..1.5
 *                        "ints s 1,-1\n"
 *                        "number k 0.5\n"                        one float32
 *                        "Conv x,w > y | pads:1,1,1,1 group:1\n"  ints; `alpha:=0.5` a float, `mode:'linear'` a string
 *
 * Inputs and outputs are given to graph_of. */
#ifndef DF_TEST_NET_TEXT_H
#define DF_TEST_NET_TEXT_H

#include "nn/ir.h"
#include "nn/net.h"
#include "test.h"

/* Four layers that can go by rows together (kernel_stack.h), of an input x of 3 channels. */
#define FOUR_BY_ROWS "const a 16,3,3,3\nconst b 16,16,1,1\nconst c 16,1,3,3\nconst d 16\nConv x,a > x1 | pads:1,1,1,1\nConv x1,b,d > x2\n" \
                     "Conv x2,c > x3 | group:16 pads:1,1,1,1\nMaxPool x3 > y | kernel_shape:2,2 strides:2,2"

/* A fixed sequence, the same on every machine: a linear congruential generator's upper bits. */
static uint32_t random_state = 1;
static inline float random_float(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 16777216.0f;
}

static inline size_t split(char *text, const char *by, const char **out, size_t most)
{
    size_t n = 0;
    for (char *save = NULL, *p = strtok_r(text, by, &save); p && n + 1 < most; p = strtok_r(NULL, by, &save))
        out[n++] = strcmp(p, "_") == 0 ? "" : p; /* _ : left out */
    out[n] = NULL;
    return n;
}

static inline size_t numbers(const char *text, int64_t *out)
{
    size_t n = 0;
    for (const char *p = text; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        out[n++] = strtoll(p, NULL, 10);
    return n;
}

static inline df_status text_attr(df_graph *g, df_node *node, char *pair, df_error *err)
{
    char *value = strchr(pair, ':');
    int64_t list[16];
    *value++ = '\0';
    if (*value == '=')
        return df__node_set_float(g, node, pair, strtof(value + 1, NULL), err);
    if (*value == '\'') {
        value[strlen(value) - 1] = '\0';
        return df__node_set_string(g, node, pair, value + 1, err);
    }
    static const char *const lists[] = {"pads", "strides", "dilations", "kernel_shape", "perm", "axes", "output_padding", "split", "sizes"};
    size_t n = numbers(value, list);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(pair, lists[i]) == 0)
            return df__node_set_ints(g, node, pair, n, list, err);
    return df__node_set_int(g, node, pair, list[0], err);
}

static inline df_status text_line(df_graph *g, char *line, df_error *err)
{
    df_status st = DF_OK;
    const char *words[32], *in[64], *out[16];
    int64_t dims[16];
    df_node *node;
    size_t n = split(line, " ", words, 32);
    if (n == 0)
        return DF_OK;
    if (strcmp(words[0], "const") == 0) {
        float *data;
        size_t rank = numbers(words[2], dims);
        if (strcmp(words[2], "scalar") == 0)
            rank = 0;
        DF_TRY(df__graph_add_f32(g, words[1], (int)rank, dims, &data, err));
        for (int64_t i = 0, count = df__tensor_count(&g->consts[g->n_consts - 1].tensor); i < count; i++)
            data[i] = random_float() - (n > 3 ? -0.5f : 0.5f);
        goto done;
    }
    if (strcmp(words[0], "number") == 0) {
        float *data;
        DF_TRY(df__graph_add_f32(g, words[1], 0, dims, &data, err));
        *data = strtof(words[2], NULL);
        goto done;
    }
    if (strcmp(words[0], "ints") == 0) {
        size_t count = numbers(words[2], dims);
        DF_TRY(df__graph_add_i64(g, words[1], count, dims, err));
        goto done;
    }
    split((char *)(uintptr_t)words[1], ",", in, 64);
    split((char *)(uintptr_t)words[3], ",", out, 16);
    char name[64];
    snprintf(name, sizeof name, "%s_%zu", words[0], g->n_nodes);
    DF_TRY(df__graph_add_node(g, words[0], name, in, out, &node, err));
    for (size_t i = 5; i < n; i++)
        DF_TRY(text_attr(g, node, (char *)(uintptr_t)words[i], err));
done:
    return st;
}

/* `inputs`: "x 1,3,8,8;z 2", dims of -1 allowed; `outputs`: "y,z". */
static inline df_status graph_of(const char *inputs, const char *text, const char *outputs, int64_t opset, df_graph **out, df_error *err)
{
    static char copy[8192], ports[512], outs[256];
    df_status st = DF_OK;
    df_graph *g = NULL;
    const char *list[32], *words[4];
    int64_t dims[16];
    *out = NULL;
    random_state = 7;
    snprintf(copy, sizeof copy, "%s", text);
    snprintf(ports, sizeof ports, "%s", inputs);
    snprintf(outs, sizeof outs, "%s", outputs);
    DF_TRY(df__graph_new("text", opset, &g, err));
    size_t n = split(ports, ";", list, 32);
    for (size_t i = 0; i < n; i++) {
        char one[128];
        snprintf(one, sizeof one, "%s", list[i]);
        split(one, " ", words, 4);
        DF_TRY(df__graph_add_input(g, words[0], DF_F32, (int)numbers(words[1], dims), dims, err));
    }
    char *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char one[512];
        snprintf(one, sizeof one, "%s", line);
        DF_TRY(text_line(g, one, err));
    }
    n = split(outs, ",", list, 32);
    for (size_t i = 0; i < n; i++)
        DF_TRY(df__graph_add_output(g, list[i], err));
    *out = g;
    g = NULL;
done:
    df__graph_free(g);
    return st;
}

static inline void fill(df_tensor *t)
{
    int64_t n = df__tensor_count(t);
    t->data = malloc(n ? (size_t)n * sizeof(float) : 1);
    for (int64_t i = 0; i < n; i++)
        ((float *)t->data)[i] = 2 * random_float() - 1;
}

static const df_budget text_budget = {(size_t)1 << 30, (int64_t)1 << 36};

/* Every operator by its reference, one after the other; nothing fused, packed or planned. The graph stays the caller's. */
static inline df_status plain_run(const df_graph *g, const df_tensor *in, df_tensor *out, df_arena *results, df_error *err)
{
    df_program p = {0};
    bool open = false;
    df_status st = DF_OK;
    DF_TRY(df__program_build(g, &text_budget, &p, err));
    for (size_t i = 0; i < p.n_inputs; i++) {
        p.values[p.inputs[i]].t = in[i];
        p.values[p.inputs[i]].known = true;
    }
    DF_TRY(df__pass_fold(&p, true, &open, err));
    for (size_t i = 0; i < p.main.n_outputs; i++) {
        out[i] = p.values[df__value_root(&p, p.main.outputs[i])].t;
        void *data = df__arena_alloc(results, df__tensor_bytes(&out[i]));
        memcpy(data, out[i].data, df__tensor_bytes(&out[i]));
        out[i].data = data;
    }
done:
    df__program_free(&p);
    return st;
}

#endif
