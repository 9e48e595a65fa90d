/* op_deform.c - DeformConv (J. Dai et al. 2017, X. Zhu et al. 2018): a convolution whose taps are moved by offsets and weighed by a mask. */
#include <math.h>
#include <string.h>

#include "nn/op.h"

typedef struct deform { df_window w; int64_t groups, offset_groups, in_each, out_each, taps, pixels; } deform;

static df_status deform_of(const df_call *call, deform *d)
{
    const df_tensor *x = &call->in[0], *w = &call->in[1];
    df_status st = DF_OK;
    if (x->rank != 4 || w->rank != 4)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input of %d and weights of %d dimensions, needs 4", x->rank, w->rank));
    DF_TRY(df__window(call, w->dims + 2, &d->w));
    d->groups = df__node_int(call->node, "group", 1);
    d->offset_groups = df__node_int(call->node, "offset_group", 1);
    if (d->groups < 1 || w->dims[0] % d->groups != 0 || d->w.c % d->groups != 0 || d->w.c / d->groups != w->dims[1])
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld channels and %lld x %lld weights in %lld groups", (long long)d->w.c, (long long)w->dims[0],
                             (long long)w->dims[1], (long long)d->groups));
    if (d->offset_groups < 1 || d->w.c % d->offset_groups != 0 || d->offset_groups > d->w.c)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "%lld channels in %lld groups of offsets", (long long)d->w.c, (long long)d->offset_groups));
    d->in_each = w->dims[1];
    d->out_each = w->dims[0] / d->groups;
    d->taps = d->w.kernel[0] * d->w.kernel[1];
    if (d->w.out[0] > INT32_MAX || d->w.out[1] > INT32_MAX)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%lld x %lld outputs", (long long)d->w.out[0], (long long)d->w.out[1]));
    d->pixels = d->w.out[0] * d->w.out[1];
done:
    return st;
}

/* Input i is [n, groups of offsets * taps * each, rows, columns] */
static df_status check_field(const df_call *call, const deform *d, size_t i, int64_t each)
{
    const df_tensor *t = &call->in[i];
    if (!df__given(call, i))
        return DF_OK;
    if (t->rank != 4 || t->dims[0] != d->w.n || t->dims[1] / each / d->taps != d->offset_groups || t->dims[1] % (each * d->taps) != 0 ||
        t->dims[2] != d->w.out[0] || t->dims[3] != d->w.out[1])
        return df__call_fail(call, DF_E_BAD_MODEL, "input %zu does not fit %lld taps of %lld x %lld outputs", i, (long long)d->taps,
                             (long long)d->w.out[0], (long long)d->w.out[1]);
    return DF_OK;
}

static df_status deform_infer(df_call *call)
{
    static const df_dtype floats[] = {DF_F32, DF_F64, 0};
    deform d;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 3, 5));
    for (size_t i = 0; i < 5; i++) {
        DF_TRY(df__call_types(call, i, floats));
        if (df__given(call, i) && call->in[i].type != call->in[0].type)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu is not of the type of input 0", i));
    }
    DF_TRY(deform_of(call, &d));
    DF_TRY(check_field(call, &d, 2, 2));
    DF_TRY(check_field(call, &d, 4, 1));
    if (df__given(call, 3) && (call->in[3].rank != 1 || call->in[3].dims[0] != d.groups * d.out_each))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a bias that does not fit %lld channels", (long long)(d.groups * d.out_each)));
    call->out[0].type = call->in[0].type;
    df__space_dims(call, &call->out[0], d.w.n, d.groups * d.out_each, 2, d.w.out);
    DF_TRY(df__call_check(call, &call->out[0]));
    DF_TRY(df__call_work(call, df__tensor_count(&call->out[0]), d.in_each * d.taps));
done:
    return st;
}

/* Between four pixels; what lies outside is 0. */
static double between(const df_tensor *x, int64_t plane, double row, double column)
{
    int64_t h = x->dims[2], w = x->dims[3];
    if (!(row > -1) || !(row < (double)h) || !(column > -1) || !(column < (double)w))
        return 0;
    int64_t top = (int64_t)floor(row), left = (int64_t)floor(column);
    double v = row - (double)top, u = column - (double)left, sum = 0;
    for (int i = 0; i < 4; i++) {
        int64_t r = top + (i >> 1), c = left + (i & 1);
        if (r >= 0 && r < h && c >= 0 && c < w)
            sum += (i & 2 ? v : 1 - v) * (i & 1 ? u : 1 - u) * df__load_f64(x, plane + r * w + c);
    }
    return sum;
}

/* The input under each tap of one output pixel, for all channels: values[channel * taps + tap]. */
static void gather_taps(const df_call *call, const deform *d, int64_t image, int64_t pixel, double *values)
{
    int64_t row = pixel / d->w.out[1] * d->w.stride[0] - d->w.pad[0], column = pixel % d->w.out[1] * d->w.stride[1] - d->w.pad[1];
    int64_t shared = d->w.c / d->offset_groups, area = d->w.in[0] * d->w.in[1];
    for (int64_t c = 0; c < d->w.c; c++)
        for (int64_t t = 0; t < d->taps; t++) {
            int64_t field = (image * d->offset_groups + c / shared) * d->taps + t;
            double down = df__load_f64(&call->in[2], 2 * field * d->pixels + pixel), right = df__load_f64(&call->in[2], (2 * field + 1) * d->pixels + pixel);
            double mask = df__given(call, 4) ? df__load_f64(&call->in[4], field * d->pixels + pixel) : 1;
            double r = (double)(row + t / d->w.kernel[1] * d->w.dilation[0]) + down, q = (double)(column + t % d->w.kernel[1] * d->w.dilation[1]) + right;
            values[c * d->taps + t] = mask * between(&call->in[0], (image * d->w.c + c) * area, r, q);
        }
}

static df_status deform_run(const df_call *call)
{
    deform d;
    df_status st = deform_of(call, &d);
    if (st != DF_OK)
        return st;
    int64_t outputs = d.groups * d.out_each, each = d.in_each * d.taps;
    double *values = df__arena_calloc(call->scratch, (size_t)(d.w.c * d.taps) + 1, sizeof *values);
    if (!values)
        return df__no_memory(call->err, "DeformConv", (size_t)(d.w.c * d.taps) * sizeof *values);
    for (int64_t image = 0; image < d.w.n; image++)
        for (int64_t p = 0; p < d.pixels; p++) {
            gather_taps(call, &d, image, p, values);
            for (int64_t o = 0; o < outputs; o++) {
                double sum = df__given(call, 3) ? df__load_f64(&call->in[3], o) : 0;
                for (int64_t k = 0; k < each; k++)
                    sum += df__load_f64(&call->in[1], o * each + k) * values[o / d.out_each * each + k];
                df__store_f64(&call->out[0], (image * outputs + o) * d.pixels + p, sum);
            }
        }
    return DF_OK;
}

const df_op df__op_DeformConv = {.name = "DeformConv", .infer = deform_infer, .run = deform_run};
