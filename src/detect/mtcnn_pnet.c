/* mtcnn_pnet.c - bands of the pyramid's levels, row by row through four layers. */
#include "detect/mtcnn_pnet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "detect/area.h"
#include "detect/mtcnn_rows.h"

enum {
    LANES = DF_ROWS_LANES,
    SLACK = DF_ROWS_SLACK,
    WINDOW = 12, STRIDE = 2,  /* of the network, in pixels of a level */
    INSET = 1,                /* the package takes the left and top edge of a window one pixel in */
    SMALLEST = 20,            /* side of a face in the photo that fills a window of level 0 */
    KEPT = 3,                 /* rows of a layer that the next one reads */
    INPUTS = 4,               /* rows of the level that a pooled row reads */
    LEAST_BAND = 24,          /* rows of windows: each band costs four pooled rows more */
    MAX_TASKS = 512
};
static const double shrink = 0.709; /* from level to level, mtcnn 1.0.0 stages/stage_pnet.py */

typedef struct layer { float *weights, *bias, *slope; } layer;

struct df_mtcnn_pnet {
    df_arena arena;
    layer    conv[3];   /* 3 to 10, 10 to 16, 16 to 32 channels */
    float   *difference, odds;       /* of the two classes: weights [32], bias */
    const float *boxes, *boxes_bias; /* [4][32], [4] */
};

/* ---- weights ---- */

/* A copy: in the file constants lie at any byte. */
static df_status constant(df_mtcnn_pnet *net, const df_graph *g, const char *name, int rank, const int64_t *dims, const float **out, df_error *err)
{
    const df_const *c = df__graph_const(g, name);
    bool fits = c && c->tensor.type == DF_F32 && c->tensor.rank == rank;
    for (int i = 0; fits && i < rank; i++)
        fits = c->tensor.dims[i] == dims[i];
    if (!fits)
        return df__fail(err, DF_E_BAD_MODEL, "%s: no constant \"%s\" of P-Net's shape", g->label, name);
    size_t bytes = (size_t)df__tensor_count(&c->tensor) * sizeof(float);
    float *copy = df__arena_alloc(&net->arena, bytes);
    if (!copy)
        return df__no_memory(err, "P-Net", bytes);
    memcpy(copy, c->tensor.data, bytes);
    *out = copy;
    return DF_OK;
}

/* [out][in][3][3] becomes [3][3][in][lanes], of the second and third layer [3][6][in][lanes]; zeros in the lanes that no output has. */
static df_status read_layer(df_mtcnn_pnet *net, const df_graph *g, int number, size_t from, size_t to, df_error *err)
{
    df_status st = DF_OK;
    char name[3][32];
    const float *weights = NULL, *bias = NULL, *slope = NULL;
    size_t lanes = to > LANES ? 2 * LANES : LANES;
    size_t points = number == 1 ? 3 : DF_ROWS_POINTS;
    layer *l = &net->conv[number - 1];
    snprintf(name[0], sizeof name[0], "conv%d.weight", number);
    snprintf(name[1], sizeof name[1], "conv%d.bias", number);
    snprintf(name[2], sizeof name[2], "prelu%d.slope", number);
    DF_TRY(constant(net, g, name[0], 4, (const int64_t[]){(int64_t)to, (int64_t)from, 3, 3}, &weights, err));
    DF_TRY(constant(net, g, name[1], 1, (const int64_t[]){(int64_t)to}, &bias, err));
    DF_TRY(constant(net, g, name[2], 3, (const int64_t[]){(int64_t)to, 1, 1}, &slope, err));
    l->weights = df__arena_calloc(&net->arena, 3 * points * from * lanes, sizeof(float));
    l->bias = df__arena_calloc(&net->arena, lanes, sizeof(float));
    l->slope = df__arena_calloc(&net->arena, lanes, sizeof(float));
    if (!l->weights || !l->bias || !l->slope)
        DF_TRY(df__no_memory(err, "P-Net", 3 * points * from * lanes * sizeof(float)));
    for (size_t o = 0; o < to; o++) {
        l->bias[o] = bias[o], l->slope[o] = slope[o];
        for (size_t i = 0; i < from; i++)
            for (size_t row = 0; row < 3; row++) {
                const float *three = weights + (o * from + i) * 9 + 3 * row;
                float along[DF_ROWS_POINTS] = {three[0], three[1], three[2]};
                if (points != 3)
                    df__rows_kernel(three, along);
                for (size_t p = 0; p < points; p++)
                    l->weights[((row * points + p) * from + i) * lanes + o] = along[p];
            }
    }
done:
    return st;
}

