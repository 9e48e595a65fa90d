/* haar.c - the pyramid of scales, cut into strips that threads share; and a cascade put into running order. */
#include "detect/haar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "detect/haar_run.h"

enum {
    STRIP = 96, LEAST_STRIP = 16, /* rows of windows that are one thread's work at a time */
    STRIP_NUMBERS = 1 << 22,      /* at most so many in a strip's integral picture, where the photo is not too wide for that */
    MOST_LAYERS = 256,            /* of the pyramid: at factor 1.1 a photo of 2^20 pixels has 120 */
    MOST_BOXES = 1 << 22,
    CORNERS = 4 * DF_CASCADE_RECTS,
};

/* ---- the cascade ---- */

static void add_corner(df_haar_corner *list, size_t *n, int x, int y, int factor, bool tilted)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i].x == x && list[i].y == y) {
            list[i].factor += factor;
            return;
        }
    list[(*n)++] = (df_haar_corner){x, y, factor, tilted};
}

/* Corners of a feature, up to CORNERS. */
static size_t corners_of(const df_haar_feature *f, df_haar_corner *out)
{
    size_t n = 0, kept = 0;
    for (int i = 0; i < f->rects; i++) {
        const df_haar_rect *q = &f->rect[i];
        int down = f->tilted ? -q->h : 0, right = f->tilted ? q->w : 0; /* how the sides of tilted ones lean */
        add_corner(out, &n, q->x, q->y, q->weight, f->tilted);
        add_corner(out, &n, q->x + down, q->y + q->h, -q->weight, f->tilted);
        add_corner(out, &n, q->x + q->w, q->y + right, -q->weight, f->tilted);
        add_corner(out, &n, q->x + q->w + down, q->y + q->h + right, q->weight, f->tilted);
    }
    for (size_t i = 0; i < n; i++)
        if (out[i].factor != 0)
            out[kept++] = out[i];
    return kept;
}

static void *copy_of(const void *from, size_t n, size_t size)
{
    void *to = malloc(n * size);
    if (to)
        memcpy(to, from, n * size);
    return to;
}

df_status df__haar_new(const df_cascade *c, df_haar **out, df_error *err)
{
    size_t most = c->n_nodes * CORNERS;
    df_haar *h = calloc(1, sizeof *h);
    *out = NULL;
    if (!h)
        return df__no_memory(err, "cascade", sizeof *h);
    *h = (df_haar){.width = c->width, .height = c->height, .stumps = c->stumps, .tilted = c->tilted, .n_stages = c->n_stages,
                   .stages = copy_of(c->stages, c->n_stages, sizeof *c->stages), .trees = copy_of(c->trees, c->n_trees, sizeof *c->trees),
                   .leaves = copy_of(c->leaves, c->n_leaves, sizeof *c->leaves), .nodes = malloc(c->n_nodes * sizeof *h->nodes),
                   .corners = malloc(most * sizeof *h->corners), .factors = malloc(most * sizeof *h->factors)};
    if (!h->stages || !h->trees || !h->leaves || !h->nodes || !h->corners || !h->factors) {
        df__haar_free(h);
        return df__no_memory(err, "cascade", most * (sizeof *h->corners + sizeof *h->factors));
    }
    for (size_t i = 0; i < c->n_nodes; i++) {
        const df_cascade_node *n = &c->nodes[i];
        size_t corners = corners_of(&c->features[n->feature], h->corners + h->n_corners);
        h->nodes[i] = (df_haar_node){(uint32_t)h->n_corners, (uint32_t)corners, 0, 0, n->threshold, n->left, n->right};
        h->n_corners += corners;
    }
    for (size_t i = 0; i < h->n_corners; i++)
        h->factors[i] = h->corners[i].factor;
    for (size_t i = 0; h->stumps && i < c->n_trees; i++) {
        df_haar_node *n = &h->nodes[h->trees[i].node];
        double low = (double)h->leaves[h->trees[i].leaf];
        int64_t bits[2];
        n->high = (double)h->leaves[h->trees[i].leaf + 1];
        memcpy(&bits[0], &low, sizeof low), memcpy(&bits[1], &n->high, sizeof low);
        n->differ = bits[0] ^ bits[1];
    }
    *out = h;
    return DF_OK;
}

void df__haar_free(df_haar *h)
{
    if (!h)
        return;
    free(h->stages), free(h->trees), free(h->nodes), free(h->leaves), free(h->corners), free(h->factors);
    free(h);
}

