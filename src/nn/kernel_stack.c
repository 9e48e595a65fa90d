/* kernel_stack.c - several layers as one kernel. A layer makes its rows one after the other, when the layer behind it asks for them, into a ring
 * that holds as many as the other's window sees. Threads take ranges of rows of the last layer; where two ranges meet, rows are made twice. */
#include "nn/kernel_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/amx.h"
#include "nn/kernel.h"
#include "nn/pack.h"
#include "nn/panel.h"
#include "nn/plan.h"

enum { MAX_TAPS = 8 /* rows of a window */, MAX_PARTS = 256, LINE = 16 /* floats */, APART = 7 /* lines between rows: those that are pages apart get into each other's way */, LEAST_ROWS = 7 /* of a part: and as many as the layers' windows reach beyond it */, PIECE = 128 /* pixels, between products */, MOST_WEIGHTS = 128 * 128, FEW = 4, WHOLE_LEAST = 32 /* channels in that are worth making whole numbers */ };
static const double close_advantage = 2, small_product = 5e6; /* who wants kernels to be so much faster wants to be close; multiply-adds whose time does not show */

typedef enum kind { DENSE, DEPTHWISE, MOST, SPREAD /* more channels, of 0 */, PLANES /* an input in channels first */ } kind;

typedef struct layer {
    kind            kind;
    df_window       w;
    int64_t         c; /* channels of the output */
    int             from, add[DF_MAX_POSTS];
    df_dense        dense;
    df_depthwise    depthwise;
    df_most         most;
    df_weights_at   weights;
    bool            half; /* products of bfloat16 (amx.h); of PLANES and DEPTHWISE: rows for them, pixels of pairs and df__amx_depth() numbers a pixel */
    df_amx          amx;
    bool            whole; /* products of 16-bit whole numbers: panels of `right` */
    df_panels       right;
    float          *bias;
    const df_fused *fused;
    /* Its ring, of floats: `rows` of `row` each, the first pixel `margin` behind their beginning; PLANES has `plane` pixels, of pairs, or no ring. */
    int64_t         rows, row, margin, plane;
    size_t          ring; /* where it lies in a worker's memory */
} layer;

typedef struct stack {
    df_kernel base;
    int       n, side; /* side: pixels of the first products' bands in matrix registers, 0: there are none */
    int64_t   parts;
    size_t    each, room; /* floats of a worker; where in them the products' room lies */
    layer     layers[DF_STACK_MOST];
    char      name[32];
} stack;

static void stack_free(df_kernel *base)
{
    stack *s = (stack *)base;
    for (int i = 0; i < s->n; i++) {
        free(s->layers[i].weights.own);
        free(s->layers[i].bias);
    }
    free(s);
}

/* ---- runs ---- */

typedef struct band {
    const stack   *s;
    const df_call *call;
    float         *memory;
    int64_t        photo, made[DF_STACK_MOST]; /* rows of each layer so far */
    int            configured;                 /* see df__amx_point */
} band;

static float *ring_row(const band *b, int l, int64_t row)
{
    const layer *k = &b->s->layers[l];
    return b->memory + k->ring + row % k->rows * k->row + k->margin;
}

static void make_row(band *b, int l, int64_t row, float *y);

/* Row `row` of a layer or an input: made, if need be, and all before it that are still wanted. */
static const float *row_of(band *b, int from, int64_t row, int64_t row_numbers, int64_t height)
{
    if (from < 0)
        return (const float *)b->call->in[~from].data + (b->photo * height + row) * row_numbers;
    const layer *k = &b->s->layers[from];
    if (k->kind == PLANES && !k->half) /* stays where it is */
        return (const float *)b->call->in[~k->from].data + (b->photo * k->w.c * height + row) * k->w.in[1];
    for (; b->made[from] <= row; b->made[from]++)
        make_row(b, from, b->made[from], ring_row(b, from, b->made[from]));
    return ring_row(b, from, row);
}

