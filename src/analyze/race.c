/* race.c - what people call race, by looks. */
#include "analyze/race_head.h"

#include <math.h>

void df__read_race(const double *features, df_findings *out)
{
    static const int places[DF_RACE_HEAD] = {DF_RACE_WHITE, DF_RACE_BLACK, DF_RACE_ASIAN, DF_RACE_INDIAN, DF_RACE_OTHER};
    double logits[DF_RACE_HEAD], most = -INFINITY, sum = 0;
    for (int c = 0; c < DF_RACE_HEAD; c++) {
        double products = 0;
        for (int i = 0; i < DF_RACE_FEATURES; i++)
            products += features[i] * df__race_weights[c][i];
        logits[c] = df__race_biases[c] + df__race_step * products;
        most = fmax(most, logits[c]);
    }
    for (int c = 0; c < DF_RACE_HEAD; c++)
        sum += logits[c] = exp(logits[c] - most);
    for (int i = 0; i < DF_RACES; i++)
        out->attributes.race[i] = (float)NAN; /* classes that it was not taught */
    for (int c = 0; c < DF_RACE_HEAD; c++)
        out->attributes.race[places[c]] = (float)(100 * logits[c] / sum);
    out->attributes.dominant_race = df__greatest(out->attributes.race, DF_RACES);
}

/* deepface's six, in its order, which is ours. Shares of their sum, as modules/demography.py. */
static void read_deepface_race(const df_attribute *self, const float *const *rows, df_findings *out)
{
    enum { CLASSES = 6 };
    double sum = 0;
    (void)self;
    for (int i = 0; i < CLASSES; i++)
        sum += (double)rows[0][i];
    for (int i = 0; i < CLASSES; i++)
        out->attributes.race[i] = (float)(100 * (double)rows[0][i] / sum);
    out->attributes.race[DF_RACE_OTHER] = (float)NAN;
    out->attributes.dominant_race = df__greatest(rows[0], CLASSES);
}

/* VGG-Face's trunk: B G R of 0..1 in a letterbox. */
const df_attribute df__race_deepface = {
    .name = "VGG-Race", .gives = DF_WITH_RACE, .family = DF_FAMILY_DEEPFACE, .width = 224, .height = 224,
    .feed = {.colour = DF_CHANNELS_BGR, .scale = 255, .last = true}, .views = 1, .fill = df__fill_deepface,
    .heads = {{6}}, .n_heads = 1, .read = read_deepface_race};
