/* net_spare.h - which layers of a net rounding costs most for the time that it saves. */
#ifndef DF_NN_NET_SPARE_H
#define DF_NN_NET_SPARE_H

#include "nn/verdict.h"

typedef struct df_sparing df_sparing;

/* Tries each layer of a plan of float32 whose steps are no stacks; several at once where that would take long. The plan has to live as long.
 *   fast       in which all that may be is rounded: what that saves
 *   precision  whose rounding is tried, FAST or INT8
 *   least      what is promised: an error of 1 has all of that
 *   values     of the program, see df_spared
 * *out: df__sparing_free, also after a failure. */
df_status df__sparing_new(df_plan *exact, df_plan *fast, const df_yardstick *yard, df_precision precision, df_closeness least, size_t values, df_sparing **out, df_error *err);
void      df__sparing_free(df_sparing *s);
/* Spares the fewest, those first that cost most for their time, until what is left of all errors is at most `most`; gives what is left; *all: nothing is, there is no more to spare.
 * *out is good until the next call; *products, *tensors: how many are spared, at first 0; at most `share` of the others join. */
double    df__sparing_choose(df_sparing *s, double most, double share, df_spared *out, size_t *products, size_t *tensors, bool *all);

#endif
