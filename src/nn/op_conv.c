/* op_conv.c - Conv and ConvTranspose: the reference in plain C, and their hand-over to oneDNN. */
#include <string.h>

#include "nn/kernel.h"
#include "nn/op.h"

static const df_dtype f32_only[] = {DF_F32, 0}, held[] = {DF_F32, DF_BF16, 0}; /* bfloat16: between layers of a plan, in no file */

/* Weights [out, in / group, kernel...]; for ConvTranspose [in, out / group, kernel...]. */
static df_status check_weights(const df_call *call, const df_window *w, int64_t *group)
{
    const df_tensor *x = &call->in[0], *k = &call->in[1];
    *group = df__node_int(call->node, "group", 1);
    if (k->rank != x->rank)
        return df__call_fail(call, DF_E_BAD_MODEL, "weights of %d dimensions for an input of %d", k->rank, x->rank);
    if (*group < 1 || *group > INT32_MAX || w->c % *group != 0 || k->dims[0] % *group != 0)
        return df__call_fail(call, DF_E_BAD_MODEL, "%lld groups of %lld channels to %lld", (long long)*group, (long long)w->c,
                             (long long)k->dims[0]);
    return DF_OK;
}

static df_status check_bias(const df_call *call, int64_t channels)
{
    const df_tensor *b = &call->in[2];
    if (df__given(call, 2) && (b->rank != 1 || b->dims[0] != channels))
        return df__call_fail(call, DF_E_BAD_MODEL, "a bias of %lld values for %lld channels", (long long)df__tensor_count(b),
                             (long long)channels);
    return DF_OK;
}

static int64_t product(const int64_t *v, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++) {
        if (v[i] != 0 && p > INT64_MAX / v[i])
            return INT64_MAX;
        p *= v[i];
    }
    return p;
}

static df_status conv_geometry(const df_call *call, df_window *w, int64_t *group)
{
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 2, SIZE_MAX)); /* the passes add inputs: what posts read */
    for (size_t i = 0; i < 3; i++)
        DF_TRY(df__call_types(call, i, held));
    if (call->in[1].rank < 3)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "weights of %d dimensions", call->in[1].rank));
    DF_TRY(df__window(call, call->in[1].dims + 2, w));
    DF_TRY(check_weights(call, w, group));
    if (call->in[1].dims[1] != w->c / *group)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "weights for %lld channels a group, the input has %lld in %lld groups",
                             (long long)call->in[1].dims[1], (long long)w->c, (long long)*group));
    DF_TRY(check_bias(call, call->in[1].dims[0]));
done:
    return st;
}

static df_status conv_infer(df_call *call)
{
    df_window w;
    int64_t group;
    df_status st = conv_geometry(call, &w, &group);
    if (st == DF_OK)
        st = df__call_types(call, 0, f32_only);
    if (st != DF_OK)
        return st;
    call->out[0].type = DF_F32;
    df__space_dims(call, &call->out[0], w.n, call->in[1].dims[0], w.space, w.out);
    st = df__call_check(call, &call->out[0]);
    return st != DF_OK ? st : df__call_work(call, df__tensor_count(&call->out[0]), product(call->in[1].dims + 1, w.space + 1));
}

/* Steps a little-endian counter of `n` digits; false when it is back at zero. */
static bool count_up(int64_t *at, const int64_t *limits, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (++at[i] < limits[i])
            return true;
        at[i] = 0;
    }
    return false;
}

/* One output: the sum over the window and the channels of its group. */
static float conv_one(const df_window *w, const float *x, const int64_t *sx, const float *k, int64_t channels, const int64_t *at)
{
    int64_t tap[DF_MAX_SPACE] = {0}, taps = product(w->kernel, w->space);
    float sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t offset = 0;
        bool inside = true;
        for (int i = 0; i < w->space; i++) {
            int64_t p = at[i] * w->stride[i] - w->pad[i] + tap[i] * w->dilation[i];
            inside = inside && p >= 0 && p < w->in[i];
            offset += p * sx[2 + i];
        }
        for (int64_t c = 0; inside && c < channels; c++)
            sum += x[offset + c * sx[1]] * k[c * taps + t];
        count_up(tap, w->kernel, w->space);
    }
    return sum;
}