static df_status read_heads(df_mtcnn_pnet *net, const df_graph *g, df_error *err)
{
    df_status st = DF_OK;
    const float *logits = NULL, *bias = NULL, *boxes = NULL, *boxes_bias = NULL;
    DF_TRY(constant(net, g, "logits.weight", 4, (const int64_t[]){2, 32, 1, 1}, &logits, err));
    DF_TRY(constant(net, g, "logits.bias", 1, (const int64_t[]){2}, &bias, err));
    DF_TRY(constant(net, g, "boxes.weight", 4, (const int64_t[]){4, 32, 1, 1}, &boxes, err));
    DF_TRY(constant(net, g, "boxes.bias", 1, (const int64_t[]){4}, &boxes_bias, err));
    net->difference = df__arena_alloc(&net->arena, 32 * sizeof(float));
    if (!net->difference)
        DF_TRY(df__no_memory(err, "P-Net", 32 * sizeof(float)));
    for (int i = 0; i < 32; i++)
        net->difference[i] = logits[32 + i] - logits[i];
    net->odds = bias[1] - bias[0];
    net->boxes = boxes, net->boxes_bias = boxes_bias;
done:
    return st;
}

df_status df__mtcnn_pnet_new(const df_graph *graph, df_mtcnn_pnet **out, df_error *err)
{
    df_status st = DF_OK;
    *out = NULL;
    df_mtcnn_pnet *net = calloc(1, sizeof *net);
    if (!net)
        return df__no_memory(err, "P-Net", sizeof *net);
    DF_TRY(read_layer(net, graph, 1, 3, 10, err));
    DF_TRY(read_layer(net, graph, 2, 10, 16, err));
    DF_TRY(read_layer(net, graph, 3, 16, 32, err));
    DF_TRY(read_heads(net, graph, err));
    *out = net, net = NULL;
done:
    df__mtcnn_pnet_free(net);
    return st;
}

void df__mtcnn_pnet_free(df_mtcnn_pnet *net)
{
    if (!net)
        return;
    df__arena_free(&net->arena);
    free(net);
}

/* ---- the pyramid: mtcnn 1.0.0 utils/images.py, build_scale_pyramid and scale_images; facenet-pytorch 2.6.0 detect_face ---- */

static bool torch_level(int width, int height, int level, int *level_width, int *level_height, double *scale)
{
    int side = width < height ? width : height;
    double least;
    *scale = (double)WINDOW / SMALLEST;
    least = side * *scale;
    for (int i = 0; i < level; i++)
        *scale *= shrink, least *= shrink;
    if (!(least >= WINDOW) || level >= DF_MTCNN_LEVELS)
        return false;
    *level_width = (int)(width * *scale + 1), *level_height = (int)(height * *scale + 1);
    return true;
}

bool df__mtcnn_level(df_mtcnn_kind kind, int width, int height, int level, int *level_width, int *level_height, double *scale)
{
    if (kind == DF_MTCNN_TORCH)
        return torch_level(width, height, level, level_width, level_height, scale);
    int side = width < height ? width : height;
    double levels = rint(-(log((double)side / WINDOW) / log(shrink) + 1)); /* halves to the even one, as Python's round */
    if (!(level < levels) || level >= DF_MTCNN_LEVELS)
        return false;
    *scale = (double)WINDOW / SMALLEST * pow(shrink, level);
    *level_width = (int)(width * *scale), *level_height = (int)(height * *scale);
    return *level_width >= WINDOW && *level_height >= WINDOW;
}

typedef struct sizes { int width, conv1, pooled, conv2, out; } sizes; /* pixels of a row, or rows */

