/* tiny_heads.h - networks with the inputs and outputs of SCRFD, of RetinaFace on ResNet-50 and of YOLO, each output a 1x1 convolution of the
 * photo's mean values under a cell: answers that depend on every step before them. tools/golden/heads_faces.py makes the same ones. */
#ifndef DF_TEST_TINY_HEADS_H
#define DF_TEST_TINY_HEADS_H

#include "synthetic.h"
#include "unit/nn/onnx_writer.h"

/* Numbers of one kind a place: amp * [-1, 1) times each channel of the photo, plus base; `score` goes through a sigmoid. */
typedef struct tiny_kind { int channels; float amp, base; bool score; } tiny_kind;

typedef struct tiny_head {
    const char *name;
    bool        last;       /* [n][h][w][3] in and out */
    bool        by_kind;    /* outputs in the order of kinds, then strides; else strides, then kinds */
    bool        one;        /* YOLO: all kinds and places in one output */
    int         side;       /* declared height and width; 0: any */
    int         strides[3];
    size_t      kinds;
    tiny_kind   kind[3];
    int         columns[3]; /* of a row of the kind's output */
} tiny_head;

static const tiny_head tiny_heads[] = {
    {"scrfd", false, true, false, 0, {8, 16, 32}, 3, {{2, 9, -4, true}, {8, 1, 3, false}, {20, 2, 0, false}}, {1, 4, 10}},
    {"retinaface-resnet50", true, false, false, 0, {32, 16, 8}, 3, {{4, 0.06f, -13, true}, {8, 0.002f, 0, false}, {20, 0.002f, 0, false}}, {4, 8, 20}},
    {"yolov8n", false, false, true, 0, {8, 16, 32}, 3, {{4, 90, 130, false}, {1, 9, -6, true}, {15, 150, 200, false}}, {0}},
    {"yolov8m", false, false, true, 640, {8, 16, 32}, 3, {{4, 90, 130, false}, {1, 9, -6, true}, {10, 150, 200, false}}, {0}},
    {"yolov11n", false, false, true, 0, {8, 16, 32}, 2, {{4, 90, 130, false}, {1, 9, -6, true}}, {0}},
};

static inline const tiny_head *tiny_head_of(const char *name)
{
    for (size_t i = 0; i < sizeof tiny_heads / sizeof *tiny_heads; i++)
        if (strcmp(tiny_heads[i].name, name) == 0)
            return &tiny_heads[i];
    fail_msg("no head %s", name);
    return NULL;
}

/* ---- attributes and constants ---- */

static inline void tiny_ints(message *n, const char *name, size_t count, const int64_t *v)
{
    message a = {.len = 0};
    put_text(&a, 1, name);
    for (size_t i = 0; i < count; i++)
        put_int(&a, 8, (uint64_t)v[i]);
    put_int(&a, 20, 7);
    put_message(n, 5, &a);
}

static inline void tiny_int(message *n, const char *name, int64_t v)
{
    message a = {.len = 0};
    put_text(&a, 1, name);
    put_int(&a, 3, (uint64_t)v);
    put_int(&a, 20, 2);
    put_message(n, 5, &a);
}

static inline void tiny_floats(message *g, const char *name, size_t rank, const int64_t *dims, const float *v, size_t n)
{
    message t = tensor_head(name, 1, rank, dims);
    put_bytes(&t, 9, v, n * sizeof *v);
    put_message(g, 5, &t);
}

/* ---- the graph ---- */

/* Pool, convolution and, for a score, sigmoid: [n][channels][h][w] under the name that comes back. */
static inline const char *tiny_branch(message *g, const tiny_head *h, size_t level, size_t kind, char name[32])
{
    float w[60], b[20];
    char x[32], pool[32], conv[32], in[128];
    const tiny_kind *k = &h->kind[kind];
    size_t n = 3 * (size_t)k->channels;
    synthetic_vector(w, n, (uint32_t)(level * 3 + kind + 1));
    for (size_t i = 0; i < n; i++)
        w[i] *= k->amp;
    for (int i = 0; i < k->channels; i++)
        b[i] = k->base;
    snprintf(x, sizeof x, "%s", h->last ? "planes" : "x");
    snprintf(pool, sizeof pool, "pool%zu%zu", level, kind), snprintf(conv, sizeof conv, "conv%zu%zu", level, kind);
    message m = node("AveragePool", pool, x, pool);
    tiny_ints(&m, "kernel_shape", 2, (int64_t[]){h->strides[level], h->strides[level]});
    tiny_ints(&m, "strides", 2, (int64_t[]){h->strides[level], h->strides[level]});
    tiny_int(&m, "ceil_mode", 1);
    put_message(g, 1, &m);
    snprintf(in, sizeof in, "%s w%zu%zu b%zu%zu", pool, level, kind, level, kind);
    m = node("Conv", conv, in, conv);
    put_message(g, 1, &m);
    snprintf(in, sizeof in, "w%zu%zu", level, kind);
    tiny_floats(g, in, 4, (int64_t[]){k->channels, 3, 1, 1}, w, n);
    in[0] = 'b';
    tiny_floats(g, in, 1, (int64_t[]){k->channels}, b, (size_t)k->channels);
    snprintf(name, 32, "%s", conv);
    if (k->score) {
        snprintf(name, 32, "score%zu%zu", level, kind);
        m = node("Sigmoid", name, conv, name);
        put_message(g, 1, &m);
    }
    return name;
}

