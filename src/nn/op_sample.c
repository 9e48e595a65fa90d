/* op_sample.c - pictures read at places between pixels: GridSample, AffineGrid, RoiAlign. */
#include <math.h>
#include <string.h>

#include "nn/op.h"

enum { MAX_SPACE = 3 };

/* ---- GridSample: places from -1 to 1, the last coordinate of the grid the fastest dimension ---- */

typedef enum method { LINEAR, NEAREST, CUBIC } method;
typedef enum beyond { ZEROS, BORDER, REFLECTION } beyond;

static df_status modes_of(const df_call *call, method *m, beyond *b)
{
    const char *mode = df__call_string(call, "mode", "linear"), *padding = df__call_string(call, "padding_mode", "zeros");
    if (strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0)
        *m = LINEAR;
    else if (strcmp(mode, "nearest") == 0)
        *m = NEAREST;
    else if (strcmp(mode, "cubic") == 0 || strcmp(mode, "bicubic") == 0)
        *m = CUBIC;
    else
        return df__call_fail(call, DF_E_BAD_MODEL, "mode \"%s\"", mode);
    if (strcmp(padding, "zeros") == 0)
        *b = ZEROS;
    else if (strcmp(padding, "border") == 0)
        *b = BORDER;
    else if (strcmp(padding, "reflection") == 0)
        *b = REFLECTION;
    else
        return df__call_fail(call, DF_E_BAD_MODEL, "padding_mode \"%s\"", padding);
    return DF_OK;
}

static df_status grid_infer(df_call *call)
{
    const df_tensor *x = &call->in[0], *grid = &call->in[1];
    method m;
    beyond b;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_types(call, 0, df__floats));
    DF_TRY(df__call_types(call, 1, df__floats));
    DF_TRY(modes_of(call, &m, &b));
    int space = x->rank - 2;
    if (space < 1 || space > MAX_SPACE || grid->rank != x->rank || grid->dims[grid->rank - 1] != space || grid->dims[0] != x->dims[0])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a grid of %d dimensions for an input of %d", grid->rank, x->rank));
    call->out[0] = df__shape_like(x);
    for (int i = 0; i < space; i++)
        call->out[0].dims[2 + i] = grid->dims[1 + i];
    DF_TRY(df__call_check(call, &call->out[0]));
    for (int i = 0; i < space; i++)
        if (x->dims[2 + i] < 1)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "nothing to sample along dimension %d", 2 + i));
    DF_TRY(df__call_work(call, df__tensor_count(&call->out[0]), m == CUBIC ? 64 : 8));
done:
    return st;
}

/* Mirrored at least and most until it lies between them. */
static double reflect(double v, double least, double most)
{
    double span = most - least;
    if (!(span > 0) || !(fabs(v) < 0x1p60))
        return least;
    double at = fmod(fabs(v - least), 2 * span);
    return least + (at <= span ? at : 2 * span - at);
}

/* A place along n pixels that may lie outside, brought in as the padding says. Far away and NaN is -1: outside. */
static double place(double v, int64_t n, beyond b, bool corners)
{
    if (!(fabs(v) < 0x1p40))
        v = v > 0 && b != ZEROS ? (double)n - 1 : b != ZEROS ? 0 : -4;
    if (b == BORDER)
        return v < 0 ? 0 : v > (double)n - 1 ? (double)n - 1 : v;
    if (b == REFLECTION) {
        v = corners ? reflect(v, 0, (double)n - 1) : reflect(v, -0.5, (double)n - 0.5);
        return v < 0 ? 0 : v > (double)n - 1 ? (double)n - 1 : v;
    }
    return v;
}

/* Up to four pixels along one dimension: the first, and their weights. */
typedef struct taps { int64_t at[4]; double weight[4]; int n; } taps;

