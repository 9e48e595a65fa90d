/* net_stage.h - the kinds of plan that a net may have, from what rounds most to what is exact. One is named by a number that is kept with the weights. */
#ifndef DF_NN_NET_STAGE_H
#define DF_NN_NET_STAGE_H

#include "nn/net_part.h"

enum { DF_STAGE_FASTEST, DF_STAGE_EXACT_PHOTO, DF_STAGE_SPARING, DF_STAGE_EXACT, DF_STAGE_BY_ROWS /* from here on beside the others: is it faster? */, DF_STAGE_SPARING_ROWS,
       DF_STAGE_CLOSE_ROWS /* with exact weights */, DF_STAGES };

/* Of a stage: without products of 16-bit whole numbers; its layers one by one, where they would be computed by rows in float32; and, in INT8, the one that FAST goes. */
enum { DF_STAGE_NO_WHOLE = 32, DF_STAGE_ALONE = 64, DF_STAGE_AS_FAST = 128 };

static inline int df__stage_bare(int stage) { return stage & ~(DF_STAGE_NO_WHOLE | DF_STAGE_ALONE | DF_STAGE_AS_FAST); }
static inline bool df__stage_by_rows(int stage) { return df__stage_bare(stage) >= DF_STAGE_BY_ROWS; }
typedef struct df_stage_words { char text[80]; } df_stage_words;
df_stage_words df__stage_words(int stage); /* for the log */
bool         df__stage_spares(int stage);
df_precision df__stage_precision(const df_net *net, int stage);
df_plan_opts df__stage_opts(df_net *net, int stage, int threads);

/* What is spared in a stage. */
df_spared *df__stage_spared(df_net *net, int stage);
/* Kept for later runs; false: there is no memory for it. */
bool df__stage_keep_spared(df_net *net, int stage);
/* Whether all that a stage needs is there: it is one, and what it spares is known to the net, or is from now on. Like all of these under `compiling`. */
bool df__stage_known(df_net *net, int stage);

/* The plan of a stage that was found before. Layers that cannot go by rows, or too few of them, are exact. */
df_status df__stage_compile(df_net *net, const df_tensor *in, int threads, int stage, df_cached **out, df_error *err);

/* What a net was found to do. */
typedef struct df_way {
    int    stage, second; /* the fastest that is close enough, and the next, if possible one that goes by rows where the first does not or the other way round; -1: there is none */
    double behind; /* the second's time by the first's */
    bool   unlike; /* it is such a one; not kept */
} df_way;

/* The search for it, on noise like `in` (net_close.c). */
df_status df__net_search(df_net *net, const df_tensor *in, int threads, df_way *way, df_error *err);
/* What is kept of it (net_way.c): whether the second is far behind, for `behind`. False: nothing is that could be followed. */
bool df__way_kept(df_net *net, df_way *way);
void df__way_keep(df_net *net, const df_way *way);
/* The number of the stage that batches like `in` go; each input counts photos first. */
df_pack_key df__way_batch_key(const df_net *net, const df_tensor *in, const df_way *way);
/* Whether all kernels are exact, whatever the stage. */
bool df__net_all_exact(const df_net *net);
/* A network that names its cosine (net.h). */
static inline bool df__net_is_exacting(const df_net *net, df_precision precision) { return precision == DF_PRECISION_FAST && net->least_cosine > 0; }

#endif
