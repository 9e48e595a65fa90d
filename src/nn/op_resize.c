/* op_resize.c - Resize and Upsample: nearest, linear, cubic in any number of dimensions, one dimension after the other. Source of the
 * coordinate rules: the operator's page of the ONNX standard, opset 11 to 19. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "core/threads.h"
#include "nn/op.h"

enum { MAX_TAPS = 64 }; /* an antialiased kernel that reaches further is refused */
enum { ROWS = 2, TABLE = 1024 /* outputs whose taps are made together */, PIECE = 32 << 10 /* bytes */ };

/* Where one dimension goes and by what rule. */
typedef struct axis_rule { int64_t in, out; double scale, start, end; } axis_rule;

typedef struct rules {
    axis_rule   axis[DF_MAX_RANK];
    const char *mode, *transform, *nearest;
    double      cubic_a, outside;
    bool        exclude_outside, antialias, crop, old_upsample;
} rules;

static df_status axes_list(const df_call *call, int rank, int64_t *axes, size_t *n)
{
    df_status st = df__call_ints(call, -1, "axes", axes, DF_MAX_RANK, n);
    if (st != DF_OK)
        return st;
    if (*n == 0)
        for (*n = 0; *n < (size_t)rank; ++*n)
            axes[*n] = (int64_t)*n;
    for (size_t i = 0; i < *n && st == DF_OK; i++) {
        int axis = 0;
        st = df__call_axis(call, axes[i], rank, &axis);
        axes[i] = axis;
    }
    return st;
}

/* "not_larger" and "not_smaller" keep the picture's proportions inside or around the sizes asked for. */
static void keep_proportions(const char *policy, const df_tensor *x, const int64_t *axes, size_t n, int64_t *sizes, double *common)
{
    bool larger = strcmp(policy, "not_smaller") == 0;
    *common = 0;
    if (!larger && strcmp(policy, "not_larger") != 0)
        return;
    for (size_t i = 0; i < n; i++) {
        double s = (double)sizes[i] / (double)x->dims[axes[i]];
        if (i == 0 || (larger ? s > *common : s < *common))
            *common = s;
    }
    for (size_t i = 0; i < n; i++)
        sizes[i] = (int64_t)floor(*common * (double)x->dims[axes[i]] + 0.5);
}

static df_status read_scales(const df_call *call, int input, const int64_t *axes, size_t n, rules *r)
{
    const df_tensor *t = input >= 0 ? &call->in[input] : NULL;
    const df_attr *a = t ? NULL : df__node_attr(call->node, "scales");
    size_t have = t ? (size_t)df__tensor_count(t) : a ? a->n : 0;
    if ((t && (!t->data || !df__is_float(t->type))) || (a && a->kind != DF_ATTR_FLOATS) || have != n)
        return df__call_fail(call, DF_E_BAD_MODEL, "%zu scales for %zu dimensions", have, n);
    for (size_t i = 0; i < n; i++) {
        axis_rule *x = &r->axis[axes[i]];
        x->scale = t ? df__load_f64(t, (int64_t)i) : (double)a->v.floats[i];
        double out = floor((double)x->in * x->scale * (r->crop ? x->end - x->start : 1));
        if (!(x->scale > 0) || !(out >= 0 && out < 0x1p31))
            return df__call_fail(call, DF_E_BAD_MODEL, "a scale of %g makes %g pixels", x->scale, out);
        x->out = (int64_t)out;
    }
    return DF_OK;
}

static df_status read_sizes(const df_call *call, const int64_t *axes, size_t n, rules *r)
{
    int64_t sizes[DF_MAX_RANK];
    size_t have = 0;
    double common;
    df_status st = df__call_ints(call, 3, NULL, sizes, DF_MAX_RANK, &have);
    if (st != DF_OK)
        return st;
    if (have != n)
        return df__call_fail(call, DF_E_BAD_MODEL, "%zu sizes for %zu dimensions", have, n);
    for (size_t i = 0; i < n; i++)
        if (r->axis[axes[i]].in < 1)
            return df__call_fail(call, DF_E_BAD_MODEL, "nothing to resize");
    keep_proportions(df__call_string(call, "keep_aspect_ratio_policy", "stretch"), &call->in[0], axes, n, sizes, &common);
    for (size_t i = 0; i < n; i++) {
        axis_rule *x = &r->axis[axes[i]];
        if (sizes[i] < 0 || sizes[i] > INT32_MAX)
            return df__call_fail(call, DF_E_BAD_MODEL, "a size of %lld", (long long)sizes[i]);
        x->out = sizes[i];
        x->scale = common > 0 ? common : (double)x->out / (double)x->in;
    }
    return DF_OK;
}