static taps taps_of(double v, int64_t n, method m, beyond b, bool corners)
{
    taps t = {.n = m == NEAREST ? 1 : m == LINEAR ? 2 : 4};
    if (m != CUBIC)
        v = place(v, n, b, corners);
    else if (!(fabs(v) < 0x1p40))
        v = v > 0 && b != ZEROS ? (double)n - 1 : b != ZEROS ? 0 : -4;
    double low = floor(v), f = v - low;
    if (m == NEAREST) {
        t.at[0] = (int64_t)rint(v);
        t.weight[0] = 1;
    } else if (m == LINEAR) {
        t.at[0] = (int64_t)low, t.at[1] = t.at[0] + 1;
        t.weight[0] = 1 - f, t.weight[1] = f;
    } else { /* R. Keys 1981, "Cubic convolution interpolation", a = -0.75 as in the standard's reference */
        const double a = -0.75;
        for (int i = 0; i < 4; i++) {
            double d = fabs(f + 1 - i);
            t.at[i] = (int64_t)low - 1 + i;
            t.weight[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
            if (b != ZEROS)
                t.at[i] = (int64_t)place((double)t.at[i], n, b, corners);
        }
    }
    for (int i = 0; i < t.n; i++)
        if (t.at[i] < 0 || t.at[i] >= n) {
            t.at[i] = 0;
            t.weight[i] = 0;
        }
    return t;
}

static df_status grid_run(const df_call *call)
{
    const df_tensor *x = &call->in[0], *grid = &call->in[1];
    df_tensor *y = &call->out[0];
    int space = x->rank - 2;
    bool corners = df__node_int(call->node, "align_corners", 0) != 0;
    method m;
    beyond b;
    df_status st = modes_of(call, &m, &b);
    if (st != DF_OK)
        return st;
    int64_t own[DF_MAX_RANK], to[DF_MAX_RANK];
    df__strides(x, own);
    df__strides(y, to);
    for (int64_t p = 0, points = x->dims[0] * to[1]; p < points; p++) {
        taps along[MAX_SPACE] = {{{0}, {1}, 1}, {{0}, {1}, 1}, {{0}, {1}, 1}};
        int64_t step[MAX_SPACE] = {0}, image = p / to[1];
        for (int i = 0; i < space; i++) {
            double v = df__load_f64(grid, p * space + space - 1 - i);
            int64_t n = x->dims[2 + i];
            along[i] = taps_of(corners ? (v + 1) / 2 * (double)(n - 1) : ((v + 1) * (double)n - 1) / 2, n, m, b, corners);
            step[i] = own[2 + i];
        }
        for (int64_t c = 0; c < x->dims[1]; c++) {
            int64_t from = image * own[0] + c * own[1];
            double sum = 0;
            for (int i = 0; i < along[0].n; i++)
                for (int j = 0; j < along[1].n; j++)
                    for (int k = 0; k < along[2].n; k++) {
                        double w = along[0].weight[i] * along[1].weight[j] * along[2].weight[k];
                        if (w != 0)
                            sum += w * df__load_f64(x, from + along[0].at[i] * step[0] + along[1].at[j] * step[1] + along[2].at[k] * step[2]);
                    }
            df__store_f64(y, image * to[0] + c * to[1] + p % to[1], sum);
        }
    }
    return DF_OK;
}

/* ---- AffineGrid: theta times the places of an output's pixels ---- */

static df_status affine_infer(df_call *call)
{
    int64_t size[MAX_SPACE + 2];
    size_t n = 0;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, 2));
    DF_TRY(df__call_types(call, 0, df__floats));
    DF_TRY(df__call_ints(call, 1, NULL, size, MAX_SPACE + 2, &n));
    const df_tensor *theta = &call->in[0];
    int space = (int)n - 2;
    if (space < 2 || theta->rank != 3 || theta->dims[0] != size[0] || theta->dims[1] != space || theta->dims[2] != space + 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "theta of %d dimensions for a size of %zu", theta->rank, n));
    call->out[0] = (df_tensor){.type = theta->type, .rank = space + 2};
    call->out[0].dims[0] = size[0];
    for (int i = 0; i < space; i++)
        call->out[0].dims[1 + i] = size[2 + i];
    call->out[0].dims[1 + space] = space;
    DF_TRY(df__call_check(call, &call->out[0]));