/* A row of an input in channels first as pixels of pairs. */
static void planes_row(const band *b, const layer *k, int64_t row, float *y)
{
    const float *x = (const float *)b->call->in[~k->from].data + (b->photo * k->w.c * k->w.in[0] + row) * k->w.in[1];
    for (int64_t p = 0; p < k->w.in[1]; p += PIECE, df__amx_stir())
        df__amx_pixels(x + p, k->w.in[0] * k->w.in[1], k->w.in[1] - p < PIECE ? k->w.in[1] - p : PIECE, k->w.c, (uint32_t *)y + p * k->w.c);
}

/* Pixels by panels, as whole numbers; those lie behind the sums in the room. */
static void whole_row(const band *b, const layer *k, const float *x, const df_tail *tail, float *y)
{
    float *sums = b->memory + b->s->room, worth;
    int16_t *numbers = (int16_t *)(void *)(sums + DF_PANEL_CHUNK * DF_PANEL);
    int64_t width = k->w.out[1], chunks = (width + DF_PANEL_CHUNK - 1) / DF_PANEL_CHUNK;
    worth = df__whole_row(x, false, width * k->w.c, numbers);
    for (int64_t i = 0; i < chunks; i++) {
        int64_t from = width * i / chunks, n = width * (i + 1) / chunks - from;
        const void *seen = numbers + from * k->w.c;
        df_panel left = {.rows = n, .step = k->w.c * (int64_t)sizeof *numbers, .x = &seen, .run_worth = &worth};
        df_pixels of = {.channels = k->c, .at = from * k->c};
        df__panels_pixels(&k->right, k->weights.data, 0, k->right.columns, left, of, tail, false, y, sums);
    }
}

static void make_row(band *b, int l, int64_t row, float *y)
{
    const layer *k = &b->s->layers[l];
    const df_window *w = &k->w;
    const float *rows[MAX_TAPS], *seen[MAX_TAPS];
    int64_t top = row * w->stride[0] - w->pad[0], before = k->kind == DENSE && k->half ? w->pad[1] * w->c : 0;
    df_tail tail = {.bias = k->bias, .fused = k->fused};
    bool products = k->kind == DENSE && k->half;
    int n = 0;
    if (k->kind == PLANES) {
        planes_row(b, k, row, y);
        return;
    }
    if (k->from >= 0 && b->made[k->from] < top) /* rows above the first one that a band looks at */
        b->made[k->from] = top;
    for (int r = 0; r < w->kernel[0]; r++) {
        int64_t at = top + r * w->dilation[0];
        rows[r] = at >= 0 && at < w->in[0] ? row_of(b, k->from, at, w->in[1] * w->c, w->in[0]) - before : NULL;
        if (rows[r])
            seen[n++] = rows[r];
    }
    for (int p = 0; k->fused && p < k->fused->n_post; p++)
        if (k->fused->post[p].kind == DF_POST_ADD) {
            if (k->add[p] >= 0 && b->made[k->add[p]] < row)
                b->made[k->add[p]] = row;
            tail.add[p] = row_of(b, k->add[p], row, w->out[1] * (products ? k->amx.added : k->c), w->out[0]);
        }
    if (b->configured && !products)
        df__amx_stir();
    if (products && w->c > FEW) {
        df__amx_point(&k->amx, rows[0], &tail, b->memory + b->s->room, y, &b->configured);
    } else if (products) {
        const uint32_t *pairs[MAX_TAPS];
        for (int r = 0; r < w->kernel[0]; r++)
            pairs[r] = (const uint32_t *)rows[r];
        df__amx_window(&k->amx, pairs, w->stride[1] * w->c, &tail, b->memory + b->s->room, y, &b->configured);
    } else if (k->whole) {
        whole_row(b, k, rows[0], &tail, y);
    } else if (k->kind == DENSE) {
        df__lanes()->dense(&k->dense, rows, &tail, y);
    } else if (k->kind == DEPTHWISE) {
        df__lanes()->depthwise[0][k->half](&k->depthwise, (const void *const *)rows, 0, &tail, y);
    } else if (k->kind == MOST) {
        df_most most = k->most;
        most.rows = n;
        df__lanes()->most(&most, seen, y);
    } else {
        df__lanes()->more_channels(rows[0], w->in[1], w->c, k->c, y);
    }
}