static df_status conv_run(const df_call *call)
{
    df_window w;
    int64_t group, sx[DF_MAX_RANK], sy[DF_MAX_RANK];
    df_status st = conv_geometry(call, &w, &group);
    if (st != DF_OK)
        return st;
    const float *x = call->in[0].data, *k = call->in[1].data, *b = df__given(call, 2) ? call->in[2].data : NULL;
    float *y = call->out[0].data;
    if (df__tensor_count(&call->out[0]) == 0)
        return DF_OK;
    df__space_strides(call, &call->in[0], sx);
    df__space_strides(call, &call->out[0], sy);
    int64_t outs = call->in[1].dims[0], channels = w.c / group, each = channels * product(w.kernel, w.space);
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t o = 0; o < outs; o++) {
            const float *from = x + n * sx[0] + o / (outs / group) * channels * sx[1];
            int64_t at[DF_MAX_SPACE] = {0};
            do {
                int64_t to = n * sy[0] + o * sy[1];
                for (int i = 0; i < w.space; i++)
                    to += at[i] * sy[2 + i];
                y[to] = conv_one(&w, from, sx, k + o * each, channels, at) + (b ? b[o] : 0);
            } while (count_up(at, w.out, w.space));
        }
    return DF_OK;
}

static df_status conv_compile(const df_call *call, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_window w = {0};
    int64_t group;
    df_status st = conv_geometry(call, &w, &group);
    if (st != DF_OK || df__tensor_count(&call->out[0]) == 0 || df__tensor_count(&call->in[0]) == 0)
        return st;
    return df__conv_compile(call, &w, group, false, fused, packer, out);
}

const df_op df__op_Conv = {
    .name = "Conv", .flags = DF_OP_CHANNELS_LAST | DF_OP_HALVES, .infer = conv_infer, .run = conv_run, .compile = conv_compile};

/* ---- ConvTranspose: the gradient of Conv with respect to its input ---- */

/* Pads as ONNX defines them: total = stride (in - 1) + output_padding + span - out. */
static df_status deconv_geometry(const df_call *call, df_window *w, int64_t *group)
{
    df_status st = DF_OK;
    int64_t extra[DF_MAX_SPACE] = {0}, shape[DF_MAX_SPACE];
    size_t n_extra = 0, n_shape = 0;
    const char *pad = df__call_string(call, "auto_pad", "NOTSET");
    DF_TRY(df__call_arity(call, 2, SIZE_MAX)); /* the passes add inputs: what posts read */
    for (size_t i = 0; i < 3; i++)
        DF_TRY(df__call_types(call, i, held));
    const df_tensor *x = &call->in[0], *k = &call->in[1];
    if (x->rank < 3 || k->rank != x->rank || x->rank > 2 + DF_MAX_SPACE)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "weights of %d dimensions for an input of %d", k->rank, x->rank));
    /* The attributes are Conv's; here the window may be larger than the input, so they are read for an input that no window exceeds. */
    int64_t dims[DF_MAX_SPACE];
    for (int i = 0; i < DF_MAX_SPACE; i++)
        dims[i] = INT32_MAX;
    df_tensor wide = {.type = DF_F32};
    df__space_dims(call, &wide, x->dims[0], x->dims[call->nhwc ? x->rank - 1 : 1], x->rank - 2, dims);
    df_call probe = *call;
    probe.in = &wide;
    probe.n_in = 1;
    DF_TRY(df__window(&probe, k->dims + 2, w));
    for (int i = 0; i < w->space; i++)
        w->in[i] = x->dims[i + (call->nhwc ? 1 : 2)];
    DF_TRY(check_weights(call, w, group));
    if (k->dims[0] != w->c)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "weights for %lld channels, the input has %lld", (long long)k->dims[0],
                             (long long)w->c));
    DF_TRY(df__call_ints(call, -1, "output_padding", extra, DF_MAX_SPACE, &n_extra));
    DF_TRY(df__call_ints(call, -1, "output_shape", shape, DF_MAX_SPACE, &n_shape));
    if ((n_extra && n_extra != (size_t)w->space) || (n_shape && n_shape != (size_t)w->space))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "output_padding or output_shape of %zu and %zu values", n_extra, n_shape));
    for (int i = 0; i < w->space; i++) {
        int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        if (extra[i] < 0 || extra[i] > INT32_MAX || w->in[i] > INT32_MAX || w->stride[i] > INT32_MAX || span > INT32_MAX)
            DF_TRY(df__call_fail(call, DF_E_LIMIT, "a side of %lld pixels", (long long)w->in[i]));
        int64_t full = w->stride[i] * (w->in[i] - 1) + extra[i] + span;
        bool fixed = n_shape != 0, auto_pad = pad[0] == 'S';
        if (fixed || auto_pad) {
            w->out[i] = fixed ? shape[i] : w->in[i] * w->stride[i];
            int64_t total = full - w->out[i] > 0 ? full - w->out[i] : 0;
            bool lower = strcmp(pad, "SAME_LOWER") == 0;
            w->pad[i] = lower ? total - total / 2 : total / 2;
            w->pad_end[i] = total - w->pad[i];
        } else {
            w->out[i] = full - w->pad[i] - w->pad_end[i];
        }
        if (w->out[i] < 1)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "an output of %lld pixels", (long long)w->out[i]));
    }
    DF_TRY(check_bias(call, k->dims[1] * *group));
