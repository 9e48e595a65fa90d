/* mtcnn.c - MTCNN (Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks"): P-Net proposes
 * windows, R-Net and O-Net look at them again, the latter for the points too. Steps, thresholds and arithmetic of "mtcnn" are those of the
 * package mtcnn 1.0.0 (mtcnn.py, stages/, utils/), those of "fastmtcnn" facenet-pytorch's 2.6.0 (models/mtcnn.py, models/utils/detect_face.py),
 * which upstream calls with their defaults; the former's last rounding to whole pixels is left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "detect/detector.h"
#include "detect/mtcnn_crop.h"
#include "detect/mtcnn_pnet.h"
#include "detect/reduce.h"
#include "nn/onnx.h"

enum { MANY = 16, FEW = 4, MAX_HEADS = 3 }; /* crops of a run: two shapes, so that a network is compiled twice at most */
static const double least_pnet = 0.6, least_rnet = 0.7;
static const double overlap_level = 0.5, overlap = 0.7;

/* What the two packages do differently. */
typedef struct rules {
    df_mtcnn_kind    kind;
    double           least_onet;
    df_mtcnn_overlap within, at_end; /* suppression of the first two stages, of the last */
    void           (*crop)(df_pixels px, const df_mtcnn_box *box, int side, float *out);
    bool             moved_first;    /* boxes move by what a network says before they suppress each other; else after */
    bool             inside;         /* the last boxes end at the photo's edge */
} rules;

static const rules tensorflow_way = {DF_MTCNN_TENSORFLOW, 0.8, DF_MTCNN_UNION, DF_MTCNN_SMALLER, df__mtcnn_crop, true, true};
static const rules torch_way = {DF_MTCNN_TORCH, 0.7, DF_MTCNN_KEPT_UNION, DF_MTCNN_KEPT_SMALLER, df__mtcnn_crop_area, false, false};

typedef struct detector { const rules *way; df_mtcnn_pnet *pnet; df_net *rnet, *onet; } detector;

static void mtcnn_close(void *self)
{
    detector *d = self;
    if (!d)
        return;
    df__mtcnn_pnet_free(d->pnet);
    df__net_free(d->rnet);
    df__net_free(d->onet);
    free(d);
}

static df_status open_pnet(const df_loader *loader, df_mtcnn_pnet **out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_graph *graph = NULL;
    DF_TRY(df__weights_open(loader, "mtcnn-pnet", &file, err));
    DF_TRY(df__onnx_parse(&file, "mtcnn_pnet.onnx", NULL, &graph, err));
    DF_TRY(df__mtcnn_pnet_new(graph, out, err));
done:
    df__graph_free(graph);
    df__bytes_free(&file);
    return st;
}

/* Always float32: bfloat16 moves boxes of 20 pixels by more than a twentieth of their area. */
static df_status open_as(const rules *way, const df_loader *loader, void **self, df_error *err)
{
    df_status st = DF_OK;
    detector *d = calloc(1, sizeof *d);
    *self = NULL;
    if (!d)
        return df__no_memory(err, "mtcnn", sizeof *d);
    d->way = way;
    DF_TRY(open_pnet(loader, &d->pnet, err));
    DF_TRY(df__weights_net(loader, "mtcnn-rnet", DF_PRECISION_STRICT, &d->rnet, err));
    DF_TRY(df__weights_net(loader, "mtcnn-onet", DF_PRECISION_STRICT, &d->onet, err));
    *self = d, d = NULL;
done:
    mtcnn_close(d);
    return st;
}

static df_status mtcnn_open(const df_loader *loader, void **self, df_error *err) { return open_as(&tensorflow_way, loader, self, err); }
static df_status fastmtcnn_open(const df_loader *loader, void **self, df_error *err) { return open_as(&torch_way, loader, self, err); }

/* ---- R-Net and O-Net: batches of crops, side by side ---- */

typedef struct stage {
    const rules *way;
    df_net  *net;
    df_pixels px;
    int      side, heads;
    const int *width;          /* of each head: 4 offsets, 10 points of O-Net, 2 classes */
    const df_mtcnn_box *boxes;
    size_t   n;
    float   *out[MAX_HEADS];   /* [n][width] */
    df_arena *arenas;          /* one a worker */
    df_status st;
    df_status *each;           /* of every batch */
    df_error *errors;
} stage;

/* Batches of MANY; what is left, of FEW. */
static size_t batch_count(size_t n) { return n / MANY + (n % MANY + FEW - 1) / FEW; }

