/* op_window.c - the geometry of kernels that slide over space: convolutions and pools. */
#include <string.h>

#include "nn/op.h"

/* A dimension past this is no picture's; keeps every product of the geometry inside int64. */
static const int64_t MAX_SIDE = (int64_t)1 << 31;

static df_status read_list(const df_call *call, const char *attr, int space, int64_t otherwise, int64_t least, int64_t *out)
{
    size_t n = 0;
    df_status st = df__call_ints(call, -1, attr, out, DF_MAX_SPACE, &n);
    if (st != DF_OK)
        return st;
    if (n != 0 && n != (size_t)space)
        return df__call_fail(call, DF_E_BAD_MODEL, "attribute %s has %zu values for %d spatial dimensions", attr, n, space);
    for (int i = 0; i < space; i++) {
        if (n == 0)
            out[i] = otherwise;
        if (out[i] < least || out[i] > MAX_SIDE)
            return df__call_fail(call, DF_E_BAD_MODEL, "attribute %s holds %lld", attr, (long long)out[i]);
    }
    return DF_OK;
}

static df_status read_pads(const df_call *call, df_window *w)
{
    int64_t pads[2 * DF_MAX_SPACE];
    size_t n = 0;
    df_status st = df__call_ints(call, -1, "pads", pads, 2 * DF_MAX_SPACE, &n);
    if (st != DF_OK)
        return st;
    if (n != 0 && n != 2 * (size_t)w->space)
        return df__call_fail(call, DF_E_BAD_MODEL, "attribute pads has %zu values for %d spatial dimensions", n, w->space);
    for (int i = 0; i < w->space; i++) {
        w->pad[i] = n ? pads[i] : 0;
        w->pad_end[i] = n ? pads[w->space + i] : 0;
        if (w->pad[i] < 0 || w->pad_end[i] < 0 || w->pad[i] > MAX_SIDE || w->pad_end[i] > MAX_SIDE)
            return df__call_fail(call, DF_E_BAD_MODEL, "attribute pads holds %lld and %lld", (long long)w->pad[i], (long long)w->pad_end[i]);
    }
    return DF_OK;
}

/* auto_pad: SAME_* makes ceil(in / stride) outputs, the odd pixel at the end (UPPER) or the beginning (LOWER). */
static void pad_same(df_window *w, int i, bool lower)
{
    int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
    int64_t total = (out - 1) * w->stride[i] + span - w->in[i];
    if (total < 0)
        total = 0;
    w->pad[i] = lower ? (total + 1) / 2 : total / 2;
    w->pad_end[i] = total - w->pad[i];
}

static df_status slide(const df_call *call, df_window *w, int i, bool ceil_mode)
{
    int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t room = w->in[i] + w->pad[i] + w->pad_end[i] - span;
    if (room < 0)
        return df__call_fail(call, DF_E_BAD_MODEL, "a window of %lld over %lld pixels", (long long)span, (long long)(room + span));
    w->out[i] = room / w->stride[i] + 1;
    /* A last window may hang over the end, but has to begin inside the input or the padding before it (ONNX MaxPool, ceil_mode). */
    if (ceil_mode && room % w->stride[i] != 0 && w->out[i] * w->stride[i] < w->in[i] + w->pad[i])
        w->out[i]++;
    return DF_OK;
}

df_status df__window(const df_call *call, const int64_t *kernel, df_window *w)
{
    const df_tensor *x = &call->in[0];
    if (x->rank < 3)
        return df__call_fail(call, DF_E_BAD_MODEL, "input of %d dimensions, needs 3 or more", x->rank);
    *w = (df_window){.space = x->rank - 2, .n = x->dims[0], .c = x->dims[call->nhwc ? x->rank - 1 : 1]};
    for (int i = 0; i < w->space; i++) {
        w->in[i] = x->dims[i + (call->nhwc ? 1 : 2)];
        if (w->in[i] > MAX_SIDE)
            return df__call_fail(call, DF_E_LIMIT, "a side of %lld pixels", (long long)w->in[i]);
    }
    df_status st = DF_OK;
    DF_TRY(read_list(call, "kernel_shape", w->space, 0, 0, w->kernel));
    for (int i = 0; i < w->space; i++) {
        if (kernel && w->kernel[i] != 0 && w->kernel[i] != kernel[i])
            return df__call_fail(call, DF_E_BAD_MODEL, "kernel_shape says %lld, the weights %lld", (long long)w->kernel[i],
                                 (long long)kernel[i]);
        if (kernel)
            w->kernel[i] = kernel[i];
        if (w->kernel[i] < 1 || w->kernel[i] > MAX_SIDE)
            return df__call_fail(call, DF_E_BAD_MODEL, "a kernel of side %lld", (long long)w->kernel[i]);
    }
    DF_TRY(read_list(call, "strides", w->space, 1, 1, w->stride));
    DF_TRY(read_list(call, "dilations", w->space, 1, 1, w->dilation));
    const char *pad = df__call_string(call, "auto_pad", "NOTSET");
    bool ceil_mode = df__node_int(call->node, "ceil_mode", 0) != 0;
    if (strcmp(pad, "NOTSET") == 0)
        DF_TRY(read_pads(call, w));
    else if (strcmp(pad, "VALID") != 0 && strcmp(pad, "SAME_UPPER") != 0 && strcmp(pad, "SAME_LOWER") != 0)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "auto_pad \"%s\"", pad));
    for (int i = 0; i < w->space; i++) {
        if (pad[0] == 'S')
            pad_same(w, i, strcmp(pad, "SAME_LOWER") == 0);
        DF_TRY(slide(call, w, i, ceil_mode));
    }
done:
    return st;
}

void df__space_dims(const df_call *call, df_tensor *t, int64_t n, int64_t c, int space, const int64_t *dims)
{
    t->rank = space + 2;
    t->dims[0] = n;
    t->dims[call->nhwc ? space + 1 : 1] = c;
    for (int i = 0; i < space; i++)
        t->dims[i + (call->nhwc ? 1 : 2)] = dims[i];
}

void df__space_strides(const df_call *call, const df_tensor *t, int64_t strides[DF_MAX_RANK])
{
    int64_t plain[DF_MAX_RANK];
    df__strides(t, plain);
    memcpy(strides, plain, sizeof plain);
    if (call->nhwc && t->rank == 4) {
        strides[1] = plain[3];
        strides[2] = plain[1];
        strides[3] = plain[2];
    }
}
