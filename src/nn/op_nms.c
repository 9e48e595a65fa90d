/* op_nms.c - NonMaxSuppression: of boxes that overlap, the one with the best score. */
#include "nn/op.h"

/* One box chosen: batch, class, number; as the output has them. */
typedef struct picks { int64_t *rows, n, cap; } picks;

typedef struct question { int64_t batches, classes, boxes, most; double overlap, least; bool has_least, centered; } question;

static df_status question_of(const df_call *call, question *q)
{
    static const df_dtype f32[] = {DF_F32, 0}, i64[] = {DF_I64, 0};
    const df_tensor *boxes = &call->in[0], *scores = &call->in[1];
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 5));
    for (size_t i = 0; i < 5; i++) {
        DF_TRY(df__call_types(call, i, i == 2 ? i64 : f32));
        if (i > 1 && df__given(call, i) && df__tensor_count(&call->in[i]) != 1)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu is not one number", i));
    }
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 || boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "boxes and scores do not fit: needs [n, boxes, 4] and [n, classes, boxes]"));
    *q = (question){boxes->dims[0], scores->dims[1], boxes->dims[1], 0, 0, 0, df__given(call, 4), df__node_int(call->node, "center_point_box", 0) != 0};
    q->most = df__given(call, 2) ? df__load_i64(&call->in[2], 0) : 0;
    q->overlap = df__given(call, 3) ? df__load_f64(&call->in[3], 0) : 0;
    q->least = q->has_least ? df__load_f64(&call->in[4], 0) : 0;
done:
    return st;
}

/* Top, left, bottom, right. A file may give any two corners that lie across, or the centre and the sides. */
static void corners(const float *b, bool centered, double c[4])
{
    if (centered) {
        c[0] = (double)b[1] - (double)b[3] / 2, c[1] = (double)b[0] - (double)b[2] / 2;
        c[2] = (double)b[1] + (double)b[3] / 2, c[3] = (double)b[0] + (double)b[2] / 2;
        return;
    }
    for (int i = 0; i < 2; i++) {
        c[i] = (double)(b[i] < b[i + 2] ? b[i] : b[i + 2]);
        c[i + 2] = (double)(b[i] < b[i + 2] ? b[i + 2] : b[i]);
    }
}

static bool overlaps(const float *a, const float *b, const question *q)
{
    double p[4], r[4];
    corners(a, q->centered, p);
    corners(b, q->centered, r);
    double h = (p[2] < r[2] ? p[2] : r[2]) - (p[0] > r[0] ? p[0] : r[0]), w = (p[3] < r[3] ? p[3] : r[3]) - (p[1] > r[1] ? p[1] : r[1]);
    double area_p = (p[2] - p[0]) * (p[3] - p[1]), area_r = (r[2] - r[0]) * (r[3] - r[1]);
    if (!(h > 0) || !(w > 0) || !(area_p > 0) || !(area_r > 0))
        return false;
    return h * w / (area_p + area_r - h * w) > q->overlap;
}

static df_status add_pick(const df_call *call, picks *p, int64_t batch, int64_t class, int64_t box)
{
    if (p->n == p->cap) {
        int64_t cap = p->cap ? 2 * p->cap : 64, *more = df__arena_calloc(call->scratch, (size_t)cap, 3 * sizeof *more);
        if (!more)
            return df__no_memory(call->err, "NonMaxSuppression", (size_t)cap * 3 * sizeof *more);
        for (int64_t i = 0; i < 3 * p->n; i++)
            more[i] = p->rows[i];
        p->rows = more;
        p->cap = cap;
    }
    int64_t *row = p->rows + 3 * p->n++;
    row[0] = batch, row[1] = class, row[2] = box;
    return DF_OK;
}

static df_status pick_class(const df_call *call, const question *q, int64_t batch, int64_t class, int64_t *lists, int64_t *work, picks *out)
{
    const float *boxes = (const float *)call->in[0].data + batch * q->boxes * 4;
    int64_t *keys = lists, *order = keys + q->boxes, *spare = order + q->boxes, n = 0, begin = out->n;
    int64_t base = (batch * q->classes + class) * q->boxes;
    df_status st = DF_OK;
    for (int64_t i = 0; i < q->boxes; i++) {
        double score = (double)((const float *)call->in[1].data)[base + i];
        keys[i] = ~df__sort_key(&call->in[1], base + i);
        if (!q->has_least || score > q->least)
            order[n++] = i;
    }
    df__sort_rows(keys, 1, order, n, spare);
    for (int64_t i = 0; i < n && out->n - begin < q->most; i++) {
        bool hidden = false;
        for (int64_t k = begin; k < out->n && !hidden; k++)
            hidden = overlaps(boxes + 4 * order[i], boxes + 4 * out->rows[3 * k + 2], q);
        *work += out->n - begin;
        DF_TRY(df__call_work(call, *work, 1));
        if (!hidden)
            DF_TRY(add_pick(call, out, batch, class, order[i]));
    }
done:
    return st;
}

static df_status pick(const df_call *call, picks *out)
{
    question q = {0};
    int64_t work = 0;
    df_status st = DF_OK;
    *out = (picks){0};
    DF_TRY(question_of(call, &q));
    int64_t *lists = df__arena_calloc(call->scratch, (size_t)q.boxes + 1, 3 * sizeof *lists);
    if (!lists)
        DF_TRY(df__no_memory(call->err, "NonMaxSuppression", (size_t)q.boxes * 3 * sizeof *lists));
    for (int64_t b = 0; b < q.batches && q.boxes > 0; b++)
        for (int64_t c = 0; c < q.classes; c++)
            DF_TRY(pick_class(call, &q, b, c, lists, &work, out));
done:
    return st;
}

static df_status nms_infer(df_call *call)
{
    picks p;
    df_status st = pick(call, &p);
    if (st == DF_OK)
        call->out[0] = (df_tensor){.type = DF_I64, .rank = 2, .dims = {p.n, 3}};
    return st;
}

static df_status nms_run(const df_call *call)
{
    picks p;
    df_status st = pick(call, &p);
    for (int64_t i = 0; st == DF_OK && i < 3 * p.n; i++)
        ((int64_t *)call->out[0].data)[i] = p.rows[i];
    return st;
}

const df_op df__op_NonMaxSuppression = {.name = "NonMaxSuppression", .needs = 31, .infer = nms_infer, .run = nms_run};
