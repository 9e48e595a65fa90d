/* age_gender.c - age and gender: FaceRes (A. Savchenko, HSE_FaceRec_tf), a MobileNet with one head for each. */
#include "analyze/attribute.h"

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

static void read_faceres(const df_attribute *self, const float *const *rows, df_attributes *out)
{
    double years[BINS], man;
    df__mean_rows(rows[AGE], self->views, BINS, years);
    df__mean_rows(rows[GENDER], self->views, 1, &man);
    man = man < 0 ? 0 : man > 1 ? 1 : man;
    out->age = (float)age_of(years);
    out->gender[DF_WOMAN] = (float)(100 * (1 - man)), out->gender[DF_MAN] = (float)(100 * man);
    out->dominant_gender = df__greatest(out->gender, DF_GENDERS);
}

/* Input 224 x 224 B G R less the mean of ImageNet. */
const df_attribute df__faceres = {
    .name = "faceres", .gives = DF_WITH_AGE | DF_WITH_GENDER, .family = DF_FAMILY_LIGHT, .width = 224, .height = 224,
    .feed = {.colour = DF_CHANNELS_BGR, .mean = {103.939f, 116.779f, 123.68f}, .scale = 1},
    .views = 1, .cuts = {{DF_CUT_BOX, 1.2, 0, 0, false}},
    .heads = {{BINS}, {1}, {1024}}, .n_heads = 3, .read = read_faceres};
