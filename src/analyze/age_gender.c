/* age_gender.c - age and gender: FaceRes (A. Savchenko, HSE_FaceRec_tf), a MobileNet with one head for each. Its numbers before the heads tell
 * race too (race.c). */
#include "analyze/race_head.h"

enum { AGE, GENDER, FEATURES, BINS = 100 };

/* The mean of the two likeliest years, by how likely they are, as the network's author reads it. */
static double age_of(const double *p)
{
    int first = 0, second = -1;
    for (int i = 1; i < BINS; i++)
        if (p[i] > p[first])
            second = first, first = i;
        else if (second < 0 || p[i] > p[second])
            second = i;
    double sum = p[first] + p[second];
    return sum > 0 ? (p[first] * first + p[second] * second) / sum : first;
}

static void read_faceres(const df_attribute *self, const float *const *rows, df_findings *out)
{
    double years[BINS], man, features[DF_RACE_FEATURES];
    df__mean_rows(rows[AGE], self->views, BINS, years);
    df__mean_rows(rows[GENDER], self->views, 1, &man);
    man = man < 0 ? 0 : man > 1 ? 1 : man;
    out->attributes.age = (float)age_of(years);
    out->attributes.gender[DF_WOMAN] = (float)(100 * (1 - man)), out->attributes.gender[DF_MAN] = (float)(100 * man);
    out->attributes.dominant_gender = df__greatest(out->attributes.gender, DF_GENDERS);
    df__mean_rows(rows[FEATURES], self->views, DF_RACE_FEATURES, features);
    df__read_race(features, out);
}

/* Input 224 x 224 B G R less the mean of ImageNet. */
const df_attribute df__faceres = {
    .name = "faceres", .gives = DF_WITH_AGE | DF_WITH_GENDER | DF_WITH_RACE, .family = DF_FAMILY_LIGHT, .width = 224, .height = 224,
    .feed = {.colour = DF_CHANNELS_BGR, .mean = {103.939f, 116.779f, 123.68f}, .scale = 1},
    .views = 2, .cuts = {DF_CUT_BOTH(DF_CUT_BOX, 1.2, 0, 0)},
    .heads = {{BINS}, {1}, {DF_RACE_FEATURES}}, .n_heads = 3, .read = read_faceres};

/* ---- deepface's ---- */

enum { YEARS = 101 };

/* models/demography/DemographyUtils.py find_apparent_age: the mean of 0..100 by how likely each is. */
static void read_deepface_age(const df_attribute *self, const float *const *rows, df_findings *out)
{
    double years = 0;
    (void)self;
    for (int i = 0; i < YEARS; i++)
        years += (double)rows[0][i] * i;
    out->attributes.age = (float)years;
}

static void read_deepface_gender(const df_attribute *self, const float *const *rows, df_findings *out)
{
    (void)self;
    for (int i = 0; i < DF_GENDERS; i++)
        out->attributes.gender[i] = 100 * rows[0][i];
    out->attributes.dominant_gender = df__greatest(rows[0], DF_GENDERS);
}

/* VGG-Face's trunk (Serengil & Ozpinar 2021, "HyperExtended LightFace"): B G R of 0..1 in a letterbox. */
#define DEEPFACE_VGG(title, flag, classes, reader)                                                                       \
    {.name = title, .gives = flag, .family = DF_FAMILY_DEEPFACE, .width = 224, .height = 224,                            \
     .feed = {.colour = DF_CHANNELS_BGR, .scale = 255, .last = true}, .views = 1, .fill = df__fill_deepface,             \
     .heads = {{classes}}, .n_heads = 1, .read = reader}

const df_attribute df__age_deepface = DEEPFACE_VGG("VGG-Age", DF_WITH_AGE, YEARS, read_deepface_age);
const df_attribute df__gender_deepface = DEEPFACE_VGG("VGG-Gender", DF_WITH_GENDER, DF_GENDERS, read_deepface_gender);