typedef struct work { const stack *s; const df_call *call; float *memory; } work;

static void run_part(void *arg, size_t part, int worker)
{
    const work *job = arg;
    const stack *s = job->s;
    const layer *last = &s->layers[s->n - 1];
    int64_t height = last->w.out[0], all = last->w.n * height, first = all * (int64_t)part / s->parts, end = all * ((int64_t)part + 1) / s->parts;
    band b = {.s = s, .call = job->call, .memory = job->memory + (size_t)worker * s->each, .photo = -1};
    for (int l = 0; l < s->n; l++)
        if (s->layers[l].kind == PLANES || (s->layers[l].kind == DEPTHWISE && s->layers[l].half)) /* the margins; what lies behind a pixel's channels */
            memset(b.memory + s->layers[l].ring, 0, (size_t)(s->layers[l].rows * s->layers[l].row) * sizeof *b.memory);
    if (s->side)
        df__amx_begin(s->side, &b.configured);
    for (int64_t i = first; i < end; i++) {
        if (i / height != b.photo) {
            b.photo = i / height;
            memset(b.made, 0, sizeof b.made);
        }
        make_row(&b, s->n - 1, i % height, (float *)job->call->out[0].data + i * last->w.out[1] * last->c);
    }
    df__amx_end(&b.configured);
}

static df_status stack_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const stack *s = (const stack *)base;
    work job = {.s = s, .call = call, .memory = exec->scratch};
    df__parallel_for((size_t)s->parts, exec->threads < s->parts ? exec->threads : (int)s->parts, run_part, &job); /* memory is there for so many */
    return DF_OK;
}

/* ---- what may be a layer ---- */

static bool wide_window(const df_window *w)
{
    bool fits = w->space == 2 && w->kernel[0] <= MAX_TAPS;
    for (int i = 0; i < 2; i++)
        fits = fits && w->kernel[i] <= INT16_MAX && w->stride[i] <= INT16_MAX && w->dilation[i] <= INT16_MAX && w->pad[i] <= INT16_MAX && w->out[i] > 0;
    return fits;
}

static bool conv_kind(const df_call *call, const df_fused *fused, const df_window *w, kind *k)
{
    int64_t group = df__node_int(call->node, "group", 1), c = call->in[1].dims[0];
    if (!call->in[1].data || call->in[1].type != DF_F32 || (df__given(call, 2) && !call->in[2].data) || !df__lanes_know(fused) || c < DF_LANES_MOST)
        return false;
    *k = group > 1 ? DEPTHWISE : DENSE;
    if (group > 1)
        return group == w->c && c == w->c;
    bool pointwise = w->kernel[0] * w->kernel[1] == 1 && w->stride[0] * w->stride[1] == 1 && w->pad[0] + w->pad[1] + w->pad_end[0] + w->pad_end[1] == 0;
    return w->c * c <= MOST_WEIGHTS && (pointwise || (w->c <= FEW && w->dilation[1] == 1 && w->c * w->kernel[0] * w->kernel[1] <= DF_DENSE_TAPS));
}

/* Every window sees a pixel. */
static bool full_windows(const df_window *w)
{
    bool full = true;
    for (int i = 0; i < 2; i++)
        full = full && w->dilation[i] == 1 && w->pad[i] < w->kernel[i] && (w->out[i] - 1) * w->stride[i] - w->pad[i] < w->in[i];
    return full;
}

