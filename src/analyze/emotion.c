/* emotion.c - seven emotions: mini-XCEPTION (Arriaga et al. 2017, "Real-time Convolutional Neural Networks for Emotion and Gender
 * Classification"), trained on FER2013, whose photos are squares around a detector's box. */
#include "analyze/attribute.h"

#include "normalize/normalize.h"

static void read_emotion(const df_attribute *self, const float *const *rows, df_findings *out)
{
    double p[DF_EMOTIONS], sum = 0;
    df__mean_rows(rows[0], self->views, DF_EMOTIONS, p);
    for (int i = 0; i < DF_EMOTIONS; i++)
        sum += p[i];
    for (int i = 0; i < DF_EMOTIONS; i++)
        out->attributes.emotion[i] = (float)(sum > 0 ? 100 * p[i] / sum : 100.0 / DF_EMOTIONS);
    out->attributes.dominant_emotion = df__greatest(out->attributes.emotion, DF_EMOTIONS);
}

/* Input 64 x 64 grey, (v - 127.5) / 127.5. Three sizes of crop and their mirror images: docs/attributes.md has what each brings. */
const df_attribute df__emotion_light = {
    .name = "emotion", .gives = DF_WITH_EMOTION, .family = DF_FAMILY_LIGHT, .width = 64, .height = 64,
    .feed = {.colour = DF_CHANNELS_GREY, .mean = {127.5f}, .scale = 127.5f},
    .views = 6,
    .cuts = {DF_CUT_BOTH(DF_CUT_BOX, 0.9, 0, 0), DF_CUT_BOTH(DF_CUT_BOX, 1.0, 0, 0), DF_CUT_BOTH(DF_CUT_BOX, 1.1, 0, 0)},
    .heads = {{DF_EMOTIONS}}, .n_heads = 1, .read = read_emotion};

/* deepface's CNN: its crop in a letterbox of 224 x 224, grey, resized to 48 x 48, 0..1 (models/demography/onnx/Emotion.py). */
static df_status fill_deepface(const df_attribute *self, const df_look *look, float *to, df_arena *scratch, df_error *err)
{
    enum { BOX = 224, SIDE = 48 };
    df_status st = DF_OK;
    df_arena_mark mark = df__arena_mark(scratch);
    float *bgr = df__arena_alloc(scratch, BOX * BOX * 3 * sizeof *bgr), *grey = df__arena_alloc(scratch, BOX * BOX * sizeof *grey);
    if (!bgr || !grey)
        return df__no_memory(err, self->name, BOX * BOX * 4 * sizeof *bgr);
    DF_TRY(df__deepface_letterbox(look, BOX, BOX, bgr, scratch, err));
    for (size_t i = 0; i < BOX * BOX; i++)
        grey[i] = 0.114f * bgr[3 * i] + 0.587f * bgr[3 * i + 1] + 0.299f * bgr[3 * i + 2];
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) { /* linear, as cv2.resize: the middles lie at 14/3 (x + 1/2) - 1/2, always inside */
            float u = (float)(((double)x + 0.5) * BOX / SIDE - 0.5), v = (float)(((double)y + 0.5) * BOX / SIDE - 0.5);
            size_t left = (size_t)u, top = (size_t)v;
            const float *p = grey + top * BOX + left, fx = u - (float)left, fy = v - (float)top;
            float upper = p[0] + (p[1] - p[0]) * fx, lower = p[BOX] + (p[BOX + 1] - p[BOX]) * fx;
            to[y * SIDE + x] = upper + (lower - upper) * fy;
        }
done:
    df__arena_release(scratch, mark);
    return st;
}

const df_attribute df__emotion_deepface = {
    .name = "CNN-Emotion", .gives = DF_WITH_EMOTION, .family = DF_FAMILY_DEEPFACE, .width = 48, .height = 48,
    .feed = {.colour = DF_CHANNELS_GREY, .scale = 1, .last = true}, .views = 1, .fill = fill_deepface,
    .heads = {{DF_EMOTIONS}}, .n_heads = 1, .read = read_emotion};
