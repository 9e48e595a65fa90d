/* confidence.c - a distance as a percentage, by upstream's logistic curves (deepface 0.0.103 modules/verification.py find_confidence). */
#include <math.h>

#include "verify/verify.h"

double df__confidence(double distance, bool verified, const df_confidence_row *row)
{
    if (distance <= 0)
        return verified ? 100 : 0;
    if (isnan(distance))
        return (double)NAN;
    if (row->normalizer <= 0)
        return verified ? 51 : 49;
    double d = row->normalizer > 1 ? distance / row->normalizer : distance;
    double raw = 100 / (1 + exp(-(row->w * d + row->b)));
    /* spread over 51..100 for one person, 0..49 for two */
    double from = verified ? row->min_true : row->min_false, to = verified ? row->max_true : row->max_false;
    double low = verified ? fmax(51, from) : 0, high = verified ? 100 : fmin(49, floor(to));
    double spread = (raw - from) / (to - from) * (high - low) + low;
    if (verified)
        return fmin(fmax(spread, 51), 100);
    return fmin(fmax(spread, 0), 49);
}
