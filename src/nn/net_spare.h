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
/* How many neighbours of n layers are tried at once, where one by one they would take so many seconds. */
size_t    df__sparing_at_once(size_t n, double seconds);
/* What may be spared: products and tensors, those first that cost most for their time. */
size_t    df__sparing_size(const df_sparing *s);
/* The sum of all errors but those of the first n. */
double    df__sparing_left(const df_sparing *s, size_t n);
/* The least n for which that is at most `most`; all of them where it never is. */
size_t    df__sparing_fewest(const df_sparing *s, double most);
/* The first n of them, and kernels that rounded nothing in the fast plan; good until the next call. */
df_spared df__sparing_take(df_sparing *s, size_t n);

#endif