static sizes sizes_of(int side)
{
    sizes s = {.width = side, .conv1 = side - 2, .pooled = (side - 1) / 2, .conv2 = (side - 1) / 2 - 2, .out = (side - 1) / 2 - 4};
    return s;
}

typedef struct level {
    df_area_plan plan;
    double       scale;
    sizes        across, down;
} level;

/* ---- a band of one level ---- */

/* Rows of each layer; a layer's row r lies at place r modulo its number of rows. */
typedef struct band {
    const df_mtcnn_pnet *net;
    df_mtcnn_kind        kind;
    const level         *level;
    df_pixels            px;
    float *work, *input[INPUTS], *conv1[2], *conv3, *odds;
    float *made, *pooled[KEPT], *conv2[KEPT]; /* a row as it is made, and transformed for the layer that reads it */
    int    inputs, pooleds, conv2s; /* rows made so far */
} band;

static size_t padded(int pixels, size_t floats) { return (((size_t)pixels + SLACK) * floats + LANES - 1) & ~(size_t)(LANES - 1); }

static size_t transformed(int pixels) { return (((size_t)pixels + SLACK) / DF_ROWS_TILE + 1) * DF_ROWS_POINTS * LANES; }

static size_t band_room(int from_width, const sizes *s)
{
    return ((df__area_room(from_width) + LANES - 1) & ~(size_t)(LANES - 1)) + INPUTS * padded(s->width, 4) + 2 * padded(s->conv1 + 1, LANES) +
           padded(s->pooled, LANES) + KEPT * (transformed(s->conv2) + transformed(s->out)) + padded(s->out, 2 * LANES) + padded(s->out, 1);
}

static float *take(float **memory, size_t floats)
{
    float *at = *memory;
    *memory += floats;
    return at;
}

static void band_start(band *b, int first, float *memory)
{
    const sizes *s = &b->level->across;
    memset(memory, 0, band_room(b->px.width, s) * sizeof *memory);
    b->work = take(&memory, (df__area_room(b->px.width) + LANES - 1) & ~(size_t)(LANES - 1));
    for (int i = 0; i < INPUTS; i++)
        b->input[i] = take(&memory, padded(s->width, 4));
    for (int i = 0; i < 2; i++)
        b->conv1[i] = take(&memory, padded(s->conv1 + 1, LANES));
    b->made = take(&memory, padded(s->pooled, LANES));
    for (int i = 0; i < KEPT; i++)
        b->pooled[i] = take(&memory, transformed(s->conv2));
    for (int i = 0; i < KEPT; i++)
        b->conv2[i] = take(&memory, transformed(s->out));
    b->conv3 = take(&memory, padded(s->out, 2 * LANES));
    b->odds = take(&memory, padded(s->out, 1));
    b->conv2s = b->pooleds = first;
    b->inputs = 2 * first;
}

/* A row of the first convolution. Where the row is odd its last pixel is doubled: the pool's last window holds it alone. */
static void make_conv1(band *b, int row)
{
    const layer *l = &b->net->conv[0];
    int n = b->level->across.conv1;
    float *out = b->conv1[row % 2];
    const float *in[3];
    for (; b->inputs < row + 3; b->inputs++)
        df__area_row(&b->level->plan, b->px, b->inputs, b->work, b->input[b->inputs % INPUTS]);
    for (int i = 0; i < 3; i++)
        in[i] = b->input[(row + i) % INPUTS];
    df__rows_conv(in, l->weights, l->bias, l->slope, (size_t)n, out);
    memcpy(out + (size_t)n * LANES, out + (size_t)(n - 1) * LANES, LANES * sizeof *out);
}

/* The last tile of a row reaches behind its end. What stands there is multiplied by what cancels out but for rounding: zeros, so that a row
 * does not depend on the one before. */
static void transform(float *made, int pixels, int outputs, float *out)
{
    memset(made + (size_t)pixels * LANES, 0, DF_ROWS_TILE * LANES * sizeof *made);
    df__rows_transform(made, (size_t)outputs, out);
}

