/* threshold.c - the distance at or below which two faces are one person: the model's own, or the one with a given share of false accepts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "verify/verify.h"

/* "Dlib (points, eyes), ..." */
static void measured(char *text, size_t size)
{
    size_t at = 0;
    snprintf(text, size, "none");
    for (size_t i = 0; df__recogniser_at(i); i++) {
        const df_recogniser *row = df__recogniser_at(i);
        const char *before = " (";
        size_t begin = at;
        for (int a = 0; a < DF_ALIGNS && at < size; a++)
            if (row->far[a].n) {
                at += (size_t)snprintf(text + at, size - at, "%s%s%s%s", begin && before[1] == '(' ? ", " : "", before[1] == '(' ? row->name : "", before,
                                       df__align_name((df_align)a));
                before = ", ";
            }
        if (at > begin && at < size)
            at += (size_t)snprintf(text + at, size - at, ")");
    }
}

/* Between two measured shares the distance is a straight line over the logarithm of the share. */
static df_status at_far(const df_recogniser *row, df_align align, df_metric metric, double far, double *out, df_error *err)
{
    const df_far_curve *curve = &row->far[align];
    size_t n = curve->n, i = 1;
    if (n < 2 || isnan(curve->at[0].distance[metric])) {
        char text[240];
        measured(text, sizeof text);
        return df__fail(err, DF_E_ARGUMENT, "far: nobody measured the false accepts of %s with align %s and metric %s; known: %s", row->name,
                        df__align_name(align), df__metric_name(metric), text);
    }
    if (!(far <= curve->at[0].far && far >= curve->at[n - 1].far))
        return df__fail(err, DF_E_ARGUMENT, "far: %g is outside %g..%g, which was measured for %s with align %s", far, curve->at[n - 1].far,
                        curve->at[0].far, row->name, df__align_name(align));
    while (i + 1 < n && curve->at[i].far > far)
        i++;
    const df_far_point *a = &curve->at[i - 1], *b = &curve->at[i];
    double t = (log(far) - log(a->far)) / (log(b->far) - log(a->far));
    *out = a->distance[metric] + t * (b->distance[metric] - a->distance[metric]);
    return DF_OK;
}

df_status df__threshold(const df_recogniser *row, df_align align, df_metric metric, double far, double *out, df_error *err)
{
    *out = (double)NAN;
    if (!isnan(far))
        return at_far(row, align, metric, far, out, err);
    if (!(row->threshold[align][metric] > 0))
        return df__fail(err, DF_E_ARGUMENT, "threshold: %s has none for metric %s with align %s; give one", row->name, df__metric_name(metric),
                        df__align_name(align));
    *out = row->threshold[align][metric];
    return DF_OK;
}