static inline void tiny_output(message *g, const char *name, size_t rank, const int64_t *dims)
{
    message p = port(name, rank, dims);
    put_message(g, 12, &p);
}

/* A picture of [n][c][h][w] as rows of `columns` numbers, or as [n][h][w][c]. */
static inline void tiny_rows(message *g, const tiny_head *h, const char *from, const char *to, size_t kind)
{
    char turned[40], in[96];
    int columns = h->columns[kind];
    snprintf(turned, sizeof turned, "%s_t", to);
    message m = node("Transpose", turned, from, h->last ? to : turned);
    tiny_ints(&m, "perm", 4, (int64_t[]){0, 2, 3, 1});
    put_message(g, 1, &m);
    if (h->last) {
        tiny_output(g, to, 4, (int64_t[]){-1, -1, -1, columns});
        return;
    }
    snprintf(in, sizeof in, "%s %s_s", turned, to);
    m = node("Reshape", to, in, to);
    put_message(g, 1, &m);
    snprintf(in, sizeof in, "%s_s", to);
    message t = tensor_head(in, 7, 1, (int64_t[]){2});
    put_bytes(&t, 9, (int64_t[]){-1, columns}, 16);
    put_message(g, 5, &t);
    tiny_output(g, to, 2, (int64_t[]){-1, columns});
}

/* All kinds of a stride under one another, the places of all strides beside one another. */
static inline void tiny_one(message *g, const tiny_head *h)
{
    char all[80] = "";
    int channels = 0;
    for (size_t k = 0; k < h->kinds; k++)
        channels += h->kind[k].channels;
    for (size_t l = 0; l < 3; l++) {
        char in[128] = "", name[32], level[32], flat[32], shape[64];
        for (size_t k = 0; k < h->kinds; k++) {
            strcat(in, k ? " " : "");
            strcat(in, tiny_branch(g, h, l, k, name));
        }
        snprintf(level, sizeof level, "level%zu", l), snprintf(flat, sizeof flat, "flat%zu", l), snprintf(shape, sizeof shape, "%s shape", level);
        message m = node("Concat", level, in, level);
        tiny_int(&m, "axis", 1);
        put_message(g, 1, &m);
        m = node("Reshape", flat, shape, flat);
        put_message(g, 1, &m);
        strcat(strcat(all, l ? " " : ""), flat);
    }
    message t = tensor_head("shape", 7, 1, (int64_t[]){3}), m = node("Concat", "output0", all, "output0");
    put_bytes(&t, 9, (int64_t[]){1, channels, -1}, 24);
    put_message(g, 5, &t);
    tiny_int(&m, "axis", 2);
    put_message(g, 1, &m);
    tiny_output(g, "output0", 3, (int64_t[]){-1, channels, -1});
}

static inline df_bytes tiny_model(const tiny_head *h)
{
    static message g;
    g.len = 0;
    int64_t side = h->side ? h->side : -1;
    message x = port("x", 4, h->last ? (int64_t[]){-1, side, side, 3} : (int64_t[]){-1, 3, side, side});
    put_message(&g, 11, &x);
    if (h->last) {
        message m = node("Transpose", "planes", "x", "planes");
        tiny_ints(&m, "perm", 4, (int64_t[]){0, 3, 1, 2});
        put_message(&g, 1, &m);
    }
    if (h->one)
        tiny_one(&g, h);
    for (size_t i = 0; i < 3 * h->kinds && !h->one; i++) {
        size_t level = h->by_kind ? i % 3 : i / h->kinds, kind = h->by_kind ? i / 3 : i % h->kinds;
        char name[32], out[32];
        snprintf(out, sizeof out, "out%zu", i);
        tiny_rows(&g, h, tiny_branch(&g, h, level, kind, name), out, kind);
    }
    return model(&g, 12);
}

#endif