done:
    return st;
}

static df_status affine_run(const df_call *call)
{
    df_tensor *y = &call->out[0];
    int space = y->rank - 2;
    int64_t at[DF_MAX_RANK] = {0}, i = 0;
    bool corners = df__node_int(call->node, "align_corners", 0) != 0;
    do {
        int64_t row = (at[0] * space + at[space + 1]) * (space + 1);
        double v = df__load_f64(&call->in[0], row + space);
        for (int k = 0; k < space; k++) { /* x first: the fastest dimension */
            double n = (double)y->dims[space - k], p = (double)at[space - k];
            double where = corners ? (n > 1 ? 2 * p / (n - 1) - 1 : -1) : (2 * p + 1) / n - 1;
            v += where * df__load_f64(&call->in[0], row + k);
        }
        df__store_f64(y, i++, v);
    } while (df__next_index(at, y->dims, y->rank));
    return DF_OK;
}

/* ---- RoiAlign (K. He et al. 2017, "Mask R-CNN"): boxes cut out and brought to one size ---- */

typedef struct roi { int64_t height, width, samples; double scale, offset; bool max; } roi;

static df_status roi_of(const df_call *call, roi *r)
{
    const char *mode = df__call_string(call, "mode", "avg");
    const char *said = df__call_string(call, "coordinate_transformation_mode", call->opset >= 16 ? "half_pixel" : "output_half_pixel");
    *r = (roi){df__node_int(call->node, "output_height", 1), df__node_int(call->node, "output_width", 1), df__node_int(call->node, "sampling_ratio", 0),
               (double)df__node_float(call->node, "spatial_scale", 1), strcmp(said, "half_pixel") == 0 ? 0.5 : 0, strcmp(mode, "max") == 0};
    if (r->height < 1 || r->width < 1 || r->samples < 0 || r->height > INT32_MAX || r->width > INT32_MAX || r->samples > INT16_MAX)
        return df__call_fail(call, DF_E_BAD_MODEL, "%lld x %lld outputs of %lld samples", (long long)r->height, (long long)r->width, (long long)r->samples);
    return DF_OK;
}

static df_status roi_infer(df_call *call)
{
    static const df_dtype i64[] = {DF_I64, 0};
    const df_tensor *x = &call->in[0], *boxes = &call->in[1];
    roi r;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 3));
    DF_TRY(df__call_types(call, 0, df__floats));
    DF_TRY(df__call_types(call, 1, df__floats));
    DF_TRY(df__call_types(call, 2, i64));
    DF_TRY(roi_of(call, &r));
    if (x->rank != 4 || boxes->rank != 2 || boxes->dims[1] != 4 || call->in[2].rank != 1 || call->in[2].dims[0] != boxes->dims[0])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "needs an input of 4 dimensions, boxes [n, 4] and n numbers of images"));
    call->out[0] = (df_tensor){.type = x->type, .rank = 4, .dims = {boxes->dims[0], x->dims[1], r.height, r.width}};
    DF_TRY(df__call_check(call, &call->out[0]));
    DF_TRY(df__call_work(call, df__tensor_count(&call->out[0]), r.samples * r.samples + 1));
done:
    return st;
}

/* The four pixels around a place, and their weights; none (n = 0) more than a pixel outside. */
typedef struct corner { int64_t at[4]; double weight[4]; int n; } corner;

