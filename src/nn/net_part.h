/* net_part.h - what the files of a net share. */
#ifndef DF_NN_NET_PART_H
#define DF_NN_NET_PART_H

#include "nn/net.h"
#include "nn/plan.h"

enum { DF_NET_PLANS = 8 };

/* A plan with the shapes that it is for, and how many runs use it now. */
typedef struct df_cached {
    df_plan  *plan; /* NULL: as `part` says, or shapes depend on data and each run interprets the program */
    struct df_cached *part; /* a plan for fewer photos, that the batch goes through part by part (net_parts.c); NULL: all at once */
    df_tensor *shapes;
    int       threads, users;
    uint64_t  used; /* when it was run last */
    bool      stale; /* out of the cache; freed by its last user */
} df_cached;

struct df_net {
    df_graph       *graph;
    df_program      program;
    df_packer      *packer;
    df_precision    precision;
    double          least_cosine; /* of FAST */
    bool            exact_weights;
    df_spared       spared[2][2]; /* found at the first run: [in INT8, where it does as FAST][layers by rows]. Under `compiling` */
    pthread_mutex_t lock;     /* of the list below */
    pthread_mutex_t compiling; /* one plan is made at a time: nobody makes the same one twice */
    df_cached      *plans[DF_NET_PLANS];
    uint64_t        clock;
    size_t          made;     /* plans, ever */
    df_log          log;
};

/* One plan, just as the options say; its `plan` stays NULL where shapes depend on data, or as `stacks` says. */
df_status df__net_compile(df_net *net, const df_tensor *in, const df_plan_opts *opts, df_packer *packer, df_cached **out, df_error *err);
/* The fastest that is close enough (net_way.c). */
df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err);
/* That, or the batch in parts (net_parts.c). */
df_status df__net_compile_fastest(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err);
/* The batch with `rows` photos at a time, which divide it; *out stays NULL where the network's shapes depend on data or its outputs do not count photos.
 * Whether a photo's answers depend on it alone is not asked. Several threads take parts side by side, if there are enough. */
df_status df__net_compile_parts(df_net *net, const df_tensor *in, int threads, int64_t rows, df_cached **out, df_error *err);
/* What batches share that one choice is kept for: up to the next power of 2 photos - photos have any number of faces - of these sizes. Each input counts photos first. */
void df__batch_key_add(const df_net *net, const df_tensor *in, df_pack_key *key);
/* One run of what has a plan or a part; `out` as for df__plan_run. */
df_status df__cached_run(const df_cached *c, const df_tensor *in, size_t n_in, df_tensor *out, df_arena *results, df_error *err);
/* Both take turns on these numbers. *share: the least time of `a` by the least of the other. */
df_status df__cached_compare(const df_cached *a, const df_cached *than, const df_tensor *in, size_t n_in, size_t n_out, double *share, df_error *err);
static inline bool df__is_faster(double share) { return share < 0.97; } /* what is less is not worth another way, nor sure */
void df__cached_free(df_cached *c);

#endif