/* ---- boxes ---- */

static bool add_box(df_haar_boxes *b, df_haar_box box)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        df_haar_box *items = cap <= MOST_BOXES ? realloc(b->items, cap * sizeof *items) : NULL;
        if (!items)
            return false;
        b->items = items, b->cap = cap;
    }
    b->items[b->n++] = box;
    return true;
}

void df__haar_boxes_free(df_haar_boxes *boxes)
{
    free(boxes->items);
    *boxes = (df_haar_boxes){0};
}

/* ---- the pyramid ---- */

static int round_f(float v) { return (int)lrintf(v); } /* half to even, as cvRound */

/* OpenCV deals the rows out to ceil(across / 32) threads, `across` that of the first scale, and may lose the last row of a scale. */
static int rows_of(int rows, int step, int stripes)
{
    int each = (rows / step + stripes - 1) / stripes;
    int end = (each > 1 ? each : 1) * step * stripes;
    return ((end < rows ? end : rows) + step - 1) / step;
}

static df_status pyramid(const df_haar *h, df_grey g, double factor, df_arena *scratch, df_haar_layer *layers, size_t *n, df_error *err)
{
    df_status st = DF_OK;
    *n = 0;
    for (double f = 1; *n < MOST_LAYERS; f *= factor) {
        float scale = (float)f;
        if (lrint(h->width * f) > g.width || lrint(h->height * f) > g.height)
            break;
        if (round_f((float)h->width * scale) > g.width || round_f((float)h->height * scale) > g.height)
            break;
        df_haar_layer *l = &layers[*n];
        *l = (df_haar_layer){.scale = scale, .width = round_f((float)g.width / scale), .height = round_f((float)g.height / scale),
                             .step = scale >= 2 ? 1 : 2};
        int across = l->width - h->width + 1, down = l->height - h->height + 1;
        if (across <= 0 || down <= 0)
            continue;
        ++*n;
        l->across = (across + l->step - 1) / l->step;
        l->down = rows_of(down, l->step, (layers[0].width - h->width + 1 + 31) / 32);
        if (l->width != g.width || l->height != g.height)
            DF_TRY(df__haar_columns(g.width, l, scratch, err));
    }
done:
    return st;
}

/* ---- strips ---- */

typedef struct strip { const df_haar_layer *layer; int first, rows; bool full; df_haar_boxes boxes; } strip;

typedef struct worker { df_haar_rows rows; uint8_t *mark; float *scale; df_haar_hit *hits; } worker;

typedef struct search {
    const df_haar *haar;
    df_haar_scan   scans[2]; /* by layout: step 1, step 2 */
    worker        *workers;
    strip         *strips;
} search;

static void search_strip(void *arg, size_t i, int number)
{
    search *all = arg;
    strip *s = &all->strips[i];
    const df_haar_layer *l = s->layer;
    worker *w = &all->workers[number];
    df_haar_scan scan = all->scans[l->step - 1];
    scan.mark = w->mark, scan.scale = w->scale;
    int wide = round_f((float)all->haar->width * l->scale), high = round_f((float)all->haar->height * l->scale);
    df__haar_rows_begin(&w->rows, l, s->first * l->step);
    for (int row = 0; row < s->rows; row++) {
        df__haar_rows_upto(&w->rows, row * l->step + all->haar->height);
        const uint32_t *at = w->rows.sum + (size_t)(row * l->step) * w->rows.layout.stride;
        size_t n = df__haar_scan_row(&scan, at, (size_t)l->across, w->hits);
        int y = round_f((float)((s->first + row) * l->step) * l->scale);
        for (size_t k = 0; k < n; k++) {
            int x = round_f((float)((int)w->hits[k].index * l->step) * l->scale);
            if (!add_box(&s->boxes, (df_haar_box){x, y, wide, high, w->hits[k].weight})) {
                s->full = true;
                return;
            }
        }
    }
}