static bool kind_of(const df_call *call, const df_op *op, const df_fused *fused, kind *k, df_window *w)
{
    const df_tensor *x = &call->in[0], *y = &call->out[0];
    df_error ignored;
    df_call own = *call;
    own.err = &ignored;
    if (x->type != DF_F32 || y->type != DF_F32 || x->rank != 4 || y->rank != 4 || df__tensor_count(x) == 0 || df__tensor_count(y) == 0)
        return false;
    *w = (df_window){.space = 2, .n = y->dims[0], .c = call->nhwc ? x->dims[3] : x->dims[1], .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1},
                     .in = {y->dims[1], y->dims[2]}, .out = {y->dims[1], y->dims[2]}};
    if (!call->nhwc) {
        *k = PLANES;
        return op == &df__op_to_nhwc && w->c <= FEW;
    }
    if (strcmp(op->name, "Conv") == 0 && call->n_in > 1 && call->in[1].rank == 4)
        return df__window(&own, call->in[1].dims + 2, w) == DF_OK && wide_window(w) && conv_kind(call, fused, w, k);
    if (fused || w->c < DF_LANES_MOST)
        return false;
    *k = strcmp(op->name, "Pad") == 0 ? SPREAD : MOST;
    if (*k == SPREAD)
        return df__pad_behind(&own, 3);
    return strcmp(op->name, "MaxPool") == 0 && call->n_out == 1 && df__window(&own, NULL, w) == DF_OK && wide_window(w) && full_windows(w);
}

bool df__stack_takes(const df_call *call, const df_op *op, const df_fused *fused, bool *margin)
{
    kind k;
    df_window w;
    *margin = false;
    if (!kind_of(call, op, fused, &k, &w))
        return false;
    *margin = k == DENSE && w.kernel[0] * w.kernel[1] > 1;
    return true;
}

/* ---- compilation ---- */

typedef struct filling { const df_stack_layer *from; const layer *to; int64_t in; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const df_window *w = &f->to->w;
    (void)err;
    df__pack_taps(f->from->call.in[1].data, f->to->c, f->in, w->kernel[0] * w->kernel[1], f->from->fused ? f->from->fused->scale : NULL, out);
    return DF_OK;
}

static df_status fill_other(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    int64_t inputs = f->in * f->to->w.kernel[0] * f->to->w.kernel[1];
    float *plain = malloc((size_t)(inputs * f->to->c) * sizeof *plain);
    if (!plain)
        return df__no_memory(err, "weights", (size_t)(inputs * f->to->c) * sizeof *plain);
    df_status st = fill(arg, plain, err);
    if (f->to->whole)
        df__panels_pack(&f->to->right, plain, out);
    else
        df__amx_pack(&f->to->amx, plain, inputs, out);
    free(plain);
    return st;
}

/* Whether the products of a dense layer fit the registers' steps. Few channels are pairs in the ring of PLANES, the one layer that makes so few. Where answers
 * have to be close, so are all of a small layer's, and the weights of others. */
static bool amx_of(layer *k, double advantage)
{
    const df_window *w = &k->w;
    bool point = w->c > FEW, close = point && advantage > close_advantage, pairs = !point || (close && (double)(w->out[0] * w->out[1] * w->c * k->c) < small_product);
    int64_t most = pairs ? DF_AMX_DEPTH / 2 : DF_AMX_DEPTH, depth = point ? most : w->c * w->kernel[1], steps = point ? (w->c + depth - 1) / depth : w->kernel[0];
    if (depth > most || steps > DF_AMX_STEPS || (!point && k->from < 0))
        return false;
    k->amx = (df_amx){.pixels = w->out[1], .ci = w->c, .co = k->c, .added = k->c, .steps = (int)steps, .depth = (int)depth, .pairs = pairs, .exact_weights = close && !pairs};
    return true;
}

/* Single pixels, of pairs of numbers. */
static bool whole_applies(const df_call *own, const df_window *w)
{
    return own->whole && !df__amx_has() && df__lanes_whole() && w->kernel[0] * w->kernel[1] == 1 && w->c >= WHOLE_LEAST && w->c % 2 == 0;
}

static const char *packed_as(const layer *k)
{
    if (k->half)
        return k->amx.exact_weights ? "stack exact" : k->amx.pairs ? "stack pairs" : "stack half";
    return k->whole ? "stack int16" : k->kind == DENSE ? "stack" : "depthwise";
}