/* The region of interest, as shares of the sides: starts, then ends. */
static df_status read_roi(const df_call *call, const int64_t *axes, size_t n, rules *r)
{
    const df_tensor *t = &call->in[1];
    if (!df__given(call, 1) || !t->data || !df__is_float(t->type) || df__tensor_count(t) != 2 * (int64_t)n)
        return df__call_fail(call, DF_E_BAD_MODEL, "roi is not %zu known floats", 2 * n);
    for (size_t i = 0; i < n; i++) {
        r->axis[axes[i]].start = df__load_f64(t, (int64_t)i);
        r->axis[axes[i]].end = df__load_f64(t, (int64_t)(n + i));
    }
    return DF_OK;
}

static df_status rules_of(const df_call *call, rules *r)
{
    const df_tensor *x = &call->in[0];
    int64_t axes[DF_MAX_RANK];
    size_t n = 0;
    df_status st = DF_OK;
    bool upsample = strcmp(call->node->op, "Upsample") == 0;
    *r = (rules){.mode = df__call_string(call, "mode", "nearest"),
                 .transform = df__call_string(call, "coordinate_transformation_mode", "half_pixel"),
                 .nearest = df__call_string(call, "nearest_mode", "round_prefer_floor"),
                 .cubic_a = (double)df__node_float(call->node, "cubic_coeff_a", -0.75f),
                 .outside = (double)df__node_float(call->node, "extrapolation_value", 0),
                 .exclude_outside = df__node_int(call->node, "exclude_outside", 0) != 0,
                 .antialias = df__node_int(call->node, "antialias", 0) != 0};
    if (upsample || call->opset < 11) {
        r->transform = "asymmetric";
        r->nearest = "floor";
    }
    r->crop = strcmp(r->transform, "tf_crop_and_resize") == 0;
    for (int i = 0; i < x->rank; i++)
        r->axis[i] = (axis_rule){.in = x->dims[i], .out = x->dims[i], .scale = 1, .start = 0, .end = 1};
    DF_TRY(axes_list(call, x->rank, axes, &n));
    if (r->crop)
        DF_TRY(read_roi(call, axes, n, r));
    bool old = upsample || call->opset < 11;
    int scales = old ? (df__given(call, 1) ? 1 : -1) : 2;
    if (!old && df__given(call, 3) && df__tensor_count(&call->in[3]) > 0)
        DF_TRY(read_sizes(call, axes, n, r));
    else if (old || (df__given(call, 2) && df__tensor_count(&call->in[2]) > 0))
        DF_TRY(read_scales(call, scales, axes, n, r));
    else
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "neither scales nor sizes"));
    for (int i = 0; i < x->rank; i++)
        if (r->axis[i].in < 1 && r->axis[i].out > 0)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "nothing to resize"));
done:
    return st;
}

static double source_of(const rules *r, const axis_rule *a, int64_t i)
{
    double x = (double)i, in = (double)a->in, out = (double)a->out;
    double exact = a->scale * in; /* what `out` was before it was cut */
    if (strcmp(r->transform, "asymmetric") == 0)
        return x / a->scale;
    if (strcmp(r->transform, "align_corners") == 0)
        return exact > 1 && out > 1 ? x * (in - 1) / (exact - 1) : 0;
    if (strcmp(r->transform, "pytorch_half_pixel") == 0)
        return out > 1 ? (x + 0.5) / a->scale - 0.5 : 0;
    if (strcmp(r->transform, "half_pixel_symmetric") == 0)
        return in / 2 * (1 - out / exact) + (x + 0.5) / a->scale - 0.5;
    if (r->crop)
        return out > 1 ? a->start * (in - 1) + x * (a->end - a->start) * (in - 1) / (out - 1) : 0.5 * (a->start + a->end) * (in - 1);
    return (x + 0.5) / a->scale - 0.5;
}

