/* ports.c - is a recogniser's network one for its row: a picture of the row's size in, so many numbers out? */
#include <stdio.h>

#include "models/loader.h"

static void shape_text(const df_tensor *t, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < t->rank && at < size; i++) {
        const char *sep = i ? " x " : "";
        at += (size_t)(t->dims[i] < 0 ? snprintf(text + at, size - at, "%sany", sep)
                                      : snprintf(text + at, size - at, "%s%lld", sep, (long long)t->dims[i]));
    }
}

static bool fits(int64_t declared, int64_t wanted) { return declared < 0 || declared == wanted; }

df_status df__ports_check(const df_model_info *info, const df_net *net, df_error *err)
{
    char text[160];
    if (df__net_inputs(net) != 1 || df__net_outputs(net) < 1)
        return df__fail(err, DF_E_BAD_MODEL, "%s: a network of %zu inputs and %zu outputs is no recogniser, which has one input and an output",
                        info->name, df__net_inputs(net), df__net_outputs(net));
    const df_tensor *in = &df__net_input(net, 0)->shape, *out = &df__net_output(net, 0)->shape;
    const int64_t *d = in->dims;
    if (in->rank >= 0) { /* -1: the file does not say */
        bool planes = in->rank == 4 && fits(d[1], 3) && fits(d[2], info->height) && fits(d[3], info->width);
        bool last = in->rank == 4 && fits(d[1], info->height) && fits(d[2], info->width) && fits(d[3], 3);
        shape_text(in, text, sizeof text);
        if (in->type != DF_F32 || !(planes || last))
            return df__fail(err, DF_E_BAD_MODEL, "%s: the network's input is %s%s, not photos of %d x %d pixels in float32", info->name,
                            text, in->type == DF_F32 ? "" : " of another type", info->width, info->height);
    }
    int64_t numbers = 1;
    for (int i = 1; i < out->rank; i++)
        numbers = out->dims[i] < 0 || numbers < 0 ? -1 : numbers * out->dims[i];
    shape_text(out, text, sizeof text);
    if (out->rank > 0 && (out->type != DF_F32 || (out->rank > 1 && !fits(numbers, info->dims))))
        return df__fail(err, DF_E_BAD_MODEL, "%s: the network's output is %s, not %d numbers a face", info->name, text, info->dims);
    return DF_OK;
}
