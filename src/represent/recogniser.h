/* recogniser.h - fourth stage: crops to embeddings. */
#ifndef DF_REPRESENT_RECOGNISER_H
#define DF_REPRESENT_RECOGNISER_H

#include "models/loader.h"
#include "normalize/normalize.h"

/* A recogniser's network, ready; shared by threads. */
typedef struct df_recogniser_net { const df_recogniser *row; df_net *net; } df_recogniser_net;

df_status df__recogniser_open(const df_loader *loader, const df_recogniser *row, df_recogniser_net *out, df_error *err);
void      df__recogniser_close(df_recogniser_net *r);

/* Embeddings of n crops (any sizes), float32 [n][row->dims] into `out`. An empty crop is DF_E_ARGUMENT.
 *   flip     each is the mean of the crop's vector and of its mirror image's
 *   threads  that the network may use; the answer does not depend on it */
df_status df__recogniser_run(const df_recogniser_net *r, const df_pixels *crops, size_t n, df_range range, bool flip, int threads, df_arena *scratch,
                             float *out, df_error *err);

#endif