done:
    return st;
}

static df_status deconv_infer(df_call *call)
{
    df_window w;
    int64_t group;
    df_status st = deconv_geometry(call, &w, &group);
    if (st == DF_OK)
        st = df__call_types(call, 0, f32_only);
    if (st != DF_OK)
        return st;
    call->out[0].type = DF_F32;
    df__space_dims(call, &call->out[0], w.n, call->in[1].dims[1] * group, w.space, w.out);
    st = df__call_check(call, &call->out[0]);
    return st != DF_OK ? st : df__call_work(call, df__tensor_count(&call->in[0]), product(call->in[1].dims + 1, w.space + 1));
}

static df_status deconv_run(const df_call *call)
{
    df_window w;
    int64_t group, sx[DF_MAX_RANK], sy[DF_MAX_RANK];
    df_status st = deconv_geometry(call, &w, &group);
    if (st != DF_OK)
        return st;
    const float *x = call->in[0].data, *k = call->in[1].data, *b = df__given(call, 2) ? call->in[2].data : NULL;
    float *y = call->out[0].data;
    df__space_strides(call, &call->in[0], sx);
    df__space_strides(call, &call->out[0], sy);
    int64_t outs = call->in[1].dims[1], channels = w.c / group, taps = product(w.kernel, w.space), pixels = product(w.in, w.space);
    int64_t total = df__tensor_count(&call->out[0]);
    for (int64_t i = 0; i < total; i++)
        y[i] = 0;
    for (int64_t n = 0; n < w.n && pixels > 0; n++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t o = 0; o < outs; o++) {
                const float *taps_of = k + (c * outs + o) * taps;
                float *to = y + n * sy[0] + (c / channels * outs + o) * sy[1];
                int64_t at[DF_MAX_SPACE] = {0};
                do {
                    int64_t from = n * sx[0] + c * sx[1], tap[DF_MAX_SPACE] = {0};
                    for (int i = 0; i < w.space; i++)
                        from += at[i] * sx[2 + i];
                    for (int64_t t = 0; t < taps; t++) {
                        int64_t offset = 0;
                        bool inside = true;
                        for (int i = 0; i < w.space; i++) {
                            int64_t p = at[i] * w.stride[i] - w.pad[i] + tap[i] * w.dilation[i];
                            inside = inside && p >= 0 && p < w.out[i];
                            offset += p * sy[2 + i];
                        }
                        if (inside)
                            to[offset] += x[from] * taps_of[t];
                        count_up(tap, w.kernel, w.space);
                    }
                } while (count_up(at, w.in, w.space));
            }
    if (b && total > 0)
        for (int64_t n = 0; n < w.n; n++)
            for (int64_t o = 0; o < outs * group; o++) {
                int64_t at[DF_MAX_SPACE] = {0};
                do {
                    int64_t to = n * sy[0] + o * sy[1];
                    for (int i = 0; i < w.space; i++)
                        to += at[i] * sy[2 + i];
                    y[to] += b[o];
                } while (count_up(at, w.out, w.space));
            }
    return DF_OK;
}

static df_status deconv_compile(const df_call *call, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_window w;
    int64_t group;
    df_status st = deconv_geometry(call, &w, &group);
    if (st != DF_OK || df__tensor_count(&call->out[0]) == 0 || df__tensor_count(&call->in[0]) == 0)
        return st;
    return df__conv_compile(call, &w, group, true, fused, packer, out);
}

const df_op df__op_ConvTranspose = {
    .name = "ConvTranspose", .flags = DF_OP_CHANNELS_LAST | DF_OP_HALVES, .infer = deconv_infer, .run = deconv_run, .compile = deconv_compile};