static df_status add_layer(const df_call *call, const df_stack_layer *from, df_packer *packer, layer *k)
{
    df_status st = DF_OK;
    const df_call *own = &from->call;
    const df_window *w = &k->w;
    if (!kind_of(own, from->op, from->fused, &k->kind, &k->w))
        return df__call_fail(call, DF_E_INTERNAL, "%s is no layer of a stack", from->op->name);
    k->c = own->out[0].dims[3];
    k->from = from->from;
    memcpy(k->add, from->add, sizeof k->add);
    k->fused = from->fused;
    k->rows = 1;
    if (k->kind == MOST)
        k->most = (df_most){.w = w->in[1], .ow = w->out[1], .c = w->c, .columns = (int)w->kernel[1], .stride = (int)w->stride[1], .pad = (int)w->pad[1]};
    if (k->kind != DENSE && k->kind != DEPTHWISE)
        return DF_OK;
    filling f = {from, k, k->kind == DENSE ? w->c : 1};
    k->half = k->kind == DENSE && own->precision != DF_PRECISION_STRICT && own->advantage < DF_ADVANTAGE_MOST && df__amx_has() && amx_of(k, own->advantage);
    k->whole = k->kind == DENSE && !k->half && whole_applies(own, w);
    if (k->whole)
        k->right = df__panels_of(DF_NUM_S16, 1, w->c, k->c);
    df_pack_key key = df__weights_key(own, packed_as(k), from->fused ? from->fused->scale : NULL, k->c);
    size_t bytes = k->whole ? df__panels_bytes(&k->right) : k->half ? df__amx_weights(&k->amx) * sizeof(uint16_t) : (size_t)(w->kernel[0] * w->kernel[1] * f.in * k->c) * sizeof(float);
    DF_TRY(df__weights_place(own, packer, NULL, &key, bytes, k->half || k->whole ? fill_other : fill, &f, &k->weights));
    k->amx.weights = k->weights.data;
    DF_TRY(df__bias_new(own, df__given(own, 2) ? &own->in[2] : NULL, from->fused, k->c, &k->bias));
    k->dense = (df_dense){.w = w->in[1], .pad = (int)w->pad[1], .ow = w->out[1], .ci = w->c, .co = k->c, .pixel = w->c, .channel = 1, .rows = (int)w->kernel[0], .columns = (int)w->kernel[1],
                          .stride = (int)w->stride[1], .weights = k->weights.data};
    k->depthwise = (df_depthwise){.w = w->in[1], .ow = w->out[1], .c = w->c, .rows = (int)w->kernel[0], .columns = (int)w->kernel[1], .stride = (int)w->stride[1],
                                  .pad = (int)w->pad[1], .dilation = (int)w->dilation[1], .weights = k->weights.data};
done:
    return st;
}

/* Products of bfloat16: what stands before them writes that, and zeros behind the channels of what is added need no layer. */
static void join_half(stack *s, layer *k)
{
    layer *x = k->from >= 0 ? &s->layers[k->from] : NULL;
    if (x && x->kind == PLANES) {
        x->half = true;
    } else if (x && x->kind == DEPTHWISE && !k->amx.pairs) {
        x->half = k->amx.half = true;
        x->depthwise.apart = df__amx_depth(k->w.c);
    }
    for (int p = 0; k->fused && p < k->fused->n_post && df__amx_ends(k->fused); p++)
        if (k->fused->post[p].kind == DF_POST_ADD && k->add[p] >= 0 && s->layers[k->add[p]].kind == SPREAD) {
            k->amx.added = s->layers[k->add[p]].w.c;
            k->add[p] = s->layers[k->add[p]].from;
        }
}

static size_t whole_room(const layer *k) { return DF_PANEL_CHUNK * DF_PANEL + ((size_t)(k->w.out[1] * k->w.c) / 2 + LINE) / LINE * LINE; }