static void make_pooled(band *b, int row)
{
    bool alone = 2 * row + 1 >= b->level->down.conv1;
    make_conv1(b, 2 * row);
    if (!alone)
        make_conv1(b, 2 * row + 1);
    df__rows_pool(b->conv1[0], b->conv1[alone ? 0 : 1], (size_t)b->level->across.pooled, b->made);
    transform(b->made, b->level->across.pooled, b->level->across.conv2, b->pooled[row % KEPT]);
}

static void make_conv2(band *b, int row)
{
    const layer *l = &b->net->conv[1];
    const float *in[3];
    for (; b->pooleds < row + 3; b->pooleds++)
        make_pooled(b, b->pooleds);
    for (int i = 0; i < 3; i++)
        in[i] = b->pooled[(row + i) % KEPT];
    df__rows_tiles_10(in, l->weights, l->bias, l->slope, (size_t)b->level->across.conv2, b->made);
    transform(b->made, b->level->across.conv2, b->level->across.out, b->conv2[row % KEPT]);
}

static void make_odds(band *b, int row)
{
    const layer *l = &b->net->conv[2];
    const float *in[3];
    size_t n = (size_t)b->level->across.out;
    for (; b->conv2s < row + 3; b->conv2s++)
        make_conv2(b, b->conv2s);
    for (int i = 0; i < 3; i++)
        in[i] = b->conv2[(row + i) % KEPT];
    df__rows_tiles_16(in, l->weights, l->bias, l->slope, n, b->conv3);
    df__rows_dot(b->conv3, b->net->difference, b->net->odds, n, b->odds);
}

/* ---- candidates: mtcnn 1.0.0 utils/bboxes.py, generate_bounding_box and upscale_bboxes; facenet-pytorch 2.6.0 generateBoundingBox ---- */

static df_mtcnn_box box_of(const band *b, int x, int y, float score)
{
    const float *features = b->conv3 + (size_t)x * 2 * LANES;
    df_mtcnn_box box = {.score = score};
    double edge[4];
    for (int e = 0; e < 4; e++) {
        float sum = b->net->boxes_bias[e];
        for (int i = 0; i < 32; i++)
            sum += b->net->boxes[32 * e + i] * features[i];
        int at = STRIDE * (e % 2 ? y : x) + (e < 2 ? INSET : WINDOW);
        box.points[e] = sum;
        edge[e] = b->kind == DF_MTCNN_TORCH ? (double)floorf((float)at / (float)b->level->scale)
                                            : (at + (double)sum * (WINDOW - INSET)) / b->level->scale;
    }
    box.left = edge[0], box.top = edge[1], box.right = edge[2], box.bottom = edge[3];
    return box;
}

static df_status pick(const band *b, int y, double least, df_mtcnn_boxes *out, df_error *err)
{
    df_status st = DF_OK;
    float least_odds = (float)log(least / (1 - least)) - 1e-3f; /* the score itself decides, but costs an exponential */
    for (int x = 0; x < b->level->across.out && st == DF_OK; x++) {
        float score = b->odds[x] > least_odds ? 1 / (1 + expf(-b->odds[x])) : 0;
        if (!(b->kind == DF_MTCNN_TORCH ? score >= (float)least : (double)score > least))
            continue;
        df_mtcnn_box box = box_of(b, x, y, score);
        st = df__mtcnn_add(out, &box, err);
    }
    return st;
}

/* ---- all levels ---- */

typedef struct task { int level, first, end; df_mtcnn_boxes found; df_status st; df_error err; } task;

typedef struct job {
    const df_mtcnn_pnet *net;
    df_mtcnn_kind        kind;
    const level         *levels;
    df_pixels            px;
    double               least;
    float               *memory; /* of worker i: memory + i * room */
    size_t               room;
    task                *tasks;
} job;

static void run_task(void *arg, size_t i, int worker)
{
    job *j = arg;
    task *t = &j->tasks[i];
    band b = {.net = j->net, .kind = j->kind, .level = &j->levels[t->level], .px = j->px};
    band_start(&b, t->first, j->memory + (size_t)worker * j->room);
    for (int y = t->first; y < t->end && t->st == DF_OK; y++) {
        make_odds(&b, y);
        t->st = pick(&b, y, j->least, &t->found, &t->err);
    }
}

