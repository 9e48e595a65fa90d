/* net_part.h - what the files of a net share. */
#ifndef DF_NN_NET_PART_H
#define DF_NN_NET_PART_H

#include "nn/net.h"
#include "nn/plan.h"

enum { DF_NET_PLANS = 8 };

/* A plan with the shapes that it is for, and how many runs use it now. */
typedef struct df_cached {
    df_plan  *plan; /* NULL: shapes depend on data; each run interprets the program */
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
    pthread_mutex_t lock;     /* of the list below */
    pthread_mutex_t compiling; /* one plan is made at a time: nobody makes the same one twice */
    df_cached      *plans[DF_NET_PLANS];
    uint64_t        clock;
    size_t          made;     /* plans, ever */
    df_log          log;
};

/* One plan, just as the options say; its `plan` stays NULL where shapes depend on data, or as `stacks` says. */
df_status df__net_compile(df_net *net, const df_tensor *in, const df_plan_opts *opts, df_packer *packer, df_cached **out, df_error *err);
/* The fastest that is close enough (net_close.c). */
df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err);
void df__cached_free(df_cached *c);

#endif