static corner around(double y, double x, int64_t height, int64_t width)
{
    corner c = {.n = 4};
    if (!(y >= -1) || !(y <= (double)height) || !(x >= -1) || !(x <= (double)width))
        return (corner){.n = 0};
    y = y < 0 ? 0 : y;
    x = x < 0 ? 0 : x;
    int64_t top = (int64_t)y, left = (int64_t)x;
    bool low = top >= height - 1, right = left >= width - 1;
    top = low ? height - 1 : top;
    left = right ? width - 1 : left;
    double v = low ? 0 : y - (double)top, h = right ? 0 : x - (double)left;
    int64_t down = low ? 0 : width, across = right ? 0 : 1;
    for (int i = 0; i < 4; i++) {
        c.at[i] = top * width + left + (i & 2 ? down : 0) + (i & 1 ? across : 0);
        c.weight[i] = (i & 2 ? v : 1 - v) * (i & 1 ? h : 1 - h);
    }
    return c;
}

static double sample_bin(const df_call *call, const roi *r, int64_t plane, double top, double left, double high, double wide, int64_t rows,
                         int64_t columns)
{
    const df_tensor *x = &call->in[0];
    double sum = 0, most = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            corner c = around(top + ((double)i + 0.5) * high / (double)rows, left + ((double)j + 0.5) * wide / (double)columns, x->dims[2], x->dims[3]);
            double v = 0;
            bool first = i == 0 && j == 0;
            for (int k = 0; k < c.n; k++) {
                double part = c.weight[k] * df__load_f64(x, plane + c.at[k]);
                v = r->max ? (k == 0 || part > v ? part : v) : v + part; /* the standard takes the largest weighted corner */
            }
            sum += v;
            most = first || v > most ? v : most;
        }
    return r->max ? most : sum / (double)(rows * columns > 0 ? rows * columns : 1);
}

static df_status roi_run(const df_call *call)
{
    const df_tensor *x = &call->in[0];
    roi r;
    int64_t work = 0, area = x->dims[2] * x->dims[3], to = 0;
    df_status st = DF_OK;
    DF_TRY(roi_of(call, &r));
    if (area == 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "boxes of an empty picture"));
    for (int64_t b = 0; b < call->in[1].dims[0]; b++) {
        int64_t image = df__load_i64(&call->in[2], b);
        double box[4];
        if (image < 0 || image >= x->dims[0])
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "image %lld of %lld", (long long)image, (long long)x->dims[0]));
        for (int i = 0; i < 4; i++)
            box[i] = df__load_f64(&call->in[1], 4 * b + i) * r.scale - r.offset;
        double wide = box[2] - box[0], high = box[3] - box[1];
        if (r.offset == 0) { /* as boxes of whole pixels: at least one */
            wide = wide > 1 ? wide : 1;
            high = high > 1 ? high : 1;
        }
        wide /= (double)r.width;
        high /= (double)r.height;
        if (!(fabs(wide) < 0x1p20) || !(fabs(high) < 0x1p20))
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "box %lld of %g x %g pixels", (long long)b, wide * (double)r.width, high * (double)r.height));
        int64_t rows = r.samples ? r.samples : (int64_t)ceil(high), columns = r.samples ? r.samples : (int64_t)ceil(wide);
        rows = rows < 0 ? 0 : rows;
        columns = columns < 0 ? 0 : columns;
        int64_t each = rows * columns + 1, outputs = x->dims[1] * r.height * r.width;
        DF_TRY(df__call_work(call, outputs, each));
        work += outputs * each;
        DF_TRY(df__call_work(call, work, 1));
        for (int64_t c = 0; c < x->dims[1]; c++)
            for (int64_t i = 0; i < r.height; i++)
                for (int64_t j = 0; j < r.width; j++)
                    df__store_f64(&call->out[0], to++,
                                  sample_bin(call, &r, (image * x->dims[1] + c) * area, box[1] + (double)i * high, box[0] + (double)j * wide, high, wide,
                                             rows, columns));
    }
done:
    return st;
}

const df_op df__op_GridSample = {.name = "GridSample", .infer = grid_infer, .run = grid_run};
const df_op df__op_AffineGrid = {.name = "AffineGrid", .needs = 2, .infer = affine_infer, .run = affine_run};
const df_op df__op_RoiAlign = {.name = "RoiAlign", .infer = roi_infer, .run = roi_run};
