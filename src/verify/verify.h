/* verify.h - fifth stage: distance, threshold, confidence. */
#ifndef DF_VERIFY_VERIFY_H
#define DF_VERIFY_VERIFY_H

#include "models/catalogue.h"

/* See df_distance. */
df_status df__distance(df_metric metric, const float *a, const float *b, size_t dims, double *out, df_error *err);
/* 0..100 as upstream's find_confidence, unrounded; NaN where the row is unknown. */
double df__confidence(double distance, bool verified, const df_confidence_row *row);

#endif
