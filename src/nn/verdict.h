/* verdict.h - how close a plan with fast kernels comes to one in float32. */
#ifndef DF_NN_VERDICT_H
#define DF_NN_VERDICT_H

#include "nn/plan.h"

enum { DF_NOISES_MOST = 12 };

/* What a plan in float32 makes of noise. The noises have the shapes of `in`, are always the same and lie between the powers of two that hold the
 * numbers of `in`: pixels of 0..255 are tried with noise of 0..256. */
typedef struct df_yardstick {
    df_arena   arena;
    size_t     n_out;
    int64_t    photos; /* of a noise: the first dimension of the first input */
    int        noises; /* 3; where outputs of a few numbers are classes of no more than three photos, 12 */
    df_tensor *in[DF_NOISES_MOST], *out[DF_NOISES_MOST];
} df_yardstick;

/* The plan is not needed afterwards. df__yardstick_free also after a failure. */
df_status df__yardstick_make(df_plan *exact, const df_tensor *in, size_t n_in, df_yardstick *out, df_error *err);
void      df__yardstick_free(df_yardstick *y);
/* How close a plan's answers come to them. Outputs of other types than float32, or whose exact numbers are not finite, say nothing. */
typedef struct df_closeness {
    double cosine; /* the least, over photos and outputs of at least 16 numbers a photo; 1 when there are none. Lists of anchors without a dimension for photos are one photo's. */
    double error;  /* of the other outputs, which are classes, probabilities, ages: the largest length of a difference by that of the exact output, which counts as 1 where it is 0 */
} df_closeness;
df_status df__yardstick_measure(const df_yardstick *y, df_plan *fast, df_closeness *out, df_error *err);
/* The same on so many of the noises - one; all, where a class may hang by a hair - while `watch` looks on. */
int       df__yardstick_watched(const df_yardstick *y);
df_status df__yardstick_watch(const df_yardstick *y, df_plan *plan, const df_watch *watch, df_closeness *out, df_error *err);
/* Of what `least` allows - at least that cosine, at most that error - the share that was used up, in squares of lengths, which add up: up to 1 it is close enough. */
double df__closeness_share(df_closeness found, df_closeness least);

/* Squares of two lengths: of n numbers of float32, and of what others differ from them. */
void df__squares(const float *exact, const float *other, int64_t n, double *length, double *difference);

#endif
