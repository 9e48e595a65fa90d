/* verdict.h - how close a plan with fast kernels comes to one in float32. */
#ifndef DF_NN_VERDICT_H
#define DF_NN_VERDICT_H

#include "nn/plan.h"

/* Runs both on noise, three times, and gives the least cosine of their outputs; outputs of fewer than 16 numbers, of other types than float32, or that are
 * not finite say nothing. 1 when none says anything. The noises have the shapes of `in`, are always the same and lie between the powers of two
 * that hold the numbers of `in`: pixels of 0..255 are tried with noise of 0..256. */
df_status df__plans_cosine(df_plan *exact, df_plan *fast, const df_tensor *in, size_t n_in, double *cosine, df_error *err);

#endif
