/* race_head.h - what people call race, from the numbers that FaceRes makes of a face before its heads for age and gender. */
#ifndef DF_ANALYZE_RACE_HEAD_H
#define DF_ANALYZE_RACE_HEAD_H

#include "analyze/attribute.h"

enum { DF_RACE_FEATURES = 1024, DF_RACE_HEAD = 5 };

/* White, black, asian, indian, other: the logarithm of a share is, but for what is the same for all, its bias and the sum of features times weights. */
extern const double df__race_step; /* a weight of 1 */
extern const double df__race_biases[DF_RACE_HEAD];
extern const int8_t df__race_weights[DF_RACE_HEAD][DF_RACE_FEATURES];

void df__read_race(const double *features, df_findings *out);

#endif
