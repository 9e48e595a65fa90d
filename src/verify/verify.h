/* verify.h - fifth stage: distance, threshold, confidence. */
#ifndef DF_VERIFY_VERIFY_H
#define DF_VERIFY_VERIFY_H

#include "models/catalogue.h"

/* See df_distance. */
df_status df__distance(df_metric metric, const float *a, const float *b, size_t dims, double *out, df_error *err);
/* `far` NaN: the row's own threshold; else the distance at which so large a share of pairs of strangers is accepted, as it was measured.
 * DF_E_ARGUMENT where the row has neither, or where `far` lies outside of what was measured. */
df_status df__threshold(const df_recogniser *row, df_align align, df_metric metric, double far, double *out, df_error *err);
/* 0..100 as upstream's find_confidence, unrounded; 51 or 49 where the row is unknown. */
double df__confidence(double distance, bool verified, const df_confidence_row *row);

#endif
