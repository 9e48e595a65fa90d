/* race.c - what people call race, by looks: GEAR (Udolf15/GEAR-Predictor), trained on UTKFace, whose classes it has: white, black, asian,
 * indian, and all others as one. */
#include <math.h>

#include "analyze/attribute.h"

enum { AGES, GENDERS, RACES, LIGHT_RACES = 5 };

static void read_race(const df_attribute *self, const float *const *rows, df_findings *out)
{
    static const int places[LIGHT_RACES] = {DF_RACE_WHITE, DF_RACE_BLACK, DF_RACE_ASIAN, DF_RACE_INDIAN, DF_RACE_OTHER};
    double p[LIGHT_RACES], sum = 0;
    df__mean_rows(rows[RACES], self->views, LIGHT_RACES, p);
    for (int i = 0; i < DF_RACES; i++)
        out->attributes.race[i] = (float)NAN; /* classes that it was not taught */
    for (int i = 0; i < LIGHT_RACES; i++)
        sum += p[i];
    for (int i = 0; i < LIGHT_RACES; i++)
        out->attributes.race[places[i]] = (float)(sum > 0 ? 100 * p[i] / sum : 100.0 / LIGHT_RACES);
    out->attributes.dominant_race = df__greatest(out->attributes.race, DF_RACES);
}

/* Input 198 x 198 R G B of 0..1. */
const df_attribute df__race_light = {
    .name = "gear", .gives = DF_WITH_RACE, .family = DF_FAMILY_LIGHT, .width = 198, .height = 198,
    .feed = {.colour = DF_CHANNELS_RGB, .scale = 255},
    .views = 2, .cuts = {DF_CUT_BOTH(DF_CUT_POINTS, 143, 75.6, 76.2, true)},
    .heads = {{7}, {2}, {LIGHT_RACES}}, .n_heads = 3, .read = read_race};

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
