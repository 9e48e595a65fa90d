/* emotion.c - seven emotions: mini-XCEPTION (Arriaga et al. 2017, "Real-time Convolutional Neural Networks for Emotion and Gender
 * Classification"), trained on FER2013, whose photos are squares around a detector's box. */
#include "analyze/attribute.h"

static void read_emotion(const df_attribute *self, const float *const *rows, df_attributes *out)
{
    double p[DF_EMOTIONS], sum = 0;
    df__mean_rows(rows[0], self->views, DF_EMOTIONS, p);
    for (int i = 0; i < DF_EMOTIONS; i++)
        sum += p[i];
    for (int i = 0; i < DF_EMOTIONS; i++)
        out->emotion[i] = (float)(sum > 0 ? 100 * p[i] / sum : 100.0 / DF_EMOTIONS);
    out->dominant_emotion = df__greatest(out->emotion, DF_EMOTIONS);
}

/* Input 64 x 64 grey, (v - 127.5) / 127.5. Three sizes of crop and their mirror images: docs/attributes.md has what each brings. */
const df_attribute df__emotion_light = {
    .name = "emotion", .gives = DF_WITH_EMOTION, .family = DF_FAMILY_LIGHT, .width = 64, .height = 64,
    .feed = {.colour = DF_CHANNELS_GREY, .mean = {127.5f}, .scale = 127.5f},
    .views = 6,
    .cuts = {{DF_CUT_BOX, 0.9, 0, 0, false}, {DF_CUT_BOX, 0.9, 0, 0, true}, {DF_CUT_BOX, 1.0, 0, 0, false}, {DF_CUT_BOX, 1.0, 0, 0, true},
             {DF_CUT_BOX, 1.1, 0, 0, false}, {DF_CUT_BOX, 1.1, 0, 0, true}},
    .heads = {{DF_EMOTIONS}}, .n_heads = 1, .read = read_emotion};