/* Levels are cut into bands when there are threads to share them: as many as give each thread a few. */
static size_t cut(const level *levels, int n, int threads, task *tasks)
{
    size_t count = 0;
    double whole = 0;
    for (int l = 0; l < n; l++)
        whole += (double)levels[l].across.width * levels[l].down.width;
    for (int l = 0; l < n; l++) {
        int rows = levels[l].down.out, most = MAX_TASKS / DF_MTCNN_LEVELS;
        double share = (double)levels[l].across.width * levels[l].down.width / whole;
        int bands = threads > 1 ? (int)ceil(share * 4 * threads) : 1;
        bands = bands < rows / LEAST_BAND ? bands : rows / LEAST_BAND;
        bands = bands < 1 ? 1 : bands < most ? bands : most;
        for (int i = 0; i < bands; i++)
            tasks[count++] = (task){.level = l, .first = (int)((int64_t)rows * i / bands), .end = (int)((int64_t)rows * (i + 1) / bands)};
    }
    return count;
}

static df_status merge(task *tasks, size_t n, df_mtcnn_boxes *out, size_t first[DF_MTCNN_LEVELS + 1], int levels, df_error *err)
{
    df_status st = DF_OK;
    size_t total = 0, t = 0;
    for (size_t i = 0; i < n; i++) {
        if (tasks[i].st != DF_OK && err)
            *err = tasks[i].err;
        DF_TRY(tasks[i].st);
        total += tasks[i].found.n;
    }
    DF_TRY(df__mtcnn_reserve(out, total, err));
    for (int l = 0; l <= DF_MTCNN_LEVELS; l++) {
        first[l] = out->n;
        for (; l < levels && t < n && tasks[t].level == l; t++) {
            if (tasks[t].found.n)
                memcpy(out->items + out->n, tasks[t].found.items, tasks[t].found.n * sizeof *out->items);
            out->n += tasks[t].found.n;
        }
    }
done:
    return st;
}

df_status df__mtcnn_pnet_run(const df_mtcnn_pnet *net, df_mtcnn_kind kind, df_pixels px, double least, int threads, df_arena *scratch,
                             df_mtcnn_boxes *out, size_t first[DF_MTCNN_LEVELS + 1], df_error *err)
{
    df_status st = DF_OK;
    job j = {.net = net, .kind = kind, .px = px, .least = least};
    size_t n = 0;
    int levels = 0, w, h;
    level *l = df__arena_calloc(scratch, DF_MTCNN_LEVELS, sizeof *l);
    j.tasks = df__arena_calloc(scratch, MAX_TASKS, sizeof *j.tasks);
    if (!l || !j.tasks)
        DF_TRY(df__no_memory(err, "pyramid", DF_MTCNN_LEVELS * sizeof *l + MAX_TASKS * sizeof *j.tasks));
    for (; df__mtcnn_level(kind, px.width, px.height, levels, &w, &h, &l[levels].scale); levels++) {
        DF_TRY(df__area_plan(px.width, px.height, w, h, kind == DF_MTCNN_TORCH ? DF_AREA_WHOLE : DF_AREA_SHARES, 1 / 128.0f, -127.5f / 128, scratch,
                             &l[levels].plan, err));
        l[levels].across = sizes_of(w), l[levels].down = sizes_of(h);
    }
    n = cut(l, levels, threads, j.tasks);
    threads = threads > (int)n ? (int)n : threads > 1 ? threads : 1;
    j.levels = l;
    j.room = levels ? band_room(px.width, &l[0].across) : 0;
    j.memory = df__arena_alloc(scratch, (size_t)threads * j.room * sizeof *j.memory);
    if (!j.memory)
        DF_TRY(df__no_memory(err, "rows of P-Net", (size_t)threads * j.room * sizeof *j.memory));
    df__parallel_for(n, threads, run_task, &j);
    DF_TRY(merge(j.tasks, n, out, first, levels, err));
done:
    for (size_t i = 0; i < n; i++)
        df__mtcnn_free(&j.tasks[i].found);
    return st;
}