/* Which inputs make one output, each with its weight. */
typedef struct taps { int64_t at[MAX_TAPS]; float weight[MAX_TAPS]; int n; bool outside; } taps;

static int64_t nearest_of(const rules *r, double x)
{
    if (strcmp(r->nearest, "floor") == 0)
        return (int64_t)floor(x);
    if (strcmp(r->nearest, "ceil") == 0)
        return (int64_t)ceil(x);
    return (int64_t)(strcmp(r->nearest, "round_prefer_ceil") == 0 ? floor(x + 0.5) : ceil(x - 0.5));
}

static double cubic(double a, double d)
{
    d = fabs(d);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static void taps_of(const rules *r, const axis_rule *a, int64_t i, taps *t)
{
    double x = source_of(r, a, i), weight[MAX_TAPS], sum = 0;
    int64_t last = a->in - 1;
    t->n = 1;
    t->outside = r->crop && (x < 0 || x > (double)last);
    if (!(x > -1e15 && x < 1e15)) /* a hostile scale */
        x = 0;
    if (strcmp(r->mode, "nearest") == 0) {
        int64_t at = nearest_of(r, x);
        t->at[0] = at < 0 ? 0 : at > last ? last : at;
        return;
    }
    bool is_cubic = strcmp(r->mode, "cubic") == 0;
    double shrink = r->antialias && a->scale < 1 ? a->scale : 1, reach = (is_cubic ? 2 : 1) / shrink;
    int64_t begin = (int64_t)floor(x - reach) + 1, end = begin;
    if (!r->antialias || shrink == 1)
        begin = (int64_t)floor(x) - (is_cubic ? 1 : 0), end = begin + (is_cubic ? 3 : 1);
    else
        end = (int64_t)ceil(x + reach) - 1;
    t->n = 0;
    for (int64_t p = begin; p <= end && t->n < MAX_TAPS; p++) {
        double d = (x - (double)p) * shrink, w = is_cubic ? cubic(r->cubic_a, d) : fabs(d) < 1 ? 1 - fabs(d) : 0;
        if ((p < 0 || p > last) && r->exclude_outside)
            w = 0;
        t->at[t->n] = p < 0 ? 0 : p > last ? last : p;
        weight[t->n++] = w;
        sum += w;
    }
    for (int k = 0; k < t->n; k++)
        t->weight[k] = (float)(sum != 0 ? weight[k] / sum : 0);
}

static df_status resize_infer(df_call *call)
{
    rules r;
    df_status st = DF_OK;
    static const df_dtype bytes_too[] = {DF_F32, DF_F64, DF_U8, DF_I8, DF_I32, DF_I64, 0};
    DF_TRY(df__call_arity(call, 1, 4));
    DF_TRY(df__call_types(call, 0, bytes_too));
    DF_TRY(rules_of(call, &r));
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    bool known = false;
    for (int i = 0; i < 3; i++)
        known = known || strcmp(r.mode, modes[i]) == 0;
    if (!known || (strcmp(r.mode, "nearest") != 0 && call->in[0].type != DF_F32))
        DF_TRY(df__call_fail(call, DF_E_UNSUPPORTED, "mode \"%s\" of type %s", r.mode, df__dtype_name(call->in[0].type)));
    call->out[0] = df__shape_like(&call->in[0]);
    for (int i = 0; i < call->in[0].rank; i++) {
        call->out[0].dims[i] = r.axis[i].out;
        if (r.antialias && r.axis[i].scale < 4.0 / (MAX_TAPS - 4))
            DF_TRY(df__call_fail(call, DF_E_UNSUPPORTED, "antialias with a scale of %g", r.axis[i].scale));
    }
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

DF_CLONES static void add_row(float *y, const float *x, int64_t n, float weight, bool first)
{
    if (first)
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] * weight;
    else
        for (int64_t i = 0; i < n; i++)
            y[i] += x[i] * weight;
}

/* One dimension of a dense tensor [outer, in, inner] to [outer, out, inner]. */
typedef struct stretch {
    const rules *r;
    const taps  *taps; /* of `count` outputs from `first` on */
    int64_t      in, out, inner, outer, first, count, piece;
    size_t       size;
    bool         nearest;
    const char  *x;
    char        *y;
} stretch;

static void stretch_piece(void *arg, size_t index, int worker)
{
    const stretch *s = arg;
    size_t row = (size_t)s->inner * s->size;
    int64_t begin = (int64_t)index * s->piece, total = s->outer * s->count, end = begin + s->piece < total ? begin + s->piece : total;
    (void)worker;
    for (int64_t at = begin; at < end; at++) {
        const taps *t = &s->taps[at % s->count];
        int64_t o = at / s->count;
        const char *from = s->x + (size_t)(o * s->in) * row;
        char *to = s->y + (size_t)(o * s->out + s->first + at % s->count) * row;
        if (t->outside)
            for (int64_t k = 0; k < s->inner && s->size == 4; k++)
                ((float *)(void *)to)[k] = (float)s->r->outside;
        else if (s->nearest)
            memcpy(to, from + (size_t)t->at[0] * row, row);
        else
            for (int k = 0; k < t->n; k++)
                add_row((float *)(void *)to, (const float *)(const void *)(from + (size_t)t->at[k] * row), s->inner, t->weight[k], k == 0);
    }
}

static df_status stretch_axis(const df_call *call, stretch *s, const axis_rule *a)
{
    df_arena_mark mark = df__arena_mark(call->scratch);
    int64_t most = a->out < TABLE ? a->out : TABLE;
    taps *table = df__arena_alloc(call->scratch, (size_t)most * sizeof *table);
    if (!table)
        return df__no_memory(call->err, "resize", (size_t)most * sizeof *table);
    s->taps = table;
    s->in = a->in, s->out = a->out;
    s->piece = PIECE / (s->inner * (int64_t)s->size) + 1;
    for (s->first = 0; s->first < a->out; s->first += s->count) {
        s->count = a->out - s->first < most ? a->out - s->first : most;
        for (int64_t i = 0; i < s->count; i++)
            taps_of(s->r, a, s->first + i, &table[i]);
        df__parallel_for((size_t)((s->outer * s->count + s->piece - 1) / s->piece), call->threads, stretch_piece, s);
    }
    df__arena_release(call->scratch, mark);
    return DF_OK;
}

/* Rows and columns of the nearest numbers at once: [outer, in rows, in columns, inner]. A row that comes again is copied. */
typedef struct grid {
    const taps *rows, *columns;
    int64_t     in[2], out[2];
    size_t      pixel; /* bytes */
    const char *x;
    char       *y;
} grid;

static void grid_piece(void *arg, size_t index, int worker)
{
    const grid *g = arg;
    size_t line = (size_t)g->out[1] * g->pixel;
    int64_t outer = (int64_t)index * ROWS / g->out[0], first = (int64_t)index * ROWS % g->out[0], end = first + ROWS < g->out[0] ? first + ROWS : g->out[0];
    (void)worker;
    for (int64_t i = first; i < end; i++) {
        char *to = g->y + (size_t)(outer * g->out[0] + i) * line;
        const char *from = g->x + (size_t)(outer * g->in[0] + g->rows[i].at[0]) * (size_t)g->in[1] * g->pixel;
        if (i > first && g->rows[i].at[0] == g->rows[i - 1].at[0]) {
            memcpy(to, to - line, line);
            continue;
        }
        for (int64_t k = 0; k < g->out[1]; k++)
            memcpy(to + (size_t)k * g->pixel, from + (size_t)g->columns[k].at[0] * g->pixel, g->pixel);
    }
}

/* False: it is not two neighbouring dimensions of whole pieces of rows. */
static bool is_grid(const rules *r, int rank, int *axis)
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        if (r->axis[i].in != r->axis[i].out || r->axis[i].scale != 1) {
            if (n == 0)
                *axis = i;
            else if (i != *axis + 1)
                return false;
            n++;
        }
    return n == 2 && strcmp(r->mode, "nearest") == 0 && !r->crop && r->axis[*axis].out % ROWS == 0 && r->axis[*axis].out <= TABLE && r->axis[*axis + 1].out <= TABLE;
}