/* The rings: as the layer that reads them wants it. */
static void lay_out(stack *s)
{
    for (int i = 0; i < s->n; i++) {
        layer *k = &s->layers[i], *x = k->from >= 0 ? &s->layers[k->from] : NULL;
        if (k->kind == DENSE && k->half) {
            join_half(s, k);
            s->side = s->side ? s->side : df__amx_side(&k->amx);
        }
        if (!x)
            continue;
        x->rows = (k->w.kernel[0] - 1) * k->w.dilation[0] + 1;
        if (k->kind == DENSE && k->half)
            x->margin = k->w.pad[1];
        if (x->kind != PLANES)
            continue;
        x->plane = k->w.pad[1] + x->w.in[1] + k->w.pad_end[1];
        if (k->half)
            continue;
        x->rows = 0;
        k->dense.pixel = 1;
        k->dense.channel = x->w.in[0] * x->w.in[1];
    }
    for (int i = 0; i < s->n && s->side; i++)
        s->layers[i].depthwise.between = df__amx_stir;
    for (int i = 0; i + 1 < s->n; i++) {
        layer *k = &s->layers[i];
        int64_t width = k->kind == PLANES ? k->plane * k->c : (k->w.out[1] + 2 * k->margin) * k->c;
        if (k->kind == DEPTHWISE && k->half)
            width = k->w.out[1] * k->depthwise.apart / 2;
        k->margin *= k->c;
        k->row = (width / LINE + APART) * LINE;
        k->ring = s->each;
        s->each += (size_t)(k->rows * k->row);
    }
    s->each += LINE; /* no layer of one row has none */
    s->room = s->each;
    for (int i = 0; i < s->n; i++) {
        const layer *k = &s->layers[i];
        size_t room = k->half && k->kind == DENSE ? (df__amx_room(&k->amx) / sizeof(float) + LINE) / LINE * LINE : k->whole ? whole_room(k) : 0;
        s->each = s->room + room > s->each ? s->room + room : s->each;
    }
}

/* Of the last layer's rows so many are made twice, in all layers before it, where two parts meet. */
static int64_t rows_beyond(const stack *s)
{
    int64_t beyond = 0, stride = 1;
    for (int i = s->n - 1; i >= 0 && stride < INT32_MAX; i--) {
        const df_window *w = &s->layers[i].w;
        int64_t own = w->stride[0] > 0 ? w->stride[0] : 1;
        stride *= own;
        beyond += w->kernel[0] > own ? (w->kernel[0] - own + stride - 1) / stride : 0;
    }
    return beyond;
}

df_status df__stack_compile(const df_call *call, const df_stack_layer *layers, int n, df_packer *packer, df_kernel **out)
{
    df_status st = DF_OK;
    double adds = 0;
    *out = NULL;
    stack *s = calloc(1, sizeof *s);
    if (!s)
        return df__no_memory(call->err, "kernel", sizeof *s);
    for (int i = 0; i < n; i++) {
        s->n = i + 1;
        DF_TRY(add_layer(call, &layers[i], packer, &s->layers[i]));
        const df_window *w = &s->layers[i].w;
        adds += (double)(w->n * w->out[0] * w->out[1] * s->layers[i].c * w->kernel[0] * w->kernel[1]) * (s->layers[i].kind == DENSE ? (double)w->c : 1);
    }
    lay_out(s);
    int64_t beyond = rows_beyond(s), least = beyond > LEAST_ROWS ? beyond : LEAST_ROWS, rows = s->layers[n - 1].w.n * s->layers[n - 1].w.out[0];
    s->parts = df__parts(call, adds, s->side ? df__part_adds(DF_NUM_BF16) : DF_PART_ADDS, rows / least < MAX_PARTS ? rows / least : MAX_PARTS);
    bool whole = false;
    for (int i = 0; i < n; i++)
        whole = whole || s->layers[i].whole;
    snprintf(s->name, sizeof s->name, "%d layers by rows%s", n, whole ? ", int16" : "");
    s->base = (df_kernel){.run = stack_run, .free = stack_free, .scratch_bytes = s->each * sizeof(float) * (size_t)s->parts, .name = s->name};
    *out = &s->base;
    s = NULL;
done:
    if (s)
        stack_free(&s->base);
    return st;
}
