/* distance.c - the four distances of upstream (deepface 0.0.103 modules/verification.py), summed in double. */
#include <math.h>

#include "verify/verify.h"

typedef struct sums { double ab, aa, bb, dd; } sums; /* products and the squared difference */

static sums sum_up(const float *a, const float *b, size_t dims)
{
    sums s = {0};
    for (size_t i = 0; i < dims; i++) {
        double x = a[i], y = b[i];
        s.ab += x * y;
        s.aa += x * x;
        s.bb += y * y;
        s.dd += (x - y) * (x - y);
    }
    return s;
}

df_status df__distance(df_metric metric, const float *a, const float *b, size_t dims, double *out, df_error *err)
{
    *out = (double)NAN;
    if (dims == 0)
        return df__fail(err, DF_E_ARGUMENT, "%s distance of vectors of 0 dimensions", df__metric_name(metric));
    sums s = sum_up(a, b, dims);
    if (!isfinite(s.dd) || !isfinite(s.aa) || !isfinite(s.bb))
        return df__fail(err, DF_E_ARGUMENT, "%s distance: a vector holds NaN or infinity", df__metric_name(metric));
    if (metric == DF_EUCLIDEAN) {
        *out = sqrt(s.dd);
        return DF_OK;
    }
    if (!(s.aa > 0) || !(s.bb > 0))
        return df__fail(err, DF_E_ARGUMENT, "%s distance: a vector of length 0 has no direction", df__metric_name(metric));
    double cosine = s.ab / sqrt(s.aa * s.bb); /* exactly 1 for a vector and itself */
    cosine = cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
    switch (metric) {
    case DF_COSINE:
        *out = 1 - cosine;
        break;
    case DF_EUCLIDEAN_L2: /* |a/|a| - b/|b|| */
        *out = sqrt(2 - 2 * cosine);
        break;
    case DF_ANGULAR:
        *out = acos(cosine) / 3.14159265358979323846;
        break;
    case DF_EUCLIDEAN:
    case DF_METRICS:
        break;
    }
    return DF_OK;
}