static df_status run_crops(stage *s, size_t from, size_t n, size_t room, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {(int64_t)room, 3, s->side, s->side}}, result[MAX_HEADS];
    size_t each = 3 * (size_t)s->side * (size_t)s->side;
    float *crops = df__arena_calloc(scratch, room * each, sizeof *crops);
    if (!crops)
        DF_TRY(df__no_memory(err, "crops of mtcnn", room * each * sizeof *crops));
    in.data = crops;
    for (size_t i = 0; i < n; i++)
        s->way->crop(s->px, &s->boxes[from + i], s->side, crops + i * each);
    DF_TRY(df__net_run(s->net, &in, 1, result, (size_t)s->heads, 1, scratch, err));
    for (int h = 0; h < s->heads; h++) {
        size_t width = (size_t)s->width[h];
        if (result[h].type != DF_F32 || df__tensor_count(&result[h]) != (int64_t)(room * width))
            DF_TRY(df__fail(err, DF_E_BAD_MODEL, "mtcnn: output %d has not %zu numbers a crop", h, width));
        memcpy(s->out[h] + from * width, result[h].data, n * width * sizeof(float));
    }
done:
    return st;
}

static void run_batch(void *arg, size_t i, int worker)
{
    stage *s = arg;
    size_t whole = s->n / MANY, room = i < whole ? MANY : FEW, from = i < whole ? i * MANY : whole * MANY + (i - whole) * FEW;
    size_t n = s->n - from < room ? s->n - from : room;
    df_arena_mark mark = df__arena_mark(&s->arenas[worker]);
    s->each[i] = run_crops(s, from, n, room, &s->arenas[worker], &s->errors[i]);
    df__arena_release(&s->arenas[worker], mark);
}

static df_status run_stage(stage *s, int threads, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    size_t batches = batch_count(s->n);
    threads = threads > (int)batches ? (int)batches : threads;
    threads = threads > 1 ? threads : 1;
    s->each = df__arena_calloc(scratch, batches, sizeof *s->each);
    s->errors = df__arena_alloc(scratch, batches * sizeof *s->errors);
    s->arenas = df__arena_calloc(scratch, (size_t)threads, sizeof *s->arenas);
    if (!s->each || !s->errors || !s->arenas)
        return df__no_memory(err, "batches of mtcnn", batches * (sizeof *s->each + sizeof *s->errors));
    for (int h = 0; h < s->heads; h++) {
        s->out[h] = df__arena_alloc(scratch, s->n * (size_t)s->width[h] * sizeof(float));
        if (!s->out[h])
            return df__no_memory(err, "answers of mtcnn", s->n * (size_t)s->width[h] * sizeof(float));
    }
    df__parallel_for(batches, threads, run_batch, s);
    for (int i = 0; i < threads; i++)
        df__arena_free(&s->arenas[i]);
    for (size_t i = 0; i < batches; i++) {
        if (s->each[i] != DF_OK && err)
            *err = s->errors[i];
        DF_TRY(s->each[i]);
    }
done:
    return st;
}

/* ---- the three stages ---- */

static df_status propose(const detector *d, df_pixels px, int threads, df_arena *scratch, df_mtcnn_boxes *boxes, df_error *err)
{
    df_status st = DF_OK;
    size_t first[DF_MTCNN_LEVELS + 1], kept = 0;
    DF_TRY(df__mtcnn_pnet_run(d->pnet, d->way->kind, px, least_pnet, threads, scratch, boxes, first, err));
    for (int l = 0; l < DF_MTCNN_LEVELS; l++) { /* each level by itself, moved to the front when it is done */
        df_mtcnn_boxes level = {.items = boxes->items + first[l], .n = first[l + 1] - first[l]};
        if (!level.n)
            continue;
        DF_TRY(df__mtcnn_suppress(&level, 0, d->way->within, overlap_level, scratch, err));
        memmove(boxes->items + kept, level.items, level.n * sizeof *level.items);
        kept += level.n;
    }
    boxes->n = kept;
    DF_TRY(df__mtcnn_suppress(boxes, 0, d->way->within, overlap, scratch, err));
    for (size_t i = 0; i < boxes->n; i++) {
        if (!d->way->moved_first)
            df__mtcnn_move(&boxes->items[i], boxes->items[i].points);
        df__mtcnn_square(&boxes->items[i]);
    }
done:
    return st;
}

