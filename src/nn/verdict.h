/* verdict.h - how close a plan with fast kernels comes to one in float32. */
#ifndef DF_NN_VERDICT_H
#define DF_NN_VERDICT_H

#include "nn/plan.h"

enum { DF_NOISES = 3 };

/* What a plan in float32 makes of noise. The noises have the shapes of `in`, are always the same and lie between the powers of two that hold the
 * numbers of `in`: pixels of 0..255 are tried with noise of 0..256. */
typedef struct df_yardstick {
    df_arena   arena;
    size_t     n_out;
    df_tensor *in[DF_NOISES], *out[DF_NOISES];
} df_yardstick;

/* The plan is not needed afterwards. df__yardstick_free also after a failure. */
df_status df__yardstick_make(df_plan *exact, const df_tensor *in, size_t n_in, df_yardstick *out, df_error *err);
void      df__yardstick_free(df_yardstick *y);
/* The least cosine of a plan's outputs to them; outputs of fewer than 16 numbers, of other types than float32, or that are not finite say
 * nothing. 1 when none says anything. */
df_status df__yardstick_cosine(const df_yardstick *y, df_plan *fast, double *cosine, df_error *err);

#endif