static df_status lay_over(const df_haar *h, const df_haar_rows *r, int step, df_arena *scratch, df_haar_scan *out, df_error *err)
{
    df_haar_layout l = r->layout;
    size_t slant = r->slant ? (size_t)(r->slant - r->sum) : 0;
    l.step = step;
    *out = (df_haar_scan){.haar = h, .square = (size_t)(r->square - r->sum), .offset = df__arena_alloc(scratch, h->n_corners * sizeof *out->offset)};
    if (!out->offset)
        return df__no_memory(err, "places of features", h->n_corners * sizeof *out->offset);
    for (size_t i = 0; i < h->n_corners; i++) {
        const df_haar_corner *c = &h->corners[i];
        out->offset[i] = (int32_t)(df__haar_place(&l, (size_t)c->x, (size_t)c->y) + (c->tilted ? slant : 0));
    }
    size_t right = (size_t)h->width - 1, low = (size_t)h->height - 1; /* the window without its outermost pixels */
    const size_t at[4] = {df__haar_place(&l, 1, 1), df__haar_place(&l, right, 1), df__haar_place(&l, 1, low), df__haar_place(&l, right, low)};
    for (int i = 0; i < 4; i++)
        out->norm[i] = (int32_t)at[i];
    return DF_OK;
}

static df_status worker_new(const df_haar *h, df_grey g, int rows, df_arena *scratch, worker *w, df_error *err)
{
    size_t n = ((size_t)g.width + DF_HAAR_LANES) / DF_HAAR_LANES * DF_HAAR_LANES;
    w->mark = df__arena_alloc(scratch, n);
    w->scale = df__arena_alloc(scratch, n * sizeof *w->scale);
    w->hits = df__arena_alloc(scratch, n * sizeof *w->hits);
    if (!w->mark || !w->scale || !w->hits)
        return df__no_memory(err, "windows of a row", n * (1 + sizeof *w->scale + sizeof *w->hits));
    return df__haar_rows_new(g, rows, h->tilted, scratch, &w->rows, err);
}

static int strip_rows(df_grey g)
{
    size_t fit = STRIP_NUMBERS / df__haar_stride(g.width) / 2;
    return fit < STRIP ? (fit < LEAST_STRIP ? LEAST_STRIP : (int)fit) : STRIP;
}

static size_t cut(const df_haar_layer *layers, size_t n, int rows, strip *strips)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        for (int y = 0; y < layers[i].down; y += rows, total++)
            if (strips)
                strips[total] = (strip){&layers[i], y, layers[i].down - y < rows ? layers[i].down - y : rows, false, {0}};
    return total;
}

static df_status gather(strip *strips, size_t n, df_haar_boxes *out, df_error *err)
{
    for (size_t i = 0; i < n; i++) {
        bool full = strips[i].full;
        for (size_t k = 0; !full && k < strips[i].boxes.n; k++)
            full = !add_box(out, strips[i].boxes.items[k]);
        if (full)
            return df__no_memory(err, "windows found", (size_t)MOST_BOXES * sizeof *out->items);
    }
    return DF_OK;
}

df_status df__haar_windows(const df_haar *h, df_grey g, double factor, int threads, df_arena *scratch, df_haar_boxes *out, df_error *err)
{
    df_status st = DF_OK;
    size_t n_layers = 0, n = 0;
    search s = {.haar = h};
    df_haar_layer *layers = df__arena_calloc(scratch, MOST_LAYERS, sizeof *layers);
    if (!layers)
        return df__no_memory(err, "scales", MOST_LAYERS * sizeof *layers);
    DF_TRY(pyramid(h, g, factor, scratch, layers, &n_layers, err));
    int rows = strip_rows(g);
    n = cut(layers, n_layers, rows, NULL);
    if (n == 0)
        goto done;
    threads = threads < 1 ? 1 : (size_t)threads > n ? (int)n : threads;
    s.strips = df__arena_calloc(scratch, n, sizeof *s.strips);
    s.workers = df__arena_calloc(scratch, (size_t)threads, sizeof *s.workers);
    if (!s.strips || !s.workers) {
        n = 0;
        DF_TRY(df__no_memory(err, "strips", (size_t)threads * sizeof *s.workers));
    }
    cut(layers, n_layers, rows, s.strips);
    for (int i = 0; i < threads; i++)
        DF_TRY(worker_new(h, g, (rows - 1) * 2 + h->height, scratch, &s.workers[i], err));
    for (int step = 1; step <= 2; step++)
        DF_TRY(lay_over(h, &s.workers[0].rows, step, scratch, &s.scans[step - 1], err));
    df__parallel_for(n, threads, search_strip, &s);
    DF_TRY(gather(s.strips, n, out, err));
done:
    for (size_t i = 0; s.strips && i < n; i++)
        df__haar_boxes_free(&s.strips[i].boxes);
    return st;
}