static df_status grid_run(const df_call *call, const rules *r, int axis)
{
    const df_tensor *x = &call->in[0];
    const axis_rule *a = &r->axis[axis], *b = a + 1;
    df_arena_mark mark = df__arena_mark(call->scratch);
    grid g = {.in = {a->in, b->in}, .out = {a->out, b->out}, .pixel = df__dtype_size(x->type), .x = x->data, .y = call->out[0].data};
    int64_t outer = 1;
    taps *table = df__arena_alloc(call->scratch, (size_t)(a->out + b->out) * sizeof *table);
    if (!table)
        return df__no_memory(call->err, "resize", (size_t)(a->out + b->out) * sizeof *table);
    for (int64_t i = 0; i < a->out + b->out; i++)
        taps_of(r, i < a->out ? a : b, i < a->out ? i : i - a->out, &table[i]);
    for (int i = 0; i < x->rank; i++) {
        outer *= i < axis ? x->dims[i] : 1;
        g.pixel *= i > axis + 1 ? (size_t)x->dims[i] : 1;
    }
    g.rows = table, g.columns = table + a->out;
    df__parallel_for((size_t)(outer * a->out / ROWS), call->threads, grid_piece, &g);
    df__arena_release(call->scratch, mark);
    return DF_OK;
}

static df_status resize_run(const df_call *call)
{
    rules r;
    int axis = 0;
    df_status st = rules_of(call, &r);
    if (st != DF_OK || df__tensor_count(&call->out[0]) == 0)
        return st;
    if (is_grid(&r, call->in[0].rank, &axis))
        return grid_run(call, &r, axis);
    df_tensor now = call->in[0];
    size_t size = df__dtype_size(now.type);
    for (int i = 0; i < now.rank; i++) {
        if (r.axis[i].in == r.axis[i].out && r.axis[i].scale == 1 && !r.crop)
            continue;
        df_tensor next = now;
        next.dims[i] = r.axis[i].out;
        bool last = true;
        for (int j = i + 1; j < now.rank; j++)
            last = last && r.axis[j].in == r.axis[j].out && r.axis[j].scale == 1 && !r.crop;
        st = df__call_check(call, &next);
        if (st != DF_OK)
            return st;
        next.data = last ? call->out[0].data : df__arena_alloc(call->scratch, df__tensor_bytes(&next));
        if (!next.data)
            return df__no_memory(call->err, "resize", df__tensor_bytes(&next));
        stretch s = {.r = &r, .inner = 1, .outer = 1, .size = size, .nearest = strcmp(r.mode, "nearest") == 0, .x = now.data, .y = next.data};
        for (int j = 0; j < now.rank; j++)
            *(j < i ? &s.outer : &s.inner) *= j == i ? 1 : now.dims[j];
        st = stretch_axis(call, &s, &r.axis[i]);
        if (st != DF_OK)
            return st;
        now = next;
    }
    if (now.data != call->out[0].data)
        memcpy(call->out[0].data, now.data, df__tensor_bytes(&now));
    return DF_OK;
}

/* The rule lists name axes of the file's order; in channels-last calls df__call_axis has moved them. Sizes and scales without an `axes`
 * attribute are in the file's order too: axes_list maps each. */
const df_op df__op_Resize = {
    .name = "Resize", .flags = DF_OP_CHANNELS_LAST | DF_OP_BITS, .needs = 2 | 4 | 8, .infer = resize_infer, .run = resize_run};
const df_op df__op_Upsample = {
    .name = "Upsample", .flags = DF_OP_CHANNELS_LAST | DF_OP_BITS, .needs = 2, .infer = resize_infer, .run = resize_run};
