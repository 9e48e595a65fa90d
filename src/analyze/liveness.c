/* liveness.c - a face of flesh, or a photo of a photo? Light: two small networks whose votes are averaged. FasNet: deepface's, the two networks
 * of Silent-Face-Anti-Spoofing (Minivision). docs/attributes.md tells how far either is to be believed. */
#include <math.h>

#include "analyze/attribute.h"
#include "image/warp.h"

enum { REAL = 1 }; /* place of FasNet's three classes; the others are two kinds of spoof */

/* ---- light ---- */

static void read_antispoof(const df_attribute *self, const float *const *rows, df_findings *out)
{
    (void)self;
    out->spoof[0][REAL] = rows[0][0];
}

static void read_liveness(const df_attribute *self, const float *const *rows, df_findings *out)
{
    (void)self;
    out->spoof[1][REAL] = rows[0][0]; /* of two shares, alive and not */
}

/* Input 128 x 128 R G B of 0..1. */
const df_attribute df__antispoof_light = {
    .name = "antispoof", .gives = DF_WITH_LIVENESS, .family = DF_FAMILY_LIGHT, .width = 128, .height = 128,
    .feed = {.colour = DF_CHANNELS_RGB, .scale = 255}, .views = 1, .cuts = {{DF_CUT_BOX, 1.0, 0, 0, false}},
    .heads = {{1}}, .n_heads = 1, .read = read_antispoof};
/* Input 32 x 32 R G B of 0..1. */
const df_attribute df__liveness_light = {
    .name = "liveness", .gives = DF_WITH_LIVENESS, .family = DF_FAMILY_LIGHT, .width = 32, .height = 32,
    .feed = {.colour = DF_CHANNELS_RGB, .scale = 255}, .views = 1, .cuts = {{DF_CUT_BOX, 1.0, 0, 0, false}},
    .heads = {{2}}, .n_heads = 1, .read = read_liveness};

/* ---- FasNet ---- */

/* The part of the photo that deepface's models/spoofing/FasNetUtils.py _get_new_box takes, both ends inside. */
static df_status fasnet_part(const df_look *look, double scale, df_pixels *part, df_error *err)
{
    const df_pixels px = look->px;
    const df_face *f = look->face;
    /* the area as callers see it, whole pixels (modules/detection.py) */
    double x = floor(fmax(0, (double)f->x)), y = floor(fmax(0, (double)f->y));
    double w = fmin(px.width - x - 1, floor((double)f->w)), h = fmin(px.height - y - 1, floor((double)f->h));
    if (!(w >= 1 && h >= 1 && w < 1e6 && h < 1e6))
        return df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels at %g, %g has no liveness", (double)f->w, (double)f->h, (double)f->x,
                        (double)f->y);
    scale = fmin(fmin((px.height - 1) / h, (px.width - 1) / w), scale);
    double wide = w * scale, high = h * scale, cx = w / 2 + x, cy = h / 2 + y;
    double left = cx - wide / 2, top = cy - high / 2, right = cx + wide / 2, bottom = cy + high / 2;
    if (left < 0)
        right -= left, left = 0;
    if (top < 0)
        bottom -= top, top = 0;
    if (right > px.width - 1)
        left -= right - px.width + 1, right = px.width - 1;
    if (bottom > px.height - 1)
        top -= bottom - px.height + 1, bottom = px.height - 1;
    int x1 = (int)left < 0 ? 0 : (int)left, y1 = (int)top < 0 ? 0 : (int)top; /* less than a whole pixel by rounding */
    *part = df__pixels_view(px, x1, y1, (int)right - x1 + 1, (int)bottom - y1 + 1);
    return DF_OK;
}

static df_status fill_fasnet(const df_attribute *self, const df_look *look, float *to, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_pixels part, small;
    df_arena_mark mark = df__arena_mark(scratch);
    DF_TRY(fasnet_part(look, self->cuts[0].side, &part, err));
    DF_TRY(df__pixels_in(scratch, self->width, self->height, &small, err));
    DF_TRY(df__resize(part, small, DF_LINEAR, scratch, err));
    df__attribute_feed(self, small, false, to);
done:
    df__arena_release(scratch, mark);
    return st;
}

static void read_fasnet(const df_attribute *self, const float *const *rows, df_findings *out)
{
    float *to = out->spoof[self == &df__fasnet_v1se];
    for (int i = 0; i < DF_SPOOF_CLASSES; i++)
        to[i] = rows[0][i];
}

/* 80 x 80 B G R of 0..255; the softmax is in the graph (models/spoofing/onnx/FasNet.py). The cut's side is the scale of the box. */
#define FASNET(title, scale_of_box)                                                                             \
    {.name = title, .gives = DF_WITH_LIVENESS, .family = DF_FAMILY_DEEPFACE, .width = 80, .height = 80,         \
     .feed = {.colour = DF_CHANNELS_BGR, .scale = 1, .last = true}, .views = 1, .cuts = {{.side = scale_of_box}}, \
     .fill = fill_fasnet, .heads = {{DF_SPOOF_CLASSES}}, .n_heads = 1, .read = read_fasnet}

const df_attribute df__fasnet_v2 = FASNET("FasNet-V2", 2.7);
const df_attribute df__fasnet_v1se = FASNET("FasNet-V1SE", 4);

/* The class with the greatest sum over both networks, and half of that sum. The light ones have two classes. */
void df__liveness_settle(df_family family, df_findings *f)
{
    double sum[DF_SPOOF_CLASSES] = {0};
    for (int n = 0; n < DF_SPOOF_NETS; n++)
        for (int c = 0; c < DF_SPOOF_CLASSES; c++)
            sum[c] += (double)f->spoof[n][c];
    if (family == DF_FAMILY_LIGHT)
        sum[0] = DF_SPOOF_NETS - sum[REAL];
    int best = 0;
    for (int c = 1; c < DF_SPOOF_CLASSES; c++)
        if (sum[c] > sum[best])
            best = c;
    f->attributes.is_real = best == REAL;
    f->attributes.antispoof_score = (float)(sum[best] / DF_SPOOF_NETS);
}