static df_status refine(const detector *d, df_pixels px, int threads, df_arena *scratch, df_mtcnn_boxes *boxes, df_error *err)
{
    df_status st = DF_OK;
    static const int widths[] = {4, 2};
    stage s = {.way = d->way, .net = d->rnet, .px = px, .side = 24, .heads = 2, .width = widths, .boxes = boxes->items, .n = boxes->n};
    size_t kept = 0;
    DF_TRY(run_stage(&s, threads, scratch, err));
    for (size_t i = 0; i < boxes->n; i++) {
        df_mtcnn_box box = boxes->items[i];
        box.score = s.out[1][2 * i + 1];
        if (d->way->moved_first)
            df__mtcnn_adjust(&box, s.out[0] + 4 * i);
        else
            memcpy(box.points, s.out[0] + 4 * i, 4 * sizeof(float));
        if ((double)box.score > least_rnet)
            boxes->items[kept++] = box;
    }
    boxes->n = kept;
    DF_TRY(df__mtcnn_suppress(boxes, 0, d->way->within, overlap, scratch, err));
    for (size_t i = 0; i < boxes->n; i++) {
        if (!d->way->moved_first)
            df__mtcnn_adjust(&boxes->items[i], boxes->items[i].points);
        df__mtcnn_square(&boxes->items[i]);
    }
done:
    return st;
}

/* Points are shares of the box before O-Net moves it. */
static void place_points(df_mtcnn_box *box, const float *shares)
{
    double w = box->right - box->left + 1, h = box->bottom - box->top + 1;
    for (int i = 0; i < 5; i++) {
        box->points[i] = (float)(w * (double)shares[i] + box->left - 1);
        box->points[5 + i] = (float)(h * (double)shares[5 + i] + box->top - 1);
    }
}

static df_status finish(const detector *d, df_pixels px, double least, int threads, df_arena *scratch, df_mtcnn_boxes *boxes, df_error *err)
{
    df_status st = DF_OK;
    static const int widths[] = {4, 10, 2};
    stage s = {.way = d->way, .net = d->onet, .px = px, .side = 48, .heads = 3, .width = widths, .boxes = boxes->items, .n = boxes->n};
    size_t kept = 0;
    DF_TRY(run_stage(&s, threads, scratch, err));
    for (size_t i = 0; i < boxes->n; i++) {
        df_mtcnn_box box = boxes->items[i];
        box.score = s.out[2][2 * i + 1];
        place_points(&box, s.out[1] + 10 * i);
        df__mtcnn_adjust(&box, s.out[0] + 4 * i);
        if ((double)box.score > least)
            boxes->items[kept++] = box;
    }
    boxes->n = kept;
    DF_TRY(df__mtcnn_suppress(boxes, 0, d->way->at_end, overlap, scratch, err));
done:
    return st;
}

static double within(double v, int side) { return fmin(fmax(v, 0), side - 1); }

static df_face face_of(const df_mtcnn_box *b, bool inside, df_pixels px, double scale)
{
    double left = b->left, top = b->top, right = b->right, bottom = b->bottom;
    if (inside)
        left = within(left, px.width), top = within(top, px.height), right = within(right, px.width), bottom = within(bottom, px.height);
    df_face f = {.x = (float)(left * scale), .y = (float)(top * scale), .w = (float)((right - left) * scale), .h = (float)((bottom - top) * scale),
                 .confidence = b->score, .has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    /* The network tells points by the side of the picture: its first eye is the person's right one. */
    df_point *to[5] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
    for (int i = 0; i < 5; i++)
        *to[i] = (df_point){(float)((double)b->points[i] * scale), (float)((double)b->points[5 + i] * scale)};
    return f;
}

static df_status mtcnn_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    const rules *way = ((const detector *)self)->way;
    df_mtcnn_boxes boxes = {0};
    double scale = 1, least = isnan(params->score) ? way->least_onet : params->score;
    DF_TRY(df__detect_reduce(&px, params->side, &scale, scratch, err));
    DF_TRY(propose(self, px, params->threads, scratch, &boxes, err));
    if (boxes.n)
        DF_TRY(refine(self, px, params->threads, scratch, &boxes, err));
    if (boxes.n)
        DF_TRY(finish(self, px, least, params->threads, scratch, &boxes, err));
    for (size_t i = 0; i < boxes.n; i++) {
        df_face f = face_of(&boxes.items[i], way->inside, px, scale);
        if (f.w > 0 && f.h > 0)
            DF_TRY(df__face_list_add(out, &f, err));
    }
done:
    df__mtcnn_free(&boxes);
    return st;
}

/* Looks at faces from 20 pixels on, so the photo is decoded at full scale. */
const df_detector_ops df__detector_mtcnn = {
    .name = "mtcnn", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .side = 0, .dlib = {-0.09f, 0.12f, 1.16f, 0.85f},
    .open = mtcnn_open, .detect = mtcnn_detect, .close = mtcnn_close,
};
const df_detector_ops df__detector_fastmtcnn = {
    .name = "fastmtcnn", .gives = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, .side = 0, .dlib = {-0.09f, 0.12f, 1.16f, 0.85f},
    .open = fastmtcnn_open, .detect = mtcnn_detect, .close = mtcnn_close,
};
